// Executes one run, from its options to its record.
#pragma once

#include <functional>
#include <string>

#include "lcr/data/image_set.h"
#include "lcr/experiment/control_options.h"
#include "lcr/record/run_identity.h"
#include "lcr/record/run_store.h"

namespace lcr {

/// Receives the progress of a run: steps done, total steps, a note ("epoch 3/8 loss 5.21").
using RunObserver =
    std::function<void(std::int64_t done, std::int64_t total, const std::string& note)>;

/// The data's part of a run's identity, from the fingerprints of its splits. It includes the
/// training split even for methods without training, because their evaluations use it.
std::string data_fingerprint(const std::string& train, const std::string& test);

/// The optimisation steps of a run, limited by max_steps; 0 for the controls.
std::int64_t count_steps(const Options& options, std::int64_t training_images);

/// Trains and evaluates a run and records it in the store, unless the store has it. As a rank other
/// than 0 (rank_variables()), only trains along. With
/// options.get<ExecutionOptions>().max_steps it stops after those steps and records nothing.
/// options: resolved (variant, precision). If it throws UserError or Interrupted, the store has no
/// result of the run.
void execute_run(const Options& options, const RunIdentity& identity, std::uint64_t seed,
                 const Dataset& data, const RunStore& store, int threads,
                 const RunObserver& observer);

}  // namespace lcr
