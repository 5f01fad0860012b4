// Checkpoints of a run: which are kept, and what happens to a damaged one.
#include "lcr/experiment/checkpoints.h"

#include <gtest/gtest.h>

#include "lcr/base/error.h"
#include "lcr/base/files.h"
#include "lcr/data/synth_birds.h"
#include "tests/support/files.h"
#include "tests/support/networks.h"

namespace lcr {
namespace {

namespace fs = std::filesystem;

TEST(Checkpoints, ADamagedOneIsPassedOverAndRemovedSoThatTwoGoodOnesStay) {
  const testing::TemporaryFolder folder;
  const Dataset data = make_synth_birds({.classes = 2,
                                         .train_per_class = 6,
                                         .test_per_class = 2,
                                         .size = 24,
                                         .first_class = 0,
                                         .threads = 1});
  const Options options = testing::tiny_options();
  Trainer trainer(make_method(options, 0), options, data.train, 0, testing::test_device(), 1);
  Checkpoints checkpoints(folder.path(), std::string(64, 'a'), "threads=1\n", options,
                          /*inexact_init=*/false);
  TrainingRecord record;
  const auto files = [&] {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder / "checkpoints"))
      names.push_back(entry.path().filename().string());
    std::sort(names.begin(), names.end());
    return names;
  };
  for (record.log.steps = 1; record.log.steps <= 3; ++record.log.steps)
    checkpoints.write(trainer, record);
  ASSERT_EQ(files().size(), 2U);
  const fs::path newest = checkpoints.newest();
  const auto name_of = [](std::int64_t step) {
    return fmt::format("resume-{:012}.safetensors", step);
  };
  ASSERT_EQ(newest.filename(), name_of(3));
  std::string bytes = read_text(newest);
  bytes[bytes.size() - 5] = static_cast<char>(bytes[bytes.size() - 5] ^ 4);
  testing::write_bytes(newest, bytes);
  TrainingRecord read;
  checkpoints.resume(trainer, read);
  EXPECT_EQ(read.log.steps, 2);
  EXPECT_EQ(files(), std::vector<std::string>{name_of(2)});
  read.log.steps = 4;
  checkpoints.write(trainer, read);
  EXPECT_EQ(files(), (std::vector<std::string>{name_of(2), name_of(4)}));
  Checkpoints::clear(folder.path());
  EXPECT_TRUE(files().empty());
}

}  // namespace
}  // namespace lcr
