#include "lcr/experiment/import_run.h"

#include <array>
#include <set>

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include "lcr/base/error.h"
#include "lcr/base/files.h"
#include "lcr/base/hashing.h"
#include "lcr/base/text.h"
#include "lcr/data/datasets.h"
#include "lcr/experiment/checkpoints.h"
#include "lcr/experiment/control_options.h"
#include "lcr/experiment/device.h"
#include "lcr/experiment/identify_run.h"
#include "lcr/experiment/option_table.h"
#include "lcr/experiment/run.h"
#include "lcr/experiment/version.h"
#include "lcr/image/view_options.h"
#include "lcr/method/lcr_options.h"
#include "lcr/method/lcr_spec.h"
#include "lcr/method/method.h"
#include "lcr/method/method_spec.h"
#include "lcr/method/moco_v2_spec.h"
#include "lcr/model/model_options.h"
#include "lcr/model/weights.h"
#include "lcr/record/run_store.h"
#include "lcr/train/trainer.h"
#include "lcr/train/training_options.h"

namespace lcr {
namespace fs = std::filesystem;
namespace {

/// Where DistributedDataParallel's state_dict is in the file.
const std::string kPrefix = "state_dict.module.";

constexpr std::int64_t kAuthorsEpochs = 100;

/// How the names of a part's tensors begin, in our method and in the authors' module.
struct Part {
  const char* name;  ///< for people
  const char* ours;
  const char* theirs;
};
constexpr std::array<Part, 8> kParts = {{{"query backbone", "query.backbone.", "encoder_q."},
                                         {"query head", "query.head.", "encoder_q.fc."},
                                         {"key backbone", "key.backbone.", "encoder_k."},
                                         {"key head", "key.head.", "encoder_k.fc."},
                                         {"branch", "gfb.conv.", "conv16."},
                                         {"branch", "gfb.bn.", "bn16."},
                                         {"queue", "queue.keys", "queue"},
                                         {"queue", "queue.position", "queue_ptr"}}};

/// Tensors of the authors' module that reach neither their loss nor their test features.
constexpr const char* kDead[] = {"fc.weight",          "fc.bias",
                                 "qmax.0.weight",      "qmax.0.bias",
                                 "qmax.2.weight",      "qmax.2.bias",
                                 "kmax.0.weight",      "kmax.0.bias",
                                 "kmax.2.weight",      "kmax.2.bias",
                                 "queue_max",          "queue_ptr_max",
                                 "conv16_2.weight",    "bn16_2.weight",
                                 "bn16_2.bias",        "bn16_2.running_mean",
                                 "bn16_2.running_var", "bn16_2.num_batches_tracked"};

constexpr const char* kWhyDead = "reach neither the authors' loss nor their test features";
constexpr const char* kWhyNotResumed =
    "are the optimizer's, and an imported run is not trained further";

/// The part that one of our tensors belongs to; null if there is none.
const Part* part_of(const std::string& ours) {
  for (const auto& part : kParts)
    if (ours.starts_with(part.ours)) return &part;
  return nullptr;
}

/// A checkpoint and the name to blame it by.
struct Checkpoint {
  const WeightFile& file;
  std::string path;

  /// The size of a tensor in one of its `dimensions`.
  std::int64_t size(const std::string& name, std::size_t dimensions, std::size_t at) const {
    const auto found = file.tensors.find(kPrefix + name);
    if (found == file.tensors.end())
      fail("{}: tensor {} is missing: not a checkpoint of the authors' code for MoCo", path,
           kPrefix + name);
    if (found->second.shape.size() != dimensions)
      fail("{}: tensor {} has {} dimensions instead of {}", path, kPrefix + name,
           found->second.shape.size(), dimensions);
    return found->second.shape[at];
  }
};

/// Adds to the options what the checkpoint says.
Options describe(const Checkpoint& checkpoint, Options options) {
  const auto set = [&](const char* name, const std::string& value) {
    set_option(options, name, value, checkpoint.path);
  };
  set("projections", std::to_string(checkpoint.size("conv16.weight", 4, 0)));
  set("embedding-dim", std::to_string(checkpoint.size("queue", 2, 0)));
  set("queue-size", std::to_string(checkpoint.size("queue", 2, 1)));
  const auto epoch = checkpoint.file.metadata.find("epoch");
  if (epoch == checkpoint.file.metadata.end())
    fail("{}: has no 'epoch', the number of epochs trained: not a checkpoint of the authors' code",
         checkpoint.path);
  set("epochs", epoch->second);
  // A checkpoint from before the end of the training is on the whole training's schedule.
  if (options.get<TrainingOptions>().schedule_epochs == 0 &&
      options.get<TrainingOptions>().epochs < kAuthorsEpochs)
    options.get<TrainingOptions>().schedule_epochs = kAuthorsEpochs;
  resolve_variant(options);
  check_consistency(options);
  return options;
}

/// Copies the checkpoint's tensors into the method; accounts for each of the file's.
void load(const Checkpoint& checkpoint, Method& method, const Options& options,
          ImportReport& report) {
  std::map<std::string, torch::Tensor> wanted;  // by their name in the file
  std::set<std::string> known;
  for (const auto& [name, tensor] : named_tensors(method)) {
    if (name == "gfb.selection") continue;  // the suite's own: stays at all projections
    const Part* part = part_of(name);
    check_internal(part != nullptr, "a tensor of the method has no counterpart");
    const std::string theirs = kPrefix + part->theirs + name.substr(std::string(part->ours).size());
    wanted[theirs] = tensor;
    known.insert(theirs);
    ++report.loaded[part->name];
  }
  for (const char* name : kDead) {
    known.insert(kPrefix + name);
    report.left_out[kWhyDead].push_back(kPrefix + name);
  }
  const auto& tensors = checkpoint.file.tensors;
  const auto refuse = [&](const std::string& name, const char* what) {
    fail("{}: tensor {} {} in the authors' MoCo with arch = {}; set --arch if it is another",
         checkpoint.path, name, what, options.get<ArchOptions>().arch);
  };
  for (const auto& name : known)
    if (!tensors.contains(name)) refuse(name, "is missing, but is present");
  for (const auto& [name, descriptor] : tensors) {
    if (name.starts_with("optimizer."))
      report.left_out[kWhyNotResumed].push_back(name);
    else if (!known.contains(name))
      refuse(name, "is unknown: it does not exist");
  }
  const torch::NoGradGuard no_grad;
  for (auto& [name, tensor] : wanted) {
    const torch::Tensor read = read_tensor(checkpoint.file, name);
    // Their position in the queue is a vector of one number, ours a scalar.
    const bool same_shape = read.sizes() == tensor.sizes() ||
                            (tensor.dim() == 0 && read.sizes() == torch::IntArrayRef{1});
    if (!same_shape) refuse(name, "has another shape than");
    if (read.scalar_type() != tensor.scalar_type())
      fail(
          "{}: tensor {} is of type {} instead of {}: convert the checkpoint to the types that the "
          "authors' code trains with",
          checkpoint.path, name, torch::toString(read.scalar_type()),
          torch::toString(tensor.scalar_type()));
    if (read.is_floating_point() && !torch::isfinite(read).all().item<bool>())
      fail("{}: tensor {} holds numbers that are not finite", checkpoint.path, name);
    tensor.copy_(read.reshape(tensor.sizes()));
  }
}

}  // namespace

Options authors_options() {
  Options options;
  options.get<MethodOptions>().method = lcr_spec(moco_v2_spec()).name;
  options.get<LcrOptions>().variant = "authors_code";
  options.get<ArchOptions>().arch = "resnet50";
  options.get<InputOptions>().image_size = 224;
  options.get<InputOptions>().test_resize = 256;
  options.get<PrecisionOptions>().precision = "float32";
  return options;
}

const std::vector<std::string>& import_option_names() {
  static const std::vector<std::string> names = {"dataset",
                                                 "folder",
                                                 "classes",
                                                 "limit-train",
                                                 "limit-test",
                                                 "store-side",
                                                 "image-size",
                                                 "test-resize",
                                                 "test-interpolation",
                                                 "synthbirds-classes",
                                                 "synthbirds-train",
                                                 "synthbirds-test",
                                                 "arch",
                                                 "key-momentum",
                                                 "temperature",
                                                 "nu",
                                                 "batch-size",
                                                 "schedule-epochs",
                                                 "lr",
                                                 "sgd-momentum",
                                                 "weight-decay",
                                                 "runs",
                                                 "data-dir",
                                                 "pixel-store",
                                                 "skip-bad",
                                                 "threads"};
  return names;
}

ImportReport import_run(const fs::path& path, const Options& given) {
  constexpr std::uint64_t kSeed = 0;
  const WeightFile file = read_weights(path);
  const Checkpoint checkpoint{file, path.string()};
  const Options options = describe(checkpoint, given);
  ImportReport report;
  const auto method = make_method(options, kSeed);
  load(checkpoint, *method, options, report);  // first: reading the data may take minutes
  const int threads = resolve_threads(options);
  const Dataset data = load_dataset(options, threads);
  const std::string digest = sha256_file(path);
  const RunIdentity identity = identify_run(
      options,
      {.seed = kSeed,
       .data_fingerprint = data_fingerprint(fingerprint(data.train), fingerprint(data.test)),
       .init = "",
       .imported = digest});
  Trainer trainer(method, options, data.train, kSeed, torch::kCPU, threads);
  const RunStore store(options.get<StoreOptions>().runs);
  report.directory = store.directory(identity);

  require_writable_directory(options.get<StoreOptions>().runs);
  const FileLock lock = store.lock(identity);
  Checkpoints checkpoints(report.directory, identity.hash, /*environment=*/"", options,
                          /*inexact_init=*/false);
  // A run that came from an archive lacks only the weights.
  report.made = !store.find(identity) || !fs::exists(checkpoints.file("last"));
  if (!report.made) return report;
  for (const auto& folder : {report.directory, report.directory / "checkpoints"})
    remove_stale_temporaries(folder, Temporaries::kAll);
  store.begin(identity, options);
  RunResult result;
  result.provenance.commit = kCommit;
  result.provenance.imported =
      fmt::format("imported from {} (SHA-256 {})", printable(path.filename().string()), digest);
  nlohmann::json provenance = result.provenance;
  provenance["loaded"] = report.loaded;
  provenance["left_out"] = report.left_out;
  write_atomic(report.directory / "provenance.json", provenance.dump(1) + "\n");
  checkpoints.keep(trainer, "last", options.get<TrainingOptions>().epochs);
  store.finish(identity, result);
  return report;
}

}  // namespace lcr
