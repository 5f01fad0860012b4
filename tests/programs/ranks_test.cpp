// Runs shared by several processes: started by the program itself or as a launcher does, lost,
// stopped, and badly described.
#include <array>
#include <chrono>
#include <csignal>
#include <fstream>
#include <sstream>
#include <thread>

#include <fcntl.h>
#include <fmt/core.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lcr/base/sockets.h"
#include "lcr/base/text.h"
#include "lcr/record/results_csv.h"
#include "tests/support/rank_runs.h"

namespace lcr {
namespace {

namespace fs = std::filesystem;
using testing::Outcome;

void sleep_a_little() { std::this_thread::sleep_for(std::chrono::milliseconds(3)); }

class Ranks : public testing::RankRunTest {
 protected:
  /// Starts a command; its standard error goes to the file NAME.txt.
  pid_t start(const std::string& line, const std::string& name,
              const std::string& environment = "") const {
    const std::string shell = "cd '" + folder.path().string() +
                              "' && exec env OMP_WAIT_POLICY=passive " + environment + " " +
                              program(line) + " >/dev/null 2>" + name + ".txt </dev/null";
    const pid_t process = ::fork();
    if (process == 0) {
      ::execl("/bin/sh", "sh", "-c", shell.c_str(), nullptr);
      ::_exit(127);
    }
    return process;
  }
  /// Starts rank `rank` of a run as torchrun does.
  pid_t launch(int rank, int port, const std::string& line, const std::string& more = "") const {
    return start(line + " --worker-run " + run_name_, fmt::format("rank{}", rank),
                 fmt::format("RANK={0} LOCAL_RANK={0} WORLD_SIZE=2 MASTER_ADDR=127.0.0.1 "
                             "MASTER_PORT={1} {2}",
                             rank, port, more));
  }
  /// Waits for a process to end. Returns the exit code, or minus the signal.
  static int wait(pid_t process) {
    int status = 0;
    ::waitpid(process, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }
  static bool ended(pid_t process) {
    siginfo_t info{};
    return ::waitid(P_PID, static_cast<id_t>(process), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           info.si_pid == process;
  }
  std::string words(const std::string& name) const { return read_text(folder / (name + ".txt")); }

  /// The child of `parent` that is rank `rank`; 0 if there is none.
  static pid_t find_rank(pid_t parent, int rank) {
    std::ifstream in(fmt::format("/proc/{0}/task/{0}/children", parent));
    for (pid_t child = 0; in >> child;) {
      std::ifstream environment(fmt::format("/proc/{}/environ", child));
      for (std::string entry; std::getline(environment, entry, '\0');)
        if (entry == fmt::format("RANK={}", rank)) return child;
    }
    return 0;
  }
  /// Waits until the run in `place` has a checkpoint to resume from, or the process has ended.
  void wait_for_checkpoint(const std::string& place, pid_t process) const {
    const auto has_one = [&] {
      std::error_code none;
      for (const auto& entry : fs::recursive_directory_iterator(folder / place / "runs", none))
        if (entry.path().filename().string().starts_with("resume-") &&
            entry.path().extension() == ".safetensors")
          return true;
      return false;
    };
    for (int i = 0; i < 20'000 && !ended(process) && !has_one(); ++i) sleep_a_little();
    ASSERT_FALSE(ended(process)) << "the run is too short for this test";
  }
};

TEST_F(Ranks, AnyRankMayBeKilled) {
  train_reference();
  for (const int rank : {0, 1}) {
    const std::string place = fmt::format("killed-{}", rank);
    SCOPED_TRACE(place);
    const pid_t process = start(command(place), place);
    wait_for_checkpoint(place, process);
    const pid_t victim = find_rank(process, rank);
    ASSERT_GT(victim, 0);
    ::kill(victim, SIGKILL);
    EXPECT_EQ(wait(process), 0) << words(place);
    const std::string said = words(place);
    EXPECT_NE(said.find(fmt::format("rank {}: lost another rank (", 1 - rank)), std::string::npos)
        << said;
    EXPECT_NE(said.find("it is started again and resumes from its last checkpoint"),
              std::string::npos)
        << said;
    EXPECT_NE(said.find("resumes after epoch"), std::string::npos) << said;
    EXPECT_EQ(said.find("Exception raised"), std::string::npos) << said;
    expect_same(place);
  }
}

TEST_F(Ranks, ASignalStopsThemAll) {
  train_reference();
  // To the program, which passes it on; and to one of two processes that a launcher started.
  const pid_t process = start(command("b"), "b");
  wait_for_checkpoint("b", process);
  ::kill(process, SIGTERM);
  EXPECT_EQ(wait(process), 3) << words("b");
  EXPECT_EQ(words("b").find("lost another rank"), std::string::npos) << words("b");
  EXPECT_EQ(run(command("b")).code, 0);
  expect_same("b");

  const ReservedPort port;
  const pid_t first = launch(0, port.number(), command("c"));
  const pid_t second = launch(1, port.number(), command("c"));
  wait_for_checkpoint("c", first);
  ::kill(second, SIGUSR1);
  EXPECT_EQ(wait(second), 3) << words("rank1");
  EXPECT_EQ(wait(first), 3) << words("rank0");
  EXPECT_NE(words("rank0").find("a checkpoint is kept"), std::string::npos) << words("rank0");
  EXPECT_EQ(run(command("c")).code, 0);
  expect_same("c");
}

TEST_F(Ranks, ALauncherStartsTheRanksOfARun) {
  train_reference();
  const ReservedPort port;
  const pid_t first = launch(0, port.number(), command("b"));
  const pid_t second = launch(1, port.number(), command("b"));
  EXPECT_EQ(wait(first), 0) << words("rank0");
  EXPECT_EQ(wait(second), 0) << words("rank1");
  expect_same("b");
  // Once more, with nothing to do: rank 0 tells the other.
  const ReservedPort next;
  const pid_t third = launch(0, next.number(), command("b"));
  const pid_t fourth = launch(1, next.number(), command("b"));
  EXPECT_EQ(wait(third), 0) << words("rank0");
  EXPECT_EQ(wait(fourth), 0) << words("rank1");
}

TEST_F(Ranks, ARankThatHangsIsLostAfterTheTimeOut) {
  train_reference();
  for (const int hangs : {0, 1}) {
    const std::string place = fmt::format("hangs-{}", hangs);
    SCOPED_TRACE(place);
    const ReservedPort port;
    const std::string line = command(place, "--rank-timeout 3");
    const std::array<pid_t, 2> ranks = {launch(0, port.number(), line),
                                        launch(1, port.number(), line)};
    const pid_t hanging = ranks.at(static_cast<std::size_t>(hangs));
    wait_for_checkpoint(place, ranks[0]);
    ::kill(hanging, SIGSTOP);
    const std::string other = fmt::format("rank{}", 1 - hangs);
    EXPECT_EQ(wait(ranks.at(static_cast<std::size_t>(1 - hangs))), 4) << words(other);
    ::kill(hanging, SIGKILL);
    wait(hanging);
    EXPECT_NE(words(other).find(
                  fmt::format("rank {}: lost another rank (Timed out waiting 3000ms", 1 - hangs)),
              std::string::npos)
        << words(other);
    EXPECT_EQ(run(command(place)).code, 0);
    expect_same(place);
  }

  // Of the program's own processes, one that hangs is ended too.
  const pid_t process = start(command("c", "--rank-timeout 3"), "c");
  wait_for_checkpoint("c", process);
  ::kill(find_rank(process, 1), SIGSTOP);
  EXPECT_EQ(wait(process), 4) << words("c");
  EXPECT_NE(words("c").find("lost another rank"), std::string::npos) << words("c");
  EXPECT_EQ(run(command("c")).code, 0);
  expect_same("c");
}

TEST_F(Ranks, ARankThatNeverStartsIsMissed) {
  train_reference();
  for (const int rank : {0, 1}) {
    const ReservedPort port;
    const pid_t process = launch(rank, port.number(), command("b", "--rank-timeout 2"));
    EXPECT_EQ(wait(process), 4);
    const std::string said = words(fmt::format("rank{}", rank));
    EXPECT_NE(said.find(fmt::format("rank {}: not all 2 ranks have started within 2 s", rank)),
              std::string::npos)
        << said;
    EXPECT_EQ(said.find("Exception raised"), std::string::npos) << said;
  }
}

TEST_F(Ranks, BadSettingsAreRefused) {
  const auto refused = [&](const std::string& environment, const std::string& more,
                           const std::string& part) {
    SCOPED_TRACE(environment + " " + more);
    EXPECT_EQ(wait(start(command("r", more), "r", environment)), 2);
    const std::string said = words("r");
    EXPECT_NE(said.find(part), std::string::npos) << said;
    EXPECT_EQ(std::count(said.begin(), said.end(), '\n'), 1) << said;
  };
  const std::string two =
      "RANK=0 LOCAL_RANK=0 WORLD_SIZE=2 MASTER_ADDR=127.0.0.1 MASTER_PORT=29871";
  refused("", "--ranks 3", "not a multiple of ranks");
  refused("", "--ranks 16", "not a multiple of ranks");
  refused("", "--rank-timeout 0", "rank-timeout");
  // A launcher would start the whole grid several times.
  refused(two, "", "give that run's --worker-run");
  refused("WORLD_SIZE=2", "", "RANK is not set");

  train_reference();
  const std::string worker = "--worker-run " + run_name_;
  refused("", worker, "RANK and WORLD_SIZE are not set");
  refused(two, worker + " --ranks 4", "--worker-run");  // the run of four ranks is another
  refused("RANK=0 LOCAL_RANK=0 WORLD_SIZE=3 MASTER_ADDR=127.0.0.1 MASTER_PORT=29871", worker,
          "ranks = 2 contradicts the world size of torchrun, 3");
  refused("RANK=2 LOCAL_RANK=0 WORLD_SIZE=2 MASTER_ADDR=127.0.0.1 MASTER_PORT=29871", worker,
          "RANK = 2 contradicts WORLD_SIZE = 2");
  refused("RANK=1 LOCAL_RANK=1 WORLD_SIZE=2 MASTER_ADDR=no.such.host.invalid MASTER_PORT=29871",
          worker, "MASTER_ADDR = 'no.such.host.invalid'");

  // The port is another program's.
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  socklen_t length = sizeof address;
  ASSERT_EQ(::bind(socket, reinterpret_cast<sockaddr*>(&address), length), 0);
  ASSERT_EQ(::listen(socket, 1), 0);
  ASSERT_EQ(::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &length), 0);
  refused(fmt::format("RANK=0 LOCAL_RANK=0 WORLD_SIZE=2 MASTER_ADDR=127.0.0.1 MASTER_PORT={}",
                      ::ntohs(address.sin_port)),
          worker, "another program listens on port");
  ::close(socket);

  // With one rank nobody asks the environment.
  EXPECT_EQ(run(tiny + "--max-steps 1 --rows Ours --ranks 1").code, 0);
  EXPECT_EQ(
      wait(start(tiny + "--max-steps 1 --rows Ours --ranks 1", "o", "RANK=7 WORLD_SIZE=many")), 0)
      << words("o");
}

}  // namespace
}  // namespace lcr
