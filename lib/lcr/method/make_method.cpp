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
  // A file may say how its network is built; with the stride in the wrong place nothing fails, the
  // features are only worse.
  for (const char* name : {"stride_in_1x1", "bn_eps"}) {
    const auto said = file.metadata.find(name);
    if (said == file.metadata.end()) continue;
    const std::string ours = std::string(name) == "bn_eps" ? format_number(options.bn_eps)
                             : options.stride_in_1x1       ? "true"
                                                           : "false";
    if (said->second != ours && parse_number(said->second) != options.bn_eps)
      fail(
          "{}: its metadata says {} = {}, the options say {}: set stride-in-1x1 and bn-eps as the "
          "file asks",
          options.init, name, said->second, ours);
  }
  LoadReport report = load_weights(*encoder->backbone(), file,
                                   options.init_prefix.empty()
                                       ? find_prefix(*encoder->backbone(), file, options.init)
                                       : options.init_prefix);
  if (!report.misshapen.empty())
    fail(
        "{}: {} tensors, {} the first, have another shape than in arch = {}: weights of another "
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
