#include "lcr/method/host.h"

#include "lcr/method/host_options.h"

namespace lcr {

StepLoss Host::step(const Batch& batch) {
  return sum_over_directions(*this, batch, [](const Objective& objective, int) -> StepLoss {
    const auto& [name, loss] = objective.loss;
    return {.total = loss, .terms = {{name, loss.detach()}}, .mask = {}, .target = {}};
  });
}

StepLoss sum_over_directions(
    Host& host, const Batch& batch,
    const std::function<StepLoss(const Objective& objective, int direction)>& complete) {
  StepLoss sum = complete(host.objective(batch, 0), 0);
  for (int direction = 1; direction < host.directions(); ++direction) {
    const StepLoss loss = complete(host.objective(batch, direction), direction);
    sum.total = sum.total + loss.total;
    for (std::size_t i = 0; i < sum.terms.size(); ++i)
      sum.terms[i].value = sum.terms[i].value + loss.terms[i].value;
  }
  return sum;
}

void share_batch_norm(torch::nn::Module& network, const Options& options) {
  set_batch_norm_groups(network, batch_norm_groups(options),
                        /*running_of_first=*/options.get<HostOptions>().virtual_gpus > 1);
}

}  // namespace lcr
