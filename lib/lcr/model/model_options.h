// Options of the network and its initial weights.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lcr/config/options.h"

namespace lcr {

/// The backbone.
struct ArchOptions {
  std::string arch = "narrow";
  double bn_eps = 1e-5;
};

/// The narrow network.
struct NarrowOptions {
  std::int64_t width = 32;
};

/// torchvision's ResNets.
struct ResNetOptions {
  std::string stem = "imagenet";
};

/// Those ResNets that have bottlenecks.
struct BottleneckOptions {
  bool stride_in_1x1 = false;
};

/// Where the backbone's initial weights come from.
struct InitOptions {
  std::string init, init_prefix, pretrain = "none";
  bool init_partial = false;
};

/// The arithmetic of the backbone.
struct PrecisionOptions {
  std::string precision = "auto";
};

std::vector<OptionSpec> arch_options();
std::vector<OptionSpec> narrow_options();
std::vector<OptionSpec> resnet_options();
std::vector<OptionSpec> bottleneck_options();
std::vector<OptionSpec> init_options();
std::vector<OptionSpec> precision_options();

/// Checks constraints between the options of the initial weights. Throws UserError.
void check_init(const Options& options);

}  // namespace lcr
