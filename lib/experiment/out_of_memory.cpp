#include "lcr/experiment/out_of_memory.h"

#include <c10/util/Exception.h>
#include <fmt/core.h>

#include <new>
#include <regex>
#include <string>

#include "lcr/base/error.h"

namespace lcr {
namespace {

/// "tried to allocate 2.00 GiB", out of LibTorch's longer message.
std::string asked(const std::string& what) {
  std::smatch found;
  return std::regex_search(what, found, std::regex("[Tt]ried to allocate [0-9.]+ [A-Za-z]+")) ? found.str() : "";
}

[[noreturn]] void advise(const Options& o, const std::string& what) {
  std::string lower = fmt::format("--batch-size (now {}), --image-size (now {})", o.batch_size, o.image_size);
  if (contrasts(o)) lower += fmt::format(", --queue-size (now {})", o.queue_size);
  if (uses_network(o) && o.precision == "float32") lower += ", --precision bfloat16";
  fail("out of memory{}: what lowers it: {}, fewer --jobs", what.empty() ? "" : " (" + what + ")", lower);
}

}  // namespace

void explain_out_of_memory(const Options& options, const std::function<void()>& body) {
  try {
    body();
  } catch (const c10::Error& e) {
    const std::string what = e.what_without_backtrace();
    if (what.find("out of memory") == std::string::npos && what.find("allocate memory") == std::string::npos) throw;
    advise(options, asked(what));
  } catch (const std::bad_alloc&) {
    advise(options, "");
  }
}

}  // namespace lcr
