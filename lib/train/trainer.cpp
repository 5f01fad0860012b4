#include "lcr/train/trainer.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "lcr/base/error.h"
#include "lcr/base/signals.h"
#include "lcr/base/text.h"
#include "lcr/data/loader.h"
#include "lcr/model/input.h"
#include "lcr/model/weights.h"

namespace lcr {
namespace {

constexpr const char* kCheckpointFormat = "lcr-checkpoint 1";

/// Puts 4-D weights in channels_last layout, the faster one for convolutions on CPU and GPU alike.
void use_channels_last(torch::nn::Module& module) {
  const torch::NoGradGuard no_grad;
  for (auto& parameter : module.parameters())
    if (parameter.dim() == 4) parameter.set_data(parameter.contiguous(torch::MemoryFormat::ChannelsLast));
}

std::shared_ptr<Method> prepare(std::shared_ptr<Method> method, const torch::Device& device) {
  method->to(device);
  use_channels_last(*method);
  method->train();
  return method;
}

}  // namespace

Trainer::Trainer(std::shared_ptr<Method> method, const Options& options, const ImageSet& train_set, std::uint64_t seed, const torch::Device& device, int threads)
    : method_(prepare(std::move(method), device)),
      options_(options),
      train_set_(train_set),
      seed_(seed),
      device_(device),
      workers_(device.is_cuda() ? threads : std::max(1, threads / 2)),  // on the CPU the loader shares the cores with the network
      sgd_(method_->trained_parameters(), options.sgd_momentum, options.weight_decay) {
  if (steps_per_epoch() < 1)
    fail("the training set has {} images, fewer than one batch of batch-size = {}", train_set.count(), options.batch_size);
}

EpochLog Trainer::run_epoch(std::int64_t epoch, const StepObserver& observer, std::int64_t max_steps) {
  const auto start = std::chrono::steady_clock::now();
  TwoViewLoader loader(train_set_, options_, seed_, epoch, workers_);
  EpochLog log;
  log.epoch = epoch + 1;
  log.lr = cosine_lr(options_.lr, epoch, options_.epochs);
  const std::int64_t first = epoch * loader.batch_count(), steps = std::min(loader.batch_count(), max_steps);
  for (std::int64_t i = 0; i < steps; ++i) {
    if (stop_requested()) throw Interrupted("stopped by a signal; finished runs are kept, this one starts again when asked for");
    const TwoViewBatch batch = loader.next();
    const torch::Tensor query = to_input(batch.query, options_.batch_size, options_.image_size, device_);
    const torch::Tensor key = to_input(batch.key, options_.batch_size, options_.image_size, device_);
    const StepLoss loss = method_->step(query, key, first + i);
    sgd_.zero_grad();
    loss.total.backward();
    sgd_.step(log.lr);
    method_->finish_step();
    const double value = loss.total.item<double>();
    if (!std::isfinite(value))
      fail("the loss became {} at step {} (contrastive {}, KL {}): lower lr = {} or nu = {}", value, first + i + 1, loss.contrastive.item<double>(),
           loss.kl.item<double>(), options_.lr, options_.nu);
    log.loss += value;
    log.contrastive += loss.contrastive.item<double>();
    log.kl += loss.kl.item<double>();
    ++log.steps;
    observer(first + i + 1, value);
  }
  const double n = static_cast<double>(std::max<std::int64_t>(1, log.steps));
  log.loss /= n;
  log.contrastive /= n;
  log.kl /= n;
  log.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return log;
}

std::map<std::string, torch::Tensor> Trainer::state() {
  std::map<std::string, torch::Tensor> tensors;
  for (const auto& item : method_->named_parameters()) tensors["method." + item.key()] = item.value();
  for (const auto& item : method_->named_buffers()) tensors["method." + item.key()] = item.value();
  for (std::size_t i = 0; i < sgd_.velocities().size(); ++i) tensors[fmt::format("velocity.{:04}", i)] = sgd_.velocities()[i];
  return tensors;
}

void Trainer::save(const std::filesystem::path& path, const std::string& identity, std::int64_t epochs_done) {
  write_tensors(path, state(), {{"format", kCheckpointFormat}, {"identity", identity}, {"epochs_done", std::to_string(epochs_done)}});
}

std::int64_t Trainer::load(const std::filesystem::path& path, const std::string& identity) {
  const SafetensorsFile file = read_safetensors(path);
  const auto entry = [&](const char* name) {
    const auto found = file.metadata.find(name);
    if (found == file.metadata.end()) fail("{}: is no checkpoint: its header has no '{}'", path.string(), name);
    return found->second;
  };
  if (entry("format") != kCheckpointFormat) fail("{}: has checkpoint format '{}'; this program reads '{}'", path.string(), entry("format"), kCheckpointFormat);
  if (entry("identity") != identity) fail("{}: belongs to run {}, not to {}", path.string(), entry("identity").substr(0, 12), identity.substr(0, 12));
  const auto epochs_done = parse_integer(entry("epochs_done"));
  if (!epochs_done || *epochs_done < 0) fail("{}: bad epochs_done '{}'", path.string(), entry("epochs_done"));
  auto own = state();
  for (const auto& [name, tensor] : own) {
    const auto found = file.tensors.find(name);
    if (found == file.tensors.end() || found->second.shape != tensor.sizes().vec()) fail("{}: tensor {} is missing or has another shape", path.string(), name);
  }
  if (own.size() != file.tensors.size()) fail("{}: holds {} tensors where the run has {}", path.string(), file.tensors.size(), own.size());
  const torch::NoGradGuard no_grad;
  for (auto& [name, tensor] : own) tensor.copy_(read_tensor(file, name));
  return *epochs_done;
}

}  // namespace lcr
