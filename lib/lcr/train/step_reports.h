// The losses of steps, fetched from the device without waiting for it.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <vector>

#include <torch/types.h>

#include "lcr/method/method.h"

namespace lcr {

/// The sum over steps of one term of the loss.
struct TermSum {
  std::string name;
  double sum = 0;
};

/// The values of a step's loss, means over the ranks, and what any rank wants after the step.
struct StepReport {
  std::int64_t step = 0;
  double total = 0;
  std::vector<TermSum> terms;  ///< in the order of StepLoss::terms
  bool pause = false, stop = false;
};

/// The reports of the last steps, each of all ranks, in the order of the steps. To read a value
/// from a CUDA device is to wait until it has computed it, and then has nothing to do: so a report
/// is due only `lag` steps later, when the host has queued those steps' work.
class StepReports {
 public:
  /// 1 for a CUDA device, else 0: a report is due after its own step.
  static std::size_t lag_on(const torch::Device& device) { return device.is_cuda() ? 1 : 0; }

  StepReports(ProcessGroup ranks, std::size_t lag) : ranks_(std::move(ranks)), lag_(lag) {}

  /// Puts a step's reports of all ranks together, in one message. Throws LostRank.
  void add(std::int64_t step, const StepLoss& loss, bool pause, bool stop);

  /// Whether a report is due or, at the `end` of the steps, one is left.
  bool has_next(bool end) const { return waiting_.size() > (end ? 0 : lag_); }
  /// The oldest report.
  StepReport next();

 private:
  struct Waiting {
    StepReport report;     ///< without its values
    torch::Tensor values;  ///< on the host: total, terms and, with several ranks, pause and stop
    std::function<void()> wait;  ///< until `values` are there; null if they are
  };

  ProcessGroup ranks_;
  std::size_t lag_;
  std::deque<Waiting> waiting_;
};

}  // namespace lcr
