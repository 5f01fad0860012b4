#include "lcr/evaluate/projections.h"

#include <algorithm>

#include "lcr/base/error.h"
#include "lcr/base/rng.h"
#include "lcr/method/lcr_options.h"

namespace lcr {

torch::Tensor projection_variance(const EvaluatedNetwork& network, const ImageSet& images) {
  GradCamFittingBranch gfb = network.gfb;
  torch::Tensor sum = torch::zeros(
      {gfb->count()}, torch::TensorOptions().dtype(torch::kDouble).device(network.device));
  const auto add = [&](const torch::Tensor& map, std::int64_t) {
    sum += gfb->projections(map).flatten(2).var(2, /*unbiased=*/false).sum(0).to(torch::kDouble);
  };
  for_each_feature_map(network, images.count(), test_views(images, network.options), add);
  return (sum / images.count()).cpu();
}

std::vector<std::int64_t> rank_projections(const torch::Tensor& variance) {
  const torch::Tensor order =
      std::get<1>(variance.sort(/*stable=*/true, 0, /*descending=*/true)).contiguous();
  return {order.data_ptr<std::int64_t>(), order.data_ptr<std::int64_t>() + order.numel()};
}

std::vector<std::int64_t> choose_projections(const torch::Tensor& variance, const Options& options,
                                             std::uint64_t seed) {
  const std::vector<std::int64_t> ranked = rank_projections(variance);
  std::vector<std::int64_t> chosen;
  if (options.get<SubsetOptions>().subset == "top_variance") {
    chosen.assign(ranked.begin(), ranked.begin() + options.get<SubsetOptions>().subset_size);
  } else {
    check_internal(options.get<SubsetOptions>().subset == "random", "unknown projection subset");
    const std::int64_t others = variance.numel() - options.get<SubsetOptions>().subset_size;
    const CounterRng rng(RngKey(seed, "projection subset"),
                         static_cast<std::uint32_t>(options.get<SubsetOptions>().subset_seed));
    const auto draw = random_permutation(rng, others);
    for (std::int64_t i = 0; i < options.get<SubsetOptions>().subset_size; ++i) {
      const std::int64_t place =
          options.get<SubsetOptions>().subset_size + draw[static_cast<std::size_t>(i)];
      chosen.push_back(ranked[static_cast<std::size_t>(place)]);
    }
  }
  std::sort(chosen.begin(), chosen.end());
  return chosen;
}

}  // namespace lcr
