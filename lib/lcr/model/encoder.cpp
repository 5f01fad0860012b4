#include "lcr/model/encoder.h"

#include <torch/nn/functional/normalization.h>

#include "lcr/model/fused_norm.h"
#include "lcr/model/precision.h"

namespace lcr {

ProjectionHeadImpl::ProjectionHeadImpl(std::int64_t in, std::int64_t hidden,
                                       std::int64_t embedding_dim, bool batch_norm)
    : first_(register_module("0", torch::nn::Linear(in, hidden))),
      norm_(batch_norm ? register_module("1", SplitBatchNorm(hidden)) : nullptr),
      second_(register_module(batch_norm ? "3" : "2", torch::nn::Linear(hidden, embedding_dim))) {}

torch::Tensor ProjectionHeadImpl::forward(const torch::Tensor& pooled) {
  const torch::Tensor hidden = first_(pooled);
  return second_(torch::relu(norm_ ? norm_(hidden) : hidden));
}

BilinearPoolingImpl::BilinearPoolingImpl(std::int64_t channels, std::int64_t maps)
    : conv_(register_module(
          "conv", torch::nn::Conv2d(torch::nn::Conv2dOptions(channels, maps, 1).bias(false)))),
      bn_(register_module("bn", SplitBatchNorm(maps))) {}

torch::Tensor BilinearPoolingImpl::forward(const torch::Tensor& feature_map) {
  const torch::Tensor weight = norm_relu(bn_, conv_(feature_map)).flatten(2);  // N x maps x hw
  return weight.bmm(feature_map.flatten(2).transpose(1, 2)).div(weight.size(2)).flatten(1);
}

EncoderImpl::EncoderImpl(const EncoderOptions& options)
    : bfloat16_(options.bfloat16), backbone_(register_module("backbone", options.backbone)) {
  const std::int64_t channels = backbone_->channels();
  const std::int64_t features = channels * std::max<std::int64_t>(1, options.bilinear_maps);
  if (options.bilinear_maps > 0)
    bilinear_ = register_module("bilinear", BilinearPooling(channels, options.bilinear_maps));
  if (options.embedding_dim == 0) return;
  const bool batch_norm = options.head_hidden > 0;
  const std::int64_t hidden = batch_norm ? options.head_hidden : channels;
  head_ =
      register_module("head", ProjectionHead(features, hidden, options.embedding_dim, batch_norm));
}

torch::Tensor EncoderImpl::pool(const torch::Tensor& feature_map) {
  return bilinear_ ? bilinear_(feature_map) : feature_map.mean({2, 3});
}

torch::Tensor EncoderImpl::feature_map(const torch::Tensor& x) {
  const AutocastGuard guard(bfloat16_, x.device().type());
  return backbone_->forward(x).to(x.scalar_type());
}

Encoded EncoderImpl::forward(const torch::Tensor& x) {
  torch::Tensor map = feature_map(x);
  const torch::Tensor embedding = head_(pool(map));
  return {map, torch::nn::functional::normalize(
                   embedding, torch::nn::functional::NormalizeFuncOptions().dim(1))};
}

}  // namespace lcr
