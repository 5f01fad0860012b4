// Ranks as threads of the test.
#pragma once

#include <exception>
#include <functional>
#include <thread>
#include <vector>

#include "lcr/base/error.h"
#include "lcr/base/sockets.h"
#include "lcr/method/process_group.h"

namespace lcr::testing {

/// Runs body(group) as each of `size` ranks at once, each on its own thread; one rank on the
/// calling thread. Rethrows the exception of a rank that failed by itself, else of one that lost
/// another.
inline void run_ranks(int size, const std::function<void(const ProcessGroup& group)>& body) {
  if (size == 1) return body(ProcessGroup());
  const ReservedPort port;
  std::vector<std::exception_ptr> own(static_cast<std::size_t>(size)), lost = own;
  {
    std::vector<std::jthread> threads;
    for (int rank = 0; rank < size; ++rank)
      threads.emplace_back([&, rank] {
        const auto index = static_cast<std::size_t>(rank);
        try {
          body(ProcessGroup({.rank = rank, .size = size, .port = port.number()}, torch::kCPU,
                            std::chrono::seconds(60)));
        } catch (const LostRank&) {
          lost[index] = std::current_exception();
        } catch (...) {
          own[index] = std::current_exception();
        }
      });
  }
  for (const auto& errors : {own, lost})
    for (const auto& error : errors)
      if (error) std::rethrow_exception(error);
}

}  // namespace lcr::testing
