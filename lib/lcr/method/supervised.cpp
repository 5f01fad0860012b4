#include "lcr/method/supervised.h"

#include <torch/nn/functional/loss.h>

#include "lcr/base/error.h"
#include "lcr/model/initialise.h"

namespace lcr {

Supervised::Supervised(const Options& options, std::uint64_t seed, std::int64_t classes)
    : encoder_(register_module("query", make_encoder(options, seed))),
      classifier_(register_module("classifier",
                                  torch::nn::Linear(encoder_->backbone()->channels(), classes))) {
  initialise(*classifier_, InitScheme::kDefault, seed, "classifier");
}

StepLoss Supervised::step(const Batch& batch) {
  check_internal(batch.labels.defined(), "supervised training without labels");
  const torch::Tensor& view = batch.views.at(0);
  const torch::Tensor loss =
      torch::nn::functional::cross_entropy(logits(view), batch.labels.to(view.device()));
  return {
      .total = loss, .terms = {{"classification_loss", loss.detach()}}, .mask = {}, .target = {}};
}

std::vector<torch::Tensor> Supervised::trained_parameters() {
  auto parameters = encoder_->backbone()->parameters();
  for (auto& parameter : classifier_->parameters()) parameters.push_back(parameter);
  return parameters;
}

}  // namespace lcr
