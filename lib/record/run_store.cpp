#include "lcr/record/run_store.h"

#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "lcr/base/error.h"
#include "lcr/base/files.h"

namespace lcr {

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Measurement, selection, pooling, metric, value, epoch)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Provenance, commit, device, libtorch, blas, isa, compiler, precision, threads)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(RunResult, measurements, evaluation_hash, wall_seconds, samples_per_second, peak_memory_mib, provenance)

std::optional<RunResult> RunStore::find(const RunIdentity& run) const {
  const auto path = directory(run) / "result.json";
  if (!std::filesystem::exists(path)) return std::nullopt;
  try {
    const auto json = nlohmann::json::parse(read_text(path, 64 << 20));
    if (json.at("identity") != run.hash) fail("{}: belongs to another run; remove the directory to train it again", path.string());
    return json.get<RunResult>();
  } catch (const nlohmann::json::exception& e) {
    fail("{}: damaged record ({}); remove the directory to train it again", path.string(), e.what());
  }
}

void RunStore::begin(const RunIdentity& run, const Options& options) const {
  const auto path = directory(run);
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) fail("{}: cannot be made: {}", path.string(), error.message());
  std::string ini = "# The options that make this run, resolved (initial weights and data apart: see identity.txt).\n";
  for (const auto& spec : option_table())
    if (spec.part == OptionPart::kRun && spec.active(options)) ini += fmt::format("{} = {}\n", spec.name, get_option(options, spec));
  write_atomic(path / "config.ini", ini);
  write_atomic(path / "identity.txt", run.text);
}

void RunStore::finish(const RunIdentity& run, const RunResult& result) const {
  nlohmann::json json = result;
  json["identity"] = run.hash;
  write_atomic(directory(run) / "result.json", json.dump(1) + "\n");
}

}  // namespace lcr
