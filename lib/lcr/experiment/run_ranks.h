// The ranks of a run as processes: who is who, and with what each computes.
#pragma once

#include <torch/types.h>

#include "lcr/base/rank_variables.h"
#include "lcr/config/options.h"
#include "lcr/method/process_group.h"

namespace lcr {

/// The processes that train a run with these options: --ranks, 1 if it has no training.
int rank_count(const Options& options);

/// The threads of one rank's steps when `ranks` of them share `threads`.
int threads_per_rank(int threads, int ranks);

/// The same for a process that was started with --threads: the ranks of a machine share them, but
/// srun gives each its own cores.
int threads_of(const RankVariables& place, int threads);

/// This worker's place among the ranks of a run. The environment is read only if there are several.
/// Throws UserError if it does not say, or contradicts --ranks.
RankVariables rank_variables(const Options& options);

/// The device of a rank: the CUDA devices of its machine in turn, starting at `first`. Throws
/// UserError if there are fewer than ranks, as far as this can be known.
torch::Device rank_device(const torch::Device& first, const RankVariables& place);

/// Connects with the other ranks (--rank-timeout).
ProcessGroup join_ranks(const Options& options, const RankVariables& place,
                        const torch::Device& device);

/// For a program that starts workers: throws UserError if it cannot have them share a run as
/// --ranks says.
void check_ranks(const Options& options, const torch::Device& device);

}  // namespace lcr
