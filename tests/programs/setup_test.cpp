// What `make setup` and the configuration do and refuse: packages unpacked without root, compilers,
// libraries.
#include <algorithm>
#include <filesystem>
#include <string>

#include <gtest/gtest.h>

#include "lcr/base/files.h"
#include "tests/support/files.h"
#include "tests/support/shell.h"

namespace lcr {
namespace {

namespace fs = std::filesystem;
using testing::shell;
using testing::ShellOutcome;
using testing::write_program;

/// Expects exit code 2 and one line that holds `part`.
void expect_refusal(const ShellOutcome& outcome, const std::string& part) {
  EXPECT_EQ(outcome.code, 2) << outcome.log;
  EXPECT_EQ(std::count(outcome.log.begin(), outcome.log.end(), '\n'), 1) << outcome.log;
  EXPECT_NE(outcome.log.find(part), std::string::npos) << outcome.log;
}

/// A copy of the set-up scripts with a list of one package that no machine has, and an apt-get that
/// "downloads" it.
class SetupWithoutRoot : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(shell(folder.path(), "command -v dpkg-deb dpkg-query").code, 0)
        << "needs dpkg: make setup is for Debian and its relatives";
    fs::create_directories(folder / "ci");
    for (const char* name : {"setup.sh", "unpack_packages.sh"})
      fs::copy(fs::path(LCR_SOURCE_DIR) / "ci" / name, folder / "ci");
    write_atomic(folder / "ci/packages-debian.txt", "lcr-test-package  # for the test\n");
    make_package();
    write_apt("[ -z \"$install\" ] || cp '" + (folder / "test.deb").string() +
              "' \"$cache/archives/\"");
  }
  void make_package() {
    const fs::path root = folder / "package";
    fs::create_directories(root / "DEBIAN");
    write_atomic(root / "DEBIAN/control",
                 "Package: lcr-test-package\nVersion: 1\nArchitecture: all\nMaintainer: nobody\n"
                 "Description: test\n");
    write_program(root / "usr/bin/lcr-test-program", "echo it runs");
    fs::create_directories(root / "lib/test");
    write_atomic(root / "lib/test/libtest.so.1", "a library\n");
    fs::create_directories(root / "usr/lib/pkgconfig");
    fs::create_symlink("/lib/test/libtest.so.1", root / "usr/lib/libtest.so");
    write_atomic(root / "usr/lib/libscript.so",
                 "/* GNU ld script */\nGROUP ( /lib/test/libtest.so.1 /lib/test/other.so )\n");
    write_atomic(root / "usr/lib/pkgconfig/test.pc", "prefix=/usr\nlibdir=/usr/lib\n");
    const auto built = shell(folder.path(), "dpkg-deb --root-owner-group -b package test.deb");
    ASSERT_EQ(built.code, 0) << built.log;
  }
  /// Replaces apt-get; the script has $cache and, if it is to install, $install.
  void write_apt(const std::string& script) {
    write_program(folder / "bin/apt-get",
                  "for word; do case $word in Dir::Cache=*) cache=${word#Dir::Cache=} ;; install) "
                  "install=yes ;; esac; done\n" +
                      script);
  }
  ShellOutcome setup(const std::string& arguments) {
    return shell(folder.path(), "PATH=\"$PWD/bin:$PATH\" ci/setup.sh " + arguments);
  }
  testing::TemporaryFolder folder;
};

TEST_F(SetupWithoutRoot, UnpacksWhatIsMissingAndUsesIt) {
  fs::create_directories(folder / "build");
  write_atomic(folder / "build/CMakeCache.txt", "configured before\n");
  const auto done = setup("--prefix my-prefix");
  ASSERT_EQ(done.code, 0) << done.log;
  EXPECT_FALSE(fs::exists(folder / "build/CMakeCache.txt"));
  const fs::path tree = fs::canonical(folder / "my-prefix/debian");
  const auto used = shell(folder.path(),
                          ". .packages/environment && lcr-test-program && echo $CMAKE_PREFIX_PATH");
  EXPECT_EQ(used.log, "it runs\n" + (tree / "usr").string() + "\n");
  // Links, the linker's scripts and pkg-config's files lead into the prefix; what is not there
  // stays.
  EXPECT_EQ(read_text(tree / "usr/lib/libtest.so"), "a library\n");
  EXPECT_EQ(read_text(tree / "usr/lib/libscript.so"),
            "/* GNU ld script */\nGROUP ( " + tree.string() +
                "/lib/test/libtest.so.1 /lib/test/other.so )\n");
  EXPECT_EQ(read_text(tree / "usr/lib/pkgconfig/test.pc"),
            "prefix=" + tree.string() + "/usr\nlibdir=" + tree.string() + "/usr/lib\n");
  // A second call finds all there, a longer list adds to the prefix.
  write_apt("echo apt-get was called; exit 1");
  EXPECT_EQ(setup("").log, "setup: all packages are installed\n");
}

TEST_F(SetupWithoutRoot, AFailureLeavesNothing) {
  write_apt("echo 'W: a warning'; echo 'E: Unable to locate package x'; exit 100");
  expect_refusal(setup("--prefix new >/dev/null"), "E: Unable to locate package x");
  write_apt("echo 'E: Write error - write (28: No space left on device)'; exit 100");
  expect_refusal(setup("--prefix new >/dev/null"), "the disk is full");
  EXPECT_FALSE(fs::exists(folder / "new"));
  EXPECT_FALSE(fs::is_symlink(folder / ".packages"));
  fs::create_directories(folder / "own");
  write_atomic(folder / "own/file", "the user's\n");
  EXPECT_EQ(setup("--prefix own").code, 2);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder / "own"), fs::directory_iterator()), 1);
}

TEST_F(SetupWithoutRoot, ADiskThatIsTooSmallIsNamedBeforeTheDownload) {
  write_apt(
      "[ -z \"$install\" ] || printf '%s\\n' 'Need to get 2,000 GB of archives.' "
      "'After this operation, 9,000 GB of additional disk space will be used.'");
  expect_refusal(setup("--prefix new >/dev/null"), "12100001 MB are needed, ");
  write_apt("echo apt-get was called >&2; exit 1");
  write_program(folder / "bin/df", "echo Filesystem; echo none 20 0 20 0% /");
  expect_refusal(setup("--prefix new 2>&1 >/dev/null"), "300 MB are needed, 20 MB are free");
  EXPECT_FALSE(fs::exists(folder / "new"));
  EXPECT_FALSE(fs::is_symlink(folder / ".packages"));
}

TEST_F(SetupWithoutRoot, APrefixThatCannotBeUsedIsRefused) {
  expect_refusal(setup("--prefix /proc/lcr"),
                 "/proc/lcr: this folder cannot be made; name one that you may write");
  expect_refusal(setup("--prefix /proc"), "/proc: nothing can be written there");
  expect_refusal(setup("--prefix 'my prefix'"), "without blanks");
  EXPECT_FALSE(fs::exists(folder / "my prefix"));
}

/// Configures the suite in a new build folder.
class Configure : public ::testing::Test {
 protected:
  ShellOutcome configure(const std::string& environment, const std::string& arguments = "") {
    return shell(folder.path(),
                 environment + " '" LCR_SOURCE_DIR "/ci/configure.sh' \"$PWD/build\" " + arguments);
  }
  /// A LibTorch that is Debian's but for `changes`, in the folder `name`.
  void make_libtorch(const std::string& name, const std::string& changes) {
    const fs::path place = folder / name / "share/cmake/Torch";
    fs::create_directories(place);
    const fs::path real = LCR_TORCH_DIR;
    write_atomic(place / "TorchConfig.cmake",
                 "include(" + (real / "TorchConfig.cmake").string() + ")\n" + changes + "\n");
    write_atomic(place / "TorchConfigVersion.cmake",
                 "include(" + (real / "TorchConfigVersion.cmake").string() + ")\n");
  }
  testing::TemporaryFolder folder;
};

TEST_F(Configure, NamesAMissingOrOldCompiler) {
  for (const char* tool : {"bash", "cat", "cmake", "dirname", "env", "git", "grep", "sed", "uname"})
    ASSERT_EQ(shell(folder.path(),
                    "mkdir -p tools && ln -s $(command -v " + std::string(tool) + ") tools/")
                  .code,
              0);
  expect_refusal(configure("env -u CXX PATH=\"$PWD/tools\""),
                 "no C++ compiler is installed; install GCC");
  expect_refusal(configure("CXX=g++-77"), "there is no C++ compiler g++-77");
#ifdef __clang__
  const std::string version = "__clang_major__", said = "is Clang 9.";
#else
  const std::string version = "__GNUC__", said = "is GNU 9.";
#endif
  write_program(folder / "old-c++",
                "exec '" LCR_CXX "' -U" + version + " -D" + version + "=9 \"$@\"");
  expect_refusal(configure("CXX=\"$PWD/old-c++\""), said);
}

TEST_F(Configure, RefusesALibTorchWithoutTheAbi) {
  make_libtorch("old-abi", "set(TORCH_CXX_FLAGS -D_GLIBCXX_USE_CXX11_ABI=0)");
  expect_refusal(configure("", "-DCMAKE_PREFIX_PATH=\"$PWD/old-abi\""), "without the C++11 ABI");
}

TEST_F(Configure, RefusesTwoLibTorchInView) {
  make_libtorch("one", "");
  make_libtorch("two", "");
  expect_refusal(configure("CMAKE_PREFIX_PATH=\"$PWD/one:$PWD/two\""), "two LibTorch in view");
  fs::create_directories(folder / "three");
  write_atomic(folder / "three/libtorch_cpu.so", "");
  expect_refusal(configure("LD_LIBRARY_PATH=\"$PWD/three\""), "LD_LIBRARY_PATH names");
}

TEST_F(Configure, NamesAllThatIsMissingByItsPackage) {
  const std::string without =
      "-DCMAKE_DISABLE_FIND_PACKAGE_fmt=ON -DCMAKE_DISABLE_FIND_PACKAGE_PNG=ON -DLCR_TESTS=OFF";
  const auto outcome = configure("", without);
  expect_refusal(outcome, "fmt (libfmt-dev), PNG (libpng-dev); install them");
}

}  // namespace
}  // namespace lcr
