#include "lcr/method/gradcam.h"

#include <torch/autograd.h>

#include "lcr/base/error.h"

namespace lcr {

torch::Tensor grad_cam(const torch::Tensor& scalar, const torch::Tensor& feature_map, bool detach) {
  const torch::Tensor gradient = torch::autograd::grad(
      {scalar}, {feature_map}, {}, /*retain_graph=*/true, /*create_graph=*/false)[0];
  return torch::relu(((detach ? feature_map.detach() : feature_map) * gradient).sum(1));
}

torch::Tensor cam_scalar(const std::string& source, const Objective& objective) {
  return source == "loss" ? objective.loss.value : objective.positive.sum();
}

torch::Tensor objective_cam(Host& host, const Batch& batch, const std::string& source) {
  const Objective objective = host.objective(batch, 0);
  return grad_cam(cam_scalar(source, objective), objective.feature_map, /*detach=*/true);
}

torch::Tensor scale_cam(const torch::Tensor& cam, const std::string& scale) {
  if (scale == "none") return cam;
  constexpr double kEpsilon = 1e-7;
  if (scale == "max") return cam / (cam.amax({1, 2}, true) + kEpsilon);
  check_internal(scale == "minmax", "unknown CAM scaling");
  const torch::Tensor shifted = cam - cam.amin({1, 2}, true);
  return shifted / (shifted.amax({1, 2}, true) + kEpsilon);
}

}  // namespace lcr
