// The committed results on real data, made again from the archives of their runs, byte for byte;
// and the script that makes such archives.
#include <cstdlib>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "lcr/base/files.h"
#include "tests/support/files.h"
#include "tests/support/shell.h"

namespace lcr {
namespace {

namespace fs = std::filesystem;

const fs::path kRecords = fs::path(LCR_SOURCE_DIR) / "results/records";

/// What ci/records.sh reads; everything else in a folder of records is made by it.
bool is_input(const fs::path& file) {
  const std::string name = file.filename();
  return name == "runs.tar.gz" || name == "inputs.json" || name == "options" ||
         name == "campaign.txt";
}

TEST(Records, MakeTheCommittedResultsAgain) {
  const testing::TemporaryFolder folder;
  const std::string command = "cd '" + std::string(LCR_SOURCE_DIR) + "' && ci/records.sh '" +
                              LCR_BIN + "' '" + folder.path().string() + "' >'" +
                              (folder / "log.txt").string() + "' 2>&1 </dev/null";
  ASSERT_EQ(std::system(command.c_str()), 0) << read_text(folder / "log.txt");
  std::size_t compared = 0;
  for (const auto& entry : fs::recursive_directory_iterator(kRecords)) {
    if (!entry.is_regular_file() || entry.path().parent_path() == kRecords ||
        is_input(entry.path()))
      continue;
    const fs::path name = fs::relative(entry.path(), kRecords);
    ASSERT_TRUE(fs::exists(folder / name.string())) << name;
    EXPECT_EQ(read_text(folder / name.string()), read_text(entry.path())) << name;
    ++compared;
  }
  EXPECT_GT(compared, 0U);
}

TEST(Records, ACampaignPacksWhatItTrainedAndGoesOnFromThere) {
  const testing::TemporaryFolder folder;
  fs::create_directories(folder / "results/records/smoke");
  testing::write_bytes(
      folder / "results/records/smoke/campaign.txt",
      std::string("# The first row only.\ncifar100_baseline --rows 'Raw pixels'\n"));
  const auto campaign = [&] {
    return testing::shell(folder.path(), fmt::format("'{}/ci/campaign.sh' '{}' smoke --threads 1",
                                                     LCR_SOURCE_DIR, LCR_BIN));
  };
  const auto first = campaign();
  ASSERT_EQ(first.code, 0) << first.log;
  EXPECT_TRUE(fs::exists(folder / "results/records/smoke/inputs.json"));
  fs::remove_all(folder / "runs");
  const auto second = campaign();
  EXPECT_EQ(second.code, 0) << second.log;
  EXPECT_NE(second.log.find("1 runs imported"), std::string::npos) << second.log;
  EXPECT_NE(second.log.find("1 of 1 runs are in the store, 0 to do"), std::string::npos)
      << second.log;
  std::size_t files = 0;
  for ([[maybe_unused]] const auto& entry :
       fs::directory_iterator(folder / "results/records/smoke"))
    ++files;
  EXPECT_EQ(files, 3U) << "campaign, inputs and the archive alone";
}

/// The text between two comment lines of a Markdown page, "<!-- begin NAME -->" and "<!-- end -->".
std::string block(const std::string& page, const std::string& name) {
  const std::string begin = "<!-- begin " + name + " -->\n";
  const auto from = page.find(begin);
  if (from == std::string::npos) return "no such block";
  return page.substr(from + begin.size(), page.find("<!-- end -->", from) - from - begin.size());
}

TEST(Records, PagesQuoteTheVerdictsAsTheyAre) {
  for (const auto& entry : fs::directory_iterator(kRecords)) {
    if (!entry.is_directory()) continue;
    const std::string preset = entry.path().filename();
    const std::string claims = read_text(entry.path() / "claims.md");
    for (const fs::path& page : {kRecords / "README.md"})
      EXPECT_EQ(block(read_text(page), "results/records/" + preset + "/claims.md"), claims) << page;
  }
}

}  // namespace
}  // namespace lcr
