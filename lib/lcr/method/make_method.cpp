#include <fmt/core.h>

#include "lcr/base/error.h"
#include "lcr/base/text.h"
#include "lcr/method/byol.h"
#include "lcr/method/lcr.h"
#include "lcr/method/moco_v2.h"
#include "lcr/method/supervised.h"
#include "lcr/model/initialise.h"
#include "lcr/model/resnet.h"

namespace lcr {

Encoder make_encoder(const Options& options, std::uint64_t seed) {
  Encoder encoder(
      EncoderOptions{.backbone = {.arch = options.arch,
                                  .stem = options.stem,
                                  .width = options.width,
                                  .stride_in_1x1 = options.stride_in_1x1,
                                  .bn_eps = options.bn_eps},
                     .embedding_dim = options.embedding_dim,
                     .head_hidden = bootstraps(options) ? options.head_hidden : 0,
                     .bilinear_maps = options.method == "moco_bilinear" ? options.bilinear_maps : 0,
                     .bfloat16 = options.precision == "bfloat16"});
  initialise(*encoder->backbone(), InitScheme::kResNet, seed, "backbone");
  initialise(*encoder->head(), InitScheme::kDefault, seed, "head");
  if (encoder->bilinear()) initialise(*encoder->bilinear(), InitScheme::kDefault, seed, "bilinear");
  if (!options.init.empty()) load_initial_weights(encoder, options);
  return encoder;
}

namespace {

/// Says which architecture the tensors of a file of initial weights fit best, for a message.
std::string nearest_architecture(const WeightFile& file, const Options& options) {
  struct Candidate {
    std::string settings;
    std::size_t fitting = 0, others = 0;  ///< tensors that fit, and those that do not
  };
  // The width of a narrow network is the size of its first convolution's output.
  std::int64_t width = options.width;
  std::size_t shortest = std::string::npos;
  for (const auto& [name, tensor] : file.tensors)
    if (name.ends_with("conv1.weight") && name.size() < shortest && tensor.shape.size() == 4 &&
        tensor.shape[0] >= 1 && tensor.shape[0] <= 1024) {
      shortest = name.size();
      width = tensor.shape[0];
    }
  Candidate best;
  for (const auto& arch : find_option("arch", "").choices)
    for (const std::string stem : {"imagenet", "cifar"}) {
      const bool narrow = arch == "narrow";
      if (narrow && stem != "imagenet") continue;  // it has a stem of its own
      const ResNet net(BackboneOptions{.arch = arch, .stem = stem, .width = width});
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
  WeightFile file = read_weights(options.init);
  // A file's metadata may say how its network is built. A stride in the wrong place raises no
  // error: the features are only worse.
  for (const char* name : {"stride_in_1x1", "bn_eps"}) {
    const auto said = file.metadata.find(name);
    if (said == file.metadata.end()) continue;
    std::string ours = options.stride_in_1x1 ? "true" : "false";
    if (std::string(name) == "bn_eps") ours = format_number(options.bn_eps);
    if (said->second != ours && parse_number(said->second) != options.bn_eps)
      fail(
          "{}: its metadata says {} = {}, but the options say {}; set stride-in-1x1 and bn-eps to "
          "the file's values",
          options.init, name, said->second, ours);
  }
  const auto renamed = name_sequential_children(file);
  std::string prefix = options.init_prefix == kNoPrefix ? "" : options.init_prefix;
  if (options.init_prefix.empty()) prefix = find_prefix(*encoder->backbone(), file, options.init);
  const LoadReport report = load_weights(*encoder->backbone(), file, options.init, prefix);
  if (!report.misshapen.empty())
    fail(
        "{}: {} tensors (the first is {}) have other shapes than in arch = {}: weights of another "
        "architecture; {}",
        options.init, report.misshapen.size(), report.misshapen.front(), options.arch,
        nearest_architecture(file, options));
  if (report.loaded == 0)
    fail("{}: none of its {} tensors belongs to arch = {}{}; {}", options.init, file.tensors.size(),
         options.arch,
         options.init_prefix.empty()
             ? ""
             : " under the prefix '" + options.init_prefix + "' (prefixes end in a dot)",
         nearest_architecture(file, options));
  const auto missing = without_counters(report.missing);
  const auto left_over = without_counters(report.left_over);
  if (!options.init_partial && !(missing.empty() && left_over.empty()))
    fail(
        "{}: does not hold the backbone of arch = {}: tensors missing: {}; left over: {}; {}; "
        "'--init-partial yes' loads those that fit",
        options.init, options.arch, list_names(missing, 6), list_names(left_over, 6),
        nearest_architecture(file, options));
  for (const auto& [name, tensor] : named_tensors(*encoder->backbone()))
    if (tensor.is_floating_point() && !torch::isfinite(tensor).all().item<bool>()) {
      const auto old = renamed.find(prefix + name);
      fail(
          "{}: tensor {} holds values that are not finite (nan or inf) as float32: the weights "
          "are damaged; use another file",
          options.init, old == renamed.end() ? prefix + name : old->second);
    }
  return report;
}

namespace {

std::shared_ptr<Host> make_host(const Options& options, std::uint64_t seed) {
  if (bootstraps(options)) return std::make_shared<Byol>(options, seed);
  check_internal(contrasts(options), "a method without a trainer");
  return std::make_shared<MoCoV2>(options, seed);
}

}  // namespace

std::shared_ptr<Method> make_method(const Options& options, std::uint64_t seed,
                                    std::int64_t classes) {
  if (options.method == "supervised") return std::make_shared<Supervised>(options, seed, classes);
  const auto host = make_host(options, seed);
  if (!uses_gfb(options)) return host;
  return std::make_shared<Lcr>(host, options, seed);
}

}  // namespace lcr
