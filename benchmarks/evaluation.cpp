// Evaluation protocols at the size of CUB-200-2011's test split with ResNet-50 features, on LCR_BENCHMARK_THREADS threads (default 1).
#include <ATen/Parallel.h>
#include <benchmark/benchmark.h>
#include <torch/nn/functional/normalization.h>

#include <cstdlib>

#include "lcr/base/memory.h"
#include "lcr/evaluate/knn.h"
#include "lcr/evaluate/linear_probe.h"
#include "lcr/evaluate/retrieval.h"
#include "lcr/model/initialise.h"

namespace lcr {
namespace {

constexpr std::int64_t kImages = 5794, kFeatures = 2048, kClasses = 200;

void use_threads() {
  const char* threads = std::getenv("LCR_BENCHMARK_THREADS");
  at::set_num_threads(threads ? std::atoi(threads) : 1);
  keep_freed_memory();  // as the programs do
}

torch::Tensor features(std::int64_t count) { return torch::nn::functional::normalize(random_normal({count, kFeatures}, 0, "benchmark"), torch::nn::functional::NormalizeFuncOptions().dim(1)); }

void retrieval(benchmark::State& state) {
  use_threads();
  const torch::Tensor x = features(kImages), labels = torch::arange(kImages) % kClasses;
  for ([[maybe_unused]] auto iteration : state) benchmark::DoNotOptimize(leave_one_out_retrieval(x, labels));
  state.SetItemsProcessed(state.iterations() * kImages);
}
BENCHMARK(retrieval)->Unit(benchmark::kMillisecond)->UseRealTime();

/// The matrix product that retrieval cannot do without.
void retrieval_product(benchmark::State& state) {
  use_threads();
  const torch::Tensor x = features(kImages), transposed = x.t();
  for ([[maybe_unused]] auto iteration : state)
    for (std::int64_t start = 0; start < kImages; start += 256) benchmark::DoNotOptimize(x.narrow(0, start, std::min<std::int64_t>(256, kImages - start)).mm(transposed));
  state.SetItemsProcessed(state.iterations() * kImages);
}
BENCHMARK(retrieval_product)->Unit(benchmark::kMillisecond)->UseRealTime();

void knn(benchmark::State& state) {
  use_threads();
  const torch::Tensor x = features(kImages), labels = torch::arange(kImages) % kClasses;
  for ([[maybe_unused]] auto iteration : state) benchmark::DoNotOptimize(knn_classify(x, labels, x, labels, kClasses, 200, 0.1));
  state.SetItemsProcessed(state.iterations() * kImages);
}
BENCHMARK(knn)->Unit(benchmark::kMillisecond)->UseRealTime();

void cached_probe(benchmark::State& state) {
  use_threads();
  const torch::Tensor train = features(6000), test = features(kImages), labels = torch::arange(6000) % kClasses;
  for ([[maybe_unused]] auto iteration : state)
    benchmark::DoNotOptimize(linear_probe([&](std::int64_t) { return train; }, labels, test, torch::arange(kImages) % kClasses, kClasses, {}, 0));
}
BENCHMARK(cached_probe)->Unit(benchmark::kSecond)->UseRealTime()->Iterations(1);

}  // namespace
}  // namespace lcr
