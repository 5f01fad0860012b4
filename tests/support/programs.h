// A suite home with small data in a temporary folder, for tests that run the programs as a user
// does.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <sys/wait.h>

#include "lcr/base/files.h"
#include "tests/support/files.h"

namespace lcr::testing {

struct Outcome {
  int code;
  std::string out, err;
};

class ProgramTest : public ::testing::Test {
 protected:
  /// Makes a suite home whose Fashion-MNIST is the small one of write_fashion().
  void SetUp() override {
    const std::filesystem::path source = LCR_SOURCE_DIR;
    std::filesystem::create_directories(home);
    std::filesystem::copy(source / "datasets", home / "datasets");
    for (const char* name : {"plots", "presets", "results"})
      std::filesystem::create_directory_symlink(source / name, home / name);
    describe_fashion([](auto&) {});
    ::setenv("LCR_HOME", home.c_str(), 1);
  }
  void TearDown() override { ::unsetenv("LCR_HOME"); }
  /// Writes Fashion-MNIST's descriptor for 40 images per split, with further changes.
  void describe_fashion(const std::function<void(nlohmann::json&)>& change) {
    auto json = nlohmann::json::parse(
        read_text(std::filesystem::path(LCR_SOURCE_DIR) / "datasets/fashion-mnist.json"));
    json["train"] = json["test"] = 40;
    change(json);
    write_atomic(home / "datasets/fashion-mnist.json", json.dump());
  }
  /// The command with the full path of its program.
  static std::string program(const std::string& command) {
    const auto blank = command.find(' ');
    return "'" + std::string(LCR_BIN) + "/" + command.substr(0, blank) + "'" +
           (blank == std::string::npos ? "" : command.substr(blank));
  }
  Outcome run(const std::string& command) {
    const std::string line = "cd '" + folder.path().string() + "' && OMP_WAIT_POLICY=passive " +
                             program(command) + " >out.txt 2>err.txt </dev/null";
    const int status = std::system(line.c_str());
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, read_text(folder / "out.txt"),
            read_text(folder / "err.txt")};
  }
  /// Lines of an error, without the words by which a build for GPUs takes the CPU.
  static std::int64_t lines_of(const std::string& error) {
    const auto lines = std::count(error.begin(), error.end(), '\n');
    return error.starts_with("warning: device = auto takes the CPU") ? lines - 1 : lines;
  }
  /// Expects exit code 2, one line on standard error that contains `part`, and no results.
  void expect_refused(const std::string& command, const std::string& part) {
    expect_refused_at("results/quick", command, part);
  }
  void expect_refused_at(const std::string& results, const std::string& command,
                         const std::string& part) {
    SCOPED_TRACE(command);
    const Outcome outcome = run(command);
    EXPECT_EQ(outcome.code, 2) << outcome.err;
    EXPECT_NE(outcome.err.find(part), std::string::npos) << outcome.err;
    EXPECT_EQ(lines_of(outcome.err), 1) << outcome.err;
    EXPECT_FALSE(std::filesystem::exists(folder / (results + "/c1.csv")));
  }
  /// Writes a small Fashion-MNIST into the subfolder `name`: 40 images per split, of which the last
  /// has `label`, with `missing` bytes cut off.
  void write_fashion(const std::string& name, std::uint8_t magic = 3, std::uint8_t label = 9,
                     std::size_t missing = 0) {
    constexpr std::size_t kCount = 40, kSide = 28;
    std::filesystem::create_directories(folder / name / "fashion-mnist");
    for (const std::string split : {"train", "t10k"}) {
      std::vector<std::uint8_t> images = {0, 0, 8, magic, 0, 0, 0, kCount,
                                          0, 0, 0, kSide, 0, 0, 0, kSide};
      std::vector<std::uint8_t> labels = {0, 0, 8, 1, 0, 0, 0, kCount};
      for (std::size_t i = 0; i < kCount * kSide * kSide - missing; ++i)
        images.push_back(static_cast<std::uint8_t>(i * (i / 7 + 3)));
      for (std::size_t i = 0; i < kCount; ++i)
        labels.push_back(static_cast<std::uint8_t>(i + 1 == kCount ? label : i % 10));
      write_bytes(folder / name / "fashion-mnist" / (split + "-images-idx3-ubyte"), images);
      write_bytes(folder / name / "fashion-mnist" / (split + "-labels-idx1-ubyte"), labels);
    }
  }
  /// The first run in the store whose name holds `part`.
  std::string first_run(const std::string& part) const {
    for (const auto& entry : std::filesystem::directory_iterator(folder / "runs"))
      if (entry.path().filename().string().find(part) != std::string::npos)
        return "runs/" + entry.path().filename().string();
    return "";
  }
  TemporaryFolder folder;
  const std::filesystem::path home = folder / "home";
  const std::string tiny =
      "cifar100_baseline --data-dir data --limit-train 0 --limit-test 0 --width 4 --image-size 16 "
      "--batch-size 8 --queue-size 16 --epochs 2 --jobs 1 --threads 1 --seeds 0,1 ";
};

}  // namespace lcr::testing
