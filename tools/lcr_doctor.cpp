// lcr-doctor: says on one screen what of the suite works on this machine, and what to fix.
#include <array>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <functional>

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/ones.h>
#include <fmt/core.h>
#include <sched.h>
#include <torch/version.h>
#include <unistd.h>

#include "lcr/base/arguments.h"
#include "lcr/base/cores.h"
#include "lcr/base/error.h"
#include "lcr/base/files.h"
#include "lcr/base/memory.h"
#include "lcr/base/suite_home.h"
#include "lcr/base/system_command.h"
#include "lcr/base/text.h"
#include "lcr/data/data_directory.h"
#include "lcr/data/dataset_options.h"
#include "lcr/experiment/control_options.h"
#include "lcr/experiment/device.h"
#include "lcr/experiment/numeric_libraries.h"
#include "lcr/model/kernels/kernels.h"
#include "lcr/model/precision.h"
#include "lcr/record/store_folder.h"
#include "tools/dataset_places.h"

namespace lcr {
namespace {
namespace fs = std::filesystem;
namespace po = boost::program_options;

constexpr double kGiB = 1024. * 1024 * 1024;

/// Exit code of an examination that found a fault.
constexpr int kFaultFound = 1;

enum class Grade { kOk, kNote, kFault };

/// One line of the screen.
struct Finding {
  Grade grade = Grade::kOk;
  std::string fact;
  std::string fix = {};  ///< what to do; empty if there is nothing to do
};

std::string gib(double bytes) { return fmt::format("{:.1f} GiB", bytes / kGiB); }

Finding check_processor() {
  std::vector<std::string> forms;
  for (const auto* form : kernels::supported_kernels()) forms.emplace_back(form->name);
  return {.fact =
              fmt::format("{}; it runs the loops {}", device_name(torch::kCPU), join(forms, ", "))};
}

Finding check_kernels() {
  const std::string form = kernels::kernels().name;  // throws on a bad LCR_KERNELS
  if (form == kernels::supported_kernels().back()->name) return {.fact = form};
  return {.grade = Grade::kNote,
          .fact = form + ", not the fastest that this processor runs",
          .fix = "unset LCR_KERNELS"};
}

Finding check_precision(const torch::Device& device) {
  return {.fact = fmt::format("auto is {} on {}", resolve_precision("auto", device),
                              device_name(device))};
}

Finding check_cores(const Options& options) {
  cpu_set_t set;
  const int affinity = ::sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 0;
  const auto quota = cpu_quota();
  return {.fact = fmt::format("{} online, {} by affinity, {}; threads by default: {}",
                              ::sysconf(_SC_NPROCESSORS_ONLN), affinity,
                              quota ? fmt::format("a quota of {:.1f}", *quota) : "no quota",
                              resolve_threads(options))};
}

/// A number of bytes that /proc/meminfo gives in kB; 0 if it does not.
double memory_info(const std::string& name) {
  std::ifstream file("/proc/meminfo");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with(name + ":")) return 1024 * std::atof(line.c_str() + name.size() + 1);
  return 0;
}

Finding check_memory() {
  const double total = memory_info("MemTotal"), available = memory_info("MemAvailable");
  Finding finding{.fact = fmt::format("{} of {} available", gib(available), gib(total))};
  for (const char* path :
       {"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"}) {
    double limit = 0;  // "max" leaves it 0
    if (std::ifstream(path) >> limit && limit > 0 && limit < total)
      finding.fact += fmt::format(", limited to {} by the cgroup", gib(limit));
  }
  if (!can_map(static_cast<std::size_t>(kGiB)))
    return {Grade::kFault, finding.fact + "; 1 GiB more cannot be mapped",
            "raise the limit of the address space (ulimit -v)"};
  if (available < 2 * kGiB) {
    finding.grade = Grade::kNote;
    finding.fix = "with less than 2 GiB use small batches, queues and --jobs 1";
  }
  return finding;
}

/// The speed of a float32 matrix product on one thread, in 10^9 operations per second.
double product_speed() {
  at::set_num_threads(1);
  constexpr std::int64_t kSide = 384;
  const at::Tensor a = at::ones({kSide, kSide});
  double best = 0;
  for (int i = 0; i < 4; ++i) {  // the first one warms up
    const auto start = std::chrono::steady_clock::now();
    const at::Tensor product = at::matmul(a, a);
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    best = std::max(best, 2e-9 * kSide * kSide * kSide / seconds.count());
  }
  return best;
}

/// By the libraries that are loaded, because a busy machine makes any speed low.
Finding check_blas() {
  const std::string libraries = numeric_libraries();
  const auto loaded = [&](const char* part) { return libraries.find(part) != std::string::npos; };
  const std::string speed = fmt::format("{:.0f} GFLOP/s per thread", product_speed());
  const std::string key = "OpenBLAS kernels=";
  if (const auto at = libraries.find(key); at != std::string::npos) {
    const auto start = at + key.size();
    return {.fact =
                fmt::format("OpenBLAS, kernels {}: {}",
                            libraries.substr(start, libraries.find('\n', start) - start), speed)};
  }
  if (at::hasMKL() || loaded("libmkl_")) return {.fact = "MKL: " + speed};
  if (loaded("libblis")) return {.fact = "BLIS: " + speed};
  if (loaded("libblas"))
    return {Grade::kFault, "the reference BLAS, tens of times slower than OpenBLAS: " + speed,
            "install OpenBLAS (Debian: libopenblas0-openmp)"};
  return {Grade::kNote, "a BLAS of another name: " + speed, ""};
}

Finding check_cuda() {
  std::string driver;
  std::ifstream file("/proc/driver/nvidia/version");
  std::getline(file, driver);
#ifdef LCR_WITH_CUDA
  if (const auto device = resolve_device("auto"); device.is_cuda())
    return {.fact = device_name(device)};
  if (driver.empty()) return {.fact = "in this build; no driver, so that the CPU is used"};
  return {Grade::kFault, "in this build, with a driver, but LibTorch finds no device",
          "check nvidia-smi and CUDA_VISIBLE_DEVICES"};
#else
  if (driver.empty()) return {.fact = "not in this build; no driver either"};
  return {Grade::kNote, "not in this build, but there is a driver: " + driver,
          "build against a LibTorch with CUDA (make build TORCH=pip)"};
#endif
}

Finding check_huge_pages() {
  request_huge_pages();  // as the experiments do for their workers
  const std::string state = huge_pages_state();
  if (!state.starts_with("off")) return {.fact = state};
  return {Grade::kNote, state, "unset LCR_HUGE_PAGES, unless you mean it"};
}

/// The folder, or the nearest one above it that exists.
fs::path existing_part(const fs::path& folder) {
  fs::path part = fs::absolute(folder).lexically_normal();
  while (!fs::exists(part) && part.has_relative_path()) part = part.parent_path();
  return part;
}

Finding check_space(const fs::path& folder) {
  const auto space = fs::space(existing_part(folder));
  const auto available = static_cast<double>(space.available);
  const std::string fact = fmt::format("{}: {} free", folder.string(), gib(available));
  if (available < kGiB / 8) return {Grade::kFault, fact, "free some space, or name another folder"};
  if (available < 5 * kGiB) return {Grade::kNote, fact, "long runs and large data sets need more"};
  return {.fact = fact};
}

Finding check_data(const Options& options) {
  const fs::path folder = data_directory(options);
  const std::string at = " in " + folder.string();
  if (fs::exists(folder) && !fs::is_directory(folder))
    return {Grade::kFault, folder.string() + ": is not a folder", "name another with --data-dir"};
  std::vector<std::string> found;
  const fs::path descriptors = suite_home() / "datasets";
  for (const auto& name : descriptor_names(descriptors))
    if (is_there(read_descriptor(descriptors / (name + ".json")), options)) found.push_back(name);
  if (!found.empty()) return {.fact = join(found, ", ") + at};
  return {Grade::kNote, "none" + at,
          "the preset quick needs none there; lcr data fetch NAME gets one, --data-dir names "
          "another folder"};
}

Finding check_gnuplot() {
  const std::string fix = "install gnuplot (Debian: gnuplot-nox): tables and report work without";
  const auto answer = run_command({"gnuplot", "--version"});
  if (!answer || answer->code != 0)
    return {Grade::kFault, "not found: figures cannot be drawn", fix};
  return {.fact = answer->out.substr(0, answer->out.find('\n'))};
}

/// Tries what the run store needs of its file system.
Finding check_file_system(const fs::path& runs) {
  const fs::path parent = existing_part(runs);
  if (const auto fault = test_store_folder(parent))
    return {Grade::kFault, parent.string() + ": " + fault->what, fault->mend};
  return {.fact = parent.string() + ": locks and atomic replacement work"};
}

/// The suite uses none; LibTorch does for tensors that processes share.
Finding check_shared_memory() {
  const fs::path folder = "/dev/shm";
  if (!fs::is_directory(folder))
    return {Grade::kNote, "there is no /dev/shm", "the suite does not need it"};
  return {.fact = fmt::format("{} free", gib(static_cast<double>(fs::space(folder).available)))};
}

/// Runs the checks and prints a line for each. Returns whether none found a fault.
bool examine(const Options& options) {
  const fs::path pixels = options.get<DataFolderOptions>().pixel_store.empty()
                              ? data_directory(options) / "pixel-store"
                              : fs::path(options.get<DataFolderOptions>().pixel_store);
  const torch::Device device = resolve_device(options.get<ExecutionOptions>().device);
  const std::vector<std::pair<const char*, std::function<Finding()>>> checks = {
      {"processor", check_processor},
      {"CPU loops", check_kernels},
      {"precision", [&] { return check_precision(device); }},
      {"cores", [&] { return check_cores(options); }},
      {"memory", check_memory},
      {"huge pages", check_huge_pages},
      {"LibTorch", [] { return Finding{.fact = TORCH_VERSION}; }},
      {"BLAS", check_blas},
      {"CUDA", check_cuda},
      {"run store", [&] { return check_space(options.get<StoreOptions>().runs); }},
      {"pixel store", [&] { return check_space(pixels); }},
      {"file system", [&] { return check_file_system(options.get<StoreOptions>().runs); }},
      {"/dev/shm", check_shared_memory},
      {"data sets", [&] { return check_data(options); }},
      {"gnuplot", check_gnuplot}};
  bool healthy = true;
  for (const auto& [topic, check] : checks) {
    Finding finding;
    try {
      finding = check();
    } catch (const UserError& e) {
      finding = {Grade::kFault, e.what(), ""};
    } catch (const fs::filesystem_error& e) {
      finding = {Grade::kFault, e.what(), ""};
    }
    const char* const grade = finding.grade == Grade::kOk     ? "ok"
                              : finding.grade == Grade::kNote ? "note"
                                                              : "fault";
    healthy = healthy && finding.grade != Grade::kFault;
    fmt::print("{:<6} {:<12} {}{}\n", grade, topic, finding.fact,
               finding.fix.empty() ? "" : "; " + finding.fix);
  }
  return healthy;
}

int run(int argc, char** argv) {
  Options options;
  po::options_description description("Options");
  auto add_option = description.add_options();
  constexpr const char* kShared[] = {"runs", "data-dir", "pixel-store", "device", "threads"};
  for (const char* name : kShared)
    add_option(name, po::value<std::string>(), find_option(name, "").meaning);
  add_option("help", "print this help");
  const auto values = parse_arguments(argc, argv, description);
  if (values.contains("help")) {
    fmt::print(
        "lcr-doctor: says what of the suite works on this machine, and what to fix\n\n"
        "Usage: lcr-doctor [--option value]...\n\n"
        "Each line begins with ok, note (it works, but not at its best, or not yet) or fault. Exit "
        "codes: 0 no fault, 1 a fault, 2 bad input.\n\n{}",
        list_options(description));
    return kDone;
  }
  for (const char* name : kShared)
    if (values.contains(name))
      set_option(options, name, values[name].as<std::string>(), "command line");
  return examine(options) ? static_cast<int>(kDone) : kFaultFound;
}

}  // namespace
}  // namespace lcr

int main(int argc, char** argv) {
  if (lcr::request_blas_kernels()) ::execv("/proc/self/exe", argv);  // as the workers get them
  return lcr::run_main("lcr-doctor", [&] { return lcr::run(argc, argv); });
}
