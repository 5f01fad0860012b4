// The operations of norm_operations.h as kernels of a device (kernels/device_norm.h): on CUDA, and
// for tests on the CPU, where one thread does the work of all.
#include <vector>

#include "lcr/model/device_form.h"
#include "lcr/model/norm_operations.h"

namespace lcr::fused {
namespace {

namespace device = kernels::device;
using device::NormView;
using device::Tiling;
using torch::Tensor;

const void* data(const Tensor& tensor) { return tensor.defined() ? tensor.data_ptr() : nullptr; }

NormView view(const Statistics& statistics) {
  return {statistics.values.defined() ? statistics.values.data_ptr<float>() : nullptr};
}

// ---- Launching: a device's kernels, or the CPU in their place
// --------------------------------------

template <class T, int N, class Op>
void run_blocks(const Op& op, const Tiling& tiling, double* partials) {
  std::vector<float> shared(static_cast<std::size_t>(device::kShared<Op, N>));
  for (std::int64_t group = 0; group < tiling.groups; ++group)
    for (std::int64_t part = 0; part < tiling.parts; ++part)
      for (std::int64_t tile = 0; tile < tiling.tiles; ++tile) {
        const device::Block block{tile, part, group};
        for (int thread = 0; thread < device::kThreads; ++thread)
          device::work<T, N>(op, tiling, block, thread, shared.data());
        if constexpr (Op::kSums > 0)
          for (int thread = 0; thread < device::kThreads; ++thread)
            device::add_stripes<N>(op, tiling, block, thread, shared.data(), partials);
      }
}

template <class Op>
void over_map(const Tensor& x, const Op& op, const Tiling& tiling, double* partials = nullptr) {
  if (x.is_cuda()) {
    launch_on(x.device(), op, tiling, number_of(x), partials);
    return;
  }
  device::with_format(number_of(x), tiling.lanes, [&](auto type, auto lanes) {
    run_blocks<decltype(type), lanes.value>(op, tiling, partials);
  });
}

void over_parts(const Tensor& x, const device::Totals& totals, std::int64_t of) {
  if (x.is_cuda()) {
    launch_on(x.device(), totals, of);
    return;
  }
  std::vector<double> shared(device::kThreads);
  for (std::int64_t each = 0; each < of; ++each)
    for (std::int64_t tile = 0; tile * device::Totals::kAcross < totals.channels; ++tile) {
      for (int thread = 0; thread < device::kThreads; ++thread)
        totals.add_parts(tile, each, thread, shared.data());
      for (int thread = 0; thread < device::kThreads; ++thread)
        totals.add_threads(tile, each, thread, shared.data());
    }
}

template <class Op>
void over_channels(const Tensor& x, const Op& op) {
  if (x.is_cuda()) {
    launch_on(x.device(), op);
    return;
  }
  for (std::int64_t c = 0; c < op.channels; ++c) op(c);
}

// ---- The operations
// ----------------------------------------------------------------------------------

Tiling tiling_of(const Tensor& x, std::int64_t groups) {
  return device::make_tiling(rows_of(x), groups, x.size(1), number_of(x));
}

/// The operation's sums over each group: float64, kSums x groups x C.
template <class Op>
Tensor sums_of(const Tensor& x, const Op& op, std::int64_t groups) {
  const Tiling tiling = tiling_of(x, groups);
  const auto options = x.options().dtype(torch::kDouble);
  Tensor partials = torch::empty({Op::kSums, groups, tiling.parts, x.size(1)}, options);
  over_map(x, op, tiling, partials.data_ptr<double>());
  Tensor totals = torch::empty({Op::kSums, groups, x.size(1)}, options);
  over_parts(x,
             {.partials = partials.data_ptr<double>(),
              .totals = totals.data_ptr<double>(),
              .parts = tiling.parts,
              .channels = tiling.channels},
             Op::kSums * groups);
  return totals;
}

NormGradient gradient_from(const Tensor& x, const Statistics& statistics, const Tensor& sums,
                           const Tensor& products) {
  NormGradient gradient = make_gradient(statistics);
  over_channels(x, parameter_gradients(x, statistics, sums.data_ptr<double>(),
                                       products.data_ptr<double>(), gradient));
  return gradient;
}

class DeviceOperations : public NormOperations {
 public:
  Statistics find_statistics(SplitBatchNormImpl& norm, const Tensor& x) const override {
    const Statistics statistics = make_statistics(x, norm.is_training() ? norm.groups : 1);
    if (norm.is_training()) {
      const Tensor totals = sums_of(x, device::FindMoments{x.data_ptr()}, norm.groups);
      over_channels(x, batch_statistics(norm, x, totals.data_ptr<double>(), statistics));
    } else {
      over_channels(x, running_statistics(norm, statistics));
    }
    return statistics;
  }

  void write_relu(const Tensor& x, const Statistics& statistics, const Tensor& residual,
                  const Tensor& x2, const Statistics& statistics2, const Tensor& y) const override {
    const Tiling tiling = tiling_of(x, statistics.groups());
    if (x2.defined())
      over_map(x,
               device::Join{x.data_ptr(), view(statistics), x2.data_ptr(), view(statistics2),
                            y.data_ptr()},
               tiling);
    else
      over_map(x, device::Apply{x.data_ptr(), view(statistics), data(residual), y.data_ptr()},
               tiling);
  }

  NormGradient relu_gradient(const Tensor& dy, const Tensor& x,
                             const Statistics& statistics) const override {
    const Tensor totals = sums_of(x, device::Reduce{dy.data_ptr(), x.data_ptr(), view(statistics)},
                                  statistics.groups());
    return gradient_from(x, statistics, totals[0], totals[1]);
  }

  Reduced residual_gradient(const Tensor& dy, const Tensor& dy2, const Tensor& y, const Tensor& x,
                            const Statistics& statistics, const Tensor& x2,
                            const Statistics& statistics2) const override {
    const Tensor g = like(x);
    const Tensor totals = sums_of(x,
                                  device::ReduceResidual{.dy = dy.data_ptr(),
                                                         .dy2 = data(dy2),
                                                         .y = y.data_ptr(),
                                                         .x = x.data_ptr(),
                                                         .norm = view(statistics),
                                                         .x2 = data(x2),
                                                         .norm2 = view(statistics2),
                                                         .g = g.data_ptr()},
                                  statistics.groups());
    return {g, gradient_from(x, statistics, totals[0], totals[1]),
            x2.defined() ? gradient_from(x2, statistics2, totals[0], totals[2]) : NormGradient()};
  }

  Tensor input_gradient(const Tensor& g, const Tensor& x, const Statistics& statistics,
                        const NormGradient& gradient, bool only_positive) const override {
    Tensor dx = like(x);
    over_map(x,
             device::InputGradient{g.data_ptr(), x.data_ptr(), view(statistics),
                                   gradient.abc.data_ptr<float>(), only_positive, dx.data_ptr()},
             tiling_of(x, statistics.groups()));
    return dx;
  }

  Tensor pool(const Tensor& x, const Statistics& statistics, const Tensor& where) const override {
    Tensor y = like_pooled(x, x.scalar_type());
    over_map(x,
             device::Pool{.x = x.data_ptr(),
                          .norm = view(statistics),
                          .y = y.data_ptr(),
                          .where = where.defined() ? where.data_ptr<std::uint8_t>() : nullptr,
                          .height = x.size(2),
                          .width = x.size(3)},
             tiling_of(y, statistics.groups()));
    return y;
  }

  Reduced pool_gradient(const Tensor& dy, const Tensor& where, const Tensor& x,
                        const Statistics& statistics) const override {
    const Tensor g = like(x);
    const Tensor totals = sums_of(x,
                                  device::PoolGradient{.dy = dy.data_ptr(),
                                                       .where = where.data_ptr<std::uint8_t>(),
                                                       .x = x.data_ptr(),
                                                       .norm = view(statistics),
                                                       .g = g.data_ptr(),
                                                       .height = x.size(2),
                                                       .width = x.size(3)},
                                  statistics.groups());
    return {g, gradient_from(x, statistics, totals[0], totals[1]), {}};
  }
};

}  // namespace

const NormOperations& device_operations() {
  static const DeviceOperations operations;
  return operations;
}

}  // namespace lcr::fused
