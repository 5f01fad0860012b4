#include "lcr/method/host_options.h"
#include "lcr/method/method.h"
#include "lcr/method/method_spec.h"
#include "lcr/method/moco_v2_spec.h"
#include "lcr/model/initialise.h"
#include "lcr/model/model_options.h"

namespace lcr {

Encoder make_encoder(const Options& options, std::uint64_t seed) {
  const MethodSpec& method = method_of(options);
  Encoder encoder(EncoderOptions{
      .backbone = make_backbone(options),
      .embedding_dim = method.has_head ? options.get<HostOptions>().embedding_dim : 0,
      .head_hidden =
          method.uses<PredictorOptions>() ? options.get<PredictorOptions>().head_hidden : 0,
      .bilinear_maps =
          method.uses<BilinearOptions>() ? options.get<BilinearOptions>().bilinear_maps : 0,
      .bfloat16 = options.get<PrecisionOptions>().precision == "bfloat16"});
  initialise(*encoder->backbone(), InitScheme::kResNet, seed, "backbone");
  if (encoder->head()) initialise(*encoder->head(), InitScheme::kDefault, seed, "head");
  if (encoder->bilinear()) initialise(*encoder->bilinear(), InitScheme::kDefault, seed, "bilinear");
  if (!options.get<InitOptions>().init.empty()) load_initial_weights(encoder, options);
  return encoder;
}

}  // namespace lcr
