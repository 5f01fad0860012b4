#include "lcr/model/initialise.h"

#include <cmath>

#include "lcr/base/error.h"
#include "lcr/base/rng.h"

namespace lcr {
namespace {

thread_local bool skips = false;

void fill_uniform(const torch::Tensor& parameter, double bound, CounterRng rng) {
  torch::Tensor values = torch::empty(parameter.sizes(), torch::kFloat32);
  float* data = values.data_ptr<float>();
  for (std::int64_t i = 0; i < values.numel(); ++i)
    data[i] = static_cast<float>(rng.uniform(-bound, bound));
  parameter.copy_(values);
}

}  // namespace

SkipInitialisation::SkipInitialisation() {
  check_internal(!skips, "a second SkipInitialisation in a thread");
  skips = true;
}
SkipInitialisation::~SkipInitialisation() { skips = false; }

torch::Tensor random_normal(torch::IntArrayRef shape, std::uint64_t seed,
                            const std::string& purpose) {
  if (skips) return torch::zeros(shape, torch::kFloat32);
  torch::Tensor values = torch::empty(shape, torch::kFloat32);
  float* data = values.data_ptr<float>();
  CounterRng rng(RngKey(seed, purpose));
  for (std::int64_t i = 0; i < values.numel(); ++i) data[i] = static_cast<float>(rng.normal());
  return values;
}

void initialise(torch::nn::Module& module, InitScheme scheme, std::uint64_t seed,
                const std::string& prefix) {
  if (skips) return;
  const torch::NoGradGuard no_grad;
  for (const auto& owner : module.named_modules(prefix)) {
    auto parameters = owner.value()->named_parameters(false);
    const std::string purpose = "init/" + owner.key() + ".";
    for (const auto& own : parameters)
      if (own.key() != "weight" && own.key() != "bias")
        own.value().copy_(random_normal(own.value().sizes(), seed, purpose + own.key()).mul_(0.02));
    const torch::Tensor* weight = parameters.find("weight");
    if (!weight) continue;
    const torch::Tensor* bias = parameters.find("bias");
    if (weight->dim() == 1) {  // batch norm
      weight->fill_(1);
      if (bias) bias->zero_();
      continue;
    }
    const double receptive =
        weight->dim() == 4 ? static_cast<double>(weight->size(2) * weight->size(3)) : 1.0;
    if (scheme == InitScheme::kResNet) {
      const double fan_out = static_cast<double>(weight->size(0)) * receptive;
      weight->copy_(
          random_normal(weight->sizes(), seed, purpose + "weight").mul_(std::sqrt(2.0 / fan_out)));
      if (bias) bias->zero_();
    } else {
      const double bound = 1.0 / std::sqrt(static_cast<double>(weight->size(1)) * receptive);
      fill_uniform(*weight, bound, CounterRng(RngKey(seed, purpose + "weight")));
      if (bias) fill_uniform(*bias, bound, CounterRng(RngKey(seed, purpose + "bias")));
    }
  }
}

}  // namespace lcr
