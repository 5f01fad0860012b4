#include "lcr/train/device_view_options.h"

#include "lcr/config/section.h"

namespace lcr {

std::vector<OptionSpec> device_view_options() {
  Section<DeviceViewOptions> s("Control", OptionPart::kControl);
  s.number("resident-share", &DeviceViewOptions::resident_share, "",
           "CUDA: the training images stay in the device's memory if they take at most this share "
           "of what is free before the first step, else each batch is copied to it (0: always)",
           0, 1);
  return s.rows();
}

}  // namespace lcr
