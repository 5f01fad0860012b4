// Every option of the suite, declared once. The command line, the INI presets, --help, a run's
// canonical text and its hash all derive from the table here.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace lcr {

/// The resolved settings of one run. The member initialisers are the defaults; option_table() gives
/// each option's meaning, unit and range. Enumerations are strings from the choices listed there.
struct Options {
  // Data.
  std::string dataset = "fashion-mnist";
  std::int64_t limit_train = 0, limit_test = 0;
  std::int64_t image_size = 28, test_resize = 0;
  std::string test_interpolation = "bilinear";
  std::int64_t synthbirds_classes = 20, synthbirds_train = 60, synthbirds_test = 40;
  std::string folder;
  std::int64_t store_side = 0;
  std::string classes = "all";
  std::string augmentation = "moco_v2";
  double crop_area_min = 0.2;
  double jitter_probability = 0.8, jitter_brightness = 0.4, jitter_contrast = 0.4,
         jitter_saturation = 0.4, jitter_hue = 0.1;
  double gray_probability = 0.2, blur_probability = 0.5, blur_sigma_min = 0.1, blur_sigma_max = 2.0,
         flip_probability = 0.5;
  std::string gaussian_blur = "pillow";

  // Model.
  std::string arch = "narrow", stem = "imagenet";
  std::int64_t width = 32;
  std::int64_t embedding_dim = 256;
  std::int64_t bilinear_maps = 8;
  bool stride_in_1x1 = false;
  double bn_eps = 1e-5;
  std::int64_t head_hidden = 4096;
  std::string init, init_prefix, pretrain = "none";
  bool init_partial = false;

  // Method.
  std::string method = "lcr";
  std::int64_t queue_size = 65536;
  double key_momentum = 0.999, temperature = 0.2;
  std::int64_t key_bn_groups = 1;
  bool symmetric = false;
  double lambda = 1.0, nu = 0.01;
  std::string gfb = "max_projections";
  std::int64_t projections = 32;
  std::string subset = "all", subset_images = "train", subset_scope = "train_and_test";
  std::int64_t subset_size = 8, subset_epoch = 60, subset_seed = 0;
  std::string variant = "algorithm_a1_rescaled";
  // Switches of the method: empty (tau: 0) until resolve_variant() sets them from `variant`.
  std::string cam_source, kl_axis;
  double tau = 0;
  std::string cam_scale, mask_norm, detach_target, kl_reduction, gfb_bn_updates;

  // Training.
  std::int64_t epochs = 100, batch_size = 128;
  std::int64_t ranks = 1, virtual_gpus = 1;
  std::string optimizer = "sgd";
  double lars_trust = 0.001;
  std::string schedule = "epoch";
  std::int64_t schedule_epochs = 0;
  std::int64_t warmup_epochs = 0;
  double lr = 0.03, sgd_momentum = 0.9, weight_decay = 1e-4;
  std::string precision = "auto";
  std::int64_t eval_every = 1;
  std::string eval_mask_norm = "image";

  // Protocols: how a stored run is evaluated. Part of an evaluation's hash, not of the run's.
  std::string protocols = "retrieval", poolings, checkpoint = "last", bn_statistics = "as_trained";
  std::int64_t random_projections = 32;
  std::string knn_neighbours = "1,200";
  double knn_temperature = 0.1;
  std::string probe = "augmented", probe_lr = "30", label_shares = "1";
  std::int64_t probe_epochs = 100, probe_batch_size = 256;
  std::string variance_images = "train";
  std::int64_t panel_images = 6;

  // Control: none of these is part of a run's identity.
  std::string preset = "quick", config, seeds = "0", other_seeds, device = "auto";
  std::string datasets, values, lambda_values = "1", rows;
  std::int64_t threads = 0, jobs = 1, max_steps = 0;
  bool dry_run = false, help = false;
  std::string pin_epochs, checkpoint_every = "10min";
  bool inexact_resume = false, deterministic = false;
  std::string results, runs = "runs", records, data_dir, pixel_store;
  std::int64_t skip_bad = 0;
  std::string worker_run, worker_standin;
};

/// What an option affects, which decides the hash that includes it.
enum class OptionPart {
  kRun,         ///< the training; included in the run's identity
  kEvaluation,  ///< the evaluation of a finished run; included in the evaluation's hash
  kControl,     ///< where and how fast a run executes; included in no hash
};

/// One row of the option table.
struct OptionSpec {
  using Member = std::variant<std::int64_t Options::*, double Options::*, bool Options::*,
                              std::string Options::*>;
  const char* group;  ///< heading in --help
  const char* name;   ///< on the command line (--name) and in INI files (name = value)
  Member member;
  const char* unit;  ///< "" if it has none
  const char* meaning;
  double low, high;                  ///< inclusive range of a number
  std::vector<std::string> choices;  ///< allowed values of a string; empty: any text
  OptionPart part;
  std::function<bool(const Options&)> active;  ///< whether it has an effect under these settings
  std::string active_when;                     ///< the same in words, for --help
};

/// All options, in the order of --help.
const std::vector<OptionSpec>& option_table();

/// The table's row with that name. Throws UserError naming `source` if there is none.
const OptionSpec& find_option(std::string_view name, std::string_view source);

/// Parses `text` into the option. Throws UserError naming the option and `source` (a file, "command
/// line") if the text is not a value of the option's type or range.
void set_option(Options& options, std::string_view name, std::string_view text,
                std::string_view source);

/// The option's value in canonical form: numbers as the shortest text, booleans as "yes" or "no".
std::string get_option(const Options& options, const OptionSpec& spec);

/// Sets the method switches that are still unset from `variant`: `authors_code`, `algorithm_a1` or
/// `algorithm_a1_rescaled`. README compares them; Algorithm A1 of the paper leaves some open.
void resolve_variant(Options& options);

/// Checks constraints between options, for example that the queue size is a multiple of the batch
/// size. Throws UserError.
void check_consistency(const Options& options);

/// "0,1,2" as numbers. Throws UserError if the list is empty, a seed is not a whole number of at
/// least 0, or one is repeated.
std::vector<std::uint64_t> parse_seeds(const std::string& text);

/// "30,60" as numbers; an empty text gives none. Throws UserError if one is not a whole number of
/// at least 1.
std::vector<std::int64_t> parse_epochs(const std::string& text);

/// The interval between checkpoints, in minutes or in epochs. Both are 0 for "never".
struct CheckpointInterval {
  double minutes = 0;
  std::int64_t epochs = 0;
};

/// Parses "10min" or "0.5min", "1epoch" or "5epochs", or "never". Throws UserError.
CheckpointInterval parse_checkpoint_interval(const std::string& text);

/// "2,8,32" as canonical values of the option `name`; an empty text means `fallback`. Throws
/// UserError if one is not a valid value of that option or is repeated.
std::vector<std::string> parse_values(const std::string& name, const std::string& text,
                                      const std::string& fallback);

/// "1,0.5" as numbers within [low, high], at least one and none repeated. Throws UserError naming
/// the option.
std::vector<double> parse_numbers(const std::string& name, const std::string& text, double low,
                                  double high);

/// "retrieval,knn" as names from `choices`, none repeated. Throws UserError naming the option.
std::vector<std::string> parse_names(const std::string& name, const std::string& text,
                                     const std::vector<std::string>& choices);

/// The choices of --protocols and --poolings.
const std::vector<std::string>& protocol_names();
const std::vector<std::string>& pooling_names();

/// The pooling that a method is judged by: "attention" for LCR on either host (Weight Average
/// Pooling), "bilinear" for MoCo-Bilinear, "average" for other networks, "none" for raw pixels.
std::string own_pooling(const std::string& method);

bool trains(const Options& options);        ///< the method updates weights
bool contrasts(const Options& options);     ///< the method learns by momentum contrast
bool bootstraps(const Options& options);    ///< the method is BYOL, or LCR on BYOL
bool uses_gfb(const Options& options);      ///< the method has a GradCAM Fitting Branch
bool uses_network(const Options& options);  ///< the method has a network (all but raw pixels)
/// The data set consists of image files, which are decoded once into the pixel store.
bool has_image_files(const Options& options);
/// Consecutive equal parts of each rank's batch that have their own batch norm statistics.
std::int64_t batch_norm_groups(const Options& options);
/// The run switches to a subset of its projections after an epoch.
bool has_subset(const Options& options);

}  // namespace lcr
