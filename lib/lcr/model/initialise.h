// Initial weights from the counter RNG: each parameter's values depend on the seed and its own name
// alone.
#pragma once

#include <cstdint>
#include <string>

#include <torch/nn/module.h>

namespace lcr {

enum class InitScheme {
  kResNet,   ///< torchvision's: convolutions normal with variance 2 / fan_out (He et al. 2015);
             ///< batch norm 1 and 0
  kDefault,  ///< PyTorch's layers': weights and biases uniform in +-1/sqrt(fan_in); batch norm 1
             ///< and 0
};

/// Sets all parameters below `module`; `prefix` keeps modules of one run apart ("backbone", "head",
/// "gfb").
void initialise(torch::nn::Module& module, InitScheme scheme, std::uint64_t seed,
                const std::string& prefix);

/// Normal numbers from the counter RNG as a float32 CPU tensor.
torch::Tensor random_normal(torch::IntArrayRef shape, std::uint64_t seed,
                            const std::string& purpose);

}  // namespace lcr
