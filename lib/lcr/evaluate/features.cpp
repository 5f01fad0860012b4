#include "lcr/evaluate/features.h"

#include <torch/nn/functional/normalization.h>

#include "lcr/base/error.h"
#include "lcr/base/parallel.h"
#include "lcr/base/signals.h"
#include "lcr/data/object_region.h"
#include "lcr/evaluate/poolings.h"
#include "lcr/evaluate/shared_rows.h"
#include "lcr/image/augment.h"
#include "lcr/image/view_options.h"
#include "lcr/model/input.h"

namespace lcr {
namespace {

torch::Tensor unit_length(const torch::Tensor& features) {
  return torch::nn::functional::normalize(features,
                                          torch::nn::functional::NormalizeFuncOptions().dim(1));
}

std::vector<std::uint8_t> render_bytes(const RenderView& render, std::int64_t start,
                                       std::int64_t count, std::int64_t size, int threads) {
  const std::int64_t bytes = size * size * 3;
  std::vector<std::uint8_t> views(static_cast<std::size_t>(count * bytes));
  parallel_for(count, threads, [&](std::int64_t i) {
    render(start + i, std::span(views).subspan(static_cast<std::size_t>(i * bytes),
                                               static_cast<std::size_t>(bytes)));
  });
  return views;
}

/// Puts a module into evaluation mode and restores its own mode at the end of the scope.
class ModeGuard {
 public:
  /// holder: a module holder, possibly empty.
  template <typename Holder>
  explicit ModeGuard(const Holder& holder)
      : module_(holder ? holder.ptr() : nullptr), training_(module_ && module_->is_training()) {
    if (module_) module_->eval();
  }
  ~ModeGuard() {
    if (module_) module_->train(training_);
  }
  ModeGuard(const ModeGuard&) = delete;
  ModeGuard& operator=(const ModeGuard&) = delete;

 private:
  std::shared_ptr<torch::nn::Module> module_;  ///< may be null
  bool training_;
};

/// The documented function, for a share of the views.
void for_each_feature_map(const EvaluatedNetwork& network, const Share& share,
                          const RenderView& render,
                          const std::function<void(const torch::Tensor&, std::int64_t)>& body) {
  const torch::NoGradGuard no_grad;
  Encoder encoder = network.encoder;
  const ModeGuard encoder_mode(network.encoder);
  const ModeGuard gfb_mode(network.gfb);
  const ModeGuard random_mode(network.random_gfb);
  for (std::int64_t start = share.first; start < share.last; start += kEvaluationBatch) {
    // Several ranks stop together, after the next step.
    if (stop_requested() && network.ranks.size() == 1)
      throw Interrupted(
          "stopped by a signal during evaluation; finished runs are kept; run the command again to "
          "evaluate this one");
    const std::int64_t here = std::min(kEvaluationBatch, share.last - start);
    body(encoder->feature_map(render_batch(render, start, here, network)), start);
  }
}

}  // namespace

torch::Tensor class_labels(const ImageSet& images, const torch::Device& device) {
  return torch::tensor(std::vector<std::int64_t>(images.labels.begin(), images.labels.end()),
                       torch::kLong)
      .to(device);
}

RenderView test_views(const ImageSet& images, const Options& options) {
  return
      [&images, transform = test_transform(options)](std::int64_t i, std::span<std::uint8_t> out) {
        const ImageView image = images.image(i);
        render_test_view(image.pixels, image.height, image.width, transform, out);
      };
}

RenderView probe_views(const ImageSet& images, const Options& options, std::uint64_t seed,
                       std::int64_t epoch) {
  return [&images, size = options.get<InputOptions>().image_size, recipe = probe_recipe(options),
          key = RngKey(seed, "probe augmentation"),
          epoch](std::int64_t i, std::span<std::uint8_t> out) {
    const ImageView image = images.image(i);
    const CounterRng rng(key, static_cast<std::uint32_t>(epoch), static_cast<std::uint32_t>(i));
    render_view(image.pixels, image.height, image.width,
                draw_view(rng, image.height, image.width, recipe), size, out);
  };
}

torch::Tensor render_batch(const RenderView& render, std::int64_t start, std::int64_t count,
                           const EvaluatedNetwork& network) {
  const std::int64_t size = network.options.get<InputOptions>().image_size;
  return to_input(render_bytes(render, start, count, size, network.threads), count, size,
                  network.device);
}

void for_each_feature_map(const EvaluatedNetwork& network, std::int64_t count,
                          const RenderView& render,
                          const std::function<void(const torch::Tensor&, std::int64_t)>& body) {
  for_each_feature_map(network, {0, count}, render, body);
}

PooledFeatures extract_features(const EvaluatedNetwork& network, const ImageSet& images,
                                const RenderView& render, const std::vector<std::string>& names) {
  std::map<std::string, std::vector<torch::Tensor>> parts;
  const auto pool = [&](const torch::Tensor& map, std::int64_t start) {
    for (const auto& name : names)
      parts[name].push_back(unit_length(find_pooling(name).pool({map, start, network, images})));
  };
  Share share =
      share_of(network.ranks.rank(), network.ranks.size(), images.count(), kEvaluationBatch);
  // With more ranks than batches some have none, but must know how long a row is.
  if (share.count() == 0) share = {0, std::min(kEvaluationBatch, images.count())};
  for_each_feature_map(network, share, render, pool);
  PooledFeatures features;
  for (const auto& [pooling, batches] : parts)
    features[pooling] =
        gather_rows(torch::cat(batches), images.count(), kEvaluationBatch, network.ranks);
  return features;
}

torch::Tensor raw_pixel_features(const ImageSet& images, const Options& options,
                                 const torch::Device& device, int threads) {
  const std::int64_t size = options.get<InputOptions>().image_size;
  const RenderView render = test_views(images, options);
  std::vector<torch::Tensor> parts;
  for (std::int64_t start = 0; start < images.count(); start += kEvaluationBatch) {
    const std::int64_t count = std::min(kEvaluationBatch, images.count() - start);
    const torch::Tensor input =
        to_input(render_bytes(render, start, count, size, threads), count, size, device);
    parts.push_back(unit_length(input.contiguous().flatten(1)));
  }
  return torch::cat(parts);
}

torch::Tensor object_regions(const ImageSet& images, std::int64_t start, std::int64_t count,
                             const EvaluatedNetwork& network) {
  const std::int64_t size = network.options.get<InputOptions>().image_size;
  torch::Tensor regions = torch::empty({count, size, size}, torch::kUInt8);
  auto* out = regions.data_ptr<std::uint8_t>();
  parallel_for(count, network.threads, [&](std::int64_t i) {
    const auto region = object_region(images, start + i, test_transform(network.options));
    std::copy(region.begin(), region.end(), out + i * size * size);
  });
  return regions;
}

}  // namespace lcr
