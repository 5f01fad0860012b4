// Evaluates a run of the store by further protocols: retrieval, kNN, the linear probe on cached features.
#include <fmt/core.h>

#include <algorithm>
#include <boost/program_options.hpp>
#include <sstream>

#include "lcr/base/error.h"
#include "lcr/base/memory.h"
#include "lcr/base/signals.h"
#include "lcr/base/text.h"
#include "lcr/experiment/evaluate_run.h"

namespace lcr {
namespace {

namespace po = boost::program_options;

/// The experiments' control options that matter here too.
constexpr const char* kShared[] = {"data-dir", "pixel-store", "folder", "skip-bad", "device", "threads"};
constexpr const char* kProtocols[] = {"retrieval", "knn", "probe-cached"};

/// "1,0.5" as numbers within [low, high].
std::vector<double> numbers(const std::string& name, const std::string& text, double low, double high) {
  std::vector<double> values;
  for (const auto& part : split(text, ',')) {
    const auto value = parse_number(part);
    if (!value || !(*value >= low && *value <= high)) fail("command line: {} = '{}': '{}' is not a number from {} to {}", name, text, part, low, high);
    values.push_back(*value);
  }
  if (values.empty()) fail("command line: {}: name at least one", name);
  return values;
}

int run(int argc, char** argv) {
  Options control;
  EvaluateOptions what;
  std::string run_directory, protocols = "retrieval,knn,probe-cached", neighbours = "1,200", shares = "1,0.5,0.2", lrs = "30";
  po::options_description description("Options");
  description.add_options()("run", po::value(&run_directory), "directory of the run, for example runs/cub200-lcr-0123456789ab-s0")(
      "protocols", po::value(&protocols)->default_value(protocols), "of retrieval, knn, probe-cached")("checkpoint", po::value(&what.checkpoint)->default_value("last"), "last, best_rank1 or epoch-N")(
      "knn-k", po::value(&neighbours)->default_value(neighbours), "neighbours that vote")("knn-temperature", po::value(&what.knn_temperature)->default_value(0.1), "of the votes")(
      "label-shares", po::value(&shares)->default_value(shares), "shares of the training labels for the probe, stratified")("probe-lr", po::value(&lrs)->default_value(lrs), "learning rates of the probe; several sweep")(
      "help", "print this help");
  for (const char* shared : kShared) description.add_options()(shared, po::value<std::string>(), find_option(shared, "").meaning);
  po::variables_map values;
  try {
    namespace style = po::command_line_style;
    po::store(po::command_line_parser(argc, argv).options(description).style(style::default_style & ~style::allow_guessing).run(), values);
    po::notify(values);
  } catch (const po::error& e) {
    fail("command line: {}; --help lists the options", e.what());
  }
  if (values.contains("help")) {
    std::ostringstream options;
    options << description;
    fmt::print("evaluate: a stored run by further protocols\n\nUsage: evaluate --run DIR [--option value]...\n\nWrites DIR/evaluations/<hash>.json and prints it. Features are those of the test transform; probe-cached trains\n"
               "the classifier on features extracted once, without augmentation, unlike the authors' probe.\n\n{}",
               options.str());
    return kDone;
  }
  if (run_directory.empty()) fail("command line: --run names the directory of a run");
  what.run = run_directory;
  what.protocols = split(protocols, ',');
  if (what.protocols.empty()) fail("command line: protocols: name at least one of retrieval, knn, probe-cached");
  for (const auto& protocol : what.protocols)
    if (std::find(std::begin(kProtocols), std::end(kProtocols), protocol) == std::end(kProtocols)) fail("command line: protocols = '{}': '{}' is not one of retrieval, knn, probe-cached", protocols, protocol);
  if (!(what.knn_temperature > 0)) fail("command line: knn-temperature = {} is not above 0", what.knn_temperature);
  what.neighbours.clear();
  for (const double k : numbers("knn-k", neighbours, 1, 1e9)) what.neighbours.push_back(static_cast<std::int64_t>(k));
  what.label_shares = numbers("label-shares", shares, 1e-9, 1);
  what.probe_lrs = numbers("probe-lr", lrs, 1e-9, 1e6);
  for (const char* shared : kShared)
    if (values.contains(shared)) set_option(control, shared, values[shared].as<std::string>(), "command line");
  watch_signals();
  keep_freed_memory();
  const EvaluationRecord record = evaluate_run(what, control);
  fmt::print("{:<12} {:<36} {:>9}\n", "pooling", "metric", "value");
  for (const auto& entry : record.entries) fmt::print("{:<12} {:<36} {:>9.3f}\n", entry.pooling, entry.metric, entry.value);
  fmt::print("written: {}\n", record.file.string());
  return kDone;
}

}  // namespace
}  // namespace lcr

int main(int argc, char** argv) {
  return lcr::run_main("evaluate", [&] { return lcr::run(argc, argv); });
}
