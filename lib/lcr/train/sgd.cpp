#include "lcr/train/sgd.h"

#include <algorithm>

#include <ATen/ATen.h>

#include "lcr/base/error.h"
#include "lcr/model/device_form.h"
#include "lcr/model/intra_op_threads.h"
#include "lcr/model/kernels/kernels.h"
#include "lcr/train/lars.h"
#include "lcr/train/training_options.h"

namespace lcr {
namespace {

using kernels::device::UpdateBatch;
using kernels::device::UpdatePiece;

/// Whether two tensors of one shape hold their numbers in the same order, without gaps.
bool same_order(const torch::Tensor& a, const torch::Tensor& b) {
  const auto both = [&](torch::MemoryFormat format) {
    return a.is_contiguous(format) && b.is_contiguous(format);
  };
  return both(torch::MemoryFormat::Contiguous) ||
         (a.dim() == 4 && both(torch::MemoryFormat::ChannelsLast));
}

bool plain(const torch::Tensor& tensor) {
  return (tensor.is_cpu() || takes_device_form(tensor.device())) &&
         tensor.scalar_type() == torch::kFloat;
}

/// Pieces of equal size: small parameters cost one each, large ones are shared among the threads.
constexpr std::int64_t kPiece = 1 << 16;

void update_on_cpu(const std::vector<UpdatePiece>& pieces, const kernels::UpdateRule& rule) {
  const auto update = kernels::kernels().update;
  const auto count = static_cast<std::int64_t>(pieces.size());
  at::parallel_for(0, count, 1, [&](std::int64_t from, std::int64_t to) {
    for (std::int64_t i = from; i < to; ++i) {
      const UpdatePiece& piece = pieces[static_cast<std::size_t>(i)];
      update(piece.parameter, piece.velocity, piece.direction, piece.average, piece.count, rule);
    }
  });
}

void update_on_device(const torch::Device& device, const std::vector<UpdatePiece>& pieces,
                      const kernels::UpdateRule& rule) {
  for (std::size_t first = 0; first < pieces.size(); first += UpdateBatch::kMost) {
    UpdateBatch batch{};
    batch.rule = rule;
    for (std::size_t i = first; i < pieces.size() && batch.count < UpdateBatch::kMost; ++i)
      batch.pieces[batch.count++] = pieces[i];
    if (device.is_cuda()) {
      launch_on(device, batch);
      continue;
    }
    for (int piece = 0; piece < batch.count; ++piece)
      for (std::int64_t i = 0; i < batch.pieces[piece].count; ++i) batch(piece, i);
  }
}

}  // namespace

Sgd::Sgd(std::vector<torch::Tensor> parameters, double momentum, double weight_decay,
         const MovingAverages& averages)
    : parameters_(std::move(parameters)),
      momentum_(momentum),
      weight_decay_(weight_decay),
      averages_(parameters_.size()),
      average_momentum_(averages.momentum) {
  for (const auto& parameter : parameters_) velocities_.push_back(torch::zeros_like(parameter));
  for (std::size_t i = 0; i < averages.averages.size(); ++i) {
    const auto found = std::find_if(
        parameters_.begin(), parameters_.end(),
        [&](const torch::Tensor& parameter) { return parameter.is_same(averages.sources[i]); });
    check_internal(found != parameters_.end(), "an average of a tensor that is not trained");
    averages_[static_cast<std::size_t>(found - parameters_.begin())] = averages.averages[i];
  }
}

void Sgd::zero_grad() {
  for (auto& parameter : parameters_) parameter.mutable_grad().reset();
}

std::vector<torch::Tensor> Sgd::gradients() const {
  std::vector<torch::Tensor> gradients;
  for (const auto& parameter : parameters_)
    if (parameter.grad().defined()) gradients.push_back(parameter.grad());
  return gradients;
}

bool Sgd::fuses() const {
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    const torch::Tensor& parameter = parameters_[i];
    const auto fits = [&](const torch::Tensor& other) {
      return !other.defined() || (plain(other) && same_order(parameter, other));
    };
    if (!plain(parameter) || !fits(velocities_[i]) || !fits(averages_[i]) ||
        (parameter.grad().defined() && !plain(parameter.grad())))
      return false;
  }
  return true;
}

void Sgd::update_fused(std::vector<torch::Tensor> directions, kernels::UpdateRule rule) {
  rule.average_momentum = static_cast<float>(average_momentum_);
  std::vector<UpdatePiece> pieces;
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    const torch::Tensor& parameter = parameters_[i];
    torch::Tensor& direction = directions[i];
    if (direction.defined() && !same_order(parameter, direction))
      direction = torch::empty_like(parameter, torch::TensorOptions()).copy_(direction);
    for (std::int64_t at = 0; at < parameter.numel(); at += kPiece)
      pieces.push_back(
          {.parameter = parameter.data_ptr<float>() + at,
           .velocity = velocities_[i].data_ptr<float>() + at,
           .direction = direction.defined() ? direction.data_ptr<float>() + at : nullptr,
           .average = averages_[i].defined() ? averages_[i].data_ptr<float>() + at : nullptr,
           .count = std::min(kPiece, parameter.numel() - at)});
  }
  if (pieces.empty()) return;
  if (takes_device_form(parameters_[0].device()))
    update_on_device(parameters_[0].device(), pieces, rule);
  else
    update_on_cpu(pieces, rule);
}

void Sgd::move_averages() {
  std::vector<torch::Tensor> averages, sources;
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    if (!averages_[i].defined()) continue;
    averages.push_back(averages_[i]);
    sources.push_back(parameters_[i]);
  }
  if (averages.empty()) return;
  at::_foreach_mul_(averages, average_momentum_);
  at::_foreach_add_(averages, sources, 1 - average_momentum_);
}

void Sgd::step(double lr) {
  const torch::NoGradGuard no_grad;
  if (fuses()) {
    std::vector<torch::Tensor> directions;
    for (const auto& parameter : parameters_) directions.push_back(parameter.grad());
    update_fused(std::move(directions), {.lr = static_cast<float>(lr),
                                         .momentum = static_cast<float>(momentum_),
                                         .weight_decay = static_cast<float>(weight_decay_),
                                         .gradient_scale = 1,
                                         .average_momentum = 0});
    return;
  }
  std::vector<torch::Tensor> parameters, velocities;
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    if (!parameters_[i].grad().defined()) continue;
    parameters.push_back(parameters_[i]);
    velocities.push_back(velocities_[i]);
  }
  if (!parameters.empty()) {
    at::_foreach_mul_(velocities, momentum_);
    at::_foreach_add_(velocities, gradients(), 1.0);
    at::_foreach_add_(velocities, parameters, weight_decay_);
    at::_foreach_add_(parameters, velocities, -lr);
  }
  move_averages();
}

std::unique_ptr<Sgd> make_optimizer(Method& method, const Options& options) {
  if (options.get<TrainingOptions>().optimizer == "lars")
    return std::make_unique<Lars>(
        method.trained_parameters(), options.get<TrainingOptions>().sgd_momentum,
        options.get<TrainingOptions>().weight_decay, options.get<TrainingOptions>().lars_trust,
        method.moving_averages());
  return std::make_unique<Sgd>(
      method.trained_parameters(), options.get<TrainingOptions>().sgd_momentum,
      options.get<TrainingOptions>().weight_decay, method.moving_averages());
}

}  // namespace lcr
