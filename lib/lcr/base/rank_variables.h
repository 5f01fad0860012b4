// What a launcher says in the environment about the ranks of a run.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace lcr {

/// The place of this process among the ranks of its run.
struct RankVariables {
  std::string launcher;  ///< "torchrun", "mpirun" or "srun"
  int rank = 0, size = 1;
  int local_rank = 0, local_size = 1;  ///< among the ranks on this machine
  std::string address = "127.0.0.1";   ///< where rank 0 serves the store, and its port
  int port = 29500;
  /// Names this life of the run: ranks that were started again must not read the addresses that an
  /// earlier life left in the store.
  std::string attempt = "0";
  bool agent_serves = false;  ///< torchrun's agent already serves the store at `address`
};

/// The value of an environment variable; nothing if it is not set or empty.
using Environment = std::function<std::optional<std::string>(const char* name)>;

/// Reads this process's environment.
std::optional<std::string> read_environment(const char* name);

/// Reads the variables of torchrun (RANK, WORLD_SIZE, LOCAL_RANK, MASTER_ADDR, MASTER_PORT), else
/// of mpirun (OMPI_COMM_WORLD_*), else of srun (SLURM_STEP_NUM_TASKS, SLURM_PROCID, SLURM_LOCALID).
/// In this order, because an outer launcher's variables reach the processes of an inner one:
/// torchrun is started by srun, and mpirun starts its daemons by srun. MASTER_ADDR may be absent
/// after mpirun and srun on a single machine, and MASTER_PORT after both. Returns nothing without a
/// launcher. Throws UserError naming the variable that is missing or contradicts another.
std::optional<RankVariables> read_rank_variables(const Environment& environment = read_environment);

/// The variables under which a process on this machine becomes rank `rank` of `size`; what an outer
/// launcher has set is removed (no value). read_rank_variables() reads them as torchrun's.
std::vector<std::pair<std::string, std::optional<std::string>>> local_rank_variables(int rank,
                                                                                     int size,
                                                                                     int port);

}  // namespace lcr
