#include "lcr/experiment/evaluate_run.h"

#include <ATen/Parallel.h>
#include <fmt/core.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "lcr/base/error.h"
#include "lcr/base/files.h"
#include "lcr/base/hashing.h"
#include "lcr/base/text.h"
#include "lcr/data/datasets.h"
#include "lcr/evaluate/features.h"
#include "lcr/evaluate/knn.h"
#include "lcr/evaluate/linear_probe.h"
#include "lcr/evaluate/retrieval.h"
#include "lcr/experiment/device.h"
#include "lcr/experiment/run.h"
#include "lcr/record/run_store.h"
#include "lcr/train/trainer.h"

namespace lcr {
namespace fs = std::filesystem;
namespace {

/// The options of the run, out of its config.ini.
Options stored_options(const fs::path& run, const Options& control) {
  Options options = control;
  const fs::path path = run / "config.ini";
  for (const auto& line : read_lines(path)) {
    if (line.empty() || line.front() == '#') continue;
    const auto equals = line.find(" = ");
    if (equals == std::string::npos) fail("{}: '{}' is no 'name = value'", path.string(), line);
    set_option(options, line.substr(0, equals), line.substr(equals + 3), path.string());
  }
  resolve_variant(options);  // switches without effect on this run are not in the file
  return options;
}

/// The identity the run was stored under, made anew from options and data: whatever differs is found.
RunIdentity check_identity(const fs::path& run, const Options& options, const Dataset& data) {
  const std::string text = read_text(run / "identity.txt");
  RunInputs inputs;
  for (const auto& line : split(text, '\n')) {
    if (line.starts_with("seed=")) inputs.seed = static_cast<std::uint64_t>(parse_integer(line.substr(5)).value_or(0));
    if (line.starts_with("init=")) inputs.init_sha256 = line.substr(5);
  }
  inputs.data_fingerprint = data_fingerprint(options, fingerprint(data.train), fingerprint(data.test));
  RunIdentity identity = identify_run(options, inputs);
  if (identity.text == text) return identity;
  const auto now = split(identity.text, '\n');
  for (const auto& line : split(text, '\n'))
    if (std::find(now.begin(), now.end(), line) == now.end())
      fail("{}: this run has '{}', which the data or this program no longer give: it cannot be evaluated beside them", run.string(), line);
  fail("{}: identity.txt lacks settings that the run has; the record is damaged", run.string());
}

std::string protocol_text(const EvaluateOptions& what, const Options& options) {
  std::string text = fmt::format("checkpoint={}\nimage_size={}\ntest_resize={}\nmask_norm={}\n", what.checkpoint, options.image_size, options.test_resize, uses_gfb(options) ? options.eval_mask_norm : "");
  for (const auto& protocol : what.protocols) {
    if (protocol == "retrieval") text += "retrieval: leave-one-out on the test split, dot product of unit-length features, ties to the lower index\n";
    if (protocol == "knn") {
      text += fmt::format("knn: training images vote, temperature {}, k", what.knn_temperature);
      for (const auto k : what.neighbours) text += fmt::format(" {}", k);
      text += "\n";
    }
    if (protocol == "probe-cached") {
      text += "probe-cached: linear classifier on features of unaugmented training images, SGD momentum 0.9, batch 256, 100 epochs, x0.1 at 60 and 80; lr";
      for (const auto lr : what.probe_lrs) text += " " + format_number(lr);
      text += "; label shares";
      for (const auto share : what.label_shares) text += " " + format_number(share);
      text += "\n";
    }
  }
  return text;
}

torch::Tensor label_tensor(const ImageSet& set, const torch::Device& device) {
  return torch::tensor(std::vector<std::int64_t>(set.labels.begin(), set.labels.end()), torch::kLong).to(device);
}

}  // namespace

EvaluationRecord evaluate_run(const EvaluateOptions& what, const Options& control) {
  if (!fs::is_directory(what.run)) fail("{}: no such run", what.run.string());
  const auto has = [&](const char* protocol) { return std::find(what.protocols.begin(), what.protocols.end(), protocol) != what.protocols.end(); };
  const Options options = stored_options(what.run, control);
  const fs::path checkpoint = what.run / "checkpoints" / (what.checkpoint + ".safetensors");
  if (!fs::exists(checkpoint)) fail("{}: no such checkpoint{}", checkpoint.string(), trains(options) ? "" : fmt::format("; method {} trains nothing", options.method));
  const torch::Device device = resolve_device(control.device);
  const int threads = resolve_threads(control);
  at::set_num_threads(threads);
  const Dataset data = load_dataset(options, threads);
  const RunIdentity identity = check_identity(what.run, options, data);
  Trainer trainer(make_method(options, identity.inputs.seed), options, data.train, identity.inputs.seed, device, threads);
  trainer.load(checkpoint, identity.hash);
  Method& method = trainer.method();

  const torch::Tensor test_labels = label_tensor(data.test, device), train_labels = label_tensor(data.train, device);
  const auto test = extract_features(method.encoder(), method.gfb(), data.test, options, device, threads);
  PooledFeatures train;
  if (has("knn") || has("probe-cached")) train = extract_features(method.encoder(), method.gfb(), data.train, options, device, threads);

  const fs::path folder = what.run / "evaluations";
  require_writable_directory(folder);
  EvaluationRecord record;
  const auto add = [&](const std::string& pooling, const std::string& metric, double value) { record.entries.push_back({pooling, metric, value}); };
  std::map<double, std::vector<std::int64_t>> chosen;
  if (has("probe-cached"))
    for (const double share : what.label_shares) {
      chosen[share] = stratified_share({data.train.labels.begin(), data.train.labels.end()}, share, identity.inputs.seed);
      std::string lines;
      for (const auto i : chosen[share]) lines += fmt::format("{}\n", i);
      write_atomic(folder / fmt::format("labels-{}.txt", format_number(share)), lines);
    }
  for (const auto& [pooling, features] : test) {
    if (has("retrieval")) {
      const RetrievalScores scores = leave_one_out_retrieval(features, test_labels);
      for (const std::int64_t k : {1, 5, 10}) add(pooling, fmt::format("rank{}", k), scores.rank[static_cast<std::size_t>(k - 1)]);
      add(pooling, "mean_average_precision", scores.mean_average_precision);
      add(pooling, "queries_without_match", static_cast<double>(scores.without_match));
    }
    if (has("knn"))
      for (const auto k : what.neighbours) {
        const KnnScores scores = knn_classify(train.at(pooling), train_labels, features, test_labels, data.train.class_count, k, what.knn_temperature);
        add(pooling, fmt::format("knn{}_top1", k), scores.top1);
        add(pooling, fmt::format("knn{}_top5", k), scores.top5);
      }
    if (has("probe-cached"))
      for (const auto& [share, indices] : chosen)
        for (const double lr : what.probe_lrs) {
          const torch::Tensor rows = torch::tensor(indices, torch::kLong).to(device);
          const torch::Tensor cached = train.at(pooling).index_select(0, rows);
          const ProbeScores scores = linear_probe([&](std::int64_t) { return cached; }, train_labels.index_select(0, rows), features, test_labels, data.train.class_count,
                                                  ProbeOptions{.lr = lr}, identity.inputs.seed);
          const std::string name = fmt::format("probe_cached_{}_lr{}", format_number(share), format_number(lr));
          add(pooling, name + "_top1_last", scores.last_top1);
          add(pooling, name + "_top5_last", scores.last_top5);
          add(pooling, name + "_top1_best", scores.best_top1);
          add(pooling, name + "_top5_best", scores.best_top5);
        }
  }
  const std::string protocol = protocol_text(what, options);
  record.file = folder / (sha256_hex(protocol).substr(0, 12) + ".json");
  nlohmann::json entries = nlohmann::json::array();
  for (const auto& entry : record.entries) entries.push_back({{"pooling", entry.pooling}, {"metric", entry.metric}, {"value", entry.value}});
  write_atomic(record.file, nlohmann::json{{"identity", identity.hash}, {"protocol", protocol}, {"entries", entries}, {"provenance", describe_provenance(options, device, threads)}}.dump(1) + "\n");
  return record;
}

}  // namespace lcr
