// The form of the suite's operations for devices, for one scope of a test.
#pragma once

#include "lcr/model/device_form.h"
#include "tests/support/networks.h"

namespace lcr::testing {

/// Where tests of the form for devices put their tensors: on the test device if it is one, else on
/// the CPU, which takes the form while this lives.
class DeviceForm {
 public:
  explicit DeviceForm(bool use = true) : on_cpu_(use && test_device().is_cpu()) {
    if (on_cpu_) use_device_form_on_cpu(true);
  }
  DeviceForm(const DeviceForm&) = delete;
  DeviceForm& operator=(const DeviceForm&) = delete;
  ~DeviceForm() {
    if (on_cpu_) use_device_form_on_cpu(false);
  }

 private:
  bool on_cpu_;
};

}  // namespace lcr::testing
