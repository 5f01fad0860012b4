#include "lcr/model/encoder.h"

#include <torch/nn/functional/normalization.h>

#include "lcr/model/precision.h"

namespace lcr {

ProjectionHeadImpl::ProjectionHeadImpl(std::int64_t channels, std::int64_t embedding_dim)
    : first_(register_module("0", torch::nn::Linear(channels, channels))), second_(register_module("2", torch::nn::Linear(channels, embedding_dim))) {}

EncoderImpl::EncoderImpl(const BackboneOptions& backbone, std::int64_t embedding_dim, bool bfloat16)
    : bfloat16_(bfloat16), backbone_(register_module("backbone", ResNet(backbone))), head_(register_module("head", ProjectionHead(backbone_->channels(), embedding_dim))) {}

torch::Tensor EncoderImpl::feature_map(const torch::Tensor& x) {
  const AutocastGuard guard(bfloat16_, x.device().type());
  return backbone_(x).to(x.scalar_type());
}

Encoded EncoderImpl::forward(const torch::Tensor& x) {
  torch::Tensor map = feature_map(x);
  const torch::Tensor embedding = head_(map.mean({2, 3}));
  return {map, torch::nn::functional::normalize(embedding, torch::nn::functional::NormalizeFuncOptions().dim(1))};
}

}  // namespace lcr
