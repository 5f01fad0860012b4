// Temporary folders and checks that many tests share.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include <gtest/gtest.h>
#include <stdlib.h>

#include "lcr/base/error.h"

namespace lcr::testing {

/// A temporary folder, removed with the object.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "lcr-test-XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

template <typename Bytes>
void write_bytes(const std::filesystem::path& path, const Bytes& bytes) {
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
}

/// Why a test on real data cannot run, to skip it with; empty if the folder `name` is in LCR_DATA,
/// whatever state it is in.
inline std::string lacks_data(const std::string& name) {
  const char* root = std::getenv("LCR_DATA");
  if (!root || !*root) return "needs real data: LCR_DATA, the folder with " + name + ", is not set";
  const auto folder = std::filesystem::path(root) / name;
  return std::filesystem::exists(folder) ? "" : "needs real data: there is no " + folder.string();
}

/// Expects a UserError whose message is one line and contains all of `parts`.
template <typename Call, typename... Parts>
void expect_user_error(Call&& call, const Parts&... parts) {
  try {
    call();
    ADD_FAILURE() << "no UserError was thrown";
  } catch (const UserError& e) {
    const std::string what = e.what();
    for (const std::string& part : {std::string(parts)...})
      EXPECT_NE(what.find(part), std::string::npos) << "'" << part << "' is not in: " << what;
    EXPECT_EQ(what.find('\n'), std::string::npos) << "more than one line: " << what;
  }
}

}  // namespace lcr::testing
