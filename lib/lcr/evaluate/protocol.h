// Executes evaluation protocols.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "lcr/data/image_set.h"
#include "lcr/evaluate/features.h"
#include "lcr/evaluate/protocol_spec.h"
#include "lcr/method/host.h"

namespace lcr {

/// One measured number.
struct EvaluationEntry {
  std::string pooling;  ///< the pooling; for localisation, the source of the map
  std::string metric;
  std::string detail;  ///< settings of the protocol, "label-share=0.5;probe-lr=30"; may be empty
  double value = 0;
};

/// What the protocols of one evaluation share.
struct EvaluationContext {
  const Options& options;
  const Dataset& data;
  std::uint64_t seed;               ///< of the run
  std::filesystem::path directory;  ///< for further files of the evaluation
  std::string file_prefix;          ///< of their names, if evaluations have their own
  torch::Device device;
  int threads;
  EvaluatedNetwork* network = nullptr;  ///< null for raw pixels
  Host* host = nullptr;                 ///< null if the method has none
  PooledFeatures test, train;           ///< `train` only if a protocol needs it
  std::vector<EvaluationEntry> entries = {};
  /// Counts a step of progress, or throws Interrupted.
  std::function<void(const std::string& note)> advance = {};

  void add(const std::string& pooling, const std::string& metric, const std::string& detail,
           double value) {
    entries.push_back({pooling, metric, detail, value});
  }
  torch::Tensor labels(const ImageSet& set) const;
};

/// What a protocol does.
struct ProtocolProgram {
  std::string name;
  void (*run)(EvaluationContext&);
  /// Whether it needs the features of the training images, without augmentation.
  bool (*needs_train)(const Options&) = [](const Options&) { return false; };
  /// Steps of progress.
  std::int64_t (*steps)(const Options&) = [](const Options&) { return std::int64_t{0}; };
  /// Checks the values of its options, for a training set of so many images. Throws UserError.
  void (*check)(const Options&, std::int64_t images) = [](const Options&, std::int64_t) {};
};

/// All programs: those of protocols.cpp and registered ones, in the order of execution.
const std::vector<ProtocolProgram>& protocol_programs();

/// Those that the options choose, in the same order.
std::vector<ProtocolProgram> chosen_programs(const Options& options);

/// Adds a protocol that is not part of this library, before main() starts.
struct RegisteredProtocol {
  RegisteredProtocol(ProtocolSpec spec, ProtocolProgram program);
};

ProtocolProgram retrieval_program();
ProtocolProgram knn_program();
ProtocolProgram probe_program();
ProtocolProgram localisation_program();
ProtocolProgram projections_program();

}  // namespace lcr
