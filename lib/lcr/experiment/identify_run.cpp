#include "lcr/experiment/identify_run.h"

#include <fmt/core.h>

#include "lcr/base/hashing.h"
#include "lcr/data/dataset_options.h"
#include "lcr/method/host_options.h"
#include "lcr/method/lcr_options.h"
#include "lcr/method/method_spec.h"
#include "lcr/model/model_options.h"

namespace lcr {

int numerics_revision(const Options& options, int latest) {
  const MethodSpec& method = method_of(options);
  const bool float32 = method.has_network && options.get<PrecisionOptions>().precision == "float32";
  const bool few_channels = options.get<ArchOptions>().arch == "narrow" &&
                            8 * options.get<NarrowOptions>().width < 256;  // in its last stage
  if (latest >= 8 && float32 && !few_channels) return 8;
  if (latest >= 7 && float32) return 7;
  if (latest >= 6 && method.trains() && options.get<BatchOptions>().ranks > 2) return 6;
  const bool shuffles_keys =
      options.get<BatchOptions>().ranks > 1 || batch_norm_groups(options) > 1;
  const bool branch_sees_keys = method.uses<LcrOptions>() &&
                                method.uses<MomentumContrastOptions>() &&
                                options.get<LcrOptions>().gfb_bn_updates == "as_authors";
  return latest >= 5 && shuffles_keys && branch_sees_keys ? 5 : 4;
}

std::string canonical_text(const Options& options, const RunInputs& inputs, bool with_seed) {
  return text_of_revision(options, inputs, numerics_revision(options, inputs.numerics), with_seed);
}

RunIdentity identify_run(const Options& options, const RunInputs& inputs) {
  RunIdentity identity;
  identity.inputs = inputs;
  identity.text = canonical_text(options, inputs);
  identity.hash = sha256_hex(identity.text);
  identity.config_hash = sha256_hex(canonical_text(options, inputs, false));
  identity.directory =
      fmt::format("{}-{}-{}-s{}", options.get<DatasetOptions>().dataset,
                  options.get<MethodOptions>().method, identity.hash.substr(0, 12), inputs.seed);
  return identity;
}

}  // namespace lcr
