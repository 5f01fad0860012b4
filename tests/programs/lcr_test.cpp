// The front command `lcr`: what it lists, what it starts, and how the ends of programs reach the
// caller.
#include <algorithm>
#include <filesystem>
#include <fstream>

#include <fmt/core.h>
#include <gtest/gtest.h>

#include "lcr/base/files.h"
#include "lcr/base/text.h"
#include "lcr/config/options.h"
#include "tests/support/programs.h"

namespace lcr {
namespace {

namespace fs = std::filesystem;

using testing::Outcome;

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

class Lcr : public testing::ProgramTest {
 protected:
  /// The ids that --help lists, in its last section.
  std::vector<std::string> ids() {
    std::vector<std::string> found;
    const std::string help = run("lcr --help").out;
    for (const auto& line : split(help.substr(help.find("ID of an experiment")), '\n'))
      if (line.starts_with("      ")) found.push_back(split(line.substr(6), ' ').front());
    return found;
  }

  /// Makes a folder of stand-ins for the suite's programs beside a copy of `lcr`. Each writes its
  /// name and arguments to calls.txt; then k_sweep does what `body` says.
  void fake_programs(const std::string& body) {
    fs::create_directories(folder / "bin");
    fs::copy_file(fs::path(LCR_BIN) / "lcr", folder / "bin/lcr",
                  fs::copy_options::overwrite_existing);
    for (const std::string name : {"k_sweep", "reproduce", "lcr-plot"}) {
      const fs::path file = folder / "bin" / name;
      std::ofstream(file) << "#!/bin/sh\necho " << name << " \"$@\" >>calls.txt\n"
                          << (name == "k_sweep" ? body : "") << "\n";
      fs::permissions(file, fs::perms::owner_all);
    }
    fs::remove(folder / "calls.txt");
  }
  /// The exit code of a shell script in the folder; 128 + N if signal N killed its last command.
  int shell(const std::string& script) {
    write_atomic(folder / "script.sh", script + "\n");
    const std::string line = "cd '" + folder.path().string() + "' && bash script.sh 2>err.txt";
    const int status = std::system(line.c_str());
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  std::string calls() const {
    return fs::exists(folder / "calls.txt") ? read_text(folder / "calls.txt") : "";
  }
};

TEST_F(Lcr, HelpListsEveryProgramThatIsBuilt) {
  const std::string help = run("lcr --help").out;
  const auto programs = split(LCR_PROGRAM_NAMES, ',');
  EXPECT_GT(programs.size(), 15U);
  for (const auto& program : programs) {
    const bool listed = contains(help, "(" + program + ")") || contains(help, " " + program + " ");
    EXPECT_TRUE(listed) << program;
  }
  EXPECT_EQ(run("lcr help").out, help);
}

TEST_F(Lcr, EveryExperimentRunsByItsId) {
  write_fashion("data");
  const auto all = ids();
  EXPECT_EQ(all.size(), 11U);
  for (const auto& id : all) {
    const bool is_fashion = id == "c1" || id == "d1" || id == "e1";
    const Outcome outcome =
        run("lcr table " + id +
            " --data-dir data --limit-train 0 --limit-test 0 --batch-size 8 --queue-size 16 "
            "--threads 1 --dry-run " +
            (is_fashion ? "" : "--synthbirds-classes 2 --synthbirds-train 8 --synthbirds-test 3"));
    EXPECT_EQ(outcome.code, 0) << id << ": " << outcome.err;
    EXPECT_TRUE(contains(outcome.out, "absent    " + id)) << outcome.out.substr(0, 2000);
    EXPECT_FALSE(fs::exists(folder / "results/quick/tables"));
  }
}

TEST_F(Lcr, EveryCommandIsExplained) {
  for (const auto& line : split(run("lcr --help").out, '\n')) {
    if (!line.starts_with("  ") || line[2] == ' ') continue;
    const std::string command = split(line.substr(2), ' ').front();
    SCOPED_TRACE(command);
    const Outcome outcome = run("lcr help " + command);
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    EXPECT_TRUE(contains(outcome.out, "Usage:"));
    EXPECT_EQ(run("lcr " + command + " --help").out, outcome.out);
  }
  EXPECT_TRUE(contains(run("lcr help figure d1").out, "--projections"));
}

TEST_F(Lcr, BadInputIsOneLine) {
  expect_refused("lcr", "lcr --help lists the commands");
  expect_refused("lcr tabel c1", "no command 'tabel'; the nearest is 'table'; there are reproduce");
  expect_refused("lcr help rans", "the nearest is 'runs'");
  expect_refused("lcr table", "needs the ID of an experiment");
  expect_refused("lcr table --dry-run", "needs the ID of an experiment");
  expect_refused("lcr table mian", "no experiment 'mian'; the nearest is 'main'");
  expect_refused("lcr figure c1", "c1 has no figure; those with one are b1, b2, d1");
  expect_refused("lcr table c1 --preset nope", "preset 'nope'");
  expect_refused("lcr table c1 --no-such-option 1", "no-such-option");
}

TEST_F(Lcr, ExitCodesOfProgramsPassThrough) {
  expect_refused("lcr table c1 --gfb mlp --subset random --dry-run", "cifar100_baseline: error");
  expect_refused("lcr runs show nobody", "lcr-runs: error");
  expect_refused("lcr data info nothing", "lcr-data: error");
  EXPECT_EQ(run("lcr data list").code, 0);
  EXPECT_EQ(run("lcr runs --help").code, 0);
}

TEST_F(Lcr, VersionNamesSuiteCommitAndLibTorch) {
  const Outcome outcome = run("lcr --version");
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  const std::string cmake = read_text(fs::path(LCR_SOURCE_DIR) / "CMakeLists.txt");
  const auto words = split(outcome.out, ' ');
  ASSERT_GE(words.size(), 7U) << outcome.out;
  EXPECT_TRUE(contains(cmake, "project(lcr_suite VERSION " + words[1] + " "));
  EXPECT_TRUE(contains(outcome.out, "(commit ")) << outcome.out;
  EXPECT_TRUE(contains(outcome.out, ", LibTorch ")) << outcome.out;
  EXPECT_FALSE(contains(outcome.out, "LibTorch )")) << outcome.out;
}

TEST_F(Lcr, AnExperimentIsFollowedByItsTableAndFigure) {
  fake_programs("exit 0");
  EXPECT_EQ(shell("bin/lcr table d1 --preset smoke --seeds 1"), 0);
  EXPECT_EQ(calls(),
            "k_sweep --preset smoke --seeds 1\n"
            "lcr-plot table d1 --results results/smoke\n");
  fs::remove(folder / "calls.txt");
  EXPECT_EQ(shell("bin/lcr figure d1 --results elsewhere"), 0);
  EXPECT_EQ(calls(),
            "k_sweep --results elsewhere\nlcr-plot table d1 --results elsewhere\n"
            "lcr-plot figure d1 --results elsewhere\n");
  fs::remove(folder / "calls.txt");
  EXPECT_EQ(shell("bin/lcr reproduce"), 0);
  EXPECT_EQ(calls(), "reproduce\nlcr-plot report --results results/quick\n");
  // What records nothing is not drawn.
  for (const std::string option : {"--help", "--dry-run", "--max-steps 2"}) {
    fs::remove(folder / "calls.txt");
    EXPECT_EQ(shell("bin/lcr figure d1 " + option), 0);
    EXPECT_EQ(calls(), "k_sweep " + option + "\n");
  }
}

TEST_F(Lcr, TheFirstStepThatFailsIsTheLast) {
  for (const int code : {1, 2, 3, 77}) {
    fake_programs(fmt::format("exit {}", code));
    EXPECT_EQ(shell("bin/lcr figure d1"), code);
    EXPECT_EQ(calls(), "k_sweep\n");
  }
  fake_programs("kill -SEGV $$");
  EXPECT_EQ(shell("bin/lcr figure d1"), 128 + 11);
  EXPECT_EQ(calls(), "k_sweep\n");
  fs::remove(folder / "bin/k_sweep");
  EXPECT_EQ(shell("bin/lcr figure d1"), 2);
}

/// Starts `lcr figure d1` in the background, waits until its k_sweep has begun, then does `rest`.
std::string in_background(const std::string& rest) {
  return "bin/lcr figure d1 & lcr=$!; while [ ! -e begun ]; do sleep 0.02; done; " + rest;
}

TEST_F(Lcr, ASignalStopsTheProgramAndPassesItsExitCode) {
  // As the experiments do: the request is kept until the step is over.
  fake_programs("trap 'exit 3' USR1; touch begun; while :; do sleep 0.05; done");
  EXPECT_EQ(shell(in_background("kill -TERM $lcr; kill -TERM $lcr; wait $lcr")), 3);
  EXPECT_EQ(calls(), "k_sweep\n");
  // A program that ends well all the same is not followed by the next.
  fs::remove(folder / "begun");
  fake_programs("trap 'exit 0' USR1; touch begun; while :; do sleep 0.05; done");
  EXPECT_EQ(shell(in_background("kill -TERM $lcr; wait $lcr")), 3);
  EXPECT_EQ(calls(), "k_sweep\n");
  // One that knows no signals dies, and lcr dies by the signal that it got.
  fs::remove(folder / "begun");
  fake_programs("touch begun; exec sleep 60");
  EXPECT_EQ(shell(in_background("kill -TERM $lcr; wait $lcr")), 128 + 15);
  EXPECT_EQ(calls(), "k_sweep\n");
}

TEST_F(Lcr, TheProgramDiesWithTheCommand) {
  fake_programs("echo $$ >pid; touch begun; exec sleep 60");
  EXPECT_EQ(shell(in_background("kill -KILL $lcr; wait $lcr; for i in $(seq 200); do kill -0 $(cat "
                                "pid) || exit 0; sleep 0.02; done; exit 1")),
            0);
}

TEST_F(Lcr, TheDoctorSaysWhatWorksHere) {
  write_fashion("data");
  const Outcome outcome = run("lcr doctor --data-dir data");
  EXPECT_TRUE(outcome.code == 0 || outcome.code == 1) << outcome.err;
  const bool fault = ("\n" + outcome.out).find("\nfault ") != std::string::npos;
  EXPECT_EQ(outcome.code, fault ? 1 : 0) << outcome.out;
  for (const char* topic :
       {"processor", "CPU loops", "precision", "cores", "memory", "huge pages", "LibTorch", "BLAS",
        "CUDA", "run store", "pixel store", "file system", "/dev/shm", "data sets", "gnuplot"})
    EXPECT_TRUE(contains(outcome.out, fmt::format(" {:<12} ", topic))) << topic;
  EXPECT_TRUE(contains(outcome.out, "fashion-mnist in data")) << outcome.out;
  EXPECT_LT(std::count(outcome.out.begin(), outcome.out.end(), '\n'), 24);
  // It leaves nothing behind.
  EXPECT_FALSE(fs::exists(folder / "runs"));
  for (const auto& entry : fs::directory_iterator(folder.path()))
    EXPECT_FALSE(entry.path().filename().string().starts_with(".lcr-doctor"));
}

TEST_F(Lcr, TheDoctorFindsFaults) {
  write_atomic(folder / "file", "not a folder");
  Outcome outcome = run("lcr doctor --data-dir file");
  EXPECT_EQ(outcome.code, 1) << outcome.err;
  EXPECT_TRUE(contains(outcome.out, "fault  data sets    file: is not a folder")) << outcome.out;
  outcome = run("lcr doctor --runs file/runs");
  EXPECT_EQ(outcome.code, 1) << outcome.err;
  EXPECT_TRUE(contains(outcome.out, "fault  file system ")) << outcome.out;
  ::setenv("LCR_KERNELS", "mmx", 1);
  outcome = run("lcr doctor");
  ::unsetenv("LCR_KERNELS");
  EXPECT_EQ(outcome.code, 1) << outcome.err;
  EXPECT_TRUE(contains(outcome.out, "fault  CPU loops    LCR_KERNELS = 'mmx' is not known"))
      << outcome.out;
  expect_refused("lcr doctor --device tpu", "device = 'tpu'");
}

TEST_F(Lcr, BashCompletesCommandsIdsOptionsAndNames) {
  write_atomic(folder / "complete", run("lcr completion bash").out);
  EXPECT_EQ(shell("bash -n complete"), 0) << read_text(folder / "err.txt");
  // What Tab offers after the words, the last of which is incomplete.
  const auto offers = [&](const std::string& words) {
    EXPECT_EQ(
        shell("source ./complete; COMP_WORDS=(lcr " + words +
              "); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _lcr; echo \"${COMPREPLY[*]}\" >out"),
        0)
        << read_text(folder / "err.txt");
    return read_text(folder / "out");
  };
  EXPECT_EQ(offers("ta"), "table\n");
  EXPECT_EQ(offers("d"), "data doctor\n");
  EXPECT_EQ(offers("figure ''"), "b1 b2 d1 s1\n");
  EXPECT_EQ(offers("table c1 --dry"), "--dry-run\n");
  EXPECT_EQ(offers("table c1 --preset cub"), "cub cub40 cub40-short\n");
  EXPECT_EQ(offers("reproduce --dataset cif"), "cifar10 cifar100\n");
  EXPECT_EQ(offers("runs li"), "list\n");
  EXPECT_EQ(offers("runs list --js"), "--json\n");
  EXPECT_EQ(offers("data fetch cub"), "cub200\n");
  EXPECT_EQ(offers("check cl"), "claims\n");
  EXPECT_EQ(offers("weights in"), "inspect\n");
  EXPECT_EQ(offers("plot figure d"), "d1\n");
  EXPECT_EQ(offers("table c1 --data-dir x"), "\n");  // files
  expect_refused("lcr completion fish", "for bash or zsh, not 'fish'");
  expect_refused("lcr completion", "takes one argument");
}

TEST_F(Lcr, ZshCompletionListsThePresets) {
  const std::string script = run("lcr completion zsh").out;
  EXPECT_TRUE(script.starts_with("#compdef lcr\n"));
  EXPECT_TRUE(contains(script, " cub40 "));
}

TEST_F(Lcr, ZshAcceptsItsCompletion) {
  ASSERT_EQ(shell("command -v zsh >which.txt"), 0) << "needs zsh: make setup installs it";
  write_atomic(folder / "complete", run("lcr completion zsh").out);
  EXPECT_EQ(shell("zsh -n complete"), 0) << read_text(folder / "err.txt");
}

/// The name of an option as roff has it.
std::string roff_option(const std::string& name) {
  std::string text = "\\-\\-";
  for (const char c : name) text += c == '-' ? "\\-" : std::string(1, c);
  return text;
}

TEST_F(Lcr, ManualPagesMentionEveryOption) {
  EXPECT_EQ(run("lcr man man1").code, 0) << read_text(folder / "err.txt");
  for (const auto& program : split(LCR_PROGRAM_NAMES, ',')) {
    SCOPED_TRACE(program);
    const fs::path file = folder / "man1" / (program + ".1");
    ASSERT_TRUE(fs::exists(file));
    const std::string page = read_text(file);
    // The options that --help lists, by its lines "  --name ...".
    std::size_t options = 0;
    for (const auto& line : split(run(program + " --help").out, '\n')) {
      if (!line.starts_with("  --")) continue;
      const std::string name = split(line.substr(4), ' ').front();
      EXPECT_TRUE(contains(page, "\\fB" + roff_option(name))) << name;
      ++options;
    }
    EXPECT_TRUE(options > 0 || program == "lcr");
  }
  for (const auto& spec : option_table())
    if (!std::string_view(spec.name).starts_with("worker-")) {
      EXPECT_TRUE(contains(read_text(folder / "man1/k_sweep.1"), roff_option(spec.name)))
          << spec.name;
    }
}

TEST_F(Lcr, ManShowsTheManualPagesWithoutWarnings) {
  ASSERT_EQ(shell("command -v man >which.txt"), 0) << "needs man: make setup installs man-db";
  ASSERT_EQ(run("lcr man man1").code, 0);
  for (const auto& program : split(LCR_PROGRAM_NAMES, ',')) {
    SCOPED_TRACE(program);
    EXPECT_EQ(shell("LC_ALL=C.UTF-8 MANWIDTH=80 man --warnings -E UTF-8 -l -Tutf8 -Z man1/" +
                    program + ".1 >page.txt"),
              0);
    EXPECT_EQ(read_text(folder / "err.txt"), "");
  }
}

}  // namespace
}  // namespace lcr
