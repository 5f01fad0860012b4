// Options of the optimiser and its schedule.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lcr/config/options.h"

namespace lcr {

/// The optimisation.
struct TrainingOptions {
  std::int64_t epochs = 100;
  std::string optimizer = "sgd";
  double lars_trust = 0.001;
  std::string schedule = "epoch";
  std::int64_t schedule_epochs = 0;
  std::int64_t warmup_epochs = 0;
  double lr = 0.03, sgd_momentum = 0.9, weight_decay = 1e-4;
};

std::vector<OptionSpec> training_options();

/// Checks constraints between the options. Throws UserError.
void check_training(const Options& options);

}  // namespace lcr
