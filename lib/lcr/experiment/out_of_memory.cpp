#include "lcr/experiment/out_of_memory.h"

#include <string>

#include <fmt/core.h>

#include "lcr/base/error.h"
#include "lcr/image/view_options.h"
#include "lcr/method/host_options.h"
#include "lcr/method/method_spec.h"
#include "lcr/model/model_options.h"
#include "lcr/train/device_view_options.h"

namespace lcr {
namespace {

/// "tried to allocate 2.00 GiB" (phrase, number and unit) from LibTorch's longer message; empty if
/// it does not say so.
std::string allocation_in(const std::string& what) {
  const std::string phrase = "ried to allocate ";
  const auto at = what.find(phrase);
  if (at == std::string::npos) return "";
  const auto unit = what.find(' ', at + phrase.size());
  const auto start = at + phrase.size();
  return "tried to allocate " + what.substr(start, what.find_first_of(" .\n", unit + 1) - start);
}

/// What to change, after how much was asked for.
std::string advice(const Options& o, const std::string& allocation, bool on_device) {
  std::string lower =
      fmt::format("--batch-size (now {}), --image-size (now {})", o.get<BatchOptions>().batch_size,
                  o.get<InputOptions>().image_size);
  if (method_of(o).uses<MomentumContrastOptions>())
    lower += fmt::format(", --queue-size (now {})", o.get<MomentumContrastOptions>().queue_size);
  if (on_device && method_of(o).trains())
    lower += fmt::format(", --resident-share (now {})", o.get<DeviceViewOptions>().resident_share);
  const bool is_float32 =
      method_of(o).has_network && o.get<PrecisionOptions>().precision == "float32";
  return fmt::format("out of memory{}{}: lower {}; {}{}", on_device ? " on the GPU" : "",
                     allocation.empty() ? "" : " (" + allocation + ")", lower,
                     is_float32 ? "--precision bfloat16 and " : "",
                     on_device ? "fewer --jobs per GPU also help"
                               : "fewer --jobs or --threads, and a higher limit (ulimit -v), also "
                                 "help");
}

}  // namespace

void explain_out_of_memory(const Options& options, const std::function<void()>& body) {
  try {
    body();
  } catch (const std::exception& e) {
    if (!is_out_of_memory(e)) throw;
    const bool on_device = is_out_of_device_memory(e);
    const std::string text = advice(options, allocation_in(e.what()), on_device);
    if (on_device) throw OutOfDeviceMemory(text);
    throw UserError(text);
  }
}

}  // namespace lcr
