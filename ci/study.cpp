#include "ci/study.h"

#include <algorithm>
#include <map>

#include <fmt/core.h>

#include "lcr/base/error.h"
#include "lcr/base/rng.h"
#include "lcr/base/text.h"

namespace lcr::check {
namespace {

/// The seeds that every compared row has.
std::vector<std::uint64_t> common_seeds(const Measured& pool, const std::string& metrics) {
  const auto wanted = split(metrics, ',');
  std::map<std::uint64_t, std::size_t> rows_of;
  std::size_t rows = 0;
  for (const auto& row : pool.rows) {
    if (std::find(wanted.begin(), wanted.end(), row.key.metric) == wanted.end()) continue;
    ++rows;
    for (const auto seed : row.seeds) ++rows_of[seed];
  }
  std::vector<std::uint64_t> seeds;
  for (const auto& [seed, count] : rows_of)
    if (count == rows) seeds.push_back(seed);
  return seeds;
}

std::vector<std::uint64_t> shuffled(const std::vector<std::uint64_t>& seeds,
                                    const std::string& purpose, std::size_t split) {
  std::vector<std::uint64_t> out;
  for (const auto i :
       random_permutation(CounterRng(RngKey(0, purpose), static_cast<std::uint32_t>(split)),
                          static_cast<std::int64_t>(seeds.size())))
    out.push_back(seeds[static_cast<std::size_t>(i)]);
  return out;
}

Measured part_of(const Measured& pool, std::vector<std::uint64_t> seeds) {
  std::sort(seeds.begin(), seeds.end());
  return {with_seeds(pool.rows, seeds), pool.configs, pool.origin};
}

/// Gates the disjoint candidates of n seeds that a pool yields, and counts the failures.
class Tally {
 public:
  Tally(std::string pool, std::size_t n, const GateOptions& options) : options_(options) {
    row_.pool = std::move(pool);
    row_.n = n;
  }

  void add(const Reference& reference, const Measured& pool,
           const std::vector<std::uint64_t>& seeds, bool first_split) {
    for (std::size_t at = 0; at + row_.n <= seeds.size(); at += row_.n) {
      const auto begin = seeds.begin() + static_cast<std::ptrdiff_t>(at);
      bool failed = false, by_test = false, by_floor = false;
      const auto end = begin + static_cast<std::ptrdiff_t>(row_.n);
      for (const auto& verdict : gate_metrics(reference, part_of(pool, {begin, end}), options_)) {
        by_test = by_test || verdict.by_test;
        by_floor = by_floor || verdict.by_floor;
        if (verdict.verdict == Verdict::kRegressed) ++failures_[verdict.key.text()];
        failed = failed || verdict.verdict == Verdict::kRegressed;
      }
      ++candidates_;
      failed_ += failed;
      by_test_ += by_test;
      by_floor_ += by_floor;
      if (!first_split) continue;
      ++row_.trials;
      row_.failed += failed;
    }
  }

  StudyRow finish() {
    const auto share = [&](std::size_t count) {
      return candidates_ > 0 ? static_cast<double>(count) / static_cast<double>(candidates_) : 0.0;
    };
    row_.share = share(failed_);
    row_.share_by_test = share(by_test_);
    row_.share_by_floor = share(by_floor_);
    row_.interval = clopper_pearson(row_.failed, row_.trials);
    std::vector<std::pair<std::size_t, std::string>> most;
    for (const auto& [name, count] : failures_) most.emplace_back(count, name);
    std::sort(most.rbegin(), most.rend());
    std::vector<std::string> names;
    for (std::size_t i = 0; i < most.size() && i < 2; ++i)
      names.push_back(fmt::format("{} ({:.0f} %)", most[i].second, 100 * share(most[i].first)));
    row_.telling = join(names, "; ");
    return row_;
  }

 private:
  GateOptions options_;
  StudyRow row_;
  std::size_t candidates_ = 0, failed_ = 0, by_test_ = 0, by_floor_ = 0;
  std::map<std::string, std::size_t> failures_;
};

}  // namespace

std::vector<StudyRow> study_gate(const Measured& clean,
                                 const std::vector<std::pair<std::string, Measured>>& defects,
                                 const StudyOptions& options) {
  const auto seeds = common_seeds(clean, options.metrics);
  const GateOptions quiet{
      .alpha = options.gate.alpha, .power = options.gate.power, .explain = false};
  const std::size_t most =
      *std::max_element(options.candidate_seeds.begin(), options.candidate_seeds.end());
  if (seeds.size() < options.reference_seeds + most)
    fail(
        "the clean pool has {} seeds common to all rows; a reference of {} and a candidate of {} "
        "need {}",
        seeds.size(), options.reference_seeds, most, options.reference_seeds + most);
  std::vector<std::pair<std::string, std::vector<std::uint64_t>>> defect_seeds;
  for (const auto& [name, pool] : defects) {
    defect_seeds.emplace_back(name, common_seeds(pool, options.metrics));
    if (defect_seeds.back().second.size() < most)
      fail("the pool of {} has {} seeds common to all rows; a candidate needs {}", name,
           defect_seeds.back().second.size(), most);
  }
  std::vector<Tally> tallies;
  for (const auto n : options.candidate_seeds) tallies.emplace_back("clean", n, quiet);
  for (const auto& [name, pool] : defects)
    for (const auto n : options.candidate_seeds) tallies.emplace_back(name, n, quiet);
  for (std::size_t split = 0; split < options.resamples; ++split) {
    const auto order = shuffled(seeds, "clean pool", split);
    const auto middle = order.begin() + static_cast<std::ptrdiff_t>(options.reference_seeds);
    const Reference reference =
        make_reference(part_of(clean, {order.begin(), middle}), options.metrics, 2);
    std::size_t tally = 0;
    for (std::size_t i = 0; i < options.candidate_seeds.size(); ++i)
      tallies[tally++].add(reference, clean, {middle, order.end()}, split == 0);
    for (std::size_t d = 0; d < defects.size(); ++d)
      for (std::size_t i = 0; i < options.candidate_seeds.size(); ++i)
        tallies[tally++].add(reference, defects[d].second,
                             shuffled(defect_seeds[d].second, "defect pool", split), split == 0);
  }
  std::vector<StudyRow> rows;
  for (auto& tally : tallies) rows.push_back(tally.finish());
  return rows;
}

std::string study_markdown(const std::vector<StudyRow>& rows, const StudyOptions& options) {
  const double alpha = options.gate.alpha;
  const double floor_level = Reference().floor_level;
  std::string text = fmt::format(
      "References of {} seeds, {} random splits; promised: at most {:.1f} % false alarms ({:.1f} % "
      "by tests, {:.1f} % by floors).\n",
      options.reference_seeds, options.resamples, 100 * (alpha + floor_level), 100 * alpha,
      100 * floor_level);
  constexpr const char* kFalseAlarms =
      "\n| false alarms | n | of all candidates | by test | by floor "
      "| of disjoint candidates of one reference | exact 95 % interval given it |\n"
      "|---|--:|--:|--:|--:|--:|--:|\n";
  constexpr const char* kPower =
      "\n| defect | n | caught | by test | by floor "
      "| of disjoint candidates of one reference | exact 95 % interval given it | most telling |\n"
      "|---|--:|--:|--:|--:|--:|--:|---|\n";
  for (const bool clean : {true, false}) {
    text += clean ? kFalseAlarms : kPower;
    for (const auto& row : rows) {
      if ((row.pool == "clean") != clean) continue;
      text += fmt::format(
          "| {} | {} | {:.1f} % | {:.1f} % | {:.1f} % | {} of {} | {:.1f} to {:.1f} % |{}\n",
          row.pool, row.n, 100 * row.share, 100 * row.share_by_test, 100 * row.share_by_floor,
          row.failed, row.trials, 100 * row.interval.low, 100 * row.interval.high,
          clean ? "" : " " + row.telling + " |");
    }
  }
  return text;
}

}  // namespace lcr::check
