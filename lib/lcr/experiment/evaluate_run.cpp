#include "lcr/experiment/evaluate_run.h"

#include <algorithm>
#include <limits>

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include "lcr/base/error.h"
#include "lcr/base/files.h"
#include "lcr/base/hashing.h"
#include "lcr/base/text.h"
#include "lcr/config/lists.h"
#include "lcr/data/object_region.h"
#include "lcr/evaluate/poolings.h"
#include "lcr/evaluate/protocol.h"
#include "lcr/evaluate/protocol_spec.h"
#include "lcr/experiment/control_options.h"
#include "lcr/experiment/device.h"
#include "lcr/experiment/restore_network.h"
#include "lcr/method/method_spec.h"
#include "lcr/model/model_options.h"

namespace lcr {
namespace fs = std::filesystem;

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(EvaluationEntry, pooling, metric, detail, value)

namespace {

/// Increment this with every change of what a protocol measures.
constexpr int kProtocolRevision = 1;

/// "name=value" lines of the active evaluation options that differ from their defaults, and the
/// normalisation of masks, which may differ from the run's.
std::string protocol_text(const Options& options) {
  std::string text = fmt::format("protocol_revision={}\n", kProtocolRevision);
  for (const auto& spec : option_table()) {
    if (spec.part != OptionPart::kEvaluation || !spec.active(options)) continue;
    const std::string value = get_option(options, spec);
    if (value != default_of(spec)) text += fmt::format("{}={}\n", spec.name, value);
  }
  // For every network: the mask of the untrained branch is normalised too.
  if (method_of(options).has_network)
    text += "eval-mask-norm=" + options.get<EvaluationOptions>().eval_mask_norm + "\n";
  return text;
}

fs::path record_file(const fs::path& run, const std::string& hash) {
  return run / "evaluations" / (hash.substr(0, 12) + ".json");
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
        device_(resolve_device(options.get<ExecutionOptions>().device)),
        threads_(threads),
        observer_(observer),
        chosen_(chosen_programs(options)) {
    const bool has_objects = !object_ground_truth(data.test).empty();
    for (const auto& name : split(options.get<ProtocolOptions>().protocols, ','))
      if (const auto refusal = find_protocol(name).refusal(options, has_objects); !refusal.empty())
        fail("{}: {}", run.string(), refusal);
    total_ = 2 + needs_train();
    for (const auto& program : chosen_) {
      program.check(options, data.train.count());
      total_ += program.steps(options);
    }
    restored_ = restore_network(run, identity, options, data, device_, threads);
    if (network()) advance("network");
  }

  std::vector<EvaluationEntry> run() {
    EvaluationContext context{.options = options_,
                              .data = data_,
                              .seed = seed_,
                              .directory = run_ / "evaluations",
                              .file_prefix = evaluation_hash(options_).substr(0, 12),
                              .device = device_,
                              .threads = threads_,
                              .network = network(),
                              .host = restored_.host(),
                              .test = test_features(),
                              .train = {},
                              .advance = [this](const std::string& note) { advance(note); }};
    if (needs_train()) {
      context.train = training_features(context.test);
      advance("training features");
    }
    for (const auto& program : chosen_) program.run(context);
    return std::move(context.entries);
  }

 private:
  bool needs_train() const {
    return std::any_of(chosen_.begin(), chosen_.end(),
                       [&](const auto& program) { return program.needs_train(options_); });
  }

  void advance(const std::string& note) { observer_(++done_, total_, note); }

  PooledFeatures test_features() {
    if (!network()) return {{"none", raw_pixel_features(data_.test, options_, device_, threads_)}};
    auto features = extract_features(*network(), data_.test, test_views(data_.test, options_),
                                     chosen_poolings(*network(), data_.test));
    advance("test features");
    return features;
  }

  /// Features for the poolings of the test features that training images have.
  PooledFeatures training_features(const PooledFeatures& test) {
    if (!network()) return {{"none", raw_pixel_features(data_.train, options_, device_, threads_)}};
    std::vector<std::string> names;
    for (const auto& [pooling, unused] : test) names.push_back(pooling);
    return extract_features(*network(), data_.train, test_views(data_.train, options_),
                            without_test_only(std::move(names)));
  }

  EvaluatedNetwork* network() { return restored_.network.get(); }

  const fs::path run_;
  const std::uint64_t seed_;
  const Options& options_;
  const Dataset& data_;
  const torch::Device device_;
  const int threads_;
  const RunObserver& observer_;
  const std::vector<ProtocolProgram> chosen_;
  std::int64_t done_ = 0, total_ = 0;
  RestoredNetwork restored_;
};

}  // namespace

void check_evaluation(const Options& options) {
  const auto names = names_of(protocols());
  if (parse_names("protocols", options.get<ProtocolOptions>().protocols, names).empty())
    fail("protocols: name at least one of {}", join(names, ", "));
  parse_names("poolings", options.get<ProtocolOptions>().poolings, pooling_choices());
  for (const auto& program : chosen_programs(options))
    program.check(options, std::numeric_limits<std::int64_t>::max());
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
      {"provenance",
       describe_provenance(options, resolve_device(options.get<ExecutionOptions>().device),
                           threads)}};
  write_atomic(record.file, json.dump(1) + "\n");
  return record;
}

}  // namespace lcr
