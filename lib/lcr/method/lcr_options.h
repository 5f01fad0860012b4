// Options of the GradCAM Fitting Branch.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lcr/config/options.h"

namespace lcr {

/// The branch and its loss.
struct LcrOptions {
  double lambda = 1.0, nu = 0.01;
  std::string gfb = "max_projections";
  std::int64_t projections = 32;
  std::string variant = "algorithm_a1_rescaled";
  // Switches: empty (tau: 0) until resolve_variant() sets them from `variant`.
  std::string cam_source, kl_axis;
  double tau = 0;
  std::string cam_scale, mask_norm, detach_target, kl_reduction, gfb_bn_updates;
};

/// The choice of some of the branch's projections (Figure B2).
struct SubsetOptions {
  std::string subset = "all", subset_images = "train", subset_scope = "train_and_test";
  std::int64_t subset_size = 8, subset_epoch = 60, subset_seed = 0;
};

/// The values of the switches in one reading of the method.
struct LcrSwitches {
  const char* cam_source;
  const char* kl_axis;
  double tau;
  const char* cam_scale;
  const char* mask_norm;
  const char* detach_target;
  const char* kl_reduction;
  const char* gfb_bn_updates;
};

/// As the authors' code for MoCo v2 has them.
const LcrSwitches& authors_switches();

std::vector<OptionSpec> lcr_options();
std::vector<OptionSpec> subset_options();

/// Sets the method switches that are still unset from `variant`: `authors_code`, `algorithm_a1` or
/// `algorithm_a1_rescaled`. README compares them; Algorithm A1 of the paper leaves some open.
void resolve_variant(Options& options);

/// The branch is made of projections.
bool has_projections(const Options& options);
/// The run switches to a subset of its projections after an epoch.
bool has_subset(const Options& options);
/// The KL loss trains the branch.
bool fits_cam(const Options& options);

/// Checks constraints between the branch's options. Throws UserError.
void check_lcr(const Options& options);

}  // namespace lcr
