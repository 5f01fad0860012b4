// An installation, moved elsewhere, without the build and the sources: an experiment of one's own
// is built against it and run.
#include <cstdlib>
#include <filesystem>
#include <string>

#include <gtest/gtest.h>

#include "lcr/base/files.h"
#include "tests/support/files.h"
#include "tests/support/pages.h"

namespace lcr {
namespace {

namespace fs = std::filesystem;

/// Runs a shell command in `folder`, without LCR_HOME. Returns whether it succeeded; its output is
/// in log.txt.
bool shell(const fs::path& folder, const std::string& command) {
  const std::string line =
      "cd '" + folder.string() + "' && unset LCR_HOME && { " + command + "; } >log.txt 2>&1";
  return std::system(line.c_str()) == 0;
}

TEST(Install, AnExperimentOutsideTheTreeIsBuiltAgainstAMovedInstallation) {
  const testing::TemporaryFolder folder;
  const auto log = [&] { return read_text(folder / "log.txt"); };
  ASSERT_TRUE(shell(folder.path(), "cmake --install '" LCR_BUILD_DIR "' --prefix first")) << log();
  fs::rename(folder / "first", folder / "moved");

  // Nothing installed names the build or the sources.
  EXPECT_TRUE(
      shell(folder.path(), "! grep -rlF -e '" LCR_BUILD_DIR "' -e '" LCR_SOURCE_DIR "/lib' moved"))
      << log();

  // The front command works from there; completion and manual pages are there.
  EXPECT_TRUE(shell(folder.path(),
                    "moved/bin/lcr --version && moved/bin/lcr data list && "
                    "bash -n moved/share/bash-completion/completions/lcr && "
                    "grep -q '#compdef lcr' moved/share/zsh/site-functions/_lcr && "
                    "for program in moved/bin/*; do "
                    "test -s moved/share/man/man1/$(basename $program).1 || exit 1; done"))
      << log();

  const testing::DocumentationPage page("add-an-experiment.md");
  fs::create_directories(folder / "own/specs");
  write_atomic(folder / "own/CMakeLists.txt", page.block("cmake"));
  write_atomic(folder / "own/temperature_sweep.cpp", page.block("cpp"));
  write_atomic(folder / "own/t1.ini", page.block("ini"));
  write_atomic(folder / "own/specs/t1.json", page.block("json"));
  write_atomic(folder / "use.sh",
               "set -e\n"
               "cmake -S own -B out -DCMAKE_PREFIX_PATH=\"$PWD/moved\"\n"
               "cmake --build out\n"
               "out/temperature_sweep --config own/t1.ini --pretrain none --width 4 --image-size "
               "16 --batch-size 8 --queue-size 16 --epochs 1 --jobs 1 --threads 1 "
               "--synthbirds-classes 2 --synthbirds-train 8 --synthbirds-test 3 "
               "--knn-neighbours 1\n"
               "moved/bin/lcr-plot table t1 --specs own/specs\n");
  // Hides the build and the sources where this machine allows mounts; the check above holds
  // anywhere.
  std::string hidden = "bash use.sh";
  if (shell(folder.path(), "unshare -rm mount -t tmpfs none '" LCR_BUILD_DIR "'")) {
    std::string mounts;
    for (const std::string name :
         {LCR_BUILD_DIR, LCR_SOURCE_DIR "/lib", LCR_SOURCE_DIR "/presets",
          LCR_SOURCE_DIR "/datasets", LCR_SOURCE_DIR "/plots", LCR_SOURCE_DIR "/results"})
      mounts += "mount -t tmpfs none \"" + name + "\" && ";
    hidden = "unshare -rm sh -c '" + mounts + "bash use.sh'";
  }
  ASSERT_TRUE(shell(folder.path(), hidden)) << log();
  for (const char* part : {"MoCo v2, t=0.1", "LCR, t=0.2", "kNN (k=1) %"})
    EXPECT_NE(log().find(part), std::string::npos) << log();
  EXPECT_TRUE(fs::exists(folder / "results/quick/t1.csv"));
}

}  // namespace
}  // namespace lcr
