#include "lcr/train/step.h"

#include "lcr/base/phases.h"

namespace lcr {

void prepare_for_training(Method& method, const torch::Device& device) {
  const torch::NoGradGuard no_grad;
  method.to(device);
  for (auto& parameter : method.parameters())
    if (parameter.dim() == 4)
      parameter.set_data(parameter.contiguous(torch::MemoryFormat::ChannelsLast));
  method.train();
}

StepLoss take_step(Method& method, Sgd& optimizer, const Batch& batch, double lr,
                   GradientAverage* average) {
  const StepLoss loss = method.step(batch);
  {
    const Phase phase("backward");
    optimizer.zero_grad();
    loss.total.backward();
  }
  const Phase phase("update");
  if (average) average->finish();
  optimizer.step(lr);
  method.finish_step();
  return loss;
}

}  // namespace lcr
