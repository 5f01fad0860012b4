#include "lcr/experiment/grid.h"

#include <algorithm>

#include <fmt/core.h>

#include "lcr/base/error.h"
#include "lcr/base/hashing.h"
#include "lcr/base/text.h"
#include "lcr/data/datasets.h"
#include "lcr/experiment/run.h"

namespace lcr {
namespace fs = std::filesystem;
namespace {

/// The values of the options that load_dataset() reads: equal keys mean equal data.
std::string data_key(const Options& o) {
  std::string key;
  for (const char* name :
       {"dataset", "folder", "data-dir", "pixel-store", "store-side", "classes", "limit-train",
        "limit-test", "image-size", "synthbirds-classes", "synthbirds-train", "synthbirds-test"})
    key += get_option(o, find_option(name, "")) + "\n";
  return key;
}

/// The evaluation's protocols that the run's method and data allow.
std::string possible_protocols(const Options& options, const DataFacts& data) {
  std::vector<std::string> possible;
  for (const auto& protocol : split(options.protocols, ',')) {
    if (protocol == "localisation" && (!uses_network(options) || !data.has_objects)) continue;
    if (protocol == "projections" && (!uses_gfb(options) || options.gfb == "mlp")) continue;
    if (protocol == "probe" && !uses_network(options) && options.probe == "augmented") continue;
    possible.push_back(protocol);
  }
  return join(possible, ",");
}

}  // namespace

Grid::Grid(const std::vector<Experiment>& experiments, const std::vector<std::string>& arguments,
           int threads)
    : plan_(make_plan(experiments, arguments)), store_(control().runs) {
  identify(threads);
}

void Grid::find_data(Cell& cell, int threads) {
  const Options& options = cell.options;
  const std::string key = facts_key(options);
  if (!control().records.empty()) {
    const auto found = recorded_.data.find(key);
    if (found == recorded_.data.end())
      fail("{}: says nothing about the data '{}'", facts_file(control().records).string(), key);
    cell.facts = &inputs_.data.insert(*found).first->second;
    return;
  }
  auto& data = data_[data_key(options)];
  if (!data) {
    data = std::make_unique<Dataset>(load_dataset(options, threads));
    if (data->test.count() < 2)
      fail("the test set of {} has {} images; retrieval needs at least 2: raise limit-test",
           data->title, data->test.count());
    inputs_.data[key] = describe_data(*data);
  }
  cell.data = data.get();
  cell.facts = &inputs_.data.at(key);
}

std::string Grid::init_digest(const std::string& init) {
  const std::string name = fs::path(init).filename();
  auto& digest = inputs_.init[name];
  if (!digest.empty()) return digest;
  if (control().records.empty()) return digest = sha256_file(init);
  const auto found = recorded_.init.find(name);
  if (found == recorded_.init.end())
    fail("{}: says nothing about the initial weights '{}'", facts_file(control().records).string(),
         name);
  return digest = found->second;
}

void Grid::identify(int threads) {
  if (!control().records.empty()) recorded_ = read_facts(facts_file(control().records));
  for (auto& cell : cells()) {
    Options& options = cell.options;
    find_data(cell, threads);
    if (trains(options) && cell.facts->training_images < options.batch_size)
      fail("the training set of {} has {} images, fewer than one batch of batch-size = {}",
           cell.facts->title, cell.facts->training_images, options.batch_size);
    std::string init;
    if (starts_from_standin(options)) {
      // A worker gets the hash from its parent. Otherwise the stand-in is an earlier cell.
      std::string hash = options.worker_standin;
      for (const auto& other : cells())
        if (hash.empty() && other.stage == 0 && other.options.arch == options.arch &&
            other.options.stem == options.stem && other.options.width == options.width &&
            other.options.image_size == options.image_size &&
            other.options.stride_in_1x1 == options.stride_in_1x1 &&
            other.options.bn_eps == options.bn_eps && other.options.precision == options.precision)
          hash = other.identity.hash;
      check_internal(!hash.empty(), "a run without its stand-in");
      init = "run " + hash;
      options.init =
          (store_.root() / fmt::format("synthbirds-standin-supervised-{}-s0", hash.substr(0, 12)) /
           "backbone.safetensors")
              .string();
      for (auto& evaluation : cell.evaluations) evaluation.init = options.init;
    } else if (uses_network(options) && !options.init.empty()) {
      init = init_digest(options.init);
    }
    const std::string data =
        data_fingerprint(cell.facts->train_fingerprint, cell.facts->test_fingerprint);
    cell.identity = identify_run(options, {cell.seed, data, init});
    for (auto& evaluation : cell.evaluations)
      evaluation.protocols = possible_protocols(evaluation, *cell.facts);
    std::erase_if(cell.evaluations,
                  [](const Options& evaluation) { return evaluation.protocols.empty(); });
  }
  // A run that branches off another needs the other's state after the epoch of the branch.
  for (const auto& branch : cells()) {
    if (branch.stage != 2) continue;
    Options trunk = branch.options;
    trunk.subset = "all";
    const std::string directory = identify_run(trunk, branch.identity.inputs).directory;
    for (auto& cell : cells()) {
      auto pinned = parse_epochs(cell.options.pin_epochs);
      if (cell.identity.directory != directory ||
          std::find(pinned.begin(), pinned.end(), branch.options.subset_epoch) != pinned.end())
        continue;
      cell.options.pin_epochs +=
          (pinned.empty() ? "" : ",") + std::to_string(branch.options.subset_epoch);
    }
  }
}

}  // namespace lcr
