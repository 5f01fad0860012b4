// Features of a data set for evaluation: views through a network, pooled.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include <torch/types.h>

#include "lcr/config/options.h"
#include "lcr/data/image_set.h"
#include "lcr/method/process_group.h"
#include "lcr/model/encoder.h"
#include "lcr/model/gfb.h"

namespace lcr {

/// Images per evaluation batch. Only masks normalised over the "batch" depend on it.
inline constexpr std::int64_t kEvaluationBatch = 128;

/// A network under evaluation and where it runs. `options` gives the test transform and the
/// normalisation of masks.
struct EvaluatedNetwork {
  Encoder encoder;
  GradCamFittingBranch gfb;         ///< the method's branch; may be null
  GradCamFittingBranch random_gfb;  ///< an untrained branch as a control; may be null
  const Options& options;
  torch::Device device;
  int threads;
  /// Who share the views of extract_features(): all call it together, with the same network.
  ProcessGroup ranks = {};
};

/// The class of each image: M, int64.
torch::Tensor class_labels(const ImageSet& images, const torch::Device& device);

/// Writes view i, image_size x image_size x 3 bytes, to `out`.
using RenderView = std::function<void(std::int64_t i, std::span<std::uint8_t> out)>;

/// The test transform of each image.
RenderView test_views(const ImageSet& images, const Options& options);
/// The linear probe's random crops and flips; a view depends only on (seed, epoch, i).
RenderView probe_views(const ImageSet& images, const Options& options, std::uint64_t seed,
                       std::int64_t epoch);

/// The views [start, start + count) as the network's input.
torch::Tensor render_batch(const RenderView& render, std::int64_t start, std::int64_t count,
                           const EvaluatedNetwork& network);

/// Calls body with the feature map of each batch of views and the index of the batch's first view,
/// without gradients, in evaluation mode (the modules' modes are restored at the end). Throws
/// Interrupted if a signal asks to stop.
void for_each_feature_map(
    const EvaluatedNetwork& network, std::int64_t count, const RenderView& render,
    const std::function<void(const torch::Tensor& map, std::int64_t start)>& body);

/// Unit-length features of one image set for each pooling: M x F float32 on the device.
using PooledFeatures = std::map<std::string, torch::Tensor>;

/// Computes the named poolings (poolings.h) in one pass over the views. Those with test_views_only
/// need test_views(). Each of several ranks computes whole batches, so that the numbers are those
/// of one, and all get all features.
PooledFeatures extract_features(const EvaluatedNetwork& network, const ImageSet& images,
                                const RenderView& render, const std::vector<std::string>& names);

/// A control: the pixels of the test views as unit-length features, M x (3 size size).
torch::Tensor raw_pixel_features(const ImageSet& images, const Options& options,
                                 const torch::Device& device, int threads);

/// Object regions in test views [start, start + count): N x size x size, uint8 of 0 and 1, on CPU.
torch::Tensor object_regions(const ImageSet& images, std::int64_t start, std::int64_t count,
                             const EvaluatedNetwork& network);

}  // namespace lcr
