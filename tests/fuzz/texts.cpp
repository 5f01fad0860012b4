// Fuzzes the readers of text that users and other machines write. The first byte selects what the
// rest is: a command line (one argument per line), an INI file, a results CSV, claims, a file of a
// stored run, or a file of reference values.
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <unistd.h>

#include "ci/reference.h"
#include "ci/throughput.h"
#include "lcr/base/error.h"
#include "lcr/base/text.h"
#include "lcr/config/command_line.h"
#include "lcr/model/model_options.h"
#include "lcr/record/claims.h"
#include "lcr/record/results_csv.h"
#include "lcr/record/run_store.h"

namespace fs = std::filesystem;

namespace {

void write(const fs::path& path, std::string_view text) {
  std::ofstream(path, std::ios::binary)
      .write(text.data(), static_cast<std::streamsize>(text.size()));
}

/// A home with one preset and a store with one run, in memory if the system has /dev/shm.
const fs::path& root() {
  static const fs::path path = [] {
    std::string name =
        (fs::exists("/dev/shm") ? "/dev/shm" : "/tmp") + std::string("/lcr-fuzz-XXXXXX");
    const fs::path made = ::mkdtemp(name.data());
    for (const char* folder : {"presets", "plots/specs", "runs"})
      fs::create_directories(made / folder);
    write(made / "plots/specs/c1.json", "{}");
    write(made / "presets/quick.ini", "epochs = 3\n");
    return made;
  }();
  return path;
}

/// The directory of a valid, finished run.
const fs::path& good_run() {
  static const fs::path path = [] {
    const lcr::RunStore store(root() / "runs");
    lcr::Options options;
    lcr::resolve_variant(options);
    options.get<PrecisionOptions>().precision = "float32";
    const lcr::RunIdentity identity =
        lcr::identify_run(options, {.seed = 1, .data_fingerprint = "d", .init = ""});
    const auto lock = store.lock(identity);
    store.begin(identity, options);
    store.finish(identity, {.measurements = {{"last", "average", "rank1", 50, 3}},
                            .evaluation_hash = "e",
                            .provenance = {}});
    write(store.directory(identity) / "epochs.csv", "epoch,loss\n1,2\n");
    return store.directory(identity);
  }();
  return path;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string text(reinterpret_cast<const char*>(data) + 1, size - 1);
  static constexpr const char* kRecords[] = {"identity.txt", "config.ini", "epochs.csv",
                                             "result.json"};
  const int kind = data[0] % 12;
  try {
    if (kind == 0) {
      lcr::parse_command_line(lcr::split(text, '\n'), {"c1"}, root());
    } else if (kind == 1) {
      write(root() / "given.ini", text);
      lcr::Options options = lcr::parse_command_line({"--config", (root() / "given.ini").string()},
                                                     {"c1", "byol"}, root())
                                 .options;
      lcr::resolve_variant(options);
      lcr::check_consistency(options);
    } else if (kind == 2) {
      write(root() / "results.csv", text);
      lcr::read_results(root() / "results.csv");
    } else if (kind == 3) {
      write(root() / "claims.csv", text);
      lcr::read_claims(root() / "claims.csv");
    } else if (kind == 8) {
      write(root() / "metrics.json", text);
      lcr::check::read_reference(root());
    } else if (kind == 9) {
      write(root() / "throughput.json", text);
      lcr::check::read_speeds(root());
    } else if (kind == 10) {
      write(root() / "benchmarks.json", text);
      lcr::check::read_benchmark_speeds(root() / "benchmarks.json");
    } else if (kind == 11) {
      write(root() / "c1.configs.json", text);
      lcr::read_configs(root() / "c1.configs.json");
    } else {
      const fs::path record = good_run() / kRecords[kind - 4];
      std::ifstream in(record, std::ios::binary);
      const std::string good{std::istreambuf_iterator<char>(in), {}};
      write(record, text);
      const lcr::StoredRun run = lcr::inspect_run(good_run());
      if (run.state == lcr::RunState::kDamaged && run.problem.empty()) __builtin_trap();
      write(record, good);
    }
  } catch (const lcr::UserError& e) {
    // Messages are one line, whatever is in the file.
    if (std::string_view(e.what()).find('\n') != std::string_view::npos) __builtin_trap();
  }
  return 0;
}
