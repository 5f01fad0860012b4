// lcr-runs: lists, verifies and prunes the run store, and moves runs between machines.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <map>
#include <set>

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include "lcr/base/arguments.h"
#include "lcr/base/csv.h"
#include "lcr/base/error.h"
#include "lcr/base/files.h"
#include "lcr/base/text.h"
#include "lcr/config/command_line.h"
#include "lcr/config/options.h"
#include "lcr/data/archive.h"
#include "lcr/experiment/control_options.h"
#include "lcr/method/method_spec.h"
#include "lcr/record/results_csv.h"
#include "lcr/record/run_store.h"
#include "lcr/record/slurm_queue.h"
#include "lcr/weights/safetensors.h"

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

/// Whether a directory's name is a run's: it ends in -<12 hexadecimal digits>-s<seed>. No other
/// directory is ever read or removed.
bool is_run_name(const std::string& name) {
  const auto seed = name.rfind("-s");
  if (seed == std::string::npos || seed < 13 || name[seed - 13] != '-' ||
      !parse_integer(name.substr(seed + 2)))
    return false;
  return name.substr(seed - 12, 12).find_first_not_of("0123456789abcdef") == std::string::npos;
}

/// The only run whose name contains `part`: a prefix of its hash is enough. Throws UserError if
/// there is none or more than one.
std::string find_run(const fs::path& store, const std::string& part) {
  std::vector<std::string> found;
  for (const auto& entry : fs::directory_iterator(store))
    if (const std::string name = entry.path().filename().string();
        entry.is_directory() && is_run_name(name) && name.find(part) != std::string::npos)
      found.push_back(name);
  std::sort(found.begin(), found.end());
  if (found.empty()) fail("{}: no such run", (store / part).string());
  if (found.size() > 1)
    fail("'{}': is part of the names of {} runs, such as {} and {}; give more of it", part,
         found.size(), found[0], found[1]);
  return found.front();
}

/// The named directories of the store in the given order, or all of them by name. A name may be a
/// unique part of it. Throws UserError if one is missing or not a run's.
std::vector<fs::path> chosen_runs(const fs::path& store, const std::vector<std::string>& names) {
  if (!fs::is_directory(store)) fail("{}: no such run store; set it with --runs", store.string());
  std::vector<fs::path> runs;
  if (names.empty()) {
    for (const auto& entry : fs::directory_iterator(store))
      if (entry.is_directory() && is_run_name(entry.path().filename().string()))
        runs.push_back(entry.path());
    std::sort(runs.begin(), runs.end());
    return runs;
  }
  for (const auto& name : names) {
    fs::path path = fs::path(name).has_parent_path() ? fs::path(name) : store / name;
    // A whole name means that run alone, never another whose name contains it.
    if (!fs::is_directory(path) && !is_run_name(name) && !fs::path(name).has_parent_path())
      path = store / find_run(store, name);
    if (!fs::is_directory(path)) fail("{}: no such run", path.string());
    runs.push_back(path.has_filename() ? path : path.parent_path());
    if (!is_run_name(runs.back().filename().string()))
      fail("{}: not a run directory; RUN is a name from 'lcr-runs list'", path.string());
  }
  return runs;
}

/// All regular files below a folder, sorted.
std::vector<fs::path> files_below(const fs::path& folder) {
  // A training process may rename and remove files in the meantime: only missing files are skipped.
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

/// Size in bytes; 0 for a file that no longer exists.
double size_of(const fs::path& file) {
  std::error_code gone;
  const auto bytes = fs::file_size(file, gone);
  return gone ? 0 : static_cast<double>(bytes);
}

/// Size of all files below a folder, in MiB.
double mebibytes(const fs::path& folder) {
  double bytes = 0;
  for (const auto& file : files_below(folder)) bytes += size_of(file);
  return bytes / (1 << 20);
}

/// A line of the list.
struct Listed {
  StoredRun run;
  std::map<std::string, std::string> identity;  ///< by option
  std::string varies;                           ///< what not all listed runs of its data share
  std::size_t epochs = 0;                       ///< done
  double score = std::numeric_limits<double>::quiet_NaN();  ///< rank-1 by its own pooling, last
  std::string score_pooling;
  double mebibytes = 0, age_seconds = 0;
  std::string queue;  ///< what Slurm's queue says of it
  std::string value(const std::string& name, const std::string& otherwise = "") const {
    const auto found = identity.find(name);
    return found == identity.end() ? otherwise : found->second;
  }
  std::string method() const { return value("method", Options().get<MethodOptions>().method); }
  /// The data set: the name's first part, which may contain hyphens.
  std::string data() const { return run.name.substr(0, run.name.find("-" + method() + "-")); }
  std::string seed() const { return run.name.substr(run.name.rfind("-s") + 2); }
};

Listed describe(const fs::path& path) {
  Listed listed{.run = inspect_run(path)};
  try {  // the state already says what is wrong with a damaged or foreign run
    if (fs::exists(path / "identity.txt"))
      for (const auto& line : read_lines(path / "identity.txt"))
        if (const auto at = line.find('='); at != std::string::npos)
          listed.identity[line.substr(0, at)] = line.substr(at + 1);
    if (fs::exists(path / "epochs.csv"))
      listed.epochs = read_csv<1>(path / "epochs.csv", {"epoch"}).size();
  } catch (const UserError&) {
    if (listed.run.problem.empty()) throw;
  }
  if (listed.run.result)
    for (const auto& m : listed.run.result->measurements)
      if (m.selection == "last" && m.metric == "rank1" &&
          (std::isnan(listed.score) || m.pooling == find_method(listed.method()).judged_by)) {
        listed.score = m.value;
        listed.score_pooling = m.pooling;
      }
  listed.mebibytes = mebibytes(path);
  std::error_code error;
  const auto changed =
      fs::last_write_time(fs::exists(path / "result.json") ? path / "result.json" : path, error);
  if (!error)
    listed.age_seconds =
        std::chrono::duration<double>(fs::file_time_type::clock::now() - changed).count();
  return listed;
}

/// Sets what Slurm's queue says of the listed runs. Returns the names of those in the queue that
/// have no directory yet.
std::vector<std::string> find_in_queue(const fs::path& store, std::vector<Listed>& all) {
  std::map<std::string, QueuedRun> queue;
  try {
    queue = queued_runs(store);
  } catch (const UserError& e) {
    say("{}\n", e.what());  // the runs themselves can be listed
  }
  for (auto& listed : all)
    if (const auto found = queue.find(listed.run.name); found != queue.end())
      listed.queue =
          fmt::format("{} {}_{}", found->second.state, found->second.job, found->second.task);
  std::vector<std::string> absent;
  for (const auto& [name, queued] : queue)
    if (is_run_name(name) && !fs::exists(store / name))
      absent.push_back(fmt::format("{} ({} {}_{})", name, queued.state, queued.job, queued.task));
  return absent;
}

/// Sets what varies: the options that not all listed runs of the same data set give the same value.
void find_variations(std::vector<Listed>& all) {
  static const std::map<std::string, std::string> kShort = {{"projections", "K"}};
  static const std::set<std::string> kShown = {"method", "seed",     "data",   "numerics_revision",
                                               "init",   "imported", "dataset"};
  for (auto& own : all) {
    std::set<std::string> names;
    for (const auto& other : all) {
      if (other.data() != own.data()) continue;
      for (const auto& [name, value] : own.identity)
        if (other.value(name) != value) names.insert(name);
    }
    std::vector<std::string> parts;
    for (const auto& name : names) {
      if (kShown.contains(name)) continue;
      const auto shorter = kShort.find(name);
      parts.push_back((shorter == kShort.end() ? name : shorter->second) + "=" + own.value(name));
    }
    own.varies = join(parts, " ");
  }
}

/// The runs that the results of an experiment name, in any folder below `results`.
std::set<std::string> runs_of_experiment(const fs::path& results, const std::string& experiment) {
  std::set<std::string> hashes;
  bool found = false;
  if (fs::is_directory(results))
    for (const auto& entry : fs::directory_iterator(results)) {
      const fs::path file = entry.path() / (experiment + ".csv");
      if (!fs::exists(file) || entry.path().filename() == "paper") continue;
      found = true;
      for (const auto& row : read_results(file))
        hashes.insert(row[result_column("run_hash")].substr(0, 12));
    }
  if (!found)
    fail("experiment = '{}': no folder below {} has its results; set the folder with --results",
         experiment, results.string());
  return hashes;
}

struct ListOptions {
  std::string method, data, state, experiment, sort = "name", results = "results";
  bool json = false;
};

std::vector<Listed> select(const std::vector<fs::path>& runs, const ListOptions& options) {
  static const std::set<std::string> kStates = {"done", "partial", "damaged", "foreign"};
  if (!options.state.empty() && !kStates.contains(options.state))
    fail("state = '{}': choose done, partial, damaged or foreign", options.state);
  std::set<std::string> wanted;
  if (!options.experiment.empty()) wanted = runs_of_experiment(options.results, options.experiment);
  std::vector<Listed> all;
  for (const auto& path : runs) {
    Listed listed = describe(path);
    const std::string& name = listed.run.name;
    const auto other = [](const std::string& filter, const std::string& value) {
      return !filter.empty() && filter != value;
    };
    if (other(options.method, listed.method()) || other(options.data, listed.data()) ||
        other(options.state, state_name(listed.run.state)) ||
        (!options.experiment.empty() && !wanted.contains(name.substr(name.rfind("-s") - 12, 12))))
      continue;
    all.push_back(std::move(listed));
  }
  const auto by = [&](const auto& key) {
    std::stable_sort(all.begin(), all.end(),
                     [&](const Listed& a, const Listed& b) { return key(a) < key(b); });
  };
  if (options.sort == "method")
    by([](const Listed& l) { return l.method(); });
  else if (options.sort == "state")
    by([](const Listed& l) { return std::string(state_name(l.run.state)); });
  else if (options.sort == "score")
    by([](const Listed& l) { return std::isnan(l.score) ? 1. : -l.score; });
  else if (options.sort == "size")
    by([](const Listed& l) { return -l.mebibytes; });
  else if (options.sort == "age")
    by([](const Listed& l) { return l.age_seconds; });
  else if (options.sort != "name")
    fail("sort = '{}': choose name, method, state, score, size or age", options.sort);
  find_variations(all);
  return all;
}

/// Remarks on a run in addition to its columns.
std::string note_on(const StoredRun& run) {
  std::vector<std::string> notes;
  if (!run.problem.empty()) notes.push_back(run.problem);
  if (run.holder) notes.push_back("held by " + *run.holder);
  if (run.result && !run.result->provenance.imported.empty())
    notes.push_back("not trained here: " + run.result->provenance.imported);
  if (run.result && run.result->provenance.inexact_resume) notes.emplace_back("resumed inexactly");
  if (run.result && run.result->provenance.inexact_init)
    notes.emplace_back("initial weights resumed inexactly");
  return join(notes, ", ");
}

int list(const fs::path& store, const std::vector<fs::path>& runs, const ListOptions& options) {
  auto all = select(runs, options);
  const auto absent = find_in_queue(store, all);
  if (options.json) {
    auto json = nlohmann::json::array();
    for (const auto& l : all) {
      nlohmann::json entry = {{"name", l.run.name},
                              {"state", state_name(l.run.state)},
                              {"method", l.method()},
                              {"data", l.data()},
                              {"seed", l.seed()},
                              {"varies", l.varies},
                              {"epochs", l.epochs},
                              {"mebibytes", l.mebibytes},
                              {"age_seconds", l.age_seconds},
                              {"note", note_on(l.run)},
                              {"queue", l.queue},
                              {"rank1", nullptr}};
      if (!std::isnan(l.score)) entry["rank1"] = l.score;
      json.push_back(std::move(entry));
    }
    fmt::print("{}\n", json.dump(1, ' ', false, nlohmann::json::error_handler_t::replace));
    return kDone;
  }
  // Columns as wide as their widest cell.
  std::vector<std::array<std::string, 12>> lines = {{"state", "data", "method", "varies", "seed",
                                                     "epochs", "rank-1", "MiB", "age", "run", "",
                                                     ""}};
  for (const auto& l : all)
    lines.push_back({state_name(l.run.state), l.data(), l.method(), l.varies, l.seed(),
                     std::to_string(l.epochs),
                     std::isnan(l.score) ? "-" : fmt::format("{:.2f} {}", l.score, l.score_pooling),
                     fmt::format("{:.1f}", l.mebibytes), format_duration(l.age_seconds), l.run.name,
                     l.queue, note_on(l.run)});
  std::array<std::size_t, 12> widths{};
  for (const auto& line : lines)
    for (std::size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], line[i].size());
  for (const auto& line : lines) {
    std::string text;
    for (std::size_t i = 0; i < line.size(); ++i)
      if (widths[i] > 0) text += fmt::format("{:<{}}  ", line[i], widths[i]);
    fmt::print("{}\n", text.substr(0, text.find_last_not_of(' ') + 1));
  }
  if (!absent.empty()) fmt::print("queued, not started: {}\n", join_first(absent));
  return kDone;
}

void print_result(const RunResult& result) {
  const auto& provenance = result.provenance;
  if (!provenance.imported.empty()) {
    fmt::print("\nno result of a training here: {}; see its evaluations\n", provenance.imported);
    return;
  }
  fmt::print("\nresult ({} of training and evaluation, {:.1f} samples/s, {:.0f} MiB; ",
             format_duration(result.wall_seconds), result.samples_per_second,
             result.peak_memory_mib);
  if (provenance.peak_gpu_memory_mib > 0)
    fmt::print("{:.0f} MiB of the GPU; ", provenance.peak_gpu_memory_mib);
  fmt::print("resumed {} times{}{}):\n", provenance.resumed,
             provenance.inexact_resume ? ", not bit-exactly" : "",
             provenance.inexact_init ? "; initial weights resumed, not bit-exactly" : "");
  for (const auto& m : result.measurements)
    fmt::print("  {:<11} {:<10} {:<24} {:>8.3f}  epoch {}\n", m.selection, m.pooling, m.metric,
               m.value, m.epoch);
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
    if (run.result) print_result(*run.result);
    fmt::print("\nfiles:\n");
    for (const auto& file : files_below(path))
      fmt::print("  {:<48} {:>12} bytes\n", fs::relative(file, path).string(),
                 static_cast<std::uint64_t>(size_of(file)));
    fmt::print("\n");
  }
  return kDone;
}

/// Checks a weight file against its checksum and prints what is wrong. Returns whether it is sound.
bool verify_weights(const fs::path& file) {
  try {
    const WeightFile content = read_safetensors(file);
    const auto format = content.metadata.find("format");
    const bool old_checkpoint =
        format != content.metadata.end() && format->second == "lcr-checkpoint 1";
    const bool old_backbone = !content.checksummed && file.filename() == "backbone.safetensors";
    if (old_checkpoint || old_backbone)
      fmt::print("not checked: {}: written by an older version, without checksums\n",
                 file.string());
    else if (!content.checksummed)
      fail("{}: has no checksum", file.string());
  } catch (const UserError& e) {
    if (!fs::exists(file)) return true;  // removed by a training process in the meantime
    fmt::print("damaged: {}\n", e.what());
    return false;
  }
  return true;
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
      ++weights;
      if (!verify_weights(file)) sound = false;
    }
    damaged += !sound;
    for (const auto& folder : {path, path / "checkpoints", path / "evaluations"})
      left_over += stale_temporaries(folder).size();
  }
  std::string remarks;
  if (foreign > 0) remarks += fmt::format(", {} of another version (records not checked)", foreign);
  if (left_over > 0)
    remarks += fmt::format("; {} temporary files of killed processes (remove with lcr-runs prune)",
                           left_over);
  fmt::print("{} runs, {} weight files: {} runs damaged{}\n", runs.size(), weights, damaged,
             remarks);
  return damaged > 0 ? kBadInput : kDone;
}

struct PruneOptions {
  bool partial = false, damaged = false, weights = false, dry_run = false;
};

/// prune renames a run's directory with this prefix before removing it, so that a process that
/// needs the run in the meantime starts it again from scratch and loses nothing.
constexpr const char* kAside = ".pruned-";
/// import unpacks here while it holds kImportLock.
constexpr const char* kImport = ".import";
constexpr const char* kImportLock = ".import.lock";

/// Removes a run's directory. Returns the MiB freed.
double remove_run(const fs::path& path) {
  const fs::path aside = path.parent_path() / (kAside + path.filename().string());
  fs::remove_all(aside);  // left over from a killed prune
  fs::rename(path, aside);
  const double freed = mebibytes(aside);
  fs::remove_all(aside);
  fmt::print("removed {}\n", path.string());
  return freed;
}

int prune(const fs::path& store, const std::vector<fs::path>& runs, const PruneOptions& options) {
  double freed = 0;
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
    // A process that was killed before it wrote anything leaves only the lock.
    const bool empty = std::all_of(files.begin(), files.end(),
                                   [](const fs::path& file) { return file.filename() == "lock"; });
    if (empty || (run.state == RunState::kPartial && options.partial) ||
        (run.state == RunState::kDamaged && options.damaged)) {
      if (!options.dry_run && fs::exists(path))
        freed += remove_run(path);
      else
        remove(path);
      continue;
    }
    for (const auto& folder : {path, path / "checkpoints", path / "evaluations"})
      for (const auto& file : stale_temporaries(folder)) remove(file);
    if (run.state != RunState::kDone) continue;
    if (options.weights) remove(path / "checkpoints");
    for (const auto& file : files_below(path / "checkpoints"))
      if (file.filename().string().starts_with("resume-")) remove(file);
  }
  // Left over from killed calls of this program.
  std::vector<fs::path> left;
  for (const auto& entry : fs::directory_iterator(store)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with(kAside) || (name == kImport && !lock_holder(store / kImportLock)))
      left.push_back(entry.path());
  }
  for (const auto& path : left) remove(path);
  fmt::print("{:.1f} MiB {}\n", freed, options.dry_run ? "would be freed" : "freed");
  return kDone;
}

/// Whether a file, by its path within a run, is a record (not a weight, lock or temporary file).
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
    fail("{}: the archive's name must end in .tar.gz", archive.string());
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
  if (packed == 0) fail("{}: no finished run to export", archive.string());
  pack_archive(archive, files);
  fmt::print("written: {} ({} runs, {} files)\n", archive.string(), packed, files.size());
  return kDone;
}

/// A folder that starts empty and is removed with its content at the end of the scope.
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
  // The whole archive is checked before any run enters the store.
  for (const auto& path : runs) {
    if (!fs::is_directory(path))
      fail("{}: holds '{}', which is not a run", archive.string(),
           printable(path.filename().string()));
    for (const auto& file : files_below(path))
      if (const fs::path name = fs::relative(file, path); !is_record(name))
        fail("{}: {} holds '{}', which is not a record of a run", archive.string(),
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
      say("left out: {} is {} in this store; remove the directory first\n", target.string(),
          state_name(inspect_run(target).state));
      ++refused;
    }
  }
  fmt::print("{} runs imported, {} were there already, {} left out\n", imported, known, refused);
  return refused > 0 ? kBadInput : kDone;
}

/// What the command line says.
struct Arguments {
  std::string command, store = "runs";
  std::vector<std::string> names;
  PruneOptions pruning;
  ListOptions listing;
};

po::options_description describe_options(Arguments& arguments) {
  PruneOptions& pruning = arguments.pruning;
  ListOptions& listing = arguments.listing;
  po::options_description visible("Options");
  auto add_option = visible.add_options();
  add_option("runs", po::value(&arguments.store), "the run store [runs]");
  add_option("method", po::value(&listing.method), "list: only runs of this method");
  add_option("data", po::value(&listing.data), "list: only runs on this data set");
  add_option("state", po::value(&listing.state),
             "list: only done, partial, damaged or foreign runs");
  add_option("experiment", po::value(&listing.experiment),
             "list: only runs that the results of this experiment name, for example d1");
  add_option("results", po::value(&listing.results),
             "list --experiment: the folder of the results' folders [results]");
  add_option("sort", po::value(&listing.sort),
             "list: by name, method, state, score, size or age [name]");
  add_option("json", po::bool_switch(&listing.json), "list: as JSON, for programs");
  add_option("partial", po::bool_switch(&pruning.partial), "prune: also remove unfinished runs");
  add_option("damaged", po::bool_switch(&pruning.damaged), "prune: also remove damaged runs");
  add_option("weights", po::bool_switch(&pruning.weights),
             "prune: also remove the weights of finished runs, but keep their records");
  add_option("dry-run", po::bool_switch(&pruning.dry_run),
             "prune: print what would be removed, remove nothing");
  add_option("help", "print this help");
  return visible;
}

void print_help(const po::options_description& visible) {
  fmt::print(
      "lcr-runs: manages the run store\n\n"
      "Usage:\n"
      "  lcr-runs list [RUN...]               state, method, what varies, score, size and age of "
      "each run\n"
      "  lcr-runs show RUN...                 everything recorded about a run\n"
      "  lcr-runs verify [RUN...]             checks records against each other and weights "
      "against their checksums; exit code 2 on damage\n"
      "  lcr-runs prune [RUN...]              removes what is no longer needed: temporary files "
      "of killed processes and resume checkpoints of finished runs\n"
      "  lcr-runs export OUT.tar.gz [RUN...]  packs finished runs without their weights: enough "
      "to make every table and figure elsewhere\n"
      "  lcr-runs import FILE.tar.gz          checks such an archive and adds its runs to the "
      "store\n"
      "RUN is the name of a directory in the store, or any part of it that no other has, such as "
      "the "
      "first digits of its hash.\n\n{}",
      list_options(visible));
}

/// Fails on an option that the command does not have.
void check_given(const Arguments& arguments, const po::variables_map& values) {
  const auto& [command, store, names, pruning, listing] = arguments;
  if (command != "prune" &&
      (pruning.partial || pruning.damaged || pruning.weights || pruning.dry_run))
    fail("command line: --partial, --damaged, --weights and --dry-run are for prune");
  const bool lists = listing.json || values.contains("method") || values.contains("data") ||
                     values.contains("state") || values.contains("experiment") ||
                     values.contains("results") || values.contains("sort");
  if (command != "list" && lists)
    fail(
        "command line: --method, --data, --state, --experiment, --results, --sort and --json are "
        "for "
        "list");
}

int run(int argc, char** argv) {
  Arguments arguments;
  auto& [command, store, names, pruning, listing] = arguments;
  const po::options_description visible = describe_options(arguments);
  const auto values = parse_arguments(
      argc, argv, visible, {{"command", po::value(&command)}, {"name", po::value(&names), -1}});
  if (values.contains("help")) {
    print_help(visible);
    return kDone;
  }
  check_given(arguments, values);
  if (command == "list") return list(store, chosen_runs(store, names), listing);
  if (command == "show" && !names.empty()) return show(chosen_runs(store, names));
  if (command == "verify") return verify(chosen_runs(store, names));
  if (command == "prune") return prune(store, chosen_runs(store, names), pruning);
  if (command == "export" && !names.empty())
    return export_runs(names.front(), chosen_runs(store, {names.begin() + 1, names.end()}));
  if (command == "import" && names.size() == 1) return import_runs(names.front(), store);
  fail(
      "command line: expected list, show RUN, verify, prune, export FILE or import FILE; see "
      "--help");
}

}  // namespace
}  // namespace lcr

int main(int argc, char** argv) {
  return lcr::run_main("lcr-runs", [&] { return lcr::run(argc, argv); });
}
