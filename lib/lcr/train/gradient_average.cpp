#include "lcr/train/gradient_average.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/utils/lambda_post_hook.h>
#include <torch/csrc/autograd/variable.h>

#include "lcr/base/error.h"

namespace lcr {

GradientAverage::GradientAverage(ProcessGroup ranks, std::vector<torch::Tensor> parameters,
                                 std::size_t bucket_bytes)
    : ranks_(std::move(ranks)), parameters_(std::move(parameters)), owner_(parameters_.size()) {
  if (ranks_.size() == 1) return;
  std::size_t bytes = 0;
  for (std::size_t i = parameters_.size(); i-- > 0;) {
    if (buckets_.empty() || bytes + parameters_[i].nbytes() > bucket_bytes) {
      buckets_.emplace_back();
      bytes = 0;
    }
    bytes += parameters_[i].nbytes();
    buckets_.back().members.push_back(i);
    owner_[i] = buckets_.size() - 1;
  }
  for (Bucket& bucket : buckets_) {
    std::int64_t count = 0;
    for (const auto i : bucket.members) count += parameters_[i].numel();
    bucket.flat =
        torch::empty({count}, parameters_[bucket.members.front()].options().requires_grad(false));
    bucket.missing = bucket.members.size();
  }
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    auto node = torch::autograd::impl::grad_accumulator(parameters_[i]);
    const auto hook = node->add_post_hook(std::make_unique<torch::autograd::utils::LambdaPostHook>(
        [this, i](const torch::autograd::variable_list& outputs,
                  const torch::autograd::variable_list&) {
          ready(i);
          return outputs;
        }));
    hooks_.emplace_back(std::move(node), hook);
  }
}

GradientAverage::~GradientAverage() {
  for (const auto& [node, hook] : hooks_) node->del_post_hook(hook);
}

void GradientAverage::ready(std::size_t i) {
  std::size_t& missing = buckets_[owner_[i]].missing;
  check_internal(missing > 0, "a second backward pass without an average in between");
  --missing;
  for (; next_ < buckets_.size() && buckets_[next_].missing == 0; ++started_in_backward_)
    start_next();
}

void GradientAverage::start_next() {
  const torch::NoGradGuard no_grad;
  Bucket& bucket = buckets_[next_++];
  std::int64_t start = 0;
  for (const auto i : bucket.members) {
    const torch::Tensor& parameter = parameters_[i];
    const torch::Tensor part =
        bucket.flat.narrow(0, start, parameter.numel()).view(parameter.sizes());
    if (parameter.grad().defined())
      part.copy_(parameter.grad());
    else
      part.zero_();
    start += parameter.numel();
  }
  bucket.sum = ranks_.start_sum(bucket.flat);
}

void GradientAverage::finish() {
  if (ranks_.size() == 1) return;
  const torch::NoGradGuard no_grad;
  while (next_ < buckets_.size()) start_next();  // those with parameters that have no gradient
  for (Bucket& bucket : buckets_) {
    bucket.sum.wait();
    bucket.flat.div_(ranks_.size());
    std::int64_t start = 0;
    for (const auto i : bucket.members) {
      torch::Tensor& gradient = parameters_[i].mutable_grad();
      const torch::Tensor part = bucket.flat.narrow(0, start, parameters_[i].numel());
      if (gradient.defined()) gradient.copy_(part.view(gradient.sizes()));
      start += parameters_[i].numel();
    }
    bucket.missing = bucket.members.size();
    bucket.sum = {};
  }
  next_ = 0;
}

}  // namespace lcr
