// One run from its options to its record.
#pragma once

#include <functional>
#include <string>

#include "lcr/data/image_set.h"
#include "lcr/record/run_identity.h"
#include "lcr/record/run_store.h"

namespace lcr {

/// Told how far a run is: steps done, steps in all, a note ("epoch 3/8 loss 5.21").
using RunObserver =
    std::function<void(std::int64_t done, std::int64_t total, const std::string& note)>;

/// The data's part of a run's identity, from the fingerprints of its splits. Methods without
/// training count the first too: their evaluations see it.
std::string data_fingerprint(const std::string& train, const std::string& test);

/// Optimisation steps of a run; 0 for the controls.
std::int64_t count_steps(const Options& options, const Dataset& data);

/// Trains and evaluates a run and records it in the store. With options.max_steps it stops there
/// and records nothing. options: resolved (variant, precision). Throws UserError or Interrupted;
/// the store then has no result.
void execute_run(const Options& options, const RunIdentity& identity, std::uint64_t seed,
                 const Dataset& data, const RunStore& store, int threads,
                 const RunObserver& observer);

}  // namespace lcr
