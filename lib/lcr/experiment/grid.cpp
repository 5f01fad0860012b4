#include "lcr/experiment/grid.h"

#include <algorithm>

#include <fmt/core.h>

#include "lcr/base/error.h"
#include "lcr/base/hashing.h"
#include "lcr/base/text.h"
#include "lcr/data/catalogue.h"
#include "lcr/data/dataset_options.h"
#include "lcr/data/datasets.h"
#include "lcr/evaluate/probe_spec.h"
#include "lcr/evaluate/protocol_spec.h"
#include "lcr/experiment/control_options.h"
#include "lcr/experiment/identify_run.h"
#include "lcr/experiment/run.h"
#include "lcr/experiment/standin.h"
#include "lcr/image/view_options.h"
#include "lcr/method/host_options.h"
#include "lcr/method/lcr_options.h"
#include "lcr/method/method_spec.h"
#include "lcr/model/model_options.h"

namespace lcr {
namespace fs = std::filesystem;
namespace {

/// The values of the options that load_dataset() reads: equal keys mean equal data.
std::string data_key(const Options& o) {
  const auto& folders = o.get<DataFolderOptions>();
  std::string key =
      dataset_of(o).name + "\n" + folders.data_dir + "\n" + folders.pixel_store + "\n";
  for (const auto& group : dataset_of(o).options)
    for (const auto& row : group.rows()) key += get_option(o, row) + "\n";
  for (const auto& name : data_option_names(o)) key += get_option(o, find_option(name, "")) + "\n";
  return key;
}

/// The evaluation's protocols that the run's method and data allow.
std::string possible_protocols(const Options& options, const DataFacts& data) {
  std::vector<std::string> possible;
  for (const auto& name : split(options.get<ProtocolOptions>().protocols, ','))
    if (find_protocol(name).refusal(options, data.has_objects).empty()) possible.push_back(name);
  return join(possible, ",");
}

}  // namespace

Grid::Grid(const std::vector<Experiment>& experiments, const std::vector<std::string>& arguments,
           int threads)
    : plan_(make_plan(experiments, arguments)), store_(control().get<StoreOptions>().runs) {
  identify(threads);
}

void Grid::find_data(Cell& cell, int threads) {
  const Options& options = cell.options;
  const std::string key = facts_key(options);
  if (!control().get<StoreOptions>().records.empty()) {
    const auto found = recorded_.data.find(key);
    if (found == recorded_.data.end())
      fail("{}: says nothing about the data '{}'",
           facts_file(control().get<StoreOptions>().records).string(), key);
    cell.facts = &inputs_.data.insert(*found).first->second;
    return;
  }
  auto& data = data_[data_key(options)];
  if (!data) {
    data = std::make_unique<Dataset>(load_dataset(
        options, threads, /*verify=*/control().get<WorkerOptions>().worker_run.empty()));
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
  if (control().get<StoreOptions>().records.empty()) return digest = sha256_file(init);
  const auto found = recorded_.init.find(name);
  if (found == recorded_.init.end())
    fail("{}: says nothing about the initial weights '{}'",
         facts_file(control().get<StoreOptions>().records).string(), name);
  return digest = found->second;
}

void Grid::identify(int threads) {
  if (!control().get<StoreOptions>().records.empty())
    recorded_ = read_facts(facts_file(control().get<StoreOptions>().records));
  inputs_.numerics_revision = recorded_.numerics_revision;
  for (auto& cell : cells()) {
    Options& options = cell.options;
    find_data(cell, threads);
    if (method_of(options).trains() &&
        cell.facts->training_images < options.get<BatchOptions>().batch_size)
      fail("the training set of {} has {} images, fewer than one batch of batch-size = {}",
           cell.facts->title, cell.facts->training_images, options.get<BatchOptions>().batch_size);
    std::string init;
    if (starts_from_standin(options)) {
      // A worker gets the hash from its parent. Otherwise the stand-in is an earlier cell.
      std::string hash = options.get<WorkerOptions>().worker_standin;
      for (const auto& other : cells())
        if (hash.empty() && other.stage == 0 && network_key(other.options) == network_key(options))
          hash = other.identity.hash;
      check_internal(!hash.empty(), "a run without its stand-in");
      init = "run " + hash;
      options.get<InitOptions>().init = standin_weights(store_.root(), hash).string();
      for (auto& evaluation : cell.evaluations)
        evaluation.get<InitOptions>().init = options.get<InitOptions>().init;
    } else if (method_of(options).has_network && !options.get<InitOptions>().init.empty()) {
      init = init_digest(options.get<InitOptions>().init);
    }
    const std::string data =
        data_fingerprint(cell.facts->train_fingerprint, cell.facts->test_fingerprint);
    cell.identity = identify_run(options, {.seed = cell.seed,
                                           .data_fingerprint = data,
                                           .init = init,
                                           .imported = {},
                                           .numerics = recorded_.numerics_revision});
    for (auto& evaluation : cell.evaluations)
      evaluation.get<ProtocolOptions>().protocols = possible_protocols(evaluation, *cell.facts);
    std::erase_if(cell.evaluations, [](const Options& evaluation) {
      return evaluation.get<ProtocolOptions>().protocols.empty();
    });
  }
  // A run that branches off another needs the other's state after the epoch of the branch.
  for (const auto& branch : cells()) {
    if (branch.stage != 2) continue;
    Options trunk = branch.options;
    trunk.get<SubsetOptions>().subset = "all";
    const std::string directory = identify_run(trunk, branch.identity.inputs).directory;
    for (auto& cell : cells()) {
      auto pinned = parse_epochs(cell.options.get<ExecutionOptions>().pin_epochs);
      if (cell.identity.directory != directory ||
          std::find(pinned.begin(), pinned.end(),
                    branch.options.get<SubsetOptions>().subset_epoch) != pinned.end())
        continue;
      cell.options.get<ExecutionOptions>().pin_epochs +=
          (pinned.empty() ? "" : ",") +
          std::to_string(branch.options.get<SubsetOptions>().subset_epoch);
    }
  }
}

}  // namespace lcr
