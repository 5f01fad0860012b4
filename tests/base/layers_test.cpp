// Include arrows only point down (docs/architecture.md): experiment -> {evaluate, train} -> method
// -> model -> data -> record -> base.
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>

#include <gtest/gtest.h>

namespace lcr {
namespace {

TEST(Layers, IncludesPointDown) {
  const std::map<std::string, int> height = {{"base", 0},     {"record", 1},    {"data", 2},
                                             {"model", 3},    {"method", 4},    {"train", 5},
                                             {"evaluate", 5}, {"experiment", 6}};
  const std::filesystem::path lib = std::filesystem::path(LCR_SOURCE_DIR) / "lib/lcr";
  const std::regex own("#include \"lcr/([a-z]+)/");
  const std::regex torch("#include <(torch|ATen|c10)/");
  int files = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(lib)) {
    if (!entry.is_regular_file()) continue;
    ++files;
    const std::string layer = entry.path().parent_path().filename();
    ASSERT_TRUE(height.contains(layer)) << entry.path();
    std::ifstream in(entry.path());
    for (std::string line; std::getline(in, line);) {
      std::smatch match;
      if (std::regex_search(line, match, own)) {
        ASSERT_TRUE(height.contains(match[1])) << entry.path() << ": " << line;
        const bool same = match[1] == layer;
        EXPECT_TRUE(same || height.at(match[1]) < height.at(layer)) << entry.path() << ": " << line;
      }
      if (height.at(layer) <= 2)
        EXPECT_FALSE(std::regex_search(line, torch)) << entry.path() << " is in lcr_base: " << line;
    }
  }
  EXPECT_GT(files, 30);
}

}  // namespace
}  // namespace lcr
