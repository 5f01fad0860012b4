// The list of methods. catalogue.cpp lists their factories.
#include <algorithm>

#include "lcr/base/error.h"
#include "lcr/base/text.h"
#include "lcr/method/byol_spec.h"
#include "lcr/method/controls_spec.h"
#include "lcr/method/lcr_spec.h"
#include "lcr/method/method_spec.h"
#include "lcr/method/moco_v2_spec.h"
#include "lcr/method/simsiam_spec.h"

namespace lcr {
namespace {

std::vector<MethodSpec> with_lcr(std::vector<MethodSpec> specs) {
  for (std::size_t i = 0; i < specs.size(); ++i)
    if (specs[i].kind == MethodKind::kHost) specs.push_back(lcr_spec(specs[i]));
  return specs;
}

std::vector<MethodSpec>& method_registry() {
  static std::vector<MethodSpec> specs = with_lcr({
      moco_v2_spec(),
      moco_bilinear_spec(),
      byol_spec(),
      simsiam_spec(),
      supervised_spec(),
      untrained_spec(),
      raw_pixels_spec(),
  });
  return specs;
}

}  // namespace

const std::vector<MethodSpec>& methods() { return method_registry(); }

RegisteredMethod::RegisteredMethod(MethodSpec spec) {
  for (auto& added : with_lcr({std::move(spec)})) method_registry().push_back(std::move(added));
}

const MethodSpec& find_method(const std::string& name) {
  for (const auto& spec : methods())
    if (spec.name == name) return spec;
  const auto names = names_of(methods());
  fail("method = '{}' is not one of {}; the nearest is {}", printable(name), join(names, ", "),
       nearest_name(name, names));
}

const MethodSpec& method_of(const Options& options) {
  return find_method(options.get<MethodOptions>().method);
}

std::vector<OptionSpec> method_options() {
  Section<MethodOptions> s("Method");
  s.choice("method", &MethodOptions::method,
           "training method; lcr: the GFB on MoCo v2; HOST_lcr: the GFB on another host; "
           "supervised: classification, for pre-training; untrained (a network) and raw_pixels: "
           "controls without training",
           names_of(methods()));
  return s.rows();
}

}  // namespace lcr
