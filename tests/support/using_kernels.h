// A form of the suite's loops, for one scope of a test.
#pragma once

#include <ATen/Parallel.h>

#include "lcr/model/kernels/kernels.h"

namespace lcr::testing {

/// Uses a form of the loops and a number of threads while it lives.
class UsingKernels {
 public:
  explicit UsingKernels(const kernels::Kernels& form, int threads = 1)
      : form_(kernels::kernels()), threads_(at::get_num_threads()) {
    kernels::use_kernels(form);
    at::set_num_threads(threads);
  }
  UsingKernels(const UsingKernels&) = delete;
  UsingKernels& operator=(const UsingKernels&) = delete;
  ~UsingKernels() {
    kernels::use_kernels(form_);
    at::set_num_threads(threads_);
  }

 private:
  const kernels::Kernels& form_;
  int threads_;
};

}  // namespace lcr::testing
