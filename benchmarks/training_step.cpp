// One optimisation step of each method on the trainer's own path (train/step.h), in samples per
// second, with the milliseconds of its phases. The peer is peers/step.py.
#include <cstdlib>

#include <ATen/Parallel.h>
#include <benchmark/benchmark.h>

#include "lcr/base/phases.h"
#include "lcr/method/host_options.h"
#include "lcr/method/lcr_options.h"
#include "lcr/method/method_spec.h"
#include "lcr/model/model_options.h"
#include "lcr/train/step.h"

namespace lcr {
namespace {

struct Setting {
  const char *arch, *stem;
  std::int64_t size, batch;
};

void training_step(benchmark::State& state, const Setting& setting, const char* method,
                   const char* precision) {
  const char* threads = std::getenv("LCR_BENCHMARK_THREADS");
  at::set_num_threads(threads ? std::atoi(threads) : 1);
  Options options;
  options.get<MethodOptions>().method = method;
  options.get<ArchOptions>().arch = setting.arch;
  options.get<ResNetOptions>().stem = setting.stem;
  options.get<BatchOptions>().batch_size = setting.batch;
  options.get<MomentumContrastOptions>().queue_size = setting.batch * 16;
  options.get<PrecisionOptions>().precision = precision;
  resolve_variant(options);
  const auto model = make_method(options, 0);
  prepare_for_training(*model, torch::kCPU);
  const auto optimizer = make_optimizer(*model, options);
  const torch::Tensor q = torch::randn({setting.batch, 3, setting.size, setting.size})
                              .contiguous(torch::MemoryFormat::ChannelsLast);
  const torch::Tensor k = torch::randn_like(q);
  std::int64_t step = 0;
  const auto one = [&] {
    const StepLoss loss =
        take_step(*model, *optimizer, {.views = {q, k}, .labels = {}, .step = step++}, 0.001);
    double value = loss.total.item<double>();
    benchmark::DoNotOptimize(value);
  };
  for (int i = 0; i < 2; ++i) one();  // the convolution library prepares its kernels
  PhaseTimes times;
  for ([[maybe_unused]] auto iteration : state) one();
  state.SetItemsProcessed(state.iterations() * setting.batch);
  for (const auto& [phase, seconds] : times.seconds)
    state.counters[phase + " ms"] = benchmark::Counter(
        1000 * seconds / static_cast<double>(state.iterations()), benchmark::Counter::kDefaults);
}

void register_step(const Setting& s, const char* method, const char* precision) {
  const std::string name = std::string("step/") + method + "/" + s.arch + "/" + s.stem + "/" +
                           std::to_string(s.size) + "px/b" + std::to_string(s.batch) + "/" +
                           precision;
  const auto body = [=](benchmark::State& state) { training_step(state, s, method, precision); };
  benchmark::RegisterBenchmark(name.c_str(), body)->Unit(benchmark::kMillisecond)->UseRealTime();
}

const int registered = [] {
  for (const Setting& s :
       {Setting{"narrow", "imagenet", 28, 32}, Setting{"narrow", "imagenet", 48, 32},
        Setting{"resnet18", "cifar", 32, 64}, Setting{"resnet50", "imagenet", 112, 16},
        Setting{"resnet50_c4", "imagenet", 112, 32}, Setting{"resnet18", "imagenet", 224, 16}})
    for (const char* method : {"moco_v2", "lcr"})
      for (const char* precision : {"float32", "bfloat16"}) register_step(s, method, precision);
  return 0;
}();

}  // namespace
}  // namespace lcr
