// The poolings: a feature map to the feature by which an image is compared with others.
#pragma once

#include <string>
#include <vector>

#include "lcr/evaluate/features.h"

namespace lcr {

/// A batch of feature maps, and the images that they are of.
struct PoolingInput {
  const torch::Tensor& map;  ///< N x C x h x w
  std::int64_t start;        ///< index of the first image
  const EvaluatedNetwork& network;
  const ImageSet& images;
};

/// What a pooling does.
struct Pooling {
  std::string name;
  /// Whether the network and the images allow it.
  bool (*possible)(const EvaluatedNetwork&, const ImageSet&);
  /// N x F, of any length.
  torch::Tensor (*pool)(const PoolingInput&);
  /// Whether it knows the images only as the test transform shows them. No classifier is trained
  /// on such features, because that needs augmented views.
  bool test_views_only = false;
};

/// All poolings, in the order of pooling_names(): those of poolings.cpp and registered ones.
///
/// "average": mean over positions. "bilinear": MoCo-Bilinear's own. The others are means of
/// map x mask over positions (Weight Average Pooling) with one of these masks: "attention", the
/// GFB's; "activation", activation_mask(), without learning; "random_gfb", an untrained GFB's;
/// "oracle", the true region of the object (or its box), averaged over each position's cell of the
/// image.
const std::vector<Pooling>& poolings();

/// The pooling of that name, which is one of pooling_names().
const Pooling& find_pooling(const std::string& name);

/// The names of those that the network and the images allow.
std::vector<std::string> available_poolings(const EvaluatedNetwork& network,
                                            const ImageSet& images);

/// The names of those that --poolings chooses, or of all that the network and the images allow.
/// Throws UserError on one that they do not allow.
std::vector<std::string> chosen_poolings(const EvaluatedNetwork& network, const ImageSet& images);

/// Whether --poolings leaves in the one by an untrained GFB.
bool chooses_random_gfb(const Options& options);

/// Without those that exist for test views only.
std::vector<std::string> without_test_only(std::vector<std::string> names);

/// Adds a pooling that is not part of this library, before main() starts.
struct RegisteredPooling {
  explicit RegisteredPooling(Pooling pooling);
};

}  // namespace lcr
