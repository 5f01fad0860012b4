// The programs as a user runs them: exit codes, one-line errors, reuse of runs, nothing
// half-written.
#include "tests/support/programs.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <map>
#include <set>

#include <fmt/core.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <sys/wait.h>

#include "lcr/base/files.h"
#include "lcr/base/hashing.h"
#include "lcr/base/text.h"
#include "lcr/record/results_csv.h"
#include "lcr/weights/safetensors.h"
#include "tests/support/files.h"
#include "tests/support/pages.h"
#include "tests/support/torch_file.h"

namespace lcr {
namespace {

using testing::write_bytes;

using testing::Outcome;

class Programs : public testing::ProgramTest {};

TEST_F(Programs, BadCommandLines) {
  write_fashion("data");
  const std::string c1 = "cifar100_baseline --data-dir data ";
  expect_refused(c1 + "--limit-test 1", "at least 2");
  expect_refused(c1 + "--limit-train 8", "fewer than one batch");
  expect_refused(c1 + "--gfb mlp --subset random", "gfb = mlp");
  expect_refused(c1 + "--pin-epochs 1000", "beyond epochs");
  expect_refused(c1 + "--results " + std::string(300, 'x'), "xxx");
  expect_refused(c1 + "--no-such-option 3", "no-such-option");
  expect_refused(c1 + "--preset nope", "nope");
  expect_refused(c1 + "--projections 0", "projections = '0'");
  expect_refused(c1 + "--projections=-4", "projections = '-4'");
  expect_refused(c1 + "--batch-size 0", "batch-size = '0'");
  expect_refused(c1 + "--batch-size 48", "multiple of batch-size = 48");
  expect_refused(c1 + "--seeds x", "seeds = 'x'");
  expect_refused(c1 + "--device tpu", "device = 'tpu'");
  expect_refused(c1 + "--method lcr", "--method cannot be set: every row of c1");
  expect_refused("attribution --data-dir data --variant algorithm_a1", "--variant cannot be set");
  // A row of x1 varies the learning rate: the others take it.
  EXPECT_EQ(run("attribution --lr 0.02 --dry-run").code, 0) << read_text(folder / "err.txt");
  expect_refused(c1 + "--variant mine", "variant = 'mine'");
  expect_refused(c1 + "--temperature 0", "temperature = '0'");
  expect_refused("lcr-plot", "table");
  expect_refused("lcr-plot table z9", "z9");
  expect_refused("lcr-plot figure c1", "has no figure");
  expect_refused("lcr-plot report --results nowhere", "no results of any experiment");
  expect_refused(c1 + "--rows Nobody", "the rows are 'Raw pixels'");
  expect_refused(c1 + "--pretrain synthbirds --init x", "choose one");
  expect_refused(c1 + "--warmup-epochs 5", "warmup-epochs = 5");
  expect_refused("k_sweep --data-dir data --values 2,2", "named twice");
  expect_refused("k_sweep --data-dir data --values 2,x", "'x'");
  expect_refused("lcr-plot table c1 --results nowhere", "nowhere/c1.csv");
}

/// Results of experiment d1: rank-1 over three values of K, for one seed.
std::vector<ResultRow> sweep_results() {
  std::vector<ResultRow> rows;
  for (const int projections : {1, 8, 32}) {
    ResultRow row;
    row.fill("x");
    const auto set = [&](const char* column, const std::string& text) {
      row[result_column(column)] = text;
    };
    set("schema", std::to_string(kResultsSchema));
    set("experiment", "d1");
    set("row", fmt::format("K = {}", projections));
    set("dataset", "synthbirds");
    set("method", "lcr");
    set("options", fmt::format("projections={}", projections));
    set("seed", "0");
    set("selection", "last");
    set("pooling", "attention");
    set("judged_by", "attention");
    set("metric", "rank1");
    set("value", format_number(50 + projections / 4.));
    set("epoch", "1");
    for (const char* hash : {"run_hash", "config_hash"})
      set(hash, sha256_hex(hash + std::to_string(projections)));
    rows.push_back(row);
  }
  return rows;
}

TEST_F(Programs, FiguresDoNotDependOnTheUsersGnuplot) {
  std::filesystem::create_directories(folder / "results/quick");
  write_results(folder / "results/quick/d1.csv", sweep_results());
  const auto draw = [&] {
    const Outcome outcome = run("lcr-plot figure d1");
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    EXPECT_EQ(std::count(outcome.out.begin(), outcome.out.end(), '\n'), 1) << outcome.out;
    const auto figures = folder / "results/quick/figures";
    const std::string both = read_text(figures / "d1.svg") + read_text(figures / "d1.png");
    std::filesystem::remove_all(figures);
    return both;
  };
  const std::string plain = draw();
  EXPECT_NE(plain.find("number of projections K"), std::string::npos);
  // The user's files, terminal, fonts, their configuration, and locale, each alone.
  const auto user = folder / "user";
  std::filesystem::create_directories(user / "fontconfig");
  for (const char* name : {".gnuplot", "gnuplotrc"})
    write_bytes(user / name, std::string("set xrange [0:4]\nset key left\nset decimalsign ','\n"));
  write_bytes(user / "fontconfig/fonts.conf",
              std::string("<fontconfig><match target=\"pattern\"><edit name=\"family\" "
                          "mode=\"assign\"><string>DejaVu Sans Mono</string></edit></match>"
                          "<dir>/nowhere</dir></fontconfig>\n"));
  const std::string fonts = (user / "fontconfig/fonts.conf").string();
  for (const auto& [name, value] :
       std::vector<std::pair<const char*, std::string>>{{"HOME", user.string()},
                                                        {"XDG_CONFIG_HOME", user.string()},
                                                        {"FONTCONFIG_FILE", fonts},
                                                        {"GNUTERM", "dumb"},
                                                        {"GNUTERM", "nonsense"},
                                                        {"GDFONTPATH", user.string()},
                                                        {"GNUPLOT_DEFAULT_GDFONT", "courier"},
                                                        {"GNUPLOT_LIB", user.string()},
                                                        {"GNUPLOT_IOSTREAM_CMD", "false"},
                                                        {"LC_ALL", "C"},
                                                        {"LC_ALL", "C.UTF-8"},
                                                        {"LC_ALL", "xx_YY.ISO-8859-1"}}) {
    SCOPED_TRACE(name + ("=" + value));
    const char* old = std::getenv(name);
    const std::string before = old ? old : "";
    ::setenv(name, value.c_str(), 1);
    const bool same = draw() == plain;
    if (old)
      ::setenv(name, before.c_str(), 1);
    else
      ::unsetenv(name);
    EXPECT_TRUE(same);
  }
}

TEST_F(Programs, DifferencesArePairedBySeed) {
  std::vector<ResultRow> rows;
  const auto add = [&](const std::string& name, const std::string& seed, double value) {
    ResultRow row = sweep_results().front();
    const auto set = [&](const char* column, const std::string& text) {
      row[result_column(column)] = text;
    };
    set("experiment", "s1");
    set("row", name);
    set("seed", seed);
    set("value", format_number(value));
    set("run_hash", sha256_hex(name + seed + format_number(value)));
    set("config_hash", sha256_hex(name));
    set("options", fmt::format("subset-seed={}", rows.size()));
    rows.push_back(row);
  };
  // The seeds differ far more than the rows, and each row lacks one. Two runs of one seed are one
  // pair, as in B2.
  for (const auto& [seed, level] : {std::pair("0", 20.), {"1", 40.}, {"2", 60.}}) {
    add("LCR (A1 rescaled)", seed, level);
    if (seed[0] != '2') add("tau = 1", seed, level + (seed[0] == '0' ? 1.5 : 2.5));
    if (seed[0] == '2') add("kl-axis = rows", seed, level - 3);
  }
  add("tau = 1", "7", 99);
  add("kl-axis = rows", "2", 56);
  std::filesystem::create_directories(folder / "results/quick");
  write_results(folder / "results/quick/s1.csv", rows);
  const Outcome outcome = run("lcr-plot figure s1");
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  const std::string figure = read_text(folder / "results/quick/figures/s1.svg");
  // The t quantile of one degree of freedom is 12.706.
  for (const char* part : {"tau = 1", "+2.00 [-4.35, +8.35], n = 2", "kl-axis = rows",
                           "-3.50, n = 1", "minus LCR (A1 rescaled) of the same seed"})
    EXPECT_NE(figure.find(part), std::string::npos) << part << "\n" << figure;
  rows.erase(std::remove_if(rows.begin(), rows.end(),
                            [](const ResultRow& row) {
                              return row[result_column("row")] == "LCR (A1 rescaled)";
                            }),
             rows.end());
  write_results(folder / "results/quick/s1.csv", rows);
  expect_refused("lcr-plot figure s1", "no row has a seed in common with 'LCR (A1 rescaled)'");
  const Outcome report = run("lcr-plot report");
  EXPECT_EQ(report.code, 0) << report.err;
  EXPECT_NE(report.out.find("not drawn: figure s1: no row"), std::string::npos) << report.out;
  expect_refused("reading_switches --values nonsense", "values");
}

TEST_F(Programs, ResultsThatASpreadsheetSavedAgain) {
  std::filesystem::create_directories(folder / "r");
  write_results(folder / "r/d1.csv", sweep_results());
  const Outcome table = run("lcr-plot table d1 --results r");
  ASSERT_EQ(table.code, 0) << table.err;
  const std::string text = read_text(folder / "r/d1.csv");
  std::string blank = text;
  for (std::size_t at = 0; (at = blank.find('\n', at)) != std::string::npos;
       at += kResultColumns.size() + 2)
    blank.insert(at, "\r\n" + std::string(kResultColumns.size() - 1, ','));
  write_bytes(folder / "r/d1.csv", "\xEF\xBB\xBF" + blank + "\n\n");
  EXPECT_EQ(run("lcr-plot table d1 --results r").out, table.out);
  // Both readers of results refuse the others in the same words.
  const auto refused = [&](const std::string& from, const std::string& to, const char* part) {
    std::string changed = text;
    for (std::size_t at = 0; (at = changed.find(from, at)) != std::string::npos; at += to.size())
      changed.replace(at, from.size(), to);
    ASSERT_NE(changed, text);
    write_bytes(folder / "r/d1.csv", changed);
    expect_refused_at("none", "lcr-plot table d1 --results r", part);
    expect_refused_at("none", "lcr-check record --results r --reference reference/tiny", part);
  };
  refused(",", ";", "r/d1.csv: its columns are separated by semicolons");
  refused(",", "\t", "r/d1.csv: its columns are separated by tabs");
  refused("attention", "\xE9", "r/d1.csv:2: is damaged or not in UTF-8");
  const char* no_number = "r/d1.csv: rank1 of row 'K = 8', seed 0: value '";
  refused(",52,", ",\"52,0\",", no_number);
  refused(",52,", ",nan,", no_number);
  refused(",52,", ",,", no_number);
  // Published values too.
  write_bytes(folder / "r/d1.csv", text);
  std::filesystem::create_directories(folder / "paper");
  write_bytes(folder / "paper/d1.csv",
              std::string("row,dataset,metric,value,source\nK = 8,cifar100,rank1,\"5,5\",p\n"));
  expect_refused_at("none", "lcr-plot figure d1 --results r --paper paper",
                    "paper/d1.csv: rank1 of 'K = 8': '5,5' is not a number");
}

TEST_F(Programs, ATableHasTheDecimalsOfItsSpecification) {
  std::filesystem::create_directories(folder / "r");
  write_results(folder / "r/d1.csv", sweep_results());
  const auto with = [&](int decimals) {
    std::filesystem::create_directories(folder / "own");
    write_bytes(folder / "own/d1.json",
                fmt::format(R"({{"title": "T", "paper_datasets": ["cifar100"], "blocks": [)"
                            R"({{"title": "B", "decimals": {}, "columns": ["rank1"]}}]}})",
                            decimals));
    return std::string("lcr-plot table d1 --results r --specs own");
  };
  EXPECT_NE(run(with(4)).out.find(" 52.0000 "), std::string::npos);
  EXPECT_NE(run(with(0)).out.find(" 52 "), std::string::npos);
  for (const int decimals : {-1, 7})
    expect_refused_at("none", with(decimals), fmt::format("decimals is {}, not 0 to 6", decimals));
}

TEST_F(Programs, LoopsAreChosenByTheEnvironment) {
  ::setenv("LCR_KERNELS", "sse9", 1);
  expect_refused("cifar100_baseline", "LCR_KERNELS = 'sse9' is not known: it may be portable");
  expect_refused("evaluate --run runs/none", "LCR_KERNELS = 'sse9' is not known");
  if (!__builtin_cpu_supports("avx512bw")) {
    ::setenv("LCR_KERNELS", "avx512", 1);
    expect_refused("cifar100_baseline", "this processor lacks it");
  }
  ::setenv("LCR_KERNELS", "portable", 1);
  ::setenv("LCR_HUGE_PAGES", "off", 1);
  write_fashion("data");
  const Outcome portable = run(tiny + "--max-steps 1");
  ::unsetenv("LCR_KERNELS");
  ::unsetenv("LCR_HUGE_PAGES");
  EXPECT_EQ(portable.code, 0) << portable.err;
  EXPECT_NE(portable.err.find("CPU loops: portable; huge pages: off (LCR_HUGE_PAGES)"),
            std::string::npos)
      << portable.err;
}

TEST_F(Programs, BadData) {
  const std::string c1 = "cifar100_baseline --data-dir data ";
  write_fashion("data", 1);
  expect_refused(c1, "magic number");
  write_fashion("data", 3, 9, 5);
  expect_refused(c1, "truncated or damaged");
  write_fashion("data", 3, 10);
  expect_refused(c1, "label 10");
  expect_refused("cifar100_baseline --data-dir data --dataset cifar100", "cifar-100-binary");
  std::filesystem::create_directories(folder / "data/cifar-100-binary");
  write_bytes(folder / "data/cifar-100-binary/train.bin", std::string(3000, 'x'));
  expect_refused("cifar100_baseline --data-dir data --dataset cifar100", "3074-byte records");
  write_fashion("data");
  describe_fashion([](auto& json) { json["test"] = 41; });
  expect_refused(c1, "40 test images instead of 41");
}

TEST_F(Programs, FashionMnistIsFetchedWhereItIsNowhere) {
  write_fashion("source");
  nlohmann::json files = nlohmann::json::array();
  for (const auto& entry : std::filesystem::directory_iterator(folder / "source/fashion-mnist"))
    files.push_back({{"name", entry.path().filename().string() + ".gz"},
                     {"url", "file://" + entry.path().string()},
                     {"content_sha256", sha256_file(entry.path())}});
  const auto write_descriptor = [&] {
    describe_fashion([&](auto& json) { json["files"] = files; });
  };
  write_descriptor();
  const Outcome fetched = run(tiny + "--dry-run");
  EXPECT_EQ(fetched.code, 0) << fetched.err;
  EXPECT_NE(fetched.err.find("Fetching"), std::string::npos);
  EXPECT_TRUE(std::filesystem::exists(folder / "data/fashion-mnist/train-images-idx3-ubyte.gz"));
  const Outcome again = run(tiny + "--dry-run");
  EXPECT_EQ(again.code, 0);
  EXPECT_EQ(again.err.find("Fetching"), std::string::npos);
  std::filesystem::remove_all(folder / "data");
  for (auto& file : files) file["content_sha256"] = std::string(64, '0');
  write_descriptor();
  const Outcome tampered = run(tiny + "--dry-run");
  EXPECT_EQ(tampered.code, 2);
  EXPECT_NE(tampered.err.find("SHA-256"), std::string::npos) << tampered.err;
  for (const auto& entry : std::filesystem::directory_iterator(folder / "data/fashion-mnist"))
    EXPECT_EQ(entry.path().extension(), ".lock") << entry.path();
}

TEST_F(Programs, FashionMnistIsFoundWhereOthersPutIt) {
  namespace fs = std::filesystem;
  const auto expect_found = [&](const std::string& place, const std::string& before_idx,
                                const std::string& suffix) {
    SCOPED_TRACE(place + before_idx + suffix);
    fs::remove_all(folder / "data");
    fs::create_directories(folder / "data" / place);
    write_fashion("source");
    nlohmann::json files = nlohmann::json::array();
    for (const auto& entry : fs::directory_iterator(folder / "source/fashion-mnist")) {
      std::string name = entry.path().filename().string();
      files.push_back({{"name", name + ".gz"},
                       {"url", "file:///nowhere"},
                       {"content_sha256", sha256_file(entry.path())}});
      name.replace(name.rfind("-idx"), 1, before_idx);
      fs::rename(entry.path(), folder / "data" / place / (name + suffix));
    }
    describe_fashion([&](auto& json) { json["files"] = files; });
    // As Kaggle's archives unpack: a folder of the official name beside the file.
    if (before_idx == ".")
      fs::create_directories(folder / "data" / place / "t10k-images-idx3-ubyte");
    const Outcome outcome = run("lcr-data verify fashion-mnist --data-dir data");
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    EXPECT_NE(outcome.out.find("40 training and 40 test images"), std::string::npos) << outcome.out;
    EXPECT_EQ(outcome.err.find("Fetching"), std::string::npos) << outcome.err;
  };
  for (const char* place : {"fashion-mnist", "FashionMNIST/raw", "fashion-mnist/FashionMNIST/raw"})
    for (const char* before_idx : {"-", "."})
      for (const char* suffix : {"", ".gz"}) expect_found(place, before_idx, suffix);
}

TEST_F(Programs, UnwritableResults) {
  write_fashion("data");
  write_atomic(folder / "file", "in the way");
  expect_refused(tiny + "--results file", "file");
  expect_refused(tiny + "--runs file/below", "file");
}

TEST_F(Programs, HelpAndDryRunDoNothing) {
  const Outcome help = run("cifar100_baseline --help");
  EXPECT_EQ(help.code, 0);
  for (const char* option : {"--seeds", "--device", "--threads", "--dry-run", "--preset"})
    EXPECT_NE(help.out.find(option), std::string::npos);
  write_fashion("data");
  const Outcome dry = run(tiny + "--dry-run");
  EXPECT_EQ(dry.code, 0) << dry.err;
  EXPECT_NE(dry.out.find("absent"), std::string::npos);
  EXPECT_FALSE(std::filesystem::exists(folder / "runs"));
  EXPECT_FALSE(std::filesystem::exists(folder / "results"));
}

TEST_F(Programs, TrainsOnceReusesAndReproduces) {
  write_fashion("data");
  const Outcome first = run(tiny);
  ASSERT_EQ(first.code, 0) << first.err;
  // Raw pixels once, three rows at two seeds.
  EXPECT_NE(first.err.find("7 to do"), std::string::npos) << first.err;
  EXPECT_NE(first.out.find("standing in for cifar100"), std::string::npos);
  const auto rows = read_results(folder / "results/quick/c1.csv");
  std::map<std::string, int> last_rank1;
  for (const auto& row : rows)
    if (row[result_column("selection")] == "last" && row[result_column("metric")] == "rank1")
      ++last_rank1[row[result_column("row")] + "/" + row[result_column("pooling")]];
  EXPECT_EQ(last_rank1, (std::map<std::string, int>{{"Raw pixels/none", 1},
                                                    {"Untrained network/average", 2},
                                                    {"MoCo v2/average", 2},
                                                    {"Ours/average", 2},
                                                    {"Ours/attention", 2}}));

  // Again: nothing to train, the same file.
  const std::string csv = read_text(folder / "results/quick/c1.csv");
  const Outcome again = run(tiny);
  EXPECT_EQ(again.code, 0);
  EXPECT_NE(again.err.find("0 to do"), std::string::npos);
  EXPECT_EQ(read_text(folder / "results/quick/c1.csv"), csv);

  // From scratch, concurrently in worker processes: the same numbers.
  const Outcome parallel = run(tiny + "--runs other-runs --results other --threads 2 --jobs 2");
  EXPECT_NE(parallel.code, 0) << "--jobs is given twice";
  const std::string without_jobs =
      "cifar100_baseline --data-dir data --limit-train 0 --limit-test 0 --width 4 --image-size 16 "
      "--batch-size 8 --queue-size 16 --epochs 2 --seeds 0,1 ";
  const Outcome side_by_side =
      run(without_jobs + "--runs other-runs --results other --threads 2 --jobs 2");
  ASSERT_EQ(side_by_side.code, 0) << side_by_side.err;
  const auto others = read_results(folder / "other/c1.csv");
  ASSERT_EQ(others.size(), rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i)
    for (const char* column : {"row", "seed", "selection", "pooling", "metric", "value", "epoch",
                               "run_hash", "config_hash"})
      EXPECT_EQ(others[i][result_column(column)], rows[i][result_column(column)]) << column;

  // A damaged record is not taken for a good one.
  for (const auto& entry : std::filesystem::directory_iterator(folder / "other-runs"))
    if (entry.path().filename().string().find("lcr") != std::string::npos)
      write_atomic(entry.path() / "result.json", "{");
  const Outcome damaged = run(without_jobs + "--runs other-runs --results other");
  EXPECT_EQ(damaged.code, 2);
  EXPECT_NE(damaged.err.find("result.json"), std::string::npos);

  const Outcome plot = run("lcr-plot table c1 --results results/quick");
  ASSERT_EQ(plot.code, 0) << plot.err;
  EXPECT_NE(plot.out.find("27.14"), std::string::npos);
  EXPECT_NE(plot.out.find("STAND-IN"), std::string::npos);
  for (const char* extension : {"md", "tex", "csv"})
    EXPECT_TRUE(
        std::filesystem::exists(folder / ("results/quick/tables/c1." + std::string(extension))));

  // Malformed or contradictory results.
  const std::string good = read_text(folder / "results/quick/c1.csv");
  const auto refuse = [&](const std::string& content, const std::string& part) {
    write_atomic(folder / "bad/c1.csv", content);
    const Outcome outcome = run("lcr-plot table c1 --results bad");
    EXPECT_EQ(outcome.code, 2) << part;
    EXPECT_NE(outcome.err.find(part), std::string::npos) << outcome.err;
    EXPECT_FALSE(std::filesystem::exists(folder / "bad/tables"));
  };
  const auto last_line = good.rfind('\n', good.size() - 2) + 1;
  std::string changed = good;
  std::filesystem::create_directories(folder / "bad");
  refuse(good + good.substr(last_line), "occurs twice");
  refuse(changed.replace(changed.find(",c1,") + 1, 2, "d1"), "belongs to experiment 'd1'");
  refuse(good.substr(0, good.find('\n') + 1), "has no rows");
  changed = good;
  refuse(changed.replace(0, 6, "schama"), "schema");
  changed = good;
  const auto last_row = read_results(folder / "results/quick/c1.csv").back();
  const auto hash = changed.find(last_row[result_column("config_hash")], last_line);
  refuse(changed.replace(hash, 4, changed.substr(hash, 4) == "0000" ? "1111" : "0000"),
         "mixes two configurations");
}

TEST_F(Programs, ReproduceMakesEveryTableAndFigure) {
  write_fashion("data");
  write_atomic(folder / "tiny.ini",
               "[standin]\nsynthbirds-train = 3\nbatch-size = 16\nepochs = 3\n");
  const std::string command =
      "reproduce --data-dir data --config tiny.ini --limit-train 0 --limit-test 0 --width 4 "
      "--image-size 16 --batch-size 8 --queue-size 16 --epochs 2 --subset-epoch 1 --jobs 2 "
      "--threads 2 --seeds 0 --synthbirds-classes 3 --synthbirds-train 8 --synthbirds-test 3 ";
  const std::string evaluation = "--panel-images 2 --probe-epochs 2";
  const Outcome outcome = run(command + evaluation);
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  const auto log = read_lines(folder / "results/quick/log.txt");
  const auto done = std::count_if(log.begin(), log.end(), [](const auto& line) {
    return line.find(" done in ") != std::string::npos;
  });
  EXPECT_EQ(done, std::count(outcome.err.begin(), outcome.err.end(), ']'));
  const Outcome plot = run("lcr-plot report");
  ASSERT_EQ(plot.code, 0) << plot.err;
  for (const char* file : {"tables/main.md", "tables/c1.tex", "tables/e1.csv", "tables/f1.md",
                           "tables/g1.md", "tables/q1.md", "tables/x1.md", "figures/b1.png",
                           "figures/b1.svg", "figures/b2.png", "figures/b2.svg", "figures/d1.png",
                           "figures/d1.svg", "figures/s1.png", "figures/s1.svg", "report.html"})
    EXPECT_GT(std::filesystem::file_size(folder / "results/quick" / file), 200U) << file;
  const std::string report = read_text(folder / "results/quick/report.html");
  EXPECT_EQ(report.find("src=\"http"), std::string::npos) << "it opens offline";
  EXPECT_NE(report.find("stand-ins"), std::string::npos);
  EXPECT_NE(report.find("undecided"), std::string::npos) << "one seed decides nothing";
  EXPECT_NE(report.find("16 of 16 claims are open"), std::string::npos);
  EXPECT_LT(report.find("id=\"answer\""), report.find("id=\"main\""))
      << "it begins with the answer";
  EXPECT_EQ(report.find("<script"), std::string::npos);
  EXPECT_NE(report.find("Contrastive loss"), std::string::npos) << "training curves";
  EXPECT_NE(report.find("polyline"), std::string::npos);
  const Outcome compare = run("lcr-plot compare results/quick results/quick");
  EXPECT_EQ(compare.code, 0) << compare.err;
  EXPECT_NE(compare.out.find("LCR (synthbirds), attention rank1"), std::string::npos)
      << compare.out;
  EXPECT_NE(compare.out.find("LCR (authors' code) (synthbirds), attention rank1, eval-mask-norm"),
            std::string::npos)
      << compare.out;
  EXPECT_NE(compare.out.find("+0.000"), std::string::npos);
  EXPECT_EQ(compare.out.find("other configuration"), std::string::npos);
  for (const auto& [bad, part] :
       {std::pair("lcr-plot compare results/quick", "two folders"),
        {"lcr-plot compare results/quick nowhere", "have no results of one experiment"},
        {"lcr-plot curves", "needs directories of runs"},
        {"lcr-plot curves nowhere", "no epochs.csv"}}) {
    const Outcome refused = run(bad);
    EXPECT_EQ(refused.code, 2) << bad;
    EXPECT_NE(refused.err.find(part), std::string::npos) << refused.err;
  }
  EXPECT_EQ(run("lcr-plot curves " + first_run("-lcr-")).code, 0);
  EXPECT_NE(read_text(folder / "curves.html").find("Rank-1 (%), attention pooling"),
            std::string::npos);
  EXPECT_EQ(report.find("class=\"text holds\""), std::string::npos);
  EXPECT_NE(read_text(folder / "results/quick/tables/main.md")
                .find("Not run: stanford-cars, fgvc-aircraft."),
            std::string::npos);
  // Every row of X1 has its poolings; the two kinds of batch norm statistics are kept apart.
  const std::string x1 = read_text(folder / "results/quick/tables/x1.md");
  EXPECT_NE(x1.find("recalibrated"), std::string::npos);
  EXPECT_EQ(x1.find("nan"), std::string::npos);
  // The authors' row, and no other, is also shown with their masks at test time.
  const auto block = x1.find("mask over the batch");
  ASSERT_NE(block, std::string::npos);
  const std::string masks = x1.substr(block, x1.find("Pointing game", block) - block);
  EXPECT_NE(masks.find("| LCR (authors' code)"), std::string::npos) << masks;
  EXPECT_EQ(masks.find("| LCR (A1 rescaled)"), std::string::npos) << masks;
  EXPECT_EQ(masks.find("not run"), std::string::npos) << masks;
  std::set<std::string> others, of_batch;
  for (const auto& line : read_results(folder / "results/quick/x1.csv")) {
    if (line[result_column("row")] != "LCR (authors' code)") continue;
    const bool batch = line[result_column("options")].ends_with(";eval-mask-norm=batch");
    (batch ? of_batch : others).insert(line[result_column("evaluation_hash")]);
    EXPECT_FALSE(batch && line[result_column("pooling")] == "average");
  }
  EXPECT_EQ(of_batch.size(), 1U);
  EXPECT_FALSE(others.contains(*of_batch.begin())) << "another protocol";
  // A second call trains nothing.
  const std::string before = read_text(folder / "results/quick/x1.csv");
  EXPECT_NE(run(command + evaluation).err.find(", 0 to do"), std::string::npos);
  EXPECT_EQ(read_text(folder / "results/quick/x1.csv"), before);
  // The records alone make the same results, without the data; what they lack is not trained.
  ASSERT_EQ(run("lcr-runs export records.tar.gz").code, 0);
  ASSERT_EQ(run("lcr-runs import records.tar.gz --runs imported").code, 0);
  std::string recorded = command + evaluation + " --runs imported --results again --other-seeds 0";
  recorded.replace(recorded.find("--data-dir data"), 15, "--data-dir none");
  recorded.replace(recorded.find("--seeds 0"), 9, "--seeds 0,1");
  const Outcome again = run(recorded + " --records results/quick");
  ASSERT_EQ(again.code, 0) << again.err;
  EXPECT_NE(again.err.find(", 0 to do"), std::string::npos) << again.err;
  for (const char* file : {"main.csv", "c1.csv", "b1.csv", "b2.csv", "d1.csv", "x1.csv",
                           "inputs.json", "figures/b1.png"})
    EXPECT_EQ(read_text(folder / "again" / file), read_text(folder / "results/quick" / file))
        << file;
  const Outcome no_facts = run(recorded + " --records nowhere");
  EXPECT_EQ(no_facts.code, 2);
  EXPECT_NE(no_facts.err.find("nowhere/inputs.json"), std::string::npos) << no_facts.err;
  recorded.replace(recorded.find("--synthbirds-train 8"), 20, "--synthbirds-train 7");
  const Outcome other_data = run(recorded + " --records results/quick");
  EXPECT_EQ(other_data.code, 2);
  EXPECT_NE(other_data.err.find("synthbirds-train=7"), std::string::npos) << other_data.err;
  // Without gnuplot the tables are written all the same.
  const std::string path = std::getenv("PATH");
  ::setenv("PATH", "/nowhere", 1);
  const Outcome without = run("lcr-plot report");
  const Outcome table = run("lcr-plot table d1");
  ::setenv("PATH", path.c_str(), 1);
  EXPECT_EQ(without.code, 2);
  EXPECT_NE(without.err.find("gnuplot-nox"), std::string::npos) << without.err;
  EXPECT_EQ(table.code, 0);
  // A single row: the results hold what the store has.
  const Outcome row =
      run("loss_weights" + command.substr(9) + " --results one --runs other --rows nu=0.1");
  ASSERT_EQ(row.code, 0) << row.err;
  std::set<std::string> rows;
  for (const auto& line : read_results(folder / "one/f1.csv"))
    rows.insert(line[result_column("row")]);
  EXPECT_EQ(rows, (std::set<std::string>{"lambda=1, nu=0.1"}));
  // Options without effect are refused; every preset makes a grid.
  expect_refused_at("nothing", "loss_weights --probe-lr 1", "--probe-lr has no effect in f1");
  expect_refused_at("nothing", "attribution --bn-statistics recalibrated",
                    "--bn-statistics has no effect");
  expect_refused_at("nothing", "main_results --checkpoint best_rank1",
                    "--checkpoint has no effect");
  expect_refused_at("nothing",
                    "evaluate --run " + first_run("synthbirds-lcr-") +
                        " --protocols probe --poolings oracle --threads 1",
                    "can be trained on");
  for (const char* preset : {"quick", "full", "cifar100", "cub", "cub40", "cub40-short", "paper"}) {
    const Outcome grid =
        run(std::string("reproduce --dry-run --data-dir data --dataset synthbirds --datasets "
                        "synthbirds --limit-train 0 --limit-test 0 --classes all "
                        "--synthbirds-classes "
                        "2 --synthbirds-train 40 --synthbirds-test 3 --batch-size 32 --preset ") +
            preset);
    EXPECT_EQ(grid.code, 0) << preset << ": " << grid.err;
    for (const char* id : {"b1", "b2", "c1", "d1", "e1", "f1", "g1", "main", "q1", "s1", "x1"})
      EXPECT_NE(grid.out.find(fmt::format("[{}: ", id)), std::string::npos) << preset << " " << id;
  }
}

TEST_F(Programs, TheExperimentOfThePageIsBuiltRunAndDrawn) {
  const testing::DocumentationPage page("add-an-experiment.md");
  // A home with the page's section and specification.
  for (const char* name : {"plots", "presets"}) {
    std::filesystem::remove(home / name);
    std::filesystem::copy(std::filesystem::path(LCR_SOURCE_DIR) / name, home / name,
                          std::filesystem::copy_options::recursive);
  }
  write_atomic(home / "presets/quick.ini",
               read_text(home / "presets/quick.ini") + "\n" + page.block("ini"));
  write_atomic(home / "plots/specs/t1.json", page.block("json"));
  const Outcome trained =
      run("temperature_sweep --pretrain none --width 4 --image-size 16 --batch-size 8 --queue-size "
          "16 --epochs 1 --jobs 1 --threads 1 --synthbirds-classes 2 --synthbirds-train 8 "
          "--synthbirds-test 3 --knn-neighbours 1");
  ASSERT_EQ(trained.code, 0) << trained.err;
  const Outcome table = run("lcr-plot table t1");
  ASSERT_EQ(table.code, 0) << table.err;
  for (const char* part : {"MoCo v2, t=0.1", "LCR, t=0.2", "kNN (k=1) %"})
    EXPECT_NE(table.out.find(part), std::string::npos) << table.out;
  EXPECT_EQ(table.out.find("not run"), std::string::npos) << table.out;
}

TEST_F(Programs, SubsetsBranchFromTheirTrunkWithTheSameResult) {
  write_fashion("data");
  const std::string options =
      "cifar100_baseline --data-dir data --limit-train 0 --limit-test 0 --width 4 --image-size 16 "
      "--batch-size 8 --queue-size 16 --epochs 3 --jobs 2 --threads 2 --seeds 0 --projections 6 ";
  const std::string switched = options + "--subset random --subset-size 2 --subset-epoch 1 ";
  ASSERT_EQ(run(options + "--pin-epochs 1").code, 0);
  ASSERT_EQ(run(switched + "--results branched").code, 0);
  ASSERT_EQ(run(switched + "--results scratch --runs scratch-runs").code, 0);
  const auto branched = read_results(folder / "branched/c1.csv");
  const auto scratch = read_results(folder / "scratch/c1.csv");
  const auto whole = read_results(folder / "results/quick/c1.csv");
  ASSERT_EQ(branched.size(), scratch.size());
  bool differs = false;
  for (std::size_t i = 0; i < branched.size(); ++i) {
    EXPECT_EQ(branched[i][result_column("value")], scratch[i][result_column("value")]);
    EXPECT_EQ(branched[i][result_column("run_hash")], scratch[i][result_column("run_hash")]);
    differs =
        differs || (branched[i][result_column("method")] == "lcr" &&
                    branched[i][result_column("run_hash")] != whole[i][result_column("run_hash")]);
  }
  EXPECT_TRUE(differs);
  // One trained from epoch 1, the other from the start.
  const auto lines = [&](const char* runs, const std::string& directory) {
    const std::string csv =
        read_text(folder / (std::string(runs) + "/" + directory + "/epochs.csv"));
    return std::count(csv.begin(), csv.end(), '\n');
  };
  int found = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder / "scratch-runs"))
    if (const std::string name = entry.path().filename();
        std::filesystem::exists(entry.path() / "selection.json")) {
      EXPECT_EQ(lines("scratch-runs", name), 4);
      EXPECT_EQ(lines("runs", name), 3);
      EXPECT_EQ(read_text(entry.path() / "selection.json"),
                read_text(folder / ("runs/" + name + "/selection.json")));
      for (const char* checkpoint : {"last", "best_rank1"})
        EXPECT_TRUE(std::filesystem::exists(entry.path() / "checkpoints" /
                                            (std::string(checkpoint) + ".safetensors")));
      ++found;
    }
  EXPECT_EQ(found, 1);
  // A subset used at test only is stored with the weights too, so that a stored run evaluates as it
  // was recorded.
  ASSERT_EQ(
      run(switched + "--subset-scope test_only --results test-only --runs test-only-runs").code, 0);
  int checked = 0;
  for (const auto& entry :
       std::filesystem::recursive_directory_iterator(folder / "test-only-runs")) {
    if (entry.path().extension() != ".safetensors" ||
        entry.path().string().find("-lcr-") == std::string::npos)
      continue;
    const auto file = read_safetensors(entry.path());
    const auto& selection = file.tensors.at("method.gfb.selection");
    ASSERT_EQ(selection.shape, std::vector<std::int64_t>{6});
    std::vector<float> values(6);
    std::memcpy(values.data(), file.bytes.data() + selection.begin, 24);
    EXPECT_EQ(std::count(values.begin(), values.end(), 1.0F), 2) << entry.path();
    ++checked;
  }
  EXPECT_EQ(checked, 2);
  expect_refused_at("results/none", options + "--subset random --subset-size 4 --subset-epoch 1",
                    "subset-size = 4");
  expect_refused_at("results/none",
                    options + "--subset top_variance --subset-size 7 --subset-epoch 1",
                    "subset-size = 7");
  expect_refused_at("results/none",
                    options + "--subset top_variance --subset-size 2 --subset-epoch 3",
                    "subset-epoch = 3");
  expect_refused_at("results/none", options + "--pin-epochs x", "pin-epochs");
}

TEST_F(Programs, WeightFilesAreInspectedAndConverted) {
  const std::string files = std::string(LCR_SOURCE_DIR) + "/tests/golden/weights/";
  const Outcome shown = run("lcr-weights inspect '" + files + "checkpoint_legacy.pth.tar'");
  EXPECT_EQ(shown.code, 0) << shown.err;
  for (const char* part : {"torch legacy", "epoch = 100",
                           "state_dict.module.encoder_q.conv1.weight", "3 x 2", "4 tensors"})
    EXPECT_NE(shown.out.find(part), std::string::npos) << shown.out;
  ASSERT_EQ(run("lcr-weights convert '" + files +
                "checkpoint_zip.pth.tar' q.safetensors --prefix state_dict.module.encoder_q.")
                .code,
            0);
  EXPECT_EQ(read_safetensors(folder / "q.safetensors").tensors.size(), 1U);
  EXPECT_TRUE(read_safetensors(folder / "q.safetensors").tensors.contains("conv1.weight"));
  // The same tensors give the same bytes, whatever their form and however often converted.
  ASSERT_EQ(run("lcr-weights convert '" + files + "state_dict_zip.pth' zip.safetensors").code, 0);
  ASSERT_EQ(run("lcr-weights convert '" + files + "state_dict_legacy.pth' legacy.safetensors").code,
            0);
  ASSERT_EQ(run("lcr-weights convert zip.safetensors again.safetensors").code, 0);
  EXPECT_EQ(read_text(folder / "zip.safetensors"), read_text(folder / "legacy.safetensors"));
  EXPECT_EQ(read_text(folder / "zip.safetensors"), read_text(folder / "again.safetensors"));
  // Tensors of types that are not read are listed, and their loss is said.
  std::string header =
      "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},"
      "\"b\":{\"dtype\":\"U16\",\"shape\":[1],\"data_offsets\":[1,3]}}";
  header.resize(200, ' ');
  write_bytes(folder / "types.model",
              std::string("\xc8\0\0\0\0\0\0\0", 8) + header + std::string("xyz"));
  const Outcome types = run("lcr-weights inspect types.model");
  EXPECT_EQ(types.code, 0) << types.err;
  EXPECT_NE(types.out.find("'U16': not read"), std::string::npos) << types.out;
  const Outcome converted = run("lcr-weights convert types.model types.safetensors");
  EXPECT_EQ(converted.code, 0) << converted.err;
  EXPECT_NE(converted.err.find("tensor b is left out"), std::string::npos) << converted.err;
  expect_refused("lcr-weights convert types.model none.safetensors --prefix b", "no tensor's name");
  expect_refused("lcr-weights", "inspect FILE");
  expect_refused("lcr-weights convert '" + files + "state_dict_zip.pth' out.pth", "out.pth");
  expect_refused("lcr-weights convert '" + files + "state_dict_zip.pth' nowhere/out.safetensors",
                 "nowhere");
  expect_refused("lcr-weights inspect '" + files + "bad_system_legacy.pth'", "posix.system");
  expect_refused("lcr-weights inspect '" + files + "state_dict_zip.pth' --prefix nothing.",
                 "'nothing.'");
  EXPECT_FALSE(std::filesystem::exists(folder / "hacked"));
}

/// A trained run's state and the same as the authors' MoCo module would hold it.
class ImportedRuns : public Programs {
 protected:
  using State = std::map<std::string, testing::SavedTensor>;

  void SetUp() override {
    Programs::SetUp();
    write_fashion("data");
    const Outcome outcome =
        run("cifar100_baseline --data-dir data --limit-train 0 --limit-test 0 --arch resnet18 "
            "--image-size 64 --batch-size 8 --queue-size 16 --embedding-dim 5 --epochs 1 --jobs 1 "
            "--threads 1 --seeds 0 --rows Ours");
    ASSERT_EQ(outcome.code, 0) << outcome.err;
    trained = first_run("-lcr-");
    for (const auto& [name, tensor] : method_state(trained)) {
      static const std::vector<std::pair<std::string, std::string>> kNames = {
          {"method.query.backbone.", "module.encoder_q."},
          {"method.query.head.", "module.encoder_q.fc."},
          {"method.key.backbone.", "module.encoder_k."},
          {"method.key.head.", "module.encoder_k.fc."},
          {"method.gfb.conv.", "module.conv16."},
          {"method.gfb.bn.", "module.bn16."},
          {"method.queue.keys", "module.queue"},
          {"method.queue.position", "module.queue_ptr"}};
      for (const auto& [ours, theirs] : kNames)
        if (name.starts_with(ours)) state[theirs + name.substr(ours.size())] = tensor;
    }
    ASSERT_EQ(state.size(), 2 * (120 + 4) + 6 + 2U);
    state.at("module.queue_ptr").shape = {1};
    for (const char* dead :
         {"fc.weight", "fc.bias", "qmax.0.weight", "qmax.0.bias", "qmax.2.weight", "qmax.2.bias",
          "kmax.0.weight", "kmax.0.bias", "kmax.2.weight", "kmax.2.bias", "queue_max",
          "conv16_2.weight", "bn16_2.weight", "bn16_2.bias", "bn16_2.running_mean",
          "bn16_2.running_var"})
      state[std::string("module.") + dead] = {"F32", {1}, {0, 0, 128, 63}};
    for (const char* dead : {"queue_ptr_max", "bn16_2.num_batches_tracked"})
      state[std::string("module.") + dead] = {"I64", {1}, std::vector<std::uint8_t>(8)};
  }
  /// The networks, branch and queue of a run's last checkpoint.
  State method_state(const std::string& directory) const {
    const WeightFile file =
        read_safetensors(folder / (directory + "/checkpoints/last.safetensors"));
    State tensors;
    for (const auto& [name, tensor] : file.tensors) {
      if (!name.starts_with("method.")) continue;
      std::vector<std::uint8_t> bytes(byte_size(tensor));
      copy_row_major(file, tensor, bytes.data());
      tensors[name] = {tensor.dtype, tensor.shape, bytes};
    }
    return tensors;
  }
  /// The entries of a run's only evaluation.
  nlohmann::json entries(const std::string& directory) const {
    for (const auto& entry :
         std::filesystem::directory_iterator(folder / (directory + "/evaluations")))
      if (entry.path().extension() == ".json")
        return nlohmann::json::parse(read_text(entry.path()))["entries"];
    return {};
  }
  std::string trained;
  State state;
  const std::string import =
      "lcr-weights import-run --dataset fashion-mnist --data-dir data --image-size 64 "
      "--test-resize 0 --batch-size 8 --threads 1 --runs imported ";
};

TEST_F(ImportedRuns, GiveTheNumbersOfTheSameWeights) {
  const std::string file = "checkpoint_0059.pth.tar";
  write_bytes(folder / file, testing::torch_checkpoint(state, 60));
  const Outcome outcome = run(import + "--arch resnet18 " + file);
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  for (const char* part :
       {"query backbone 120, query head 4, queue 2", "key backbone 120, key head 4", "branch 6",
        "state_dict.module.qmax.0.weight", "test features (18)",
        "optimizer.state.0.momentum_buffer", "written: imported/fashion-mnist-lcr-"})
    EXPECT_NE(outcome.out.find(part), std::string::npos) << part << "\n" << outcome.out;
  std::string name;
  for (const auto& entry : std::filesystem::directory_iterator(folder / "imported"))
    name = entry.path().filename();
  const std::string imported = "imported/" + name;

  // Every tensor is where it belongs: networks, branch, key encoder and queue.
  const State before = method_state(trained), after = method_state(imported);
  ASSERT_EQ(before.size(), after.size());
  for (const auto& [tensor, saved] : before) {
    EXPECT_EQ(after.at(tensor).shape, saved.shape) << tensor;
    EXPECT_EQ(after.at(tensor).bytes, saved.bytes) << tensor;
  }
  for (const auto& directory : {trained, imported}) {
    const Outcome evaluated =
        run("evaluate --data-dir data --threads 1 --protocols retrieval,probe --poolings "
            "own,average --probe-epochs 2 --run " +
            directory);
    ASSERT_EQ(evaluated.code, 0) << evaluated.err;
  }
  EXPECT_EQ(entries(imported).size(), 2 * (5 + 4U));
  EXPECT_EQ(entries(imported), entries(trained));

  // The run says what it is, and cannot be taken for one that was trained here.
  const std::string digest = sha256_file(folder / file);
  const std::string identity = read_text(folder / (imported + "/identity.txt"));
  for (const std::string& line :
       {"imported=" + digest, std::string("cam-source=loss"), std::string("epochs=60"),
        std::string("schedule-epochs=100"), std::string("queue-size=16"),
        std::string("embedding-dim=5"), std::string("projections=8")})
    EXPECT_NE(("\n" + identity).find("\n" + line + "\n"), std::string::npos) << line << identity;
  const auto result = nlohmann::json::parse(read_text(folder / (imported + "/result.json")));
  EXPECT_TRUE(result["measurements"].empty());
  EXPECT_EQ(result["wall_seconds"], 0);
  EXPECT_EQ(result["provenance"]["imported"],
            "imported from " + file + " (SHA-256 " + digest + ")");
  EXPECT_EQ(result["provenance"]["device"], "");
  const Outcome list = run("lcr-runs list --runs imported");
  EXPECT_EQ(list.code, 0) << list.err;
  EXPECT_NE(list.out.find("done"), std::string::npos) << list.out;
  EXPECT_NE(list.out.find("not trained here: imported from " + file), std::string::npos)
      << list.out;
  const Outcome shown = run("lcr-runs show --runs imported " + name);
  EXPECT_NE(shown.out.find("no result of a training here"), std::string::npos) << shown.out;
  EXPECT_EQ(shown.out.find("samples/s"), std::string::npos) << shown.out;
  const Outcome verified = run("lcr-runs verify --runs imported");
  EXPECT_EQ(verified.code, 0) << verified.out;

  // Importing again changes nothing, unless the weights are gone.
  const std::string record = imported + "/provenance.json";
  const auto written = std::filesystem::last_write_time(folder / record);
  EXPECT_NE(run(import + "--arch resnet18 " + file).out.find("found in the store"),
            std::string::npos);
  EXPECT_EQ(std::filesystem::last_write_time(folder / record), written);
  std::filesystem::remove_all(folder / (imported + "/checkpoints"));
  expect_refused_at("results/none", "evaluate --data-dir data --threads 1 --run " + imported,
                    "'lcr-weights import-run'");
  EXPECT_EQ(run(import + "--arch resnet18 " + file).code, 0);
  EXPECT_EQ(run("evaluate --data-dir data --threads 1 --run " + imported).code, 0);
}

TEST_F(ImportedRuns, FilesThatAreNotTheAuthorsAreRefusedByTheNameOfTheTensor) {
  const auto refuse = [&](const std::string& part, const std::function<void(State&)>& change,
                          std::int32_t epoch = 60,
                          const std::string& options = "--arch resnet18 ") {
    State changed = state;
    change(changed);
    write_bytes(folder / "changed.pth", testing::torch_checkpoint(changed, epoch));
    expect_refused_at("results/none", import + options + "changed.pth", part);
  };
  for (const std::string name :
       {"module.conv16.weight", "module.queue", "module.bn16.running_var", "module.queue_ptr",
        "module.encoder_q.layer4.1.bn2.weight", "module.encoder_k.fc.2.bias",
        "module.encoder_k.bn1.num_batches_tracked", "module.qmax.0.bias"})
    refuse("tensor state_dict." + name + " is missing", [&](State& s) { s.erase(name); });
  for (const std::string name : {"module.conv17.weight", "module.encoder_q.fc.1.weight",
                                 "module.encoder_q.conv1.bias", "encoder_q.conv1.weight"})
    refuse("tensor state_dict." + name + " is unknown", [&](State& s) {
      s[name] = {"F32", {1}, {0, 0, 128, 63}};
    });
  refuse("tensor state_dict.module.bn16.bias has another shape", [](State& s) {
    s["module.bn16.bias"].shape = {2, 4};
  });
  refuse("tensor state_dict.module.bn16.num_batches_tracked is of type Float instead of Long",
         [](State& s) {
           s["module.bn16.num_batches_tracked"] = {"F32", {}, {0, 0, 128, 63}};
         });
  refuse("tensor state_dict.module.queue has 1 dimensions instead of 2",
         [](State& s) { s["module.queue"].shape = {80}; });
  refuse("tensor state_dict.module.encoder_k.conv1.weight holds numbers that are not finite",
         [](State& s) {
           auto& bytes = s["module.encoder_k.conv1.weight"].bytes;
           bytes[2] = 0xc0;  // a NaN
           bytes[3] = 0x7f;
         });
  // Another network than was named.
  refuse(
      "in the authors' MoCo with arch = resnet50; set --arch", [](State&) {}, 60, "");
  refuse(
      "epochs = '0'", [](State&) {}, 0);
  refuse(
      "schedule-epochs = 50 must be 0 or at least epochs = 60", [](State&) {}, 60,
      "--arch resnet18 --schedule-epochs 50 ");
  EXPECT_FALSE(std::filesystem::exists(folder / "imported"));
  expect_refused_at("results/none", "lcr-weights import-run changed.pth", "needs --dataset");
  expect_refused_at("results/none", import + "--prefix module. changed.pth",
                    "--prefix is for inspect and convert");
  expect_refused_at("results/none", "lcr-weights inspect changed.pth --arch resnet18",
                    "--arch is for import-run");
  expect_refused_at("results/none",
                    import + "'" + LCR_SOURCE_DIR + "/tests/golden/weights/bad_system_zip.pth'",
                    "posix.system");
}

TEST_F(Programs, MainTableHasRowsOnBothHosts) {
  const Outcome outcome =
      run("main_results --preset quick --pretrain none --synthbirds-classes 3 --synthbirds-train 6 "
          "--synthbirds-test 4 --width 4 --image-size 16 --batch-size 6 --queue-size 12 --epochs 1 "
          "--probe-epochs 2 "
          "--seeds 0 --jobs 1 --threads 1");
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  for (const char* row : {"MoCo v2 ", "LCR ", "BYOL ", "LCR (BYOL) "})
    EXPECT_NE(outcome.out.find(std::string("\n") + row), std::string::npos) << outcome.out;
  // Rows on BYOL have the settings of the section [byol].
  const std::string byol = first_run("-byol_lcr-");
  const std::string config = read_text(folder / byol / "config.ini");
  EXPECT_NE(config.find("head-hidden = 256"), std::string::npos) << config;
  EXPECT_EQ(config.find("queue-size"), std::string::npos) << config;
  EXPECT_EQ(read_text(folder / first_run("-moco_v2-") / "config.ini").find("head-hidden"),
            std::string::npos);
  ASSERT_EQ(run("lcr-plot table main").code, 0);
  const std::string table = read_text(folder / "results/quick/tables/main.md");
  EXPECT_NE(table.find("| LCR (BYOL)"), std::string::npos) << table;
}

TEST_F(Programs, InitialWeightsArePartOfTheIdentityAndChecked) {
  write_fashion("data");
  ASSERT_EQ(run(tiny).code, 0);
  std::string checkpoint;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder / "runs"))
    if (entry.path().filename() == "last.safetensors") checkpoint = entry.path();
  // A run can start from the checkpoint of another: of its networks the trained one is read.
  const Outcome started = run(tiny + "--rows Untrained --init " + checkpoint);
  EXPECT_EQ(started.code, 0) << started.err;
  EXPECT_NE(started.err.find("under 'method.query.backbone.' loaded"), std::string::npos)
      << started.err;
  // A run that was started with a prefix is evaluated without that file.
  const Outcome prefixed =
      run(tiny + "--rows Ours --runs prefixed --init-prefix method.query.backbone. --init " +
          checkpoint);
  ASSERT_EQ(prefixed.code, 0) << prefixed.err;
  for (const auto& entry : std::filesystem::directory_iterator(folder / "prefixed")) {
    const Outcome evaluated =
        run("evaluate --data-dir data --threads 1 --protocols retrieval --run " +
            entry.path().string());
    EXPECT_EQ(evaluated.code, 0) << evaluated.err;
  }
  // A part of a backbone is refused unless asked for, and then marked in the results.
  const WeightFile all = read_safetensors(checkpoint);
  const std::string conv1 = "method.query.backbone.conv1.weight";
  const TensorDescriptor& tensor = all.tensors.at(conv1);
  write_safetensors(
      folder / "part.pth",
      {{"conv1.weight", {tensor.dtype, tensor.shape, all.bytes.data() + tensor.begin}}}, {});
  const std::string partial = tiny + "--rows Untrained --init part.pth --results results/partial ";
  expect_refused_at("results/partial", partial, "missing: ");
  ASSERT_EQ(run(partial + "--init-partial yes").code, 0) << read_text(folder / "err.txt");
  EXPECT_NE(read_text(folder / "results/partial/c1.csv").find(" partial,"), std::string::npos);
  EXPECT_EQ(read_text(folder / "results/quick/c1.csv").find(" partial,"), std::string::npos);
  expect_refused_at("results/none", tiny + "--init-prefix nothing. --init " + checkpoint,
                    "under the prefix 'nothing.'");
  expect_refused_at(
      "results/none",
      tiny + "--init '" + LCR_SOURCE_DIR + "/tests/golden/weights/bad_system_zip.pth'",
      "posix.system");
  write_bytes(folder / "cut.safetensors", read_text(checkpoint).substr(0, 1000));
  expect_refused_at("results/none", tiny + "--init cut.safetensors", "cut.safetensors");
  expect_refused_at("results/none", tiny + "--init absent.safetensors", "absent.safetensors");
}

TEST_F(Programs, ADivergedRunNamesItsLastGoodCheckpoint) {
  write_fashion("data");
  // The learning rate rises until the weights overflow.
  const std::string command = tiny.substr(0, tiny.find("--epochs")) +
                              "--epochs 6 --lr 30 --warmup-epochs 5 --weight-decay 1 "
                              "--checkpoint-every 1epoch --rows Ours --seeds 0 --threads 1 ";
  const Outcome outcome = run(command);
  EXPECT_EQ(outcome.code, 2);
  // Either the loss of a step shows it first, or the weights when a checkpoint is due.
  const auto says_where = [](const std::string& text) {
    return text.find("loss became nan at step") != std::string::npos ||
           text.find("in the training's state is no longer finite after epoch") !=
               std::string::npos;
  };
  EXPECT_TRUE(says_where(outcome.err)) << outcome.err;
  for (const char* part : {"lower lr = 30", "the last good checkpoint is", "/checkpoints/resume-"})
    EXPECT_NE(outcome.err.find(part), std::string::npos) << outcome.err;
  EXPECT_EQ(run("lcr-runs verify").code, 0);
  // A second call resumes from there and fails in the same way.
  const Outcome again = run(command);
  EXPECT_EQ(again.code, 2);
  EXPECT_NE(again.err.find("resumes after epoch"), std::string::npos) << again.err;
  EXPECT_TRUE(says_where(again.err)) << again.err;
  EXPECT_FALSE(std::filesystem::exists(folder / "results/quick/c1.csv"));
}

TEST_F(Programs, ASignalStopsWithCodeThreeAndWithoutAResult) {
  write_fashion("data");
  // 100,000 epochs do not end by themselves. Once the first control has finished, one SIGTERM.
  const std::string command =
      program(tiny.substr(0, tiny.find("--epochs")) + "--epochs 100000 --threads 2 --jobs 2");
  const std::string line = "cd '" + folder.path().string() + "' && { " + command +
                           " >out.txt 2>err.txt </dev/null & }; pid=$!; "
                           "for i in $(seq 600); do ls runs/*/result.json >/dev/null 2>&1 && "
                           "break; sleep 0.1; done; kill -TERM $pid; wait $pid; echo $? >code.txt";
  ASSERT_EQ(std::system(line.c_str()), 0);
  EXPECT_EQ(read_text(folder / "code.txt"), "3\n") << read_text(folder / "err.txt");
  EXPECT_NE(read_text(folder / "err.txt").find("stopped"), std::string::npos)
      << read_text(folder / "err.txt");
  EXPECT_FALSE(std::filesystem::exists(folder / "results/quick/c1.csv"));
  int untrained = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder / "runs"))
    if (entry.path().filename() == "result.json") {
      EXPECT_EQ(entry.path().string().find("moco"), std::string::npos);
      ++untrained;
    }
  EXPECT_GE(untrained, 1);  // finished runs are kept
}

TEST_F(Programs, TwoProgramsTrainARunOnce) {
  write_fashion("data");
  const std::string command = program(tiny);
  const std::string line = "cd '" + folder.path().string() + "' && (" + command +
                           "--results a >a.txt 2>&1 & " + command +
                           "--results b >b.txt 2>&1; code=$?; wait; exit $code)";
  ASSERT_EQ(std::system(line.c_str()), 0) << read_text(folder / "b.txt");
  // Wall times included: each run was trained by only one of them.
  EXPECT_EQ(read_text(folder / "a/c1.csv"), read_text(folder / "b/c1.csv"));
}

TEST_F(Programs, AFullDiskUnderTheLogStopsNothing) {
  write_fashion("data");
  const auto code_of = [&](const std::string& command, const std::string& redirections) {
    const std::string line = "cd '" + folder.path().string() + "' && " + program(command) + " " +
                             redirections + " </dev/null";
    const int status = std::system(line.c_str());
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  };
  EXPECT_EQ(code_of(tiny + "--results r --rows Ours", ">out.txt 2>/dev/full"), 0);
  // Does not abort although it cannot print its message.
  EXPECT_EQ(code_of("lcr-runs list --runs nowhere", ">out.txt 2>/dev/full"), 2);
  EXPECT_EQ(code_of("lcr-runs list", ">/dev/full 2>err.txt"), 2);
  EXPECT_NE(read_text(folder / "err.txt").find("No space left on device"), std::string::npos)
      << read_text(folder / "err.txt");
}

TEST_F(Programs, TwoProgramsMakeAnEvaluationOnce) {
  write_fashion("data");
  ASSERT_EQ(run(tiny + "--results r --rows Ours").code, 0);
  const std::string run_folder = first_run("-lcr-");
  const std::string command =
      program("evaluate --data-dir data --threads 1 --protocols probe --probe-epochs 40 --run " +
              run_folder);
  const std::string line = "cd '" + folder.path().string() + "' && (" + command +
                           " >a.txt 2>&1 & " + command + " >b.txt 2>&1; code=$?; wait; exit $code)";
  ASSERT_EQ(std::system(line.c_str()), 0) << read_text(folder / "b.txt");
  const std::string a = read_text(folder / "a.txt");
  const std::string b = read_text(folder / "b.txt");
  const auto found_it = [](const std::string& said) {
    return said.find("\nfound in the store: ") != std::string::npos;
  };
  EXPECT_NE(found_it(a), found_it(b)) << a << b;
  const auto numbers = [](const std::string& said) {
    return said.substr(said.find("pooling or map"), said.rfind(": ") - said.find("pooling or map"));
  };
  EXPECT_EQ(numbers(a).substr(0, numbers(a).rfind('\n')),
            numbers(b).substr(0, numbers(b).rfind('\n')));
}

TEST_F(Programs, SeveralRanksTrainReproduciblyAsARunOfTheirOwn) {
  write_fashion("data");
  const std::string subset =
      tiny + "--projections 3 --subset top_variance --subset-size 2 --subset-epoch 1 ";
  ASSERT_EQ(run(subset + "--ranks 2 --results a --runs runs-a").code, 0);
  ASSERT_EQ(run(subset + "--ranks 2 --results b --runs runs-b").code, 0);
  ASSERT_EQ(run(subset + "--results c").code, 0);
  const auto a = read_results(folder / "a/c1.csv");
  const auto b = read_results(folder / "b/c1.csv");
  const auto one = read_results(folder / "c/c1.csv");
  ASSERT_EQ(a.size(), b.size());
  ASSERT_EQ(a.size(), one.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a[i][result_column("value")], b[i][result_column("value")]);
    EXPECT_EQ(a[i][result_column("run_hash")], b[i][result_column("run_hash")]);
    const bool trained =
        a[i][result_column("row")] == "MoCo v2" || a[i][result_column("row")] == "Ours";
    EXPECT_EQ(a[i][result_column("run_hash")] == one[i][result_column("run_hash")], !trained);
  }
  expect_refused(tiny + "--ranks 3", "not a multiple of ranks");
}

TEST_F(Programs, StoredRunsAreEvaluatedFurther) {
  write_fashion("data");
  ASSERT_EQ(run(tiny + "--results r --pin-epochs 1").code, 0);
  std::string lcr, raw, untrained;
  for (const auto& entry : std::filesystem::directory_iterator(folder / "runs")) {
    const std::string name = entry.path().filename();
    if (name.find("-lcr-") != std::string::npos && name.ends_with("-s0")) lcr = "runs/" + name;
    if (name.find("raw_pixels") != std::string::npos) raw = "runs/" + name;
    if (name.find("untrained") != std::string::npos && name.ends_with("-s0"))
      untrained = "runs/" + name;
  }
  const std::string evaluate =
      "evaluate --data-dir data --threads 1 --knn-neighbours 1,20 --label-shares 1,0.5 --probe-lr "
      "1,30 --probe-epochs 4 --random-projections 3 --panel-images 3 ";
  const std::string all = evaluate + "--protocols retrieval,knn,probe,projections --run ";
  const auto record_of = [&](const Outcome& outcome) {
    const auto written = outcome.out.find("written: ");
    return written == std::string::npos
               ? std::string()
               : outcome.out.substr(written + 9, outcome.out.find('\n', written) - written - 9);
  };
  const Outcome outcome = run(all + lcr);
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  const std::string file = record_of(outcome);
  const auto json = nlohmann::json::parse(read_text(folder / file));
  std::map<std::string, double> values;
  std::map<std::string, int> numbers;
  for (const auto& entry : json["entries"]) {
    values[entry["pooling"].get<std::string>() + "/" + entry["metric"].get<std::string>()] =
        entry["value"];
    ++numbers[entry["metric"]];
  }
  // Four poolings (without masks or boxes there is no oracle): each metric once, kNN for two k, the
  // probe for two shares and two learning rates.
  EXPECT_EQ(numbers["rank1"], 4);
  EXPECT_EQ(numbers["knn_top5"], 4 * 2);
  EXPECT_EQ(numbers["probe_top1_best"], 4 * 4);
  EXPECT_EQ(numbers["cached_probe_top1"], 0);
  EXPECT_EQ(numbers["projection_variance"], 8);
  EXPECT_EQ(numbers["principal_angle"], 4);
  EXPECT_TRUE(
      std::filesystem::exists(folder / (file.substr(0, file.size() - 5) + "-projections.png")));
  // The stored network reproduces the scores that the run recorded.
  for (const auto& row : read_results(folder / "r/c1.csv"))
    if (row[result_column("row")] == "Ours" && row[result_column("seed")] == "0" &&
        row[result_column("selection")] == "last" &&
        row[result_column("pooling")] != "none")  // "none": training losses
      EXPECT_NEAR(values.at(row[result_column("pooling")] + "/" + row[result_column("metric")]),
                  *parse_number(row[result_column("value")]), 1e-9)
          << row[result_column("metric")];
  const auto labels = read_lines(folder / lcr / "evaluations/labels-0.5.txt");
  const auto is_filled = [](const auto& line) { return !line.empty(); };
  EXPECT_EQ(std::count_if(labels.begin(), labels.end(), is_filled), 20);
  // A stored evaluation is not repeated; repeated, it is the same.
  const std::string text = read_text(folder / file);
  EXPECT_NE(run(all + lcr).out.find("found in the store: " + file), std::string::npos);
  std::filesystem::remove(folder / file);
  run(all + lcr);
  EXPECT_EQ(read_text(folder / file), text);
  // Other protocols make other records: a checkpoint, batch norm, mask normalisation, a pooling.
  const std::string retrieval = evaluate + "--run " + lcr;
  const Outcome plain = run(retrieval);
  for (const char* other : {" --checkpoint epoch-1", " --bn-statistics recalibrated",
                            " --eval-mask-norm none", " --poolings average"}) {
    const Outcome changed = run(retrieval + other);
    EXPECT_EQ(changed.code, 0) << changed.err;
    EXPECT_NE(record_of(changed), record_of(plain)) << other;
    EXPECT_NE(changed.out.substr(0, changed.out.find("written")),
              plain.out.substr(0, plain.out.find("written")))
        << other;
  }
  EXPECT_NE(run(retrieval + " --protocols probe --probe cached").out.find("cached_probe_top1"),
            std::string::npos);
  // A control without training, and one without a network.
  EXPECT_EQ(run(evaluate + "--protocols retrieval,knn,probe --run " + untrained).code, 0);
  EXPECT_EQ(run(evaluate + "--protocols retrieval,knn,probe --probe cached --run " + raw).code, 0);
  expect_refused(evaluate + "--protocols probe --run " + raw, "no network");
  expect_refused(evaluate + "--protocols projections --run " + untrained, "no GFB");
  expect_refused(evaluate + "--checkpoint epoch-1 --run " + untrained, "trains nothing");
  expect_refused(evaluate + "--protocols localisation --run " + lcr, "neither masks nor boxes");
  expect_refused(evaluate + "--poolings oracle --run " + lcr, "'oracle'");
  expect_refused(evaluate + "--run runs/absent", "no such run");
  expect_refused(retrieval + " --checkpoint epoch-9", "epoch-9");
  expect_refused(retrieval + " --protocols magic", "'magic'");
  expect_refused(retrieval + " --protocols knn,knn", "twice");
  expect_refused(retrieval + " --poolings sum", "'sum'");
  expect_refused("evaluate --protocols knn", "--run");
  expect_refused(
      "evaluate --data-dir data --threads 1 --protocols knn --knn-neighbours 400 --run " + lcr,
      "k = 400 is not 1 to 40, the number of training images; choose fewer with --knn-neighbours");
  // Of the default, k = 200 is left out and the other protocols are evaluated.
  for (const std::string& stored : {lcr, raw}) {
    const Outcome small =
        run("evaluate --data-dir data --threads 1 --protocols retrieval,knn --run " + stored);
    EXPECT_EQ(small.code, 0) << small.err;
    EXPECT_NE(small.err.find("k = 200 is left out: there are only 40 training images (default of "
                             "--knn-neighbours: 1,200)"),
              std::string::npos)
        << small.err;
    EXPECT_NE(small.out.find("knn-neighbours=1 "), std::string::npos) << small.out;
    EXPECT_EQ(small.out.find("knn-neighbours=200"), std::string::npos) << small.out;
    EXPECT_NE(small.out.find("mean_average_precision"), std::string::npos) << small.out;
  }
  expect_refused("evaluate --data-dir data --protocols knn --knn-neighbours 1.5 --run " + lcr,
                 "whole number");
  expect_refused("evaluate --data-dir data --protocols probe --label-shares 2 --run " + lcr, "'2'");
  write_bytes(folder / record_of(plain), std::string("{"));
  expect_refused(retrieval, "damaged record");
  write_fashion("data", 3, 8);  // changes one label
  expect_refused(evaluate + "--run " + lcr, "'data=");
}

TEST_F(Programs, LocalisationOfAStoredRun) {
  const Outcome trained = run(
      "cifar100_baseline --dataset synthbirds --synthbirds-classes 3 --synthbirds-train 8 "
      "--synthbirds-test 4 --limit-train 0 --limit-test 0 --width 4 --image-size 24 --batch-size 8 "
      "--queue-size 16 --epochs 1 --jobs 1 --threads 1 --seeds 0");
  ASSERT_EQ(trained.code, 0) << trained.err;
  std::map<std::string, std::set<std::string>> sources;
  for (const auto& entry : std::filesystem::directory_iterator(folder / "runs")) {
    const std::string name = entry.path().filename();
    if (name.find("raw_pixels") != std::string::npos) continue;
    const Outcome outcome =
        run("evaluate --threads 1 --protocols retrieval,localisation --run runs/" + name);
    ASSERT_EQ(outcome.code, 0) << outcome.err;
    for (const auto& file : std::filesystem::directory_iterator(entry.path() / "evaluations")) {
      if (file.path().extension() != ".json") continue;
      const auto record = nlohmann::json::parse(read_text(file.path()));
      for (const auto& number : record["entries"])
        sources[name.substr(11, name.find('-', 11) - 11)].insert(
            number["pooling"].get<std::string>() + "/" + number["metric"].get<std::string>());
    }
  }
  for (const auto& [method, found] : sources) {
    SCOPED_TRACE(method);
    EXPECT_TRUE(found.contains("oracle/rank1"));
    EXPECT_TRUE(found.contains("activation/rank1"));
    EXPECT_TRUE(found.contains("random_gfb/pointing_game"));
    EXPECT_TRUE(found.contains("activation_norm/iou"));
    EXPECT_TRUE(found.contains("uniform/object_area"));
    EXPECT_EQ(found.contains("attention/mass_inside"), method == "lcr");
    EXPECT_EQ(found.contains("gradcam_loss/pointing_game"), method != "untrained");
  }
  EXPECT_EQ(sources.size(), 3U);
}

TEST_F(Programs, MaxStepsRecordsNothing) {
  write_fashion("data");
  const Outcome outcome = run(tiny + "--max-steps 2");
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_NE(outcome.err.find("2 steps in"), std::string::npos) << outcome.err;
  EXPECT_FALSE(std::filesystem::exists(folder / "results/quick/c1.csv"));
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder / "runs"))
    EXPECT_NE(entry.path().filename(), "result.json");
}

}  // namespace
}  // namespace lcr
