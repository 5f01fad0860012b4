// A run that several processes share, for tests that start, kill and compare it.
#pragma once

#include <string>

#include <fmt/core.h>

#include "tests/support/programs.h"

namespace lcr::testing {

class RankRunTest : public ProgramTest {
 protected:
  void SetUp() override {
    ProgramTest::SetUp();
    write_fashion("data");
  }

  /// A run of a hundred steps on two ranks, with a checkpoint every 60 ms, in the store PLACE/runs.
  /// `more` may give another number of ranks.
  static std::string command(const std::string& place, const std::string& more = "") {
    return fmt::format(
        "cifar100_baseline --data-dir data --limit-train 0 --limit-test 0 --width 4 --image-size "
        "16 --batch-size 8 --queue-size 16 --epochs 20 --eval-every 10 --jobs 1 --threads 1 "
        "--seeds 0 --rows Ours --checkpoint-every 0.001min --runs '{0}/runs' --results "
        "'{0}/results' {1} {2}",
        place, more.find("--ranks ") == std::string::npos ? "--ranks 2" : "", more);
  }

  /// Trains the run undisturbed and without a launcher, in the store a/runs.
  void train_reference() {
    const Outcome outcome = run(command("a"));
    ASSERT_EQ(outcome.code, 0) << outcome.err;
    for (const auto& entry : std::filesystem::directory_iterator(folder / "a/runs"))
      if (entry.is_directory()) run_name_ = entry.path().filename().string();
    ASSERT_FALSE(run_name_.empty());
  }
  /// The command of one rank, for a launcher.
  std::string worker(const std::string& place, const std::string& more = "") const {
    return command(place, "--worker-run " + run_name_ + " " + more);
  }
  /// Expects the undisturbed run's weights and results in the store of `place`.
  void expect_same(const std::string& place) const {
    const auto weights = [&](const std::string& from) {
      return read_text(folder / from / "runs" / run_name_ / "checkpoints/last.safetensors");
    };
    EXPECT_TRUE(weights(place) == weights("a")) << place << ": other weights";
    const auto measurements = [&](const std::string& from) {
      return nlohmann::json::parse(
          read_text(folder / from / "runs" / run_name_ / "result.json"))["measurements"];
    };
    EXPECT_EQ(measurements(place), measurements("a")) << place;
  }

  std::string run_name_;  ///< set by train_reference()
};

}  // namespace lcr::testing
