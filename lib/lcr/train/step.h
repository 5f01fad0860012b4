// One optimisation step: Algorithm A1's loop body.
#pragma once

#include "lcr/method/method.h"
#include "lcr/train/gradient_average.h"
#include "lcr/train/sgd.h"

namespace lcr {

/// Puts a method into training mode on a device, with 4-D weights in channels_last layout, the
/// faster one for convolutions on CPU and GPU alike. Make the optimiser after it.
void prepare_for_training(Method& method, const torch::Device& device);

/// Loss, backward pass, update with learning rate `lr`, moving averages, queue. The method's
/// replicas (Method::join) take their steps together; `average`, of the parameters of `optimizer`,
/// averages their gradients. A method alone needs none.
StepLoss take_step(Method& method, Sgd& optimizer, const Batch& batch, double lr,
                   GradientAverage* average = nullptr);

}  // namespace lcr
