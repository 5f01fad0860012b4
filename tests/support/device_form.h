// The form of the suite's operations for devices, for one scope of a test.
#pragma once

#include "lcr/model/device_form.h"

namespace lcr::testing {

/// While it lives, the CPU takes the form for devices, too, unless `use` is false.
class DeviceForm {
 public:
  explicit DeviceForm(bool use = true) { use_device_form_on_cpu(use); }
  DeviceForm(const DeviceForm&) = delete;
  DeviceForm& operator=(const DeviceForm&) = delete;
  ~DeviceForm() { use_device_form_on_cpu(false); }
};

}  // namespace lcr::testing
