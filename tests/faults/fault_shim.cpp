// A library for LD_PRELOAD that makes chosen calls of a program fail, as a dying machine or a full
// disk would. Settings, from the environment:
//   LCR_FAULT=kill        kills the process group (-9) at the chosen call, a write after half of
//                         its bytes
//   LCR_FAULT=die         the same, but kills this process alone
//   LCR_FAULT=full        from the chosen call on, calls on such files fail with "No space left on
//                         device"
//   LCR_FAULT=device      the chosen fsync throws what LibTorch throws when a GPU has no memory
//   left LCR_FAULT=spin        the chosen call never comes back, whatever signals arrive
//   LCR_FAULT_CALL        write, fsync, rename or start (of a process: while its libraries are
//   loaded) LCR_FAULT_PATH        part of the path of the file; for start, of the command line
//   LCR_FAULT_NTH         the first, second, ... such call [1]
//   LCR_FAULT_CLOCK=back  sets the calendar clock an hour back at every reading
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <stdexcept>

#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

namespace {

const char* setting(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

template <typename Function>
Function* next(const char* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

enum class Fault { kNone, kKill, kFull, kDevice };

/// As a library that repeats for ever what fails.
[[noreturn]] void spin() {
  for (;;) ::usleep(1000);
}

/// Kills the process, with its group or alone.
void die() { ::kill(std::strcmp(setting("LCR_FAULT"), "die") == 0 ? ::getpid() : 0, SIGKILL); }

/// What happens to this call.
Fault fault_at(const char* call, const char* path) {
  if (std::strcmp(setting("LCR_FAULT_CALL"), call) != 0 ||
      !std::strstr(path, setting("LCR_FAULT_PATH")))
    return Fault::kNone;
  static std::atomic<long> seen{0};
  const long nth = *setting("LCR_FAULT_NTH") ? std::atol(setting("LCR_FAULT_NTH")) : 1;
  const long now = ++seen;
  const bool kills = std::strcmp(setting("LCR_FAULT"), "kill") == 0 ||
                     std::strcmp(setting("LCR_FAULT"), "die") == 0;
  if (kills && now == nth) return Fault::kKill;
  if (std::strcmp(setting("LCR_FAULT"), "spin") == 0 && now == nth) spin();
  if (std::strcmp(setting("LCR_FAULT"), "device") == 0 && now == nth) return Fault::kDevice;
  if (std::strcmp(setting("LCR_FAULT"), "full") == 0 && now >= nth) return Fault::kFull;
  return Fault::kNone;
}

Fault fault_at(const char* call, int descriptor) {
  char link[64], path[4096] = {};
  std::snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
  if (::readlink(link, path, sizeof path - 1) <= 0) return Fault::kNone;
  return fault_at(call, path);
}

int full() {
  errno = ENOSPC;
  return -1;
}

/// Once the libraries have made themselves ready: UCX, which Debian 13's LibTorch brings, would
/// wait for ever.
std::atomic<bool> program_runs{false};

time_t look_back(time_t now) {
  static std::atomic<long> looks{0};
  return program_runs && *setting("LCR_FAULT_CLOCK") ? now - 3600 * ++looks : now;
}

[[gnu::constructor]] void start() {
  if (std::strcmp(setting("LCR_FAULT_CALL"), "start") != 0) return;
  char line[4096] = {};
  const int descriptor = ::open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
  const ssize_t length = ::read(descriptor, line, sizeof line - 1);
  ::close(descriptor);
  for (ssize_t i = 0; i + 1 < length; ++i)
    if (line[i] == '\0') line[i] = ' ';
  fault_at("start", line);
}

}  // namespace

extern "C" {

// What calls main().
int __libc_start_main(int (*main)(int, char**, char**), int count, char** words, void (*start)(),
                      void (*end)(), void (*end_loader)(), void* stack) {
  program_runs = true;
  return next<decltype(__libc_start_main)>("__libc_start_main")(main, count, words, start, end,
                                                                end_loader, stack);
}

ssize_t write(int descriptor, const void* bytes, size_t count) {
  static auto* const real = next<ssize_t(int, const void*, size_t)>("write");
  const Fault fault = fault_at("write", descriptor);
  if (fault == Fault::kFull) return full();
  if (fault == Fault::kKill) {
    real(descriptor, bytes, count / 2);
    die();
  }
  return real(descriptor, bytes, count);
}

size_t fwrite(const void* bytes, size_t size, size_t count, FILE* file) {
  static auto* const real = next<size_t(const void*, size_t, size_t, FILE*)>("fwrite");
  const Fault fault = fault_at("write", ::fileno(file));
  if (fault == Fault::kFull) {
    full();
    return 0;
  }
  if (fault == Fault::kKill) {
    real(bytes, size, count / 2, file);
    ::fflush(file);
    die();
  }
  return real(bytes, size, count, file);
}

int fsync(int descriptor) {
  static auto* const real = next<int(int)>("fsync");
  const Fault fault = fault_at("fsync", descriptor);
  if (fault == Fault::kDevice)
    throw std::runtime_error("CUDA out of memory. Tried to allocate 2.50 GiB.");
  if (fault == Fault::kFull) return full();
  if (fault == Fault::kKill) die();
  return real(descriptor);
}

int rename(const char* from, const char* to) {
  static auto* const real = next<int(const char*, const char*)>("rename");
  const Fault fault = fault_at("rename", to);
  if (fault == Fault::kFull) return full();
  if (fault == Fault::kKill) die();
  return real(from, to);
}

int clock_gettime(clockid_t clock, struct timespec* now) noexcept {
  static auto* const real = next<int(clockid_t, struct timespec*)>("clock_gettime");
  const int result = real(clock, now);
  if (clock == CLOCK_REALTIME) now->tv_sec = look_back(now->tv_sec);
  return result;
}

time_t time(time_t* out) noexcept {
  static auto* const real = next<time_t(time_t*)>("time");
  const time_t now = look_back(real(nullptr));
  if (out) *out = now;
  return now;
}

int gettimeofday(struct timeval* __restrict now, void* __restrict zone) noexcept {
  static auto* const real = next<int(struct timeval*, void*)>("gettimeofday");
  const int result = real(now, zone);
  now->tv_sec = look_back(now->tv_sec);
  return result;
}

}  // extern "C"
