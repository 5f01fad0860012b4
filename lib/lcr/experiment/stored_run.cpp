#include "lcr/experiment/stored_run.h"

#include <algorithm>

#include "lcr/base/error.h"
#include "lcr/base/files.h"
#include "lcr/base/text.h"
#include "lcr/experiment/identify_run.h"
#include "lcr/experiment/run.h"
#include "lcr/method/lcr_options.h"

namespace lcr {
namespace fs = std::filesystem;

Options read_run_options(const fs::path& run, const Options& control) {
  if (!fs::is_directory(run)) fail("{}: no such run", run.string());
  Options options = control;
  const fs::path path = run / "config.ini";
  for (const auto& line : read_lines(path)) {
    if (line.empty() || line.front() == '#') continue;
    const auto equals = line.find(" = ");
    if (equals == std::string::npos)
      fail("{}: '{}' is not of the form 'name = value'", path.string(), line);
    set_option(options, line.substr(0, equals), line.substr(equals + 3), path.string());
  }
  resolve_variant(options);  // the file lacks the switches that have no effect on this run
  return options;
}

RunIdentity check_run_identity(const fs::path& run, const Options& options, const Dataset& data) {
  const std::string text = read_text(run / "identity.txt");
  RunInputs inputs = inputs_of_text(text);
  inputs.data_fingerprint = data_fingerprint(fingerprint(data.train), fingerprint(data.test));
  RunIdentity identity = identify_run(options, inputs);
  if (identity.text == text) return identity;
  const auto now = split(identity.text, '\n');
  for (const auto& line : split(text, '\n'))
    if (std::find(now.begin(), now.end(), line) == now.end())
      fail(
          "{}: this run has '{}', which does not match the data or this program: they cannot be "
          "used to evaluate it",
          run.string(), line);
  fail("{}: the record is damaged: identity.txt lacks settings of the run", run.string());
}

}  // namespace lcr
