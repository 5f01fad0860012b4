// A disk that is soon full.
#pragma once

#include <csignal>
#include <filesystem>
#include <string>

#include <sys/mount.h>
#include <sys/resource.h>

namespace lcr::testing {

/// While it lives, little can be written to a folder: it is a tmpfs of that size or, for a user who
/// may not mount one, no file of this process can grow further.
class SmallDisk {
 public:
  SmallDisk(const std::filesystem::path& folder, rlim_t kibibytes) : folder_(folder) {
    std::filesystem::create_directories(folder);
    const std::string size = "size=" + std::to_string(kibibytes) + "k";
    mounted_ = ::mount("tmpfs", folder.c_str(), "tmpfs", 0, size.c_str()) == 0;
    if (mounted_) return;
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit = {kibibytes << 10, before_.rlim_max};
    handler_ = std::signal(SIGXFSZ, SIG_IGN);
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~SmallDisk() {
    if (mounted_) {
      ::umount(folder_.c_str());
      return;
    }
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;

  /// What the system says of a write that does not fit.
  std::string complaint() const { return mounted_ ? "No space left" : "File too large"; }

 private:
  std::filesystem::path folder_;
  bool mounted_ = false;
  rlimit before_{};
  void (*handler_)(int) = nullptr;
};

}  // namespace lcr::testing
