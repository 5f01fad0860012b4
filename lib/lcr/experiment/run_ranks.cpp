#include "lcr/experiment/run_ranks.h"

#include <algorithm>

#include <torch/cuda.h>

#include "lcr/base/error.h"
#include "lcr/data/batch_options.h"
#include "lcr/experiment/control_options.h"
#include "lcr/method/method_spec.h"

namespace lcr {

int rank_count(const Options& options) {
  return method_of(options).trains() ? static_cast<int>(options.get<BatchOptions>().ranks) : 1;
}

int threads_per_rank(int threads, int ranks) { return std::max(1, threads / ranks); }

int threads_of(const RankVariables& place, int threads) {
  return place.launcher == "srun" ? threads : threads_per_rank(threads, place.local_size);
}

RankVariables rank_variables(const Options& options) {
  const int ranks = rank_count(options);
  if (ranks == 1) return {};
  const auto place = read_rank_variables();
  if (!place)
    fail(
        "ranks = {}: RANK and WORLD_SIZE are not set: start --worker-run with torchrun, srun or "
        "mpirun, or leave it out",
        ranks);
  if (place->size != ranks)
    fail("ranks = {} contradicts the world size of {}, {}: give --ranks {}, or start {} processes",
         ranks, place->launcher, place->size, place->size, ranks);
  return *place;
}

torch::Device rank_device(const torch::Device& first, const RankVariables& place) {
  if (!first.is_cuda() || place.size == 1) return first;
  const int count = static_cast<int>(torch::cuda::device_count());
  // srun may show each task a GPU of its own, the only one that it can see.
  if (place.local_size > count && !(place.launcher == "srun" && count == 1))
    fail(
        "ranks = {}: {} of them are on this machine, which has {} CUDA devices: NCCL needs one for "
        "each",
        place.size, place.local_size, count);
  return {torch::kCUDA, static_cast<c10::DeviceIndex>((first.index() + place.local_rank) % count)};
}

ProcessGroup join_ranks(const Options& options, const RankVariables& place,
                        const torch::Device& device) {
  if (place.size == 1) return {};
  return {place, device, std::chrono::seconds(options.get<ExecutionOptions>().rank_timeout)};
}

void check_ranks(const Options& options, const torch::Device& device) {
  const int ranks = rank_count(options);
  if (ranks == 1) return;
  ProcessGroup::require_backend(ranks, device);
  if (options.get<WorkerOptions>().worker_run.empty()) {
    if (const auto place = read_rank_variables(); place && place->size > 1)
      fail(
          "ranks = {}: {} has started {} processes, but a launcher starts the ranks of one run: "
          "give that run's --worker-run (--dry-run lists them), or start this program alone",
          ranks, place->launcher, place->size);
    rank_device(device, {.size = ranks, .local_size = ranks});
  }
}

}  // namespace lcr
