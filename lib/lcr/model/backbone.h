// The network that turns images into a feature map.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include <torch/nn/module.h>

#include "lcr/config/options.h"
#include "lcr/model/backbones.h"

namespace lcr {

/// A backbone. Its parameters are drawn by initialise(), by their names.
class Backbone : public torch::nn::Module {
 public:
  /// x: N x 3 x H x W, normalised. Returns the last feature map, N x C x h x w.
  virtual torch::Tensor forward(const torch::Tensor& x) = 0;
  /// C of the feature map.
  virtual std::int64_t channels() const = 0;
};

using BackboneFactory = std::function<std::shared_ptr<Backbone>(const Options&)>;

/// Makes the backbone that the options choose, with weights of LibTorch's own random numbers.
std::shared_ptr<Backbone> make_backbone(const Options& options);

/// Adds a backbone that is not part of this library, before main() starts.
struct RegisteredBackbone {
  RegisteredBackbone(BackboneSpec spec, BackboneFactory factory);
};

}  // namespace lcr
