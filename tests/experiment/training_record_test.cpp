// The records of a training: how losses with names become columns and measurements, and what
// checkpoints of older versions are read as.
#include "lcr/experiment/training_record.h"

#include <gtest/gtest.h>

#include "lcr/base/error.h"
#include "tests/support/files.h"

namespace lcr {
namespace {

EpochLog log_of(std::vector<TermSum> terms) {
  return {.epoch = 3, .steps = 2, .lr = 0.5, .loss_sum = 7, .terms = terms, .seconds = 4};
}

TEST(TrainingRecord, TermsBecomeColumnsAndMeasurements) {
  struct Case {
    EpochLog log;
    std::string header, row;
  };
  for (const auto& [log, header, row] :
       {Case{log_of({{"byol_loss", 6}}), "contrastive,kl", "3,0"},
        Case{log_of({{"contrastive_loss", 6}, {"kl_loss", 1}}), "contrastive,kl", "3,0.5"},
        Case{log_of({{"a_loss", 6}, {"b_loss", 4}, {"kl_loss", 1}}), "b_loss,contrastive,kl",
             "2,3,0.5"}}) {
    EXPECT_EQ(epochs_header(log, {}),
              "epoch,steps,lr,loss," + header + ",seconds,samples_per_second\n");
    EXPECT_EQ(epochs_row(log, nullptr, {}, 8), "3,2,0.5,3.5," + row + ",4,4\n");
    const auto measured = loss_measurements(log);
    ASSERT_EQ(measured.size(), log.terms.size());
    for (std::size_t i = 0; i < measured.size(); ++i) {
      EXPECT_EQ(measured[i].metric, log.terms[i].name);
      EXPECT_EQ(measured[i].value, log.terms[i].sum / 2);
      EXPECT_EQ(measured[i].epoch, 3);
      EXPECT_TRUE(is_loss(measured[i].metric));
    }
  }
  EXPECT_TRUE(loss_measurements(EpochLog()).empty());
}

TEST(TrainingRecord, ReadsWhatItWrote) {
  TrainingRecord record;
  record.log = log_of({{"contrastive_loss", 0.1}, {"kl_loss", 1}});
  record.epochs_csv = "epoch\n";
  const std::string text = to_text(record);
  EXPECT_EQ(to_text(parse_training_record(text, "test")), text);
  testing::expect_user_error([&] { parse_training_record("{}", "test"); }, "test: damaged");
}

TEST(TrainingRecord, ReadsLossesOfOlderVersions) {
  // As written before losses had names.
  const std::string log =
      R"({"epoch":3,"steps":2,"lr":0.5,"loss_sum":7.0,"contrastive_sum":6.0,"kl_sum":1.0,"seconds":4.0})";
  const std::string text =
      R"({"epochs_done":2,"log":)" + log + R"(,"last":)" + log +
      R"(,"history":[],"epochs_csv":"","best_rank1":-1.0,"chosen":[],"train_steps":0,)"
      R"("train_seconds":0.0,"wall_seconds":0.0,"resumed":0,"inexact_resume":false,"commits":[]})";
  const TrainingRecord record = parse_training_record(text, "test");
  for (const EpochLog& read : {record.log, record.last}) {
    EXPECT_EQ(read.loss(), 3.5);
    EXPECT_EQ(epochs_row(read, nullptr, {}, 8), "3,2,0.5,3.5,3,0.5,4,4\n");
    EXPECT_TRUE(loss_measurements(read).empty()) << "the first has no name";
  }
}

}  // namespace
}  // namespace lcr
