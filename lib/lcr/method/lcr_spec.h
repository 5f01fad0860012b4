// LCR as a component.
#pragma once

#include "lcr/method/method_spec.h"

namespace lcr {

/// LCR on a host: the host's options and those of the branch.
inline MethodSpec lcr_spec(const MethodSpec& host) {
  MethodSpec spec = host;
  // The paper's host is MoCo v2: LCR on it has no further name.
  spec.name = host.name == "moco_v2" ? "lcr" : host.name + "_lcr";
  spec.kind = MethodKind::kLcr;
  spec.judged_by = "attention";
  spec.options.push_back(option_group<LcrOptions>(lcr_options));
  spec.options.push_back(option_group<SubsetOptions>(subset_options));
  spec.host = host.name;
  return spec;
}

}  // namespace lcr
