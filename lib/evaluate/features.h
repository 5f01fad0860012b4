// Features of a data set for evaluation: test views through a network, pooled.
#pragma once

#include <torch/types.h>

#include <functional>
#include <map>
#include <string>

#include "lcr/data/image_set.h"
#include "lcr/model/encoder.h"
#include "lcr/model/gfb.h"
#include "lcr/record/options.h"

namespace lcr {

/// Images a batch of evaluation: only a mask normalised per "batch" depends on it.
inline constexpr std::int64_t kEvaluationBatch = 128;

/// Unit-length features of one image set by pooling, M x F float32 on the device: "average" over positions; "attention", the mean
/// of map x mask (Weight Average Pooling), with a GFB; "bilinear" for MoCo-Bilinear.
using PooledFeatures = std::map<std::string, torch::Tensor>;

/// Calls body with the feature map of each batch of test views, without gradients, in evaluation mode (restored at the end). gfb may be null.
void for_each_feature_map(Encoder& encoder, GradCamFittingBranch gfb, const ImageSet& images, const Options& options, const torch::Device& device, int threads,
                          const std::function<void(const torch::Tensor&)>& body);

/// One pass over the images by the test transform, network in evaluation mode (its mode is restored). gfb may be null.
PooledFeatures extract_features(Encoder& encoder, GradCamFittingBranch gfb, const ImageSet& images, const Options& options, const torch::Device& device, int threads);

/// The test views' pixels themselves as unit-length features, M x (3 size size): a control.
torch::Tensor raw_pixel_features(const ImageSet& images, const Options& options, const torch::Device& device, int threads);

}  // namespace lcr
