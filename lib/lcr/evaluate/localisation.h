// How well attention maps find the object: pointing game, mass inside, intersection over union.
#pragma once

#include <array>
#include <cstdint>

#include <torch/types.h>

namespace lcr {

struct LocalisationScores {
  /// Images whose maximum lies on the object, in percent (Zhang et al. 2018, without their
  /// tolerance of 15 pixels).
  double pointing = 0;
  /// Share of the map's sum that lies on the object, mean over images, in percent.
  double mass = 0;
  /// Intersection over union of {map >= threshold} and the object at the best threshold, mean over
  /// images, in percent.
  double iou = 0;
  /// That threshold, on maps each scaled to [0, 1]: the same for all images, and chosen on them.
  double threshold = 0;
  /// Share of the view that the object covers, mean over images, in percent: the score of an
  /// uninformative map.
  double area = 0;
  std::int64_t images = 0;   ///< images counted
  std::int64_t cut_off = 0;  ///< images left out because the view does not show the object
};

/// Accumulates the scores of maps of one kind, batch by batch.
class Localisation {
 public:
  /// maps: N x h x w, >= 0, on any device; regions: N x s x s, uint8 of 0 and 1, on the CPU. Maps
  /// are resized to s x s (bilinear, like the heat maps of the paper). If several positions share
  /// the maximum, the share of them that lies on the object counts; a map of zeros counts as
  /// uniform. Throws UserError if maps are not finite.
  void add(const torch::Tensor& maps, const torch::Tensor& regions);
  /// Throws UserError if no view showed its object.
  LocalisationScores scores() const;

 private:
  static constexpr std::int64_t kThresholds = 100;
  double pointing_ = 0, mass_ = 0, area_ = 0;
  std::array<double, kThresholds> iou_{};  ///< sum over images at threshold i / 100
  std::int64_t images_ = 0, cut_off_ = 0;
};

}  // namespace lcr
