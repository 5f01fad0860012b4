// The committed results on real data, made again from the archives of their runs, byte for byte;
// and the script that makes such archives.
#include <algorithm>
#include <cstdlib>
#include <functional>
#include <set>
#include <sstream>
#include <utility>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "lcr/base/csv.h"
#include "lcr/base/files.h"
#include "lcr/base/statistics.h"
#include "lcr/data/archive.h"
#include "lcr/record/results_csv.h"
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
  // README shows this one.
  EXPECT_EQ(read_text(folder / "cub40/figures/b1.png"),
            read_text(fs::path(LCR_SOURCE_DIR) / "docs/figure-b1-cub.png"));
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

/// The text with single blanks for its line ends.
std::string on_one_line(std::string text) {
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

/// The text between two comment lines of a Markdown page, "<!-- begin NAME -->" and "<!-- end -->".
std::string block(const std::string& page, const std::string& name) {
  const std::string begin = "<!-- begin " + name + " -->\n";
  const auto from = page.find(begin);
  if (from == std::string::npos) return "no such block";
  return page.substr(from + begin.size(), page.find("<!-- end -->", from) - from - begin.size());
}

/// One row's measurements: after the last epoch, or after another.
struct Measured {
  std::string row, pooling;
  std::string epoch = "last";
  bool recalibrated = false;  ///< batch norm
};

/// The folder of all runs of a preset's archive.
fs::path unpacked(const std::string& preset) {
  static const testing::TemporaryFolder folder;
  if (!fs::exists(folder / preset)) {
    fs::create_directory(folder / preset);
    unpack_archive(kRecords / preset / "runs.tar.gz", folder / preset);
  }
  return folder / preset;
}

/// From the runs themselves, as the results have the epochs by each method's own pooling alone.
SeedValues values_after_epoch(const fs::path& results, const std::string& metric,
                              const Measured& what) {
  const fs::path runs = unpacked(results.parent_path().filename());
  const std::string scores = metric + "_" + what.pooling;
  SeedValues values;
  for (const auto& row : read_results(results)) {
    const auto cell = [&](const char* column) { return row[result_column(column)]; };
    const std::int64_t seed = std::stoll(cell("seed"));
    if (cell("row") != what.row || cell("selection") != "last" || values.contains(seed)) continue;
    const fs::path run =
        runs / fmt::format("{}-{}-{}-s{}", cell("dataset"), cell("method"), cell("run_hash"), seed);
    for (const auto& [epoch, value] : read_csv<2>(run / "epochs.csv", {"epoch", scores.c_str()}))
      if (epoch == what.epoch) values[seed] = {std::stod(value)};
  }
  return values;
}

SeedValues values_of(const fs::path& results, const std::string& metric, const Measured& what) {
  if (what.epoch != "last" && what.epoch != "best_each")
    return values_after_epoch(results, metric, what);
  SeedValues values;
  for (const auto& row : read_results(results)) {
    const auto cell = [&](const char* column) { return row[result_column(column)]; };
    const std::string options = cell("options");
    const bool all_labels = options.find("label-share=0") == std::string::npos;
    const bool recalibrated = options.find("bn-statistics=recalibrated") != std::string::npos;
    const bool own_mask = options.find("eval-mask-norm=") == std::string::npos;
    if (cell("row") == what.row && cell("pooling") == what.pooling && cell("metric") == metric &&
        cell("selection") == what.epoch && all_labels && own_mask &&
        recalibrated == what.recalibrated)
      values[std::stoll(cell("seed"))].push_back(std::stod(cell("value")));
  }
  return values;
}

/// Over the seeds, each of which counts once (B2 has several runs of one).
double mean_of_seeds(const SeedValues& values) { return mean(pair_by_seed(values, values).first); }

TEST(Records, PagesQuoteTheNumbersAsTheyAre) {
  const Measured weights{"ImageNet init", "average"}, moco{"MoCo v2", "average"},
      masked{"LCR", "attention"}, average{"LCR", "average"}, byol{"BYOL", "average"},
      byol_lcr{"LCR (BYOL)", "attention"}, bilinear{"MoCo-Bilinear", "bilinear"};
  const Measured small_moco{"MoCo v2", "average"}, small{"Ours", "attention"},
      small_average{"Ours", "average"}, k8{"K=8", "attention"};
  const Measured untrained{"No SSL", "average"}, random_mask{"No SSL", "random_gfb"},
      estimated{"No SSL", "average", "last", /*recalibrated=*/true},
      unlearned{"MoCo v2, learning rate 0", "average"};
  const Measured high{"Ours (high-variance K)", "attention"},
      random{"Ours (random K)", "attention"};
  const Measured moco_long{"MoCo v2, queue of 13056", "average"},
      moco_short{"MoCo v2, queue of 1024", "average"}, lcr_long{"LCR, queue of 13056", "attention"},
      lcr_short{"LCR, queue of 1024", "attention"};
  const auto best = [](Measured what) {
    what.epoch = "best_each";
    return what;
  };
  const auto pooled = [](Measured what) {
    what.pooling = "average";
    return what;
  };
  const auto after = [](const char* epoch, Measured what) {
    what.epoch = epoch;
    return what;
  };
  const auto recalibrated = [](Measured what) {
    what.recalibrated = true;
    return what;
  };
  const std::string cub = "cub40/main.csv", all = "cub/main.csv", all_parts = "cub/x1.csv",
                    c1 = "cifar100-small/c1.csv", d1 = "cifar100-small/d1.csv",
                    e1 = "cifar100-small/e1.csv", x1 = "cub40-short/x1.csv", parts = "cub40/x1.csv",
                    f1 = "cub40/f1.csv", s1 = "cub40/s1.csv", b2 = "cub40/b2.csv",
                    g1 = "cub40/g1.csv", q1 = "cub40/q1.csv", probe = "cached_probe_top1";
  const std::string lcr = "LCR (A1 rescaled)", uniform = "LCR, uniform target",
                    authors = "LCR (authors' code)", shuffled = "LCR, shuffled target",
                    printed = "LCR (Algorithm A1)", nu1 = "lambda=1, nu=1",
                    nu01 = "lambda=1, nu=0.1", nu001 = "lambda=1, nu=0.01",
                    nu0001 = "lambda=1, nu=0.001";
  struct Quote {
    std::string results, metric;
    Measured first, second;
    std::string text;
    std::string against = {};  ///< results with the second, if not those with the first
  };
  const std::vector<Quote> quotes = {
      {cub, "rank1", masked, moco, "+2.75 [+1.43, +4.07]"},
      {cub, "rank1", average, moco, "-0.19 [-0.85, +0.47]"},
      {cub, "rank1", masked, average, "+2.94 [+1.60, +4.27]"},
      {cub, "rank1", moco, weights, "-5.74 [-6.48, -5.00]"},
      {cub, "rank1", masked, weights, "-2.99 [-4.13, -1.85]"},
      {cub, probe, masked, moco, "+1.54 [+0.08, +2.99]"},
      {cub, probe, masked, weights, "-4.08 [-5.43, -2.73]"},
      {cub, "mean_average_precision", average, moco, "-0.15 [-0.26, -0.05]"},
      {cub, "rank1", after("2", masked), after("2", average), "+6.72 [+3.68, +9.77]"},
      {cub, "rank1", average, after("2", average), "-0.47 [-2.13, +1.20]"},
      {cub, "rank1", after("2", average), weights, "-5.46 [-6.70, -4.23]"},
      {cub, "rank1", after("2", masked), weights, "+1.26 [-2.45, +4.97]"},
      {cub, "rank1", bilinear, moco, "+0.03 [-2.82, +2.89]"},
      {cub, "rank1", masked, bilinear, "+2.71 [-0.96, +6.39]"},
      {cub, "rank1", pooled(bilinear), moco, "-3.35 [-4.41, -2.29]"},
      {cub, "rank1", byol_lcr, byol, "-5.31 [-8.10, -2.52]"},
      {cub, "mean_average_precision", byol_lcr, byol, "-2.92 [-3.66, -2.18]"},
      {cub, probe, byol_lcr, byol, "-4.01 [-5.82, -2.21]"},
      {cub, "rank1", byol_lcr, pooled(byol_lcr), "-3.94 [-5.96, -1.92]"},
      {cub, "rank1", pooled(byol_lcr), byol, "-1.37 [-2.66, -0.07]"},
      {cub, "rank1", after("2", byol_lcr), after("2", pooled(byol_lcr)), "+4.67 [+3.67, +5.67]"},
      {cub, "rank1", after("2", byol_lcr), after("2", byol), "+3.91 [+2.52, +5.30]"},
      {cub, "rank1", after("6", byol_lcr), after("6", byol), "-2.56 [-4.27, -0.84]"},
      {cub, "rank1", best(byol_lcr), best(byol), "+3.87 [+2.42, +5.33]"},
      {cub, "rank1", byol, moco, "-0.48 [-1.09, +0.13]"},
      {cub, probe, byol, moco, "+2.07 [+1.16, +2.99]"},
      {cub, probe, byol, weights, "-3.54 [-4.44, -2.65]"},
      {all, "rank1", masked, moco, "+2.05 [+1.72, +2.37]"},
      {all, "rank1", average, moco, "-0.16 [-0.63, +0.31]"},
      {all, "rank1", masked, average, "+2.21 [+1.98, +2.44]"},
      {all, "rank1", best(masked), best(moco), "+1.52 [+1.33, +1.71]"},
      {all, "rank1", moco, weights, "-7.32 [-7.84, -6.80]"},
      {all, "rank1", masked, weights, "-5.27 [-5.71, -4.83]"},
      {all, probe, moco, weights, "-9.03 [-9.19, -8.87]"},
      {all, probe, masked, weights, "-7.05 [-7.30, -6.80]"},
      {all, probe, masked, moco, "+1.98 [+1.89, +2.07]"},
      {all, "rank1", after("4", masked), after("4", average), "+1.61 [+0.72, +2.49]"},
      {all_parts, "rank1", {lcr, "random_gfb"}, {"MoCo v2", "random_gfb"}, "-0.36 [-0.74, +0.03]"},
      {all_parts, "rank1", {lcr, "activation"}, {"MoCo v2", "activation"}, "-0.07 [-0.69, +0.55]"},
      {all_parts, "rank1", {lcr, "oracle"}, {"MoCo v2", "oracle"}, "-0.20 [-0.57, +0.18]"},
      {all_parts, "rank1", {lcr, "attention"}, {lcr, "random_gfb"}, "-1.87 [-2.58, -1.16]"},
      {all_parts, "rank1", {lcr, "random_gfb"}, {lcr, "average"}, "+4.08 [+3.20, +4.96]"},
      {all_parts,
       "rank1",
       {"MoCo v2", "random_gfb"},
       {"MoCo v2", "average"},
       "+4.27 [+4.25, +4.30]"},
      {all_parts, "rank1", {lcr, "attention"}, {"MoCo v2", "random_gfb"}, "-2.23 [-2.57, -1.89]"},
      {all_parts, "rank1", {lcr, "attention"}, {"No SSL", "random_gfb"}, "-9.65 [-10.53, -8.78]"},
      {all_parts, "rank1", {"No SSL", "random_gfb"}, {"No SSL", "average"}, "+4.38 [+3.94, +4.83]"},
      {all_parts, "pointing_game", {lcr, "attention"}, {lcr, "random_gfb"}, "+0.92 [-4.02, +5.86]"},
      {x1, "rank1", random_mask, untrained, "+7.71 [+6.94, +8.48]"},
      {x1, "rank1", estimated, untrained, "-6.02 [-6.24, -5.79]"},
      {parts, "rank1", {lcr, "attention"}, {uniform, "attention"}, "+2.78 [+0.77, +4.79]"},
      {parts, "rank1", {uniform, "attention"}, {uniform, "average"}, "-0.45 [-2.00, +1.10]"},
      {parts, "rank1", {lcr, "attention"}, {shuffled, "attention"}, "+1.82 [+0.12, +3.51]"},
      {parts, "rank1", {shuffled, "attention"}, {shuffled, "average"}, "+0.99 [+0.13, +1.84]"},
      {parts, "rank1", {lcr, "attention"}, {printed, "attention"}, "+7.26 [+5.28, +9.24]"},
      {parts, "rank1", {printed, "attention"}, moco, "-4.51 [-6.12, -2.91]", cub},
      {parts, "rank1", {printed, "attention"}, {printed, "average"}, "-1.61 [-2.60, -0.61]"},
      {parts, "rank1", {printed, "average"}, moco, "-2.90 [-4.26, -1.55]", cub},
      {parts, "rank1", {lcr, "attention"}, {authors, "attention"}, "+0.67 [-1.68, +3.03]"},
      {parts, "rank1", {authors, "attention"}, {authors, "average"}, "+2.23 [+0.23, +4.23]"},
      {parts, "rank1", {lcr, "attention"}, {lcr, "random_gfb"}, "-1.85 [-3.37, -0.33]"},
      {parts, "rank1", {lcr, "random_gfb"}, {lcr, "average"}, "+4.79 [+3.47, +6.10]"},
      {parts, "rank1", {lcr, "random_gfb"}, {"MoCo v2", "random_gfb"}, "-0.38 [-1.41, +0.65]"},
      {parts, "rank1", {lcr, "activation"}, {"MoCo v2", "activation"}, "-0.36 [-2.11, +1.39]"},
      {parts, "rank1", {lcr, "oracle"}, {"MoCo v2", "oracle"}, "-0.55 [-0.99, -0.11]"},
      {parts, "rank1", {lcr, "attention"}, {"MoCo v2", "random_gfb"}, "-2.23 [-3.80, -0.66]"},
      {parts, "rank1", {"MoCo v2", "random_gfb"}, {"MoCo v2", "average"}, "+4.98 [+4.00, +5.95]"},
      {parts, "rank1", {lcr, "activation"}, {lcr, "attention"}, "+6.83 [+4.40, +9.26]"},
      {parts, "rank1", {lcr, "oracle"}, {lcr, "attention"}, "+9.68 [+8.13, +11.23]"},
      {parts, "rank1", {lcr, "attention"}, random_mask, "-10.58 [-11.85, -9.31]"},
      {parts, "rank1", {shuffled, "attention"}, {uniform, "attention"}, "+0.97 [-1.54, +3.48]"},
      {parts, "rank1", after("2", {uniform, "attention"}), after("2", {uniform, "average"}),
       "+3.25 [+2.07, +4.43]"},
      {parts, "rank1", after("2", {shuffled, "attention"}), after("2", {shuffled, "average"}),
       "+4.36 [+2.10, +6.61]"},
      {parts, "pointing_game", {lcr, "attention"}, {lcr, "random_gfb"}, "-7.15 [-14.35, +0.05]"},
      {parts, "rank1", random_mask, untrained, "+7.59 [+6.92, +8.26]"},
      {parts, "rank1", {lcr, "oracle"}, {"No SSL", "oracle"}, "-6.53 [-7.74, -5.33]"},
      {parts, "rank1", recalibrated({lcr, "oracle"}), recalibrated({"No SSL", "oracle"}),
       "-4.01 [-5.73, -2.29]"},
      {parts, "rank1", recalibrated({lcr, "attention"}), recalibrated({lcr, "average"}),
       "+1.47 [+0.50, +2.44]"},
      {parts, "rank1", recalibrated({lcr, "attention"}), recalibrated({uniform, "attention"}),
       "+1.50 [-0.63, +3.63]"},
      {parts, "rank1", {lcr, "average"}, untrained, "-5.93 [-7.18, -4.68]"},
      {parts, "rank1", recalibrated({lcr, "average"}), estimated, "-1.24 [-1.44, -1.05]"},
      {parts, "rank1", estimated, untrained, "-6.00 [-6.32, -5.68]"},
      {parts, "rank1", unlearned, untrained, "-2.75 [-3.65, -1.85]"},
      {parts, "rank1", {"MoCo v2", "average"}, unlearned, "-2.99 [-3.40, -2.58]"},
      {parts, "rank1", {unlearned.row, "oracle"}, {"No SSL", "oracle"}, "-1.59 [-2.07, -1.11]"},
      {parts, "rank1", {"MoCo v2", "oracle"}, {unlearned.row, "oracle"}, "-4.39 [-5.06, -3.72]"},
      {parts, "rank1", {lcr, "attention"}, unlearned, "-0.24 [-1.35, +0.87]"},
      {f1, "rank1", {nu001, "attention"}, {nu1, "attention"}, "+30.84 [+29.12, +32.56]"},
      {f1, "rank1", {nu001, "attention"}, {nu0001, "attention"}, "-1.45 [-3.19, +0.29]"},
      {f1, "rank1", {nu0001, "attention"}, {nu0001, "average"}, "+4.20 [+3.66, +4.75]"},
      {f1, "rank1", {nu0001, "attention"}, moco, "+4.20 [+3.63, +4.77]", cub},
      {f1, "rank1", after("2", {nu001, "attention"}), after("2", {nu0001, "attention"}),
       "+0.28 [-3.36, +3.91]"},
      {f1, "rank1", {nu0001, "average"}, moco, "+0.00 [-0.41, +0.41]", cub},
      {f1, "rank1", {nu001, "attention"}, {nu01, "attention"}, "+4.37 [+3.25, +5.50]"},
      {f1, "rank1", {nu01, "attention"}, moco, "-1.62 [-2.76, -0.49]", cub},
      {f1, "rank1", {nu01, "average"}, moco, "-2.68 [-3.86, -1.50]", cub},
      {f1, "rank1", {nu01, "attention"}, {nu01, "average"}, "+1.05 [+0.16, +1.94]"},
      {b2, "rank1", high, {"Ours (all K)", "attention"}, "-0.40 [-2.04, +1.25]"},
      {b2, "rank1", high, random, "+2.02 [+0.43, +3.60]"},
      {b2, "rank1", pooled(high), pooled(random), "-0.07 [-0.29, +0.14]"},
      {b2, "rank1", high, pooled(high), "+2.45 [+0.65, +4.25]"},
      {b2, "rank1", random, pooled(random), "+0.36 [-0.54, +1.27]"},
      {g1, "rank1", {"dim=256", "attention"}, {"dim=64", "attention"}, "+0.74 [-0.05, +1.54]"},
      {g1, "rank1", {"dim=256", "attention"}, {"dim=1024", "attention"}, "+2.26 [+1.58, +2.94]"},
      {g1, "rank1", {"dim=256", "average"}, {"dim=64", "average"}, "+0.38 [-0.09, +0.85]"},
      {g1, "rank1", {"dim=256", "average"}, {"dim=1024", "average"}, "+0.92 [-0.30, +2.13]"},
      {g1, "rank1", {"dim=1024", "attention"}, {"dim=1024", "average"}, "+1.59 [+0.33, +2.85]"},
      {q1, "rank1", moco_long, moco_short, "-1.12 [-1.79, -0.46]"},
      {q1, "rank1", lcr_long, lcr_short, "-2.64 [-4.19, -1.10]"},
      {q1, "rank1", lcr_long, moco_long, "+1.23 [-0.81, +3.27]"},
      {q1, "rank1", lcr_long, pooled(lcr_long), "+0.76 [-0.94, +2.46]"},
      {q1, "rank1", pooled(lcr_long), pooled(lcr_short), "-0.47 [-1.83, +0.89]"},
      {q1, "rank1", after("2", lcr_long), after("2", pooled(lcr_long)), "+5.67 [+1.44, +9.90]"},
      {s1, "rank1", {"cam-source = loss", "attention"}, {lcr, "attention"}, "+2.01 [+1.39, +2.62]"},
      {s1, "rank1", {"kl-axis = rows", "attention"}, {lcr, "attention"}, "-3.75 [-5.27, -2.23]"},
      {s1, "rank1", {"tau = 1", "attention"}, {lcr, "attention"}, "+1.24 [-0.11, +2.59]"},
      {s1, "rank1", {"cam-scale = none", "attention"}, {lcr, "attention"}, "-2.61 [-4.88, -0.34]"},
      {s1, "rank1", {"mask-norm = batch", "attention"}, {lcr, "attention"}, "+1.88 [+0.53, +3.24]"},
      {s1,
       "rank1",
       {"detach-target = no", "attention"},
       {lcr, "attention"},
       "+1.61 [-0.02, +3.23]"},
      {s1,
       "rank1",
       {"LCR (authors' code)", "attention"},
       {lcr, "attention"},
       "-0.67 [-3.03, +1.68]"},
      {s1,
       "rank1",
       {"kl-axis = rows", "attention"},
       {"kl-axis = rows", "average"},
       "-0.07 [-1.86, +1.72]"},
      {s1,
       "rank1",
       {"cam-scale = none", "attention"},
       {"cam-scale = none", "average"},
       "-0.29 [-1.79, +1.20]"},
      {s1, "rank1", {"kl-axis = rows", "average"}, {lcr, "average"}, "-0.74 [-1.65, +0.17]"},
      {s1, "rank1", {"detach-target = no", "average"}, {lcr, "average"}, "+0.95 [+0.07, +1.84]"},
      {c1, "rank1", small, small_average, "-0.12 [-0.44, +0.20]"},
      {c1, "rank1", small, small_moco, "-0.52 [-1.31, +0.28]"},
      {d1, "rank1", k8, {"K=2", "attention"}, "+0.17 [-0.77, +1.10]"},
      {d1, "rank1", k8, {"K=256", "attention"}, "+0.47 [-0.10, +1.04]"},
      {d1, "rank1", {"K=16", "attention"}, small_moco, "-0.31 [-1.03, +0.41]"},
      {d1, "rank1", {"K=256", "attention"}, small_moco, "-0.98 [-1.34, -0.62]"},
      {d1, "rank1", k8, {"K=32", "attention"}, "+0.40 [-0.63, +1.44]"},
      {e1, "rank1", {"MLP", "attention"}, {"Ours (K=32)", "attention"}, "+0.36 [-0.52, +1.25]"},
  };
  const std::string page = on_one_line(read_text(fs::path(LCR_SOURCE_DIR) / "docs/findings.md"));
  const auto says = [&](const std::string& text) { return page.find(text) != std::string::npos; };
  const auto with_interval = [](const std::vector<double>& differences, int decimals,
                                std::size_t seeds = 5) {
    EXPECT_EQ(differences.size(), seeds);
    const Interval interval = paired_interval(differences);
    return fmt::format("{:+.{}f} [{:+.{}f}, {:+.{}f}]", mean(differences), decimals, interval.low,
                       decimals, interval.high, decimals);
  };
  const auto difference_of = [&](const SeedValues& first, const SeedValues& second, int decimals,
                                 std::size_t seeds = 5) {
    return with_interval(pair_by_seed(first, second).differences, decimals, seeds);
  };
  for (const auto& quote : quotes) {
    EXPECT_EQ(
        difference_of(values_of(kRecords / quote.results, quote.metric, quote.first),
                      values_of(kRecords / (quote.against.empty() ? quote.results : quote.against),
                                quote.metric, quote.second),
                      2, quote.results.starts_with("cub/") ? 3 : 5),
        quote.text);
    EXPECT_TRUE(says(quote.text)) << quote.text;
  }
  const auto gain = [&](const Measured& with, const Measured& without) {
    return pair_by_seed(values_of(kRecords / q1, "rank1", with),
                        values_of(kRecords / q1, "rank1", without))
        .differences;
  };
  std::vector<double> change = gain(lcr_long, moco_long);
  std::ranges::transform(change, gain(lcr_short, moco_short), change.begin(), std::minus<>());
  EXPECT_TRUE(says(with_interval(change, 2) + " from where the difference was"))
      << with_interval(change, 2);
  const std::string readme = on_one_line(read_text(fs::path(LCR_SOURCE_DIR) / "README.md"));
  EXPECT_NE(readme.find("open: " + with_interval(gain(lcr_long, moco_long), 2)), std::string::npos);
  const auto mean_in = [&](const std::string& results, const std::string& metric,
                           const Measured& what) {
    return mean_of_seeds(values_of(kRecords / results, metric, what));
  };
  // The last column of claims.md is the p that Holm's correction leaves.
  const auto holm_of = [claims = read_text(kRecords / "cub40/claims.md")](const char* claim) {
    const auto from = claims.find(claim);
    const std::string row = claims.substr(from, claims.find(" |\n", from) - from);
    return row.substr(row.rfind(' ') + 1);
  };
  for (const char* claim : {"The GradCAM target is better", "Dimension 256 is better than 64",
                            "Random projections are worse"})
    EXPECT_TRUE(says(holm_of(claim) + " after Holm's correction")) << claim;
  const std::string records = on_one_line(read_text(kRecords / "README.md"));
  for (const auto& [what, claim] : {std::pair("the probe at ", "Linear probing of LCR"),
                                    {"dimension 64 at ", "Dimension 256 is better than 64"},
                                    {"the random projections at ", "Random projections are worse"},
                                    {"the GradCAM target at ", "The GradCAM target is better"}})
    EXPECT_NE(records.find(what + holm_of(claim)), std::string::npos) << what;
  for (const double number :
       {mean_in(cub, "rank1", weights), mean_in(cub, "rank1", masked),
        mean_in(parts, "rank1", {"MoCo v2", "random_gfb"}), mean_in(cub, "rank1", byol),
        mean_in(cub, "rank1", byol_lcr), mean_in(parts, "rank1", random_mask),
        mean_in(f1, "rank1", {nu1, "attention"}), mean_in(f1, "rank1", {nu1, "average"}),
        mean_in(all, "rank1", weights), mean_in(all, "rank1", moco), mean_in(all, "rank1", masked),
        mean_in(all_parts, "rank1", random_mask),
        mean_in(all_parts, "rank1", {"MoCo v2", "random_gfb"})})
    EXPECT_NE(readme.find(fmt::format("{:.2f}", number)), std::string::npos) << number;
  for (const char* metric : {"alignment_top", "alignment_bottom", "alignment_chance",
                             "captured_top", "captured_bottom", "captured_principal"})
    EXPECT_TRUE(says(fmt::format("{:.4f}", mean_in("cub40/b1.csv", metric, {"Ours", "attention"}))))
        << metric;
  for (const char* share : {"alignment_", "captured_"}) {
    const auto at = [&](const char* end) {
      return values_of(kRecords / "cub40/b1.csv", std::string(share) + end, {"Ours", "attention"});
    };
    const std::string text = difference_of(at("top"), at("bottom"), 4);
    EXPECT_TRUE(says(text)) << text;
  }
  const auto mean_of = [&](const Measured& what) { return mean_in(cub, "rank1", what); };
  for (const char* map : {"random_gfb", "activation_norm", "uniform"})
    EXPECT_TRUE(says(fmt::format("{:.1f} %", mean_in(parts, "pointing_game", {"No SSL", map}))))
        << map;
  for (const Measured& what :
       {Measured{lcr, "attention"}, Measured{lcr, "random_gfb"}, Measured{lcr, "activation_norm"},
        Measured{lcr, "gradcam_positive_logit"}, Measured{lcr, "gradcam_loss"},
        Measured{uniform, "attention"}, Measured{shuffled, "attention"},
        Measured{printed, "attention"}})
    EXPECT_TRUE(says(fmt::format("{:.1f} %", mean_in(parts, "pointing_game", what))))
        << what.row << what.pooling;
  for (const char* map : {"attention", "random_gfb"})
    EXPECT_TRUE(says(fmt::format("{:.1f} %", mean_in(all_parts, "pointing_game", {lcr, map}))))
        << map;
  for (const Measured& what :
       {untrained, random_mask, Measured{"No SSL", "activation"}, Measured{"No SSL", "oracle"}})
    EXPECT_TRUE(says(fmt::format("{:.2f}", mean_in(parts, "rank1", what)))) << what.pooling;
  for (const Measured& what : {random_mask, estimated})
    EXPECT_TRUE(says(fmt::format("{:.2f}", mean_in(x1, "rank1", what)))) << what.pooling;
  for (const Measured& what : {Measured{nu1, "attention"}, Measured{nu1, "average"},
                               Measured{nu01, "attention"}, Measured{nu0001, "attention"}})
    EXPECT_TRUE(says(fmt::format("{:.2f}", mean_in(f1, "rank1", what)))) << what.row;
  for (const double number :
       {mean_of(masked), mean_of(moco), mean_of(after("2", masked)),
        mean_of(best(masked)) - mean_of(masked), mean_of(best(moco)) - mean_of(moco),
        mean_of(best(masked)) - mean_of(best(moco)), mean_in(all, "rank1", masked),
        mean_in(all, "rank1", moco), mean_in(all, "rank1", weights),
        mean_in(all_parts, "rank1", random_mask),
        mean_in(all, "rank1", best(masked)) - mean_in(all, "rank1", masked),
        mean_in(all, "rank1", best(moco)) - mean_in(all, "rank1", moco)})
    EXPECT_TRUE(says(fmt::format("{:.2f}", number))) << number;
}

TEST(Records, PagesShowTheTablesAsTheyAre) {
  const std::string page = read_text(kRecords / "README.md");
  const auto shows = [&](const std::string& label, const std::string& results,
                         const std::vector<std::pair<const char*, Measured>>& cells) {
    std::string line = "| " + label + " |";
    for (const auto& [metric, what] : cells) {
      const SeedValues values = values_of(kRecords / results, metric, what);
      line += values.empty() ? " |" : fmt::format(" {:.2f} |", mean_of_seeds(values));
    }
    EXPECT_NE(page.find(line + "\n"), std::string::npos) << line;
  };
  const auto retrieval = [](const Measured& what) {
    return std::vector<std::pair<const char*, Measured>>{{"rank1", what},
                                                         {"mean_average_precision", what}};
  };
  const auto by_pooling = [](const char* row) {
    std::vector<std::pair<const char*, Measured>> cells;
    for (const char* pooling : {"average", "attention", "random_gfb", "activation", "oracle"})
      cells.push_back({"rank1", {row, pooling}});
    return cells;
  };
  const std::vector<std::array<const char*, 4>> rows = {
      {"ImageNet weights, no training", "cub40/main.csv", "ImageNet init", "average"},
      {"MoCo v2", "cub40/main.csv", "MoCo v2", "average"},
      {"MoCo-Bilinear", "cub40/main.csv", "MoCo-Bilinear", "bilinear"},
      {"MoCo-Bilinear", "cub40/main.csv", "MoCo-Bilinear", "average"},
      {"LCR", "cub40/main.csv", "LCR", "attention"},
      {"LCR", "cub40/main.csv", "LCR", "average"},
      {"BYOL", "cub40/main.csv", "BYOL", "average"},
      {"LCR on BYOL", "cub40/main.csv", "LCR (BYOL)", "attention"},
      {"LCR on BYOL", "cub40/main.csv", "LCR (BYOL)", "average"},
      {"ImageNet weights, no training", "cub/main.csv", "ImageNet init", "average"},
      {"MoCo v2", "cub/main.csv", "MoCo v2", "average"},
      {"LCR", "cub/main.csv", "LCR", "attention"},
      {"LCR", "cub/main.csv", "LCR", "average"},
      {"raw pixels", "cifar100-small/c1.csv", "Raw pixels", "none"},
      {"untrained network", "cifar100-small/c1.csv", "Untrained network", "average"},
      {"MoCo v2", "cifar100-small/c1.csv", "MoCo v2", "average"},
      {"LCR, K = 2", "cifar100-small/d1.csv", "K=2", "attention"},
      {"LCR, K = 4", "cifar100-small/d1.csv", "K=4", "attention"},
      {"LCR, K = 8", "cifar100-small/d1.csv", "K=8", "attention"},
      {"LCR, K = 8", "cifar100-small/c1.csv", "Ours", "average"},
      {"LCR, K = 16", "cifar100-small/d1.csv", "K=16", "attention"},
      {"LCR, K = 32", "cifar100-small/d1.csv", "K=32", "attention"},
      {"LCR, K = 64", "cifar100-small/d1.csv", "K=64", "attention"},
      {"LCR, K = 128", "cifar100-small/d1.csv", "K=128", "attention"},
      {"LCR, K = 256", "cifar100-small/d1.csv", "K=256", "attention"},
      {"LCR, MLP", "cifar100-small/e1.csv", "MLP", "attention"}};
  for (const auto& [label, results, row, pooling] : rows)
    shows(fmt::format("{} | {}", label, pooling), results, retrieval({row, pooling}));
  for (const auto& [label, row] : {std::pair("ImageNet weights, no training", "No SSL"),
                                   {"MoCo v2, learning rate 0", "MoCo v2, learning rate 0"},
                                   {"MoCo v2", "MoCo v2"},
                                   {"LCR", "LCR (A1 rescaled)"},
                                   {"LCR, authors' code", "LCR (authors' code)"},
                                   {"LCR, uniform target", "LCR, uniform target"},
                                   {"LCR, shuffled target", "LCR, shuffled target"},
                                   {"LCR, Algorithm A1 literally", "LCR (Algorithm A1)"}}) {
    shows(label, "cub40/x1.csv", by_pooling(row));
  }
  for (const auto& [label, row] : {std::pair("ImageNet weights, no training", "No SSL"),
                                   {"MoCo v2", "MoCo v2"},
                                   {"LCR", "LCR (A1 rescaled)"}})
    shows(label, "cub/x1.csv", by_pooling(row));
  for (const char* queue : {"1024", "13056"}) {
    const std::string moco = fmt::format("MoCo v2, queue of {}", queue),
                      lcr = fmt::format("LCR, queue of {}", queue);
    shows(fmt::format("{} | average", moco), "cub40/q1.csv", retrieval({moco, "average"}));
    for (const char* pooling : {"attention", "average"})
      shows(fmt::format("{} | {}", lcr, pooling), "cub40/q1.csv", retrieval({lcr, pooling}));
  }
  const std::vector<std::array<const char*, 2>> poolings = {
      {"average", "average"},
      {"untrained branch (K = 32 random projections)", "random_gfb"},
      {"SCDA (the largest connected part of above-average activation)", "activation"},
      {"true box of the bird", "oracle"}};
  for (const auto& [label, pooling] : poolings)
    shows(label, "cub40-short/x1.csv",
          {{"rank1", {"No SSL", pooling}},
           {"rank1", {"No SSL", pooling, "last", /*recalibrated=*/true}}});
}

/// The rows of a page's tables that give a claim's verdict.
std::set<std::string> verdicts_in(const std::string& page) {
  std::set<std::string> rows;
  std::istringstream lines(page);
  for (std::string line; std::getline(lines, line);)
    for (const char* verdict : {"| holds |", "| fails |", "| undecided |"})
      if (line.starts_with(verdict)) rows.insert(line);
  return rows;
}

TEST(Records, PagesQuoteTheVerdictsAsTheyAre) {
  std::set<std::string> judged;
  for (const auto& entry : fs::directory_iterator(kRecords)) {
    if (!fs::exists(entry.path() / "runs.tar.gz")) continue;  // not a preset, or not run yet
    const std::string preset = entry.path().filename();
    const std::string claims = read_text(entry.path() / "claims.md");
    EXPECT_EQ(block(read_text(kRecords / "README.md"), "results/records/" + preset + "/claims.md"),
              claims);
    judged.merge(verdicts_in(claims));
  }
  // README's first screen has the rows of all claims that were judged, and no others.
  EXPECT_EQ(verdicts_in(read_text(fs::path(LCR_SOURCE_DIR) / "README.md")), judged);
}

}  // namespace
}  // namespace lcr
