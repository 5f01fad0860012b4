// Progress of long work: a bar with rate and ETA on a terminal, plain lines elsewhere.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace lcr {

/// " 12 %  8 samples/s  ETA 5 min 00 s", after `seconds`. Of the `done` units, `before` were done
/// by an earlier process and do not count as speed.
std::string describe_progress(std::int64_t done, std::int64_t before, std::int64_t total,
                              double seconds, const std::string& unit);

/// Shows how far a task of `total` units has come. On a terminal one line is redrawn at most ten
/// times a second; elsewhere a plain line is printed at most every 15 seconds. Writes to standard
/// error, so that standard output stays for results.
class Progress {
 public:
  /// `unit` names what is counted ("samples", "images"); `total` >= 0.
  Progress(std::string title, std::int64_t total, std::string unit);
  /// Ends the line.
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// `done` units are finished; `note` says more ("loss 5.21").
  void update(std::int64_t done, const std::string& note = {});
  /// The same if the total becomes known only on the way; 0: still unknown.
  void update(std::int64_t done, std::int64_t total);
  /// `units` of those done are an earlier process's, as in describe_progress().
  void done_before(std::int64_t units) { before_ = units; }
  /// Prints a line of its own above the bar.
  void line(const std::string& text);

 private:
  using Clock = std::chrono::steady_clock;
  void draw(Clock::time_point now);
  void erase();

  std::string title_, unit_, note_;
  std::int64_t total_;
  std::int64_t done_ = 0, before_ = 0;
  Clock::time_point start_ = Clock::now();
  Clock::time_point shown_;
  bool terminal_;
  bool drawn_ = false;
};

}  // namespace lcr
