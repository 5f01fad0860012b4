// What the ranks beside rank 0 do while rank 0 trains and records a run.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include <torch/types.h>

#include "lcr/config/options.h"
#include "lcr/data/image_set.h"
#include "lcr/evaluate/features.h"
#include "lcr/train/trainer.h"

namespace lcr {

/// Whether, before the first step of epoch `epoch` (from 0), rank 0 tells all ranks which
/// projections to train with from then on.
bool switches_projections(const Options& options, std::int64_t epoch);

/// Whether all ranks evaluate together after `epochs` epochs. A run that switches to some
/// projections has scores only after the switch: earlier ones belong to the trunk.
bool evaluates_after(const Options& options, std::int64_t epochs);

/// Gives the network, for the object's lifetime, what rank 0's has and others may not: running
/// statistics of batch norm and the selection of projections. All ranks make one at the same time.
class NetworkOfRankZero {
 public:
  explicit NetworkOfRankZero(const EvaluatedNetwork& network);
  ~NetworkOfRankZero();
  NetworkOfRankZero(const NetworkOfRankZero&) = delete;
  NetworkOfRankZero& operator=(const NetworkOfRankZero&) = delete;

 private:
  std::vector<std::pair<torch::Tensor, torch::Tensor>> own_;  ///< buffers, and what they held
};

/// Takes the steps that train_with_records() takes on rank 0, does a share of its evaluations, and
/// writes nothing. network: the trainer's. Throws Interrupted after a signal, Diverged as rank 0
/// does.
void follow_training(Trainer& trainer, const Options& options, const Dataset& data,
                     const EvaluatedNetwork& network);

}  // namespace lcr
