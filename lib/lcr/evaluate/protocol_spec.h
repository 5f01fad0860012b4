// What an evaluation protocol is, without LibTorch: its name, its options, what it needs.
#pragma once

#include <string>
#include <vector>

#include "lcr/config/component.h"

namespace lcr {

/// A way to evaluate a stored run.
struct ProtocolSpec {
  std::string name;
  std::vector<OptionGroup> options = {};
  /// Why a run with these options cannot be evaluated so, or not on these images; empty if it can.
  /// has_objects: whether the test images have the true regions of objects.
  std::string (*refusal)(const Options&, bool has_objects) = [](const Options&, bool) {
    return std::string();
  };
};

/// The evaluation that every run records.
struct EvaluationOptions {
  std::int64_t eval_every = 1;
  std::string eval_mask_norm = "image";
};

/// Which protocols evaluate a stored run, and on what.
struct ProtocolOptions {
  std::string protocols = "retrieval", poolings, checkpoint = "last", bn_statistics = "as_trained";
  std::int64_t random_projections = 32;
};

/// --eval-every, which concerns runs that train, and --eval-mask-norm, those with a GFB.
std::vector<OptionSpec> eval_every_options();
std::vector<OptionSpec> eval_mask_norm_options();
/// The options of every protocol, and those of each.
std::vector<OptionSpec> protocol_options();

/// All protocols: those of specs.cpp and registered ones.
const std::vector<ProtocolSpec>& protocols();

/// The protocol of that name. Throws UserError naming those there are.
const ProtocolSpec& find_protocol(const std::string& name);

/// Whether the options choose the protocol.
bool has_protocol(const Options& options, const std::string& name);

/// The names of all poolings: those of specs.cpp and registered ones.
const std::vector<std::string>& pooling_names();

/// What --poolings takes: "own", the method's, and all names.
std::vector<std::string> pooling_choices();

/// Adds the name of a pooling that is not part of this library, before main() starts.
struct RegisteredPoolingName {
  explicit RegisteredPoolingName(std::string name);
};

/// Adds a protocol that is not part of this library, before main() starts.
struct RegisteredProtocolSpec {
  explicit RegisteredProtocolSpec(ProtocolSpec spec);
};

}  // namespace lcr
