// Hosts that are not part of this library.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "lcr/method/host.h"
#include "lcr/method/method_spec.h"

namespace lcr {

using HostFactory = std::function<std::shared_ptr<Host>(const Options&, std::uint64_t seed)>;

/// Adds a self-supervised method before main() starts.
struct RegisteredHost {
  RegisteredHost(MethodSpec spec, HostFactory factory);
};

}  // namespace lcr
