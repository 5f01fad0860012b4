#include "lcr/experiment/run.h"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <optional>
#include <nlohmann/json.hpp>

#include "lcr/base/csv.h"
#include "lcr/base/files.h"
#include "lcr/base/hashing.h"
#include "lcr/base/text.h"
#include "lcr/evaluate/features.h"
#include "lcr/evaluate/projections.h"
#include "lcr/evaluate/retrieval.h"
#include "lcr/experiment/device.h"
#include "lcr/method/method.h"
#include "lcr/model/weights.h"
#include "lcr/train/trainer.h"

namespace lcr {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

/// The scores of every pooling at one moment.
using Evaluation = std::map<std::string, RetrievalScores>;

/// The protocol in words, hashed into every row: two numbers with different evaluation hashes were not measured alike.
std::string protocol_text(const Options& o) {
  std::string text = fmt::format("retrieval: leave-one-out on the test split, dot product of unit-length features, ties to the lower index\nimage_size={}\ntest_resize={}\n",
                                 o.image_size, o.test_resize);
  if (uses_gfb(o)) text += "mask_norm=" + o.eval_mask_norm + "\n";
  if (uses_gfb(o) && o.eval_mask_norm == "batch") text += fmt::format("batch={}\n", kEvaluationBatch);
  return text;
}

/// By average pooling and by the method's own.
Evaluation evaluate(const EvaluatedNetwork& network, const Dataset& data, const torch::Tensor& labels) {
  std::vector<std::string> poolings = {"average"};
  if (own_pooling(network.options.method) != "average") poolings.push_back(own_pooling(network.options.method));
  Evaluation scores;
  for (const auto& [pooling, features] : extract_features(network, data.test, test_views(data.test, network.options), poolings)) scores[pooling] = leave_one_out_retrieval(features, labels);
  return scores;
}

constexpr std::pair<const char*, double RetrievalScores::*> kMetrics[] = {
    {"rank1", &RetrievalScores::rank1}, {"rank5", &RetrievalScores::rank5}, {"mean_average_precision", &RetrievalScores::mean_average_precision}};

/// From the evaluations of all epochs to the measurements of the three selections.
std::vector<Measurement> select(const std::map<std::int64_t, Evaluation>& history, const std::string& own_pooling) {
  std::vector<Measurement> out;
  const auto add = [&](const char* selection, const std::string& pooling, const char* metric, double value, std::int64_t epoch) {
    out.push_back({selection, pooling, metric, value, epoch});
  };
  const auto& [last_epoch, last] = *history.rbegin();
  const auto best = std::max_element(history.begin(), history.end(), [&](const auto& a, const auto& b) { return a.second.at(own_pooling).rank1 < b.second.at(own_pooling).rank1; });
  for (const auto& [pooling, scores] : last)
    for (const auto& [metric, member] : kMetrics) {
      add("last", pooling, metric, scores.*member, last_epoch);
      if (history.size() == 1) continue;  // nothing to select from
      add("best_rank1", pooling, metric, best->second.at(pooling).*member, best->first);
      const auto each = std::max_element(history.begin(), history.end(), [&](const auto& a, const auto& b) { return a.second.at(pooling).*member < b.second.at(pooling).*member; });
      add("best_each", pooling, metric, each->second.at(pooling).*member, each->first);
    }
  return out;
}

/// One line of epochs.csv, or its header; the scores are empty where an epoch was not evaluated.
std::string epochs_header(const std::vector<std::string>& poolings) {
  std::vector<std::string> columns = {"epoch", "steps", "lr", "loss", "contrastive", "kl"};
  for (const auto& pooling : poolings)
    for (const auto& [metric, member] : kMetrics) columns.push_back(fmt::format("{}_{}", metric, pooling));
  columns.insert(columns.end(), {"seconds", "samples_per_second"});
  return csv_line(columns);
}

std::string epochs_row(const EpochLog& log, const Evaluation* scores, const std::vector<std::string>& poolings, std::int64_t batch_size) {
  std::vector<std::string> cells = {std::to_string(log.epoch), std::to_string(log.steps), format_number(log.lr), format_number(log.loss), format_number(log.contrastive), format_number(log.kl)};
  for (const auto& pooling : poolings)
    for (const auto& [metric, member] : kMetrics) cells.push_back(scores ? format_number(scores->at(pooling).*member) : "");
  cells.push_back(format_number(log.seconds));
  cells.push_back(format_number(static_cast<double>(log.steps * batch_size) / log.seconds));
  return csv_line(cells);
}

std::filesystem::path checkpoint(const std::filesystem::path& run, const std::string& name) {
  std::filesystem::create_directories(run / "checkpoints");
  return run / "checkpoints" / (name + ".safetensors");
}

/// A run that switches to a subset of projections is the run without the switch up to that epoch. Where that one (its trunk) has a
/// checkpoint of the epoch, goes on from there and returns the epoch; otherwise returns 0. The numbers are the same either way.
std::int64_t branch_from_trunk(Trainer& trainer, const Options& options, const RunIdentity& identity, const RunStore& store) {
  Options trunk_options = options;
  trunk_options.subset = "all";
  const RunIdentity trunk = identify_run(trunk_options, identity.inputs);
  const auto path = store.directory(trunk) / "checkpoints" / fmt::format("epoch-{}.safetensors", options.subset_epoch);
  return std::filesystem::exists(path) ? trainer.load(path, trunk.hash) : 0;
}

/// The weights that other runs start from, in the form that --init reads.
void write_backbone(const std::filesystem::path& path, Encoder& encoder, const std::string& identity) {
  write_tensors(path, named_tensors(*encoder->backbone()), {{"identity", identity}});
}

void write_selection(const std::filesystem::path& path, const torch::Tensor& variance, const std::vector<std::int64_t>& chosen) {
  const std::vector<double> values(variance.data_ptr<double>(), variance.data_ptr<double>() + variance.numel());
  write_atomic(path, nlohmann::json{{"variance", values}, {"chosen", chosen}}.dump(1) + "\n");
}

}  // namespace

std::string data_fingerprint(const std::string& train, const std::string& test) { return sha256_hex(train + "/" + test); }

std::int64_t count_steps(const Options& options, const Dataset& data) {
  if (!trains(options)) return 0;
  const std::int64_t steps = options.epochs * (data.train.count() / options.batch_size);
  return options.max_steps > 0 ? std::min(steps, options.max_steps) : steps;
}

void execute_run(const Options& options, const RunIdentity& identity, std::uint64_t seed, const Dataset& data, const RunStore& store, int threads,
                 const RunObserver& observer) {
  const torch::Device device = resolve_device(options.device);
  configure_libtorch(options, threads);
  const auto start = Clock::now();
  const bool records = options.max_steps == 0;
  const auto directory = store.directory(identity);
  std::optional<FileLock> lock;  // two programs that want the same run train it once
  if (records) {
    store.begin(identity, options);
    lock.emplace(directory / "lock");
    if (store.find(identity)) return;
  }

  RunResult result;
  result.provenance = describe_provenance(options, device, threads);
  result.evaluation_hash = sha256_hex(protocol_text(options));
  if (records) {
    nlohmann::json provenance = result.provenance;
    provenance["preset"] = options.preset;
    write_atomic(directory / "provenance.json", provenance.dump(1) + "\n");
  }
  const torch::Tensor labels = torch::tensor(std::vector<std::int64_t>(data.test.labels.begin(), data.test.labels.end()), torch::kLong).to(device);

  std::map<std::int64_t, Evaluation> history;
  const std::int64_t total_steps = count_steps(options, data);
  double train_seconds = 0;
  std::int64_t trained_steps = 0;
  if (options.method == "raw_pixels") {
    history[0]["none"] = leave_one_out_retrieval(raw_pixel_features(data.test, options, device, threads), labels);
  } else if (options.method == "untrained") {
    Encoder encoder = make_encoder(options, seed);
    encoder->to(device);
    history[0] = evaluate({encoder, nullptr, nullptr, options, device, threads}, data, labels);
  } else {
    Trainer trainer(make_method(options, seed, data.train.class_count), options, data.train, seed, device, threads);
    Method& method = trainer.method();
    const EvaluatedNetwork network{method.encoder(), method.gfb(), nullptr, options, device, threads};
    std::vector<std::string> poolings = {"average"};
    if (own_pooling(options.method) != "average") poolings.push_back(own_pooling(options.method));
    std::string epochs_csv = epochs_header(poolings);
    const auto pinned = parse_epochs(options.pin_epochs);
    const bool switches = has_subset(options);
    std::vector<std::int64_t> chosen;  // projections kept after subset_epoch
    double best_rank1 = -1;
    for (std::int64_t epoch = switches ? branch_from_trunk(trainer, options, identity, store) : 0; epoch < options.epochs && trained_steps < total_steps; ++epoch) {
      if (switches && records && epoch == options.subset_epoch) {
        const torch::Tensor variance = projection_variance(network, options.subset_images == "test" ? data.test : data.train);
        chosen = choose_projections(variance, options, seed);
        write_selection(directory / "selection.json", variance, chosen);
        if (options.subset_scope == "train_and_test") trainer.select_projections(chosen);
      }
      const EpochLog log = trainer.run_epoch(
          epoch,
          [&](std::int64_t done, double loss) { observer(done, total_steps, fmt::format("epoch {}/{} loss {:.3f}", epoch + 1, options.epochs, loss)); },
          total_steps - trained_steps);
      trained_steps += log.steps;
      train_seconds += log.seconds;
      if (!records) {
        fmt::print(stderr, "{}: {} steps in {}: loss {:.4f}, contrastive {:.4f}, KL {:.4f}, {:.2f} samples/s, peak memory {:.0f} MiB\n", identity.directory, log.steps,
                   format_duration(log.seconds), log.loss, log.contrastive, log.kl, static_cast<double>(log.steps * options.batch_size) / log.seconds, peak_memory_mib());
        continue;
      }
      const bool evaluates = log.epoch % options.eval_every == 0 || log.epoch == options.epochs;
      // The scores of a run that switches begin after the switch: those before belong to the trunk.
      const bool counts = evaluates && (!switches || log.epoch > options.subset_epoch);
      if (counts) {
        const bool only_now = switches && options.subset_scope == "test_only";
        if (only_now) method.gfb()->select(chosen);
        const Evaluation& scores = history[log.epoch] = evaluate(network, data, labels);
        if (const double rank1 = scores.at(own_pooling(options.method)).rank1; rank1 > best_rank1) {
          best_rank1 = rank1;
          trainer.save(checkpoint(directory, "best_rank1"), identity.hash, log.epoch);  // with the selection that it was evaluated with
        }
        if (only_now) method.gfb()->select({});
      }
      if (std::find(pinned.begin(), pinned.end(), log.epoch) != pinned.end()) trainer.save(checkpoint(directory, fmt::format("epoch-{}", log.epoch)), identity.hash, log.epoch);
      epochs_csv += epochs_row(log, counts ? &history.at(log.epoch) : nullptr, poolings, options.batch_size);
      write_atomic(directory / "epochs.csv", epochs_csv);
    }
    if (records && switches) method.gfb()->select(chosen);
    if (records) trainer.save(checkpoint(directory, "last"), identity.hash, options.epochs);
    if (records && options.method == "supervised") write_backbone(directory / "backbone.safetensors", method.encoder(), identity.hash);
  }
  if (!records) return;
  result.measurements = select(history, own_pooling(options.method));
  result.wall_seconds = seconds_since(start);
  result.samples_per_second = trained_steps > 0 ? static_cast<double>(trained_steps * options.batch_size) / train_seconds : 0;
  result.peak_memory_mib = peak_memory_mib();
  store.finish(identity, result);
}

}  // namespace lcr
