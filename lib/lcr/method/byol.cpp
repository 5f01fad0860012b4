#include "lcr/method/byol.h"

#include <torch/nn/functional/normalization.h>

#include "lcr/method/host_options.h"
#include "lcr/model/initialise.h"

namespace lcr {
namespace {

/// Cosine similarity of each row with its counterpart, N x 1.
torch::Tensor cosine(const torch::Tensor& a, const torch::Tensor& b) {
  const auto normalise = [](const torch::Tensor& x) {
    return torch::nn::functional::normalize(x,
                                            torch::nn::functional::NormalizeFuncOptions().dim(1));
  };
  return (normalise(a) * normalise(b)).sum(1, true);
}

}  // namespace

Byol::Byol(const Options& options, std::uint64_t seed)
    : Host(options, seed),
      online_(register_module("online", make_encoder(options, seed))),
      // The same seed: the target starts as a copy of the online network.
      target_(register_module("target", make_encoder(options, seed))),
      predictor_(register_module(
          "predictor",
          ProjectionHead(options.get<HostOptions>().embedding_dim,
                         options.get<PredictorOptions>().head_hidden,
                         options.get<HostOptions>().embedding_dim, /*batch_norm=*/true))) {
  initialise(*predictor_, InitScheme::kDefault, seed, "predictor");
  for (auto& parameter : target_->parameters()) parameter.requires_grad_(false);
  share_batch_norm(*online_, options);
  share_batch_norm(*target_, options);
  share_batch_norm(*predictor_, options);
}

std::vector<torch::Tensor> Byol::trained_parameters() {
  auto parameters = online_->parameters();
  for (auto& parameter : predictor_->parameters()) parameters.push_back(parameter);
  return parameters;
}

MovingAverages Byol::moving_averages() {
  return {target_->parameters(), online_->parameters(),
          options_.get<MovingAverageOptions>().key_momentum};
}

Objective Byol::objective(const Batch& batch, int) {
  const torch::Tensor &query_view = batch.views.at(0), &key_view = batch.views.at(1);
  const auto project = [](Encoder& encoder, const torch::Tensor& feature_map) {
    return encoder->head()(encoder->pool(feature_map));
  };
  const torch::Tensor query_map = online_->feature_map(query_view);
  const torch::Tensor query_projection = project(online_, query_map);
  const torch::Tensor key_projection = project(online_, online_->feature_map(key_view));
  const torch::Tensor query_prediction = predictor_(query_projection);
  const torch::Tensor key_prediction = predictor_(key_projection);
  torch::Tensor query_target, key_target;
  {
    const torch::NoGradGuard no_grad;
    query_target = project(target_, target_->feature_map(query_view));
    key_target = project(target_, target_->feature_map(key_view));
  }
  const torch::Tensor positive = cosine(query_prediction, key_target);
  return {
      .feature_map = query_map,
      .key_feature_map = {},
      .loss = {"byol_loss", (positive.mean() + cosine(key_prediction, query_target).mean()) / -2},
      .positive = positive};
}

}  // namespace lcr
