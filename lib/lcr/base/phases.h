// Where a thread spends its time, by named phases: for benchmarks.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <utility>

namespace lcr {

/// Collects the phases of the thread that made it, while it lives. One at a time per thread.
class PhaseTimes {
 public:
  /// settle: called before each look at the clock, to wait for work that a device still does; null
  /// if there is none.
  explicit PhaseTimes(std::function<void()> settle = nullptr) : settle_(std::move(settle)) {
    current() = this;
  }
  ~PhaseTimes() { current() = nullptr; }
  PhaseTimes(const PhaseTimes&) = delete;
  PhaseTimes& operator=(const PhaseTimes&) = delete;

  std::map<std::string, double> seconds;  ///< by phase, in all

 private:
  friend class Phase;
  static PhaseTimes*& current() {
    static thread_local PhaseTimes* times = nullptr;
    return times;
  }
  std::chrono::steady_clock::time_point now() const {
    if (settle_) settle_();
    return std::chrono::steady_clock::now();
  }

  std::function<void()> settle_;
};

/// Adds the time from its construction to its end to the phase `name`, if this thread's phases are
/// collected; else it costs nothing.
class Phase {
 public:
  explicit Phase(const char* name) : name_(name), times_(PhaseTimes::current()) {
    if (times_) start_ = times_->now();
  }
  ~Phase() {
    if (times_)
      times_->seconds[name_] += std::chrono::duration<double>(times_->now() - start_).count();
  }
  Phase(const Phase&) = delete;
  Phase& operator=(const Phase&) = delete;

 private:
  const char* name_;
  PhaseTimes* times_;
  std::chrono::steady_clock::time_point start_;
};

}  // namespace lcr
