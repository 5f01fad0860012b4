#include "lcr/evaluate/projections_spec.h"

#include "lcr/method/method_spec.h"

namespace lcr {
namespace {

std::string refuse_projections(const Options& options, bool) {
  const MethodSpec& method = method_of(options);
  if (!method.has_network)
    return "method " + method.name + " has no network, which protocol projections needs";
  return has_projections(options) ? "" : "projections: this run has no GFB with linear projections";
}

}  // namespace

std::vector<OptionSpec> projection_options() {
  Section<ProjectionOptions> s("Protocols", OptionPart::kEvaluation);
  s.choice("variance-images", &ProjectionOptions::variance_images,
           "images over which the projections' variance is averaged (test: as in the "
           "authors' code)",
           {"train", "test"});
  s.number("panel-images", &ProjectionOptions::panel_images, "images",
           "number of test images on the panel of heat maps, drawn by the seed", 1, 64);
  return s.rows();
}

ProtocolSpec projections_spec() {
  return {.name = "projections",
          .options = {option_group<ProjectionOptions>(projection_options)},
          .refusal = refuse_projections};
}

}  // namespace lcr
