#include "lcr/evaluate/recalibrate.h"

#include <algorithm>
#include <vector>

#include "lcr/base/error.h"
#include "lcr/base/rng.h"
#include "lcr/base/signals.h"
#include "lcr/model/batch_norm.h"

namespace lcr {
namespace {

/// whole: the encoder and the GFB too, not only the untrained branch.
void estimate(const EvaluatedNetwork& network, const ImageSet& train, std::uint64_t seed,
              bool whole) {
  const torch::NoGradGuard no_grad;
  Encoder encoder = network.encoder;
  GradCamFittingBranch gfb = network.gfb, random_gfb = network.random_gfb;
  std::vector<torch::nn::Module*> modules;  // whose statistics are estimated
  if (whole) modules.push_back(encoder.get());
  if (whole && gfb) modules.push_back(gfb.get());
  if (random_gfb) modules.push_back(random_gfb.get());
  const bool was_training = encoder->is_training();
  encoder->eval();
  for (auto* module : modules) {
    module->train();
    set_batch_norm_groups(*module, 1);
  }
  // Lists are sorted by class: without shuffling, a batch would hold one or two classes, and its
  // variance would say little about the whole set's.
  const auto order = random_permutation(CounterRng(RngKey(seed, "recalibration")), train.count());
  const RenderView in_list_order = test_views(train, network.options);
  const RenderView shuffled = [&](std::int64_t i, std::span<std::uint8_t> out) {
    in_list_order(order[static_cast<std::size_t>(i)], out);
  };
  const std::int64_t batch = std::min(kEvaluationBatch, train.count());
  const std::int64_t batches = train.count() / batch;
  for (std::int64_t b = 0; b < batches; ++b) {
    if (stop_requested())
      throw Interrupted(
          "stopped by a signal while estimating batch norm statistics; they are discarded");
    // Momentum 1 / (b + 1) makes the running statistics the mean over the batches so far.
    for (auto* module : modules) set_batch_norm_momentum(*module, 1.0 / static_cast<double>(b + 1));
    const torch::Tensor map =
        encoder->feature_map(render_batch(shuffled, b * batch, batch, network));
    if (whole && encoder->bilinear()) encoder->pool(map);
    if (whole && gfb) gfb(map);
    if (random_gfb) random_gfb(map);
  }
  for (auto* module : modules) set_batch_norm_momentum(*module, kBatchNormMomentum);
  encoder->train(was_training);
  if (gfb) gfb->train(was_training);
  if (random_gfb) random_gfb->eval();
}

}  // namespace

void recalibrate_batch_norm(const EvaluatedNetwork& network, const ImageSet& train,
                            std::uint64_t seed) {
  estimate(network, train, seed, true);
}

void calibrate_random_gfb(const EvaluatedNetwork& network, const ImageSet& train,
                          std::uint64_t seed) {
  estimate(network, train, seed, false);
}

}  // namespace lcr
