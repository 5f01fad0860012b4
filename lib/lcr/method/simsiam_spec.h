// SimSiam as a component.
#pragma once

#include "lcr/method/host_options.h"
#include "lcr/method/method_spec.h"

namespace lcr {

/// SimSiam (Chen and He 2021).
inline MethodSpec simsiam_spec() {
  return {.name = "simsiam",
          .kind = MethodKind::kHost,
          .has_head = false,
          .options = {option_group<HostOptions>(host_options),
                      option_group<PredictorOptions>(predictor_options)}};
}

}  // namespace lcr
