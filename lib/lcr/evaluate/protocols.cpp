// The list of what the protocols of specs.cpp do.
#include "lcr/evaluate/protocol.h"

namespace lcr {
namespace {

std::vector<ProtocolProgram>& program_registry() {
  static std::vector<ProtocolProgram> programs = {
      retrieval_program(),    knn_program(),         probe_program(),
      localisation_program(), projections_program(),
  };
  return programs;
}

}  // namespace

const std::vector<ProtocolProgram>& protocol_programs() { return program_registry(); }

RegisteredProtocol::RegisteredProtocol(ProtocolSpec spec, ProtocolProgram program) {
  const RegisteredProtocolSpec registered(std::move(spec));
  program_registry().push_back(std::move(program));
}

torch::Tensor EvaluationContext::labels(const ImageSet& set) const {
  return torch::tensor(std::vector<std::int64_t>(set.labels.begin(), set.labels.end()),
                       torch::kLong)
      .to(device);
}

}  // namespace lcr
