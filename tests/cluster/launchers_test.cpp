// Ranks that mpirun and torchrun start, and ranks on two machines, which are network namespaces.
#include <fmt/core.h>
#include <unistd.h>

#include "lcr/base/sockets.h"
#include "tests/support/rank_runs.h"
#include "tests/support/shell.h"

namespace lcr {
namespace {

namespace fs = std::filesystem;

class Launchers : public testing::RankRunTest {
 protected:
  /// A shell's command line in the test's folder, with the suite's environment.
  testing::ShellOutcome with_home(const std::string& line) const {
    return testing::shell(
        folder.path(), "export OMP_WAIT_POLICY=passive LCR_HOME='" + home.string() + "'; " + line);
  }
  static bool is_there(const std::string& program) {
    return std::system(("command -v " + program + " >/dev/null").c_str()) == 0;
  }
};

TEST_F(Launchers, MpirunStartsTheRanksOfARun) {
  ASSERT_TRUE(is_there("mpirun")) << "make test-cluster installs it";
  train_reference();
  const ReservedPort port;
  const std::string mpirun = fmt::format(
      "export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 MASTER_PORT={}; mpirun "
      "--oversubscribe --bind-to none -np 2 -x MASTER_PORT ",
      port.number());
  const auto outcome = with_home(mpirun + program(worker("b")));
  EXPECT_EQ(outcome.code, 0) << outcome.log;
  expect_same("b");
}

TEST_F(Launchers, TorchrunStartsAgainWhatWasKilled) {
  ASSERT_TRUE(is_there("/usr/bin/torchrun")) << "make test-cluster installs python3-torch";
  train_reference();
  const ReservedPort port;
  // Once the run has a checkpoint, rank 1 is killed; torchrun starts both again. Debian 12's fails
  // if it may neither redirect nor copy (PyTorch 1.13 on Python 3.11).
  const auto outcome = with_home(fmt::format(
      "/usr/bin/torchrun --no_python --nnodes 1 --nproc_per_node 2 --master_addr 127.0.0.1 "
      "--master_port {} "
      "--redirects 1 --tee 1 --log_dir logs --max_restarts 2 {} & launcher=$!; "
      "until ls b/runs/*/checkpoints/resume-*.safetensors; do kill -0 $launcher || break; sleep "
      "0.05; done >/dev/null 2>&1; "
      "for process in $(pgrep -f -- '--runs b/runs'); do tr '\\0' '\\n' "
      "< /proc/$process/environ | grep -q -x LOCAL_RANK=1 && kill -KILL $process; done; wait "
      "$launcher",
      port.number(), program(worker("b"))));
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
    ASSERT_EQ(::geteuid(), 0U) << "only root may make network namespaces";
    ASSERT_TRUE(is_there("ip")) << "make test-cluster installs it";
    const auto made = testing::shell(
        folder.path(),
        fmt::format("set -e; ip netns add {0}a; ip netns add {0}b; ip link add cable netns {0}a "
                    "type veth peer name cable netns {0}b; ip -n {0}a addr add 10.231.7.1/24 dev "
                    "cable; ip -n {0}b addr add 10.231.7.2/24 dev cable; for n in {0}a {0}b; do "
                    "ip -n $n link set lo up; ip -n $n link set cable up; done",
                    name_));
    ASSERT_EQ(made.code, 0) << made.log;
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
  const auto outcome = run_on_both(program(worker("b")), "");
  EXPECT_EQ(outcome.log, "0\n0\n") << words();
  expect_same("b");
}

TEST_F(TwoMachines, ACutCableEndsBoth) {
  const auto outcome = run_on_both(
      program(worker("b", "--rank-timeout 3")),
      fmt::format("until ls b/runs/*/checkpoints/resume-*.safetensors; do kill -0 $rank0 || break; "
                  "sleep 0.05; done >/dev/null 2>&1; ip -n {}b link set cable down; ",
                  name_));
  EXPECT_EQ(outcome.log, "4\n4\n") << words();
  EXPECT_NE(words().find("lost another rank"), std::string::npos) << words();
  const auto again = with_home(program(command("b")));
  EXPECT_EQ(again.code, 0) << again.log;
  expect_same("b");
}

}  // namespace
}  // namespace lcr
