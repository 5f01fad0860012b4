// The study of a branch's projections as a component.
#pragma once

#include "lcr/evaluate/protocol_spec.h"

namespace lcr {

struct ProjectionOptions {
  std::string variance_images = "train";
  std::int64_t panel_images = 6;
};

std::vector<OptionSpec> projection_options();

/// Variance of the projections, their principal angles with the features, and the panel of heat
/// maps (Figures B1 and B2).
ProtocolSpec projections_spec();

}  // namespace lcr
