#include "lcr/experiment/out_of_memory.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "tests/support/files.h"
#include "tests/support/networks.h"

namespace lcr {
namespace {

TEST(OutOfMemory, SaysHowMuchWasAskedForAndWhatLowersIt) {
  const Options options = testing::tiny_options({{"method", "lcr"}});
  // 2^58 bytes: more than any address space has.
  testing::expect_user_error(
      [&] {
        explain_out_of_memory(
            options, [] { torch::empty({std::int64_t{1} << 58}, torch::kUInt8).fill_(1); });
      },
      "out of memory (tried to allocate 288230376151711744 bytes)", "--batch-size (now 6)",
      "--queue-size (now 12)");
  // The messages of CUDA in LibTorch 1.13 and 2.x.
  for (const char* words :
       {"CUDA out of memory. Tried to allocate 2.50 GiB (GPU 0; 79.15 GiB total capacity; 70.00 "
        "GiB already allocated)",
        "CUDA out of memory. Tried to allocate 2.50 GiB. GPU 0 has a total capacity of 79.15 GiB"})
    testing::expect_user_error(
        [&] { explain_out_of_memory(options, [&] { C10_THROW_ERROR(Error, words); }); },
        "(tried to allocate 2.50 GiB)", "--precision bfloat16");
  testing::expect_user_error(
      [&] { explain_out_of_memory(options, [] { throw std::bad_alloc(); }); }, "out of memory",
      "--jobs");
  // Other errors pass through.
  EXPECT_THROW(explain_out_of_memory(options, [] { torch::ones({2}) + torch::ones({3}); }),
               c10::Error);
}

}  // namespace
}  // namespace lcr
