// What self-supervised methods are compared with, as components.
#pragma once

#include "lcr/base/error.h"
#include "lcr/method/host_options.h"
#include "lcr/method/method_spec.h"

namespace lcr {

/// Classification, which pre-trains the stand-in for ImageNet's weights.
inline MethodSpec supervised_spec() {
  return {.name = "supervised", .kind = MethodKind::kSupervised, .check = [](const Options& o) {
            if (const auto ranks = o.get<BatchOptions>().ranks; ranks > 1)
              fail("ranks = {}: supervised pre-training runs on one rank only", ranks);
          }};
}

/// A network with its initial weights.
inline MethodSpec untrained_spec() { return {.name = "untrained", .kind = MethodKind::kControl}; }

/// Pixels as features.
inline MethodSpec raw_pixels_spec() {
  return {.name = "raw_pixels",
          .kind = MethodKind::kControl,
          .judged_by = "none",
          .has_network = false};
}

}  // namespace lcr
