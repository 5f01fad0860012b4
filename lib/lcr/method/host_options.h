// Options that several hosts share.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lcr/config/options.h"
#include "lcr/data/batch_options.h"

namespace lcr {

/// Of every self-supervised method.
struct HostOptions {
  std::int64_t embedding_dim = 256;
  std::int64_t virtual_gpus = 1;
};

/// Of methods with a slowly moving copy of the network.
struct MovingAverageOptions {
  double key_momentum = 0.999;
};

/// Of methods with a predictor.
struct PredictorOptions {
  std::int64_t head_hidden = 4096;
};

/// Of momentum contrast.
struct MomentumContrastOptions {
  std::int64_t queue_size = 65536;
  double temperature = 0.2;
  std::int64_t key_bn_groups = 1;
  bool symmetric = false;
};

std::vector<OptionSpec> host_options();
std::vector<OptionSpec> moving_average_options();
std::vector<OptionSpec> predictor_options();
std::vector<OptionSpec> momentum_contrast_options();

/// Consecutive equal parts of each rank's batch that have their own batch norm statistics.
std::int64_t batch_norm_groups(const Options& options);

/// Check constraints between the options of a method's batches. Throw UserError.
void check_batch(const Options& options);
void check_momentum_contrast(const Options& options);

}  // namespace lcr
