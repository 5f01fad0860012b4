// One optimisation step of each method, in samples per second: key and query forward, GradCAM,
// backward, SGD, enqueue.
#include <cstdlib>

#include <ATen/Parallel.h>
#include <benchmark/benchmark.h>

#include "lcr/method/method.h"
#include "lcr/train/sgd.h"

namespace lcr {
namespace {

void training_step(benchmark::State& state, const char* method, const char* arch, const char* stem,
                   std::int64_t size, std::int64_t batch, const char* precision) {
  const char* threads = std::getenv("LCR_BENCHMARK_THREADS");
  at::set_num_threads(threads ? std::atoi(threads) : 1);
  Options options;
  options.method = method;
  options.arch = arch;
  options.stem = stem;
  options.batch_size = batch;
  options.queue_size = batch * 16;
  options.precision = precision;
  resolve_variant(options);
  const auto model = make_method(options, 0);
  model->train();
  Sgd sgd(model->trained_parameters(), 0.9, 1e-4);
  const torch::Tensor q =
      torch::randn({batch, 3, size, size}).contiguous(torch::MemoryFormat::ChannelsLast);
  const torch::Tensor k = torch::randn_like(q);
  std::int64_t step = 0;
  double loss_value = 0;
  for ([[maybe_unused]] auto iteration : state) {
    const StepLoss loss = model->step(q, k, step++);
    sgd.zero_grad();
    loss.total.backward();
    sgd.step(0.001);
    model->finish_step();
    loss_value = loss.total.item<double>();
    benchmark::DoNotOptimize(loss_value);
  }
  state.SetItemsProcessed(state.iterations() * batch);
}

struct Setting {
  const char *arch, *stem;
  std::int64_t size, batch;
};

void register_step(const Setting& s, const char* method, const char* precision) {
  const std::string name = std::string("step/") + method + "/" + s.arch + "/" + s.stem + "/" +
                           std::to_string(s.size) + "px/" + precision;
  const auto body = [=](benchmark::State& state) {
    training_step(state, method, s.arch, s.stem, s.size, s.batch, precision);
  };
  benchmark::RegisterBenchmark(name.c_str(), body)->Unit(benchmark::kMillisecond)->UseRealTime();
}

const int registered = [] {
  for (const Setting& s :
       {Setting{"narrow", "imagenet", 28, 32}, Setting{"narrow", "imagenet", 48, 32},
        Setting{"resnet18", "cifar", 32, 64}, Setting{"resnet50", "imagenet", 112, 16},
        Setting{"resnet18", "imagenet", 224, 16}})
    for (const char* method : {"moco_v2", "lcr"})
      for (const char* precision : {"float32", "bfloat16"}) register_step(s, method, precision);
  return 0;
}();

}  // namespace
}  // namespace lcr
