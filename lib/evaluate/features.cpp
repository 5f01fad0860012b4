#include "lcr/evaluate/features.h"

#include <torch/nn/functional/normalization.h>

#include "lcr/base/error.h"
#include "lcr/base/parallel.h"
#include "lcr/base/signals.h"
#include "lcr/data/augment.h"
#include "lcr/model/input.h"

namespace lcr {
namespace {

torch::Tensor unit_length(const torch::Tensor& features) {
  return torch::nn::functional::normalize(features, torch::nn::functional::NormalizeFuncOptions().dim(1));
}

/// The test views of images [start, start + count), on the host.
std::vector<std::uint8_t> test_views(const ImageSet& images, std::int64_t start, std::int64_t count, const Options& options, int threads) {
  const std::int64_t bytes = options.image_size * options.image_size * 3;
  std::vector<std::uint8_t> views(static_cast<std::size_t>(count * bytes));
  parallel_for(count, threads, [&](std::int64_t i) {
    const ImageView image = images.image(start + i);
    render_test_view(image.pixels, image.height, image.width, options.test_resize, options.image_size,
                     std::span(views).subspan(static_cast<std::size_t>(i * bytes), static_cast<std::size_t>(bytes)));
  });
  return views;
}

}  // namespace

void for_each_feature_map(Encoder& encoder, GradCamFittingBranch gfb, const ImageSet& images, const Options& options, const torch::Device& device, int threads,
                          const std::function<void(const torch::Tensor&)>& body) {
  const torch::NoGradGuard no_grad;
  const bool training = encoder->is_training();
  encoder->eval();
  if (gfb) gfb->eval();
  for (std::int64_t start = 0; start < images.count(); start += kEvaluationBatch) {
    if (stop_requested()) throw Interrupted("stopped by a signal during evaluation; finished runs are kept, this one starts again when asked for");
    const std::int64_t count = std::min(kEvaluationBatch, images.count() - start);
    body(encoder->feature_map(to_input(test_views(images, start, count, options, threads), count, options.image_size, device)));
  }
  encoder->train(training);
  if (gfb) gfb->train(training);
}

PooledFeatures extract_features(Encoder& encoder, GradCamFittingBranch gfb, const ImageSet& images, const Options& options, const torch::Device& device, int threads) {
  std::map<std::string, std::vector<torch::Tensor>> parts;
  for_each_feature_map(encoder, gfb, images, options, device, threads, [&](const torch::Tensor& map) {
    parts["average"].push_back(unit_length(map.mean({2, 3})));
    if (encoder->bilinear()) parts["bilinear"].push_back(unit_length(encoder->pool(map)));
    if (gfb) parts["attention"].push_back(unit_length((map * normalise_mask(gfb(map), options.eval_mask_norm).unsqueeze(1)).mean({2, 3})));
  });
  PooledFeatures features;
  for (const auto& [pooling, batches] : parts) features[pooling] = torch::cat(batches);
  return features;
}

torch::Tensor raw_pixel_features(const ImageSet& images, const Options& options, const torch::Device& device, int threads) {
  const std::int64_t size = options.image_size;
  std::vector<torch::Tensor> parts;
  for (std::int64_t start = 0; start < images.count(); start += kEvaluationBatch) {
    const std::int64_t count = std::min(kEvaluationBatch, images.count() - start);
    parts.push_back(unit_length(to_input(test_views(images, start, count, options, threads), count, size, device).contiguous().flatten(1)));
  }
  return torch::cat(parts);
}

}  // namespace lcr
