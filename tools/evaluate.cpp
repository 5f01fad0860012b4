// Evaluates a stored run with further protocols.
#include <fmt/core.h>
#include <unistd.h>

#include "lcr/base/arguments.h"
#include "lcr/base/error.h"
#include "lcr/base/memory.h"
#include "lcr/base/progress.h"
#include "lcr/base/signals.h"
#include "lcr/data/datasets.h"
#include "lcr/evaluate/protocol_spec.h"
#include "lcr/experiment/device.h"
#include "lcr/experiment/evaluate_run.h"
#include "lcr/experiment/numeric_libraries.h"
#include "lcr/experiment/out_of_memory.h"
#include "lcr/experiment/stored_run.h"
#include "lcr/model/kernels/kernels.h"

namespace lcr {
namespace {

namespace po = boost::program_options;

/// Options in addition to those of the protocols. eval-mask-norm defaults to the run's own.
constexpr const char* kShared[] = {"eval-mask-norm", "init",     "data-dir", "pixel-store",
                                   "folder",         "skip-bad", "device",   "threads"};

/// Help text of an option: its meaning, its default and when it applies.
std::string help_on(const std::string& name) {
  const OptionSpec& spec = find_option(name, "");
  std::string text = spec.meaning;
  const std::string value = name == "eval-mask-norm" ? "the run's" : get_option(Options(), spec);
  if (!value.empty()) text += " [" + value + "]";
  if (spec.part == OptionPart::kEvaluation && !spec.active_when.empty())
    text += "; when " + spec.active_when;
  return text;
}

int run(int argc, char** argv) {
  std::string run_directory;
  po::options_description description("Options");
  auto add_option = description.add_options();
  add_option("run", po::value(&run_directory),
             "directory of the run, for example runs/cub200-lcr-0123456789ab-s0");
  add_option("help", "print this help");
  std::vector<std::string> names(std::begin(kShared), std::end(kShared));
  for (const auto& spec : option_table())
    if (spec.part == OptionPart::kEvaluation) names.emplace_back(spec.name);
  for (const auto& name : names)
    add_option(name.c_str(), po::value<std::string>(), help_on(name).c_str());
  const auto values = parse_arguments(argc, argv, description);
  if (values.contains("help")) {
    fmt::print(
        "evaluate: evaluates a stored run with further protocols\n\n"
        "Usage: evaluate --run DIR [--option value]...\n\n"
        "Prints the numbers and writes DIR/evaluations/<hash>.json. Does not repeat an evaluation "
        "that already exists.\n\n{}",
        list_options(description));
    return kDone;
  }
  if (run_directory.empty()) fail("command line: --run is missing; give the directory of a run");
  Options control;
  for (const auto& name : names)
    if (values.contains(name))
      set_option(control, name, values[name].as<std::string>(), "command line");
  check_evaluation(control);
  kernels::kernels();  // a bad LCR_KERNELS stops here
  watch_signals();
  keep_freed_memory();
  Options options = read_run_options(run_directory, control);
  const int threads = resolve_threads(options);
  const Dataset data = load_dataset(options, threads);
  const RunIdentity identity = check_run_identity(run_directory, options, data);
  if (values.contains("eval-mask-norm"))
    options.get<EvaluationOptions>().eval_mask_norm =
        control.get<EvaluationOptions>().eval_mask_norm;
  EvaluationRecord record;
  bool made = false;
  {
    Progress progress("evaluate", 0, "steps");
    const auto report = [&](std::int64_t done, std::int64_t total, const std::string& note) {
      made = true;
      progress.update(done, total);
      progress.update(done, note);
    };
    explain_out_of_memory(options, [&] {
      record = evaluate_run(run_directory, identity, options, data, threads, report);
    });
  }
  fmt::print("{:<22} {:<24} {:<32} {:>9}\n", "pooling or map", "metric", "", "value");
  for (const auto& entry : record.entries)
    fmt::print("{:<22} {:<24} {:<32} {:>9.3f}\n", entry.pooling, entry.metric, entry.detail,
               entry.value);
  fmt::print("{}: {}\n", made ? "written" : "found in the store", record.file.string());
  return kDone;
}

}  // namespace
}  // namespace lcr

int main(int argc, char** argv) {
  if (lcr::request_blas_kernels()) ::execv("/proc/self/exe", argv);  // as the run's worker did
  return lcr::run_main("evaluate", [&] { return lcr::run(argc, argv); });
}
