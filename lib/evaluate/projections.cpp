#include "lcr/evaluate/projections.h"

#include <algorithm>

#include "lcr/base/error.h"
#include "lcr/base/rng.h"
#include "lcr/evaluate/features.h"

namespace lcr {

torch::Tensor projection_variance(Encoder& encoder, GradCamFittingBranch gfb, const ImageSet& images, const Options& options, const torch::Device& device, int threads) {
  torch::Tensor sum = torch::zeros({gfb->count()}, torch::TensorOptions().dtype(torch::kDouble).device(device));
  for_each_feature_map(encoder, gfb, images, options, device, threads, [&](const torch::Tensor& map) {
    sum += gfb->projections(map).flatten(2).var(2, /*unbiased=*/false).sum(0).to(torch::kDouble);
  });
  return (sum / images.count()).cpu();
}

std::vector<std::int64_t> choose_projections(const torch::Tensor& variance, const Options& options, std::uint64_t seed) {
  const torch::Tensor order = std::get<1>(variance.sort(/*stable=*/true, 0, /*descending=*/true)).contiguous();
  const std::int64_t* ranked = order.data_ptr<std::int64_t>();
  std::vector<std::int64_t> chosen;
  if (options.subset == "top_variance") {
    chosen.assign(ranked, ranked + options.subset_size);
  } else {
    check_internal(options.subset == "random", "unknown projection subset");
    const std::int64_t others = variance.numel() - options.subset_size;
    const auto draw = random_permutation(CounterRng(RngKey(seed, "projection subset")), others);
    for (std::int64_t i = 0; i < options.subset_size; ++i) chosen.push_back(ranked[options.subset_size + draw[static_cast<std::size_t>(i)]]);
  }
  std::sort(chosen.begin(), chosen.end());
  return chosen;
}

}  // namespace lcr
