// The list of what the protocols of specs.cpp do.
#include <algorithm>

#include "lcr/base/error.h"
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

std::vector<ProtocolProgram> chosen_programs(const Options& options) {
  std::vector<ProtocolProgram> chosen;
  for (const auto& program : protocol_programs())
    if (has_protocol(options, program.name)) chosen.push_back(program);
  for (const auto& spec : protocols())
    check_internal(!has_protocol(options, spec.name) ||
                       std::any_of(chosen.begin(), chosen.end(),
                                   [&](const auto& program) { return program.name == spec.name; }),
                   "a protocol of evaluate/specs.cpp without a program in evaluate/protocols.cpp");
  return chosen;
}

RegisteredProtocol::RegisteredProtocol(ProtocolSpec spec, ProtocolProgram program) {
  const RegisteredProtocolSpec registered(std::move(spec));
  program_registry().push_back(std::move(program));
}

torch::Tensor EvaluationContext::labels(const ImageSet& set) const {
  return class_labels(set, device);
}

}  // namespace lcr
