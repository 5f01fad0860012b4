#include "lcr/base/progress.h"

#include <algorithm>

#include <fmt/core.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "lcr/base/error.h"
#include "lcr/base/text.h"

namespace lcr {
namespace {

double fraction_of(std::int64_t done, std::int64_t total) {
  return total > 0 ? std::clamp(static_cast<double>(done) / static_cast<double>(total), 0.0, 1.0)
                   : 1.0;
}

}  // namespace

std::string describe_progress(std::int64_t done, std::int64_t before, std::int64_t total,
                              double seconds, const std::string& unit) {
  const auto count = [](std::int64_t units) {
    return static_cast<double>(std::max<std::int64_t>(0, units));
  };
  const double rate = seconds > 0 ? count(done - before) / seconds : 0.0;
  // The first thousandth can be of another kind, as what is only evaluated.
  const bool known = rate > 0 && count(done - before) >= count(total) / 1000;
  const std::string eta = known ? format_duration(count(total - done) / rate) : "?";
  return fmt::format("{:3.0f} %  {:.0f} {}/s  ETA {}", 100 * fraction_of(done, total), rate, unit,
                     eta);
}

Progress::Progress(std::string title, std::int64_t total, std::string unit)
    : title_(std::move(title)),
      unit_(std::move(unit)),
      total_(total),
      shown_(start_),
      terminal_(::isatty(STDERR_FILENO) != 0) {}

Progress::~Progress() {
  if (drawn_) say("\n");
}

void Progress::update(std::int64_t done, const std::string& note) {
  done_ = done;
  note_ = note;
  const auto now = Clock::now();
  const auto interval =
      terminal_ ? std::chrono::milliseconds(100) : std::chrono::milliseconds(15000);
  if (now - shown_ < interval && !(terminal_ && done >= total_)) return;
  shown_ = now;
  draw(now);
}

void Progress::update(std::int64_t done, std::int64_t total) {
  if (total > 0) total_ = total;
  update(done);
}

void Progress::line(const std::string& text) {
  erase();
  say("{}\n", text);
  std::fflush(stderr);
}

void Progress::erase() {
  if (drawn_) say("\r\033[K");
  drawn_ = false;
}

void Progress::draw(Clock::time_point now) {
  const double elapsed = std::chrono::duration<double>(now - start_).count();
  const std::string tail = describe_progress(done_, before_, total_, elapsed, unit_) +
                           (note_.empty() ? "" : "  " + note_);
  if (!terminal_) {
    say("{}: {}\n", title_, tail);
  } else {
    constexpr std::size_t kWidth = 24;
    const auto filled = static_cast<std::size_t>(fraction_of(done_, total_) * kWidth);
    std::string text = fmt::format("{} [{}{}] {}", title_, std::string(filled, '#'),
                                   std::string(kWidth - filled, '.'), tail);
    winsize size{};
    if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1)
      text = text.substr(0, size.ws_col - 1U);  // a wrapped line could not be redrawn
    say("\r\033[K{}", text);
    drawn_ = true;
  }
  std::fflush(stderr);
}

}  // namespace lcr
