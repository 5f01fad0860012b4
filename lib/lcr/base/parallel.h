// A plain parallel loop for host work outside LibTorch (decoding, drawing, augmenting).
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace lcr {

/// Calls body(i) for every i in [0, count) on `threads` threads (the caller's included). The result
/// must not depend on the order. The first exception is rethrown after all threads have stopped.
template <typename Body>
void parallel_for(std::int64_t count, int threads, Body&& body) {
  std::atomic<std::int64_t> next{0};
  std::exception_ptr error;
  std::mutex error_mutex;
  const auto work = [&] {
    try {
      for (std::int64_t i; (i = next.fetch_add(1, std::memory_order_relaxed)) < count;) body(i);
    } catch (...) {
      const std::lock_guard lock(error_mutex);
      if (!error) error = std::current_exception();
      next = count;
    }
  };
  std::vector<std::jthread> helpers;
  const auto wanted = std::min<std::int64_t>(threads, count);
  for (std::int64_t t = 1; t < wanted; ++t) helpers.emplace_back(work);
  work();
  helpers.clear();  // joins
  if (error) std::rethrow_exception(error);
}

}  // namespace lcr
