#include "lcr/train/step_reports.h"

#ifdef LCR_WITH_CUDA
#include <ATen/cuda/CUDAEvent.h>
#endif

namespace lcr {
namespace {

#ifdef LCR_WITH_CUDA
/// Replaces a tensor on a CUDA device by a copy on the host that is under way. Returns what waits
/// for it.
std::function<void()> start_copy_to_host(torch::Tensor& values) {
  // Only copies to pinned memory do not wait.
  const torch::Tensor host = torch::empty(
      values.sizes(), torch::TensorOptions().dtype(values.dtype()).pinned_memory(true));
  host.copy_(values, /*non_blocking=*/true);
  const auto copied = std::make_shared<at::cuda::CUDAEvent>();
  copied->record(at::cuda::getCurrentCUDAStream(values.device().index()));
  values = host;
  return [copied] { copied->synchronize(); };
}
#endif

}  // namespace

void StepReports::add(std::int64_t step, const StepLoss& loss, bool pause, bool stop) {
  std::vector<torch::Tensor> parts = {loss.total.detach()};
  for (const auto& term : loss.terms) parts.push_back(term.value);
  torch::Tensor values = torch::stack(parts);
  if (ranks_.size() > 1) {
    if (values.scalar_type() != torch::kDouble) values = values.to(torch::kFloat);
    const auto flag = [&](bool on) { return torch::full({1}, on ? 1.0 : 0.0, values.options()); };
    values = torch::cat({values, flag(pause), flag(stop)});
    ranks_.start_sum(values).wait();
  }
  StepReport report{.step = step, .total = 0, .terms = {}, .pause = pause, .stop = stop};
  for (const auto& term : loss.terms) report.terms.push_back({term.name});
  Waiting waiting{std::move(report), values.to(torch::kDouble), {}};
#ifdef LCR_WITH_CUDA
  if (values.is_cuda()) waiting.wait = start_copy_to_host(waiting.values);
#endif
  waiting_.push_back(std::move(waiting));
}

StepReport StepReports::next() {
  const Waiting waiting = std::move(waiting_.front());
  waiting_.pop_front();
  if (waiting.wait) waiting.wait();
  const double* value = waiting.values.data_ptr<double>();
  StepReport report = waiting.report;
  report.total = *value++ / ranks_.size();
  for (auto& term : report.terms) term.sum = *value++ / ranks_.size();
  if (ranks_.size() > 1) {
    report.pause = *value++ > 0;
    report.stop = *value > 0;
  }
  return report;
}

}  // namespace lcr
