#include "lcr/record/run_identity.h"

#include <set>

#include <fmt/core.h>

#include "lcr/base/text.h"

namespace lcr {

std::string text_of_revision(const Options& options, const RunInputs& inputs, int revision,
                             bool with_seed) {
  // An option at its default is left out, so that adding an option changes no hash. If a default
  // changes, the old one must be kept here.
  std::set<std::string> lines;
  for (const auto& spec : option_table()) {
    if (spec.part != OptionPart::kRun || !spec.active(options)) continue;
    const std::string value = get_option(options, spec);
    if (value != default_of(spec)) lines.insert(std::string(spec.name) + "=" + value);
  }
  lines.insert(fmt::format("numerics_revision={}", revision));
  lines.insert("data=" + inputs.data_fingerprint);
  if (!inputs.init.empty()) lines.insert("init=" + inputs.init);
  if (!inputs.imported.empty()) lines.insert("imported=" + inputs.imported);
  if (with_seed) lines.insert(fmt::format("seed={}", inputs.seed));
  std::string text;
  for (const auto& line : lines) text += line + "\n";
  return text;
}

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
