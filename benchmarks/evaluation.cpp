// Evaluation protocols at the size of CUB-200-2011's test split with ResNet-50 features, on
// LCR_BENCHMARK_THREADS threads (default 1).
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>

#include <ATen/Parallel.h>
#include <benchmark/benchmark.h>
#include <torch/nn/functional/normalization.h>

#include "lcr/base/files.h"
#include "lcr/base/text.h"
#include "lcr/evaluate/knn.h"
#include "lcr/evaluate/linear_probe.h"
#include "lcr/evaluate/retrieval.h"
#include "lcr/experiment/device.h"
#include "lcr/model/initialise.h"
#include "lcr/model/precision.h"

namespace lcr {
namespace {

constexpr std::int64_t kImages = 5794, kFeatures = 2048, kClasses = 200;

void use_threads() {
  const char* threads = std::getenv("LCR_BENCHMARK_THREADS");
  at::set_num_threads(threads ? std::atoi(threads) : 1);
}

torch::Tensor features(std::int64_t count) {
  return torch::nn::functional::normalize(random_normal({count, kFeatures}, 0, "benchmark"),
                                          torch::nn::functional::NormalizeFuncOptions().dim(1));
}

void retrieval(benchmark::State& state) {
  use_threads();
  const torch::Tensor x = features(kImages);
  const torch::Tensor labels = torch::arange(kImages) % kClasses;
  for ([[maybe_unused]] auto iteration : state)
    benchmark::DoNotOptimize(leave_one_out_retrieval(x, labels));
  state.SetItemsProcessed(state.iterations() * kImages);
}
BENCHMARK(retrieval)->Unit(benchmark::kMillisecond)->UseRealTime();

/// Retrieval on the features of benchmarks/peers/retrieval.py, from the folder LCR_PEER_RETRIEVAL.
/// The scores must equal the peer's.
void retrieval_peer(benchmark::State& state) {
  use_threads();
  const char* folder = std::getenv("LCR_PEER_RETRIEVAL");
  if (!folder)
    return state.SkipWithError(
        "set LCR_PEER_RETRIEVAL to a folder made by benchmarks/peers/retrieval.py");
  constexpr std::uint64_t kLimit = 1 << 30;
  const auto bytes = read_file(std::filesystem::path(folder) / "features.bin", kLimit);
  const auto label_bytes = read_file(std::filesystem::path(folder) / "labels.bin", kLimit);
  const auto peer = split(read_text(std::filesystem::path(folder) / "scores.txt"), '\n');
  const auto from = [](const std::vector<std::uint8_t>& raw, torch::IntArrayRef shape,
                       torch::ScalarType type) {
    return torch::from_blob(const_cast<std::uint8_t*>(raw.data()), shape, type).clone();
  };
  const torch::Tensor x = from(bytes, {kImages, kFeatures}, torch::kFloat32);
  const torch::Tensor labels = from(label_bytes, {kImages}, torch::kInt64);
  RetrievalScores scores;
  for ([[maybe_unused]] auto iteration : state) scores = leave_one_out_retrieval(x, labels);
  const double difference =
      std::max({std::abs(scores.rank1 - parse_number(peer.at(0)).value()),
                std::abs(scores.rank5 - parse_number(peer.at(1)).value()),
                std::abs(scores.mean_average_precision - parse_number(peer.at(2)).value())});
  state.counters["difference"] = difference;
  if (difference > 1e-6) state.SkipWithError("the scores differ from the peer's");
}
BENCHMARK(retrieval_peer)->Unit(benchmark::kMillisecond)->UseRealTime();

/// M images with 512 features each, in chunks of bounded memory: the time grows as M^2. The counter
/// is the process's peak memory.
void retrieval_large(benchmark::State& state) {
  use_threads();
  const std::int64_t count = state.range(0);
  const torch::Tensor x =
      torch::nn::functional::normalize(random_normal({count, 512}, 0, "benchmark"),
                                       torch::nn::functional::NormalizeFuncOptions().dim(1));
  const torch::Tensor labels = torch::arange(count) % kClasses;
  for ([[maybe_unused]] auto iteration : state)
    benchmark::DoNotOptimize(leave_one_out_retrieval(x, labels));
  state.counters["peak_MiB"] = peak_memory_mib();
}
BENCHMARK(retrieval_large)
    ->Arg(25000)
    ->Arg(50000)
    ->Arg(100000)
    ->Unit(benchmark::kSecond)
    ->UseRealTime()
    ->Iterations(1);

/// The machine's best matrix product (square, of a cache-friendly size), as a reference for
/// retrieval_product and the training steps.
void gemm_peak(benchmark::State& state, torch::ScalarType type, std::int64_t side) {
  use_threads();
  if (type == torch::kBFloat16 && resolve_precision("auto", torch::kCPU) != "bfloat16")
    return state.SkipWithError("this processor has no instructions for products of bfloat16");
  const torch::Tensor a = random_normal({side, side}, 0, "a").to(type);
  const torch::Tensor b = random_normal({side, side}, 0, "b").to(type);
  for ([[maybe_unused]] auto iteration : state) benchmark::DoNotOptimize(a.mm(b));
  state.counters["GFLOP/s"] =
      benchmark::Counter(2e-9 * std::pow(side, 3), benchmark::Counter::kIsIterationInvariantRate);
}
BENCHMARK_CAPTURE(gemm_peak, float32, torch::kFloat32, 4096)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();
BENCHMARK_CAPTURE(gemm_peak, bfloat16, torch::kBFloat16, 1024)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

/// The speed of the memory: reads and writes of a copy that no cache holds.
void memory_copy(benchmark::State& state) {
  use_threads();
  constexpr std::int64_t kNumbers = std::int64_t{64} << 20;
  const torch::Tensor from = torch::ones({kNumbers});
  torch::Tensor to = torch::zeros({kNumbers});
  for ([[maybe_unused]] auto iteration : state) benchmark::DoNotOptimize(to.copy_(from));
  state.counters["GB/s"] = benchmark::Counter(2e-9 * sizeof(float) * kNumbers,
                                              benchmark::Counter::kIsIterationInvariantRate);
}
BENCHMARK(memory_copy)->Unit(benchmark::kMillisecond)->UseRealTime();

/// The matrix product that retrieval needs at least.
void retrieval_product(benchmark::State& state) {
  use_threads();
  const torch::Tensor x = features(kImages);
  const torch::Tensor transposed = x.t();
  for ([[maybe_unused]] auto iteration : state)
    for (std::int64_t start = 0; start < kImages; start += 256)
      benchmark::DoNotOptimize(
          x.narrow(0, start, std::min<std::int64_t>(256, kImages - start)).mm(transposed));
  state.counters["GFLOP/s"] = benchmark::Counter(2e-9 * kImages * kImages * kFeatures,
                                                 benchmark::Counter::kIsIterationInvariantRate);
}
BENCHMARK(retrieval_product)->Unit(benchmark::kMillisecond)->UseRealTime();

void knn(benchmark::State& state) {
  use_threads();
  const torch::Tensor x = features(kImages);
  const torch::Tensor labels = torch::arange(kImages) % kClasses;
  for ([[maybe_unused]] auto iteration : state)
    benchmark::DoNotOptimize(knn_classify(x, labels, x, labels, kClasses, 200, 0.1));
  state.SetItemsProcessed(state.iterations() * kImages);
}
BENCHMARK(knn)->Unit(benchmark::kMillisecond)->UseRealTime();

void cached_probe(benchmark::State& state) {
  use_threads();
  const torch::Tensor train = features(6000);
  const torch::Tensor train_labels = torch::arange(6000) % kClasses;
  const torch::Tensor test = features(kImages);
  const torch::Tensor test_labels = torch::arange(kImages) % kClasses;
  for ([[maybe_unused]] auto iteration : state)
    benchmark::DoNotOptimize(linear_probe(train, train_labels, test, test_labels, kClasses, {}, 0));
}
BENCHMARK(cached_probe)->Unit(benchmark::kSecond)->UseRealTime()->Iterations(1);

}  // namespace
}  // namespace lcr
