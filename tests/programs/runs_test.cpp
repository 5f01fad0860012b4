// lcr-runs as a user runs it.
#include <archive.h>
#include <archive_entry.h>
#include <nlohmann/json.hpp>

#include "lcr/base/hashing.h"
#include "lcr/data/archive.h"
#include "tests/support/programs.h"

namespace lcr {
namespace {

namespace fs = std::filesystem;
using testing::Outcome;
using testing::write_bytes;

class RunsProgram : public testing::ProgramTest {
 protected:
  void SetUp() override {
    ProgramTest::SetUp();
    write_fashion("data");
    ASSERT_EQ(run(tiny).code, 0) << read_text(folder / "err.txt");
  }
  void expect_error(const std::string& command, const std::string& part) {
    const Outcome outcome = run("lcr-runs " + command);
    EXPECT_EQ(outcome.code, 2) << command << outcome.out;
    EXPECT_NE((outcome.err + outcome.out).find(part), std::string::npos)
        << command << "\n"
        << outcome.err << outcome.out;
  }
  std::size_t count_runs(const std::string& store) const {
    return static_cast<std::size_t>(
        std::count_if(fs::directory_iterator(folder / store), fs::directory_iterator(),
                      [](const auto& entry) { return entry.is_directory(); }));
  }
};

TEST_F(RunsProgram, ListsShowsAndVerifies) {
  const Outcome list = run("lcr-runs list");
  EXPECT_EQ(list.code, 0);
  // Raw pixels once, three networks with two seeds each.
  EXPECT_EQ(std::count(list.out.begin(), list.out.end(), '\n'), 1 + 7) << list.out;
  EXPECT_NE(list.out.find("done"), std::string::npos);
  EXPECT_NE(list.out.find("rank-1"), std::string::npos);
  EXPECT_NE(list.out.find("attention"), std::string::npos);
  const std::string lcr = first_run("-lcr-");
  // Filters, and a run by part of its name.
  const auto lines = [&](const std::string& options) {
    const Outcome outcome = run("lcr-runs list " + options);
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    return std::count(outcome.out.begin(), outcome.out.end(), '\n') - 1;
  };
  EXPECT_EQ(lines("--method lcr"), 2);
  EXPECT_EQ(lines("--method lcr --data fashion-mnist --state done --sort score"), 2);
  EXPECT_EQ(lines("--state partial"), 0);
  EXPECT_EQ(lines("--experiment c1"), 7);
  const auto json = nlohmann::json::parse(run("lcr-runs list --json --method lcr").out);
  ASSERT_EQ(json.size(), 2U);
  EXPECT_EQ(json[0]["epochs"], 2);
  EXPECT_TRUE(json[0]["rank1"].is_number());
  const std::string hash = lcr.substr(lcr.rfind("-s") - 12, 12);
  EXPECT_EQ(run("lcr-runs show " + hash.substr(0, 8)).code, 0);
  expect_error("show " + fs::path(lcr).filename().string() + "9", "no such run");
  expect_error("show lcr", "is part of the names of 2 runs");
  expect_error("list --sort colour", "sort = 'colour'");
  expect_error("list --state broken", "state = 'broken'");
  expect_error("list --experiment z9", "experiment = 'z9'");
  expect_error("verify --json", "are for list");
  const Outcome show = run("lcr-runs show " + lcr);
  EXPECT_EQ(show.code, 0) << show.err;
  for (const char* part : {"projections = 8", "numerics_revision=", "best_rank1",
                           "checkpoints/last.safetensors", "libtorch"})
    EXPECT_NE(show.out.find(part), std::string::npos) << part << show.out;
  EXPECT_EQ(run("lcr-runs verify").code, 0);

  // Each kind of damage is found, in the right run only.
  const auto with_damage = [&](const fs::path& file,
                               const std::function<std::string(std::string)>& change,
                               const std::string& part) {
    SCOPED_TRACE(file);
    const std::string good = read_text(folder / file);
    write_bytes(folder / file, change(good));
    const Outcome outcome = run("lcr-runs verify");
    EXPECT_EQ(outcome.code, 2);
    EXPECT_NE(outcome.out.find(part), std::string::npos) << outcome.out;
    EXPECT_NE(outcome.out.find(": 1 runs damaged"), std::string::npos) << outcome.out;
    write_bytes(folder / file, good);
  };
  const auto cut = [](std::string text) { return text.substr(0, text.size() / 2); };
  with_damage(lcr + "/result.json", cut, "parse");
  with_damage(lcr + "/checkpoints/last.safetensors", cut, "last.safetensors");
  with_damage(
      lcr + "/checkpoints/best_rank1.safetensors",
      [](std::string text) {
        text[text.size() - 3] ^= 1;
        return text;
      },
      "checksum");
  with_damage(
      lcr + "/config.ini",
      [](std::string text) {
        return text.replace(text.find("projections = 8"), 15, "projections = 9");
      },
      "projections: 9 there, 8 here");
  with_damage(
      lcr + "/identity.txt", [](std::string text) { return "a=b\n" + text; },
      "does not match the directory's name");
  with_damage(
      lcr + "/epochs.csv", [](std::string) { return std::string("a,b\n"); }, "epochs.csv");
  // Records of another version are not damaged, and are not pruned as such.
  const std::string config = read_text(folder / (lcr + "/config.ini"));
  write_bytes(folder / (lcr + "/config.ini"), config + "warp-factor = 9\n");
  const Outcome foreign = run("lcr-runs verify");
  EXPECT_EQ(foreign.code, 0) << foreign.out;
  EXPECT_NE(foreign.out.find("foreign: "), std::string::npos) << foreign.out;
  EXPECT_NE(foreign.out.find("'warp-factor', which this version"), std::string::npos)
      << foreign.out;
  EXPECT_EQ(run("lcr-runs prune --damaged").code, 0);
  EXPECT_TRUE(fs::exists(folder / lcr));
  // The same for a value that only another version knows, if the identity, whose hash is correct,
  // has it too.
  const std::string moco = first_run("-moco_v2-");
  const std::string moco_config = read_text(folder / (moco + "/config.ini"));
  std::string identity = read_text(folder / (moco + "/identity.txt"));
  identity.replace(identity.find("method=moco_v2"), 14, "method=dino");
  const std::string newer = "runs/fashion-mnist-dino-" + sha256_hex(identity).substr(0, 12) + "-s0";
  fs::create_directories(folder / newer);
  write_bytes(folder / (newer + "/identity.txt"), identity);
  write_bytes(
      folder / (newer + "/config.ini"),
      std::string(moco_config).replace(moco_config.find("method = moco_v2"), 16, "method = dino"));
  EXPECT_EQ(run("lcr-runs prune --damaged --partial").code, 0);
  EXPECT_TRUE(fs::exists(folder / newer));
  EXPECT_NE(run("lcr-runs list").out.find("another version of the suite knows this value"),
            std::string::npos);
  fs::remove_all(folder / newer);
  write_bytes(folder / (lcr + "/config.ini"), config);
  EXPECT_EQ(run("lcr-runs verify").code, 0);
  expect_error("verify --runs nowhere", "no such run store");
  expect_error("show absent", "no such run");
  expect_error("frobnicate", "expected list");
  expect_error("list --partial", "for prune");
}

TEST_F(RunsProgram, PrunesOnlyWhatItIsAskedTo) {
  const std::string lcr = first_run("-lcr-");
  const std::string moco = first_run("-moco_v2-");
  const std::string host = [] {
    char name[256] = {};
    return ::gethostname(name, 255) == 0 ? std::string(name) : "";
  }();
  // A temporary file of this machine, from a process that cannot exist: its number is too large.
  write_bytes(folder / (lcr + "/epochs.csv.tmp-" + host + "-4000000"), std::string("x"));
  write_bytes(folder / (lcr + "/epochs.csv.tmp-elsewhere-4000000"), std::string("x"));
  write_bytes(folder / (lcr + "/checkpoints/resume-000000000001.safetensors"), std::string("x"));
  fs::remove(folder / (moco + "/result.json"));
  for (const char* leftover : {"runs/.pruned-a", "runs/.import/b"})  // of calls that were killed
    fs::create_directories(folder / leftover);
  const Outcome planned = run("lcr-runs prune --dry-run");
  EXPECT_NE(planned.out.find("would remove"), std::string::npos);
  EXPECT_TRUE(fs::exists(folder / (lcr + "/checkpoints/resume-000000000001.safetensors")));
  EXPECT_EQ(run("lcr-runs prune").code, 0);
  EXPECT_FALSE(fs::exists(folder / (lcr + "/checkpoints/resume-000000000001.safetensors")));
  EXPECT_FALSE(fs::exists(folder / (lcr + "/epochs.csv.tmp-" + host + "-4000000")));
  EXPECT_TRUE(fs::exists(folder / (lcr + "/epochs.csv.tmp-elsewhere-4000000")));
  EXPECT_TRUE(fs::exists(folder / (lcr + "/checkpoints/last.safetensors")));
  EXPECT_FALSE(fs::exists(folder / "runs/.pruned-a") || fs::exists(folder / "runs/.import"));
  EXPECT_TRUE(fs::exists(folder / moco));
  EXPECT_EQ(run("lcr-runs prune --partial").code, 0);
  EXPECT_FALSE(fs::exists(folder / moco));
  write_bytes(folder / (first_run("-moco_v2-") + "/result.json"), std::string("{"));
  const auto before = count_runs("runs");
  EXPECT_EQ(run("lcr-runs prune --damaged --weights").code, 0);
  EXPECT_EQ(count_runs("runs"), before - 1);
  EXPECT_FALSE(fs::exists(folder / (lcr + "/checkpoints")));
  EXPECT_EQ(run("lcr-runs verify").code, 0);
  // Nothing but runs is ever touched.
  fs::create_directories(folder / "runs/notes");
  write_bytes(folder / "runs/notes/mine.txt", std::string("x"));
  EXPECT_EQ(run("lcr-runs prune --partial --damaged --weights").code, 0);
  EXPECT_TRUE(fs::exists(folder / "runs/notes/mine.txt"));
  expect_error("prune runs/", "not a run directory");
  expect_error("prune ./runs", "not a run directory");
  expect_error("prune notes", "not a run directory");
  EXPECT_TRUE(fs::exists(folder / lcr));
  // A run in use is left alone.
  const FileLock lock(folder / (lcr + "/lock"));
  fs::remove(folder / (lcr + "/result.json"));
  const Outcome held = run("lcr-runs prune --partial");
  EXPECT_NE(held.out.find("held by process"), std::string::npos) << held.out;
  EXPECT_TRUE(fs::exists(folder / lcr));
}

TEST_F(RunsProgram, ResultsMadeElsewhereSurviveRegeneration) {
  ASSERT_EQ(run("lcr-runs export records.tar.gz").code, 0) << read_text(folder / "err.txt");
  const std::string first = sha256_file(folder / "records.tar.gz");
  ASSERT_EQ(run("lcr-runs export records.tar.gz").code, 0);
  EXPECT_EQ(sha256_file(folder / "records.tar.gz"), first);  // the same runs, the same bytes
  ASSERT_EQ(run("lcr-runs import records.tar.gz --runs elsewhere").code, 0)
      << read_text(folder / "err.txt");
  EXPECT_EQ(run("lcr-runs verify --runs elsewhere").code, 0);
  for (const auto& entry : fs::recursive_directory_iterator(folder / "elsewhere"))
    EXPECT_NE(entry.path().extension(), ".safetensors");
  // Nothing is trained there, and the results are the same, times included.
  const Outcome again = run(tiny + "--runs elsewhere --results theirs");
  EXPECT_EQ(again.code, 0) << again.err;
  EXPECT_NE(again.err.find("0 to do"), std::string::npos) << again.err;
  EXPECT_EQ(read_text(folder / "theirs/c1.csv"), read_text(folder / "results/quick/c1.csv"));
  const Outcome twice = run("lcr-runs import records.tar.gz --runs elsewhere");
  EXPECT_EQ(twice.code, 0);
  EXPECT_NE(twice.out.find("0 runs imported, 7 were there already"), std::string::npos)
      << twice.out;
  // A run that was begun here is not overwritten.
  for (const auto& entry : fs::directory_iterator(folder / "elsewhere")) {
    fs::remove(entry.path() / "result.json");
    break;
  }
  expect_error("import records.tar.gz --runs elsewhere", "1 left out");
}

TEST_F(RunsProgram, HostileArchivesAreRefusedWhole) {
  const auto pack = [&](const std::vector<std::pair<std::string, std::string>>& files) {
    const std::unique_ptr<archive, int (*)(archive*)> out(archive_write_new(), archive_write_free);
    archive_write_set_format_pax_restricted(out.get());
    archive_write_add_filter_gzip(out.get());
    archive_write_open_filename(out.get(), (folder / "bad.tar.gz").c_str());
    for (const auto& [name, content] : files) {
      const std::unique_ptr<archive_entry, void (*)(archive_entry*)> entry(archive_entry_new(),
                                                                           archive_entry_free);
      archive_entry_set_pathname(entry.get(), name.c_str());
      archive_entry_set_filetype(entry.get(), AE_IFREG);
      archive_entry_set_perm(entry.get(), 0644);
      archive_entry_set_size(entry.get(), static_cast<la_int64_t>(content.size()));
      archive_write_header(out.get(), entry.get());
      archive_write_data(out.get(), content.data(), content.size());
    }
    archive_write_close(out.get());
  };
  const fs::path lcr = fs::path(first_run("-lcr-"));
  std::vector<std::pair<std::string, std::string>> good;
  for (const char* name : {"identity.txt", "config.ini", "epochs.csv", "result.json"})
    good.emplace_back(lcr.filename().string() + "/" + name, read_text(folder / lcr / name));
  const auto expect_refused_whole = [&](std::vector<std::pair<std::string, std::string>> files,
                                        const std::string& part) {
    SCOPED_TRACE(part);
    pack(files);
    expect_error("import bad.tar.gz --runs fresh", part);
    EXPECT_EQ(count_runs("fresh"), 0U);
  };
  const auto with = [&](const std::string& name, const std::string& content) {
    auto files = good;
    files.emplace_back(name, content);
    return files;
  };
  expect_refused_whole(with("../escaped", "x"), "leaves the folder");
  expect_refused_whole(with(lcr.filename().string() + "/checkpoints/last.safetensors", "x"),
                       "not a record of a run");
  expect_refused_whole(with("stray.txt", "x"), "is not a run");
  expect_refused_whole({good[0], good[1], good[2]}, "is not finished");
  auto changed = good;
  changed[1].second.replace(changed[1].second.find("epochs = 2"), 10, "epochs = 9");
  expect_refused_whole(changed, "epochs: 9 there, 2 here");
  changed = good;
  changed[3].second = "{}";
  expect_refused_whole(changed, "result.json");
  write_bytes(folder / "bad.tar.gz", std::string("no archive"));
  expect_error("import bad.tar.gz --runs fresh", "bad.tar.gz");
  pack(good);
  EXPECT_EQ(run("lcr-runs import bad.tar.gz --runs fresh").code, 0);
  EXPECT_EQ(count_runs("fresh"), 1U);
}

}  // namespace
}  // namespace lcr
