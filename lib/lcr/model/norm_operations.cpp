#include "lcr/model/norm_operations.h"

#include "lcr/model/device_form.h"
#include "lcr/model/kernels/arithmetic.h"

namespace lcr::fused {
torch::Tensor like_pooled(const torch::Tensor& x, torch::ScalarType type) {
  return torch::empty(
      {x.size(0), x.size(1), kernels::pooled(x.size(2)), kernels::pooled(x.size(3))},
      x.options().dtype(type).memory_format(kLayout));
}

Statistics make_statistics(const torch::Tensor& x, std::int64_t groups) {
  return {
      torch::empty({groups, Statistics::kEntries, x.size(1)}, x.options().dtype(torch::kFloat))};
}

NormGradient make_gradient(const Statistics& statistics) {
  const auto options = statistics.values.options();
  return {torch::empty({statistics.channels()}, options),
          torch::empty({statistics.channels()}, options),
          torch::empty({statistics.groups(), 3, statistics.channels()}, options)};
}

const NormOperations* operations_for(const torch::Tensor& x) {
  if (takes_device_form(x.device())) return &device_operations();
  return x.is_cpu() ? &host_operations() : nullptr;
}

}  // namespace lcr::fused
