#include "lcr/record/run_store.h"

#include <algorithm>

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include "lcr/base/csv.h"
#include "lcr/base/error.h"
#include "lcr/base/files.h"
#include "lcr/base/hashing.h"
#include "lcr/base/text.h"

namespace lcr {

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Measurement, selection, pooling, metric, value, epoch)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(Provenance, commit, device, libtorch, libraries,
                                                isa, compiler, precision, threads, resumed,
                                                inexact_resume, inexact_init, peak_gpu_memory_mib,
                                                imported)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(RunResult, measurements, evaluation_hash, wall_seconds,
                                   samples_per_second, peak_memory_mib, provenance)

namespace {

constexpr const char* kTrainAgain = "remove the directory to train it again";

/// Applies `read` to a parsed JSON file. Throws UserError naming the file if it is damaged.
template <typename Read>
auto from_json_file(const std::filesystem::path& path, Read&& read) {
  try {
    return read(nlohmann::json::parse(read_text(path, 64 << 20)));
  } catch (const nlohmann::json::exception& e) {
    fail("{}: damaged record ({}); {}", path.string(), e.what(), kTrainAgain);
  }
}

/// A record of another version of the suite, which may be intact.
class ForeignRecord : public UserError {
 public:
  using UserError::UserError;
};

/// The content of config.ini.
std::string config_text(const Options& options) {
  std::string ini =
      "# The resolved options of this run (for its initial weights and data, see identity.txt).\n";
  for (const auto& spec : option_table())
    if (spec.part == OptionPart::kRun && spec.active(options))
      ini += fmt::format("{} = {}\n", spec.name, get_option(options, spec));
  return ini;
}

/// The canonical text for the options of a config.ini, with the seed, data, initial weights and
/// revision of `identity_text`. Options that are newer than the file have their defaults.
std::string identity_of_config(const std::filesystem::path& path,
                               const std::string& identity_text) {
  Options options;
  for (const auto& line : read_lines(path)) {
    if (line.empty() || line.front() == '#') continue;
    const auto equals = line.find(" = ");
    if (equals == std::string::npos)
      fail("{}: '{}' is not of the form 'name = value'", path.string(), printable(line));
    const std::string name = line.substr(0, equals);
    const std::string value = line.substr(equals + 3);
    if (std::none_of(option_table().begin(), option_table().end(),
                     [&](const OptionSpec& spec) { return name == spec.name; }))
      throw ForeignRecord(
          fmt::format("{}: has the option '{}', which this version of the suite does not know",
                      path.string(), printable(name)));
    try {
      set_option(options, name, value, path.string());
    } catch (const UserError& e) {
      if (("\n" + identity_text).find("\n" + name + "=" + value + "\n") == std::string::npos) throw;
      // Not damage: the identity, whose hash is correct, has the same value.
      throw ForeignRecord(std::string(e.what()) +
                          ": another version of the suite knows this value");
    }
  }
  // Runs of an older revision stay readable.
  std::int64_t revision = 0;
  for (const auto& line : split(identity_text, '\n'))
    if (line.starts_with("numerics_revision="))
      revision = parse_integer(line.substr(18)).value_or(0);
  return text_of_revision(options, inputs_of_text(identity_text), static_cast<int>(revision));
}

/// Checks a record that evaluate_run() wrote: it must belong to the run `identity`, be named after
/// its protocol, and contain named numbers.
void check_evaluation_record(const nlohmann::json& json, const std::filesystem::path& path,
                             const std::string& identity) {
  if (json.at("identity") != identity) fail("{}: belongs to another run", path.string());
  if (json.at("evaluation").get<std::string>().substr(0, 12) != path.stem())
    fail("{}: belongs to another protocol", path.string());
  for (const auto& entry : json.at("entries")) {
    for (const char* name : {"pooling", "metric", "detail"}) entry.at(name).get<std::string>();
    entry.at("value").get<double>();
  }
}

}  // namespace

StoredRun inspect_run(const std::filesystem::path& directory) {
  StoredRun run;
  run.name = directory.filename().string();
  run.holder = lock_holder(directory / "lock");
  try {
    const auto identity_file = directory / "identity.txt";
    const auto result_file = directory / "result.json";
    const bool finished = std::filesystem::exists(result_file);
    if (!std::filesystem::exists(identity_file)) {
      if (finished) fail("{}: is missing", identity_file.string());
      return run;  // the process was killed before it wrote anything
    }
    const std::string identity = read_text(identity_file, 1 << 20);
    const std::string hash = sha256_hex(identity);
    if (run.name.find(hash.substr(0, 12)) == std::string::npos)
      fail("{}: its identity {} does not match the directory's name", identity_file.string(),
           hash.substr(0, 12));
    const auto differences =
        describe_differences(identity_of_config(directory / "config.ini", identity), identity);
    if (!differences.empty())
      fail("{}: contradicts identity.txt ({})", (directory / "config.ini").string(), differences);
    if (const auto epochs = directory / "epochs.csv"; std::filesystem::exists(epochs))
      read_csv<2>(epochs, {"epoch", "loss"});
    if (const auto evaluations = directory / "evaluations"; std::filesystem::exists(evaluations))
      for (const auto& entry : std::filesystem::directory_iterator(evaluations))
        if (entry.path().extension() == ".json")
          from_json_file(entry.path(), [&](const auto& json) {
            check_evaluation_record(json, entry.path(), hash);
          });
    if (!finished) return run;
    run.result = from_json_file(result_file, [&](const auto& json) {
      if (json.at("identity") != hash) fail("{}: belongs to another run", result_file.string());
      return json.template get<RunResult>();
    });
    run.state = RunState::kDone;
  } catch (const std::exception& e) {
    if (is_out_of_memory(e)) throw;  // says nothing about the record
    run.state = dynamic_cast<const ForeignRecord*>(&e) ? RunState::kForeign : RunState::kDamaged;
    run.problem = e.what();
    run.problem = run.problem.substr(0, run.problem.find('\n'));
  }
  return run;
}

std::optional<RunResult> RunStore::find(const RunIdentity& run) const {
  const auto path = directory(run) / "result.json";
  if (!std::filesystem::exists(path)) return std::nullopt;
  return from_json_file(path, [&](const auto& json) {
    if (json.at("identity") != run.hash) {
      const auto text = directory(run) / "identity.txt";
      fail("{}: belongs to another run{}; {}", path.string(),
           std::filesystem::exists(text)
               ? " (" + describe_differences(read_text(text, 1 << 20), run.text) + ")"
               : "",
           kTrainAgain);
    }
    return json.template get<RunResult>();
  });
}

FileLock RunStore::lock(const RunIdentity& run) const {
  return FileLock(directory(run) / "lock", FileLock::MissingFolder::kMake);
}

void RunStore::begin(const RunIdentity& run, const Options& options) const {
  const auto path = directory(run);
  const auto refuse = [&](const std::filesystem::path& file, const std::string& differences) {
    if (!differences.empty())
      fail("{}: this run was started with other options ({}); {}", file.string(), differences,
           kTrainAgain);
  };
  const auto identity = path / "identity.txt";
  const auto config = path / "config.ini";
  if (std::filesystem::exists(identity)) {
    refuse(identity, describe_differences(read_text(identity, 1 << 20), run.text));
    refuse(config, describe_differences(identity_of_config(config, run.text), run.text));
    return;
  }
  write_atomic(config, config_text(options));
  write_atomic(identity, run.text);  // last: it makes the directory a run
}

void RunStore::finish(const RunIdentity& run, const RunResult& result) const {
  nlohmann::json json = result;
  json["identity"] = run.hash;
  write_atomic(directory(run) / "result.json", json.dump(1) + "\n");
}

}  // namespace lcr
