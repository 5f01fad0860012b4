// Precision of the backbone: float32, or bfloat16 through autocast. Weights, BN statistics,
// embeddings, logits, GradCAM and every loss stay float32 in either case.
#pragma once

#include <string>

#include <torch/types.h>

namespace lcr {

/// Turns "auto" into "bfloat16" (CUDA, or a CPU with AVX512_BF16 or AMX) or "float32"; returns
/// other values unchanged.
std::string resolve_precision(const std::string& precision, const torch::Device& device);

/// Autocast to bfloat16 for the object's lifetime; does nothing for float32. Can be nested.
class AutocastGuard {
 public:
  AutocastGuard(bool bfloat16, c10::DeviceType device);
  ~AutocastGuard();
  AutocastGuard(const AutocastGuard&) = delete;
  AutocastGuard& operator=(const AutocastGuard&) = delete;

 private:
  bool active_, before_ = false;
  c10::DeviceType device_;
};

}  // namespace lcr
