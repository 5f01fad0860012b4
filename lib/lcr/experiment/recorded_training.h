// The training of a run with its records: epochs, evaluations, checkpoints.
#pragma once

#include <cstdint>

#include <torch/types.h>

#include "lcr/data/image_set.h"
#include "lcr/evaluate/features.h"
#include "lcr/experiment/checkpoints.h"
#include "lcr/experiment/run.h"
#include "lcr/experiment/training_record.h"
#include "lcr/record/run_identity.h"
#include "lcr/record/run_store.h"
#include "lcr/train/trainer.h"

namespace lcr {

/// Trains from the newest checkpoint, if there is one, to the end, as rank 0 of the trainer's
/// ranks; the others follow_training(). network: the trainer's, for evaluations. Returns the
/// finished record, whose wall_seconds count only earlier processes. Throws UserError if the
/// training diverges, Interrupted after a signal.
TrainingRecord train_with_records(Trainer& trainer, const Options& options,
                                  const RunIdentity& identity, std::uint64_t seed,
                                  const Dataset& data, const EvaluatedNetwork& network,
                                  const RunStore& store, Checkpoints& checkpoints,
                                  const RunObserver& observer);

}  // namespace lcr
