#include "lcr/train/step_reports.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "lcr/data/synth_birds.h"
#include "lcr/method/method.h"
#include "lcr/train/trainer.h"
#include "tests/support/networks.h"

#ifdef LCR_WITH_CUDA
#include <c10/cuda/CUDAFunctions.h>
#endif

namespace lcr {
namespace {

StepLoss loss_of(double total) {
  const auto value = [](double x) {
    return torch::tensor(
        x, torch::TensorOptions().dtype(torch::kFloat).device(testing::test_device()));
  };
  return {.total = value(total),
          .terms = {{"contrastive_loss", value(total - 1)}, {"kl_loss", value(1)}},
          .mask = {},
          .target = {}};
}

TEST(StepReports, ComeInOrderAndAsLateAsTheyMay) {
  for (const std::size_t lag : {0U, 1U, 3U}) {
    SCOPED_TRACE(lag);
    StepReports reports({}, lag);
    std::vector<StepReport> seen;
    for (std::int64_t step = 10; step < 15; ++step) {
      reports.add(step, loss_of(static_cast<double>(step)), /*pause=*/step == 12,
                  /*stop=*/step == 13);
      while (reports.has_next(/*end=*/false)) seen.push_back(reports.next());
      // Never more than the last `lag` steps are missing.
      const auto done = static_cast<std::size_t>(step - 9);
      EXPECT_EQ(seen.size(), done > lag ? done - lag : 0);
    }
    while (reports.has_next(/*end=*/true)) seen.push_back(reports.next());
    ASSERT_EQ(seen.size(), 5U);
    for (std::size_t i = 0; i < seen.size(); ++i) {
      const auto step = static_cast<std::int64_t>(i) + 10;
      EXPECT_EQ(seen[i].step, step);
      EXPECT_EQ(seen[i].total, static_cast<double>(step));
      ASSERT_EQ(seen[i].terms.size(), 2U);
      EXPECT_EQ(seen[i].terms[0].name, "contrastive_loss");
      EXPECT_EQ(seen[i].terms[0].sum, static_cast<double>(step - 1));
      EXPECT_EQ(seen[i].terms[1].sum, 1.0);
      EXPECT_EQ(seen[i].pause, step == 12);
      EXPECT_EQ(seen[i].stop, step == 13);
    }
  }
  EXPECT_EQ(StepReports::lag_on(torch::kCPU), 0U) << "on the CPU a loss is known at once";
  EXPECT_EQ(StepReports::lag_on({torch::kCUDA, 1}), 1U);
}

TEST(StepReports, FiveStepsWaitNowhereForTheDevice) {
  if (const auto why = testing::lacks_gpu(); !why.empty()) GTEST_SKIP() << why;
#ifndef LCR_WITH_CUDA_KERNELS
  FAIL() << "a CUDA device, but no CUDA kernels in this build: make setup-gpu brings the compiler";
#else
  const torch::Device device(torch::kCUDA, 0);
  const Dataset data = make_synth_birds({.classes = 3,
                                         .train_per_class = 20,
                                         .test_per_class = 2,
                                         .size = 24,
                                         .first_class = 0,
                                         .threads = 1});
  for (const char* method : {"moco_v2", "lcr", "byol_lcr", "simsiam"})
    for (const char* precision : {"float32", "bfloat16"}) {
      SCOPED_TRACE(std::string(method) + " " + precision);
      const Options options =
          testing::tiny_options({{"method", method}, {"precision", precision}, {"lr", "0.01"}});
      Trainer trainer(make_method(options, 0), options, data.train, 0, device, 1);
      const StepObserver nobody = [](std::int64_t, double) {};
      // The first steps choose algorithms, and read the queue's position.
      const EpochLog first = trainer.run_epoch(0, nobody, 2);
      auto& state = c10::cuda::warning_state();
      state.set_sync_debug_mode(c10::cuda::SyncDebugMode::L_ERROR);  // whatever waits throws
      EXPECT_NO_THROW({
        const EpochLog log = trainer.run_epoch(0, nobody, 7, first);
        EXPECT_EQ(log.steps, 7);
      });
      state.set_sync_debug_mode(c10::cuda::SyncDebugMode::L_DISABLED);
    }
#endif
}

}  // namespace
}  // namespace lcr
