#include "lcr/base/rank_variables.h"

#include <cstdlib>

#include "lcr/base/error.h"
#include "lcr/base/text.h"

namespace lcr {
namespace {

/// One launcher's names for the same things.
struct Names {
  const char *launcher, *size, *rank, *local_rank;
};
constexpr Names kTorchrun = {"torchrun", "WORLD_SIZE", "RANK", "LOCAL_RANK"};
constexpr Names kMpirun = {"mpirun", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK",
                           "OMPI_COMM_WORLD_LOCAL_RANK"};
// SLURM_NTASKS would not do: the batch script has it too, with SLURM_PROCID = 0.
constexpr Names kSrun = {"srun", "SLURM_STEP_NUM_TASKS", "SLURM_PROCID", "SLURM_LOCALID"};

int parse(const char* name, const std::string& text, int low, int high) {
  const auto value = parse_integer(text);
  if (!value || *value < low || *value > high)
    fail("{} = '{}' is not a whole number from {} to {}", name, printable(text), low, high);
  return static_cast<int>(*value);
}

int require(const Environment& environment, const char* name, const Names& names, int low,
            int high) {
  const auto text = environment(name);
  if (!text)
    fail(
        "{} is not set, but other variables of {} are: start the ranks with torchrun, srun or "
        "mpirun, or all on this machine by --ranks alone",
        name, names.launcher);
  return parse(name, *text, low, high);
}

/// The number that a list such as SLURM_STEP_TASKS_PER_NODE = "8(x2)" begins with.
int leading_number(const std::string& text, int otherwise) {
  const auto value = parse_integer(text.substr(0, text.find_first_not_of("0123456789")));
  return value && *value > 0 ? static_cast<int>(*value) : otherwise;
}

RankVariables read(const Environment& environment, const Names& names) {
  RankVariables place{.launcher = names.launcher};
  place.size = require(environment, names.size, names, 1, 1 << 16);
  place.rank = require(environment, names.rank, names, 0, 1 << 16);
  place.local_rank = require(environment, names.local_rank, names, 0, 1 << 16);
  if (place.rank >= place.size)
    fail("{} = {} contradicts {} = {}: ranks count from 0", names.rank, place.rank, names.size,
         place.size);
  if (place.local_rank > place.rank)
    fail("{} = {} contradicts {} = {}: a machine's ranks are among all", names.local_rank,
         place.local_rank, names.rank, place.rank);
  return place;
}

void read_store(const Environment& environment, RankVariables& place, bool needs_address,
                bool needs_port) {
  for (const auto& [name, needed] :
       {std::pair("MASTER_ADDR", needs_address), std::pair("MASTER_PORT", needs_port)})
    if (needed && !environment(name))
      fail("{} is not set: rank 0 of the {} ranks must be found by the others (--ranks)", name,
           place.size);
  place.address = environment("MASTER_ADDR").value_or(place.address);
  if (const auto port = environment("MASTER_PORT"))
    place.port = parse("MASTER_PORT", *port, 1, 65535);
}

}  // namespace

std::optional<std::string> read_environment(const char* name) {
  const char* value = std::getenv(name);
  if (!value || !*value) return std::nullopt;
  return value;
}

std::optional<RankVariables> read_rank_variables(const Environment& environment) {
  const auto number = [&](const char* name, int otherwise) {
    return leading_number(environment(name).value_or(""), otherwise);
  };
  if (environment(kTorchrun.size) || environment(kTorchrun.rank)) {
    RankVariables place = read(environment, kTorchrun);
    place.local_size = number("LOCAL_WORLD_SIZE", place.size);
    read_store(environment, place, true, true);
    place.attempt = environment("TORCHELASTIC_RESTART_COUNT").value_or("0");
    place.agent_serves = environment("TORCHELASTIC_USE_AGENT_STORE") == "True";
    return place;
  }
  if (environment(kMpirun.size)) {
    RankVariables place = read(environment, kMpirun);
    place.local_size = number("OMPI_COMM_WORLD_LOCAL_SIZE", place.size);
    read_store(environment, place, place.local_size < place.size, false);
    place.attempt = environment("PMIX_NAMESPACE").value_or("0");
    return place;
  }
  if (environment(kSrun.size)) {
    RankVariables place = read(environment, kSrun);
    place.local_size = number("SLURM_STEP_TASKS_PER_NODE", place.size);
    read_store(environment, place, number("SLURM_STEP_NUM_NODES", 1) > 1, false);
    for (const char* name : {"SLURM_JOB_ID", "SLURM_STEP_ID", "SLURM_RESTART_COUNT"})
      place.attempt += "." + environment(name).value_or("0");
    return place;
  }
  return std::nullopt;
}

std::vector<std::pair<std::string, std::optional<std::string>>> local_rank_variables(int rank,
                                                                                     int size,
                                                                                     int port) {
  const std::string place = std::to_string(rank), count = std::to_string(size);
  return {{"RANK", place},
          {"WORLD_SIZE", count},
          {"LOCAL_RANK", place},
          {"LOCAL_WORLD_SIZE", count},
          {"MASTER_ADDR", "127.0.0.1"},
          {"MASTER_PORT", std::to_string(port)},
          {"TORCHELASTIC_RESTART_COUNT", std::nullopt},
          {"TORCHELASTIC_USE_AGENT_STORE", std::nullopt}};
}

}  // namespace lcr
