// lcr-runs: what is in the run store, whether it is sound, and its way from one machine to another.
#include <algorithm>
#include <set>

#include <fmt/core.h>
#include <stdlib.h>

#include "lcr/base/arguments.h"
#include "lcr/base/csv.h"
#include "lcr/base/error.h"
#include "lcr/base/files.h"
#include "lcr/base/text.h"
#include "lcr/data/archive.h"
#include "lcr/data/safetensors.h"
#include "lcr/record/run_store.h"

namespace lcr {
namespace {
namespace po = boost::program_options;
namespace fs = std::filesystem;

const char* state_name(RunState state) {
  switch (state) {
    case RunState::kDone: return "done";
    case RunState::kPartial: return "partial";
    case RunState::kDamaged: return "damaged";
    case RunState::kForeign: return "foreign";
  }
  return "";
}

/// Whether a directory's name is that of a run: it ends in -<12 hexadecimal digits>-s<seed>.
/// Nothing else is ever looked at, let alone removed.
bool is_run_name(const std::string& name) {
  const auto seed = name.rfind("-s");
  if (seed == std::string::npos || seed < 13 || name[seed - 13] != '-' ||
      !parse_integer(name.substr(seed + 2)))
    return false;
  return name.substr(seed - 12, 12).find_first_not_of("0123456789abcdef") == std::string::npos;
}

/// The directories of the store that are named, or all of them, by name.
std::vector<fs::path> chosen_runs(const fs::path& store, const std::vector<std::string>& names) {
  if (!fs::is_directory(store)) fail("{}: no such run store; --runs names another", store.string());
  std::vector<fs::path> runs;
  if (names.empty()) {
    for (const auto& entry : fs::directory_iterator(store))
      if (entry.is_directory() && is_run_name(entry.path().filename().string()))
        runs.push_back(entry.path());
    std::sort(runs.begin(), runs.end());
    return runs;
  }
  for (const auto& name : names) {
    const fs::path path = fs::path(name).has_parent_path() ? fs::path(name) : store / name;
    if (!fs::is_directory(path)) fail("{}: no such run", path.string());
    runs.push_back(path.has_filename() ? path : path.parent_path());
    if (!is_run_name(runs.back().filename().string()))
      fail("{}: is no run's directory; RUN is a name out of 'lcr-runs list'", path.string());
  }
  return runs;
}

std::vector<fs::path> files_below(const fs::path& folder) {
  // A training may rename and remove files meanwhile: what is gone is passed over, and nothing
  // else.
  std::vector<fs::path> files;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    std::error_code gone;
    if (entry->is_directory(gone)) {
      const auto below = files_below(entry->path());
      files.insert(files.end(), below.begin(), below.end());
    } else if (entry->is_regular_file(gone)) {
      files.push_back(entry->path());
    }
  }
  if (error && error != std::errc::no_such_file_or_directory)
    fail("{}: cannot be listed: {}", folder.string(), error.message());
  std::sort(files.begin(), files.end());
  return files;
}

/// 0 for a file that is gone.
double size_of(const fs::path& file) {
  std::error_code gone;
  const auto bytes = fs::file_size(file, gone);
  return gone ? 0 : static_cast<double>(bytes);
}

double mebibytes(const fs::path& folder) {
  double bytes = 0;
  for (const auto& file : files_below(folder)) bytes += size_of(file);
  return bytes / (1 << 20);
}

/// What is worth saying of a run in a line, besides its state.
std::string note_on(const StoredRun& run, const fs::path& directory) {
  std::vector<std::string> notes;
  if (!run.problem.empty()) notes.push_back(run.problem);
  if (run.holder) notes.push_back("held by " + *run.holder);
  const auto epochs = directory / "epochs.csv";
  if (run.state == RunState::kPartial)
    notes.push_back(fmt::format("{} epochs done",
                                fs::exists(epochs) ? read_csv<1>(epochs, {"epoch"}).size() : 0));
  if (run.result) {
    for (const auto& m : run.result->measurements)
      if (m.selection == "last" && m.metric == "rank1")
        notes.push_back(fmt::format("rank-1 {:.2f} ({})", m.value, m.pooling));
    if (run.result->provenance.inexact_resume) notes.push_back("resumed inexactly");
    if (run.result->provenance.inexact_init)
      notes.push_back("from weights that were resumed inexactly");
  }
  return join(notes, ", ");
}

int list(const std::vector<fs::path>& runs) {
  std::size_t width = 3;
  for (const auto& path : runs) width = std::max(width, path.filename().string().size());
  fmt::print("{:<8} {:<{}} {:>9}  {}\n", "state", "run", width, "MiB", "");
  for (const auto& path : runs) {
    const StoredRun run = inspect_run(path);
    fmt::print("{:<8} {:<{}} {:>9.1f}  {}\n", state_name(run.state), run.name, width,
               mebibytes(path), note_on(run, path));
  }
  return kDone;
}

int show(const std::vector<fs::path>& runs) {
  for (const auto& path : runs) {
    const StoredRun run = inspect_run(path);
    fmt::print("{}: {}{}\n", path.string(), state_name(run.state),
               run.holder ? ", held by " + *run.holder : "");
    if (!run.problem.empty()) fmt::print("  {}\n", run.problem);
    for (const char* name : {"identity.txt", "config.ini", "provenance.json"}) {
      if (!fs::exists(path / name)) continue;
      fmt::print("\n{}:\n", name);
      for (const auto& line : read_lines(path / name))
        if (!line.empty() && line.front() != '#') fmt::print("  {}\n", line);
    }
    if (run.result) {
      fmt::print(
          "\nresult ({} of training and evaluation, {:.1f} samples/s, {:.0f} MiB; went on from a "
          "checkpoint {} times{}{}):\n",
          format_duration(run.result->wall_seconds), run.result->samples_per_second,
          run.result->peak_memory_mib, run.result->provenance.resumed,
          run.result->provenance.inexact_resume ? ", not bit-exactly" : "",
          run.result->provenance.inexact_init ? "; its initial weights did so not bit-exactly"
                                              : "");
      for (const auto& m : run.result->measurements)
        fmt::print("  {:<11} {:<10} {:<24} {:>8.3f}  epoch {}\n", m.selection, m.pooling, m.metric,
                   m.value, m.epoch);
    }
    fmt::print("\nfiles:\n");
    for (const auto& file : files_below(path))
      fmt::print("  {:<48} {:>12} bytes\n", fs::relative(file, path).string(),
                 static_cast<std::uint64_t>(size_of(file)));
    fmt::print("\n");
  }
  return kDone;
}

int verify(const std::vector<fs::path>& runs) {
  std::size_t damaged = 0, foreign = 0, left_over = 0, weights = 0;
  for (const auto& path : runs) {
    const StoredRun run = inspect_run(path);
    bool sound = run.state != RunState::kDamaged;
    if (!run.problem.empty()) fmt::print("{}: {}\n", state_name(run.state), run.problem);
    foreign += run.state == RunState::kForeign;
    for (const auto& file : files_below(path)) {
      if (file.extension() != ".safetensors") continue;
      try {
        ++weights;
        const WeightFile content = read_safetensors(file);
        const auto format = content.metadata.find("format");
        if ((format != content.metadata.end() && format->second == "lcr-checkpoint 1") ||
            (!content.checksummed && file.filename() == "backbone.safetensors"))
          fmt::print("not checked: {}: is of an older version, which wrote no checksums\n",
                     file.string());
        else if (!content.checksummed)
          fail("{}: carries no checksum", file.string());
      } catch (const UserError& e) {
        if (!fs::exists(file)) continue;  // removed by a training meanwhile
        fmt::print("damaged: {}\n", e.what());
        sound = false;
      }
    }
    damaged += !sound;
    for (const auto& folder : {path, path / "checkpoints", path / "evaluations"})
      left_over += stale_temporaries(folder).size();
  }
  fmt::print(
      "{} runs, {} files of weights: {} runs damaged{}{}\n", runs.size(), weights, damaged,
      foreign > 0 ? fmt::format(", {} of another version, whose records were not checked", foreign)
                  : "",
      left_over > 0
          ? fmt::format("; {} temporary files of killed processes (lcr-runs prune)", left_over)
          : "");
  return damaged > 0 ? kBadInput : kDone;
}

struct PruneOptions {
  bool partial = false, damaged = false, weights = false, dry_run = false;
};

/// Where prune moves a run before it removes it: whoever wants the run meanwhile begins it anew and
/// loses nothing.
constexpr const char* kAside = ".pruned-";
/// Where import unpacks, holding kImportLock.
constexpr const char* kImport = ".import";
constexpr const char* kImportLock = ".import.lock";

int prune(const fs::path& store, const std::vector<fs::path>& runs, const PruneOptions& options) {
  double freed = 0;
  std::vector<fs::path> left;
  const auto remove = [&](const fs::path& path) {
    if (!fs::exists(path)) return;
    freed += fs::is_directory(path) ? mebibytes(path)
                                    : static_cast<double>(fs::file_size(path)) / (1 << 20);
    fmt::print("{} {}\n", options.dry_run ? "would remove" : "removed", path.string());
    if (!options.dry_run) fs::remove_all(path);
  };
  for (const auto& path : runs) {
    if (const auto holder = lock_holder(path / "lock")) {
      fmt::print("left alone: {} is held by {}\n", path.string(), *holder);
      continue;
    }
    std::optional<FileLock> lock;
    if (!options.dry_run) lock.emplace(path / "lock");
    const StoredRun run = inspect_run(path);
    const auto files = files_below(path);
    const bool empty = std::all_of(files.begin(), files.end(), [](const fs::path& file) {
      return file.filename() == "lock";
    });  // killed before it wrote anything
    if (empty || (run.state == RunState::kPartial && options.partial) ||
        (run.state == RunState::kDamaged && options.damaged)) {
      if (!options.dry_run && fs::exists(path)) {
        const fs::path aside = path.parent_path() / (kAside + run.name);
        fs::remove_all(aside);  // of a prune that was killed
        fs::rename(path, aside);
        freed += mebibytes(aside);
        fs::remove_all(aside);
        fmt::print("removed {}\n", path.string());
      } else {
        remove(path);
      }
      continue;
    }
    for (const auto& folder : {path, path / "checkpoints", path / "evaluations"})
      for (const auto& file : stale_temporaries(folder)) remove(file);
    if (run.state != RunState::kDone) continue;
    if (options.weights) remove(path / "checkpoints");
    for (const auto& file : files_below(path / "checkpoints"))
      if (file.filename().string().starts_with("resume-")) remove(file);
  }
  // Of calls of this program that were killed.
  for (const auto& entry : fs::directory_iterator(store)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with(kAside) || (name == kImport && !lock_holder(store / kImportLock)))
      left.push_back(entry.path());
  }
  for (const auto& path : left) remove(path);
  fmt::print("{:.1f} MiB {}\n", freed, options.dry_run ? "would be freed" : "freed");
  return kDone;
}

/// Whether a file of a run, by its path within it, is a record: all but weights, locks and
/// temporary files.
bool is_record(const fs::path& file) {
  static const std::set<std::string> names = {"identity.txt", "config.ini",  "provenance.json",
                                              "epochs.csv",   "result.json", "selection.json"};
  if (!file.has_parent_path()) return names.contains(file.string());
  const auto extension = file.extension();
  return file.parent_path() == "evaluations" &&
         (extension == ".json" || extension == ".png" || extension == ".txt");
}

int export_runs(const fs::path& archive, const std::vector<fs::path>& runs) {
  if (!archive.string().ends_with(".tar.gz"))
    fail("{}: the archive must be named .tar.gz", archive.string());
  std::vector<std::pair<std::string, fs::path>> files;
  std::size_t packed = 0;
  for (const auto& path : runs) {
    const StoredRun run = inspect_run(path);
    if (run.state != RunState::kDone) {
      fmt::print("left out: {} is {}{}\n", run.name, state_name(run.state),
                 run.problem.empty() ? "" : ": " + run.problem);
      continue;
    }
    ++packed;
    for (const auto& file : files_below(path))
      if (const fs::path name = fs::relative(file, path); is_record(name))
        files.emplace_back(run.name + "/" + name.string(), file);
  }
  if (packed == 0) fail("{}: there is no finished run to export", archive.string());
  pack_archive(archive, files);
  fmt::print("written: {} ({} runs, {} files)\n", archive.string(), packed, files.size());
  return kDone;
}

/// A folder that goes away with what is left in it, at the beginning and at the end.
struct ScratchFolder {
  explicit ScratchFolder(const fs::path& folder) : path(folder) {
    fs::remove_all(path);
    fs::create_directory(path);
  }
  ~ScratchFolder() {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  fs::path path;
};

int import_runs(const fs::path& archive, const fs::path& store) {
  require_writable_directory(store);
  const FileLock lock(store / kImportLock);
  const ScratchFolder scratch(store / kImport);
  unpack_archive(archive, scratch.path, {.bytes = 4ull << 30, .entries = 1'000'000});
  std::vector<fs::path> runs;
  for (const auto& entry : fs::directory_iterator(scratch.path)) runs.push_back(entry.path());
  std::sort(runs.begin(), runs.end());
  // All of it is checked before any of it comes into the store.
  for (const auto& path : runs) {
    if (!fs::is_directory(path))
      fail("{}: holds '{}', which is no run", archive.string(),
           printable(path.filename().string()));
    for (const auto& file : files_below(path))
      if (const fs::path name = fs::relative(file, path); !is_record(name))
        fail("{}: {} holds '{}', which is no record of a run", archive.string(),
             path.filename().string(), printable(name.string()));
    const StoredRun run = inspect_run(path);
    if (!run.problem.empty()) fail("{}: {}", archive.string(), run.problem);
    if (run.state != RunState::kDone) fail("{}: {} is not finished", archive.string(), run.name);
  }
  std::size_t imported = 0, known = 0, refused = 0;
  for (const auto& path : runs) {
    const fs::path target = store / path.filename();
    if (!fs::exists(target)) {
      fs::rename(path, target);
      ++imported;
    } else if (inspect_run(target).state == RunState::kDone) {
      ++known;
    } else {
      say("left out: {} is {} here; remove the directory first\n", target.string(),
          state_name(inspect_run(target).state));
      ++refused;
    }
  }
  fmt::print("{} runs imported, {} were there already, {} left out\n", imported, known, refused);
  return refused > 0 ? kBadInput : kDone;
}

int run(int argc, char** argv) {
  std::string command, store = "runs";
  std::vector<std::string> names;
  PruneOptions pruning;
  po::options_description visible("Options");
  visible.add_options()("runs", po::value(&store), "the run store [runs]")(
      "partial", po::bool_switch(&pruning.partial),
      "prune: also runs that were begun and not finished")(
      "damaged", po::bool_switch(&pruning.damaged), "prune: also damaged runs")(
      "weights", po::bool_switch(&pruning.weights),
      "prune: also the weights of finished runs; their records stay")(
      "dry-run", po::bool_switch(&pruning.dry_run),
      "prune: say what would be removed, remove nothing")("help", "print this help");
  const auto values = parse_arguments(
      argc, argv, visible, {{"command", po::value(&command)}, {"name", po::value(&names), -1}});
  if (values.contains("help")) {
    fmt::print(
        "lcr-runs: the store of runs\n\nUsage:\n"
        "  lcr-runs list [RUN...]             state, size and score of each\n"
        "  lcr-runs show RUN...               all that is recorded of a run\n"
        "  lcr-runs verify [RUN...]           checks records against each other and weights "
        "against their checksums; exit code 2 on damage\n"
        "  lcr-runs prune [RUN...]            removes what nobody needs: temporary files of killed "
        "processes, checkpoints only for going on of finished runs\n"
        "  lcr-runs export OUT.tar.gz [RUN...] packs finished runs without their weights: enough "
        "to make every table and figure elsewhere\n"
        "  lcr-runs import FILE.tar.gz        checks such an archive and takes its runs into the "
        "store\n"
        "RUN is the name of a directory in the store.\n\n{}",
        list_options(visible));
    return kDone;
  }
  if (command != "prune" &&
      (pruning.partial || pruning.damaged || pruning.weights || pruning.dry_run))
    fail("command line: --partial, --damaged, --weights and --dry-run are for prune");
  if (command == "list") return list(chosen_runs(store, names));
  if (command == "show" && !names.empty()) return show(chosen_runs(store, names));
  if (command == "verify") return verify(chosen_runs(store, names));
  if (command == "prune") return prune(store, chosen_runs(store, names), pruning);
  if (command == "export" && !names.empty())
    return export_runs(names.front(), chosen_runs(store, {names.begin() + 1, names.end()}));
  if (command == "import" && names.size() == 1) return import_runs(names.front(), store);
  fail(
      "command line: say list, show RUN, verify, prune, export FILE or import FILE; --help "
      "explains");
}

}  // namespace
}  // namespace lcr

int main(int argc, char** argv) {
  return lcr::run_main("lcr-runs", [&] { return lcr::run(argc, argv); });
}
