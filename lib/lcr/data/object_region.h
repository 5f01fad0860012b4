// Where the object is in a test view: the ground truth of localisation.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lcr/data/image_set.h"

namespace lcr {

/// "mask" where the set has the objects' masks, "box" where it has their boxes, "" where it has
/// neither.
std::string object_ground_truth(const ImageSet& images);

/// The object's region in the test view of image i (short side to `resize`, 0: to `size`; centre
/// size x size): 1 on the object, else 0, size x size. Of the mask the pixels that it covers by
/// half or more, else the inside of the box. It is empty where the centre crop has cut the object
/// off. The set must have a ground truth.
std::vector<std::uint8_t> object_region(const ImageSet& images, std::int64_t i, std::int64_t resize,
                                        std::int64_t size);

}  // namespace lcr
