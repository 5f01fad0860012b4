// The trainer's view of a self-supervised method.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <torch/nn/module.h>

#include "lcr/method/ranks.h"
#include "lcr/model/encoder.h"
#include "lcr/model/gfb.h"
#include "lcr/model/weights.h"
#include "lcr/record/options.h"

namespace lcr {

/// The parts of one step's loss; `total` carries the graph.
struct StepLoss {
  torch::Tensor total;
  torch::Tensor contrastive;  ///< the host's own loss (L_CL of the paper; BYOL's loss), detached
  torch::Tensor kl;           ///< L_KL before its weight nu, detached; zero for methods without it
  /// Attention mask of the query views, N x h x w, detached; undefined without a GFB.
  torch::Tensor mask;
  torch::Tensor target;  ///< the map that the mask fits, detached; undefined without a KL loss
};

/// Tensors that follow the parameters `sources` at the same places: after each update of those,
/// average = momentum * average + (1 - momentum) * source.
struct MovingAverages {
  std::vector<torch::Tensor> averages, sources;
  double momentum = 0;
};

/// A method owns its networks as submodules, so that moving, saving and listing parameters work on
/// the whole method.
class Method : public torch::nn::Module {
 public:
  /// The loss of a batch of two views, each N x 3 x H x W, normalised. Call once per step, then
  /// back-propagate `total`, update trained_parameters() and moving_averages(), and call
  /// finish_step(): take_step() of train/step.h does. `step` counts from 0 over the training.
  virtual StepLoss step(const torch::Tensor& query_view, const torch::Tensor& key_view,
                        std::int64_t step) = 0;
  /// Enqueues the step's keys if the method has a queue. Call after the backward pass, which still
  /// needs the old queue.
  virtual void finish_step() = 0;
  /// Makes this the replica of one rank of a data-parallel group: keys are then shuffled among the
  /// ranks and enqueued from all of them. `group` must outlive the steps. take_step() averages
  /// the gradients.
  void join(RankGroup& group, int rank) {
    group_ = &group;
    rank_ = rank;
  }
  /// GradCAM of the objective on the query view's feature map, N x h x w, unscaled; source: "loss"
  /// or "positive_logit". For inspecting a trained network: updates nothing, keeps modules' modes.
  virtual torch::Tensor objective_cam(const torch::Tensor& query_view,
                                      const torch::Tensor& key_view, const std::string& source) = 0;
  /// Sets the labels of the next step's batch (int64), for methods that learn from them.
  void provide_labels(const torch::Tensor& labels) { labels_ = labels; }
  /// The parameters that the optimiser updates, in a fixed order.
  virtual std::vector<torch::Tensor> trained_parameters() = 0;
  /// The parameters of networks that follow trained ones: none unless the method has such.
  virtual MovingAverages moving_averages() { return {}; }
  /// Replaces tensors by their means over the ranks, which must all call it, with equal shapes.
  void average(const std::vector<torch::Tensor>& tensors) const {
    if (group_) group_->average(rank_, tensors);
  }
  /// The network to evaluate.
  virtual Encoder& encoder() = 0;
  /// The branch that computes the attention mask; null for methods without one.
  virtual GradCamFittingBranch gfb() { return nullptr; }

 protected:
  int rank_count() const { return group_ ? group_->size() : 1; }
  int rank() const { return rank_; }
  const torch::Tensor& labels() const { return labels_; }
  torch::Tensor all_gather(const torch::Tensor& tensor) const {
    return group_ ? group_->all_gather(rank_, tensor) : tensor;
  }

 private:
  RankGroup* group_ = nullptr;
  int rank_ = 0;
  torch::Tensor labels_;
};

/// Makes the method that the options name, with weights drawn from the seed. classes: number of
/// classes of the training set, for supervised training.
std::shared_ptr<Method> make_method(const Options& options, std::uint64_t seed,
                                    std::int64_t classes = 0);

/// Makes the encoder that the options name, with weights drawn from the seed; --init replaces the
/// backbone's. Throws UserError as load_initial_weights() does.
Encoder make_encoder(const Options& options, std::uint64_t seed);

/// Reads the file --init into the backbone. Throws UserError if the file is damaged, holds values
/// that are not finite, belongs to another architecture, or lacks tensors of the backbone or has
/// more of them, counters of batch norm aside. With --init-partial, tensors that it lacks keep
/// their drawn values and others are ignored.
LoadReport load_initial_weights(Encoder& encoder, const Options& options);

}  // namespace lcr
