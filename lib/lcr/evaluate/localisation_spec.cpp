#include "lcr/evaluate/localisation_spec.h"

#include "lcr/method/method_spec.h"

namespace lcr {
namespace {

std::string refuse_localisation(const Options& options, bool has_objects) {
  const MethodSpec& method = method_of(options);
  if (!method.has_network)
    return "method " + method.name + " has no network, which protocol localisation needs";
  return has_objects ? ""
                     : "the test images have neither masks nor boxes of objects, which protocol "
                       "localisation needs";
}

}  // namespace

ProtocolSpec localisation_spec() {
  return {.name = "localisation", .refusal = refuse_localisation};
}

}  // namespace lcr
