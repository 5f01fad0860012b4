#include "lcr/experiment/grid.h"

#include <fmt/core.h>

#include <algorithm>

#include "lcr/base/error.h"
#include "lcr/base/hashing.h"
#include "lcr/base/text.h"
#include "lcr/data/datasets.h"
#include "lcr/data/object_region.h"
#include "lcr/experiment/device.h"
#include "lcr/experiment/evaluate_run.h"
#include "lcr/experiment/run.h"
#include "lcr/model/precision.h"

namespace lcr {
namespace {

/// What load_dataset() reads.
std::string data_key(const Options& o) {
  std::string key;
  for (const char* name : {"dataset", "folder", "data-dir", "pixel-store", "store-side", "limit-train", "limit-test", "image-size", "synthbirds-classes", "synthbirds-train", "synthbirds-test"})
    key += get_option(o, find_option(name, "")) + "\n";
  return key;
}

Options& resolve(Options& options, const torch::Device& device) {
  resolve_variant(options);
  options.precision = resolve_precision(options.precision, device);
  check_consistency(options);
  return options;
}

/// The protocols that the run's method and data allow.
std::string possible_protocols(const Options& options, const Dataset& data) {
  std::vector<std::string> possible;
  for (const auto& protocol : split(options.protocols, ',')) {
    if (protocol == "localisation" && (!uses_network(options) || object_ground_truth(data.test).empty())) continue;
    if (protocol == "projections" && (!uses_gfb(options) || options.gfb == "mlp")) continue;
    if (protocol == "probe" && !uses_network(options) && options.probe == "augmented") continue;
    possible.push_back(protocol);
  }
  return join(possible, ",");
}

bool starts_from_standin(const Options& options) { return uses_network(options) && options.pretrain == "synthbirds"; }

}  // namespace

Grid::Grid(const std::vector<Experiment>& experiments, const std::vector<std::string>& arguments, int threads) : store_("") {
  for (const auto& experiment : experiments) command_lines_.push_back(parse_command_line(arguments, {experiment.id}, suite_home()));
  store_ = RunStore(control().runs);
  for (std::size_t i = 0; i < experiments.size(); ++i) add_rows(experiments[i], command_lines_[i], arguments);
  check_rows();
  check_given_evaluation_options(experiments);
  const std::string& wanted = control().worker_run;
  if (wanted.empty() || wanted.starts_with("synthbirds-standin-")) add_standins(command_lines_.front());
  if (!wanted.empty()) std::erase_if(cells_, [&](const Cell& cell) { return !wanted.starts_with(cell.options.dataset + "-" + cell.options.method + "-") || (starts_from_standin(cell.options) && control().worker_standin.empty()); });
  identify(threads);
}

void Grid::add_rows(const Experiment& experiment, const CommandLine& command, const std::vector<std::string>& arguments) {
  const torch::Device device = resolve_device(command.options.device);
  for (const auto& row : experiment.rows(command.options)) {
    Options options = command.options, host = command.options;
    for (const auto& [name, value] : row.settings) set_option(host, name, value, "row " + row.name);
    if (bootstraps(host)) options = parse_command_line(arguments, {experiment.id, "byol", "byol-" + host.dataset}, suite_home()).options;
    std::vector<std::string> varied;
    for (const auto& [name, value] : row.settings) {
      if (command.given.contains(name) && get_option(options, find_option(name, "")) != value) fail("command line: --{} is what the rows of {} vary; it cannot be set", name, experiment.id);
      set_option(options, name, value, "row " + row.name);
      varied.push_back(name + "=" + value);
    }
    const bool selected = row.name.find(command.options.rows) != std::string::npos;
    try {
      resolve(options, device);
    } catch (const UserError& e) {
      if (!selected) continue;  // nobody asks for it, and the store can have nothing of it
      fail("row {}: {}", row.name, e.what());
    }
    std::vector<Options> evaluations;
    for (const auto& settings : experiment.evaluations) {
      Options evaluation = options;
      for (const auto& [name, value] : settings) set_option(evaluation, name, value, "evaluation of " + experiment.id);
      check_evaluation(evaluation);
      evaluations.push_back(std::move(evaluation));
    }
    // Seeds of the command line hold for every row, unless it names others too.
    const bool own_seeds = !row.headline && !options.other_seeds.empty() && (!command.given.contains("seeds") || command.given.contains("other-seeds"));
    auto seeds = parse_seeds(own_seeds ? options.other_seeds : options.seeds);
    if (options.method == "raw_pixels") seeds = {0};  // nothing random about it
    for (const auto seed : seeds) cells_.push_back({&experiment, row, options, seed, join(varied, ";"), nullptr, {}, evaluations, selected, has_subset(options) ? 2 : 1});
  }
}

void Grid::check_rows() const {
  if (std::any_of(cells_.begin(), cells_.end(), [](const Cell& cell) { return cell.selected; })) return;
  std::vector<std::string> names;
  for (const auto& cell : cells_)
    if (std::find(names.begin(), names.end(), cell.row.name) == names.end()) names.push_back(cell.row.name);
  fail("rows = '{}': there is no such row; there are '{}'", control().rows, join(names, "', '"));
}

void Grid::check_given_evaluation_options(const std::vector<Experiment>& experiments) const {
  for (const auto& name : command_lines_.front().given) {
    if (find_option(name, "").part != OptionPart::kEvaluation) continue;
    // One that no evaluation leaves open would be ignored in silence. A checkpoint other than the last belongs to no row.
    const bool used = name != "checkpoint" && std::any_of(experiments.begin(), experiments.end(), [&](const Experiment& experiment) {
                        return std::any_of(experiment.evaluations.begin(), experiment.evaluations.end(), [&](const Settings& settings) {
                          return std::none_of(settings.begin(), settings.end(), [&](const auto& setting) { return setting.first == name; });
                        });
                      });
    if (!used) fail("command line: --{} has no part in {}; the program evaluate applies it to a stored run", name, experiments.size() == 1 ? experiments.front().id : "these experiments");
  }
}

void Grid::add_standins(const CommandLine& command) {
  std::vector<Cell> standins;
  std::map<std::string, std::size_t> known;
  for (const auto& cell : cells_) {
    if (!starts_from_standin(cell.options)) continue;
    std::vector<std::string> arguments = {"--preset", command.preset_argument};
    if (!command.options.config.empty()) arguments.insert(arguments.end(), {"--config", command.options.config});
    Options options = parse_command_line(arguments, {"standin"}, suite_home()).options;
    options.dataset = "synthbirds-standin";
    options.method = "supervised";
    options.pretrain = "none";
    std::string key;
    // The network must be the one that starts from it, and runs where that does.
    for (const char* name : {"arch", "stem", "width", "stride-in-1x1", "bn-eps", "image-size", "precision", "device", "threads", "runs", "checkpoint-every", "inexact-resume", "deterministic"}) {
      const std::string value = get_option(cell.options, find_option(name, ""));
      set_option(options, name, value, "stand-in");
      key += value + "\n";
    }
    const auto [entry, is_new] = known.emplace(key, standins.size());
    if (is_new) {
      resolve(options, resolve_device(options.device));
      standins.push_back({nullptr, {"Stand-in for ImageNet's weights", {}}, options, 0, "", nullptr, {}, {}, false, 0});
    }
    if (cell.selected) standins[entry->second].selected = true;
  }
  cells_.insert(cells_.begin(), standins.begin(), standins.end());
}

const Dataset& Grid::data_of(const Options& options, int threads) {
  auto& entry = data_[data_key(options)];
  if (!entry) {
    entry = std::make_unique<LoadedData>(LoadedData{load_dataset(options, threads), "", ""});
    if (entry->data.test.count() < 2) fail("the test set of {} has {} images; retrieval needs at least 2: raise limit-test", entry->data.title, entry->data.test.count());
    entry->train_fingerprint = fingerprint(entry->data.train);
    entry->test_fingerprint = fingerprint(entry->data.test);
  }
  return entry->data;
}

void Grid::identify(int threads) {
  std::map<std::string, std::string> init_sha256;
  for (auto& cell : cells_) {
    Options& options = cell.options;
    cell.data = &data_of(options, threads);
    if (trains(options) && cell.data->train.count() < options.batch_size)
      fail("the training set of {} has {} images, fewer than one batch of batch-size = {}", cell.data->title, cell.data->train.count(), options.batch_size);
    std::string init;
    if (starts_from_standin(options)) {
      // A worker is told; the stand-in itself came first.
      std::string hash = options.worker_standin;
      for (const auto& other : cells_)
        if (hash.empty() && other.stage == 0 && other.options.arch == options.arch && other.options.stem == options.stem && other.options.width == options.width &&
            other.options.image_size == options.image_size && other.options.stride_in_1x1 == options.stride_in_1x1 && other.options.bn_eps == options.bn_eps && other.options.precision == options.precision)
          hash = other.identity.hash;
      check_internal(!hash.empty(), "a run without its stand-in");
      init = "run " + hash;
      options.init = (store_.root() / fmt::format("synthbirds-standin-supervised-{}-s0", hash.substr(0, 12)) / "backbone.safetensors").string();
      for (auto& evaluation : cell.evaluations) evaluation.init = options.init;
    } else if (uses_network(options) && !options.init.empty()) {
      if (!init_sha256.contains(options.init)) init_sha256[options.init] = sha256_file(options.init);
      init = init_sha256[options.init];
    }
    const auto& loaded = *data_.at(data_key(options));
    cell.identity = identify_run(options, {cell.seed, data_fingerprint(loaded.train_fingerprint, loaded.test_fingerprint), init});
    for (auto& evaluation : cell.evaluations) evaluation.protocols = possible_protocols(evaluation, *cell.data);
    std::erase_if(cell.evaluations, [](const Options& evaluation) { return evaluation.protocols.empty(); });
  }
  // Whoever branches off another run needs that one's state of the epoch.
  for (const auto& branch : cells_) {
    if (branch.stage != 2) continue;
    Options trunk = branch.options;
    trunk.subset = "all";
    const std::string directory = identify_run(trunk, branch.identity.inputs).directory;
    for (auto& cell : cells_) {
      auto pinned = parse_epochs(cell.options.pin_epochs);
      if (cell.identity.directory != directory || std::find(pinned.begin(), pinned.end(), branch.options.subset_epoch) != pinned.end()) continue;
      cell.options.pin_epochs += (pinned.empty() ? "" : ",") + std::to_string(branch.options.subset_epoch);
    }
  }
}

}  // namespace lcr
