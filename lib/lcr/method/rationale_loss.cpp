#include "lcr/method/rationale_loss.h"

#include <torch/nn/functional/activation.h>

#include "lcr/base/error.h"

namespace lcr {

torch::Tensor rationale_loss(const torch::Tensor& mask, const torch::Tensor& target,
                             const RationaleLossOptions& options) {
  const bool rows = options.axis == "rows";
  check_internal(rows || options.axis == "positions", "unknown KL axis");
  const auto shape = [&](const torch::Tensor& map) {
    return (rows ? map : map.flatten(1)) / options.tau;
  };
  const torch::Tensor log_mask = shape(mask).log_softmax(-1);
  const torch::Tensor log_target = shape(target).log_softmax(-1);
  const torch::Tensor divergence = (log_target.exp() * (log_target - log_mask)).sum();
  if (options.reduction == "sum") return divergence;
  if (options.reduction == "batchmean") return divergence / mask.size(0);
  check_internal(options.reduction == "mean", "unknown KL reduction");
  return divergence / mask.numel();
}

}  // namespace lcr
