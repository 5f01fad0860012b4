// MoCo v2 as a component.
#pragma once

#include "lcr/method/host_options.h"
#include "lcr/method/method_spec.h"

namespace lcr {

/// MoCo v2 (Chen et al. 2020), the paper's host.
inline MethodSpec moco_v2_spec() {
  return {.name = "moco_v2",
          .kind = MethodKind::kHost,
          .options = {option_group<HostOptions>(host_options),
                      option_group<MovingAverageOptions>(moving_average_options),
                      option_group<MomentumContrastOptions>(momentum_contrast_options)},
          .check = check_momentum_contrast};
}

/// The pooling of MoCo-Bilinear.
struct BilinearOptions {
  std::int64_t bilinear_maps = 8;
};

inline std::vector<OptionSpec> bilinear_options() {
  Section<BilinearOptions> s("Method");
  s.number("bilinear-maps", &BilinearOptions::bilinear_maps, "maps",
           "number of attention maps of MoCo-Bilinear", 1, 1024);
  return s.rows();
}

/// MoCo v2 with bilinear pooling, a baseline of the paper.
inline MethodSpec moco_bilinear_spec() {
  MethodSpec spec = moco_v2_spec();
  spec.name = "moco_bilinear";
  spec.kind = MethodKind::kBaseline;
  spec.judged_by = "bilinear";
  spec.options.push_back(option_group<BilinearOptions>(bilinear_options));
  return spec;
}

}  // namespace lcr
