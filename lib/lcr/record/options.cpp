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

std::int64_t batch_norm_groups(const Options& o) {
  if (!contrasts(o) && !bootstraps(o)) return 1;
  return o.virtual_gpus * (contrasts(o) ? o.key_bn_groups : 1);
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
constexpr double kSmall = 1e-9;  // the lower bound of a number that must be positive

bool has_protocol(const Options& o, std::string_view protocol) {
  const auto names = split(o.protocols, ',');
  return std::find(names.begin(), names.end(), protocol) != names.end();
}

bool blurs(const Options& o) {
  return trains(o) && (o.blur_probability > 0 || o.augmentation == "byol");
}
bool bottleneck(const Options& o) {
  return uses_network(o) && (o.arch.starts_with("resnet50") || o.arch == "resnet101");
}
bool trains_gfb(const Options& o) { return uses_gfb(o) && o.gfb != "random"; }
bool fits_cam(const Options& o) { return trains_gfb(o) && o.nu > 0; }

/// When an option has an effect: as a predicate, and in words for --help.
struct Condition {
  bool (*holds)(const Options&);
  const char* words;
};

constexpr Condition kAlways{[](const Options&) { return true; }, ""};
// Data and augmentation.
constexpr Condition kSynthbirds{[](const Options& o) { return o.dataset == "synthbirds"; },
                                "dataset = synthbirds"};
constexpr Condition kAnySynthbirds{
    [](const Options& o) { return o.dataset.starts_with("synthbirds"); },
    "dataset = synthbirds or synthbirds-standin"};
constexpr Condition kImageFolder{[](const Options& o) { return o.dataset == "image-folder"; },
                                 "dataset = image-folder"};
constexpr Condition kImageFiles{has_image_files, "the data set consists of image files"};
constexpr Condition kJitters{[](const Options& o) { return trains(o) && o.jitter_probability > 0; },
                             "jitter-probability > 0"};
constexpr Condition kMocoViews{
    [](const Options& o) { return trains(o) && o.augmentation == "moco_v2"; },
    "augmentation = moco_v2"};
constexpr Condition kBlurs{blurs, "blur-probability > 0 or augmentation = byol"};
// Network.
constexpr Condition kNetwork{uses_network, "the method has a network"};
constexpr Condition kInit{uses_network, "--init is given"};
constexpr Condition kNarrow{[](const Options& o) { return uses_network(o) && o.arch == "narrow"; },
                            "arch = narrow"};
constexpr Condition kResnet{[](const Options& o) { return uses_network(o) && o.arch != "narrow"; },
                            "arch is a ResNet"};
constexpr Condition kBottlenecks{bottleneck, "arch has bottlenecks"};
// Method.
constexpr Condition kTrains{trains, "the method trains"};
constexpr Condition kContrasts{contrasts, "the method uses momentum contrast"};
constexpr Condition kByol{bootstraps, "method = byol or byol_lcr"};
constexpr Condition kMomentumEncoder{[](const Options& o) { return contrasts(o) || bootstraps(o); },
                                     "the method has a momentum encoder"};
constexpr Condition kBilinear{[](const Options& o) { return o.method == "moco_bilinear"; },
                              "method = moco_bilinear"};
constexpr Condition kGfb{uses_gfb, "method = lcr or byol_lcr"};
constexpr Condition kGfbOnMoco{[](const Options& o) { return o.method == "lcr"; }, "method = lcr"};
constexpr Condition kTrainedGfb{trains_gfb, "the method has a GFB and gfb is not random"};
constexpr Condition kProjections{has_projections, "the method has a GFB and gfb is not mlp"};
constexpr Condition kSubset{has_subset, "subset is not all"};
constexpr Condition kRandomSubset{
    [](const Options& o) { return has_subset(o) && o.subset == "random"; }, "subset = random"};
constexpr Condition kFitsCam{fits_cam, "the method has a GFB, nu > 0 and gfb is not random"};
constexpr Condition kCamTarget{
    [](const Options& o) { return fits_cam(o) && o.cam_source != "uniform"; },
    "the method has a GFB, nu > 0, gfb is not random and cam-source is not uniform"};
constexpr Condition kLars{[](const Options& o) { return trains(o) && o.optimizer == "lars"; },
                          "optimizer = lars"};
// Protocols.
constexpr Condition kKnn{[](const Options& o) { return has_protocol(o, "knn"); },
                         "protocols include knn"};
constexpr Condition kProbe{[](const Options& o) { return has_protocol(o, "probe"); },
                           "protocols include probe"};
constexpr Condition kProjectionProtocol{
    [](const Options& o) { return has_protocol(o, "projections"); },
    "protocols include projections"};

/// Appends options with a common heading and part to the table.
class Group {
 public:
  Group(std::vector<OptionSpec>& table, const char* heading, OptionPart part = OptionPart::kRun)
      : table_(table), heading_(heading), part_(part) {}

  /// A number within [low, high].
  void number(const char* name, OptionSpec::Member member, const char* unit, const char* meaning,
              double low, double high, const Condition& when = kAlways) const {
    add({.name = name,
         .member = member,
         .unit = unit,
         .meaning = meaning,
         .low = low,
         .high = high},
        when);
  }

  /// One of `choices`.
  void choice(const char* name, std::string Options::*member, const char* meaning,
              std::vector<std::string> choices, const Condition& when = kAlways) const {
    add({.name = name,
         .member = member,
         .unit = "",
         .meaning = meaning,
         .choices = std::move(choices)},
        when);
  }

  /// Any text; `unit` names it in --help, such as "FILE", or is "".
  void text(const char* name, std::string Options::*member, const char* unit, const char* meaning,
            const Condition& when = kAlways) const {
    add({.name = name, .member = member, .unit = unit, .meaning = meaning}, when);
  }

  /// "yes" or "no".
  void flag(const char* name, bool Options::*member, const char* meaning,
            const Condition& when = kAlways) const {
    add({.name = name, .member = member, .unit = "", .meaning = meaning}, when);
  }

 private:
  void add(OptionSpec spec, const Condition& when) const {
    spec.group = heading_;
    spec.part = part_;
    spec.active = when.holds;
    spec.active_when = when.words;
    table_.push_back(std::move(spec));
  }

  std::vector<OptionSpec>& table_;
  const char* heading_;
  OptionPart part_;
};

using O = Options;

void add_data(std::vector<OptionSpec>& table) {
  const Group data(table, "Data"), control(table, "Data", OptionPart::kControl);
  data.choice("dataset", &O::dataset,
              "data set; synthbirds-standin has other species and objects, for supervised "
              "pre-training",
              {"fashion-mnist", "cifar10", "cifar100", "synthbirds", "synthbirds-standin", "cub200",
               "stanford-cars", "fgvc-aircraft", "image-folder"});
  control.text("folder", &O::folder, "",
               "directory of the data set image-folder; it holds train/CLASS/*.jpg and "
               "test/CLASS/*.jpg (or .jpeg, .png; also in folders below CLASS)",
               kImageFolder);
  data.number("store-side", &O::store_side, "pixels",
              "maximum length of an image's short side in the pixel store (0: full resolution)", 0,
              4096, kImageFiles);
  data.text(
      "classes", &O::classes, "LIST",
      "classes to use, renumbered from 0: all; every-N: classes 0, N, 2 N and so on; or a text "
      "file with one class number per line");
  data.number("limit-train", &O::limit_train, "images",
              "number of training images to use, balanced over classes (0: all)", 0, kMany);
  data.number("limit-test", &O::limit_test, "images",
              "number of test images to use, balanced over classes (0: all)", 0, kMany);
  data.number("image-size", &O::image_size, "pixels", "side of the square network input", 8, 1024);
  data.number("test-resize", &O::test_resize, "pixels",
              "length to which the short side of a test image is resized before the centre crop "
              "(0: image-size)",
              0, 2048);
  data.choice(
      "test-interpolation", &O::test_interpolation,
      "interpolation that resizes test images and the linear probe's crops; bicubic: as the "
      "authors' BYOL",
      {"bilinear", "bicubic"});
  data.number("synthbirds-classes", &O::synthbirds_classes, "classes",
              "number of SynthBirds classes; those of synthbirds-standin come after them", 2, 500,
              kSynthbirds);
  data.number("synthbirds-train", &O::synthbirds_train, "images", "training images per class", 1,
              10000, kAnySynthbirds);
  data.number("synthbirds-test", &O::synthbirds_test, "images", "test images per class", 2, 10000,
              kSynthbirds);
}

void add_augmentation(std::vector<OptionSpec>& table) {
  const Group views(table, "Augmentation");
  views.choice("augmentation", &O::augmentation,
               "recipe of the random views; moco_v2: the same for both views; byol: bicubic "
               "resizing, the query view always blurred, the key view blurred with probability 0.1 "
               "and solarised with probability 0.2",
               {"moco_v2", "byol"}, kTrains);
  views.number("crop-area-min", &O::crop_area_min, "",
               "smallest area of the random resized crop, as a fraction of the image; the largest "
               "is 1, the aspect ratio 3/4 to 4/3",
               0.01, 1, kTrains);
  views.number("jitter-probability", &O::jitter_probability, "", "probability of colour jitter", 0,
               1, kTrains);
  views.number("jitter-brightness", &O::jitter_brightness, "",
               "brightness jitter x: the factor is drawn from 1-x to 1+x", 0, 1, kJitters);
  views.number("jitter-contrast", &O::jitter_contrast, "",
               "contrast jitter x: the factor is drawn from 1-x to 1+x", 0, 1, kJitters);
  views.number("jitter-saturation", &O::jitter_saturation, "",
               "saturation jitter x: the factor is drawn from 1-x to 1+x", 0, 1, kJitters);
  views.number("jitter-hue", &O::jitter_hue, "turns",
               "hue jitter x: the shift is drawn from -x to x; the colour circle is 1 turn", 0, 0.5,
               kJitters);
  views.number("gray-probability", &O::gray_probability, "", "probability of turning grey", 0, 1,
               kTrains);
  views.number("blur-probability", &O::blur_probability, "", "probability of Gaussian blur", 0, 1,
               kMocoViews);
  views.number("blur-sigma-min", &O::blur_sigma_min, "pixels",
               "smallest standard deviation of the blur", 0, 100, kBlurs);
  views.number("blur-sigma-max", &O::blur_sigma_max, "pixels",
               "largest standard deviation of the blur", 0, 100, kBlurs);
  views.choice(
      "gaussian-blur", &O::gaussian_blur,
      "arithmetic of the blur. pillow: three box blurs, as MoCo. torchvision: a kernel of 2 "
      "floor(image-size / 20) + 1 pixels, as the authors' BYOL",
      {"pillow", "torchvision"}, kBlurs);
  views.number("flip-probability", &O::flip_probability, "", "probability of a horizontal flip", 0,
               1, kTrains);
}

void add_model(std::vector<OptionSpec>& table) {
  const Group model(table, "Model"), control(table, "Model", OptionPart::kControl);
  model.choice("arch", &O::arch,
               "backbone; narrow: one basic block per stage, stage strides 1 2 2 1, for quick runs",
               {"narrow", "resnet18", "resnet34", "resnet50", "resnet101", "resnet50_c4"},
               kNetwork);
  model.choice("stem", &O::stem,
               "first layers of the backbone; imagenet: 7x7 convolution with stride 2 and "
               "max-pooling; imagenet_no_pool: without the pooling (the authors' BYOL: 14x14 maps "
               "at 224 pixels); cifar: 3x3 convolution with stride 1",
               {"imagenet", "imagenet_no_pool", "cifar"}, kResnet);
  model.number("width", &O::width, "channels",
               "width of the narrow network's first stage; the last has 8 times as many channels",
               1, 1024, kNarrow);
  model.number("embedding-dim", &O::embedding_dim, "",
               "dimension of the contrastive embedding (Table G1) or of BYOL's projection", 1,
               65536, kMomentumEncoder);
  model.number("head-hidden", &O::head_hidden, "", "hidden units of BYOL's projector and predictor",
               1, 65536, kByol);
  model.number("bilinear-maps", &O::bilinear_maps, "maps",
               "number of attention maps of MoCo-Bilinear", 1, 1024, kBilinear);
  model.flag("stride-in-1x1", &O::stride_in_1x1,
             "put a bottleneck's stride on its first 1x1 convolution (original Caffe models), not "
             "on the 3x3",
             kBottlenecks);
  model.number("bn-eps", &O::bn_eps, "", "epsilon of batch norm in the backbone", 1e-12, 1,
               kNetwork);
  control.text(
      "init", &O::init, "",
      "file of backbone weights to start from (safetensors, or an output of torch.save; its "
      "content decides, not its name); empty: random; the row 'Untrained network' then evaluates "
      "these weights "
      "as read",
      kNetwork);
  model.text("init-prefix", &O::init_prefix, "",
             "prefix of the backbone's tensor names in --init, for example "
             "state_dict.module.encoder_q. ('.': the names have none; empty: detected)",
             kInit);
  model.flag("init-partial", &O::init_partial,
             "start from --init even if it lacks tensors of the backbone, which then stay random, "
             "or has more of them; marked in the results",
             kInit);
  control.choice("pretrain", &O::pretrain,
                 "synthbirds: start from a supervised run on synthbirds-standin (section [standin] "
                 "of the preset), trained once; cannot be combined with --init",
                 {"none", "synthbirds"}, kNetwork);
}

void add_method(std::vector<OptionSpec>& table) {
  const Group method(table, "Method");
  method.choice("method", &O::method,
                "training method; lcr: the GFB on MoCo v2; byol_lcr: the GFB on BYOL; supervised: "
                "classification, for pre-training; untrained (a network) and raw_pixels: controls "
                "without training",
                {"moco_v2", "moco_bilinear", "lcr", "byol", "byol_lcr", "supervised", "untrained",
                 "raw_pixels"});
  method.number("queue-size", &O::queue_size, "keys",
                "size Q of the key queue, a multiple of the batch size", 1, kMany, kContrasts);
  method.number("key-momentum", &O::key_momentum, "",
                "momentum m of the key encoder (BYOL: of the target network)", 0, 1,
                kMomentumEncoder);
  method.number("temperature", &O::temperature, "", "temperature t of the contrastive loss", kSmall,
                1000, kContrasts);
  method.number("key-bn-groups", &O::key_bn_groups, "groups",
                "SplitBN: number of virtual devices per rank with their own batch norm statistics; "
                "keys are shuffled among all of them (1: plain batch norm)",
                1, 1024, kContrasts);
  method.flag("symmetric", &O::symmetric,
              "also contrast the key view as the query (MoCo v2 and the paper do not)", kContrasts);
  method.number("lambda", &O::lambda, "", "weight of the host's own loss (Table F1)", 0, 1e6, kGfb);
  method.number("nu", &O::nu, "", "weight of the KL loss (Table F1)", 0, 1e6, kTrainedGfb);
  method.choice("gfb", &O::gfb,
                "structure of the GFB; mlp: Table E1; random: untrained max_projections",
                {"max_projections", "mlp", "random"}, kGfb);
  method.number("projections", &O::projections, "",
                "number K of the GFB's linear projections (Figure D1)", 1, 65536, kProjections);
}

void add_projection_subset(std::vector<OptionSpec>& table) {
  const Group method(table, "Method");
  method.choice("subset", &O::subset,
                "projections in use after subset-epoch (Figure B2); top_variance: those with the "
                "highest variance; random: drawn from the others",
                {"all", "top_variance", "random"}, kProjections);
  method.number("subset-size", &O::subset_size, "projections", "number of projections kept", 1,
                65536, kSubset);
  method.number("subset-epoch", &O::subset_epoch, "epochs",
                "training time after which the projections are chosen", 1, 100000, kSubset);
  method.number("subset-seed", &O::subset_seed, "",
                "additional seed of the random choice, independent of the run's seed", 0, kMany,
                kRandomSubset);
  method.choice("subset-images", &O::subset_images,
                "images over which the variance that ranks the projections is computed (test: as "
                "in the authors' code)",
                {"train", "test"}, kSubset);
  method.choice("subset-scope", &O::subset_scope, "where only the kept projections are used",
                {"train_and_test", "test_only"}, kSubset);
}

void add_variant(std::vector<OptionSpec>& table) {
  const Group method(table, "Method"), control(table, "Method", OptionPart::kControl);
  control.choice("variant", &O::variant, "sets those switches below that are not given",
                 {"authors_code", "algorithm_a1", "algorithm_a1_rescaled"}, kGfb);
  method.choice("cam-source", &O::cam_source,
                "scalar whose gradient gives the GradCAM target; uniform and shuffled are controls",
                {"loss", "positive_logit", "uniform", "shuffled"}, kFitsCam);
  method.choice("kl-axis", &O::kl_axis,
                "extent of each softmax in the KL loss: all positions, or each row separately",
                {"rows", "positions"}, kFitsCam);
  method.number("tau", &O::tau, "", "temperature of both softmaxes in the KL loss", kSmall, 1000,
                kFitsCam);
  method.choice("cam-scale", &O::cam_scale, "scaling of each image's GradCAM before its softmax",
                {"none", "max", "minmax"}, kCamTarget);
  method.choice("mask-norm", &O::mask_norm,
                "scope of the mask's min-max normalisation in training: per batch, per image, or "
                "none",
                {"batch", "image", "none"}, kFitsCam);
  method.choice("detach-target", &O::detach_target,
                "stop the gradient of the KL loss at the GradCAM target", {"yes", "no"},
                kCamTarget);
  method.choice("kl-reduction", &O::kl_reduction,
                "reduction of the KL loss: sum over all elements, sum / batch size, or mean over "
                "all elements",
                {"sum", "batchmean", "mean"}, kFitsCam);
  method.choice("gfb-bn-updates", &O::gfb_bn_updates,
                "updates of the GFB's batch norm statistics per step; as_authors: by the features "
                "of q, k and q; once: by those of q",
                {"as_authors", "once"}, kGfbOnMoco);
}

void add_training(std::vector<OptionSpec>& table) {
  const Group training(table, "Training");
  training.number("epochs", &O::epochs, "epochs",
                  "length of the training, and of its cosine schedule unless schedule-epochs is "
                  "given",
                  1, 100000, kTrains);
  training.number("batch-size", &O::batch_size, "images",
                  "batch size N; an epoch's incomplete last batch is dropped", 1, 65536, kTrains);
  training.number("ranks", &O::ranks, "ranks",
                  "number of data-parallel ranks, which share each batch and the threads; on CUDA "
                  "they are assigned to the devices in turn",
                  1, 1024, kTrains);
  training.number(
      "virtual-gpus", &O::virtual_gpus, "GPUs",
      "number of GPUs whose joint training one device repeats, with the same results as "
      "that many ranks: batch norm, batch-wise masks, GradCAM and KL loss by their "
      "shares of the batch",
      1, 1024, kMomentumEncoder);
  training.choice("optimizer", &O::optimizer,
                  "optimiser; lars scales the learning rate of each weight by the norms of the "
                  "weight and its gradient",
                  {"sgd", "lars"}, kTrains);
  training.number("lars-trust", &O::lars_trust, "", "trust coefficient of LARS", kSmall, 1000,
                  kLars);
  training.choice("schedule", &O::schedule,
                  "interval at which the cosine schedule updates the learning rate (epoch: MoCo, "
                  "the paper)",
                  {"epoch", "step"}, kTrains);
  training.number("schedule-epochs", &O::schedule_epochs, "epochs",
                  "length of the cosine schedule if training stops before its end (0: same as "
                  "epochs)",
                  0, 100000, kTrains);
  training.number("warmup-epochs", &O::warmup_epochs, "epochs",
                  "length of the warm-up, in which the learning rate rises linearly, step by step",
                  0, 100000, kTrains);
  training.number("lr", &O::lr, "", "initial learning rate; the cosine schedule lowers it to 0", 0,
                  1000, kTrains);
  training.number("sgd-momentum", &O::sgd_momentum, "", "momentum of SGD and LARS", 0, 0.9999,
                  kTrains);
  training.number("weight-decay", &O::weight_decay, "",
                  "weight decay of all parameters (lars: all but biases and batch norm)", 0, 1,
                  kTrains);
  training.choice("precision", &O::precision,
                  "precision of the backbone; auto: bfloat16 on CUDA and on CPUs with AVX512_BF16 "
                  "or AMX",
                  {"auto", "float32", "bfloat16"}, kNetwork);
}

void add_evaluation(std::vector<OptionSpec>& table) {
  const Group evaluation(table, "Evaluation");
  evaluation.number("eval-every", &O::eval_every, "epochs",
                    "interval between evaluations on the test split; there is always one after the "
                    "last epoch",
                    1, 100000, kTrains);
  evaluation.choice("eval-mask-norm", &O::eval_mask_norm,
                    "scope of the mask's min-max normalisation at test time (batch: depends on the "
                    "other images of the batch, as in the authors' code)",
                    {"batch", "image", "none"}, kGfb);
}

void add_protocols(std::vector<OptionSpec>& table) {
  const Group protocols(table, "Protocols", OptionPart::kEvaluation);
  protocols.text("protocols", &O::protocols, "",
                 "comma-separated names out of retrieval, knn, probe, localisation, projections");
  protocols.text("poolings", &O::poolings, "",
                 "comma-separated names out of own (the method's), average, bilinear, attention, "
                 "activation, random_gfb, oracle; empty: all that the network and the data allow");
  protocols.text("checkpoint", &O::checkpoint, "",
                 "checkpoint to evaluate: last, best_rank1 or epoch-N");
  protocols.choice("bn-statistics", &O::bn_statistics,
                   "batch norm statistics: as_trained, or recalibrated on clean training images",
                   {"as_trained", "recalibrated"});
  protocols.number("random-projections", &O::random_projections, "",
                   "number K of projections of the untrained GFB that the pooling random_gfb uses",
                   1, 65536);
  protocols.text("knn-neighbours", &O::knn_neighbours, "",
                 "comma-separated numbers of training images that vote; each gives a score; of the "
                 "default those are left out that are more than there are training images",
                 kKnn);
  protocols.number("knn-temperature", &O::knn_temperature, "", "temperature of the votes", kSmall,
                   1000, kKnn);
  protocols.choice("probe", &O::probe,
                   "training features; augmented: from new random crops and flips in every epoch, "
                   "as in the authors' code; cached: extracted once, without augmentation",
                   {"augmented", "cached"}, kProbe);
  protocols.text("probe-lr", &O::probe_lr, "",
                 "comma-separated learning rates of the probe's SGD; each trains a probe", kProbe);
  protocols.number("probe-epochs", &O::probe_epochs, "epochs",
                   "length of the probe's training; its learning rate falls to a tenth after 60 % "
                   "and after 80 %",
                   1, 10000, kProbe);
  protocols.number("probe-batch-size", &O::probe_batch_size, "images", "batch size of the probe", 1,
                   65536, kProbe);
  protocols.text("label-shares", &O::label_shares, "",
                 "comma-separated shares of the training labels that the probe sees, stratified by "
                 "class",
                 kProbe);
  protocols.choice("variance-images", &O::variance_images,
                   "images over which the projections' variance is averaged (test: as in the "
                   "authors' code)",
                   {"train", "test"}, kProjectionProtocol);
  protocols.number("panel-images", &O::panel_images, "images",
                   "number of test images on the panel of heat maps, drawn by the seed", 1, 64,
                   kProjectionProtocol);
}

void add_selection(std::vector<OptionSpec>& table) {
  const Group control(table, "Control", OptionPart::kControl);
  control.text("preset", &O::preset, "", "name NAME of presets/NAME.ini, or path of an INI file");
  control.text("config", &O::config, "FILE", "additional INI file, which overrides the preset");
  control.text("seeds", &O::seeds, "", "comma-separated seeds, one run per seed");
  control.text("other-seeds", &O::other_seeds, "",
               "comma-separated seeds of rows that no claim uses (empty: as --seeds)");
  control.text("datasets", &O::datasets, "",
               "comma-separated data sets of experiments that use several (empty: as --dataset)");
  control.text("values", &O::values, "",
               "comma-separated values that a sweep tries: K in d1, the dimension in g1, nu in f1 "
               "(empty: the paper's grid)");
  control.text("lambda-values", &O::lambda_values, "",
               "comma-separated values of lambda that f1 tries");
  control.text(
      "rows", &O::rows, "TEXT",
      "train only the row of this name, or else the rows whose names contain this text; the "
      "results include every row that the store has");
}

void add_execution(std::vector<OptionSpec>& table) {
  const Group control(table, "Control", OptionPart::kControl);
  control.text("device", &O::device, "", "device to compute on: auto, cpu, cuda or cuda:N");
  control.number(
      "threads", &O::threads, "threads",
      "total number of threads (0: the cores that this process may use, by its affinity and "
      "its container's CPU quota)",
      0, 4096);
  control.number("jobs", &O::jobs, "runs",
                 "number of runs trained at the same time; they share the threads", 1, 256);
  control.number("max-steps", &O::max_steps, "steps",
                 "stop each run after this many optimisation steps and record nothing (0: no "
                 "limit)",
                 0, kMany);
  control.flag("dry-run", &O::dry_run,
               "print the grid, the state of its runs and their options; train nothing");
  control.text("pin-epochs", &O::pin_epochs, "",
               "comma-separated epochs after which a checkpoint is kept, in addition to best and "
               "last");
  control.text("checkpoint-every", &O::checkpoint_every, "",
               "interval between checkpoints of the training state, in time or epochs (10min, "
               "0.5min, 5epochs, never); a run that was stopped or killed resumes from the last "
               "one");
  control.flag("inexact-resume", &O::inexact_resume,
               "resume even from a checkpoint that was written with other threads, CPU features, "
               "BLAS, LibTorch or device, which changes the rounding; the results are marked");
  control.flag("deterministic", &O::deterministic,
               "CUDA: use only operations that always give the same bits, which is slower; without "
               "it, a run that resumed from a checkpoint is marked as inexact (operations on the "
               "CPU are always deterministic)");
}

void add_directories(std::vector<OptionSpec>& table) {
  const Group control(table, "Control", OptionPart::kControl);
  control.text("results", &O::results, "DIR",
               "directory of the results CSV (default: results/<preset>)");
  control.text("runs", &O::runs, "DIR", "directory of the run store");
  control.text(
      "records", &O::records, "DIR",
      "make the results from the runs in the store and from DIR/inputs.json, a file beside "
      "earlier results, without the data; trains nothing");
  control.text("data-dir", &O::data_dir, "DIR",
               "directory of the data sets (default: $LCR_DATA, else ./data)");
  control.text("pixel-store", &O::pixel_store, "DIR",
               "directory of the decoded images (default: pixel-store in the data directory)");
  control.number("skip-bad", &O::skip_bad, "images",
                 "leave out up to this many image files that cannot be decoded, and list them", 0,
                 kMany);
  control.text("worker-run", &O::worker_run, "ID",
               "directory name of the only run to train (used by --jobs)");
  control.text("worker-standin", &O::worker_standin, "HASH",
               "identity of the run that made the initial weights (used by --jobs)");
  control.flag("help", &O::help, "print this help");
}

std::vector<OptionSpec> make_table() {
  std::vector<OptionSpec> table;
  for (const auto add :
       {add_data, add_augmentation, add_model, add_method, add_projection_subset, add_variant,
        add_training, add_evaluation, add_protocols, add_selection, add_execution, add_directories})
    add(table);
  return table;
}

std::string range_text(const OptionSpec& spec) {
  if (!spec.choices.empty()) return "one of " + join(spec.choices, ", ");
  if (std::holds_alternative<bool Options::*>(spec.member)) return "yes or no";
  const bool whole = std::holds_alternative<std::int64_t Options::*>(spec.member);
  const std::string low = spec.low == kSmall ? "> 0" : ">= " + format_number(spec.low);
  const std::string high = spec.high >= kMany ? "" : " and <= " + format_number(spec.high);
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

namespace {

/// The values of the method switches, by their options.
struct Switches {
  const char* cam_source;
  const char* kl_axis;
  double tau;
  const char* cam_scale;
  const char* mask_norm;
  const char* detach_target;
  const char* kl_reduction;
  const char* gfb_bn_updates;
};

constexpr Switches kAuthorsCode{.cam_source = "loss",
                                .kl_axis = "rows",
                                .tau = 1.0,
                                .cam_scale = "none",
                                .mask_norm = "batch",
                                .detach_target = "no",
                                .kl_reduction = "sum",
                                .gfb_bn_updates = "as_authors"};
// The authors' BYOL code flattens the softmax and has a temperature.
constexpr Switches kAuthorsByol{.cam_source = "loss",
                                .kl_axis = "positions",
                                .tau = 0.4,
                                .cam_scale = "none",
                                .mask_norm = "batch",
                                .detach_target = "no",
                                .kl_reduction = "sum",
                                .gfb_bn_updates = "once"};
// Algorithm A1 names tau without a value: 0.4 is that of the authors' BYOL code.
constexpr Switches kAlgorithmA1{.cam_source = "positive_logit",
                                .kl_axis = "positions",
                                .tau = 0.4,
                                .cam_scale = "none",
                                .mask_norm = "none",
                                .detach_target = "yes",
                                .kl_reduction = "sum",
                                .gfb_bn_updates = "once"};
constexpr Switches kRescaled{.cam_source = "positive_logit",
                             .kl_axis = "positions",
                             .tau = 0.4,
                             .cam_scale = "max",
                             .mask_norm = "image",
                             .detach_target = "yes",
                             .kl_reduction = "sum",
                             .gfb_bn_updates = "once"};

const Switches& switches_of(const Options& o) {
  if (o.variant == "authors_code") return bootstraps(o) ? kAuthorsByol : kAuthorsCode;
  if (o.variant == "algorithm_a1") return kAlgorithmA1;
  return kRescaled;
}

}  // namespace

void resolve_variant(Options& o) {
  const Switches& s = switches_of(o);
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

namespace {

void check_batch(const Options& o) {
  if (contrasts(o) && o.queue_size % o.batch_size != 0)
    fail("queue-size = {} is not a multiple of batch-size = {}; choose, for example, {}",
         o.queue_size, o.batch_size, (o.queue_size / o.batch_size + 1) * o.batch_size);
  const std::int64_t key_groups = contrasts(o) ? o.key_bn_groups : 1;
  const std::int64_t groups = o.ranks * key_groups;
  if (o.batch_size % groups != 0)
    fail("batch-size = {} is not a multiple of ranks x key-bn-groups = {} x {}", o.batch_size,
         o.ranks, key_groups);
  if (o.batch_size / groups < 2)
    fail(
        "batch norm needs at least 2 images per group: raise batch-size = {} or lower ranks = {} "
        "or key-bn-groups = {}",
        o.batch_size, o.ranks, key_groups);
  const std::int64_t virtual_gpus = contrasts(o) || bootstraps(o) ? o.virtual_gpus : 1;
  if (virtual_gpus > 1 && groups > 1)
    fail(
        "virtual-gpus = {} cannot be combined with ranks = {} or key-bn-groups = {}: set both to 1",
        virtual_gpus, o.ranks, key_groups);
  if (o.batch_size % virtual_gpus != 0)
    fail("batch-size = {} is not a multiple of virtual-gpus = {}", o.batch_size, virtual_gpus);
  if (o.batch_size / virtual_gpus < 2)
    fail(
        "batch norm needs at least 2 images per GPU: raise batch-size = {} or lower virtual-gpus = "
        "{}",
        o.batch_size, virtual_gpus);
}

void check_subset(const Options& o) {
  // A random subset is drawn from outside the subset_size projections of highest variance.
  const bool random = o.subset == "random";
  if (has_subset(o) && o.subset_size * (random ? 2 : 1) > o.projections)
    fail("subset-size = {} is too large for projections = {}{}", o.subset_size, o.projections,
         random ? ": subset = random first sets aside as many of highest variance" : "");
  if (has_subset(o) && o.subset_epoch >= o.epochs)
    fail("subset-epoch = {} must be less than epochs = {}", o.subset_epoch, o.epochs);
  if (uses_gfb(o) && o.gfb == "mlp" && o.subset != "all")
    fail("subset = {}: gfb = mlp has no projections to choose from", o.subset);
}

void check_epochs(const Options& o) {
  parse_checkpoint_interval(o.checkpoint_every);
  for (const auto epoch : parse_epochs(o.pin_epochs))
    if (epoch > o.epochs)
      fail("pin-epochs = '{}': {} is beyond epochs = {}", o.pin_epochs, epoch, o.epochs);
  if (o.warmup_epochs >= o.epochs)
    fail("warmup-epochs = {} must be less than epochs = {}", o.warmup_epochs, o.epochs);
  if (o.schedule_epochs != 0 && o.schedule_epochs < o.epochs)
    fail("schedule-epochs = {} must be 0 or at least epochs = {}", o.schedule_epochs, o.epochs);
}

}  // namespace

void check_consistency(const Options& o) {
  if (trains(o)) {
    check_batch(o);
    check_subset(o);
    check_epochs(o);
    if (o.method == "supervised" && o.ranks > 1)
      fail("ranks = {}: supervised pre-training runs on one rank only", o.ranks);
    if (o.blur_sigma_min > o.blur_sigma_max)
      fail("blur-sigma-min = {} is above blur-sigma-max = {}", o.blur_sigma_min, o.blur_sigma_max);
    if (blurs(o) && o.gaussian_blur == "torchvision" && o.blur_sigma_min < 0.01)
      fail("blur-sigma-min = {}: gaussian-blur = torchvision needs at least 0.01",
           o.blur_sigma_min);
  }
  if (o.pretrain != "none" && !o.init.empty())
    fail("init = {} and pretrain = {} cannot be combined; choose one", o.init, o.pretrain);
  if (o.test_resize != 0 && o.test_resize < o.image_size)
    fail("test-resize = {} is below image-size = {}: the crop would not fit; raise test-resize",
         o.test_resize, o.image_size);
}

CheckpointInterval parse_checkpoint_interval(const std::string& text) {
  CheckpointInterval interval;
  if (text == "never") return interval;
  const auto end = text.find_first_not_of("0123456789.");
  const std::string number = text.substr(0, end);
  const std::string unit = end == std::string::npos ? "" : text.substr(end);
  if (unit == "min") interval.minutes = parse_number(number).value_or(0);
  if (unit == "epoch" || unit == "epochs") interval.epochs = parse_integer(number).value_or(0);
  if (!(interval.minutes > 0 && interval.minutes < 1e6) && interval.epochs < 1)
    fail("checkpoint-every = '{}' is not an interval such as 10min, 0.5min, 1epoch, 5epochs, never",
         text);
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
  if (values.empty()) fail("{}: give at least one number", name);
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
    if (!seed || *seed < 0) fail("seeds = '{}': '{}' is not a whole number >= 0", text, part);
    if (!seen.insert(static_cast<std::uint64_t>(*seed)).second)
      fail("seeds = '{}': {} is named twice", text, part);
    seeds.push_back(static_cast<std::uint64_t>(*seed));
  }
  if (seeds.empty()) fail("seeds: give at least one, for example --seeds 0,1,2");
  return seeds;
}

std::vector<std::int64_t> parse_epochs(const std::string& text) {
  std::vector<std::int64_t> epochs;
  for (const auto& part : split(text, ',')) {
    const auto epoch = parse_integer(part);
    if (!epoch || *epoch < 1)
      fail("pin-epochs = '{}': '{}' is not a whole number >= 1", text, part);
    epochs.push_back(*epoch);
  }
  return epochs;
}

}  // namespace lcr
