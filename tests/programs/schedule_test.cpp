// Runs that others start: the commands of --list-tasks, and what --submit refuses.
#include <sstream>

#include "lcr/base/text.h"
#include "tests/support/programs.h"
#include "tests/support/shell.h"

namespace lcr {
namespace {

using testing::Outcome;

class Schedule : public testing::ProgramTest {
 protected:
  void SetUp() override {
    ProgramTest::SetUp();
    write_fashion("data");
  }
  /// What --list-tasks prints, by lines.
  std::vector<std::string> listed(const std::string& command) {
    const Outcome outcome = run(command + " --list-tasks");
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    said = outcome.err;
    std::vector<std::string> lines;
    std::istringstream in(outcome.out);
    for (std::string line; std::getline(in, line);) lines.push_back(line);
    return lines;
  }
  std::string said;  ///< by the last --list-tasks on standard error
};

TEST_F(Schedule, TheListedCommandsDoTheGrid) {
  // A stand-in, the trunk that starts from it, and the branches of that. An odd name must survive.
  write_atomic(folder / "tiny.ini",
               "[standin]\nsynthbirds-train = 6\nbatch-size = 16\nepochs = 3\n");
  const std::string grid =
      "projection_selection --config tiny.ini --width 4 --image-size 16 --batch-size 8 "
      "--queue-size 16 --epochs 4 --subset-epoch 2 --synthbirds-classes 3 --synthbirds-train 16 "
      "--synthbirds-test 3 --threads 1 --seeds 0 --runs \"it's a 'store'\" --results results";
  std::vector<std::size_t> stages;
  for (auto commands = listed(grid); !commands.empty() && stages.size() < 4;
       commands = listed(grid)) {
    stages.push_back(commands.size());
    EXPECT_EQ(said.find("ask again when they are done") != std::string::npos, stages.size() < 3)
        << said;
    for (const auto& command : commands) {
      const auto done = testing::shell(
          folder.path(), "export LCR_HOME='" + home.string() + "'; " + command + " 2>&1");
      ASSERT_EQ(done.code, 0) << done.log;
    }
  }
  EXPECT_EQ(stages, (std::vector<std::size_t>{1, 1, 4}));
  const Outcome last = run(grid);
  EXPECT_EQ(last.code, 0) << last.err;
  EXPECT_NE(last.err.find(", 0 to do"), std::string::npos) << last.err;
  EXPECT_TRUE(std::filesystem::exists(folder / "results/b2.csv"));
}

TEST_F(Schedule, RanksNeedALauncher) {
  EXPECT_EQ(listed(tiny + "--rows Ours --ranks 2").size(), 2u);
  EXPECT_NE(said.find("put 'torchrun --no_python --nproc_per_node 2'"), std::string::npos) << said;
}

TEST_F(Schedule, BadSubmissionsAreRefused) {
  expect_refused(tiny + "--submit pbs", "submit = 'pbs'");
  expect_refused(tiny + "--slurm-options=--time=1", "no effect without --submit slurm");
  expect_refused(tiny + "--submit slurm --dry-run", "--submit and --dry-run exclude each other");
  expect_refused(tiny + "--submit slurm --list-tasks",
                 "--submit and --list-tasks exclude each other");
  expect_refused(tiny + "--submit slurm --max-steps 1",
                 "--submit and --max-steps exclude each other");
  expect_refused(tiny + "--submit slurm --slurm-options=--array=0-3",
                 "slurm-options: --array is set by --submit itself");
  expect_refused("cifar100_baseline --data-dir data --submit slurm", "give --threads");
  write_atomic(folder / "preset.ini", "submit = slurm\n");
  expect_refused(tiny + "--config preset.ini", "'submit' belongs on the command line");

  const std::string path = std::getenv("PATH");
  ::setenv("PATH", folder.path().c_str(), 1);
  const auto without_slurm = run(tiny + "--submit slurm");
  ::setenv("PATH", path.c_str(), 1);
  EXPECT_EQ(without_slurm.code, 2);
  EXPECT_NE(without_slurm.err.find("sbatch is not in PATH"), std::string::npos)
      << without_slurm.err;
}

}  // namespace
}  // namespace lcr
