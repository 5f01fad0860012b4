#include "lcr/record/options.h"

#include <algorithm>
#include <set>

#include "lcr/base/error.h"
#include "lcr/base/text.h"

namespace lcr {

bool contrasts(const Options& o) {
  return o.method == "moco_v2" || o.method == "moco_bilinear" || o.method == "lcr";
}
bool bootstraps(const Options& o) { return o.method == "byol" || o.method == "byol_lcr"; }
bool trains(const Options& o) { return contrasts(o) || bootstraps(o) || o.method == "supervised"; }
bool uses_gfb(const Options& o) { return o.method == "lcr" || o.method == "byol_lcr"; }
bool uses_network(const Options& o) { return o.method != "raw_pixels"; }
bool has_image_files(const Options& o) {
  return o.dataset == "cub200" || o.dataset == "stanford-cars" || o.dataset == "fgvc-aircraft" ||
         o.dataset == "image-folder";
}

namespace {
bool has_projections(const Options& o) { return uses_gfb(o) && o.gfb != "mlp"; }
}  // namespace

bool has_subset(const Options& o) { return has_projections(o) && o.subset != "all"; }

std::string own_pooling(const std::string& method) {
  if (method == "lcr" || method == "byol_lcr") return "attention";
  if (method == "moco_bilinear") return "bilinear";
  return method == "raw_pixels" ? "none" : "average";
}

namespace {

constexpr double kMany = 1e9;
constexpr double kSmall = 1e-9;  // stands for "positive"

bool always(const Options&) { return true; }
bool synthbirds(const Options& o) { return o.dataset == "synthbirds"; }
bool jitters(const Options& o) { return trains(o) && o.jitter_probability > 0; }
bool moco_views(const Options& o) { return trains(o) && o.augmentation == "moco_v2"; }
bool blurs(const Options& o) {
  return trains(o) && (o.blur_probability > 0 || o.augmentation == "byol");
}
bool from_folder(const Options& o) { return o.dataset == "image-folder"; }
bool narrow(const Options& o) { return uses_network(o) && o.arch == "narrow"; }
bool resnet(const Options& o) { return uses_network(o) && o.arch != "narrow"; }
bool bottleneck(const Options& o) {
  return uses_network(o) && (o.arch.starts_with("resnet50") || o.arch == "resnet101");
}
bool follows_itself(const Options& o) { return contrasts(o) || bootstraps(o); }
bool bilinear(const Options& o) { return o.method == "moco_bilinear"; }
bool trains_gfb(const Options& o) { return uses_gfb(o) && o.gfb != "random"; }
bool fits_cam(const Options& o) { return trains_gfb(o) && o.nu > 0; }
bool has_target(const Options& o) { return fits_cam(o) && o.cam_source != "uniform"; }

OptionSpec row(const char* group, const char* name, OptionSpec::Member member, const char* unit,
               const char* meaning, double low, double high, std::vector<std::string> choices = {},
               std::function<bool(const Options&)> active = always, std::string active_when = "",
               OptionPart part = OptionPart::kRun) {
  return {group,
          name,
          member,
          unit,
          meaning,
          low,
          high,
          std::move(choices),
          part,
          std::move(active),
          std::move(active_when)};
}

OptionSpec control(const char* name, OptionSpec::Member member, const char* unit,
                   const char* meaning, double low = 0, double high = kMany) {
  return row("Control", name, member, unit, meaning, low, high, {}, always, "",
             OptionPart::kControl);
}

bool has_protocol(const Options& o, std::string_view protocol) {
  const auto names = split(o.protocols, ',');
  return std::find(names.begin(), names.end(), protocol) != names.end();
}

/// An option of a protocol: active where --protocols names it (any, if empty).
OptionSpec protocol(const char* name, OptionSpec::Member member, const char* unit,
                    const char* meaning, const char* of, double low = 0, double high = kMany,
                    std::vector<std::string> choices = {}) {
  const std::string wanted = of;
  return row(
      "Protocols", name, member, unit, meaning, low, high, std::move(choices),
      [wanted](const Options& o) { return wanted.empty() || has_protocol(o, wanted); },
      wanted.empty() ? "" : "protocols has " + wanted, OptionPart::kEvaluation);
}

std::vector<OptionSpec> make_table() {
  using O = Options;
  const std::string trained = "the method trains", lcr = "method = lcr or byol_lcr",
                    fitted = "the method has a GFB, nu > 0, gfb is not random",
                    follows = "the method has a momentum encoder";
  std::vector<OptionSpec> t;
  const char* g = "Data";
  t.push_back(row(
      g, "dataset", &O::dataset, "",
      "data set (synthbirds-standin: other species and objects, for supervised pre-training)", 0, 0,
      {"fashion-mnist", "cifar10", "cifar100", "synthbirds", "synthbirds-standin", "cub200",
       "stanford-cars", "fgvc-aircraft", "image-folder"}));
  t.push_back(row(g, "folder", &O::folder, "",
                  "of image-folder: it holds train/CLASS/*.jpg and test/CLASS/*.jpg (or .png)", 0,
                  0, {}, from_folder, "dataset = image-folder", OptionPart::kControl));
  t.push_back(row(g, "store-side", &O::store_side, "pixels",
                  "the pixel store keeps images with their short side at most this long (0: at "
                  "full resolution)",
                  0, 4096, {}, has_image_files, "the data set is many image files"));
  t.push_back(row(g, "limit-train", &O::limit_train, "images",
                  "use this many training images, balanced over classes (0: all)", 0, kMany));
  t.push_back(row(g, "limit-test", &O::limit_test, "images",
                  "use this many test images, balanced over classes (0: all)", 0, kMany));
  t.push_back(
      row(g, "image-size", &O::image_size, "pixels", "side of the square network input", 8, 1024));
  t.push_back(row(g, "test-resize", &O::test_resize, "pixels",
                  "test images: resize the short side to this, then centre crop (0: to image-size)",
                  0, 2048));
  t.push_back(row(g, "synthbirds-classes", &O::synthbirds_classes, "classes",
                  "number of SynthBirds classes (those of the stand-in follow)", 2, 500, {},
                  synthbirds, "dataset = synthbirds"));
  t.push_back(row(
      g, "synthbirds-train", &O::synthbirds_train, "images", "training images a class", 1, 10000,
      {}, [](const Options& o) { return o.dataset.starts_with("synthbirds"); },
      "the data set is a SynthBirds"));
  t.push_back(row(g, "synthbirds-test", &O::synthbirds_test, "images", "test images a class", 2,
                  10000, {}, synthbirds, "dataset = synthbirds"));
  g = "Augmentation";
  t.push_back(row(g, "augmentation", &O::augmentation, "",
                  "moco_v2: both views alike; byol: bicubic, query view always blurred, key view "
                  "blurred at 0.1 and solarised at 0.2",
                  0, 0, {"moco_v2", "byol"}, trains, trained));
  t.push_back(row(g, "crop-area-min", &O::crop_area_min, "of the area",
                  "smallest random resized crop; the largest is 1, the aspect 3/4 to 4/3", 0.01, 1,
                  {}, trains, trained));
  t.push_back(row(g, "jitter-probability", &O::jitter_probability, "",
                  "probability of colour jitter", 0, 1, {}, trains, trained));
  t.push_back(row(g, "jitter-brightness", &O::jitter_brightness, "", "factor from 1-x to 1+x", 0, 1,
                  {}, jitters, "jitter-probability > 0"));
  t.push_back(row(g, "jitter-contrast", &O::jitter_contrast, "", "factor from 1-x to 1+x", 0, 1, {},
                  jitters, "jitter-probability > 0"));
  t.push_back(row(g, "jitter-saturation", &O::jitter_saturation, "", "factor from 1-x to 1+x", 0, 1,
                  {}, jitters, "jitter-probability > 0"));
  t.push_back(row(g, "jitter-hue", &O::jitter_hue, "of the colour circle", "shift from -x to x", 0,
                  0.5, {}, jitters, "jitter-probability > 0"));
  t.push_back(row(g, "gray-probability", &O::gray_probability, "", "probability of turning grey", 0,
                  1, {}, trains, trained));
  t.push_back(row(g, "blur-probability", &O::blur_probability, "", "probability of Gaussian blur",
                  0, 1, {}, moco_views, "augmentation = moco_v2"));
  t.push_back(row(g, "blur-sigma-min", &O::blur_sigma_min, "pixels", "smallest blur", 0, 100, {},
                  blurs, "views are blurred"));
  t.push_back(row(g, "blur-sigma-max", &O::blur_sigma_max, "pixels", "largest blur", 0, 100, {},
                  blurs, "views are blurred"));
  t.push_back(row(g, "flip-probability", &O::flip_probability, "",
                  "probability of a horizontal flip", 0, 1, {}, trains, trained));
  g = "Model";
  t.push_back(
      row(g, "arch", &O::arch, "",
          "backbone; narrow: one basic block a stage, stage strides 1 2 2 1, for quick runs", 0, 0,
          {"narrow", "resnet18", "resnet34", "resnet50", "resnet101", "resnet50_c4"}, uses_network,
          "the method has a network"));
  t.push_back(row(g, "stem", &O::stem, "",
                  "imagenet: 7x7 stride 2 and max-pooling; imagenet_no_pool: without the pooling "
                  "(the authors' BYOL: maps of 14x14 at 224 pixels); cifar: 3x3 stride 1",
                  0, 0, {"imagenet", "imagenet_no_pool", "cifar"}, resnet, "arch is a ResNet"));
  t.push_back(row(g, "width", &O::width, "channels",
                  "of the narrow network's first stage; the last has 8 times as many", 1, 1024, {},
                  narrow, "arch = narrow"));
  t.push_back(row(g, "embedding-dim", &O::embedding_dim, "",
                  "dimension of the contrastive embedding (Table G1), or of BYOL's projection", 1,
                  65536, {}, follows_itself, follows));
  t.push_back(row(g, "head-hidden", &O::head_hidden, "",
                  "hidden units of BYOL's projector and predictor", 1, 65536, {}, bootstraps,
                  "the host is BYOL"));
  t.push_back(row(g, "bilinear-maps", &O::bilinear_maps, "maps", "attention maps of MoCo-Bilinear",
                  1, 1024, {}, bilinear, "method = moco_bilinear"));
  t.push_back(row(
      g, "stride-in-1x1", &O::stride_in_1x1, "",
      "bottlenecks: stride on the first 1x1 convolution (original Caffe models), not on the 3x3", 0,
      0, {}, bottleneck, "arch has bottlenecks"));
  t.push_back(row(g, "bn-eps", &O::bn_eps, "", "batch norm's epsilon in the backbone", 1e-12, 1, {},
                  uses_network, "the method has a network"));
  t.push_back(row(g, "init", &O::init, "",
                  "backbone weights to start from (.safetensors, or torch.save's .pth, .pth.tar); "
                  "empty: random; the row 'Untrained network' is then the network as read",
                  0, 0, {}, uses_network, "the method has a network", OptionPart::kControl));
  t.push_back(row(g, "init-prefix", &O::init_prefix, "",
                  "of the backbone's names in --init, for example state_dict.module.encoder_q. "
                  "(empty: found by itself)",
                  0, 0, {}, uses_network, "--init is given"));
  t.push_back(row(g, "pretrain", &O::pretrain, "",
                  "synthbirds: where no --init is given, start from a supervised run on "
                  "synthbirds-standin (section [standin] of the preset), trained once",
                  0, 0, {"none", "synthbirds"}, uses_network, "the method has a network",
                  OptionPart::kControl));
  g = "Method";
  t.push_back(row(g, "method", &O::method, "",
                  "moco_v2, moco_bilinear, byol; lcr: the GFB on MoCo v2; byol_lcr: the GFB on "
                  "BYOL; supervised: classification, for pre-training; or a control without "
                  "training: untrained network, raw_pixels",
                  0, 0,
                  {"moco_v2", "moco_bilinear", "lcr", "byol", "byol_lcr", "supervised", "untrained",
                   "raw_pixels"}));
  t.push_back(row(g, "queue-size", &O::queue_size, "keys", "Q, a multiple of the batch size", 1,
                  kMany, {}, contrasts, "the method contrasts"));
  t.push_back(row(g, "key-momentum", &O::key_momentum, "",
                  "m of the key encoder; BYOL: of the target network", 0, 1, {}, follows_itself,
                  follows));
  t.push_back(row(g, "temperature", &O::temperature, "", "t of the contrastive loss", kSmall, 1000,
                  {}, contrasts, "the method contrasts"));
  t.push_back(row(g, "key-bn-groups", &O::key_bn_groups, "groups",
                  "SplitBN: batch norm over this many virtual devices on each rank, keys shuffled "
                  "among all of them (1: plain)",
                  1, 1024, {}, contrasts, "the method contrasts"));
  t.push_back(row(g, "symmetric", &O::symmetric, "",
                  "also contrast the key view as query (MoCo v2 and the paper do not)", 0, 0, {},
                  contrasts, "the method contrasts"));
  t.push_back(row(g, "lambda", &O::lambda, "", "weight of the host's own loss (Table F1)", 0, 1e6,
                  {}, uses_gfb, lcr));
  t.push_back(row(g, "nu", &O::nu, "", "weight of the KL loss (Table F1)", 0, 1e6, {}, trains_gfb,
                  "the method has a GFB that is not random"));
  t.push_back(
      row(g, "gfb", &O::gfb, "",
          "GFB structure: max_projections; mlp (Table E1); random: untrained max_projections", 0, 0,
          {"max_projections", "mlp", "random"}, uses_gfb, lcr));
  t.push_back(row(g, "projections", &O::projections, "",
                  "K, linear projections of the GFB (Figure D1)", 1, 65536, {}, has_projections,
                  "the gfb has projections"));
  const std::string switched = "subset is not all";
  t.push_back(row(g, "subset", &O::subset, "",
                  "projections in use after subset-epoch (Figure B2): those of highest variance, "
                  "or random others",
                  0, 0, {"all", "top_variance", "random"}, has_projections,
                  "the gfb has projections"));
  t.push_back(row(g, "subset-size", &O::subset_size, "projections", "how many are kept", 1, 65536,
                  {}, has_subset, switched));
  t.push_back(row(g, "subset-epoch", &O::subset_epoch, "epochs", "after which the choice is made",
                  1, 100000, {}, has_subset, switched));
  t.push_back(row(
      g, "subset-seed", &O::subset_seed, "",
      "further seed of the random choice, apart from the run's", 0, kMany, {},
      [](const Options& o) { return has_subset(o) && o.subset == "random"; }, "subset = random"));
  t.push_back(row(g, "subset-images", &O::subset_images, "",
                  "images whose projections' variance ranks them (test: as the authors' code)", 0,
                  0, {"train", "test"}, has_subset, switched));
  t.push_back(row(g, "subset-scope", &O::subset_scope, "", "where only the kept ones are used", 0,
                  0, {"train_and_test", "test_only"}, has_subset, switched));
  t.push_back(row(g, "variant", &O::variant, "",
                  "sets the switches below that are not set themselves", 0, 0,
                  {"authors_code", "algorithm_a1", "algorithm_a1_rescaled"}, uses_gfb, lcr,
                  OptionPart::kControl));
  t.push_back(row(g, "cam-source", &O::cam_source, "",
                  "scalar whose gradient makes the GradCAM target; uniform, shuffled: controls", 0,
                  0, {"loss", "positive_logit", "uniform", "shuffled"}, fits_cam, fitted));
  t.push_back(row(g, "kl-axis", &O::kl_axis, "",
                  "softmax over all positions, or over each row alone", 0, 0, {"rows", "positions"},
                  fits_cam, fitted));
  t.push_back(row(g, "tau", &O::tau, "", "temperature of both softmaxes in the KL loss", kSmall,
                  1000, {}, fits_cam, fitted));
  t.push_back(row(g, "cam-scale", &O::cam_scale, "",
                  "scaling of each image's GradCAM before its softmax", 0, 0,
                  {"none", "max", "minmax"}, has_target, fitted));
  t.push_back(row(g, "mask-norm", &O::mask_norm, "",
                  "min-max normalisation of the mask in training: per batch, per image, none", 0, 0,
                  {"batch", "image", "none"}, fits_cam, fitted));
  t.push_back(row(g, "detach-target", &O::detach_target, "",
                  "stop the KL's gradient at the GradCAM target", 0, 0, {"yes", "no"}, has_target,
                  fitted));
  t.push_back(row(g, "kl-reduction", &O::kl_reduction, "",
                  "sum over all, sum / batch, or mean over all elements", 0, 0,
                  {"sum", "batchmean", "mean"}, fits_cam, fitted));
  t.push_back(row(
      g, "gfb-bn-updates", &O::gfb_bn_updates, "",
      "updates of the GFB's BN statistics a step: q, k and q features (as_authors) or q once", 0, 0,
      {"as_authors", "once"}, [](const Options& o) { return o.method == "lcr"; }, "method = lcr"));
  g = "Training";
  t.push_back(row(g, "epochs", &O::epochs, "epochs",
                  "length of the training, and of its cosine unless schedule-epochs says otherwise",
                  1, 100000, {}, trains, trained));
  t.push_back(row(g, "batch-size", &O::batch_size, "images",
                  "N; the last, smaller batch of an epoch is dropped", 1, 65536, {}, trains,
                  trained));
  t.push_back(row(g, "ranks", &O::ranks, "ranks",
                  "data-parallel ranks that share each batch and the threads; on CUDA they take "
                  "the devices in turn",
                  1, 1024, {}, trains, trained));
  t.push_back(
      row(g, "optimizer", &O::optimizer, "",
          "sgd, or lars: its rate scaled for each weight by the norms of weight and gradient", 0, 0,
          {"sgd", "lars"}, trains, trained));
  t.push_back(row(
      g, "lars-trust", &O::lars_trust, "", "trust coefficient", kSmall, 1000, {},
      [](const Options& o) { return trains(o) && o.optimizer == "lars"; }, "optimizer = lars"));
  t.push_back(row(g, "schedule", &O::schedule, "",
                  "the learning rate's cosine falls by epoch (MoCo, the paper) or by step", 0, 0,
                  {"epoch", "step"}, trains, trained));
  t.push_back(row(g, "schedule-epochs", &O::schedule_epochs, "epochs",
                  "length of the cosine, where training stops before its end (0: as epochs)", 0,
                  100000, {}, trains, trained));
  t.push_back(row(g, "warmup-epochs", &O::warmup_epochs, "epochs",
                  "the learning rate rises linearly, step by step, over these first", 0, 100000, {},
                  trains, trained));
  t.push_back(
      row(g, "lr", &O::lr, "", "initial learning rate, cosine to 0", 0, 1000, {}, trains, trained));
  t.push_back(row(g, "sgd-momentum", &O::sgd_momentum, "", "momentum of SGD and LARS", 0, 0.9999,
                  {}, trains, trained));
  t.push_back(row(g, "weight-decay", &O::weight_decay, "",
                  "of all parameters (lars: not of biases and batch norm)", 0, 1, {}, trains,
                  trained));
  t.push_back(row(g, "precision", &O::precision, "",
                  "of the backbone; auto: bfloat16 on CUDA and on CPUs with AVX512_BF16 or AMX", 0,
                  0, {"auto", "float32", "bfloat16"}, uses_network, "the method has a network"));
  g = "Evaluation";
  t.push_back(row(g, "eval-every", &O::eval_every, "epochs",
                  "evaluate the test split after every so many epochs, and after the last", 1,
                  100000, {}, trains, trained));
  t.push_back(row(g, "eval-mask-norm", &O::eval_mask_norm, "",
                  "min-max normalisation of the mask at test (batch: depends on batch mates, as "
                  "the authors' code)",
                  0, 0, {"batch", "image", "none"}, uses_gfb, lcr));

  t.push_back(protocol("protocols", &O::protocols, "",
                       "of retrieval, knn, probe, localisation, projections", ""));
  t.push_back(protocol("poolings", &O::poolings, "",
                       "of own (the method's), average, bilinear, attention, activation, "
                       "random_gfb, oracle; empty: all that network and data allow",
                       ""));
  t.push_back(protocol("checkpoint", &O::checkpoint, "", "last, best_rank1 or epoch-N", ""));
  t.push_back(protocol("bn-statistics", &O::bn_statistics, "",
                       "of batch norm: as_trained, or recalibrated on clean training images", "", 0,
                       0, {"as_trained", "recalibrated"}));
  t.push_back(protocol("random-projections", &O::random_projections, "",
                       "K of the untrained GFB that random_gfb pools by", "", 1, 65536));
  t.push_back(protocol("knn-neighbours", &O::knn_neighbours, "",
                       "how many training images vote; several numbers give several scores",
                       "knn"));
  t.push_back(
      protocol("knn-temperature", &O::knn_temperature, "", "of the votes", "knn", kSmall, 1000));
  t.push_back(protocol("probe", &O::probe, "",
                       "augmented: fresh random crops and flips every epoch, as the authors; "
                       "cached: features extracted once, without",
                       "probe", 0, 0, {"augmented", "cached"}));
  t.push_back(protocol("probe-lr", &O::probe_lr, "",
                       "learning rates of the probe's SGD; several sweep", "probe"));
  t.push_back(
      protocol("probe-epochs", &O::probe_epochs, "epochs",
               "length of the probe; its learning rate falls to a tenth after 60 % and after 80 %",
               "probe", 1, 10000));
  t.push_back(protocol("probe-batch-size", &O::probe_batch_size, "images", "of the probe", "probe",
                       1, 65536));
  t.push_back(protocol("label-shares", &O::label_shares, "",
                       "shares of the training labels that the probe sees, stratified by class",
                       "probe"));
  t.push_back(protocol(
      "variance-images", &O::variance_images, "",
      "images over which the projections' variance is averaged (test: as the authors' code)",
      "projections", 0, 0, {"train", "test"}));
  t.push_back(protocol("panel-images", &O::panel_images, "images",
                       "test images on the panel of heat maps, drawn by the seed", "projections", 1,
                       64));

  t.push_back(control("preset", &O::preset, "", "presets/NAME.ini, or the path of an INI file"));
  t.push_back(control("config", &O::config, "FILE", "a further INI file, over the preset"));
  t.push_back(control("seeds", &O::seeds, "", "comma-separated seeds, one run each"));
  t.push_back(control("other-seeds", &O::other_seeds, "",
                      "seeds of rows that carry no claim (empty: as --seeds)"));
  t.push_back(control("datasets", &O::datasets, "",
                      "data sets of experiments on several (empty: as --dataset)"));
  t.push_back(control("values", &O::values, "",
                      "what a sweep goes through: K in d1, the dimension in g1, nu in f1 (empty: "
                      "the paper's grid)"));
  t.push_back(control("lambda-values", &O::lambda_values, "", "lambda in f1"));
  t.push_back(control(
      "rows", &O::rows, "TEXT",
      "train only rows whose names contain this; the results hold whatever rows the store has"));
  t.push_back(control("device", &O::device, "", "auto, cpu, cuda or cuda:N"));
  t.push_back(control("threads", &O::threads, "threads", "in all (0: all cores)", 0, 4096));
  t.push_back(
      control("jobs", &O::jobs, "runs", "trained side by side, sharing the threads", 1, 256));
  t.push_back(control("max-steps", &O::max_steps, "steps",
                      "stop after so many optimisation steps, record nothing (0: no limit)"));
  t.push_back(control("dry-run", &O::dry_run, "",
                      "print the grid, which runs exist and their options; do nothing"));
  t.push_back(
      control("pin-epochs", &O::pin_epochs, "",
              "comma-separated epochs after which a checkpoint is kept, besides best and last"));
  t.push_back(
      control("checkpoint-every", &O::checkpoint_every, "",
              "keep the training's state after so much time or so many epochs (10min, 0.5min, "
              "5epochs, never); a run that was stopped or killed goes on from the last"));
  t.push_back(control("inexact-resume", &O::inexact_resume, "",
                      "go on from a checkpoint of other threads, CPU features, BLAS, LibTorch or "
                      "device, which gives other rounding; the results are marked"));
  t.push_back(control(
      "deterministic", &O::deterministic, "",
      "CUDA: only operations that give the same bits every time, which is slower; without it a run "
      "that went on from a checkpoint is marked as inexact (the CPU's always do)"));
  t.push_back(
      control("results", &O::results, "DIR", "where the CSV goes (default: results/<preset>)"));
  t.push_back(control("runs", &O::runs, "DIR", "the run store"));
  t.push_back(control("data-dir", &O::data_dir, "DIR",
                      "where the data sets are (default: $LCR_DATA, else ./data)"));
  t.push_back(
      control("pixel-store", &O::pixel_store, "DIR",
              "where decoded images are kept (default: pixel-store in the data directory)"));
  t.push_back(
      control("skip-bad", &O::skip_bad, "images",
              "leave out up to this many image files that cannot be decoded, and list them"));
  t.push_back(control("worker-run", &O::worker_run, "ID",
                      "train only the run of this directory name (used by --jobs)"));
  t.push_back(control("worker-standin", &O::worker_standin, "HASH",
                      "of the run that made its initial weights (used by --jobs)"));
  t.push_back(control("help", &O::help, "", "print this help"));
  return t;
}

std::string range_text(const OptionSpec& spec) {
  if (!spec.choices.empty()) return "one of " + join(spec.choices, ", ");
  if (std::holds_alternative<bool Options::*>(spec.member)) return "yes or no";
  const bool whole = std::holds_alternative<std::int64_t Options::*>(spec.member);
  const std::string low = spec.low == kSmall ? "above 0" : "at least " + format_number(spec.low);
  const std::string high = spec.high >= kMany ? "" : " and at most " + format_number(spec.high);
  return std::string(whole ? "a whole number " : "a number ") + low + high;
}

}  // namespace

const std::vector<OptionSpec>& option_table() {
  static const std::vector<OptionSpec> table = make_table();
  return table;
}

const OptionSpec& find_option(std::string_view name, std::string_view source) {
  for (const auto& spec : option_table())
    if (name == spec.name) return spec;
  fail("{}: unknown option '{}'; --help lists the options", source, name);
}

void set_option(Options& options, std::string_view name, std::string_view text,
                std::string_view source) {
  const OptionSpec& spec = find_option(name, source);
  const auto reject = [&] {
    fail("{}: {} = '{}' is not {}", source, name, text, range_text(spec));
  };
  std::visit(
      [&](auto member) {
        using Value = std::remove_reference_t<decltype(options.*member)>;
        if constexpr (std::is_same_v<Value, std::string>) {
          bool good = spec.choices.empty();
          for (const auto& choice : spec.choices) good = good || choice == text;
          if (!good) reject();
          options.*member = std::string(text);
        } else if constexpr (std::is_same_v<Value, bool>) {
          if (text != "yes" && text != "no") reject();
          options.*member = text == "yes";
        } else if constexpr (std::is_same_v<Value, std::int64_t>) {
          const auto value = parse_integer(text);
          if (!value || static_cast<double>(*value) < spec.low ||
              static_cast<double>(*value) > spec.high)
            reject();
          options.*member = *value;
        } else {
          const auto value = parse_number(text);
          if (!value || !(*value >= spec.low && *value <= spec.high)) reject();
          options.*member = *value;
        }
      },
      spec.member);
}

std::string get_option(const Options& options, const OptionSpec& spec) {
  return std::visit(
      [&](auto member) -> std::string {
        using Value = std::remove_cvref_t<decltype(options.*member)>;
        if constexpr (std::is_same_v<Value, std::string>)
          return options.*member;
        else if constexpr (std::is_same_v<Value, bool>)
          return options.*member ? "yes" : "no";
        else if constexpr (std::is_same_v<Value, double>)
          return format_number(options.*member);
        else
          return std::to_string(options.*member);
      },
      spec.member);
}

void resolve_variant(Options& o) {
  struct Switches {
    const char *cam_source, *kl_axis;
    double tau;
    const char *cam_scale, *mask_norm, *detach_target, *kl_reduction, *gfb_bn_updates;
  };
  // Where Algorithm A1 and the authors' code disagree. A1 names tau without a value: 0.4 is that of
  // the authors' BYOL code.
  static constexpr Switches kAuthorsCode{"loss",  "rows", 1.0,   "none",
                                         "batch", "no",   "sum", "as_authors"};
  static constexpr Switches kAlgorithmA1{"positive_logit", "positions", 0.4,   "none",
                                         "none",           "yes",       "sum", "once"};
  static constexpr Switches kRescaled{"positive_logit", "positions", 0.4,   "max",
                                      "image",          "yes",       "sum", "once"};
  // Their BYOL code flattens the softmax and has a temperature.
  static constexpr Switches kAuthorsByol{"loss",  "positions", 0.4,   "none",
                                         "batch", "no",        "sum", "once"};
  const Switches& s = o.variant == "authors_code"   ? (bootstraps(o) ? kAuthorsByol : kAuthorsCode)
                      : o.variant == "algorithm_a1" ? kAlgorithmA1
                                                    : kRescaled;
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

void check_consistency(const Options& o) {
  if (trains(o)) {
    if (contrasts(o) && o.queue_size % o.batch_size != 0)
      fail("queue-size = {} is not a multiple of batch-size = {}; choose, for example, {}",
           o.queue_size, o.batch_size, (o.queue_size / o.batch_size + 1) * o.batch_size);
    const std::int64_t key_groups = contrasts(o) ? o.key_bn_groups : 1,
                       groups = o.ranks * key_groups;
    if (o.batch_size % groups != 0)
      fail("batch-size = {} is not a multiple of ranks x key-bn-groups = {} x {}", o.batch_size,
           o.ranks, key_groups);
    if (o.batch_size / groups < 2)
      fail(
          "batch norm needs at least 2 images a group: raise batch-size = {} or lower ranks = {} "
          "or key-bn-groups = {}",
          o.batch_size, o.ranks, key_groups);
    if (has_subset(o) && o.subset_size * (o.subset == "random" ? 2 : 1) > o.projections)
      fail("subset-size = {} does not fit: projections = {}{}", o.subset_size, o.projections,
           o.subset == "random" ? ", of which as many of highest variance are left out" : "");
    if (has_subset(o) && o.subset_epoch >= o.epochs)
      fail("subset-epoch = {} is not before the last of epochs = {}", o.subset_epoch, o.epochs);
    if (uses_gfb(o) && o.gfb == "mlp" && o.subset != "all")
      fail("subset = {}: gfb = mlp has no projections to choose from", o.subset);
    parse_checkpoint_interval(o.checkpoint_every);
    for (const auto epoch : parse_epochs(o.pin_epochs))
      if (epoch > o.epochs)
        fail("pin-epochs = '{}': {} is beyond epochs = {}", o.pin_epochs, epoch, o.epochs);
    if (o.warmup_epochs >= o.epochs)
      fail("warmup-epochs = {} leaves nothing of epochs = {}", o.warmup_epochs, o.epochs);
    if (o.schedule_epochs != 0 && o.schedule_epochs < o.epochs)
      fail("schedule-epochs = {} ends before epochs = {}", o.schedule_epochs, o.epochs);
    if (o.method == "supervised" && o.ranks > 1)
      fail("ranks = {}: supervised pre-training runs on one", o.ranks);
    if (o.blur_sigma_min > o.blur_sigma_max)
      fail("blur-sigma-min = {} is above blur-sigma-max = {}", o.blur_sigma_min, o.blur_sigma_max);
  }
  if (o.pretrain != "none" && !o.init.empty())
    fail("init = {} and pretrain = {}: choose one to start from", o.init, o.pretrain);
  if (o.test_resize != 0 && o.test_resize < o.image_size)
    fail("test-resize = {} is below image-size = {}: there would be nothing to crop from",
         o.test_resize, o.image_size);
}

CheckpointInterval parse_checkpoint_interval(const std::string& text) {
  CheckpointInterval interval;
  if (text == "never") return interval;
  const auto end = text.find_first_not_of("0123456789.");
  const std::string number = text.substr(0, end),
                    unit = end == std::string::npos ? "" : text.substr(end);
  if (unit == "min") interval.minutes = parse_number(number).value_or(0);
  if (unit == "epoch" || unit == "epochs") interval.epochs = parse_integer(number).value_or(0);
  if (!(interval.minutes > 0 && interval.minutes < 1e6) && interval.epochs < 1)
    fail("checkpoint-every = '{}' is none of 10min, 0.5min, 1epoch, 5epochs, never", text);
  return interval;
}

std::vector<std::string> parse_values(const std::string& name, const std::string& text,
                                      const std::string& fallback) {
  std::vector<std::string> values;
  Options scratch;
  for (const auto& part : split(text.empty() ? fallback : text, ',')) {
    set_option(scratch, name, part, "values = '" + text + "'");
    const std::string value = get_option(scratch, find_option(name, ""));
    if (std::find(values.begin(), values.end(), value) != values.end())
      fail("values = '{}': {} is named twice", text, part);
    values.push_back(value);
  }
  return values;
}

std::vector<double> parse_numbers(const std::string& name, const std::string& text, double low,
                                  double high) {
  std::vector<double> values;
  for (const auto& part : split(text, ',')) {
    const auto value = parse_number(part);
    if (!value || !(*value >= low && *value <= high))
      fail("{} = '{}': '{}' is not a number from {} to {}", name, text, part, format_number(low),
           format_number(high));
    if (std::find(values.begin(), values.end(), *value) != values.end())
      fail("{} = '{}': {} is named twice", name, text, part);
    values.push_back(*value);
  }
  if (values.empty()) fail("{}: name at least one", name);
  return values;
}

std::vector<std::string> parse_names(const std::string& name, const std::string& text,
                                     const std::vector<std::string>& choices) {
  std::vector<std::string> values;
  for (const auto& part : split(text, ',')) {
    if (std::find(choices.begin(), choices.end(), part) == choices.end())
      fail("{} = '{}': '{}' is not one of {}", name, text, part, join(choices, ", "));
    if (std::find(values.begin(), values.end(), part) != values.end())
      fail("{} = '{}': {} is named twice", name, text, part);
    values.push_back(part);
  }
  return values;
}

const std::vector<std::string>& protocol_names() {
  static const std::vector<std::string> names = {"retrieval", "knn", "probe", "localisation",
                                                 "projections"};
  return names;
}

const std::vector<std::string>& pooling_names() {
  static const std::vector<std::string> names = {
      "own", "average", "bilinear", "attention", "activation", "random_gfb", "oracle"};
  return names;
}

std::vector<std::uint64_t> parse_seeds(const std::string& text) {
  std::vector<std::uint64_t> seeds;
  std::set<std::uint64_t> seen;
  for (const auto& part : split(text, ',')) {
    const auto seed = parse_integer(part);
    if (!seed || *seed < 0) fail("seeds = '{}': '{}' is not a whole number at least 0", text, part);
    if (!seen.insert(static_cast<std::uint64_t>(*seed)).second)
      fail("seeds = '{}': {} is named twice", text, part);
    seeds.push_back(static_cast<std::uint64_t>(*seed));
  }
  if (seeds.empty()) fail("seeds: name at least one, for example --seeds 0,1,2");
  return seeds;
}

std::vector<std::int64_t> parse_epochs(const std::string& text) {
  std::vector<std::int64_t> epochs;
  for (const auto& part : split(text, ',')) {
    const auto epoch = parse_integer(part);
    if (!epoch || *epoch < 1)
      fail("pin-epochs = '{}': '{}' is not a whole number at least 1", text, part);
    epochs.push_back(*epoch);
  }
  return epochs;
}

}  // namespace lcr
