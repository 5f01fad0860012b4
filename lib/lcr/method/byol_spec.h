// BYOL as a component.
#pragma once

#include "lcr/method/host_options.h"
#include "lcr/method/method_spec.h"

namespace lcr {

/// BYOL (Grill et al. 2020). The authors of LCR published a program of it.
inline MethodSpec byol_spec() {
  return {.name = "byol",
          .kind = MethodKind::kHost,
          .options = {option_group<HostOptions>(host_options),
                      option_group<MovingAverageOptions>(moving_average_options),
                      option_group<PredictorOptions>(predictor_options)},
          // Their code flattens the softmax and has a temperature.
          .authors_switches = LcrSwitches{.cam_source = "loss",
                                          .kl_axis = "positions",
                                          .tau = 0.4,
                                          .cam_scale = "none",
                                          .mask_norm = "batch",
                                          .detach_target = "no",
                                          .kl_reduction = "sum",
                                          .gfb_bn_updates = "once"}};
}

}  // namespace lcr
