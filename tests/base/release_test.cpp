// A release has one version: CMakeLists.txt names it, CHANGELOG.md and CITATION.cff follow.
#include <filesystem>
#include <regex>
#include <string>

#include <gtest/gtest.h>

#include "lcr/base/files.h"

namespace lcr {
namespace {

/// The first match of a pattern's group in a file of the sources; empty if there is none.
std::string first_match(const std::string& file, const std::string& pattern) {
  const std::string text = read_text(std::filesystem::path(LCR_SOURCE_DIR) / file);
  std::smatch match;
  return std::regex_search(text, match, std::regex(pattern)) ? match[1].str() : "";
}

TEST(Release, TheVersionIsTheSameEverywhere) {
  const std::string version =
      first_match("CMakeLists.txt", "project\\(lcr_suite VERSION ([0-9.]+)");
  EXPECT_NE(version, "");
  const std::string released = "## \\[([0-9.]+)\\] - ";
  EXPECT_EQ(first_match("CHANGELOG.md", released), version);
  EXPECT_EQ(first_match("CITATION.cff", "\nversion: ([0-9.]+)"), version);
  EXPECT_EQ(first_match("CITATION.cff", "\ndate-released: ([0-9-]+)"),
            first_match("CHANGELOG.md", "## \\[[0-9.]+\\] - ([0-9-]+)"));
}

}  // namespace
}  // namespace lcr
