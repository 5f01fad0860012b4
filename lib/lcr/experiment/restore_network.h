// The network of a finished run, from its checkpoint.
#pragma once

#include <filesystem>
#include <memory>

#include "lcr/config/options.h"
#include "lcr/data/image_set.h"
#include "lcr/evaluate/features.h"
#include "lcr/method/host.h"
#include "lcr/record/run_identity.h"

namespace lcr {

/// A run's network, ready for evaluation.
struct RestoredNetwork {
  std::shared_ptr<Method> method;             ///< null if it does not train
  std::unique_ptr<EvaluatedNetwork> network;  ///< null if the method has none

  /// Null if the method has none.
  Host* host() const { return method ? method->host() : nullptr; }
};

/// Restores the network in directory `run` from the checkpoint that the options name, or makes the
/// untrained network again, and adds an untrained branch. `options` and `data` must outlive it.
/// Throws UserError if the checkpoint, or the file of initial weights, is missing or of another
/// run.
RestoredNetwork restore_network(const std::filesystem::path& run, const RunIdentity& identity,
                                const Options& options, const Dataset& data,
                                const torch::Device& device, int threads);

}  // namespace lcr
