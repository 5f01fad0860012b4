// Converts the drawn parameters of a view to the plain form that batches are rendered from.
#pragma once

#include "lcr/image/augment.h"
#include "lcr/image/view_stages.h"

namespace lcr {

/// `offset`: of the image's first byte among the pixels of the batch; image_width: in pixels.
ViewTask make_view_task(const ViewParameters& view, std::int64_t offset, std::int64_t image_width);

}  // namespace lcr
