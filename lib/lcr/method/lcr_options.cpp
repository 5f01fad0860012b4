#include "lcr/method/lcr_options.h"

#include "lcr/base/error.h"
#include "lcr/config/section.h"
#include "lcr/method/host_options.h"
#include "lcr/method/method_spec.h"

namespace lcr {
namespace {

bool trains_gfb(const Options& o) { return o.get<LcrOptions>().gfb != "random"; }

const Condition kTrainedGfb{trains_gfb, "the method has a GFB and gfb is not random"};
const Condition kProjections{has_projections, "the method has a GFB and gfb is not mlp"};
const Condition kSubset{has_subset, "subset is not all"};
const Condition kRandomSubset{
    [](const Options& o) { return has_subset(o) && o.get<SubsetOptions>().subset == "random"; },
    "subset = random"};
const Condition kFitsCam{fits_cam, "the method has a GFB, nu > 0 and gfb is not random"};
const Condition kCamTarget{
    [](const Options& o) { return fits_cam(o) && o.get<LcrOptions>().cam_source != "uniform"; },
    "the method has a GFB, nu > 0, gfb is not random and cam-source is not uniform"};
// Only momentum contrast gives the branch the key's feature map.
const Condition kOnMomentumContrast{
    [](const Options& o) { return method_of(o).uses<MomentumContrastOptions>(); },
    "the method has a GFB and uses momentum contrast"};

constexpr LcrSwitches kAuthorsCode{.cam_source = "loss",
                                   .kl_axis = "rows",
                                   .tau = 1.0,
                                   .cam_scale = "none",
                                   .mask_norm = "batch",
                                   .detach_target = "no",
                                   .kl_reduction = "sum",
                                   .gfb_bn_updates = "as_authors"};
// Algorithm A1 names tau without a value: 0.4 is that of the authors' BYOL code.
constexpr LcrSwitches kAlgorithmA1{.cam_source = "positive_logit",
                                   .kl_axis = "positions",
                                   .tau = 0.4,
                                   .cam_scale = "none",
                                   .mask_norm = "none",
                                   .detach_target = "yes",
                                   .kl_reduction = "sum",
                                   .gfb_bn_updates = "once"};
constexpr LcrSwitches kRescaled{.cam_source = "positive_logit",
                                .kl_axis = "positions",
                                .tau = 0.4,
                                .cam_scale = "max",
                                .mask_norm = "image",
                                .detach_target = "yes",
                                .kl_reduction = "sum",
                                .gfb_bn_updates = "once"};

/// The switches of the variant. The authors' program for a host may differ from that for MoCo v2.
const LcrSwitches& switches_of(const Options& o) {
  const std::string& variant = o.get<LcrOptions>().variant;
  if (variant == "algorithm_a1") return kAlgorithmA1;
  if (variant != "authors_code") return kRescaled;
  const MethodSpec& method = method_of(o);
  const MethodSpec& host = method.host.empty() ? method : find_method(method.host);
  return host.authors_switches ? *host.authors_switches : kAuthorsCode;
}

}  // namespace

const LcrSwitches& authors_switches() { return kAuthorsCode; }

std::vector<OptionSpec> lcr_options() {
  Section<LcrOptions> s("Method");
  s.number("lambda", &LcrOptions::lambda, "", "weight of the host's own loss (Table F1)", 0, 1e6);
  s.number("nu", &LcrOptions::nu, "", "weight of the KL loss (Table F1)", 0, 1e6, kTrainedGfb);
  s.choice("gfb", &LcrOptions::gfb,
           "structure of the GFB; mlp: Table E1; random: untrained max_projections",
           {"max_projections", "mlp", "random"});
  s.number("projections", &LcrOptions::projections, "",
           "number K of the GFB's linear projections (Figure D1)", 1, 65536, kProjections);
  s.affects(OptionPart::kControl);
  s.choice("variant", &LcrOptions::variant, "sets those switches below that are not given",
           {"authors_code", "algorithm_a1", "algorithm_a1_rescaled"});
  s.affects(OptionPart::kRun);
  s.choice("cam-source", &LcrOptions::cam_source,
           "scalar whose gradient gives the GradCAM target; uniform and shuffled are controls",
           {"loss", "positive_logit", "uniform", "shuffled"}, kFitsCam);
  s.choice("kl-axis", &LcrOptions::kl_axis,
           "extent of each softmax in the KL loss: all positions, or each row separately",
           {"rows", "positions"}, kFitsCam);
  s.number("tau", &LcrOptions::tau, "", "temperature of both softmaxes in the KL loss", kSmall,
           1000, kFitsCam);
  s.choice("cam-scale", &LcrOptions::cam_scale,
           "scaling of each image's GradCAM before its softmax", {"none", "max", "minmax"},
           kCamTarget);
  s.choice("mask-norm", &LcrOptions::mask_norm,
           "scope of the mask's min-max normalisation in training: per batch, per image, or "
           "none",
           {"batch", "image", "none"}, kFitsCam);
  s.choice("detach-target", &LcrOptions::detach_target,
           "stop the gradient of the KL loss at the GradCAM target", {"yes", "no"}, kCamTarget);
  s.choice("kl-reduction", &LcrOptions::kl_reduction,
           "reduction of the KL loss: sum over all elements, sum / batch size, or mean over "
           "all elements",
           {"sum", "batchmean", "mean"}, kFitsCam);
  s.choice("gfb-bn-updates", &LcrOptions::gfb_bn_updates,
           "updates of the GFB's batch norm statistics per step; as_authors: by the features "
           "of q, k and q; once: by those of q",
           {"as_authors", "once"}, kOnMomentumContrast);
  return s.rows();
}

std::vector<OptionSpec> subset_options() {
  Section<SubsetOptions> s("Method");
  s.choice("subset", &SubsetOptions::subset,
           "projections in use after subset-epoch (Figure B2); top_variance: those with the "
           "highest variance; random: drawn from the others",
           {"all", "top_variance", "random"}, kProjections);
  s.number("subset-size", &SubsetOptions::subset_size, "projections", "number of projections kept",
           1, 65536, kSubset);
  s.number("subset-epoch", &SubsetOptions::subset_epoch, "epochs",
           "training time after which the projections are chosen", 1, 100000, kSubset);
  s.number("subset-seed", &SubsetOptions::subset_seed, "",
           "additional seed of the random choice, independent of the run's seed", 0, kMany,
           kRandomSubset);
  s.choice("subset-images", &SubsetOptions::subset_images,
           "images over which the variance that ranks the projections is computed (test: as "
           "in the authors' code)",
           {"train", "test"}, kSubset);
  s.choice("subset-scope", &SubsetOptions::subset_scope, "where only the kept projections are used",
           {"train_and_test", "test_only"}, kSubset);
  return s.rows();
}

void resolve_variant(Options& options) {
  const LcrSwitches& s = switches_of(options);
  auto& o = options.get<LcrOptions>();
  const auto fill = [](std::string& value, const char* fallback) {
    if (value.empty()) value = fallback;
  };
  fill(o.cam_source, s.cam_source);
  fill(o.kl_axis, s.kl_axis);
  if (o.tau == 0) o.tau = s.tau;
  fill(o.cam_scale, s.cam_scale);
  fill(o.mask_norm, s.mask_norm);
  fill(o.detach_target, s.detach_target);
  fill(o.kl_reduction, s.kl_reduction);
  fill(o.gfb_bn_updates, s.gfb_bn_updates);
}

bool has_projections(const Options& options) {
  return method_of(options).uses<LcrOptions>() && options.get<LcrOptions>().gfb != "mlp";
}

bool has_subset(const Options& options) {
  return has_projections(options) && options.get<SubsetOptions>().subset != "all";
}

bool fits_cam(const Options& options) {
  return method_of(options).uses<LcrOptions>() && trains_gfb(options) &&
         options.get<LcrOptions>().nu > 0;
}

void check_lcr(const Options& options) {
  const auto& lcr = options.get<LcrOptions>();
  const auto& subset = options.get<SubsetOptions>();
  // A random subset is drawn from outside the subset_size projections of highest variance.
  const bool random = subset.subset == "random";
  if (has_subset(options) && subset.subset_size * (random ? 2 : 1) > lcr.projections)
    fail("subset-size = {} is too large for projections = {}{}", subset.subset_size,
         lcr.projections,
         random ? ": subset = random first sets aside as many of highest variance" : "");
  if (lcr.gfb == "mlp" && subset.subset != "all")
    fail("subset = {}: gfb = mlp has no projections to choose from", subset.subset);
}

}  // namespace lcr
