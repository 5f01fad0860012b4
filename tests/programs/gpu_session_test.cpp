// ci/gpu_session.sh with scripts in place of the programs: what it stops, skips and repeats.
#include <chrono>

#include <gtest/gtest.h>

#include "lcr/base/files.h"
#include "tests/support/files.h"
#include "tests/support/shell.h"

namespace lcr {
namespace {

using testing::write_program;

class GpuSession : public ::testing::Test {
 protected:
  void SetUp() override {
    write_program(folder / "bin/base_tests", "echo base");
    write_program(folder / "bin/lcr_tests", "echo \"on $LCR_TEST_DEVICE\"");
    write_program(folder / "bin/train", "echo \"$@\"");
    write_atomic(folder / "list", "# a comment\n\ntrain --seeds 0\n");
  }
  testing::ShellOutcome session(const std::string& deadline) {
    return testing::shell(folder.path(), std::string(LCR_SOURCE_DIR) +
                                             "/ci/gpu_session.sh --device cpu --binaries bin "
                                             "--list list --deadline " +
                                             deadline);
  }
  static bool says(const testing::ShellOutcome& outcome, const std::string& words) {
    return outcome.log.find(words) != std::string::npos;
  }
  const testing::TemporaryFolder folder;
};

TEST_F(GpuSession, RunsEachPartOnceUntilItsProgramsChange) {
  const auto first = session("60");
  EXPECT_EQ(first.code, 0) << first.log;
  for (const char* words :
       {"base_tests: passed", "lcr_tests: passed", "memcheck: skipped", "profile: skipped",
        "peer: skipped", "experiment-3-", "session ends after", ", 0 parts not run or failed"})
    EXPECT_TRUE(says(first, words)) << words << "\n" << first.log;
  EXPECT_EQ(read_text(folder / "gpu-out/lcr_tests.log"), "on cpu\n");
  const auto again = session("60");
  EXPECT_EQ(again.code, 0) << again.log;
  EXPECT_TRUE(says(again, "base_tests: done before") && says(again, "lcr_tests: done before"))
      << again.log;
  write_program(folder / "bin/lcr_tests", "exit 1");
  const auto changed = session("60");
  EXPECT_EQ(changed.code, 1) << changed.log;
  EXPECT_TRUE(says(changed, "base_tests: passed") && says(changed, "lcr_tests: FAILED (1)") &&
              says(changed, ", 1 parts not run or failed"))
      << changed.log;
}

TEST_F(GpuSession, APartThatHangsIsStoppedByTheDeadline) {
  write_program(folder / "bin/lcr_tests", "exec sleep 300");
  const auto start = std::chrono::steady_clock::now();
  const auto outcome = session("10");  // Python may take seconds to import torch
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(120));
  EXPECT_EQ(outcome.code, 1) << outcome.log;
  EXPECT_TRUE(says(outcome, "lcr_tests: stopped by --deadline")) << outcome.log;
  EXPECT_TRUE(says(outcome, ": no time left, call again")) << outcome.log;
}

}  // namespace
}  // namespace lcr
