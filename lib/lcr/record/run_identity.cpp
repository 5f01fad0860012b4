#include "lcr/record/run_identity.h"

#include "lcr/base/text.h"

namespace lcr {

RunInputs inputs_of_text(const std::string& text) {
  RunInputs inputs;
  for (const auto& line : split(text, '\n')) {
    if (line.starts_with("seed="))
      inputs.seed = static_cast<std::uint64_t>(parse_integer(line.substr(5)).value_or(0));
    if (line.starts_with("data=")) inputs.data_fingerprint = line.substr(5);
    if (line.starts_with("init=")) inputs.init = line.substr(5);
    if (line.starts_with("imported=")) inputs.imported = line.substr(9);
  }
  return inputs;
}

}  // namespace lcr
