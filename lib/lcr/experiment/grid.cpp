#include "lcr/experiment/grid.h"

#include <algorithm>

#include <fmt/core.h>

#include "lcr/base/error.h"
#include "lcr/base/hashing.h"
#include "lcr/base/text.h"
#include "lcr/data/datasets.h"
#include "lcr/data/object_region.h"
#include "lcr/experiment/run.h"

namespace lcr {
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
std::string possible_protocols(const Options& options, const Dataset& data) {
  std::vector<std::string> possible;
  for (const auto& protocol : split(options.protocols, ',')) {
    if (protocol == "localisation" &&
        (!uses_network(options) || object_ground_truth(data.test).empty()))
      continue;
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

const Dataset& Grid::data_of(const Options& options, int threads) {
  auto& entry = data_[data_key(options)];
  if (!entry) {
    entry = std::make_unique<LoadedData>(LoadedData{load_dataset(options, threads), "", ""});
    if (entry->data.test.count() < 2)
      fail("the test set of {} has {} images; retrieval needs at least 2: raise limit-test",
           entry->data.title, entry->data.test.count());
    entry->train_fingerprint = fingerprint(entry->data.train);
    entry->test_fingerprint = fingerprint(entry->data.test);
  }
  return entry->data;
}

void Grid::identify(int threads) {
  std::map<std::string, std::string> init_sha256;
  for (auto& cell : cells()) {
    Options& options = cell.options;
    cell.data = &data_of(options, threads);
    if (trains(options) && cell.data->train.count() < options.batch_size)
      fail("the training set of {} has {} images, fewer than one batch of batch-size = {}",
           cell.data->title, cell.data->train.count(), options.batch_size);
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
      if (!init_sha256.contains(options.init))
        init_sha256[options.init] = sha256_file(options.init);
      init = init_sha256[options.init];
    }
    const auto& loaded = *data_.at(data_key(options));
    const std::string data = data_fingerprint(loaded.train_fingerprint, loaded.test_fingerprint);
    cell.identity = identify_run(options, {cell.seed, data, init});
    for (auto& evaluation : cell.evaluations)
      evaluation.protocols = possible_protocols(evaluation, *cell.data);
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
