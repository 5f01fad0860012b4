#include "lcr/evaluate/poolings.h"

#include <algorithm>
#include <utility>

#include <torch/nn/functional/pooling.h>

#include "lcr/base/error.h"
#include "lcr/base/text.h"
#include "lcr/data/object_region.h"
#include "lcr/evaluate/activation_mask.h"
#include "lcr/evaluate/protocol_spec.h"
#include "lcr/method/method_spec.h"

namespace lcr {
namespace {

constexpr const char* kRandomGfb = "random_gfb";

/// The names in --poolings, with the method's own for "own"; empty: all.
std::vector<std::string> named_poolings(const Options& options) {
  auto names = split(options.get<ProtocolOptions>().poolings, ',');
  for (auto& name : names)
    if (name == "own") name = method_of(options).judged_by;
  return names;
}

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

bool always(const EvaluatedNetwork&, const ImageSet&) { return true; }

torch::Tensor pool_by_mask(const torch::Tensor& map, const torch::Tensor& mask) {
  return (map * mask.unsqueeze(1)).mean({2, 3});
}

torch::Tensor pool_by_branch(GradCamFittingBranch gfb, const PoolingInput& input) {
  const auto& norm = input.network.options.get<EvaluationOptions>().eval_mask_norm;
  return pool_by_mask(input.map, normalise_mask(gfb(input.map), norm));
}

/// Weights each position by the share of its cell of the view that the object covers.
torch::Tensor pool_by_object(const PoolingInput& input) {
  const torch::Tensor& map = input.map;
  const torch::Tensor regions =
      object_regions(input.images, input.start, map.size(0), input.network);
  const torch::Tensor cells =
      torch::nn::functional::adaptive_avg_pool2d(
          regions.to(map.device()).to(map.scalar_type()).unsqueeze(1),
          torch::nn::functional::AdaptiveAvgPool2dFuncOptions({map.size(2), map.size(3)}))
          .squeeze(1);
  // If the centre crop cuts the object off, nothing is known about it: all positions count.
  const torch::Tensor cut_off = cells.amax({1, 2}, true).eq(0).to(cells.scalar_type());
  return pool_by_mask(map, cells + cut_off);
}

std::vector<Pooling>& pooling_registry() {
  static std::vector<Pooling> list = {
      {"average", always,
       [](const PoolingInput& in) {
         return in.map.mean({2, 3});
       }},
      {"bilinear",
       [](const EvaluatedNetwork& network, const ImageSet&) {
         Encoder encoder = network.encoder;
         return !encoder->bilinear().is_empty();
       },
       [](const PoolingInput& in) {
         Encoder encoder = in.network.encoder;
         return encoder->pool(in.map);
       }},
      {"attention",
       [](const EvaluatedNetwork& network, const ImageSet&) { return !network.gfb.is_empty(); },
       [](const PoolingInput& in) { return pool_by_branch(in.network.gfb, in); }},
      {"activation", always,
       [](const PoolingInput& in) { return pool_by_mask(in.map, activation_mask(in.map)); }},
      {kRandomGfb,
       [](const EvaluatedNetwork& network, const ImageSet&) {
         return !network.random_gfb.is_empty();
       },
       [](const PoolingInput& in) { return pool_by_branch(in.network.random_gfb, in); }},
      {"oracle",
       [](const EvaluatedNetwork&, const ImageSet& images) {
         return !object_ground_truth(images).empty();
       },
       pool_by_object, /*test_views_only=*/true},
  };
  return list;
}

}  // namespace

const std::vector<Pooling>& poolings() { return pooling_registry(); }

const Pooling& find_pooling(const std::string& name) {
  const auto found = std::find_if(poolings().begin(), poolings().end(),
                                  [&](const Pooling& pooling) { return pooling.name == name; });
  check_internal(found != poolings().end(),
                 "a pooling of evaluate/specs.cpp without an entry in evaluate/poolings.cpp");
  return *found;
}

std::vector<std::string> available_poolings(const EvaluatedNetwork& network,
                                            const ImageSet& images) {
  std::vector<std::string> names;
  for (const auto& pooling : poolings())
    if (pooling.possible(network, images)) names.push_back(pooling.name);
  return names;
}

std::vector<std::string> chosen_poolings(const EvaluatedNetwork& network, const ImageSet& images) {
  auto available = available_poolings(network, images);
  const auto named = named_poolings(network.options);
  if (named.empty()) return available;
  for (const auto& name : named)
    if (!contains(available, name))
      fail("poolings: this run and its data do not allow '{}'; they allow {}", name,
           join(available, ", "));
  std::erase_if(available, [&](const std::string& name) { return !contains(named, name); });
  return available;
}

bool chooses_random_gfb(const Options& options) {
  const auto named = named_poolings(options);
  return named.empty() || contains(named, kRandomGfb);
}

std::vector<std::string> without_test_only(std::vector<std::string> names) {
  std::erase_if(names, [](const std::string& name) { return find_pooling(name).test_views_only; });
  return names;
}

RegisteredPooling::RegisteredPooling(Pooling pooling) {
  const RegisteredPoolingName name(pooling.name);
  pooling_registry().push_back(std::move(pooling));
}

}  // namespace lcr
