// Tiny options and inputs for tests with networks.
#pragma once

#include <cstdlib>
#include <stdexcept>
#include <string>

#include <ATen/Context.h>
#include <torch/cuda.h>
#include <torch/types.h>

#include "lcr/config/options.h"
#include "lcr/image/view_options.h"
#include "lcr/method/host_options.h"
#include "lcr/method/lcr_options.h"
#include "lcr/model/initialise.h"
#include "lcr/model/model_options.h"
#include "lcr/train/training_options.h"

namespace lcr::testing {

/// The device of the numeric tests: LCR_TEST_DEVICE ("cuda", "cuda:1"), by default the CPU.
inline torch::Device test_device() {
  const char* name = std::getenv("LCR_TEST_DEVICE");
  const torch::Device device(name && *name ? name : "cpu");
  return device.is_cuda() && !device.has_index() ? torch::Device(torch::kCUDA, 0) : device;
}

/// Why a test on a GPU cannot run, to skip it with; empty if LibTorch finds one. Throws if
/// LCR_TEST_DEVICE asks for one and there is none.
inline std::string lacks_gpu() {
  if (torch::cuda::is_available()) return "";
  if (test_device().is_cuda())
    throw std::runtime_error("LCR_TEST_DEVICE asks for a CUDA device, and LibTorch finds none");
  return "needs a CUDA device: LibTorch finds none (if it is built without CUDA, it never does)";
}

/// Whether two results of one computation agree on the test device: bit for bit on the CPU and
/// where LibTorch is deterministic, else roughly: CUDA may add in any order.
inline bool agree(const torch::Tensor& a, const torch::Tensor& b) {
  if (test_device().is_cpu() || at::globalContext().deterministicAlgorithms()) return a.equal(b);
  return torch::allclose(a.cpu(), b.cpu(), 1e-2, 1e-3);
}
inline bool agree(double a, double b) {
  return agree(torch::tensor(a, torch::kDouble), torch::tensor(b, torch::kDouble));
}

/// A narrow network of width 4 on 24-pixel images (3x3 map), batch 6, queue 12, dimension 5.
inline Options tiny_options(
    std::initializer_list<std::pair<const char*, const char*>> settings = {}) {
  Options options;
  options.get<NarrowOptions>().width = 4;
  options.get<InputOptions>().image_size = 24;
  options.get<BatchOptions>().batch_size = 6;
  options.get<MomentumContrastOptions>().queue_size = 12;
  options.get<HostOptions>().embedding_dim = 5;
  options.get<LcrOptions>().projections = 3;
  options.get<PrecisionOptions>().precision = "float32";
  options.get<TrainingOptions>().lr = 0.1;
  for (const auto& [name, value] : settings) set_option(options, name, value, "test");
  resolve_variant(options);
  return options;
}

/// A batch of the tiny size; `which` selects the batch.
inline torch::Tensor tiny_batch(const std::string& which, std::int64_t count = 6) {
  return random_normal({count, 3, 24, 24}, 9, which);
}

}  // namespace lcr::testing
