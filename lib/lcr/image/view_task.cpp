#include "lcr/image/view_task.h"

#include <algorithm>

namespace lcr {

ViewTask make_view_task(const ViewParameters& v, std::int64_t offset, std::int64_t image_width) {
  ViewTask task{};
  task.image = offset;
  task.image_width = static_cast<std::int32_t>(image_width);
  task.crop_x = static_cast<std::int32_t>(v.crop.x);
  task.crop_y = static_cast<std::int32_t>(v.crop.y);
  task.crop_width = static_cast<std::int32_t>(v.crop.width);
  task.crop_height = static_cast<std::int32_t>(v.crop.height);
  task.flip = v.flip;
  task.bicubic = v.interpolation == Interpolation::kBicubic;
  task.jitter = v.jitter;
  task.gray = v.gray;
  task.solarise = v.solarise;
  std::copy(v.jitter_order.begin(), v.jitter_order.end(), task.order);
  task.brightness = v.brightness;
  task.contrast = v.contrast;
  task.saturation = v.saturation;
  task.hue_steps = hue_offset(v.hue);
  if (v.blur_sigma > 0 && v.blur_kernel > 0) {
    task.kernel = gaussian_kernel(v.blur_sigma, v.blur_kernel);
    task.blurs_by_kernel = 1;
  } else if (v.blur_sigma > 0) {
    task.box = box_blur(v.blur_sigma);
    task.blurs = !is_identity(task.box);
  }
  return task;
}

}  // namespace lcr
