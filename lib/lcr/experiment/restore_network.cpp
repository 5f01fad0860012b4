#include "lcr/experiment/restore_network.h"

#include "lcr/base/error.h"
#include "lcr/base/hashing.h"
#include "lcr/evaluate/localisation_spec.h"
#include "lcr/evaluate/poolings.h"
#include "lcr/evaluate/protocol_spec.h"
#include "lcr/evaluate/recalibrate.h"
#include "lcr/method/method_spec.h"
#include "lcr/model/initialise.h"
#include "lcr/model/model_options.h"
#include "lcr/train/checkpoint_file.h"
#include "lcr/train/step.h"
#include "lcr/weights/safetensors.h"

namespace lcr {
namespace fs = std::filesystem;
namespace {

/// Whether the file of initial weights has the given identity: "run <hash>" of the run that made
/// it, or its SHA-256.
bool has_identity(const std::string& file, const std::string& identity) {
  if (!identity.starts_with("run ")) return sha256_file(file) == identity;
  const auto metadata = read_safetensors(file).metadata;
  return metadata.contains("identity") && metadata.at("identity") == identity.substr(4);
}

/// An untrained network that was read from a file must be read from the same file again.
void check_same_initial_weights(const fs::path& run, const std::string& wanted,
                                const std::string& init) {
  if (wanted.empty()) return;
  if (init.empty())
    fail("{}: this run is an untrained network from a file; give the same file with --init ({})",
         run.string(), wanted);
  if (!has_identity(init, wanted))
    fail("{}: --init {} is not the file of this run's initial weights ({})", run.string(), init,
         wanted);
}

/// The options without --init: the checkpoint replaces every weight, so the file from which the
/// training started may be gone.
Options without_init(Options options) {
  options.get<InitOptions>().init.clear();
  return options;
}

std::shared_ptr<Method> restore_method(const fs::path& run, const RunIdentity& identity,
                                       const Options& options, const Dataset& data,
                                       const torch::Device& device) {
  const fs::path checkpoint =
      run / "checkpoints" / (options.get<ProtocolOptions>().checkpoint + ".safetensors");
  if (!fs::exists(checkpoint))
    fail(
        "{}: no such checkpoint. Runs that came from an archive, or were pruned with "
        "--weights, have records only: {}",
        checkpoint.string(),
        identity.inputs.imported.empty()
            ? "remove " + run.string() + " to train the run again"
            : "'lcr-weights import-run' writes the checkpoint 'last' of this run again");
  const auto method = [&] {
    const SkipInitialisation skip;  // the checkpoint has every tensor
    return make_method(without_init(options), identity.inputs.seed, data.train.class_count);
  }();
  prepare_for_training(*method, device);  // the layout of the weights decides the last bits
  load_method(*method, checkpoint, identity.hash);
  method->eval();
  return method;
}

Encoder untrained_encoder(const fs::path& run, const RunIdentity& identity, const Options& options,
                          const torch::Device& device) {
  const std::string& checkpoint = options.get<ProtocolOptions>().checkpoint;
  if (checkpoint != "last")
    fail("{}: method {} trains nothing and has no checkpoint '{}'", run.string(),
         options.get<MethodOptions>().method, checkpoint);
  check_same_initial_weights(run, identity.inputs.init, options.get<InitOptions>().init);
  Encoder encoder = make_encoder(options, identity.inputs.seed);
  encoder->to(device);
  encoder->eval();
  return encoder;
}

GradCamFittingBranch untrained_branch(std::int64_t channels, const Options& options,
                                      std::uint64_t seed, const torch::Device& device) {
  GradCamFittingBranch gfb(
      channels, GfbOptions{.structure = "random",
                           .projections = options.get<ProtocolOptions>().random_projections});
  initialise(*gfb, InitScheme::kDefault, seed, "random gfb");
  gfb->to(device);
  gfb->eval();
  return gfb;
}

}  // namespace

RestoredNetwork restore_network(const fs::path& run, const RunIdentity& identity,
                                const Options& options, const Dataset& data,
                                const torch::Device& device, int threads) {
  RestoredNetwork restored;
  if (!method_of(options).has_network) return restored;
  const std::uint64_t seed = identity.inputs.seed;
  Encoder encoder{nullptr};
  GradCamFittingBranch gfb{nullptr};
  if (method_of(options).trains()) {
    restored.method = restore_method(run, identity, options, data, device);
    encoder = restored.method->encoder();
    gfb = restored.method->gfb();
  } else {
    encoder = untrained_encoder(run, identity, options, device);
  }
  const auto random = untrained_branch(encoder->backbone()->channels(), options, seed, device);
  restored.network = std::make_unique<EvaluatedNetwork>(
      EvaluatedNetwork{encoder, gfb, random, options, device, threads});
  if (options.get<ProtocolOptions>().bn_statistics == "recalibrated")
    recalibrate_batch_norm(*restored.network, data.train, seed);
  else if (chooses_random_gfb(options) || has_protocol(options, localisation_spec().name))
    calibrate_random_gfb(*restored.network, data.train, seed);
  return restored;
}

}  // namespace lcr
