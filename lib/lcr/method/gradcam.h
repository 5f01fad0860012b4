// GradCAM of the contrastive objective on the last feature map: the target that the GFB fits.
#pragma once

#include <string>

#include <torch/types.h>

#include "lcr/method/host.h"

namespace lcr {

/// ReLU(sum over channels of feature_map * d scalar / d feature_map), N x h x w: elementwise,
/// without the channel averaging of the original Grad-CAM (paper-facts 3, authors' code). `scalar`
/// must depend on `feature_map` (N x C x h x w). The graph is kept for the following backward pass.
/// The gradient is treated as a constant (first-order method), and with `detach` so is the feature
/// map; otherwise the result carries gradient through it.
torch::Tensor grad_cam(const torch::Tensor& scalar, const torch::Tensor& feature_map, bool detach);

/// The scalar whose gradient makes the CAM: the host's loss ("loss": the authors' code and the
/// paper's framework figure), or the sum of the positive logits (any other source;
/// "positive_logit": Algorithm A1), which has the opposite direction.
torch::Tensor cam_scalar(const std::string& source, const Objective& objective);

/// GradCAM of a host's objective in its first direction, N x h x w, unscaled. For inspecting a
/// trained network between steps, in evaluation mode: changes no parameter and no buffer then.
torch::Tensor objective_cam(Host& host, const Batch& batch, const std::string& source);

/// Scales each image's CAM (N x h x w): "none"; "max": by its maximum; "minmax": to [0, 1].
torch::Tensor scale_cam(const torch::Tensor& cam, const std::string& scale);

}  // namespace lcr
