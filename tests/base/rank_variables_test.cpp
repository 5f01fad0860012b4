// What launchers say about ranks, and what they must not leave out or contradict.
#include "lcr/base/rank_variables.h"

#include <map>

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lcr/base/sockets.h"
#include "tests/support/files.h"

namespace lcr {
namespace {

using Variables = std::map<std::string, std::string>;

std::optional<RankVariables> read(const Variables& variables) {
  return read_rank_variables([&](const char* name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    if (found == variables.end()) return std::nullopt;
    return found->second;
  });
}

Variables with(Variables variables, const Variables& changes) {
  for (const auto& [name, value] : changes) variables[name] = value;
  return variables;
}

const Variables kTorchrun = {{"RANK", "5"},
                             {"WORLD_SIZE", "8"},
                             {"LOCAL_RANK", "1"},
                             {"LOCAL_WORLD_SIZE", "4"},
                             {"MASTER_ADDR", "node1"},
                             {"MASTER_PORT", "29501"},
                             {"TORCHELASTIC_RESTART_COUNT", "2"},
                             {"TORCHELASTIC_USE_AGENT_STORE", "True"}};
const Variables kMpirun = {{"OMPI_COMM_WORLD_RANK", "1"},
                           {"OMPI_COMM_WORLD_SIZE", "2"},
                           {"OMPI_COMM_WORLD_LOCAL_RANK", "1"},
                           {"OMPI_COMM_WORLD_LOCAL_SIZE", "2"},
                           {"PMIX_NAMESPACE", "123"}};
const Variables kSrun = {{"SLURM_STEP_NUM_TASKS", "4"}, {"SLURM_PROCID", "3"},
                         {"SLURM_LOCALID", "1"},        {"SLURM_STEP_TASKS_PER_NODE", "2(x2)"},
                         {"SLURM_STEP_NUM_NODES", "2"}, {"SLURM_JOB_ID", "77"},
                         {"SLURM_STEP_ID", "0"},        {"MASTER_ADDR", "node1"}};

TEST(RankVariables, AreThoseOfTheInnermostLauncher) {
  EXPECT_FALSE(read({}));
  // A batch script's own.
  EXPECT_FALSE(read({{"SLURM_NTASKS", "4"}, {"SLURM_PROCID", "0"}, {"SLURM_LOCALID", "0"}}));

  const auto torchrun = *read(with(with(kSrun, kMpirun), kTorchrun));
  EXPECT_EQ(torchrun.launcher, "torchrun");
  EXPECT_EQ(torchrun.rank, 5);
  EXPECT_EQ(torchrun.size, 8);
  EXPECT_EQ(torchrun.local_rank, 1);
  EXPECT_EQ(torchrun.local_size, 4);
  EXPECT_EQ(torchrun.address, "node1");
  EXPECT_EQ(torchrun.port, 29501);
  EXPECT_EQ(torchrun.attempt, "2");
  EXPECT_TRUE(torchrun.agent_serves);

  const auto mpirun = *read(with(kSrun, kMpirun));
  EXPECT_EQ(mpirun.launcher, "mpirun");
  EXPECT_EQ(mpirun.rank, 1);
  EXPECT_EQ(mpirun.size, 2);
  EXPECT_EQ(mpirun.attempt, "123");
  EXPECT_EQ(read(kMpirun)->address, "127.0.0.1");

  const auto srun = *read(kSrun);
  EXPECT_EQ(srun.launcher, "srun");
  EXPECT_EQ(srun.rank, 3);
  EXPECT_EQ(srun.size, 4);
  EXPECT_EQ(srun.local_rank, 1);
  EXPECT_EQ(srun.local_size, 2);
  EXPECT_EQ(srun.port, 29500);
  EXPECT_FALSE(srun.agent_serves);
  // Another life of the step, and another step of the job.
  EXPECT_NE(read(with(kSrun, {{"SLURM_RESTART_COUNT", "1"}}))->attempt, srun.attempt);
  EXPECT_NE(read(with(kSrun, {{"SLURM_STEP_ID", "1"}}))->attempt, srun.attempt);
}

TEST(RankVariables, MissingAndContradictoryOnesAreNamed) {
  for (const auto* all : {&kTorchrun, &kMpirun, &kSrun})
    for (const auto& [name, value] : *all) {
      if (name.find("SIZE") != std::string::npos || name.find("NUM") != std::string::npos ||
          name.find("PER_NODE") != std::string::npos || name.find("TORCHELASTIC") == 0 ||
          name.find("_ID") != std::string::npos || name == "PMIX_NAMESPACE")
        continue;
      Variables less = *all;
      less.erase(name);
      testing::expect_user_error([&] { read(less); }, name + " is not set");
    }
  Variables less = kTorchrun;
  less.erase("WORLD_SIZE");
  testing::expect_user_error([&] { read(less); }, "WORLD_SIZE is not set");
  less = kMpirun;
  less["OMPI_COMM_WORLD_SIZE"] = "4";  // now on two machines
  testing::expect_user_error([&] { read(less); }, "MASTER_ADDR is not set");

  const auto refused = [](const Variables& base, const char* name, const char* value,
                          const char* part) {
    testing::expect_user_error([&] { read(with(base, {{name, value}})); }, part);
  };
  refused(kTorchrun, "RANK", "8", "RANK = 8 contradicts WORLD_SIZE = 8");
  refused(kTorchrun, "RANK", "-1", "RANK = '-1' is not a whole number from 0");
  refused(kTorchrun, "WORLD_SIZE", "many", "WORLD_SIZE = 'many'");
  refused(kTorchrun, "LOCAL_RANK", "6", "LOCAL_RANK = 6 contradicts RANK = 5");
  refused(kTorchrun, "MASTER_PORT", "70000", "MASTER_PORT = '70000'");
  refused(kSrun, "SLURM_PROCID", "4", "SLURM_PROCID = 4 contradicts SLURM_STEP_NUM_TASKS = 4");
  refused(kMpirun, "OMPI_COMM_WORLD_RANK", "x", "OMPI_COMM_WORLD_RANK = 'x'");
}

TEST(RankVariables, OfThisMachineAreReadBackWhateverALauncherSaid) {
  Variables variables = with(with(kSrun, kMpirun), kTorchrun);
  for (const auto& [name, value] : local_rank_variables(1, 3, 4000)) {
    variables.erase(name);
    if (value) variables[name] = *value;
  }
  const auto place = *read(variables);
  EXPECT_EQ(place.rank, 1);
  EXPECT_EQ(place.size, 3);
  EXPECT_EQ(place.local_rank, 1);
  EXPECT_EQ(place.local_size, 3);
  EXPECT_EQ(place.address, "127.0.0.1");
  EXPECT_EQ(place.port, 4000);
  EXPECT_EQ(place.attempt, "0");
  EXPECT_FALSE(place.agent_serves);
}

TEST(Sockets, AddressesAreThoseThatTheOtherSees) {
  EXPECT_EQ(address_towards("127.0.0.1", 1, "MASTER_ADDR"), "127.0.0.1");
  // Not the address of this machine's name in /etc/hosts, but where packets leave from.
  EXPECT_EQ(address_towards("127.0.1.1", 1, "MASTER_ADDR"), "127.0.0.1");
  testing::expect_user_error([] { address_towards("no.such.host.invalid", 1, "MASTER_ADDR"); },
                             "MASTER_ADDR = 'no.such.host.invalid'");
}

TEST(Sockets, AReservedPortIsOursAlone) {
  const ReservedPort port, other;
  EXPECT_NE(port.number(), other.number());
  const auto bind = [&](bool reuse) {
    const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int on = reuse;
    ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = ::htons(static_cast<std::uint16_t>(port.number()));
    const bool works = ::bind(socket, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 &&
                       ::listen(socket, 1) == 0;
    ::close(socket);
    return works;
  };
  EXPECT_FALSE(bind(false));
  EXPECT_TRUE(bind(true));
  EXPECT_FALSE(port_is_taken(port.number()));
}

}  // namespace
}  // namespace lcr
