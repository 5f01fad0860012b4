// An installation, moved elsewhere, without the build and the sources: an experiment of one's own
// is built against it and run.
#include <filesystem>
#include <string>

#include <gtest/gtest.h>

#include "lcr/base/files.h"
#include "tests/support/files.h"
#include "tests/support/pages.h"
#include "tests/support/shell.h"

namespace lcr {
namespace {

namespace fs = std::filesystem;

using testing::shell;

TEST(Install, AnExperimentOutsideTheTreeIsBuiltAgainstAMovedInstallation) {
  const testing::TemporaryFolder folder;
  const auto run = [&](const std::string& command) { return shell(folder.path(), command); };
  const auto installed = run("cmake --install '" LCR_BUILD_DIR "' --prefix first");
  ASSERT_EQ(installed.code, 0) << installed.log;
  fs::rename(folder / "first", folder / "moved");

  // Nothing installed names the build or the sources.
  const auto named = run("! grep -rlF -e '" LCR_BUILD_DIR "' -e '" LCR_SOURCE_DIR "/lib' moved");
  EXPECT_EQ(named.code, 0) << named.log;

  // The front command works from there; completion and manual pages are there.
  const auto used =
      run("moved/bin/lcr --version && moved/bin/lcr data list && "
          "bash -n moved/share/bash-completion/completions/lcr && "
          "grep -q '#compdef lcr' moved/share/zsh/site-functions/_lcr && "
          "for program in moved/bin/*; do "
          "test -s moved/share/man/man1/$(basename $program).1 || exit 1; done");
  EXPECT_EQ(used.code, 0) << used.log;

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
  if (run("unshare -rm mount -t tmpfs none '" LCR_BUILD_DIR "'").code == 0) {
    std::string mounts;
    for (const std::string name :
         {LCR_BUILD_DIR, LCR_SOURCE_DIR "/lib", LCR_SOURCE_DIR "/presets",
          LCR_SOURCE_DIR "/datasets", LCR_SOURCE_DIR "/plots", LCR_SOURCE_DIR "/results"})
      mounts += "mount -t tmpfs none \"" + name + "\" && ";
    hidden = "unshare -rm sh -c '" + mounts + "bash use.sh'";
  }
  const auto own = run(hidden);
  ASSERT_EQ(own.code, 0) << own.log;
  for (const char* part : {"MoCo v2, t=0.1", "LCR, t=0.2", "kNN (k=1) %"})
    EXPECT_NE(own.log.find(part), std::string::npos) << own.log;
  EXPECT_TRUE(fs::exists(folder / "results/quick/t1.csv"));
}

TEST(Install, APackageBringsItsLibrariesWhereverItIsUnpacked) {
  const testing::TemporaryFolder folder;
  const auto run = [&](const std::string& command) { return shell(folder.path(), command); };
  const auto made = run("cpack --config '" LCR_BUILD_DIR "/CPackConfig.cmake' -G TGZ -B packages");
#ifdef LCR_WITH_CUDA
  EXPECT_NE(made.code, 0);
  EXPECT_NE(made.log.find("this build's LibTorch has CUDA"), std::string::npos) << made.log;
  return;
#endif
  ASSERT_EQ(made.code, 0) << made.log;
  const auto unpacked = run("mkdir -p 'any where' && tar -xzf packages/*.tar.gz -C 'any where'");
  ASSERT_EQ(unpacked.code, 0) << unpacked.log;

  const auto home =
      run("cd 'any where'/lcr-suite-* && ls bin/lcr share/lcr/data/fashion-mnist && ! ls include");
  EXPECT_EQ(home.code, 0) << home.log;
  // Each library but the C and C++ ones comes from the package, also those that libraries need.
  const auto foreign = run(
      "cd 'any where'/lcr-suite-* && for program in bin/*; do ldd $program; done >libraries && "
      "! grep -vE 'linux-vdso|ld-linux|lib(c|m|mvec|dl|rt|pthread|resolv|stdc\\+\\+|gcc_s)\\.so' "
      "libraries | grep -vF \"$PWD/\"");
  EXPECT_EQ(foreign.code, 0) << foreign.log;
  const auto used =
      run("env -i HOME=/ PATH=/usr/bin:/bin 'any where'/lcr-suite-*/bin/lcr data list");
  EXPECT_EQ(used.code, 0) << used.log;
}

}  // namespace
}  // namespace lcr
