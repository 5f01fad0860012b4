#include "lcr/evaluate/principal_alignment.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include <Eigen/Dense>

#include "lcr/base/error.h"

namespace lcr {
namespace {

using Matrix = Eigen::MatrixXd;

/// Covariance (C x C) of the feature map's vectors over all positions of all images.
Matrix covariance(const EvaluatedNetwork& network, const ImageSet& images) {
  torch::Tensor sum, products;
  std::int64_t count = 0;
  const auto add = [&](const torch::Tensor& map, std::int64_t) {
    const torch::Tensor vectors = map.permute({0, 2, 3, 1}).reshape({-1, map.size(1)});
    if (count == 0) {
      sum = torch::zeros({map.size(1)}, vectors.options().dtype(torch::kDouble));
      products = torch::zeros({map.size(1), map.size(1)}, sum.options());
    }
    sum += vectors.sum(0).to(torch::kDouble);
    products += vectors.t().mm(vectors).to(torch::kDouble);
    count += vectors.size(0);
  };
  for_each_feature_map(network, images.count(), test_views(images, network.options), add);
  const torch::Tensor mean = sum / count;
  const torch::Tensor result = (products / count - mean.outer(mean)).cpu().contiguous();
  return Eigen::Map<const Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>>(
      result.data_ptr<double>(), result.size(0), result.size(1));
}

/// Orthonormal basis (C x m) of the span of the chosen projections' weights.
Matrix span_of(const torch::Tensor& weights, const std::vector<std::int64_t>& chosen) {
  const torch::Tensor rows =
      weights.index_select(0, torch::tensor(chosen, torch::kLong)).contiguous();
  const Eigen::Map<const Matrix> columns(rows.data_ptr<double>(), rows.size(1), rows.size(0));
  return Eigen::HouseholderQR<Matrix>(columns).householderQ() *
         Matrix::Identity(columns.rows(), columns.cols());
}

}  // namespace

PrincipalAlignment principal_alignment(const EvaluatedNetwork& network, const ImageSet& images,
                                       const std::vector<std::int64_t>& ranked,
                                       std::int64_t directions) {
  const auto all = static_cast<std::int64_t>(ranked.size());
  check_internal(directions >= 1 && directions <= std::max<std::int64_t>(1, all / 2),
                 "more directions than half of the ranking");
  GradCamFittingBranch gfb = network.gfb;
  const torch::Tensor weights = gfb->projection_weights().to(torch::kDouble).cpu();
  const Matrix sigma = covariance(network, images);
  PrincipalAlignment result{.channels = sigma.rows(), .directions = directions};
  if (directions > result.channels)
    fail("projections: {} directions are more than the feature map's {} channels", directions,
         result.channels);
  const Eigen::SelfAdjointEigenSolver<Matrix> solver(sigma);
  if (solver.info() != Eigen::Success)
    fail(
        "projections: cannot compute the principal components of the feature map; check that its "
        "values are finite");
  // Eigenvalues are in ascending order.
  const Matrix principal = solver.eigenvectors().rightCols(directions);
  const Matrix top = span_of(weights, {ranked.begin(), ranked.begin() + directions});
  const Matrix bottom = span_of(weights, {ranked.end() - directions, ranked.end()});
  const auto captured = [&](const Matrix& basis) {
    return (basis.transpose() * sigma * basis).trace() / sigma.trace();
  };
  const auto cosines = [&](const Matrix& basis) {
    return Eigen::JacobiSVD<Matrix>(basis.transpose() * principal).singularValues().eval();
  };
  const Eigen::VectorXd top_cosines = cosines(top);
  for (Eigen::Index i = 0; i < top_cosines.size(); ++i)
    result.angles.push_back(std::acos(std::clamp(top_cosines[i], -1.0, 1.0)) * 180 /
                            std::numbers::pi);
  result.top = top_cosines.squaredNorm() / static_cast<double>(directions);
  result.bottom = cosines(bottom).squaredNorm() / static_cast<double>(directions);
  result.chance = static_cast<double>(directions) / static_cast<double>(result.channels);
  result.captured_top = captured(top);
  result.captured_bottom = captured(bottom);
  result.captured_principal = captured(principal);
  return result;
}

}  // namespace lcr
