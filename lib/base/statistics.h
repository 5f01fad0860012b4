// Summary statistics of a few seeds.
#pragma once

#include <cmath>
#include <cstddef>
#include <limits>
#include <span>

namespace lcr {

inline double mean(std::span<const double> values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return values.empty() ? std::numeric_limits<double>::quiet_NaN() : sum / static_cast<double>(values.size());
}

/// Sample standard deviation (n - 1); NaN below two values.
inline double standard_deviation(std::span<const double> values) {
  if (values.size() < 2) return std::numeric_limits<double>::quiet_NaN();
  const double centre = mean(values);
  double sum = 0;
  for (const double value : values) sum += (value - centre) * (value - centre);
  return std::sqrt(sum / static_cast<double>(values.size() - 1));
}

/// p-value of Welch's one-sided t-test that the mean of `a` exceeds that of `b` by more than `margin`. Needs two values on each side (else NaN).
/// Where neither side varies, it is 0, 1 or, of equal means, 0.5.
double welch_p_greater(std::span<const double> a, std::span<const double> b, double margin = 0);

}  // namespace lcr
