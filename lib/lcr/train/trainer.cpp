#include "lcr/train/trainer.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include <ATen/Parallel.h>
#include <c10/core/DeviceGuard.h>
#include <fmt/core.h>
#include <torch/cuda.h>

#include "lcr/base/error.h"
#include "lcr/base/text.h"
#include "lcr/method/host_options.h"
#include "lcr/method/lcr_options.h"
#include "lcr/model/weights.h"
#include "lcr/train/schedule.h"
#include "lcr/train/step.h"
#include "lcr/train/training_options.h"
#include "lcr/train/two_view_input.h"
#include "lcr/weights/safetensors.h"

namespace lcr {
namespace {

constexpr const char* kCheckpointFormat = "lcr-checkpoint 2";

/// The device of a rank: CUDA devices in turn, starting at `first`.
torch::Device rank_device(const torch::Device& first, int rank) {
  if (!first.is_cuda()) return first;
  const int count = static_cast<int>(torch::cuda::device_count());
  return {torch::kCUDA, static_cast<c10::DeviceIndex>((first.index() + rank) % count)};
}

/// The values of a loss, means over the ranks.
struct LossValues {
  double total;
  std::vector<TermSum> terms;
};

LossValues average(const StepLoss& loss, RankGroup& ranks, int rank) {
  std::vector<torch::Tensor> parts = {loss.total.detach()};
  for (const auto& term : loss.terms) parts.push_back(term.value);
  const torch::Tensor stacked = torch::stack(parts);
  ranks.average(rank, {stacked});
  const auto values = stacked.to(torch::kCPU, torch::kDouble);
  LossValues result{values[0].item<double>(), {}};
  for (std::size_t i = 0; i < loss.terms.size(); ++i)
    result.terms.push_back(
        {loss.terms[i].name, values[static_cast<std::int64_t>(i) + 1].item<double>()});
  return result;
}

/// Adds a step's loss to the log of its epoch.
void add(EpochLog& log, const LossValues& loss) {
  log.loss_sum += loss.total;
  log.terms.resize(loss.terms.size());
  for (std::size_t i = 0; i < loss.terms.size(); ++i)
    log.terms[i] = {loss.terms[i].name, log.terms[i].sum + loss.terms[i].sum};
  ++log.steps;
}

/// "kl_loss became nan": the first term that is not finite, else the sum of all.
std::string describe_divergence(const LossValues& loss) {
  const auto text = [](const std::string& name, double value) {
    return name + " became " + (std::isnan(value) ? "nan" : value > 0 ? "inf" : "-inf");
  };
  for (const auto& [name, value] : loss.terms)
    if (!std::isfinite(value)) return text(name, value);
  return text("the sum of the losses", loss.total);
}

/// The options to change after a divergence: only those that the method has.
std::string remedy(const Options& options) {
  const std::string text = fmt::format("lower lr = {}", options.get<TrainingOptions>().lr);
  if (!fits_cam(options)) return text;
  return fmt::format("{} or nu = {}", text, options.get<LcrOptions>().nu);
}

}  // namespace

Trainer::Trainer(std::shared_ptr<Method> method, const Options& options, const ImageSet& train_set,
                 std::uint64_t seed, const torch::Device& device, int threads)
    : options_(options),
      train_set_(train_set),
      seed_(seed),
      threads_(std::max(1, threads / static_cast<int>(options.get<BatchOptions>().ranks))),
      ranks_(static_cast<int>(options.get<BatchOptions>().ranks)) {
  if (steps_per_epoch() < 1)
    fail("the training set has {} images, fewer than one batch of batch-size = {}",
         train_set.count(), options.get<BatchOptions>().batch_size);
  for (int rank = 0; rank < ranks_.size(); ++rank) {
    const torch::Device own = rank_device(device, rank);
    const auto replica = rank == 0 ? method : make_method(options, seed, train_set.class_count);
    prepare_for_training(*replica, own);
    replica->join(ranks_, rank);
    replicas_.push_back(
        {replica, own, make_optimizer(*replica, options), make_device_views(train_set, own)});
  }
  broadcast();
}

void Trainer::select_projections(const std::vector<std::int64_t>& chosen) {
  for (auto& replica : replicas_) replica.method->gfb()->select(chosen);
}

EpochLog Trainer::run_epoch(std::int64_t epoch, const StepObserver& observer,
                            std::int64_t max_steps, const EpochLog& from,
                            const std::function<bool()>& pause) {
  const auto start = std::chrono::steady_clock::now();
  EpochLog log;
  ranks_.run([&](int rank) {
    if (ranks_.size() > 1) at::set_num_threads(threads_);  // for this rank's thread
    const c10::OptionalDeviceGuard guard(replicas_[static_cast<std::size_t>(rank)].device);
    const EpochLog own = train_rank(rank, epoch, observer, max_steps, from, pause);
    if (rank == 0) log = own;
  });
  log.seconds = from.seconds +
                std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return log;
}

bool Trainer::agree_to_pause(int rank, const std::function<bool()>& pause) {
  if (!pause) return false;
  bool wanted = rank == 0 && pause();
  if (ranks_.size() > 1) {
    const torch::Tensor flag = torch::full({1}, wanted ? 1.0 : 0.0);
    ranks_.average(rank, {flag});
    wanted = flag.item<double>() > 0;
  }
  return wanted;
}

EpochLog Trainer::train_rank(int rank, std::int64_t epoch, const StepObserver& observer,
                             std::int64_t max_steps, EpochLog log,
                             const std::function<bool()>& pause) {
  auto& [method, device, optimizer, views] = replicas_[static_cast<std::size_t>(rank)];
  // On the CPU, the loader shares the cores with the network.
  const int workers = device.is_cuda() ? threads_ : std::max(1, threads_ / 2);
  TwoViewInput input(train_set_, options_, seed_, epoch, workers, rank, ranks_.size(), device,
                     views, log.steps);
  log.epoch = epoch + 1;
  const std::int64_t steps = std::min(input.batch_count(), max_steps);
  for (std::int64_t i = log.steps; i < steps; ++i) {
    const Batch batch = input.next();
    log.lr = learning_rate(options_, batch.step, input.batch_count());
    const LossValues loss = average(take_step(*method, *optimizer, batch, log.lr), ranks_, rank);
    if (!std::isfinite(loss.total))
      throw Diverged(fmt::format("{} at step {}, in epoch {}: {}", describe_divergence(loss),
                                 batch.step + 1, epoch + 1, remedy(options_)));
    add(log, loss);
    if (rank == 0) observer(batch.step + 1, loss.total);
    if (agree_to_pause(rank, pause)) break;
  }
  return log;
}

std::map<std::string, torch::Tensor> Trainer::state(Replica& replica) {
  std::map<std::string, torch::Tensor> tensors;
  for (const auto& [name, tensor] : named_tensors(*replica.method))
    tensors["method." + name] = tensor;
  for (std::size_t i = 0; i < replica.optimizer->velocities().size(); ++i)
    tensors[fmt::format("velocity.{:04}", i)] = replica.optimizer->velocities()[i];
  return tensors;
}

void Trainer::broadcast() {
  const torch::NoGradGuard no_grad;
  const auto source = state(replicas_.front());
  for (std::size_t rank = 1; rank < replicas_.size(); ++rank)
    for (auto& [name, tensor] : state(replicas_[rank])) tensor.copy_(source.at(name));
}

void Trainer::save(const std::filesystem::path& path, const CheckpointInfo& info) {
  const auto tensors = state(replicas_.front());
  // Weights can stop being finite one step before the loss shows it: training cannot resume from
  // such a state.
  for (const auto& [name, tensor] : tensors)
    if (tensor.is_floating_point() && !torch::isfinite(tensor).all().item<bool>())
      throw Diverged(
          fmt::format("{} in the training's state is no longer finite after epoch {}, step {} of "
                      "the next: {}",
                      name, info.epochs_done, info.steps_done, remedy(options_)));
  std::map<std::string, std::string> metadata = {{"format", kCheckpointFormat},
                                                 {"identity", info.identity},
                                                 {"epochs_done", std::to_string(info.epochs_done)},
                                                 {"steps_done", std::to_string(info.steps_done)},
                                                 {"environment", info.environment},
                                                 {"progress", info.progress}};
  if (info.inexact) metadata.insert(kInexactMark);
  write_tensors(path, tensors, metadata);
}

CheckpointInfo Trainer::load(const std::filesystem::path& path, const std::string& identity) {
  const WeightFile file = read_safetensors(path);
  const auto entry = [&](const char* name) {
    const auto found = file.metadata.find(name);
    if (found == file.metadata.end())
      fail("{}: is not a checkpoint: its header has no '{}'", path.string(), name);
    return found->second;
  };
  if (entry("format") != kCheckpointFormat)
    throw ForeignCheckpoint(
        fmt::format("{}: has checkpoint format '{}'; this program reads '{}': use the program that "
                    "wrote it, or remove it",
                    path.string(), printable(entry("format")), kCheckpointFormat));
  if (!file.checksummed) fail("{}: damaged: it carries no checksum", path.string());
  if (entry("identity") != identity)
    throw ForeignCheckpoint(fmt::format("{}: belongs to run {}, not to {}: remove it",
                                        path.string(), printable(entry("identity").substr(0, 12)),
                                        identity.substr(0, 12)));
  const auto count = [&](const char* name) {
    const auto value = parse_integer(entry(name));
    if (!value || *value < 0) fail("{}: bad {} '{}'", path.string(), name, entry(name));
    return *value;
  };
  const CheckpointInfo info{.identity = identity,
                            .epochs_done = count("epochs_done"),
                            .steps_done = count("steps_done"),
                            .environment = entry("environment"),
                            .progress = entry("progress")};
  auto own = state(replicas_.front());
  for (const auto& [name, tensor] : own) {
    const auto found = file.tensors.find(name);
    if (found == file.tensors.end() || found->second.shape != tensor.sizes().vec())
      fail("{}: tensor {} is missing or has another shape", path.string(), name);
  }
  if (own.size() != file.tensors.size())
    fail("{}: holds {} tensors, but the run has {}", path.string(), file.tensors.size(),
         own.size());
  const torch::NoGradGuard no_grad;
  for (auto& [name, tensor] : own) tensor.copy_(read_tensor(file, name));
  broadcast();
  return info;
}

}  // namespace lcr
