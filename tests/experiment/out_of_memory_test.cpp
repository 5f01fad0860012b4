#include "lcr/experiment/out_of_memory.h"

#include <cerrno>
#include <fstream>
#include <system_error>

#include <gtest/gtest.h>
#include <torch/torch.h>
#include <unistd.h>

#include "lcr/base/error.h"
#include "lcr/experiment/numeric_libraries.h"
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
        "out of memory on the GPU (tried to allocate 2.50 GiB)", "--precision bfloat16",
        "--resident-share (now 0.5)");
  testing::expect_user_error(
      [&] { explain_out_of_memory(options, [] { throw std::bad_alloc(); }); }, "out of memory",
      "--jobs");
  testing::expect_user_error(
      [&] {
        explain_out_of_memory(
            options, [] { throw std::system_error(EAGAIN, std::generic_category(), "thread"); });
      },
      "out of memory: lower", "--threads");
  // Other errors pass through, those with their own words too.
  testing::expect_user_error(
      [&] { explain_out_of_memory(options, [] { fail("a.txt: Cannot allocate memory"); }); },
      "a.txt: Cannot allocate memory");
  EXPECT_THROW(explain_out_of_memory(options, [] { torch::ones({2}) + torch::ones({3}); }),
               c10::Error);
}

TEST(OutOfMemory, TheDevicesHasATypeAndAnExitCodeOfItsOwn) {
  const Options options = testing::tiny_options({{"method", "lcr"}});
  for (const char* words : {"CUDA out of memory. Tried to allocate 2.50 GiB.",
                            "CUDA error: out of memory\nCUDA kernel errors might be ...",
                            "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate`",
                            "cuDNN error: CUDNN_STATUS_ALLOC_FAILED"}) {
    SCOPED_TRACE(words);
    EXPECT_TRUE(is_out_of_device_memory(std::runtime_error(words)));
    EXPECT_TRUE(is_out_of_memory(std::runtime_error(words)));
    EXPECT_EQ(detail::report("test", std::runtime_error(words)), kOutOfDeviceMemory);
    try {
      explain_out_of_memory(options, [&] { throw std::runtime_error(words); });
      ADD_FAILURE() << "nothing was thrown";
    } catch (const OutOfDeviceMemory& e) {
      EXPECT_FALSE(is_out_of_memory(e)) << "it has its own words";
      EXPECT_EQ(detail::report("test", e), kOutOfDeviceMemory);
    }
  }
  EXPECT_FALSE(is_out_of_device_memory(std::bad_alloc()));
  EXPECT_FALSE(
      is_out_of_device_memory(std::runtime_error("DefaultCPUAllocator: not enough memory")));
}

TEST(OutOfMemory, BlasBuffersAreReservedOnce) {
  const int threads_before = at::get_num_threads();
  at::set_num_threads(1);  // no thread stacks in the figures
  reserve_blas_buffers(2);
  const auto address_space = [] {
    std::ifstream in("/proc/self/statm");
    long pages = 0;
    in >> pages;
    return pages;
  };
  const long before = address_space();
  for (const int threads : {1, 2, 2}) reserve_blas_buffers(threads);
  const torch::Tensor square = torch::ones({300, 300});
  EXPECT_EQ(torch::mm(square, square)[7][7].item<float>(), 300.0F);
  // BLAS had its buffers (128 MiB each): the rest is the tensors.
  EXPECT_LT((address_space() - before) * ::sysconf(_SC_PAGESIZE), 100L << 20);
  at::set_num_threads(threads_before);
}

}  // namespace
}  // namespace lcr
