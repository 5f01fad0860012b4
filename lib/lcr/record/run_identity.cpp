#include "lcr/record/run_identity.h"

#include <set>

#include <fmt/core.h>

#include "lcr/base/hashing.h"
#include "lcr/base/text.h"

namespace lcr {

int numerics_revision(const Options& o) {
  const bool shuffles_keys = o.ranks > 1 || batch_norm_groups(o) > 1;
  const bool branch_sees_keys = o.method == "lcr" && o.gfb_bn_updates == "as_authors";
  return shuffles_keys && branch_sees_keys ? 5 : 4;
}

std::string canonical_text(const Options& options, const RunInputs& inputs, bool with_seed) {
  // An option at its default is left out, so that adding an option changes no hash. If a default
  // changes, the old one must be kept here.
  Options defaults;
  std::set<std::string> lines;
  for (const auto& spec : option_table()) {
    if (spec.part != OptionPart::kRun || !spec.active(options)) continue;
    const std::string value = get_option(options, spec);
    if (value != get_option(defaults, spec)) lines.insert(std::string(spec.name) + "=" + value);
  }
  lines.insert(fmt::format("numerics_revision={}", numerics_revision(options)));
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

RunIdentity identify_run(const Options& options, const RunInputs& inputs) {
  RunIdentity identity;
  identity.inputs = inputs;
  identity.text = canonical_text(options, inputs);
  identity.hash = sha256_hex(identity.text);
  identity.config_hash = sha256_hex(canonical_text(options, inputs, false));
  identity.directory = fmt::format("{}-{}-{}-s{}", options.dataset, options.method,
                                   identity.hash.substr(0, 12), inputs.seed);
  return identity;
}

}  // namespace lcr
