#include "lcr/base/progress.h"

#include <algorithm>

#include <fmt/core.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "lcr/base/error.h"
#include "lcr/base/text.h"

namespace lcr {

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
  const double fraction =
      total_ > 0 ? std::clamp(static_cast<double>(done_) / static_cast<double>(total_), 0.0, 1.0)
                 : 1.0;
  const double rate = elapsed > 0 ? static_cast<double>(done_) / elapsed : 0.0;
  const std::string eta = fraction > 0 ? format_duration(elapsed * (1 - fraction) / fraction) : "?";
  const std::string tail = fmt::format("{:3.0f} %  {:.0f} {}/s  ETA {}{}{}", 100 * fraction, rate,
                                       unit_, eta, note_.empty() ? "" : "  ", note_);
  if (!terminal_) {
    say("{}: {}\n", title_, tail);
  } else {
    constexpr std::size_t kWidth = 24;
    const auto filled = static_cast<std::size_t>(fraction * kWidth);
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
