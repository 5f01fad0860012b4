#include "lcr/experiment/standin.h"

#include <fmt/core.h>

#include "lcr/base/suite_home.h"
#include "lcr/data/dataset_options.h"
#include "lcr/data/synth_birds_dataset.h"
#include "lcr/method/controls_spec.h"
#include "lcr/method/method_spec.h"
#include "lcr/model/backbones.h"
#include "lcr/model/model_options.h"

namespace lcr {
namespace {

/// The options of the network and its input.
std::vector<std::string> network_options(const Options& options) {
  std::vector<std::string> names = {"image-size", "precision"};
  for (const auto& row : arch_options()) names.emplace_back(row.name);
  for (const auto& group : backbone_of(options).options)
    for (const auto& row : group.rows()) names.emplace_back(row.name);
  return names;
}

std::string standin_prefix() {
  return synth_birds_standin().name + "-" + supervised_spec().name + "-";
}

}  // namespace

bool starts_from_standin(const Options& options) {
  return method_of(options).has_network && options.get<InitOptions>().pretrain == "synthbirds";
}

Options standin_options(const Options& run, const CommandLine& command) {
  std::vector<std::string> arguments = {"--preset", command.preset_argument};
  if (const auto& config = command.options.get<ProgramOptions>().config; !config.empty())
    arguments.insert(arguments.end(), {"--config", config});
  const std::string method = supervised_spec().name;
  Options options = parse_command_line(arguments, {method, "standin"}, suite_home()).options;
  options.get<DatasetOptions>().dataset = synth_birds_standin().name;
  options.get<MethodOptions>().method = method;
  options.get<InitOptions>().pretrain = "none";
  std::vector<std::string> shared = network_options(run);
  shared.insert(shared.end(), {"device", "threads", "runs", "checkpoint-every", "inexact-resume",
                               "deterministic"});
  for (const auto& name : shared)
    set_option(options, name, get_option(run, find_option(name, "")), "stand-in");
  return options;
}

std::string network_key(const Options& options) {
  std::string key;
  for (const auto& name : network_options(options))
    key += get_option(options, find_option(name, "")) + "\n";
  return key;
}

std::string directory_prefix(const Options& options) {
  return options.get<DatasetOptions>().dataset + "-" + options.get<MethodOptions>().method + "-";
}

std::filesystem::path standin_weights(const std::filesystem::path& store, const std::string& hash) {
  return store / fmt::format("{}{}-s0", standin_prefix(), hash.substr(0, 12)) /
         "backbone.safetensors";
}

bool is_standin(const std::string& directory) { return directory.starts_with(standin_prefix()); }

}  // namespace lcr
