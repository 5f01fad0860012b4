// A grid on a real Slurm of two nodes, both of them this machine: killed tasks, a lost node, a
// request to stop, and submissions that find everything in the queue or in the store.
#include <chrono>
#include <csignal>
#include <fstream>
#include <functional>
#include <map>
#include <thread>

#include <fmt/core.h>
#include <unistd.h>

#include "lcr/base/text.h"
#include "tests/support/programs.h"
#include "tests/support/shell.h"

namespace lcr {
namespace {

namespace fs = std::filesystem;
using testing::Outcome;

/// Waits at most two minutes until something is true.
bool soon(const std::function<bool()>& holds) {
  for (int i = 0; i < 1200; ++i) {
    if (holds()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  return false;
}

class Slurm : public testing::ProgramTest {
 protected:
  void SetUp() override {
    ProgramTest::SetUp();
    ASSERT_EQ(::geteuid(), 0U) << "only root may start Slurm's daemons";
    for (const char* program : {"sbatch", "slurmctld", "slurmd", "munged"})
      ASSERT_EQ(std::system(fmt::format("command -v {} >/dev/null", program).c_str()), 0)
          << program << ": make test-cluster installs it";
    // munged wants its socket to be reachable for all.
    fs::permissions(folder.path(), fs::perms::group_exec | fs::perms::others_exec,
                    fs::perm_options::add);
    started_ = true;
    ASSERT_EQ(cluster("start").code, 0) << testing::shell(folder.path(), "cat cluster.txt").log;
    ::setenv("SLURM_CONF", (folder / "cluster/slurm.conf").c_str(), 1);
    // The nodes have no names of their own.
    ::setenv("MASTER_ADDR", "127.0.0.1", 1);
    write_atomic(folder / "tiny.ini",
                 "[standin]\nsynthbirds-train = 6\nbatch-size = 16\nepochs = 12\n");
  }
  void TearDown() override {
    if (started_) cluster("stop");
    ::unsetenv("SLURM_CONF");
    ::unsetenv("MASTER_ADDR");
    ProgramTest::TearDown();
  }

  testing::ShellOutcome cluster(const std::string& command) const {
    const auto blank = command.find(' ');
    return testing::shell(
        folder.path(),
        fmt::format("{}/tests/cluster/slurm_cluster.sh {} '{}' {} > cluster.txt 2>&1",
                    LCR_SOURCE_DIR, command.substr(0, blank), (folder / "cluster").string(),
                    blank == std::string::npos ? "" : command.substr(blank)));
  }
  /// What a command of Slurm prints.
  std::string ask(const std::string& command) const {
    return testing::shell(folder.path(), command).log;
  }
  /// Starts jobs that were queued again, which Slurm keeps back for two minutes; not within a
  /// second, in which the nodes still refuse them ("Job credential revoked").
  void end_waiting() const {
    ask("for job in $(squeue --noheader --array --states=PENDING --format='%i %r' | sed -n 's/ "
        "BeginTime$//p'); do sleep 3; scontrol update JobId=$job StartTime=now; done");
  }
  bool queue_is_empty() const { return ask("squeue --noheader").empty(); }

  /// A grid of three stages: a stand-in, a trunk of two ranks, four branches of it.
  static std::string grid(const std::string& place, const std::string& more) {
    return fmt::format(
        "projection_selection --config tiny.ini --width 4 --image-size 16 --batch-size 8 "
        "--queue-size 16 --epochs 60 --subset-epoch 30 --synthbirds-classes 3 "
        "--synthbirds-train 16 --synthbirds-test 3 --ranks 2 --threads 2 --seeds 0 "
        "--checkpoint-every 0.001min --runs {0}/runs --results {0}/results {1}",
        place, more);
  }
  /// The weights and measurements of every run in a store.
  std::map<std::string, std::string> state_of(const std::string& place) const {
    std::map<std::string, std::string> state;
    for (const auto& entry : fs::directory_iterator(folder / place / "runs")) {
      const std::string name = entry.path().filename().string();
      if (name.starts_with(".") || !entry.is_directory()) continue;
      if (!fs::exists(entry.path() / "result.json")) {
        state[name] = "unfinished";
        continue;
      }
      state[name] =
          nlohmann::json::parse(read_text(entry.path() / "result.json"))["measurements"].dump();
      for (const char* file : {"checkpoints/last.safetensors", "backbone.safetensors"})
        if (fs::exists(entry.path() / file)) state[name] += read_text(entry.path() / file);
    }
    return state;
  }
  void expect_same(const std::string& place, const std::string& wanted) const {
    const auto have = state_of(place), want = state_of(wanted);
    ASSERT_EQ(have.size(), want.size());
    for (const auto& [name, state] : want)
      EXPECT_TRUE(have.contains(name) && have.at(name) == state) << name << ": differs";
    EXPECT_EQ(read_text(folder / place / "results/b2.configs.json"),
              read_text(folder / wanted / "results/b2.configs.json"));
  }
  /// The processes of the step of a job that train, by their command lines; the trunk's have two.
  static std::vector<pid_t> processes(const std::string& part) {
    std::vector<pid_t> found;
    for (const auto& entry : fs::directory_iterator("/proc")) {
      const auto id = parse_integer(entry.path().filename().string());
      if (!id) continue;
      std::ifstream in(entry.path() / "cmdline", std::ios::binary);
      std::string line(std::istreambuf_iterator<char>(in), {});
      if (line.find("srun") == std::string::npos && line.find(part) != std::string::npos &&
          line.find("--worker-run") != std::string::npos)
        found.push_back(static_cast<pid_t>(*id));
    }
    return found;
  }
  /// Whether the run of the trunk, the only one on two ranks, is past its first checkpoint.
  bool trunk_trains(const std::string& place) const {
    std::error_code none;
    for (const auto& entry : fs::recursive_directory_iterator(folder / place / "runs", none))
      if (entry.path().filename().string().starts_with("resume-") &&
          processes(place + "/runs").size() == 2)
        return true;
    return false;
  }
  std::string logs(const std::string& place) const {
    return ask(fmt::format("cat {}/runs/.slurm/*/log/*", place));
  }

  /// Waits for the end of a grid of which a task was queued again; expects the local grid's state.
  void expect_the_end(const std::string& place) const {
    ASSERT_TRUE(soon([&] {
      end_waiting();
      return queue_is_empty();
    })) << ask("squeue; sinfo")
        << logs(place);
    EXPECT_NE(logs(place).find("restart 1"), std::string::npos)
        << logs(place) << ask("cat cluster/log/slurmctld.log cluster/log/slurmctld.out");
    expect_same(place, "local");
  }

 private:
  bool started_ = false;
};

TEST_F(Slurm, AKilledTaskGoesOnAndTheResultsAreThoseOfALocalGrid) {
  ASSERT_EQ(run(grid("local", "")).code, 0);
  const Outcome submitted = run(grid("a", "--submit slurm"));
  ASSERT_EQ(submitted.code, 0) << submitted.err;
  const std::string jobs = ask("squeue --noheader --array --format=%i | sort");
  EXPECT_NE(ask(program("lcr-runs") + " list --runs a/runs 2>&1").find("PENDING"),
            std::string::npos);
  // Asked again, it queues nothing.
  const Outcome again = run(grid("a", "--submit slurm"));
  EXPECT_EQ(again.code, 0) << again.err;
  EXPECT_NE(again.out.find("are in Slurm's queue already"), std::string::npos) << again.out;
  EXPECT_EQ(again.out.find("job "), std::string::npos) << again.out;
  EXPECT_EQ(ask("squeue --noheader --array --format=%i | sort"), jobs);

  ASSERT_TRUE(soon([&] { return trunk_trains("a"); })) << logs("a");
  ::kill(processes("a/runs").back(), SIGKILL);
  ASSERT_TRUE(soon([&] { return queue_is_empty(); })) << ask("squeue");
  EXPECT_NE(logs("a").find("attempt 2"), std::string::npos) << logs("a");
  expect_same("a", "local");
  EXPECT_TRUE(fs::exists(folder / "a/results/b2.csv")) << logs("a");

  // With all runs in the store, a submission makes the results itself.
  fs::remove(folder / "a/results/b2.csv");
  const Outcome last = run(grid("a", "--submit slurm"));
  EXPECT_EQ(last.code, 0) << last.err;
  EXPECT_TRUE(fs::exists(folder / "a/results/b2.csv"));
  EXPECT_TRUE(queue_is_empty());
}

TEST_F(Slurm, ATaskThatMustStopIsQueuedAgain) {
  ASSERT_EQ(run(grid("local", "")).code, 0);
  ASSERT_EQ(run(grid("a", "--submit slurm")).code, 0);
  ASSERT_TRUE(soon([&] { return trunk_trains("a"); })) << logs("a");
  const std::string job =
      ask("squeue --noheader --states=RUNNING --format=%i | head -n 1 | tr -d '\\n'");
  ask("scancel --signal=TERM " + job);  // as before the time limit
  ASSERT_TRUE(soon([&] { return logs("a").find("exit code 3") != std::string::npos; }))
      << logs("a");
  expect_the_end("a");
}

TEST_F(Slurm, ALostNodeCostsNoRun) {
  ASSERT_EQ(run(grid("local", "")).code, 0);
  ASSERT_EQ(run(grid("a", "--submit slurm --slurm-options '--nodelist=n1'")).code, 0);
  ASSERT_TRUE(soon([&] { return trunk_trains("a"); })) << logs("a");
  cluster("lose n1");
  EXPECT_NE(state_of("a"), state_of("local"));
  ASSERT_TRUE(soon([&] {
    return ask("sinfo --noheader --Node --nodes=n1 --format=%T").find("down") == 0;
  })) << ask("sinfo");
  ASSERT_EQ(cluster("bring n1").code, 0);
  // Debian 12's slurmctld sometimes crashes if a task is started again at once on a node that was
  // lost.
  std::this_thread::sleep_for(std::chrono::seconds(30));
  expect_the_end("a");
}

TEST_F(Slurm, WhatSlurmRefusesLeavesNothingQueued) {
  const Outcome refused = run(grid("a", "--submit slurm --slurm-options '--partition=nowhere'"));
  EXPECT_EQ(refused.code, 2);
  EXPECT_NE(refused.err.find("invalid partition specified: nowhere"), std::string::npos)
      << refused.err;
  EXPECT_TRUE(queue_is_empty());
  EXPECT_EQ(ask("ls a/runs/.slurm"), "lock\n");
}

}  // namespace
}  // namespace lcr
