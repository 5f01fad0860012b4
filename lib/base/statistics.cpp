#include "lcr/base/statistics.h"

#include <boost/math/distributions/students_t.hpp>

namespace lcr {

double welch_p_greater(std::span<const double> a, std::span<const double> b, double margin) {
  if (a.size() < 2 || b.size() < 2) return std::numeric_limits<double>::quiet_NaN();
  const double difference = mean(a) - mean(b) - margin;
  const double va = standard_deviation(a) * standard_deviation(a) / static_cast<double>(a.size()), vb = standard_deviation(b) * standard_deviation(b) / static_cast<double>(b.size());
  if (va + vb == 0) return difference > 0 ? 0.0 : difference < 0 ? 1.0 : 0.5;
  const double freedom = (va + vb) * (va + vb) / (va * va / static_cast<double>(a.size() - 1) + vb * vb / static_cast<double>(b.size() - 1));
  return boost::math::cdf(boost::math::complement(boost::math::students_t(freedom), difference / std::sqrt(va + vb)));
}

}  // namespace lcr
