// The trainer's view of a method.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <torch/nn/module.h>

#include "lcr/config/options.h"
#include "lcr/data/loader.h"
#include "lcr/method/process_group.h"
#include "lcr/model/encoder.h"
#include "lcr/model/gfb.h"
#include "lcr/model/weights.h"

namespace lcr {

/// What one training step sees.
struct Batch {
  /// Views of N images, each N x 3 x H x W, normalised, as Method::view_shares() says: in general
  /// the query view and the key view of the same images.
  std::vector<torch::Tensor> views;
  torch::Tensor labels;   ///< N, int64; undefined if there are none
  std::int64_t step = 0;  ///< counts from 0 over the training
};

/// A named loss.
struct Term {
  /// The metric's name in result.json and the results CSV; ends in "_loss".
  std::string name;
  torch::Tensor value;  ///< scalar
};

/// The name of the divergence that LCR adds (L_KL of the paper).
inline constexpr const char* kKlLoss = "kl_loss";

/// One step's loss.
struct StepLoss {
  torch::Tensor total;  ///< scalar, with its graph
  /// The parts of `total` before their weights, detached; the first is the method's or its host's
  /// own (L_CL of the paper). The same names in the same order at every step.
  std::vector<Term> terms;
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

class Host;

/// A method owns its networks as submodules, so that moving, saving and listing parameters work on
/// the whole method.
class Method : public torch::nn::Module {
 public:
  /// The loss of a batch. Call once per step, then back-propagate `total`, update
  /// trained_parameters() and moving_averages(), and call finish_step(): take_step() of
  /// train/step.h does.
  virtual StepLoss step(const Batch& batch) = 0;
  /// Enqueues the step's keys if the method has a queue. Call after the backward pass, which still
  /// needs the old queue.
  virtual void finish_step() {}
  /// Makes this the replica of one rank of a data-parallel group: keys are then shuffled among the
  /// ranks and enqueued from all of them. take_step() averages the gradients.
  virtual void join(const ProcessGroup& group) { group_ = group; }
  /// What a rank's batches hold: its share of the query views and of the key views, each in the
  /// order in which the ranks share them.
  virtual std::vector<ViewShare> view_shares() const { return {{0}, {1}}; }
  /// The parameters that the optimiser updates, in a fixed order.
  virtual std::vector<torch::Tensor> trained_parameters() = 0;
  /// The parameters of networks that follow trained ones: none unless the method has such.
  virtual MovingAverages moving_averages() { return {}; }
  /// The network to evaluate.
  virtual Encoder& encoder() = 0;
  /// The branch that computes the attention mask; null for methods without one.
  virtual GradCamFittingBranch gfb() { return nullptr; }
  /// The self-supervised method that this is or that LCR is added to; null for others.
  virtual Host* host() { return nullptr; }

 protected:
  const ProcessGroup& ranks() const { return group_; }

 private:
  ProcessGroup group_;
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
