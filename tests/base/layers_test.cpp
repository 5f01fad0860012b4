// Include arrows only point down: ci/layers.sh, on this tree and on one with an arrow that points
// up.
#include <cstdlib>
#include <filesystem>
#include <string>

#include <gtest/gtest.h>

#include "lcr/base/files.h"
#include "tests/support/files.h"

namespace lcr {
namespace {

namespace fs = std::filesystem;

int check(const fs::path& tree, const fs::path& log) {
  const std::string script = LCR_SOURCE_DIR "/ci/layers.sh";
  return std::system(("'" + script + "' '" + tree.string() + "' >'" + log.string() + "'").c_str());
}

TEST(Layers, IncludesPointDown) {
  const testing::TemporaryFolder folder;
  EXPECT_EQ(check(LCR_SOURCE_DIR, folder / "log"), 0) << read_text(folder / "log");
}

TEST(Layers, AnIncludeThatPointsUpIsRefused) {
  const testing::TemporaryFolder folder;
  const fs::path tree = folder / "tree";
  fs::create_directories(tree / "lib");
  fs::copy(LCR_SOURCE_DIR "/lib", tree / "lib", fs::copy_options::recursive);
  for (const char* name : {"plots", "ci", "experiments", "tools", "benchmarks", "tests"})
    fs::create_directories(tree / name);
  ASSERT_EQ(check(tree, folder / "log"), 0) << read_text(folder / "log");
  const struct {
    const char *file, *line, *complaint;
  } cases[] = {{"lib/lcr/model/gfb.h", "#include \"lcr/train/trainer.h\"\n", "points up"},
               {"lib/lcr/base/text.h", "#include <torch/torch.h>\n", "LibTorch"},
               {"lib/lcr/evaluate/knn.h", "#include \"lcr/train/sgd.h\"\n", "points up"},
               {"lib/lcr/data/idx.h", "#include \"plots/table.h\"\n", "outside the library"}};
  for (const auto& [file, line, complaint] : cases) {
    SCOPED_TRACE(file);
    const std::string good = read_text(tree / file);
    write_atomic(tree / file, line + good);
    EXPECT_NE(check(tree, folder / "log"), 0);
    const std::string log = read_text(folder / "log");
    EXPECT_NE(log.find(std::string(file) + ":1:"), std::string::npos) << log;
    EXPECT_NE(log.find(complaint), std::string::npos) << log;
    write_atomic(tree / file, good);
  }
}

}  // namespace
}  // namespace lcr
