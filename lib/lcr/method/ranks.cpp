#include "lcr/method/ranks.h"

#include <exception>
#include <thread>

namespace lcr {
namespace {

/// Ends a rank that waits for a failed one.
struct OtherRankFailed {};

}  // namespace

void RankGroup::run(const std::function<void(int)>& body) {
  if (size() == 1) return body(0);
  failed_ = false;
  arrived_ = 0;
  std::exception_ptr error;
  const auto work = [&](int rank) {
    try {
      body(rank);
    } catch (const OtherRankFailed&) {
    } catch (...) {
      const std::lock_guard lock(mutex_);
      if (!error) error = std::current_exception();
      failed_ = true;
      all_arrived_.notify_all();
    }
  };
  {
    std::vector<std::jthread> threads;
    try {
      for (int rank = 0; rank < size(); ++rank) threads.emplace_back(work, rank);
    } catch (...) {
      // The system has no more threads: the running ranks must not wait for the missing ones.
      const std::lock_guard lock(mutex_);
      if (!error) error = std::current_exception();
      failed_ = true;
      all_arrived_.notify_all();
    }
  }
  if (error) std::rethrow_exception(error);
}

void RankGroup::wait() {
  std::unique_lock lock(mutex_);
  if (failed_) throw OtherRankFailed{};
  const auto generation = generation_;
  if (++arrived_ == size()) {
    arrived_ = 0;
    ++generation_;
    all_arrived_.notify_all();
    return;
  }
  all_arrived_.wait(lock, [&] { return failed_ || generation_ != generation; });
  if (generation_ == generation) throw OtherRankFailed{};
}

torch::Tensor RankGroup::all_gather(int rank, const torch::Tensor& tensor) {
  if (size() == 1) return tensor;
  slots_[static_cast<std::size_t>(rank)] = tensor;
  wait();
  std::vector<torch::Tensor> parts;
  for (const auto& slot : slots_) parts.push_back(slot.to(tensor.device()));
  torch::Tensor gathered = torch::cat(parts);
  wait();  // no rank overwrites its slot before all ranks have read it
  return gathered;
}

void RankGroup::average(int rank, const std::vector<torch::Tensor>& tensors) {
  if (size() == 1) return;
  const torch::NoGradGuard no_grad;
  std::vector<torch::Tensor> flat;
  for (const auto& tensor : tensors) flat.push_back(tensor.reshape(-1));
  const torch::Tensor mean = all_gather(rank, torch::cat(flat).unsqueeze(0)).sum(0) / size();
  std::int64_t start = 0;
  for (const auto& tensor : tensors) {
    tensor.copy_(mean.narrow(0, start, tensor.numel()).view(tensor.sizes()));
    start += tensor.numel();
  }
}

}  // namespace lcr
