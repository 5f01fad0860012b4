#include "lcr/model/norm_operations.h"

#include "lcr/model/device_form.h"

namespace lcr::fused {
torch::Tensor like_pooled(const torch::Tensor& x, torch::ScalarType type) {
  return torch::empty(
      {x.size(0), x.size(1), kernels::pooled(x.size(2)), kernels::pooled(x.size(3))},
      x.options().dtype(type).memory_format(kLayout));
}

Statistics make_statistics(const torch::Tensor& x, std::int64_t groups) {
  return {
      torch::empty({groups, kernels::kNormEntries, x.size(1)}, x.options().dtype(torch::kFloat))};
}

NormGradient make_gradient(const Statistics& statistics) {
  const auto options = statistics.values.options();
  return {torch::empty({statistics.channels()}, options),
          torch::empty({statistics.channels()}, options),
          torch::empty({statistics.groups(), 3, statistics.channels()}, options)};
}

kernels::Number number_of(const torch::Tensor& x) {
  return x.scalar_type() == torch::kFloat ? kernels::Number::kFloat : kernels::Number::kBfloat16;
}

kernels::BatchStatistics batch_statistics(SplitBatchNormImpl& norm, const torch::Tensor& x,
                                          const double* totals, const Statistics& statistics) {
  std::int64_t* const batches = norm.batch_counter();
  if (!batches) norm.count_batch();
  return {.totals = totals,
          .x = x.data_ptr(),
          .number = number_of(x),
          .group_rows = rows_of(x) / statistics.groups(),
          .groups = statistics.groups(),
          .channels = statistics.channels(),
          .weight = norm.weight.data_ptr<float>(),
          .bias = norm.bias.data_ptr<float>(),
          .eps = norm.eps(),
          .momentum = norm.momentum,
          .groups_that_count = norm.groups_that_count(),
          .running_mean = norm.running_mean.data_ptr<float>(),
          .running_var = norm.running_var.data_ptr<float>(),
          .batches = batches,
          .values = statistics.values.data_ptr<float>()};
}

kernels::RunningStatistics running_statistics(const SplitBatchNormImpl& norm,
                                              const Statistics& statistics) {
  return {.channels = statistics.channels(),
          .weight = norm.weight.data_ptr<float>(),
          .bias = norm.bias.data_ptr<float>(),
          .eps = norm.eps(),
          .running_mean = norm.running_mean.data_ptr<float>(),
          .running_var = norm.running_var.data_ptr<float>(),
          .values = statistics.values.data_ptr<float>()};
}

kernels::ParameterGradients parameter_gradients(const torch::Tensor& x,
                                                const Statistics& statistics, const double* sums,
                                                const double* products,
                                                const NormGradient& gradient) {
  return {.sums = sums,
          .products = products,
          .values = statistics.values.data_ptr<float>(),
          .group_rows = rows_of(x) / statistics.groups(),
          .groups = statistics.groups(),
          .channels = statistics.channels(),
          .weight = gradient.weight.data_ptr<float>(),
          .bias = gradient.bias.data_ptr<float>(),
          .abc = gradient.abc.data_ptr<float>()};
}

const NormOperations* operations_for(const torch::Tensor& x) {
  if (takes_device_form(x.device())) return &device_operations();
  return x.is_cpu() ? &host_operations() : nullptr;
}

}  // namespace lcr::fused
