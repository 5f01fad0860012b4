// What happens to runs when processes die, disks fill up and files are damaged. The short form is
// part of every test run; LCR_FAULTS=long tests many more instants and a soak, and prints figures.
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <map>
#include <random>
#include <set>
#include <thread>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lcr/base/csv.h"
#include "lcr/base/hashing.h"
#include "lcr/base/signals.h"
#include "lcr/base/text.h"
#include "lcr/experiment/control_options.h"
#include "lcr/record/results_csv.h"
#include "lcr/train/training_options.h"
#include "lcr/weights/safetensors.h"
#include "tests/support/http_server.h"
#include "tests/support/images.h"
#include "tests/support/programs.h"

namespace lcr {
namespace {

namespace fs = std::filesystem;
using testing::Outcome;
using testing::write_bytes;
using Clock = std::chrono::steady_clock;

bool long_form() {
  const char* form = std::getenv("LCR_FAULTS");
  return form && std::string(form) == "long";
}

void sleep_seconds(double seconds) {
  std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
}

/// Resident memory in MiB and number of open descriptors of a process; empty once it has ended.
std::optional<std::pair<double, int>> look_at(pid_t process) {
  const std::string place = "/proc/" + std::to_string(process);
  std::error_code error;
  int descriptors = 0;
  for (auto entry = fs::directory_iterator(place + "/fd", error);
       !error && entry != fs::directory_iterator(); entry.increment(error))
    ++descriptors;
  std::ifstream in(place + "/statm");
  long pages = 0, resident = 0;
  if (error || !(in >> pages >> resident) || resident == 0) return std::nullopt;
  return std::pair(
      static_cast<double>(resident) * static_cast<double>(::sysconf(_SC_PAGESIZE)) / (1 << 20),
      descriptors);
}

/// The first child of a process, 0 if it has none.
pid_t child_of(pid_t process) {
  std::ifstream in(fmt::format("/proc/{}/task/{}/children", process, process));
  pid_t child = 0;
  in >> child;
  return child;
}

/// Whether a process group is empty within some seconds. Its leader, our child, is reaped only
/// later.
bool all_gone(pid_t group, double seconds) {
  const auto lives = [&] {
    for (const auto& entry : fs::directory_iterator("/proc")) {
      std::ifstream in(entry.path() / "stat");
      std::string line;
      const bool read = static_cast<bool>(std::getline(in, line));
      const auto end = line.rfind(") ");  // after the name: state, parent, group
      if (!read || end == std::string::npos) continue;
      const auto parts = split(std::string_view(line).substr(end + 2), ' ');
      if (parts.size() > 2 && parts[0] != "Z" && parts[2] == std::to_string(group)) return true;
    }
    return false;
  };
  const auto deadline = Clock::now() + std::chrono::duration<double>(seconds);
  while (lives()) {
    if (Clock::now() > deadline) return false;
    sleep_seconds(0.01);
  }
  return true;
}

struct GridOptions {
  std::string more = {};
  int epochs = 40, threads = 2;
  const char* checkpoint_every = "0.001min";
};

class Faults : public testing::ProgramTest {
 protected:
  void SetUp() override {
    ProgramTest::SetUp();
    write_fashion("data");
  }

  /// The command of a grid of four rows, two of them training for some hundred steps with a
  /// checkpoint every 60 ms; store and results are under `place`.
  static std::string grid(const std::string& place, const GridOptions& options = {}) {
    return fmt::format(
        "cifar100_baseline --data-dir data --limit-train 0 --limit-test 0 --width 4 --image-size "
        "16 --batch-size 8 --queue-size 16 --epochs {} --eval-every 8 --jobs 2 --threads {} "
        "--seeds 0 --checkpoint-every {} --runs '{}/runs' --results '{}/results' {}",
        options.epochs, options.threads, options.checkpoint_every, place, place, options.more);
  }

  /// Starts a command in its own process group, with its standard error in err.txt.
  pid_t start(const std::string& command, const std::string& environment = "") {
    const std::string line =
        "cd '" + folder.path().string() +
        "' && exec env OMP_WAIT_POLICY=passive ASAN_OPTIONS=verify_asan_link_order=0 " +
        environment + " " + program(command) + " >out.txt 2>err.txt </dev/null";
    const pid_t process = ::fork();
    if (process == 0) {
      ::setpgid(0, 0);
      ::execl("/bin/sh", "sh", "-c", line.c_str(), nullptr);
      ::_exit(127);
    }
    ::setpgid(process, process);
    return process;
  }
  /// Waits for its end. Returns the exit code, or minus the signal.
  static int wait(pid_t process, rusage* usage = nullptr) {
    int status = 0;
    ::wait4(process, &status, 0, usage);
    ::kill(-process, SIGKILL);  // the rest of its group
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }
  static bool ended(pid_t process) {
    siginfo_t info{};
    return ::waitid(P_PID, static_cast<id_t>(process), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           info.si_pid == process;
  }
  int run_with(const std::string& fault, const std::string& command) {
    return wait(start(command, "LD_PRELOAD='" LCR_FAULT_SHIM "' " + fault));
  }
  /// What the last process started wrote to standard error.
  std::string words() const { return read_text(folder / "err.txt"); }

  /// The content of a store and its results by file, without times, memory and provenance.
  std::map<std::string, std::string> state_of(const std::string& place) const {
    std::map<std::string, std::string> state;
    for (const auto& entry : fs::recursive_directory_iterator(folder / place)) {
      if (!entry.is_regular_file()) continue;
      const fs::path& path = entry.path();
      const std::string name = path.filename().string();
      const std::string key = fs::relative(path, folder / place).string();
      if (name == "lock" || name == "provenance.json" || name == "log.txt" ||
          path.extension() == ".lock")
        continue;
      std::string content = read_text(path);
      if (path.extension() == ".json") {
        auto json = nlohmann::json::parse(content);
        for (const char* part :
             {"provenance", "wall_seconds", "samples_per_second", "peak_memory_mib"})
          json.erase(part);
        content = json.dump();
      } else if (name == "epochs.csv") {
        std::string kept;
        for (const auto& line : split(content, '\n'))
          kept += line.substr(0, line.rfind(',', line.rfind(',') - 1)) + "\n";
        content = kept;
      } else if (path.extension() == ".csv") {
        std::string kept;
        for (auto row : read_results(path)) {
          for (const char* column : {"wall_seconds", "samples_per_second", "peak_memory_mib"})
            row[result_column(column)].clear();
          kept += csv_line({row.begin(), row.end()});
        }
        content = kept;
      }
      state[key] = content.size() < 100'000 && path.extension() != ".safetensors"
                       ? content
                       : sha256_hex(content);
    }
    return state;
  }
  /// The state of the undisturbed grid, trained once for all tests.
  const std::map<std::string, std::string>& reference() {
    static std::map<std::string, std::string> state;
    if (state.empty()) {
      const auto begin = Clock::now();
      const Outcome outcome = run(grid("reference"));
      EXPECT_EQ(outcome.code, 0) << outcome.err;
      seconds_ = std::chrono::duration<double>(Clock::now() - begin).count();
      state = state_of("reference");
      EXPECT_EQ(state.count("results/c1.csv"), 1U);
      EXPECT_GE(state.size(), 4U * 3 + 2 * 3 + 1);
    }
    return state;
  }
  void expect_same_as_reference(const std::string& place) { expect_state(place, reference()); }
  void expect_state(const std::string& place, const std::map<std::string, std::string>& wanted) {
    const auto state = state_of(place);
    for (const auto& [key, content] : wanted) {
      const auto found = state.find(key);
      if (found == state.end())
        ADD_FAILURE() << place << " lacks " << key;
      else
        EXPECT_EQ(found->second, content) << place << "/" << key;
    }
    for (const auto& [key, content] : state)
      EXPECT_TRUE(wanted.contains(key)) << place << " has an unexpected " << key;
  }
  /// Expects that every file left after a kill is whole: records and weights.
  void expect_sound(const std::string& place) {
    if (!fs::exists(folder / place / "runs")) return;
    const Outcome outcome = run("lcr-runs verify --runs '" + place + "/runs'");
    EXPECT_EQ(outcome.code, 0) << outcome.out << outcome.err;
  }
  /// Kills a command at a random instant within `seconds`, up to three times, then runs it to the
  /// end. Returns the number of kills.
  int kill_and_finish(const std::string& command, const std::string& place, double seconds,
                      std::mt19937& random) {
    int kills = 0;
    for (int again = 0; again < 3; ++again) {
      const pid_t process = start(command);
      sleep_seconds(std::uniform_real_distribution<>(0.05, seconds)(random));
      const bool alive = !ended(process);
      ::kill(-process, SIGKILL);
      wait(process);
      if (!alive) break;
      ++kills;
      expect_sound(place);
    }
    const Outcome outcome = run(command);
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    return kills;
  }
  /// The directory of the first run whose name contains `part`; empty if there is none.
  fs::path run_directory(const std::string& place, const std::string& part) const {
    for (const auto& entry : fs::directory_iterator(folder / place / "runs"))
      if (entry.path().filename().string().find(part) != std::string::npos) return entry.path();
    return {};
  }
  std::vector<fs::path> resume_files(const fs::path& run) const {
    std::vector<fs::path> files;
    std::error_code none;
    for (const auto& entry : fs::directory_iterator(run / "checkpoints", none))
      if (entry.path().filename().string().starts_with("resume-") &&
          entry.path().extension() == ".safetensors")
        files.push_back(entry.path());
    std::sort(files.begin(), files.end());
    return files;
  }
  /// Trains only the row of LCR ("Ours" in Table C1) until it has two checkpoints to resume from,
  /// then stops it by a signal.
  void make_partial(const std::string& place) {
    const pid_t process = start(grid(place, {.more = "--rows Ours"}));
    for (int i = 0; i < 20'000 && !ended(process); ++i) {
      if (fs::exists(folder / place / "runs") && !run_directory(place, "-lcr-").empty() &&
          resume_files(run_directory(place, "-lcr-")).size() == 2)
        break;
      sleep_seconds(0.003);
    }
    ::kill(process, SIGTERM);
    ASSERT_EQ(wait(process), 3) << words();
    ASSERT_EQ(resume_files(run_directory(place, "-lcr-")).size(), 2U);
    ASSERT_FALSE(fs::exists(run_directory(place, "-lcr-") / "result.json"));
  }
  /// Whether the row of LCR has begun to write a checkpoint.
  bool begins_to_save(const std::string& place) const {
    if (!fs::exists(folder / place / "runs")) return false;
    std::error_code none;
    for (const auto& entry :
         fs::directory_iterator(run_directory(place, "-lcr-") / "checkpoints", none))
      if (entry.path().filename().string().find("resume-") != std::string::npos) return true;
    return false;
  }
  void copy(const std::string& from, const std::string& to) {
    fs::copy(folder / from, folder / to, fs::copy_options::recursive);
  }

  inline static double seconds_ = 0;  ///< run time of the undisturbed grid
};

TEST_F(Faults, KilledAtRandomInstantsTheEndIsTheSame) {
  reference();
  std::mt19937 random(7);
  const int wanted = long_form() ? 50 : 5;
  int kills = 0, trials = 0;
  while (kills < wanted) {
    const std::string place = "trial-" + std::to_string(trials++);
    SCOPED_TRACE(place);
    kills += kill_and_finish(grid(place), place, seconds_, random);
    expect_same_as_reference(place);
    fs::remove_all(folder / place);
    if (HasFailure()) break;
  }
  fmt::print(
      "kill -9 at {} random instants, {} grids finished: every end state equals that of the "
      "undisturbed grid ({:.1f} s)\n",
      kills, trials, seconds_);
}

TEST_F(Faults, KilledInStandInsBranchesRanksAndEvaluationsTheEndIsTheSame) {
  write_atomic(folder / "tiny.ini",
               "[standin]\nsynthbirds-train = 6\nbatch-size = 16\nepochs = 12\n");
  const auto command = [](const std::string& program, const std::string& place) {
    return fmt::format(
        "{} --config tiny.ini --width 4 --image-size 16 --batch-size 8 --queue-size 16 --epochs 12 "
        "--synthbirds-classes 3 --synthbirds-train 16 --synthbirds-test 3 --jobs 2 --threads 2 "
        "--seeds 0 --checkpoint-every 0.001min --runs '{}/runs' --results '{}/results' ",
        program, place, place);
  };
  struct Grid {
    const char *name, *program, *more;
  };
  // A stand-in, a trunk of two ranks and four branches; augmented probes after training on two
  // hosts.
  const Grid grids[] = {{"branches", "projection_selection", "--subset-epoch 6 --ranks 2"},
                        {"evaluations", "main_results",
                         "--rows LCR --probe-epochs 40 --probe augmented --probe-batch-size 8"}};
  std::mt19937 random(13);
  for (const Grid& each : grids) {
    SCOPED_TRACE(each.name);
    const auto line = [&](const std::string& place) {
      return command(each.program, place) + each.more;
    };
    const auto begin = Clock::now();
    const Outcome whole = run(line(each.name));
    ASSERT_EQ(whole.code, 0) << whole.err;
    const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
    const auto wanted = state_of(each.name);
    const int kills_wanted = long_form() ? 25 : 3;
    int kills = 0, trials = 0;
    while (kills < kills_wanted && !HasFailure()) {
      const std::string place = fmt::format("{}-{}", each.name, trials++);
      kills += kill_and_finish(line(place), place, seconds, random);
      expect_state(place, wanted);
      fs::remove_all(folder / place);
    }
    fmt::print(
        "{}: kill -9 at {} random instants, {} grids finished: every end state equals that of the "
        "undisturbed grid ({:.1f} s)\n",
        each.name, kills, trials, seconds);
  }
}

TEST_F(Faults, RunsThatStartFromInexactWeightsAreMarked) {
  write_atomic(folder / "tiny.ini",
               "[standin]\nsynthbirds-train = 6\nbatch-size = 16\nepochs = 40\n");
  const auto command = [](const std::string& place, const std::string& more) {
    return fmt::format(
        "main_results --config tiny.ini --width 4 --image-size 16 --batch-size 8 --queue-size 16 "
        "--epochs 2 --synthbirds-classes 3 --synthbirds-train 8 --synthbirds-test 3 --jobs 2 "
        "--seeds 0 --rows Bilinear --probe-epochs 2 --checkpoint-every 0.001min "
        "--runs '{0}/runs' --results '{0}/results' {1}",
        place, more);
  };
  const auto marks = [&](const std::string& place) {
    std::set<std::string> found;
    for (const auto& row : read_results(folder / place / "results/main.csv"))
      found.insert(row[result_column("resume")]);
    return found;
  };
  // The stand-in is stopped and resumes with another number of threads.
  const pid_t process = start(command("a", "--threads 1"));
  const auto standin = [&] {
    return fs::exists(folder / "a/runs") ? run_directory("a", "standin") : fs::path();
  };
  const auto has_checkpoint = [&] {
    return !standin().empty() && !resume_files(standin()).empty();
  };
  for (int i = 0; i < 20'000 && !ended(process) && !has_checkpoint(); ++i) sleep_seconds(0.003);
  ::kill(process, SIGTERM);
  ASSERT_EQ(wait(process), 3) << words();
  copy("a", "b");
  ASSERT_EQ(run(command("b", "--threads 1")).code, 0);
  EXPECT_EQ(marks("b"), std::set<std::string>{""});
  const Outcome refused = run(command("a", "--threads 2"));
  EXPECT_EQ(refused.code, 2) << refused.err;
  ASSERT_EQ(run(command("a", "--threads 2 --inexact-resume")).code, 0);
  EXPECT_EQ(marks("a"), std::set<std::string>{"inexact"});
  // The mark stays with the weights, of the stand-in and of runs trained from it, if they are given
  // with --init.
  const std::string from = "--threads 1 --pretrain none --init ";
  ASSERT_EQ(run(command("c", from + standin().string() + "/backbone.safetensors")).code, 0);
  EXPECT_EQ(marks("c"), std::set<std::string>{"inexact"});
  const fs::path last = run_directory("a", "-moco_bilinear-") / "checkpoints/last.safetensors";
  const Outcome further = run(command("d", from + last.string()));
  ASSERT_EQ(further.code, 0) << further.err;
  EXPECT_EQ(marks("d"), std::set<std::string>{"inexact"});
  const fs::path exact = run_directory("b", "standin") / "backbone.safetensors";
  ASSERT_EQ(run(command("e", from + exact.string())).code, 0);
  EXPECT_EQ(marks("e"), std::set<std::string>{""});
}

TEST_F(Faults, AKilledWorkerIsStartedAgainWhileItGetsFurther) {
  reference();
  // Killed from outside once it has a checkpoint.
  const pid_t process = start(grid("worker"));
  const auto has_checkpoint = [&] {
    return fs::exists(folder / "worker/runs") && !run_directory("worker", "-lcr-").empty() &&
           !resume_files(run_directory("worker", "-lcr-")).empty();
  };
  for (int i = 0; i < 20'000 && !ended(process) && !has_checkpoint(); ++i) sleep_seconds(0.003);
  const std::string holder = lock_holder(run_directory("worker", "-lcr-") / "lock").value_or("");
  ASSERT_TRUE(holder.starts_with("process ")) << holder;
  ::kill(std::stoi(holder.substr(8)), SIGKILL);
  EXPECT_EQ(wait(process), 0) << words();
  EXPECT_NE(words().find(
                "was killed (signal 9), perhaps because memory ran out: it is started again and "
                "resumes from its last checkpoint, if it has one; from now on at most 1 run at a "
                "time"),
            std::string::npos)
      << words();
  EXPECT_NE(words().find("resumes after epoch"), std::string::npos) << words();
  expect_same_as_reference("worker");

  // Killed at the same place each time: it is not restarted for ever.
  EXPECT_EQ(run_with("LCR_FAULT=die LCR_FAULT_CALL=rename LCR_FAULT_PATH=last.safetensors",
                     grid("again")),
            1)
      << words();
  const std::string said = words();
  const auto first = said.find("was killed (signal 9)");
  const auto again = said.find("failed (killed by signal 9 again without further progress");
  EXPECT_TRUE(first != std::string::npos && again != std::string::npos && first < again) << said;
  expect_sound("again");
  EXPECT_EQ(run(grid("again")).code, 0);
  expect_same_as_reference("again");
}

TEST_F(Faults, AWorkerWithoutMemoryOnItsGpuIsStartedAgainWhileItGetsFurther) {
  reference();
  // The second checkpoint to resume from finds no memory, in this attempt and in each that follows.
  const std::string fault =
      "LCR_FAULT=device LCR_FAULT_CALL=fsync LCR_FAULT_PATH=resume- LCR_FAULT_NTH=2";
  const std::string sentence = "ran out of memory on the GPU: it is started again and resumes";
  run_with(fault, grid("gpu", {.checkpoint_every = "10epochs"}));
  const std::string words_of_workers = words();
  EXPECT_NE(words_of_workers.find("error: out of memory on the GPU (tried to allocate 2.50 GiB): "
                                  "lower --batch-size"),
            std::string::npos)
      << words_of_workers;
  EXPECT_NE(words_of_workers.find(sentence), std::string::npos) << words_of_workers;
  EXPECT_NE(words_of_workers.find("resumes after epoch"), std::string::npos) << words_of_workers;
  EXPECT_EQ(run(grid("gpu")).code, 0);
  expect_same_as_reference("gpu");

  // At the same place each time: it is not restarted for ever, and the code says why.
  EXPECT_EQ(run_with("LCR_FAULT=device LCR_FAULT_CALL=fsync LCR_FAULT_PATH=last.safetensors",
                     grid("again")),
            5)
      << words();
  const std::string said = words();
  const auto first = said.find(sentence);
  const auto again = said.find("from now on at most 1 run at a time");
  EXPECT_TRUE(first != std::string::npos && again != std::string::npos) << said;
  EXPECT_NE(said.find("failed"), std::string::npos) << said;
  EXPECT_EQ(run(grid("again")).code, 0);
  expect_same_as_reference("again");
}

TEST_F(Faults, WhatAKillLeavesBehindAFinishedRunGoesWhenItIsAskedForAgain) {
  reference();
  const std::string place = "leftover";
  ASSERT_EQ(run(grid(place)).code, 0);
  const fs::path run_folder = run_directory(place, "-lcr-");
  const fs::path resume = run_folder / "checkpoints/resume-000000000008.safetensors";
  fs::copy(run_folder / "checkpoints/last.safetensors", resume);
  EXPECT_EQ(run(grid(place)).code, 0);
  EXPECT_FALSE(fs::exists(resume));
  expect_same_as_reference(place);
}

TEST_F(Faults, KilledInsideEachWriterTheEndIsTheSame) {
  reference();
  struct Instant {
    const char *call, *path;
    int nth;
  };
  std::vector<Instant> instants = {{"write", "resume-", 2},    {"rename", "resume-", 3},
                                   {"write", "epochs.csv", 2}, {"rename", "result.json", 1},
                                   {"write", "c1.csv", 1},     {"rename", "c1.csv", 1}};
  if (long_form())
    for (const char* path :
         {"resume-", "best_rank1", "last.safetensors", "epochs.csv", "result.json", "identity.txt",
          "config.ini", "provenance.json", "c1.csv"})
      for (const char* call : {"write", "fsync", "rename"})
        for (const int nth : {1, 2}) instants.push_back({call, path, nth});
  int kills = 0;
  for (const auto& [call, path, nth] : instants) {
    SCOPED_TRACE(fmt::format("{} {} {}", call, path, nth));
    const std::string place = "writer";
    const int code =
        run_with(fmt::format("LCR_FAULT=kill LCR_FAULT_CALL={} LCR_FAULT_PATH={} LCR_FAULT_NTH={}",
                             call, path, nth),
                 grid(place));
    if (code == 0 && nth > 1) {  // a file that is written only once
      fs::remove_all(folder / place);
      continue;
    }
    EXPECT_EQ(code, -SIGKILL) << words();
    ++kills;
    expect_sound(place);
    const Outcome outcome = run(grid(place));
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    expect_same_as_reference(place);
    fs::remove_all(folder / place);
  }
  fmt::print("killed inside a writer at {} places\n", kills);
}

TEST_F(Faults, AFullDiskStopsCleanlyAtEachWriter) {
  reference();
  std::vector<std::pair<const char*, const char*>> places = {
      {"write", "resume-"}, {"fsync", "last.safetensors"}, {"write", "c1.csv"}};
  if (long_form())
    for (const char* path :
         {"resume-", "best_rank1", "last.safetensors", "epochs.csv", "result.json", "identity.txt",
          "config.ini", "provenance.json", "c1.csv"})
      for (const char* call : {"write", "fsync", "rename"}) places.emplace_back(call, path);
  for (const auto& [call, path] : places) {
    SCOPED_TRACE(fmt::format("{} {}", call, path));
    const std::string place = "full";
    EXPECT_EQ(
        run_with(fmt::format("LCR_FAULT=full LCR_FAULT_CALL={} LCR_FAULT_PATH={}", call, path),
                 grid(place)),
        2)
        << words();
    EXPECT_NE(words().find("No space left on device"), std::string::npos) << words();
    EXPECT_EQ(words().find("internal error"), std::string::npos) << words();
    for (const auto& entry : fs::recursive_directory_iterator(folder / place))
      EXPECT_EQ(entry.path().filename().string().find(".tmp-"), std::string::npos) << entry.path();
    expect_sound(place);
    const Outcome outcome = run(grid(place));
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    expect_same_as_reference(place);
    fs::remove_all(folder / place);
  }
}

TEST_F(Faults, ASmallDiskAndAReadOnlyOne) {
  reference();
  // A user who may not mount anything, even in a namespace of their own, as in a container: there
  // no file can grow beyond a limit, and nothing can be made in /proc.
  std::string apart;
  for (const char* way : {"unshare -m", "unshare -r -m"})
    if (apart.empty() &&
        std::system(fmt::format("{} mount -t tmpfs none /tmp 2>/dev/null", way).c_str()) == 0)
      apart = way;
  const std::string complaint = apart.empty() ? "File too large" : "No space left on device";
  const std::string at = folder.path().string();
  for (const int kibibytes : apart.empty() ? std::vector{12, 64} : std::vector{12, 64, 300}) {
    SCOPED_TRACE(kibibytes);
    fs::create_directories(folder / "small");
    // The content of the small disk is copied, so that the grid can resume on a larger one.
    const std::string small = apart.empty()
                                  ? fmt::format("trap '' XFSZ && ulimit -f {}", 2 * kibibytes)
                                  : fmt::format("mount -t tmpfs -o size={}k none small", kibibytes);
    const std::string line = fmt::format(
        "cd '{}' && {} sh -c \"( {} && {} >out.txt 2>err.txt </dev/null; echo \\$? >code.txt ); "
        "mkdir -p saved; cp -r small/. saved/\"",
        at, apart, small, program(grid("small")));
    ASSERT_EQ(std::system(line.c_str()), 0);
    EXPECT_EQ(read_text(folder / "code.txt"), "2\n") << words();
    EXPECT_NE(words().find(complaint), std::string::npos) << words();
    EXPECT_FALSE(fs::exists(folder / "saved/results/c1.csv"));
    expect_sound("saved");
    const Outcome outcome = run(grid("saved"));
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    expect_same_as_reference("saved");
    for (const char* name : {"saved", "small"}) fs::remove_all(folder / name);
  }
  if (apart.empty())
    fs::create_directory_symlink("/proc", folder / "fixed");
  else
    fs::create_directories(folder / "fixed");
  const std::string fixed =
      apart.empty() ? "true" : "mount -t tmpfs none fixed && mount -o remount,ro fixed";
  const std::string line = fmt::format(
      "cd '{}' && {} sh -c \"{} && {} >out.txt 2>err.txt </dev/null; echo \\$? >code.txt\"", at,
      apart, fixed, program(grid("fixed")));
  ASSERT_EQ(std::system(line.c_str()), 0);
  EXPECT_EQ(read_text(folder / "code.txt"), "2\n") << words();
  EXPECT_NE(words().find("fixed/results"), std::string::npos) << words();
  const std::string said = words();
  EXPECT_EQ(std::count(said.begin(), said.end(), '\n'), 1) << said;
}

TEST_F(Faults, ASignalKeepsTheStepAndASecondOneDoesNotWait) {
  reference();
  ASSERT_NO_FATAL_FAILURE(make_partial("stopped"));
  EXPECT_NE(words().find("run the same command again to resume"), std::string::npos) << words();
  expect_sound("stopped");
  const Outcome outcome = run(grid("stopped"));
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_NE(outcome.err.find("resumes after epoch"), std::string::npos) << outcome.err;
  expect_same_as_reference("stopped");

  // Two signals at once: the second ends it and its workers, without an exit code.
  const pid_t process = start(grid("twice", {.more = "--rows Ours", .epochs = 100000}));
  const auto has_checkpoint = [&] {
    return fs::exists(folder / "twice/runs") && !run_directory("twice", "-lcr-").empty() &&
           !resume_files(run_directory("twice", "-lcr-")).empty();
  };
  for (int i = 0; i < 3000 && !has_checkpoint(); ++i) sleep_seconds(0.01);
  ::kill(process, SIGSTOP);
  ::kill(process, SIGINT);
  ::kill(process, SIGTERM);
  ::kill(process, SIGCONT);
  int status = 0;
  ::waitpid(process, &status, 0);
  EXPECT_TRUE(WIFSIGNALED(status)) << status;
  bool gone = false;
  for (int i = 0; i < 1000 && !(gone = ::kill(-process, 0) != 0); ++i) sleep_seconds(0.01);
  EXPECT_TRUE(gone) << "a worker outlived its parent";
  expect_sound("twice");
}

TEST_F(Faults, ASecondSignalEndsWorkersThatSpin) {
  // In the middle of a run, and while the worker's libraries are loaded.
  for (const auto& [call, path] :
       {std::pair("rename", "resume-"), std::pair("start", "--worker-run")}) {
    for (const int second : {SIGINT, SIGTERM}) {
      const std::string place = fmt::format("{}-{}", call, second);
      SCOPED_TRACE(place);
      const pid_t process =
          start(grid(place, {.more = "--rows Ours", .epochs = 100000}),
                fmt::format("LD_PRELOAD='{}' LCR_FAULT=spin LCR_FAULT_CALL={} LCR_FAULT_PATH={}",
                            LCR_FAULT_SHIM, call, path));
      for (int i = 0; i < 3000 && child_of(process) == 0; ++i) sleep_seconds(0.01);
      const pid_t worker = child_of(process);
      ASSERT_NE(worker, 0) << words();
      sleep_seconds(1);
      if (std::string(call) == "rename") {
        for (int i = 0; i < 3000 && !begins_to_save(place); ++i) sleep_seconds(0.01);
        ::kill(process, SIGTERM);
        sleep_seconds(1);
        ASSERT_FALSE(ended(process)) << words();
        ASSERT_TRUE(look_at(worker)) << "the worker does not spin";
      } else {
        ::kill(process, SIGTERM);  // the worker, which does not listen yet, ends at the first
      }
      ::kill(process, second);
      EXPECT_TRUE(all_gone(process, 1));
      wait(process);
    }
  }
}

TEST_F(Faults, AKilledParentTakesWorkersAlongThatSpin) {
  for (const auto& [call, path, seconds] :
       {std::tuple("start", "--worker-run", 1.0),
        std::tuple("rename", "resume-", kSavingSeconds + 2.0)}) {
    SCOPED_TRACE(call);
    const pid_t process =
        start(grid(call, {.more = "--rows Ours", .epochs = 100000}),
              fmt::format("LD_PRELOAD='{}' LCR_FAULT=spin LCR_FAULT_CALL={} LCR_FAULT_PATH={}",
                          LCR_FAULT_SHIM, call, path));
    for (int i = 0; i < 3000 && child_of(process) == 0; ++i) sleep_seconds(0.01);
    ASSERT_NE(child_of(process), 0) << words();
    sleep_seconds(3);
    ::kill(process, SIGKILL);
    EXPECT_TRUE(all_gone(process, seconds));
    wait(process);
  }
}

#ifndef __SANITIZE_ADDRESS__  // it needs more address space than any of these
TEST_F(Faults, TooLittleAddressSpaceIsSaidAtEveryLimit) {
  const std::string training = grid("limit", {.more = "--rows Ours", .epochs = 2, .threads = 1});
  ASSERT_EQ(run(training).code, 0);
  copy("limit", "trained");
  const std::string evaluating = fmt::format(
      "evaluate --run '{}' --data-dir data --threads 1 --protocols knn --knn-neighbours 3",
      (folder / "trained/runs" / run_directory("limit", "-lcr-").filename()).string());
  // One processor's buffer for OpenBLAS: what is needed does not depend on this machine.
  const auto start_within = [&](int kilobytes, const std::string& command) {
    return start(
        command,
        fmt::format("OMP_NUM_THREADS=1 sh -c 'ulimit -v {} && exec \"$0\" \"$@\"'", kilobytes));
  };
  constexpr int kNotLoaded = 127;
  // A LibTorch with CUDA takes gigabytes before the program begins.
  constexpr int kGigabyte = 1'000'000;
  int loaded = 400'000 + kGigabyte;
  while (wait(start_within(loaded, "evaluate --version")) == kNotLoaded && loaded < 64 * kGigabyte)
    loaded += kGigabyte;
  const int step = long_form() ? 10'000 : 150'000;
  int refused = 0, done = 0, unloaded = 0;
  for (const std::string& command : {training, evaluating})
    for (int kilobytes = loaded - kGigabyte; kilobytes <= loaded + 600'000; kilobytes += step) {
      SCOPED_TRACE(fmt::format("ulimit -v {}: {}", kilobytes, command));
      fs::remove_all(folder / "limit");
      fs::remove_all(run_directory("trained", "-lcr-") / "evaluations");
      const pid_t process = start_within(kilobytes, command);
      bool has_ended = false;
      for (int i = 0; i < 12'000 && !(has_ended = ended(process)); ++i) sleep_seconds(0.01);
      ASSERT_TRUE(has_ended) << "it hangs: " << words();
      const int code = wait(process);
      const std::string said = words();
      if (code == 0) {
        ++done;
        EXPECT_EQ(said.find("out of memory"), std::string::npos) << said;
      } else if (code == kNotLoaded) {  // the loader found no room: nothing of the suite ran
        ++unloaded;
        EXPECT_NE(said.find("error while loading shared libraries"), std::string::npos) << said;
      } else {
        ++refused;
        EXPECT_EQ(code, 2) << said;
        EXPECT_NE(said.find("out of memory"), std::string::npos) << said;
        EXPECT_EQ(said.find("internal error"), std::string::npos) << said;
        EXPECT_EQ(said.find("killed by signal"), std::string::npos) << said;
      }
      expect_sound("limit");
    }
  EXPECT_GT(refused, 0);
  EXPECT_GT(done, 0);
  fmt::print("address space: {} limits too low for the loader, {} refused, {} enough\n", unloaded,
             refused, done);
}
#endif

TEST_F(Faults, AKilledParentLeavesNoWorkerBehind) {
  const pid_t process =
      start(grid("orphan", {.more = "--rows Ours", .epochs = 100000, .checkpoint_every = "never"}));
  const auto has_begun = [&] {
    return fs::exists(folder / "orphan/runs") &&
           fs::exists(run_directory("orphan", "-lcr-") / "provenance.json");
  };
  for (int i = 0; i < 3000 && !has_begun(); ++i) sleep_seconds(0.01);
  sleep_seconds(1);
  ::kill(process, SIGKILL);
  ::waitpid(process, nullptr, 0);
  bool gone = false;
  for (int i = 0; i < 1000 && !(gone = ::kill(-process, 0) != 0); ++i) sleep_seconds(0.01);
  EXPECT_TRUE(gone);
  // What it had trained is kept.
  EXPECT_EQ(resume_files(run_directory("orphan", "-lcr-")).size(), 1U);
  expect_sound("orphan");
}

TEST_F(Faults, DamagedCheckpointsAreNeverTrainedOn) {
  reference();
  ASSERT_NO_FATAL_FAILURE(make_partial("partial"));
  const auto bytes_of = [](const fs::path& path) { return read_text(path, 1 << 30); };
  const auto flip = [&](const fs::path& path, std::size_t at) {
    std::string bytes = bytes_of(path);
    bytes[at % bytes.size()] = static_cast<char>(bytes[at % bytes.size()] ^ 0x10);
    write_bytes(path, bytes);
  };
  std::vector<std::pair<std::string, std::function<void(const fs::path&)>>> damages = {
      {"flipped", [&](const fs::path& path) { flip(path, bytes_of(path).size() - 1000); }},
      {"cut",
       [&](const fs::path& path) {
         write_bytes(path, bytes_of(path).substr(0, bytes_of(path).size() / 2));
       }},
      {"empty", [](const fs::path& path) { write_bytes(path, std::string()); }}};
  if (long_form()) {
    std::mt19937 random(3);
    for (int i = 0; i < 30; ++i)
      damages.emplace_back(
          fmt::format("flipped-{}", i),
          [&flip, at = random()](const fs::path& path) { flip(path, at % 40'000); });
  }
  int found = 0;
  for (const auto& [name, damage] : damages) {
    SCOPED_TRACE(name);
    // The newer one damaged: the older one is taken.
    copy("partial", name);
    const auto files = resume_files(run_directory(name, "-lcr-"));
    damage(files.back());
    if (run("lcr-runs verify --runs " + name + "/runs").code == 0) {
      // The byte was in the header's padding: nothing is lost.
      fs::remove_all(folder / name);
      continue;
    }
    ++found;
    const Outcome outcome = run(grid(name));
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    EXPECT_NE(outcome.err.find(files.back().filename().string()), std::string::npos) << outcome.err;
    EXPECT_NE(outcome.err.find("it is skipped"), std::string::npos) << outcome.err;
    expect_same_as_reference(name);
    fs::remove_all(folder / name);
    // Both damaged: nothing is trained.
    copy("partial", name);
    for (const auto& file : files) damage(file);
    const Outcome refused = run(grid(name));
    EXPECT_EQ(refused.code, 2) << refused.err;
    EXPECT_NE(refused.err.find("every other checkpoint"), std::string::npos) << refused.err;
    EXPECT_FALSE(fs::exists(folder / (name + "/results/c1.csv")));
    fs::remove_all(folder / name);
  }
  EXPECT_GE(found, 3);

  const auto rewrite = [&](const fs::path& path, const std::string& key, const std::string& value) {
    const WeightFile file = read_safetensors(path);
    auto metadata = file.metadata;
    metadata[key] = value;
    std::map<std::string, TensorToWrite> tensors;
    for (const auto& [name, tensor] : file.tensors)
      tensors[name] = {tensor.dtype, tensor.shape, file.bytes.data() + tensor.begin};
    write_safetensors(path, tensors, metadata);
  };
  const auto expect_stopped = [&](const std::string& key, const std::string& value,
                                  const std::string& part) {
    SCOPED_TRACE(key);
    copy("partial", key);
    rewrite(resume_files(run_directory(key, "-lcr-")).back(), key, value);
    const Outcome outcome = run(grid(key));
    EXPECT_EQ(outcome.code, 2) << outcome.err;
    EXPECT_NE(outcome.err.find(part), std::string::npos) << outcome.err;
    fs::remove_all(folder / key);
  };
  expect_stopped("format", "lcr-checkpoint 99", "lcr-checkpoint 99");
  expect_stopped("identity", std::string(64, 'a'), "belongs to run aaaaaaaaaaaa");
}

TEST_F(Faults, OtherConditionsAreRefusedOrMarked) {
  reference();
  ASSERT_NO_FATAL_FAILURE(make_partial("partial"));
  copy("partial", "threads");
  // Two threads per run instead of one.
  const std::string command = grid("threads", {.more = "--rows Ours ", .threads = 4});
  const Outcome differs = run(command);
  EXPECT_EQ(differs.code, 2) << differs.err;
  EXPECT_NE(differs.err.find("threads: 1 there, 2 here"), std::string::npos) << differs.err;
  EXPECT_NE(differs.err.find("--inexact-resume"), std::string::npos) << differs.err;
  const Outcome inexact = run(command + "--inexact-resume");
  EXPECT_EQ(inexact.code, 0) << inexact.err;
  int marked = 0;
  for (const auto& row : read_results(folder / "threads/results/c1.csv")) {
    EXPECT_EQ(row[result_column("resume")], row[result_column("method")] == "lcr" ? "inexact" : "");
    marked += row[result_column("resume")] == "inexact";
  }
  EXPECT_GT(marked, 0);

  // Other vector instructions and other BLAS kernels: both change the last bits.
  const auto expect_refused = [&](const std::string& environment, const std::string& part) {
    SCOPED_TRACE(environment);
    copy("partial", "machine");
    EXPECT_EQ(wait(start(grid("machine", {.more = "--rows Ours"}), environment)), 2) << words();
    EXPECT_NE(words().find(part), std::string::npos) << words();
    fs::remove_all(folder / "machine");
  };
  const std::string provenance = read_text(run_directory("partial", "-lcr-") / "provenance.json");
  if (provenance.find("\"isa\": \"DEFAULT") == std::string::npos)
    expect_refused("ATEN_CPU_CAPABILITY=default", "isa: ");
  if (provenance.find("loops portable") == std::string::npos)
    expect_refused("LCR_KERNELS=portable", "isa: ");
  if (provenance.find("OpenBLAS kernels=") != std::string::npos)
    expect_refused(provenance.find("OpenBLAS kernels=Nehalem") == std::string::npos
                       ? "OPENBLAS_CORETYPE=Nehalem"
                       : "OPENBLAS_CORETYPE=Core2",
                   "OpenBLAS kernels: ");

  // The best weights so far may be from an epoch that an inexact continuation does not repeat.
  copy("partial", "best");
  const fs::path best = run_directory("best", "-lcr-") / "checkpoints/best_rank1.safetensors";
  fs::copy(run_directory("threads", "-lcr-") / "checkpoints/last.safetensors", best,
           fs::copy_options::overwrite_existing);  // epoch 40
  const Outcome abandoned =
      run(grid("best", {.more = "--rows Ours --inexact-resume", .threads = 4}));
  EXPECT_EQ(abandoned.code, 0) << abandoned.err;
  EXPECT_NE(abandoned.err.find("best_rank1.safetensors belonged to a later epoch"),
            std::string::npos)
      << abandoned.err;

  // An inexact continuation that was abandoned must not leave its weights to an exact one.
  copy("partial", "given-up");
  const fs::path kept = run_directory("given-up", "-lcr-") / "checkpoints/best_rank1.safetensors";
  fs::copy(run_directory("threads", "-lcr-") / "checkpoints/last.safetensors", kept,
           fs::copy_options::overwrite_existing);
  const Outcome exact = run(grid("given-up", {.more = "--rows Ours"}));
  EXPECT_EQ(exact.code, 0) << exact.err;
  EXPECT_NE(
      exact.err.find("best_rank1.safetensors belonged to a later epoch of another continuation"),
      std::string::npos)
      << exact.err;
  const std::string kept_name = fs::relative(kept, folder / "given-up").string();
  if (fs::exists(kept)) EXPECT_EQ(sha256_file(kept), reference().at(kept_name));

  // Options that were changed by hand.
  copy("partial", "drift");
  const fs::path config = run_directory("drift", "-lcr-") / "config.ini";
  std::string text = read_text(config);
  text.replace(text.find("epochs = 40"), 11, "epochs = 30");
  write_atomic(config, text);
  const Outcome drift = run(grid("drift"));
  EXPECT_EQ(drift.code, 2) << drift.err;
  EXPECT_NE(drift.err.find("epochs: 30 there, 40 here"), std::string::npos) << drift.err;
}

TEST_F(Faults, TheCalendarDoesNotMatterAndNamesMayBeOdd) {
  reference();
  EXPECT_EQ(run_with("LCR_FAULT_CLOCK=back", grid("back")), 0) << words();
  expect_same_as_reference("back");
  const std::string place = "a folder, \xc3\xa4 \xe7\xb5\x90\xe6\x9e\x9c";
  const pid_t process = start(grid(place));
  sleep_seconds(seconds_ / 2);
  ::kill(process, SIGTERM);
  wait(process);
  const Outcome outcome = run(grid(place));
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  expect_same_as_reference(place);
  const Outcome report = run("lcr-plot report --results '" + place + "/results'");
  EXPECT_EQ(report.code, 0) << report.err;
  EXPECT_TRUE(fs::exists(folder / (place + "/results/report.html")));
}

TEST_F(Faults, PixelStoresAndDownloadsSurviveKills) {
  for (const char* split : {"train", "test"})
    for (const char* name : {"a", "b"})
      for (int i = 0; i < 40; ++i) {
        fs::create_directories(folder / "pictures" / split / name);
        write_bytes(folder / "pictures" / split / name / (std::to_string(i) + ".jpg"),
                    testing::image_file(i % 2 ? "4:4:4" : "grey"));
      }
  const std::string pack =
      "lcr-data pack image-folder --folder pictures --threads 1 --data-dir data --pixel-store ";
  ASSERT_EQ(run(pack + "whole").code, 0);
  const auto content = [&](const std::string& place) {
    std::map<std::string, std::string> files;
    for (const auto& entry : fs::directory_iterator(folder / place))
      if (entry.path().extension() != ".lock")
        files[entry.path().filename().string()] = sha256_file(entry.path());
    return files;
  };
  const auto whole = content("whole");
  ASSERT_GE(whole.size(), 1U);
  for (const auto& [call, nth] : {std::pair("write", 1), std::pair("write", 30),
                                  std::pair("fsync", 1), std::pair("rename", 1)}) {
    SCOPED_TRACE(fmt::format("{} {}", call, nth));
    EXPECT_EQ(
        run_with(
            fmt::format("LCR_FAULT=kill LCR_FAULT_CALL={} LCR_FAULT_PATH=killed LCR_FAULT_NTH={}",
                        call, nth),
            pack + "killed"),
        -SIGKILL)
        << words();
    EXPECT_EQ(run(pack + "killed").code, 0);
    EXPECT_EQ(content("killed"), whole);
    fs::remove_all(folder / "killed");
    EXPECT_EQ(
        run_with(
            fmt::format("LCR_FAULT=full LCR_FAULT_CALL={} LCR_FAULT_PATH=killed LCR_FAULT_NTH={}",
                        call, nth),
            pack + "killed"),
        2)
        << words();
    EXPECT_NE(words().find("No space left on device"), std::string::npos) << words();
    EXPECT_EQ(run(pack + "killed").code, 0);
    EXPECT_EQ(content("killed"), whole);
    fs::remove_all(folder / "killed");
  }

  // A download of three megabytes, killed at several points, resumes each time.
  std::string file(3 << 20, '\0');
  std::mt19937 random(1);
  for (char& c : file) c = static_cast<char>(random());
  testing::HttpServer server(file);
  write_bytes(folder / "served", file);
  auto json = nlohmann::json::parse(read_text(fs::path(LCR_SOURCE_DIR) / "datasets/cub200.json"));
  json["files"][0]["url"] = server.url();
  json["files"][0]["md5"] = md5_file(folder / "served");
  json["files"][0]["bytes"] = file.size();
  write_atomic(home / "datasets/cub200.json", json.dump());
  const std::string fetch = "lcr-data fetch cub200 --data-dir fetched";
  for (const int nth : {1, 20, 100}) {
    EXPECT_EQ(
        run_with(
            fmt::format("LCR_FAULT=kill LCR_FAULT_CALL=write LCR_FAULT_PATH=.part LCR_FAULT_NTH={}",
                        nth),
            fetch),
        -SIGKILL)
        << words();
  }
  EXPECT_EQ(run_with("LCR_FAULT=kill LCR_FAULT_CALL=rename LCR_FAULT_PATH=fetched", fetch),
            -SIGKILL)
      << words();
  run(fetch);  // completes the file, then fails: it is not an archive
  bool arrived = false;
  for (const auto& entry : fs::recursive_directory_iterator(folder / "fetched"))
    if (entry.is_regular_file()) {
      EXPECT_NE(entry.path().extension(), ".part");
      arrived = arrived || (entry.file_size() == file.size() &&
                            sha256_file(entry.path()) == sha256_file(folder / "served"));
    }
  EXPECT_TRUE(arrived);
}

TEST_F(Faults, Soak) {
  const char* wanted = std::getenv("LCR_SOAK_MINUTES");
  const double minutes = !long_form() ? 0.4 : wanted ? std::atof(wanted) : 30;
  reference();
  // Watches one endless training, with a checkpoint every 60 ms and an evaluation every four
  // epochs, while short grids are killed and finished at the same time.
  const pid_t endless = start(
      "cifar100_baseline --dataset synthbirds --synthbirds-classes 20 --synthbirds-train 200 "
      "--limit-train 0 --limit-test 200 --width 4 --image-size 24 --batch-size 8 --queue-size 16 "
      "--epochs 100000 --eval-every 4 --jobs 1 --threads 1 --seeds 0 --rows Ours "
      "--checkpoint-every 0.001min --runs endless/runs --results endless/results");
  // Minute, MiB and descriptors of the worker, MiB and descriptors of its parent.
  std::vector<std::array<double, 5>> samples;
  std::mt19937 random(11);
  const auto begin = Clock::now();
  int grids = 0, kills = 0;
  double next_sample = 0;
  const auto sample = [&] {
    const double minute = std::chrono::duration<double>(Clock::now() - begin).count() / 60;
    if (minute < next_sample) return;
    next_sample = minute + minutes / 60;
    const auto parent = look_at(endless);
    const auto worker = look_at(child_of(endless));
    if (parent && worker)
      samples.push_back({minute, worker->first, static_cast<double>(worker->second), parent->first,
                         static_cast<double>(parent->second)});
  };
  while (std::chrono::duration<double>(Clock::now() - begin).count() < minutes * 60 &&
         !HasFailure()) {
    const std::string place = "soak";
    int attempts = 0;
    for (bool finished = false; !finished;) {
      const pid_t process = start(grid(place));
      // Grows with the attempts: on a busy machine short ones may never make progress.
      const double longest = (2 + ++attempts / 4) * seconds_;
      const double patience = std::uniform_real_distribution<>(0.05, longest)(random);
      const auto deadline = Clock::now() + std::chrono::duration<double>(patience);
      while (!ended(process) && Clock::now() < deadline) {
        sleep_seconds(0.02);
        sample();
      }
      finished = ended(process);
      if (!finished) {
        ::kill(-process, SIGKILL);
        ++kills;
      }
      const int code = wait(process);
      if (finished) EXPECT_EQ(code, 0) << words();
    }
    ++grids;
    expect_same_as_reference(place);
    fs::remove_all(folder / place);
  }
  ASSERT_FALSE(ended(endless)) << words();
  ::kill(endless, SIGTERM);
  EXPECT_EQ(wait(endless), 3);
  ASSERT_GE(samples.size(), 10U);
  fmt::print(
      "soak of {:.1f} minutes: {} grids finished through {} kills\nminute  worker MiB  "
      "descriptors  parent MiB  descriptors\n",
      minutes, grids, kills);
  for (const auto& s : samples)
    fmt::print("{:6.1f}  {:10.1f}  {:11.0f}  {:10.1f}  {:11.0f}\n", s[0], s[1], s[2], s[3], s[4]);
  // After the first sixth nothing grows: 2 % is the noise of the allocator, which needs minutes to
  // settle.
  const auto& settled = samples[samples.size() / 6];
  const auto& last = samples.back();
  EXPECT_LE(last[2], settled[2] + 2);
  EXPECT_LE(last[4], settled[4] + 2);
  if (!long_form()) return;
  EXPECT_LE(last[1], settled[1] * 1.02);
  EXPECT_LE(last[3], settled[3] * 1.02);
}

}  // namespace
}  // namespace lcr
