// Every option of the suite, declared once. From the table here come the command line, the INI
// presets, --help, the canonical text of a run and its hash.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace lcr {

/// The resolved settings of one run. Member initialisers are the defaults; the meaning, unit and
/// range of each stands in option_table(). Enumerations are strings out of the choices listed
/// there.
struct Options {
  // Data.
  std::string dataset = "fashion-mnist";
  std::int64_t limit_train = 0, limit_test = 0;
  std::int64_t image_size = 28, test_resize = 0;
  std::int64_t synthbirds_classes = 20, synthbirds_train = 60, synthbirds_test = 40;
  std::string folder;
  std::int64_t store_side = 0;
  std::string augmentation = "moco_v2";
  double crop_area_min = 0.2;
  double jitter_probability = 0.8, jitter_brightness = 0.4, jitter_contrast = 0.4,
         jitter_saturation = 0.4, jitter_hue = 0.1;
  double gray_probability = 0.2, blur_probability = 0.5, blur_sigma_min = 0.1, blur_sigma_max = 2.0,
         flip_probability = 0.5;

  // Model.
  std::string arch = "narrow", stem = "imagenet";
  std::int64_t width = 32;
  std::int64_t embedding_dim = 256;
  std::int64_t bilinear_maps = 8;
  bool stride_in_1x1 = false;
  double bn_eps = 1e-5;
  std::int64_t head_hidden = 4096;
  std::string init, init_prefix, pretrain = "none";

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
  // Switches of the method; empty (or tau 0) until resolve_variant() sets them from `variant`.
  std::string cam_source, kl_axis;
  double tau = 0;
  std::string cam_scale, mask_norm, detach_target, kl_reduction, gfb_bn_updates;

  // Training.
  std::int64_t epochs = 100, batch_size = 128;
  std::int64_t ranks = 1;
  std::string optimizer = "sgd";
  double lars_trust = 0.001;
  std::string schedule = "epoch";
  std::int64_t schedule_epochs = 0;
  std::int64_t warmup_epochs = 0;
  double lr = 0.03, sgd_momentum = 0.9, weight_decay = 1e-4;
  std::string precision = "auto";
  std::int64_t eval_every = 1;
  std::string eval_mask_norm = "image";

  // Protocols: how a stored run is evaluated; part of an evaluation's hash, not of the run's.
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
  std::string results, runs = "runs", data_dir, pixel_store;
  std::int64_t skip_bad = 0;
  std::string worker_run, worker_standin;
};

/// What an option decides, and so which hash it goes into.
enum class OptionPart {
  kRun,         ///< the training: a run's identity
  kEvaluation,  ///< how a finished run is evaluated: an evaluation's hash
  kControl,     ///< where and how fast: none
};

/// One row of the option table.
struct OptionSpec {
  using Member = std::variant<std::int64_t Options::*, double Options::*, bool Options::*,
                              std::string Options::*>;
  const char* group;  ///< heading in --help
  const char* name;   ///< on the command line (--name) and in INI files (name = value)
  Member member;
  const char* unit;  ///< "" where it has none
  const char* meaning;
  double low, high;                  ///< inclusive range of a number
  std::vector<std::string> choices;  ///< of a string; empty: any text
  OptionPart part;
  std::function<bool(const Options&)> active;  ///< whether it has any effect under these settings
  std::string active_when;                     ///< the same in words, for --help
};

const std::vector<OptionSpec>& option_table();

/// The table's row of that name. Throws UserError naming `source` if there is none.
const OptionSpec& find_option(std::string_view name, std::string_view source);

/// Parses `text` into the option. Throws UserError naming the option and `source` (a file, "command
/// line") if the text is no value of the option's type or range.
void set_option(Options& options, std::string_view name, std::string_view text,
                std::string_view source);

/// The option's value in canonical form: numbers shortest, booleans "yes" or "no".
std::string get_option(const Options& options, const OptionSpec& spec);

/// Fills the method switches that were not set from `variant`: `authors_code`, `algorithm_a1` or
/// `algorithm_a1_rescaled` (README lists them side by side; the text of Algorithm A1 leaves some
/// open).
void resolve_variant(Options& options);

/// Checks what concerns several options together (the queue is a multiple of the batch, ...).
/// Throws UserError.
void check_consistency(const Options& options);

/// "0,1,2" as numbers; each seed is >= 0 and named once. Throws UserError.
std::vector<std::uint64_t> parse_seeds(const std::string& text);

/// "30,60" as numbers, each at least 1; empty: none. Throws UserError.
std::vector<std::int64_t> parse_epochs(const std::string& text);

/// When a checkpoint is due: after so many minutes, or after so many epochs; 0: not for that
/// reason.
struct CheckpointInterval {
  double minutes = 0;
  std::int64_t epochs = 0;
};

/// "10min" or "0.5min", "1epoch" or "5epochs", or "never". Throws UserError.
CheckpointInterval parse_checkpoint_interval(const std::string& text);

/// "2,8,32" as texts, each to be the value of the option `name` and checked as such; an empty text
/// means `fallback`. Throws UserError.
std::vector<std::string> parse_values(const std::string& name, const std::string& text,
                                      const std::string& fallback);

/// "1,0.5" as numbers within [low, high], none twice. Throws UserError naming the option.
std::vector<double> parse_numbers(const std::string& name, const std::string& text, double low,
                                  double high);

/// "retrieval,knn" as names out of `choices`, none twice. Throws UserError naming the option.
std::vector<std::string> parse_names(const std::string& name, const std::string& text,
                                     const std::vector<std::string>& choices);

/// Choices of --protocols and --poolings.
const std::vector<std::string>& protocol_names();
const std::vector<std::string>& pooling_names();

/// The pooling that a method is judged by: "attention" for LCR on either host (Weight Average
/// Pooling), "bilinear" for MoCo-Bilinear, "average" for other networks, "none" for raw pixels.
std::string own_pooling(const std::string& method);

bool trains(const Options& options);      ///< the method updates weights
bool contrasts(const Options& options);   ///< the method learns by momentum contrast
bool bootstraps(const Options& options);  ///< the method is BYOL, or LCR on it
bool uses_gfb(const Options& options);    ///< the method has a GradCAM Fitting Branch
bool uses_network(const Options& options);
bool has_image_files(const Options& options);  ///< the data set is many image files, which go
                                               ///< through the pixel store
bool has_subset(const Options& options);  ///< it changes to a subset of its projections at an epoch

}  // namespace lcr
