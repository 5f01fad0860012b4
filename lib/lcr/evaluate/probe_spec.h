// Linear probing as a component.
#pragma once

#include "lcr/evaluate/protocol_spec.h"

namespace lcr {

struct ProbeProtocolOptions {
  std::string probe = "augmented", probe_lr = "30", label_shares = "1";
  std::int64_t probe_epochs = 100, probe_batch_size = 256;
};

std::vector<OptionSpec> probe_options();

/// A linear classifier on frozen features.
ProtocolSpec probe_spec();

}  // namespace lcr
