#include "lcr/train/trainer.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include <ATen/Parallel.h>
#include <c10/core/DeviceGuard.h>
#include <fmt/core.h>

#include "lcr/base/error.h"
#include "lcr/base/signals.h"
#include "lcr/method/host_options.h"
#include "lcr/method/lcr_options.h"
#include "lcr/model/weights.h"
#include "lcr/train/schedule.h"
#include "lcr/train/step.h"
#include "lcr/train/training_options.h"
#include "lcr/train/two_view_input.h"

namespace lcr {
namespace {

/// Adds a step's loss to the log of its epoch.
void add(EpochLog& log, const StepReport& loss) {
  log.loss_sum += loss.total;
  log.terms.resize(loss.terms.size());
  for (std::size_t i = 0; i < loss.terms.size(); ++i)
    log.terms[i] = {loss.terms[i].name, log.terms[i].sum + loss.terms[i].sum};
  ++log.steps;
}

/// "kl_loss became nan": the first term that is not finite, else the sum of all.
std::string describe_divergence(const StepReport& loss) {
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
                 std::uint64_t seed, const torch::Device& device, int threads, ProcessGroup ranks)
    : options_(options),
      train_set_(train_set),
      seed_(seed),
      device_(device),
      threads_(threads),
      ranks_(std::move(ranks)),
      method_(std::move(method)) {
  if (steps_per_epoch() < 1)
    fail("the training set has {} images, fewer than one batch of batch-size = {}",
         train_set.count(), options.get<BatchOptions>().batch_size);
  prepare_for_training(*method_, device);
  method_->join(ranks_);
  optimizer_ = make_optimizer(*method_, options);
  average_ = std::make_unique<GradientAverage>(ranks_, method_->trained_parameters());
  views_ = make_device_views(train_set, device, options);
  synchronise(0, 0);
}

void Trainer::select_projections(const std::vector<std::int64_t>& chosen) {
  std::vector<std::int64_t> all = chosen;
  all.resize(static_cast<std::size_t>(
      ranks_.broadcast({static_cast<std::int64_t>(chosen.size())}).front()));
  method_->gfb()->select(ranks_.broadcast(all));
}

EpochLog Trainer::run_epoch(std::int64_t epoch, const StepObserver& observer,
                            std::int64_t max_steps, const EpochLog& from,
                            const std::function<bool()>& pause) {
  const auto start = std::chrono::steady_clock::now();
  const c10::OptionalDeviceGuard guard(device_);
  EpochLog log = train(epoch, observer, max_steps, from, pause);
  log.seconds = from.seconds +
                std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return log;
}

EpochLog Trainer::train(std::int64_t epoch, const StepObserver& observer, std::int64_t max_steps,
                        EpochLog log, const std::function<bool()>& pause) {
  check_internal(ranks_.size() == options_.get<BatchOptions>().ranks, "another number of ranks");
  // On the CPU, the loader shares the cores with the network.
  const int workers = device_.is_cuda() ? threads_ : std::max(1, threads_ / 2);
  TwoViewInput input(train_set_, options_, seed_, epoch, workers, ranks_.rank(), ranks_.size(),
                     device_, views_, log.steps, method_->view_shares());
  log.epoch = epoch + 1;
  const std::int64_t steps = std::min(input.batch_count(), max_steps);
  StepReports reports(ranks_, StepReports::lag_on(device_));
  bool pauses = false;
  for (std::int64_t i = log.steps; i < steps && !pauses; ++i) {
    const Batch batch = input.next();
    log.lr = learning_rate(options_, batch.step, input.batch_count());
    const StepLoss loss = take_step(*method_, *optimizer_, batch, log.lr, average_.get());
    reports.add(batch.step, loss, pause && pause(), stop_requested());
    if (!reports.has_next(/*end=*/false)) continue;
    const StepReport report = reports.next();
    note(report, log, observer);
    pauses = report.pause;
  }
  while (reports.has_next(/*end=*/true)) note(reports.next(), log, observer);
  return log;
}

void Trainer::note(const StepReport& report, EpochLog& log, const StepObserver& observer) const {
  if (!std::isfinite(report.total))
    throw Diverged(fmt::format("{} at step {}, in epoch {}: {}", describe_divergence(report),
                               report.step + 1, log.epoch, remedy(options_)));
  add(log, report);
  observer(report.step + 1, report.total);
  if (report.stop && ranks_.size() > 1) request_stop();
}

NamedTensors Trainer::state() {
  NamedTensors tensors = method_tensors(*method_);
  for (std::size_t i = 0; i < optimizer_->velocities().size(); ++i)
    tensors[fmt::format("velocity.{:04}", i)] = optimizer_->velocities()[i];
  return tensors;
}

std::pair<std::int64_t, std::int64_t> Trainer::synchronise(std::int64_t epochs_done,
                                                           std::int64_t steps_done) {
  for (const auto& [name, tensor] : state()) ranks_.broadcast(tensor);
  const auto numbers = ranks_.broadcast({epochs_done, steps_done});
  return {numbers[0], numbers[1]};
}

void Trainer::save(const std::filesystem::path& path, const CheckpointInfo& info) {
  const auto tensors = state();
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
  const auto [file, info] = read_checkpoint(path, identity);
  copy_tensors(file, path, state());
  return info;
}

}  // namespace lcr
