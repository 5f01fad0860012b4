#include "lcr/base/error.h"
#include "lcr/base/text.h"
#include "lcr/method/lcr.h"
#include "lcr/method/moco_v2.h"
#include "lcr/method/supervised.h"
#include "lcr/model/initialise.h"

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

LoadReport load_initial_weights(Encoder& encoder, const Options& options) {
  const WeightFile file = read_weights(options.init);
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
  const std::string prefix = options.init_prefix.empty()
                                 ? find_prefix(*encoder->backbone(), file, options.init)
                                 : options.init_prefix;
  LoadReport report = load_weights(*encoder->backbone(), file, prefix);
  if (!report.misshapen.empty())
    fail(
        "{}: {} tensors (the first is {}) have other shapes than in arch = {}: weights of another "
        "architecture",
        options.init, report.misshapen.size(), report.misshapen.front(), options.arch);
  if (report.loaded == 0)
    fail("{}: none of its {} tensors belongs to arch = {}{}", options.init, file.tensors.size(),
         options.arch,
         options.init_prefix.empty()
             ? ""
             : " under the prefix '" + options.init_prefix + "' (prefixes end in a dot)");
  return report;
}

std::shared_ptr<Method> make_method(const Options& options, std::uint64_t seed,
                                    std::int64_t classes) {
  if (options.method == "supervised") return std::make_shared<Supervised>(options, seed, classes);
  if (options.method == "moco_v2" || options.method == "moco_bilinear")
    return std::make_shared<MoCoV2>(options, seed);
  if (options.method == "byol") return std::make_shared<Byol>(options, seed);
  if (options.method == "byol_lcr") return std::make_shared<Lcr<Byol>>(options, seed);
  check_internal(options.method == "lcr", "a method without a trainer");
  return std::make_shared<Lcr<MoCoV2>>(options, seed);
}

}  // namespace lcr
