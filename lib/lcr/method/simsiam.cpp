#include "lcr/method/simsiam.h"

#include <torch/nn/functional/distance.h>

#include "lcr/method/host_options.h"
#include "lcr/model/initialise.h"

namespace lcr {
namespace {

/// Batch norm follows: its bias replaces the layer's.
torch::nn::Linear without_bias(std::int64_t in, std::int64_t out) {
  return torch::nn::Linear(torch::nn::LinearOptions(in, out).bias(false));
}

}  // namespace

SimSiamProjectorImpl::SimSiamProjectorImpl(std::int64_t channels, std::int64_t embedding_dim)
    : fc1_(register_module("0", without_bias(channels, channels))),
      bn1_(register_module("1", SplitBatchNorm(channels))),
      fc2_(register_module("3", without_bias(channels, channels))),
      bn2_(register_module("4", SplitBatchNorm(channels))),
      fc3_(register_module("6", without_bias(channels, embedding_dim))),
      bn3_(register_module("7", SplitBatchNorm(embedding_dim))) {
  for (auto& parameter : bn3_->parameters()) parameter.requires_grad_(false);
}

torch::Tensor SimSiamProjectorImpl::forward(const torch::Tensor& pooled) {
  const torch::Tensor hidden = torch::relu(bn1_(fc1_(pooled)));
  return bn3_(fc3_(torch::relu(bn2_(fc2_(hidden)))));
}

SimSiam::SimSiam(const Options& options, std::uint64_t seed)
    : Host(options, seed),
      encoder_(register_module("encoder", make_encoder(options, seed))),
      projector_(
          register_module("projector", SimSiamProjector(encoder_->backbone()->channels(),
                                                        options.get<HostOptions>().embedding_dim))),
      // The official predictor's first layer has no bias: a bias before batch norm has no effect.
      predictor_(
          register_module("predictor", ProjectionHead(options.get<HostOptions>().embedding_dim,
                                                      options.get<PredictorOptions>().head_hidden,
                                                      options.get<HostOptions>().embedding_dim,
                                                      /*batch_norm=*/true))) {
  initialise(*projector_, InitScheme::kDefault, seed, "projector");
  initialise(*predictor_, InitScheme::kDefault, seed, "predictor");
  for (const auto& child : children()) share_batch_norm(*child, options);
}

std::vector<torch::Tensor> SimSiam::trained_parameters() {
  std::vector<torch::Tensor> trained;
  for (auto& parameter : parameters())
    if (parameter.requires_grad()) trained.push_back(parameter);
  return trained;
}

Objective SimSiam::objective(const Batch& batch, int) {
  const torch::Tensor query_map = encoder_->feature_map(batch.views.at(0));
  const torch::Tensor query = project(query_map);
  const torch::Tensor key = project(encoder_->feature_map(batch.views.at(1)));
  const auto similarity = [](const torch::Tensor& prediction, const torch::Tensor& projection) {
    return torch::nn::functional::cosine_similarity(prediction, projection.detach());
  };
  const torch::Tensor positive = similarity(predictor_(query), key);
  return {
      .feature_map = query_map,
      .key_feature_map = {},
      .loss = {"simsiam_loss", (positive.mean() + similarity(predictor_(key), query).mean()) / -2},
      .positive = positive.unsqueeze(1)};
}

}  // namespace lcr
