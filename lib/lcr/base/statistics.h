// Summary statistics of a few seeds.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <span>
#include <vector>

namespace lcr {

/// Arithmetic mean; NaN without values.
inline double mean(std::span<const double> values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return values.empty() ? std::numeric_limits<double>::quiet_NaN()
                        : sum / static_cast<double>(values.size());
}

/// Sample standard deviation (n - 1); NaN below two values.
inline double standard_deviation(std::span<const double> values) {
  if (values.size() < 2) return std::numeric_limits<double>::quiet_NaN();
  const double centre = mean(values);
  double sum = 0;
  for (const double value : values) sum += (value - centre) * (value - centre);
  return std::sqrt(sum / static_cast<double>(values.size() - 1));
}

/// Values by seed.
using SeedValues = std::map<std::int64_t, std::vector<double>>;

/// One entry for each seed that both sides have, ascending.
struct SeedPairs {
  std::vector<double> first, second, differences;  ///< first - second
};

/// Several values of one seed count as their mean: they are not independent (B2's random choices
/// share even their first epochs).
SeedPairs pair_by_seed(const SeedValues& first, const SeedValues& second);

/// p-value of Welch's one-sided t-test that the mean of `a` exceeds that of `b` by more than
/// `margin`. NaN below two values on a side. If neither side varies, it is 0, 1 or, if the means
/// differ by exactly `margin`, 0.5.
double welch_p_greater(std::span<const double> a, std::span<const double> b, double margin = 0);

/// p-value of the one-sided t-test that the mean of `differences`, one per pair, exceeds `margin`.
/// NaN below two. If they do not vary, as welch_p_greater().
double paired_p_greater(std::span<const double> differences, double margin = 0);

/// Where a mean, or a difference of means, lies with the given confidence: Student's t interval.
struct Interval {
  double low = std::numeric_limits<double>::quiet_NaN();
  double high = std::numeric_limits<double>::quiet_NaN();
};

/// Of the mean of `differences`. NaN below two.
Interval paired_interval(std::span<const double> differences, double confidence = 0.95);

/// Of mean(a) - mean(b), by Welch's degrees of freedom. NaN below two values on a side.
Interval welch_interval(std::span<const double> a, std::span<const double> b,
                        double confidence = 0.95);

/// The fewest pairs with which paired_p_greater() stays below `level` with probability `power`, if
/// the differences' true mean exceeds the margin by `effect` of their standard deviations. 0 if
/// `most` are not enough.
std::size_t pairs_needed(double effect, double level, double power, std::size_t most = 1000);

/// Holm's step-down correction: p-values adjusted so that comparing each with alpha keeps the
/// probability of any false rejection at or below alpha. In the order given.
std::vector<double> holm(std::span<const double> p_values);

/// p-value of Welch's statistic that the mean of `a` exceeds that of `b`, exact if both are drawn
/// from one normal distribution: the null hypothesis of a regression gate, that nothing has
/// changed. Welch's own approximate degrees of freedom are far too optimistic in the tail if one
/// side has few values: with 3 against 20, p < 0.0012 occurs six times too often. NaN below two
/// values on a side.
double unchanged_p_greater(std::span<const double> a, std::span<const double> b);

/// The power of that test at `level` if the true means differ by `effect` standard deviations of
/// a single value. n_*: at least 2.
double unchanged_power(double effect, std::size_t n_a, std::size_t n_b, double level);

/// The fewest values on side a with which that power reaches `power`; 0 if `most` are not enough.
std::size_t values_needed(double effect, std::size_t n_b, double level, double power,
                          std::size_t most = 200);

/// How far the mean of `n` new values may lie below the mean of `reference` values of the same
/// normal distribution before chance alone (probability `level`) no longer explains it: the
/// one-sided prediction bound t_{n_ref - 1, 1 - level} sd sqrt(1/n + 1/n_ref). NaN below two
/// values.
double prediction_margin(std::span<const double> reference, std::size_t n, double level);

/// Quantile of the standard normal distribution.
double normal_quantile(double probability);

/// The median; the mean of the middle two of an even number of values. NaN without values.
double median(std::vector<double> values);

/// p-value of the one-sided Mann-Whitney U test that values of `a` tend to be smaller than those of
/// `b`: exact if no two values are equal and each side has at most 50, otherwise by the normal
/// approximation with corrections for ties and continuity. NaN if a side is empty.
double mann_whitney_p_less(std::span<const double> a, std::span<const double> b);

/// A share with its exact (Clopper-Pearson) two-sided confidence interval.
struct Proportion {
  double share = 0, low = 0, high = 1;
};

/// The share of `successes` among `trials`; without trials, NaN with the interval [0, 1].
Proportion clopper_pearson(std::uint64_t successes, std::uint64_t trials, double confidence = 0.95);

}  // namespace lcr
