// Ranks that mpirun and torchrun start, and ranks on two machines, which are network namespaces.
#include <fmt/core.h>
#include <unistd.h>

#include "lcr/base/sockets.h"
#include "tests/support/programs.h"
#include "tests/support/shell.h"

namespace lcr {
namespace {

namespace fs = std::filesystem;

class Launchers : public testing::ProgramTest {
 protected:
  void SetUp() override {
    ProgramTest::SetUp();
    if (!std::getenv("LCR_CLUSTER")) GTEST_SKIP() << "minutes: make test-cluster runs it";
    write_fashion("data");
  }

  /// A run of two ranks in the store PLACE/runs.
  static std::string command(const std::string& place, const std::string& more = "") {
    return program(fmt::format(
        "cifar100_baseline --data-dir data --limit-train 0 --limit-test 0 --width 4 --image-size "
        "16 --batch-size 8 --queue-size 16 --epochs 20 --eval-every 10 --threads 1 --seeds 0 "
        "--rows Ours --checkpoint-every 0.001min --ranks 2 --runs {0}/runs --results {0}/results "
        "{1}",
        place, more));
  }
  /// Trains the run without a launcher, in the store a/runs.
  void train_reference() {
    const auto outcome = testing::shell(folder.path(), home_ + command("a"));
    ASSERT_EQ(outcome.code, 0) << outcome.log;
    for (const auto& entry : fs::directory_iterator(folder / "a/runs"))
      if (fs::is_directory(entry.path())) run_name_ = entry.path().filename().string();
    ASSERT_FALSE(run_name_.empty());
  }
  std::string worker(const std::string& place, const std::string& more = "") const {
    return command(place, "--worker-run " + run_name_ + " " + more);
  }
  testing::ShellOutcome with_home(const std::string& line) const {
    return testing::shell(folder.path(), home_ + line);
  }
  /// Expects the reference's weights and measurements in the store of `place`.
  void expect_same(const std::string& place) const {
    const auto weights = [&](const std::string& from) {
      return read_text(folder / from / "runs" / run_name_ / "checkpoints/last.safetensors");
    };
    EXPECT_TRUE(weights(place) == weights("a")) << place << ": other weights";
    const auto measurements = [&](const std::string& from) {
      return nlohmann::json::parse(
          read_text(folder / from / "runs" / run_name_ / "result.json"))["measurements"];
    };
    EXPECT_EQ(measurements(place), measurements("a")) << place;
  }
  static bool is_there(const std::string& program) {
    return std::system(("command -v " + program + " >/dev/null").c_str()) == 0;
  }

  std::string run_name_;
  const std::string home_ = "export OMP_WAIT_POLICY=passive LCR_HOME='" + home.string() + "'; ";
};

TEST_F(Launchers, MpirunStartsTheRanksOfARun) {
  if (!is_there("mpirun")) GTEST_SKIP() << "no mpirun: make test-cluster installs it";
  train_reference();
  const ReservedPort port;
  const std::string mpirun = fmt::format(
      "export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 MASTER_PORT={}; mpirun "
      "--oversubscribe --bind-to none -np 2 -x MASTER_PORT ",
      port.number());
  const auto outcome = with_home(mpirun + worker("b"));
  EXPECT_EQ(outcome.code, 0) << outcome.log;
  expect_same("b");
}

TEST_F(Launchers, TorchrunStartsAgainWhatWasKilled) {
  const fs::path torchrun = fs::path(LCR_SOURCE_DIR) / ".venv-torch/bin/torchrun";
  if (!fs::exists(torchrun)) GTEST_SKIP() << "no " << torchrun << ": make setup-gpu installs it";
  train_reference();
  const ReservedPort port;
  // Once the run has a checkpoint, rank 1 is killed; torchrun starts both again.
  const auto outcome = with_home(fmt::format(
      "'{}' --no-python --nnodes 1 --nproc-per-node 2 --master-addr 127.0.0.1 --master-port {} "
      "--max-restarts 2 {} & launcher=$!; "
      "until ls b/runs/*/checkpoints/resume-*.safetensors; do kill -0 $launcher || break; sleep "
      "0.05; done >/dev/null 2>&1; "
      "for process in $(pgrep -f -- '--runs b/runs'); do tr '\\0' '\\n' "
      "< /proc/$process/environ | grep -q -x LOCAL_RANK=1 && kill -KILL $process; done; wait "
      "$launcher",
      torchrun.string(), port.number(), worker("b")));
  EXPECT_EQ(outcome.code, 0) << outcome.log;
  EXPECT_NE(outcome.log.find("lost another rank"), std::string::npos) << outcome.log;
  EXPECT_NE(outcome.log.find("resumes after epoch"), std::string::npos) << outcome.log;
  expect_same("b");
}

/// Two network namespaces with a cable between them.
class TwoMachines : public Launchers {
 protected:
  void SetUp() override {
    Launchers::SetUp();
    if (IsSkipped()) return;
    if (::geteuid() != 0) GTEST_SKIP() << "only root may make network namespaces";
    if (!is_there("ip")) GTEST_SKIP() << "no ip: make test-cluster installs it";
    const auto made = testing::shell(
        folder.path(),
        fmt::format("set -e; ip netns add {0}a; ip netns add {0}b; ip link add cable netns {0}a "
                    "type veth peer name cable netns {0}b; ip -n {0}a addr add 10.231.7.1/24 dev "
                    "cable; ip -n {0}b addr add 10.231.7.2/24 dev cable; for n in {0}a {0}b; do "
                    "ip -n $n link set lo up; ip -n $n link set cable up; done",
                    name_));
    if (made.code != 0) GTEST_SKIP() << "no network namespace can be made here: " << made.log;
    train_reference();
  }
  void TearDown() override {
    testing::shell(folder.path(), fmt::format("ip netns del {0}a; ip netns del {0}b", name_));
    Launchers::TearDown();
  }
  /// Starts a rank on each machine, each of which says so in the file rankN.txt, and waits for both
  /// after `meanwhile`. The log is their exit codes.
  testing::ShellOutcome run_on_both(const std::string& line, const std::string& meanwhile) const {
    const auto start = [&](int rank) {
      return fmt::format(
          "RANK={0} WORLD_SIZE=2 LOCAL_RANK=0 LOCAL_WORLD_SIZE=1 MASTER_ADDR=10.231.7.1 "
          "MASTER_PORT=29500 ip netns exec {1}{2} {3} > rank{0}.txt 2>&1 & rank{0}=$!; ",
          rank, name_, rank == 0 ? "a" : "b", line);
    };
    return with_home(start(0) + start(1) + meanwhile +
                     "wait $rank0; echo $?; wait $rank1; echo $?");
  }
  std::string words() const {
    return read_text(folder / "rank0.txt") + read_text(folder / "rank1.txt");
  }
  const std::string name_ = fmt::format("lcr{}", ::getpid());
};

TEST_F(TwoMachines, ShareARun) {
  // The host's name is that of the loopback address, which Gloo would take by itself.
  const auto outcome = run_on_both(worker("b"), "");
  EXPECT_EQ(outcome.log, "0\n0\n") << words();
  expect_same("b");
}

TEST_F(TwoMachines, ACutCableEndsBoth) {
  const auto outcome = run_on_both(
      worker("b", "--rank-timeout 3"),
      fmt::format("until ls b/runs/*/checkpoints/resume-*.safetensors; do kill -0 $rank0 || break; "
                  "sleep 0.05; done >/dev/null 2>&1; ip -n {}b link set cable down; ",
                  name_));
  EXPECT_EQ(outcome.log, "4\n4\n") << words();
  EXPECT_NE(words().find("lost another rank"), std::string::npos) << words();
  const auto again = with_home(command("b"));
  EXPECT_EQ(again.code, 0) << again.log;
  expect_same("b");
}

}  // namespace
}  // namespace lcr
