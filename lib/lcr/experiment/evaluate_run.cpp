#include "lcr/experiment/evaluate_run.h"

#include <algorithm>
#include <map>
#include <memory>

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include "lcr/base/error.h"
#include "lcr/base/files.h"
#include "lcr/base/hashing.h"
#include "lcr/base/rng.h"
#include "lcr/base/signals.h"
#include "lcr/base/text.h"
#include "lcr/data/augment.h"
#include "lcr/data/object_region.h"
#include "lcr/data/safetensors.h"
#include "lcr/evaluate/features.h"
#include "lcr/evaluate/knn.h"
#include "lcr/evaluate/linear_probe.h"
#include "lcr/evaluate/localisation.h"
#include "lcr/evaluate/principal_alignment.h"
#include "lcr/evaluate/projection_panel.h"
#include "lcr/evaluate/projections.h"
#include "lcr/evaluate/recalibrate.h"
#include "lcr/evaluate/retrieval.h"
#include "lcr/experiment/device.h"
#include "lcr/method/gradcam.h"
#include "lcr/model/initialise.h"
#include "lcr/train/trainer.h"

namespace lcr {
namespace fs = std::filesystem;

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(EvaluationEntry, pooling, metric, detail, value)

namespace {

/// Increment this with every change of what a protocol measures.
constexpr int kProtocolRevision = 1;

bool has(const Options& options, const char* protocol) {
  const auto names = split(options.protocols, ',');
  return std::find(names.begin(), names.end(), protocol) != names.end();
}

/// "name=value" lines of the active evaluation options that differ from their defaults, and the
/// normalisation of masks, which may differ from the run's.
std::string protocol_text(const Options& options) {
  const Options defaults;
  std::string text = fmt::format("protocol_revision={}\n", kProtocolRevision);
  for (const auto& spec : option_table()) {
    if (spec.part != OptionPart::kEvaluation || !spec.active(options)) continue;
    const std::string value = get_option(options, spec);
    if (value != get_option(defaults, spec)) text += fmt::format("{}={}\n", spec.name, value);
  }
  // For every network: the mask of the untrained branch is normalised too.
  if (uses_network(options)) text += "eval-mask-norm=" + options.eval_mask_norm + "\n";
  return text;
}

fs::path record_file(const fs::path& run, const std::string& hash) {
  return run / "evaluations" / (hash.substr(0, 12) + ".json");
}

torch::Tensor label_tensor(const ImageSet& set, const torch::Device& device) {
  return torch::tensor(std::vector<std::int64_t>(set.labels.begin(), set.labels.end()),
                       torch::kLong)
      .to(device);
}

/// The numbers of neighbours that vote. Of the default it leaves out, with a message, those that
/// the training set is too small for; it refuses other lists that hold such a number.
std::vector<std::int64_t> knn_neighbours(const Options& options, std::int64_t images) {
  std::vector<std::int64_t> fitting;
  for (const double k : parse_numbers("knn-neighbours", options.knn_neighbours, 1, 1e9)) {
    if (k <= static_cast<double>(images))
      fitting.push_back(static_cast<std::int64_t>(k));
    else if (options.knn_neighbours == Options().knn_neighbours)
      say("kNN with k = {} is left out: there are only {} training images (default of "
          "--knn-neighbours: {})\n",
          k, images, options.knn_neighbours);
    else
      fail(
          "knn-neighbours = '{}': k = {} is not 1 to {}, the number of training images; choose "
          "fewer with --knn-neighbours",
          options.knn_neighbours, k, images);
  }
  return fitting;
}

/// Executes one evaluation.
class Evaluator {
 public:
  Evaluator(const fs::path& run, const RunIdentity& identity, const Options& options,
            const Dataset& data, int threads, const RunObserver& observer)
      : run_(run),
        seed_(identity.inputs.seed),
        options_(options),
        data_(data),
        device_(resolve_device(options.device)),
        threads_(threads),
        observer_(observer) {
    if (has(options, "knn")) neighbours_ = knn_neighbours(options, data.train.count());
    probes_ = has(options, "probe");
    total_ = 2 + (has(options, "knn") || (probes_ && options.probe == "cached")) +
             (probes_ ? options.probe_epochs : 0) + has(options, "localisation") +
             has(options, "projections");
    restore(identity);
  }

  std::vector<EvaluationEntry> run() {
    const auto features = test_features();
    if (has(options_, "retrieval")) retrieval(features);
    PooledFeatures train;
    if (has(options_, "knn") || (probes_ && options_.probe == "cached")) {
      train = training_features(trained_poolings(features));
      advance("training features");
    }
    if (has(options_, "knn")) knn(train, features);
    if (probes_) probe(train, features);
    if (has(options_, "localisation")) {
      localisation();
      advance("localisation");
    }
    if (has(options_, "projections")) {
      projections();
      advance("projections");
    }
    return std::move(entries_);
  }

 private:
  void add(const std::string& pooling, const std::string& metric, const std::string& detail,
           double value) {
    entries_.push_back({pooling, metric, detail, value});
  }

  void advance(const std::string& note) { observer_(++done_, total_, note); }

  /// Restores the network and its branches from the run's checkpoint.
  void restore(const RunIdentity& identity) {
    if (!uses_network(options_)) {
      for (const char* protocol : {"localisation", "projections"})
        if (has(options_, protocol))
          fail("{}: method {} has no network, which protocol {} needs", run_.string(),
               options_.method, protocol);
      if (probes_ && options_.probe == "augmented")
        fail("{}: method {} has no network: use probe = cached", run_.string(), options_.method);
      return;
    }
    Encoder encoder{nullptr};
    GradCamFittingBranch gfb{nullptr};
    if (trains(options_)) {
      const fs::path checkpoint = run_ / "checkpoints" / (options_.checkpoint + ".safetensors");
      if (!fs::exists(checkpoint))
        fail(
            "{}: no such checkpoint. Runs that came from an archive, or were pruned with "
            "--weights, have records only: {}",
            checkpoint.string(),
            identity.inputs.imported.empty()
                ? "remove " + run_.string() + " to train the run again"
                : "'lcr-weights import-run' writes the checkpoint 'last' of this run again");
      trainer_ =
          std::make_unique<Trainer>(make_method(without_init(), seed_, data_.train.class_count),
                                    options_, data_.train, seed_, device_, threads_);
      trainer_->load(checkpoint, identity.hash);
      encoder = trainer_->method().encoder();
      gfb = trainer_->method().gfb();
      trainer_->method().eval();
    } else {
      if (options_.checkpoint != "last")
        fail("{}: method {} trains nothing and has no checkpoint '{}'", run_.string(),
             options_.method, options_.checkpoint);
      check_same_initial_weights(identity.inputs.init);
      encoder = make_encoder(options_, seed_);
      encoder->to(device_);
      encoder->eval();
    }
    const std::int64_t channels = encoder->backbone()->channels();
    GradCamFittingBranch random(
        channels, GfbOptions{.structure = "random", .projections = options_.random_projections});
    initialise(*random, InitScheme::kDefault, seed_, "random gfb");
    random->to(device_);
    random->eval();
    network_ = std::make_unique<EvaluatedNetwork>(
        EvaluatedNetwork{encoder, gfb, random, options_, device_, threads_});
    if (options_.bn_statistics == "recalibrated")
      recalibrate_batch_norm(*network_, data_.train, seed_);
    else if (wants("random_gfb") || has(options_, "localisation"))
      calibrate_random_gfb(*network_, data_.train, seed_);
    advance("network");
  }

  /// Whether --init has the given identity: "run <hash>" of the run that made it, or its SHA-256.
  bool init_is(const std::string& identity) const {
    if (!identity.starts_with("run ")) return sha256_file(options_.init) == identity;
    const auto metadata = read_safetensors(options_.init).metadata;
    return metadata.contains("identity") && metadata.at("identity") == identity.substr(4);
  }

  /// An untrained network that was read from a file must be read from the same file again.
  void check_same_initial_weights(const std::string& init) const {
    if (init.empty()) return;
    if (options_.init.empty())
      fail("{}: this run is an untrained network from a file; give the same file with --init ({})",
           run_.string(), init);
    if (!init_is(init))
      fail("{}: --init {} is not the file of this run's initial weights ({})", run_.string(),
           options_.init, init);
  }

  /// The options without --init: the checkpoint replaces every weight, so the file from which the
  /// training started may be gone.
  Options without_init() const {
    Options options = options_;
    options.init.clear();
    return options;
  }

  /// The poolings that the options ask for; empty: all.
  std::vector<std::string> wanted_poolings() const {
    auto names = split(options_.poolings, ',');
    for (auto& name : names)
      if (name == "own") name = own_pooling(options_.method);
    return names;
  }

  bool wants(const char* pooling) const {
    const auto names = wanted_poolings();
    return names.empty() || std::find(names.begin(), names.end(), pooling) != names.end();
  }

  PooledFeatures test_features() {
    if (!network_) return {{"none", raw_pixel_features(data_.test, options_, device_, threads_)}};
    const auto available = available_poolings(*network_, data_.test);
    std::vector<std::string> poolings;
    for (const auto& name : available)
      if (wants(name.c_str())) poolings.push_back(name);
    for (const auto& name : wanted_poolings())
      if (std::find(available.begin(), available.end(), name) == available.end())
        fail("poolings: this run and its data do not allow '{}'; they allow {}", name,
             join(available, ", "));
    auto features =
        extract_features(*network_, data_.test, test_views(data_.test, options_), poolings);
    advance("test features");
    return features;
  }

  PooledFeatures training_features(const std::vector<std::string>& poolings) {
    if (!network_) return {{"none", raw_pixel_features(data_.train, options_, device_, threads_)}};
    return extract_features(*network_, data_.train, test_views(data_.train, options_), poolings);
  }

  /// The poolings on which a classifier can be trained. Not the oracle: its training views would
  /// need the ground truth of every crop.
  static std::vector<std::string> trained_poolings(const PooledFeatures& features) {
    std::vector<std::string> names;
    for (const auto& [pooling, unused] : features)
      if (pooling != "oracle") names.push_back(pooling);
    return names;
  }

  void retrieval(const PooledFeatures& features) {
    const torch::Tensor labels = label_tensor(data_.test, device_);
    for (const auto& [pooling, x] : features) {
      const RetrievalScores scores = leave_one_out_retrieval(x, labels);
      for (const std::int64_t k : {1, 5, 10})
        add(pooling, fmt::format("rank{}", k), "", scores.rank[static_cast<std::size_t>(k - 1)]);
      add(pooling, "mean_average_precision", "", scores.mean_average_precision);
      add(pooling, "queries_without_match", "", static_cast<double>(scores.without_match));
    }
  }

  void knn(const PooledFeatures& train, const PooledFeatures& test) {
    const torch::Tensor train_labels = label_tensor(data_.train, device_);
    const torch::Tensor test_labels = label_tensor(data_.test, device_);
    for (const auto& [pooling, x] : train)
      for (const std::int64_t k : neighbours_) {
        const KnnScores scores = knn_classify(x, train_labels, test.at(pooling), test_labels,
                                              data_.train.class_count, k, options_.knn_temperature);
        const std::string detail = fmt::format("knn-neighbours={}", k);
        add(pooling, "knn_top1", detail, scores.top1);
        add(pooling, "knn_top5", detail, scores.top5);
      }
  }

  /// Trains all probes together, epoch by epoch, because they share each epoch's features.
  void probe(const PooledFeatures& cached, const PooledFeatures& test) {
    struct Running {
      std::string pooling, detail;
      torch::Tensor rows, labels;
      LinearProbe probe;
    };
    const torch::Tensor labels = label_tensor(data_.train, device_);
    const torch::Tensor test_labels = label_tensor(data_.test, device_);
    const auto poolings = trained_poolings(test);
    if (poolings.empty())
      fail("probe: none of the poolings '{}' can be trained on", options_.poolings);
    std::vector<Running> probes;
    for (const double share : parse_numbers("label-shares", options_.label_shares, 1e-9, 1)) {
      const auto chosen =
          stratified_share({data_.train.labels.begin(), data_.train.labels.end()}, share, seed_);
      std::string lines;
      for (const auto i : chosen) lines += fmt::format("{}\n", i);
      write_atomic(run_ / "evaluations" / fmt::format("labels-{}.txt", format_number(share)),
                   lines);
      const torch::Tensor rows = torch::tensor(chosen, torch::kLong).to(device_);
      const torch::Tensor own = labels.index_select(0, rows);
      for (const double lr : parse_numbers("probe-lr", options_.probe_lr, 1e-9, 1e6))
        for (const auto& pooling : poolings) {
          const ProbeOptions settings{
              .epochs = options_.probe_epochs,
              .batch_size = options_.probe_batch_size,
              .lr = lr,
              .milestones = {options_.probe_epochs * 6 / 10, options_.probe_epochs * 8 / 10}};
          const torch::Tensor& like = test.at(pooling);
          probes.push_back(
              {.pooling = pooling,
               .detail = fmt::format("label-share={};probe-lr={}", format_number(share),
                                     format_number(lr)),
               .rows = rows,
               .labels = own,
               .probe = LinearProbe(like.size(1), data_.train.class_count, settings, seed_, like)});
        }
    }
    for (std::int64_t epoch = 0; epoch < options_.probe_epochs; ++epoch) {
      const bool fresh = options_.probe == "augmented";
      const PooledFeatures drawn =
          fresh ? extract_features(*network_, data_.train,
                                   probe_views(data_.train, options_, seed_, epoch), poolings)
                : PooledFeatures{};
      const PooledFeatures& features = fresh ? drawn : cached;
      for (auto& running : probes) {
        running.probe.train_epoch(features.at(running.pooling).index_select(0, running.rows),
                                  running.labels);
        running.probe.test(test.at(running.pooling), test_labels);
      }
      advance(fmt::format("probe epoch {}/{} top-1 {:.2f}", epoch + 1, options_.probe_epochs,
                          probes.front().probe.scores().last_top1));
    }
    const std::string name = options_.probe == "cached" ? "cached_probe" : "probe";
    for (const auto& running : probes) {
      const ProbeScores& scores = running.probe.scores();
      add(running.pooling, name + "_top1", running.detail, scores.last_top1);
      add(running.pooling, name + "_top5", running.detail, scores.last_top5);
      add(running.pooling, name + "_top1_best", running.detail, scores.best_top1);
      add(running.pooling, name + "_top5_best", running.detail, scores.best_top5);
    }
  }

  /// The attention maps of one batch of test views, by source.
  std::map<std::string, torch::Tensor> attention_maps(std::int64_t start, std::int64_t count) {
    std::map<std::string, torch::Tensor> maps;
    const torch::Tensor query =
        render_batch(test_views(data_.test, options_), start, count, *network_);
    {
      const torch::NoGradGuard no_grad;
      const torch::Tensor map = network_->encoder->feature_map(query);
      if (network_->gfb)
        maps["attention"] = normalise_mask(network_->gfb->forward(map), options_.eval_mask_norm);
      maps["random_gfb"] =
          normalise_mask(network_->random_gfb->forward(map), options_.eval_mask_norm);
      maps["activation_norm"] = map.norm(2, 1);
      maps["uniform"] = torch::ones_like(maps["activation_norm"]);
    }
    Host* host = trainer_ ? trainer_->method().host() : nullptr;
    if (!host) return maps;
    // A GradCAM needs a pair of views: here the test view and a random key view of the same image,
    // drawn as in training.
    const RngKey key(seed_, "localisation keys");
    const RenderView key_views = [&](std::int64_t i, std::span<std::uint8_t> out) {
      const ImageView image = data_.test.image(i);
      const CounterRng rng(key, static_cast<std::uint32_t>(i));
      render_view(image.pixels, image.height, image.width,
                  draw_view(rng, image.height, image.width, training_recipe(options_, 1)),
                  options_.image_size, out);
    };
    const Batch batch{{query, render_batch(key_views, start, count, *network_)}, {}, 0};
    for (const char* source : {"loss", "positive_logit"})
      maps[std::string("gradcam_") + source] = objective_cam(*host, batch, source);
    return maps;
  }

  void localisation() {
    const std::string truth = object_ground_truth(data_.test);
    if (truth.empty())
      fail("localisation: {} has neither masks nor boxes for its objects", data_.title);
    std::map<std::string, Localisation> found;
    for (std::int64_t start = 0; start < data_.test.count(); start += kEvaluationBatch) {
      if (stop_requested())
        throw Interrupted("stopped by a signal during localisation; its results are discarded");
      const std::int64_t count = std::min(kEvaluationBatch, data_.test.count() - start);
      const torch::Tensor regions = object_regions(data_.test, start, count, *network_);
      for (const auto& [source, maps] : attention_maps(start, count))
        found[source].add(maps, regions);
    }
    const std::string detail = "ground-truth=" + truth;
    for (const auto& [source, localisation] : found) {
      const LocalisationScores scores = localisation.scores();
      add(source, "pointing_game", detail, scores.pointing);
      add(source, "mass_inside", detail, scores.mass);
      add(source, "iou", detail, scores.iou);
      add(source, "iou_threshold", detail, scores.threshold);
      if (source != "uniform") continue;
      add(source, "object_area", detail, scores.area);
      add(source, "images_cut_off", detail, static_cast<double>(scores.cut_off));
    }
  }

  void projections() {
    if (!network_->gfb || !network_->gfb->linear())
      fail("{}: projections: this run has no GFB with linear projections", run_.string());
    const ImageSet& images = options_.variance_images == "test" ? data_.test : data_.train;
    const torch::Tensor variance = projection_variance(*network_, images);
    const auto ranked = rank_projections(variance);
    for (std::size_t r = 0; r < ranked.size(); ++r)
      add("attention", "projection_variance",
          fmt::format("rank={};projection={}", r + 1, ranked[r]),
          variance[ranked[r]].item<double>());
    const std::int64_t directions =
        std::clamp<std::int64_t>(static_cast<std::int64_t>(ranked.size()) / 2, 1, 8);
    const PrincipalAlignment alignment = principal_alignment(*network_, images, ranked, directions);
    const std::string detail = fmt::format("directions={}", directions);
    for (std::size_t i = 0; i < alignment.angles.size(); ++i)
      add("attention", "principal_angle", fmt::format("{};index={}", detail, i + 1),
          alignment.angles[i]);
    add("attention", "alignment_top", detail, alignment.top);
    add("attention", "alignment_bottom", detail, alignment.bottom);
    add("attention", "alignment_chance", detail, alignment.chance);
    add("attention", "captured_top", detail, alignment.captured_top);
    add("attention", "captured_bottom", detail, alignment.captured_bottom);
    add("attention", "captured_principal", detail, alignment.captured_principal);
    draw_projection_panel(*network_, data_.test, ranked, variance, options_.panel_images, seed_,
                          projection_panel_file(run_, options_));
  }

  const fs::path run_;
  const std::uint64_t seed_;
  const Options& options_;
  const Dataset& data_;
  const torch::Device device_;
  const int threads_;
  const RunObserver& observer_;
  std::vector<std::int64_t> neighbours_;  ///< of kNN
  bool probes_ = false;
  std::int64_t done_ = 0, total_ = 0;
  std::unique_ptr<Trainer> trainer_;           ///< null if the method does not train
  std::unique_ptr<EvaluatedNetwork> network_;  ///< null for raw pixels
  std::vector<EvaluationEntry> entries_;
};

}  // namespace

void check_evaluation(const Options& options) {
  if (parse_names("protocols", options.protocols, protocol_names()).empty())
    fail("protocols: name at least one of {}", join(protocol_names(), ", "));
  parse_names("poolings", options.poolings, pooling_names());
  if (has(options, "knn"))
    for (const double k : parse_numbers("knn-neighbours", options.knn_neighbours, 1, 1e9))
      if (k != static_cast<double>(static_cast<std::int64_t>(k)))
        fail("knn-neighbours = '{}': {} is not a whole number", options.knn_neighbours, k);
  if (has(options, "probe")) {
    parse_numbers("probe-lr", options.probe_lr, 1e-9, 1e6);
    parse_numbers("label-shares", options.label_shares, 1e-9, 1);
  }
}

std::string evaluation_hash(const Options& options) { return sha256_hex(protocol_text(options)); }

fs::path projection_panel_file(const fs::path& run, const Options& options) {
  return run / "evaluations" / (evaluation_hash(options).substr(0, 12) + "-projections.png");
}

std::optional<EvaluationRecord> find_evaluation(const fs::path& run, const RunIdentity& identity,
                                                const Options& options) {
  EvaluationRecord record{.hash = evaluation_hash(options)};
  record.file = record_file(run, record.hash);
  if (!fs::exists(record.file)) return std::nullopt;
  try {
    const auto json = nlohmann::json::parse(read_text(record.file, 64 << 20));
    if (json.at("identity") != identity.hash || json.at("evaluation") != record.hash)
      fail("{}: belongs to another run or protocol; remove it to evaluate again",
           record.file.string());
    record.entries = json.at("entries").get<std::vector<EvaluationEntry>>();
  } catch (const nlohmann::json::exception& e) {
    fail("{}: damaged record ({}); remove it to evaluate again", record.file.string(), e.what());
  }
  return record;
}

EvaluationRecord evaluate_run(const fs::path& run, const RunIdentity& identity,
                              const Options& options, const Dataset& data, int threads,
                              const RunObserver& observer) {
  check_evaluation(options);
  if (auto record = find_evaluation(run, identity, options)) return *record;
  configure_libtorch(options, threads);
  require_writable_directory(run / "evaluations");
  EvaluationRecord record{.hash = evaluation_hash(options)};
  record.file = record_file(run, record.hash);
  // If two programs want the same evaluation, only one makes it. This is not the run's own lock: a
  // run can be evaluated during its training, and by several protocols at the same time.
  const FileLock lock(fs::path(record.file).replace_extension(".lock"));
  if (auto made = find_evaluation(run, identity, options)) return *made;
  record.entries = Evaluator(run, identity, options, data, threads, observer).run();
  const nlohmann::json json = {
      {"identity", identity.hash},
      {"evaluation", record.hash},
      {"protocol", split(protocol_text(options), '\n')},
      {"entries", record.entries},
      {"provenance", describe_provenance(options, resolve_device(options.device), threads)}};
  write_atomic(record.file, json.dump(1) + "\n");
  return record;
}

}  // namespace lcr
