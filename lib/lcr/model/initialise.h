// Initial weights from the counter RNG: each parameter's values depend only on the seed and the
// parameter's name.
#pragma once

#include <cstdint>
#include <string>

#include <torch/nn/module.h>

namespace lcr {

enum class InitScheme {
  /// torchvision's: convolutions normal with variance 2 / fan_out (He et al. 2015), biases 0; batch
  /// norm with weight 1 and bias 0.
  kResNet,
  /// PyTorch's layers': weights and biases uniform in +-1/sqrt(fan_in); batch norm with weight 1
  /// and bias 0.
  kDefault,
};

/// While it lives, this thread's initialise() sets nothing and its random_normal() draws zeros: for
/// networks whose values all come from a file.
class SkipInitialisation {
 public:
  SkipInitialisation();
  ~SkipInitialisation();
  SkipInitialisation(const SkipInitialisation&) = delete;
  SkipInitialisation& operator=(const SkipInitialisation&) = delete;
};

/// Sets all parameters below `module`; those that are neither a weight nor a bias (the position
/// embeddings of a transformer) normal with standard deviation 0.02. `prefix` distinguishes the
/// modules of one run ("backbone", "head", "gfb").
void initialise(torch::nn::Module& module, InitScheme scheme, std::uint64_t seed,
                const std::string& prefix);

/// Standard normal numbers from the counter RNG as a float32 CPU tensor.
torch::Tensor random_normal(torch::IntArrayRef shape, std::uint64_t seed,
                            const std::string& purpose);

}  // namespace lcr
