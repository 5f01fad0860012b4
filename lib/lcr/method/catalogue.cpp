// The list of factories, by the names of specs.cpp.
#include "lcr/method/catalogue.h"

#include "lcr/base/error.h"
#include "lcr/method/byol.h"
#include "lcr/method/lcr.h"
#include "lcr/method/method_spec.h"
#include "lcr/method/moco_v2.h"
#include "lcr/method/simsiam.h"
#include "lcr/method/supervised.h"

namespace lcr {
namespace {

template <class H>
std::shared_ptr<Host> make(const Options& options, std::uint64_t seed) {
  return std::make_shared<H>(options, seed);
}

std::map<std::string, HostFactory>& host_registry() {
  static std::map<std::string, HostFactory> factories = {
      {"moco_v2", make<MoCoV2>},
      {"moco_bilinear", make<MoCoV2>},
      {"byol", make<Byol>},
      {"simsiam", make<SimSiam>},
  };
  return factories;
}

}  // namespace

RegisteredHost::RegisteredHost(MethodSpec spec, HostFactory factory) {
  host_registry()[spec.name] = std::move(factory);
  const RegisteredMethod registered(std::move(spec));
}

std::shared_ptr<Method> make_method(const Options& options, std::uint64_t seed,
                                    std::int64_t classes) {
  const MethodSpec& spec = method_of(options);
  if (spec.kind == MethodKind::kSupervised)
    return std::make_shared<Supervised>(options, seed, classes);
  const auto factory = host_registry().find(spec.host.empty() ? spec.name : spec.host);
  check_internal(factory != host_registry().end(),
                 "a method of method/specs.cpp without a factory in method/catalogue.cpp");
  const auto host = factory->second(options, seed);
  if (spec.kind != MethodKind::kLcr) return host;
  return std::make_shared<Lcr>(host, options, seed);
}

}  // namespace lcr
