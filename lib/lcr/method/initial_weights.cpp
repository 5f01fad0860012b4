#include <fmt/core.h>

#include "lcr/base/error.h"
#include "lcr/base/text.h"
#include "lcr/method/method.h"
#include "lcr/model/backbone.h"
#include "lcr/model/backbones.h"
#include "lcr/model/model_options.h"

namespace lcr {
namespace {

/// Says which architecture the tensors of a file of initial weights fit best, for a message.
std::string nearest_architecture(const WeightFile& file, const Options& options) {
  struct Candidate {
    std::string settings;
    std::size_t fitting = 0, others = 0;  ///< tensors that fit, and those that do not
  };
  // The width of a narrow network is the size of its first convolution's output.
  std::int64_t width = options.get<NarrowOptions>().width;
  std::size_t shortest = std::string::npos;
  for (const auto& [name, tensor] : file.tensors)
    if (name.ends_with("conv1.weight") && name.size() < shortest && tensor.shape.size() == 4 &&
        tensor.shape[0] >= 1 && tensor.shape[0] <= 1024) {
      shortest = name.size();
      width = tensor.shape[0];
    }
  Candidate best;
  for (const auto& spec : backbones())
    for (const std::string stem : {"imagenet", "cifar"}) {
      const std::string& arch = spec.name;
      const bool narrow = has_group(spec.options, typeid(NarrowOptions));
      // Others have a stem of their own.
      if (stem != "imagenet" && !has_group(spec.options, typeid(ResNetOptions))) continue;
      Options other = options;
      other.get<ArchOptions>().arch = arch;
      other.get<ResNetOptions>().stem = stem;
      other.get<NarrowOptions>().width = width;
      const auto net = make_backbone(other);
      const LoadReport report = best_comparison(*net, file);
      const Candidate candidate{
          "arch = " + arch + (narrow ? fmt::format(" with width = {}", width) : "") +
              (stem == "cifar" ? " with stem = cifar" : "") +
              (report.prefix.empty() ? "" : " under the prefix '" + report.prefix + "'"),
          report.loaded,
          without_counters(report.missing).size() + without_counters(report.left_over).size() +
              report.misshapen.size()};
      if (candidate.fitting > best.fitting ||
          (candidate.fitting == best.fitting && candidate.others < best.others))
        best = candidate;
    }
  if (best.fitting == 0) return "it fits no architecture";
  if (best.others == 0) return "it fits " + best.settings;
  return fmt::format("no architecture fits it; the nearest is {}, where {} tensors differ",
                     best.settings, best.others);
}

}  // namespace

LoadReport load_initial_weights(Encoder& encoder, const Options& options) {
  WeightFile file = read_weights(options.get<InitOptions>().init);
  // A file's metadata may say how its network is built. A stride in the wrong place raises no
  // error: the features are only worse.
  for (const char* name : {"stride_in_1x1", "bn_eps"}) {
    const auto said = file.metadata.find(name);
    if (said == file.metadata.end()) continue;
    std::string ours = options.get<BottleneckOptions>().stride_in_1x1 ? "true" : "false";
    if (std::string(name) == "bn_eps") ours = format_number(options.get<ArchOptions>().bn_eps);
    if (said->second != ours && parse_number(said->second) != options.get<ArchOptions>().bn_eps)
      fail(
          "{}: its metadata says {} = {}, but the options say {}; set stride-in-1x1 and bn-eps to "
          "the file's values",
          options.get<InitOptions>().init, name, said->second, ours);
  }
  const auto renamed = name_sequential_children(file);
  std::string prefix = options.get<InitOptions>().init_prefix == kNoPrefix
                           ? ""
                           : options.get<InitOptions>().init_prefix;
  if (options.get<InitOptions>().init_prefix.empty())
    prefix = find_prefix(*encoder->backbone(), file, options.get<InitOptions>().init);
  const LoadReport report =
      load_weights(*encoder->backbone(), file, options.get<InitOptions>().init, prefix);
  if (!report.misshapen.empty())
    fail(
        "{}: {} tensors (the first is {}) have other shapes than in arch = {}: weights of another "
        "architecture; {}",
        options.get<InitOptions>().init, report.misshapen.size(), report.misshapen.front(),
        options.get<ArchOptions>().arch, nearest_architecture(file, options));
  if (report.loaded == 0)
    fail("{}: none of its {} tensors belongs to arch = {}{}; {}", options.get<InitOptions>().init,
         file.tensors.size(), options.get<ArchOptions>().arch,
         options.get<InitOptions>().init_prefix.empty()
             ? ""
             : " under the prefix '" + options.get<InitOptions>().init_prefix +
                   "' (prefixes end in a dot)",
         nearest_architecture(file, options));
  const auto missing = without_counters(report.missing);
  const auto left_over = without_counters(report.left_over);
  if (!options.get<InitOptions>().init_partial && !(missing.empty() && left_over.empty()))
    fail(
        "{}: does not hold the backbone of arch = {}: tensors missing: {}; left over: {}; {}; "
        "'--init-partial yes' loads those that fit",
        options.get<InitOptions>().init, options.get<ArchOptions>().arch, list_names(missing, 6),
        list_names(left_over, 6), nearest_architecture(file, options));
  for (const auto& [name, tensor] : named_tensors(*encoder->backbone()))
    if (tensor.is_floating_point() && !torch::isfinite(tensor).all().item<bool>()) {
      const auto old = renamed.find(prefix + name);
      fail(
          "{}: tensor {} holds values that are not finite (nan or inf) as float32: the weights "
          "are damaged; use another file",
          options.get<InitOptions>().init, old == renamed.end() ? prefix + name : old->second);
    }
  return report;
}

}  // namespace lcr
