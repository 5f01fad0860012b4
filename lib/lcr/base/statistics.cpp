#include "lcr/base/statistics.h"

#include <algorithm>
#include <numbers>
#include <numeric>

#include <boost/math/distributions/binomial.hpp>
#include <boost/math/distributions/non_central_t.hpp>
#include <boost/math/distributions/normal.hpp>
#include <boost/math/distributions/students_t.hpp>
#include <boost/math/quadrature/gauss.hpp>
#include <boost/math/special_functions/beta.hpp>

namespace lcr {

namespace {

/// Averages f(u) over the null distribution of Welch's statistic T: given the share R of a's sum of
/// squares in the total, T u has Student's t distribution with n_a + n_b - 2 degrees of freedom; R
/// has a beta distribution, and u depends on R alone. With R = sin^2 x the integrand is smooth up
/// to the ends of the interval.
template <typename F>
double over_shares(std::size_t n_a, std::size_t n_b, const F& f) {
  const auto na = static_cast<double>(n_a);
  const auto nb = static_cast<double>(n_b);
  const double a = 1 / (na * (na - 1));
  const double b = 1 / (nb * (nb - 1));
  const double scale = (na + nb - 2) / (1 / na + 1 / nb);
  const double norm = 2 / boost::math::beta((na - 1) / 2, (nb - 1) / 2);
  return boost::math::quadrature::gauss<double, 100>::integrate(
      [&](double x) {
        const double s = std::sin(x);
        const double c = std::cos(x);
        return norm * std::pow(s, na - 2) * std::pow(c, nb - 2) *
               f(std::sqrt((a * s * s + b * c * c) * scale));
      },
      0.0, std::numbers::pi / 2);
}

/// P(T > t) if nothing has changed.
double unchanged_tail(double t, std::size_t n_a, std::size_t n_b) {
  const boost::math::students_t student(static_cast<double>(n_a + n_b - 2));
  return over_shares(n_a, n_b, [&](double u) {
    return boost::math::cdf(boost::math::complement(student, t * u));
  });
}

/// The p-value if neither side varies.
double p_without_spread(double difference) {
  if (difference > 0) return 0.0;
  return difference < 0 ? 1.0 : 0.5;
}

/// A mean or a difference of means, its standard error and the degrees of freedom of their ratio.
struct Estimate {
  double value, error, freedom;
};

/// Needs two values on each side.
Estimate welch_estimate(std::span<const double> a, std::span<const double> b) {
  const auto na = static_cast<double>(a.size()), nb = static_cast<double>(b.size());
  const double va = standard_deviation(a) * standard_deviation(a) / na;
  const double vb = standard_deviation(b) * standard_deviation(b) / nb;
  return {mean(a) - mean(b), std::sqrt(va + vb),
          (va + vb) * (va + vb) / (va * va / (na - 1) + vb * vb / (nb - 1))};
}

/// Needs two.
Estimate paired_estimate(std::span<const double> differences) {
  const auto n = static_cast<double>(differences.size());
  return {mean(differences), standard_deviation(differences) / std::sqrt(n), n - 1};
}

double student_p_greater(const Estimate& estimate, double margin) {
  if (estimate.error == 0) return p_without_spread(estimate.value - margin);
  return boost::math::cdf(boost::math::complement(boost::math::students_t(estimate.freedom),
                                                  (estimate.value - margin) / estimate.error));
}

Interval student_interval(const Estimate& estimate, double confidence) {
  if (estimate.error == 0) return {estimate.value, estimate.value};
  const double half =
      estimate.error * boost::math::quantile(boost::math::complement(
                           boost::math::students_t(estimate.freedom), (1 - confidence) / 2));
  return {estimate.value - half, estimate.value + half};
}

}  // namespace

double welch_p_greater(std::span<const double> a, std::span<const double> b, double margin) {
  if (a.size() < 2 || b.size() < 2) return std::numeric_limits<double>::quiet_NaN();
  return student_p_greater(welch_estimate(a, b), margin);
}

double paired_p_greater(std::span<const double> differences, double margin) {
  if (differences.size() < 2) return std::numeric_limits<double>::quiet_NaN();
  return student_p_greater(paired_estimate(differences), margin);
}

SeedPairs pair_by_seed(const SeedValues& first, const SeedValues& second) {
  SeedPairs pairs;
  for (const auto& [seed, values] : first) {
    const auto other = second.find(seed);
    if (other == second.end()) continue;
    pairs.first.push_back(mean(values));
    pairs.second.push_back(mean(other->second));
    pairs.differences.push_back(pairs.first.back() - pairs.second.back());
  }
  return pairs;
}

Interval paired_interval(std::span<const double> differences, double confidence) {
  if (differences.size() < 2) return {};
  return student_interval(paired_estimate(differences), confidence);
}

Interval welch_interval(std::span<const double> a, std::span<const double> b, double confidence) {
  if (a.size() < 2 || b.size() < 2) return {};
  return student_interval(welch_estimate(a, b), confidence);
}

std::size_t pairs_needed(double effect, double level, double power, std::size_t most) {
  const auto reaches = [&](std::size_t pairs) {
    const auto n = static_cast<double>(pairs);
    const double critical =
        boost::math::quantile(boost::math::complement(boost::math::students_t(n - 1), level));
    const boost::math::non_central_t shifted(n - 1, effect * std::sqrt(n));
    return boost::math::cdf(boost::math::complement(shifted, critical)) >= power;
  };
  if (!(effect > 0) || !reaches(most)) return 0;
  std::size_t low = 1, high = most;  // low is too few, high is enough
  while (high - low > 1) {
    const std::size_t middle = (low + high) / 2;
    (reaches(middle) ? high : low) = middle;
  }
  return high;
}

std::vector<double> holm(std::span<const double> p_values) {
  std::vector<std::size_t> order(p_values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return p_values[a] < p_values[b]; });
  std::vector<double> adjusted(p_values.size());
  double largest = 0;
  for (std::size_t i = 0; i < order.size(); ++i) {
    largest = std::max(largest,
                       std::min(1.0, p_values[order[i]] * static_cast<double>(order.size() - i)));
    adjusted[order[i]] = largest;
  }
  return adjusted;
}

double unchanged_p_greater(std::span<const double> a, std::span<const double> b) {
  if (a.size() < 2 || b.size() < 2) return std::numeric_limits<double>::quiet_NaN();
  const double sd_a = standard_deviation(a);
  const double sd_b = standard_deviation(b);
  const double difference = mean(a) - mean(b);
  const double error = std::sqrt(sd_a * sd_a / static_cast<double>(a.size()) +
                                 sd_b * sd_b / static_cast<double>(b.size()));
  if (error == 0) return p_without_spread(difference);
  return unchanged_tail(difference / error, a.size(), b.size());
}

double unchanged_power(double effect, std::size_t n_a, std::size_t n_b, double level) {
  double low = 0, high = 1;
  while (unchanged_tail(high, n_a, n_b) > level) high *= 2;
  for (int i = 0; i < 40; ++i) {
    const double middle = (low + high) / 2;
    (unchanged_tail(middle, n_a, n_b) > level ? low : high) = middle;
  }
  const boost::math::non_central_t shifted(
      static_cast<double>(n_a + n_b - 2),
      effect / std::sqrt(1 / static_cast<double>(n_a) + 1 / static_cast<double>(n_b)));
  return over_shares(n_a, n_b, [&](double u) {
    return boost::math::cdf(boost::math::complement(shifted, high * u));
  });
}

std::size_t values_needed(double effect, std::size_t n_b, double level, double power,
                          std::size_t most) {
  if (!(effect > 0) || unchanged_power(effect, most, n_b, level) < power) return 0;
  std::size_t low = 1, high = most;  // low is too few, high is enough
  while (high - low > 1) {
    const std::size_t middle = (low + high) / 2;
    (unchanged_power(effect, middle, n_b, level) >= power ? high : low) = middle;
  }
  return high;
}

double prediction_margin(std::span<const double> reference, std::size_t n, double level) {
  if (reference.size() < 2 || n == 0) return std::numeric_limits<double>::quiet_NaN();
  const double quantile = boost::math::quantile(boost::math::complement(
      boost::math::students_t(static_cast<double>(reference.size() - 1)), level));
  return quantile * standard_deviation(reference) *
         std::sqrt(1.0 / static_cast<double>(n) + 1.0 / static_cast<double>(reference.size()));
}

double normal_quantile(double probability) {
  return boost::math::quantile(boost::math::normal(), probability);
}

double median(std::vector<double> values) {
  if (values.empty()) return std::numeric_limits<double>::quiet_NaN();
  std::sort(values.begin(), values.end());
  const std::size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

double mann_whitney_p_less(std::span<const double> a, std::span<const double> b) {
  if (a.empty() || b.empty()) return std::numeric_limits<double>::quiet_NaN();
  // U counts the pairs in which a's value is larger, ties as 0.5: it is small if a tends to be
  // smaller.
  double u = 0;
  for (const double x : a)
    for (const double y : b) {
      if (x > y) u += 1;
      if (x == y) u += 0.5;
    }
  std::vector<double> all(a.begin(), a.end());
  all.insert(all.end(), b.begin(), b.end());
  std::sort(all.begin(), all.end());
  double ties = 0;
  for (std::size_t begin = 0, end = 0; begin < all.size(); begin = end) {
    while (end < all.size() && all[end] == all[begin]) ++end;
    const auto t = static_cast<double>(end - begin);
    ties += t * t * t - t;
  }
  constexpr std::size_t kExact = 50;
  if (ties == 0 && a.size() <= kExact && b.size() <= kExact) {
    // ways[i][u]: how many arrangements of i values of a among the first j of b have this U.
    const std::size_t most = a.size() * b.size();
    std::vector<std::vector<double>> ways(a.size() + 1, std::vector<double>(most + 1, 0));
    for (auto& row : ways) row[0] = 1;
    for (std::size_t j = 1; j <= b.size(); ++j)
      for (std::size_t i = 1; i <= a.size(); ++i)
        for (std::size_t value = most + 1; value-- > 0;)
          ways[i][value] = (value >= j ? ways[i - 1][value - j] : 0) + ways[i][value];
    const auto& row = ways.back();
    const double total = std::accumulate(row.begin(), row.end(), 0.0);
    return std::accumulate(row.begin(), row.begin() + static_cast<std::ptrdiff_t>(u) + 1, 0.0) /
           total;
  }
  const auto na = static_cast<double>(a.size());
  const auto nb = static_cast<double>(b.size());
  const double n = na + nb;
  const double variance = na * nb / 12 * (n + 1 - ties / (n * (n - 1)));
  if (variance <= 0) return 1;  // all values are equal
  return boost::math::cdf(boost::math::normal(), (u - na * nb / 2 + 0.5) / std::sqrt(variance));
}

Proportion clopper_pearson(std::uint64_t successes, std::uint64_t trials, double confidence) {
  if (trials == 0) return {std::numeric_limits<double>::quiet_NaN(), 0, 1};
  using Binomial = boost::math::binomial_distribution<>;
  const double tail = (1 - confidence) / 2;
  const auto n = static_cast<double>(trials), k = static_cast<double>(successes);
  const double low = successes == 0 ? 0 : Binomial::find_lower_bound_on_p(n, k, tail);
  const double high = successes == trials ? 1 : Binomial::find_upper_bound_on_p(n, k, tail);
  return {.share = k / n, .low = low, .high = high};
}

}  // namespace lcr
