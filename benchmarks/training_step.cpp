// One optimisation step of each method on the trainer's own path (train/step.h), in samples per
// second, with the milliseconds of its phases. The peer is peers/step.py.
#include <cstdlib>
#include <optional>

#include <ATen/Parallel.h>

#include "benchmarks/device_benchmarks.h"
#include "lcr/base/phases.h"
#include "lcr/method/host_options.h"
#include "lcr/method/lcr_options.h"
#include "lcr/method/method_spec.h"
#include "lcr/model/model_options.h"
#include "lcr/train/step.h"
#include "lcr/train/step_reports.h"

namespace lcr {
namespace {

struct Setting {
  const char *arch, *stem;
  std::int64_t size, batch;
};

/// How many steps tell how long the phases take on a CUDA device.
constexpr int kPhaseSteps = 20;

void training_step(benchmark::State& state, const torch::Device& device, const Setting& setting,
                   const char* method, const char* precision) {
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
  prepare_for_training(*model, device);
  const auto optimizer = make_optimizer(*model, options);
  const torch::Tensor q = torch::randn({setting.batch, 3, setting.size, setting.size})
                              .contiguous(torch::MemoryFormat::ChannelsLast)
                              .to(device);
  const torch::Tensor k = torch::randn_like(q);
  std::int64_t step = 0;
  StepReports reports({}, StepReports::lag_on(device));
  const auto one = [&] {
    const StepLoss loss =
        take_step(*model, *optimizer, {.views = {q, k}, .labels = {}, .step = step}, 0.001);
    reports.add(step++, loss, /*pause=*/false, /*stop=*/false);
    while (reports.has_next(/*end=*/false)) benchmark::DoNotOptimize(reports.next());
  };
  warm_up(device, one);
  std::optional<PhaseTimes> times;
  if (device.is_cpu()) times.emplace();
  time_on_device(state, device, setting.batch, one);
  auto steps = static_cast<double>(state.iterations());
  if (device.is_cuda()) {
    // On their own: a step that waits at the ends of its phases takes longer.
    times.emplace(settle(device));
    for (int i = 0; i < kPhaseSteps; ++i) one();
    steps = kPhaseSteps;
  }
  for (const auto& [phase, seconds] : times->seconds)
    state.counters[phase + " ms"] = benchmark::Counter(1000 * seconds / steps);
}

void register_step(const torch::Device& device, const Setting& s, const char* method,
                   const char* precision) {
  const std::string name = std::string("step/") + method + "/" + s.arch + "/" + s.stem + "/" +
                           std::to_string(s.size) + "px/b" + std::to_string(s.batch) + "/" +
                           precision;
  const auto body = [=](benchmark::State& state) {
    training_step(state, device, s, method, precision);
  };
  benchmark::RegisterBenchmark(name.c_str(), body)->Unit(benchmark::kMillisecond)->UseRealTime();
}

}  // namespace

void register_training_steps(const torch::Device& device) {
  std::vector<Setting> settings = {
      {"narrow", "imagenet", 28, 32},       {"narrow", "imagenet", 48, 32},
      {"resnet18", "cifar", 32, 64},        {"resnet50", "imagenet", 112, 16},
      {"resnet50_c4", "imagenet", 112, 32}, {"resnet18", "imagenet", 224, 16}};
  if (device.is_cuda())
    settings = {{"resnet18", "cifar", 32, 128},
                {"resnet50", "imagenet", 224, 128},
                {"resnet50", "imagenet", 224, 256}};
  for (const Setting& s : settings)
    for (const char* method : {"moco_v2", "lcr"})
      for (const char* precision : {"float32", "bfloat16"})
        register_step(device, s, method, precision);
}

}  // namespace lcr
