#include "lcr/base/error.h"
#include "lcr/method/lcr.h"
#include "lcr/method/moco_v2.h"
#include "lcr/model/initialise.h"

namespace lcr {

Encoder make_encoder(const Options& options, std::uint64_t seed) {
  const BackboneOptions backbone{.arch = options.arch, .stem = options.stem, .width = options.width};
  Encoder encoder(backbone, options.embedding_dim, options.precision == "bfloat16");
  initialise(*encoder->backbone(), InitScheme::kResNet, seed, "backbone");
  initialise(*encoder->head(), InitScheme::kDefault, seed, "head");
  return encoder;
}

std::shared_ptr<Method> make_method(const Options& options, std::uint64_t seed) {
  if (options.method == "moco_v2") return std::make_shared<MoCoV2>(options, seed);
  check_internal(options.method == "lcr", "a method without a trainer");
  return std::make_shared<Lcr>(options, seed);
}

}  // namespace lcr
