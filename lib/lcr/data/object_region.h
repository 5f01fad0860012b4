// Where the object is in a test view: the ground truth of localisation.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lcr/data/image_set.h"
#include "lcr/image/augment.h"

namespace lcr {

/// "mask" if the set has the objects' masks, else "box" if it has their boxes, else "".
std::string object_ground_truth(const ImageSet& images);

/// The object's region in the test view of image i: size x size values, 1 on the object, else 0.
/// The object is the pixels that the mask covers by half or more, or without masks the inside of
/// the box. All values are 0 if the centre crop has cut the object off. The set must have a ground
/// truth.
std::vector<std::uint8_t> object_region(const ImageSet& images, std::int64_t i,
                                        const TestTransform& transform);

}  // namespace lcr
