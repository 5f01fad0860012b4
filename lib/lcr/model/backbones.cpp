// The list of backbones. backbone.cpp lists their factories.
#include "lcr/model/backbones.h"

#include "lcr/base/error.h"
#include "lcr/base/text.h"
#include "lcr/model/model_options.h"

namespace lcr {
namespace {

std::vector<BackboneSpec>& backbone_registry() {
  const auto narrow = option_group<NarrowOptions>(narrow_options);
  const auto resnet = option_group<ResNetOptions>(resnet_options);
  const auto bottleneck = option_group<BottleneckOptions>(bottleneck_options);
  static std::vector<BackboneSpec> specs = {
      {.name = "narrow", .options = {narrow}},
      {.name = "resnet18", .options = {resnet}},
      {.name = "resnet34", .options = {resnet}},
      {.name = "resnet50", .options = {resnet, bottleneck}},
      {.name = "resnet101", .options = {resnet, bottleneck}},
      {.name = "resnet50_c4", .options = {resnet, bottleneck}},
  };
  return specs;
}

}  // namespace

const std::vector<BackboneSpec>& backbones() { return backbone_registry(); }

RegisteredBackboneSpec::RegisteredBackboneSpec(BackboneSpec spec) {
  backbone_registry().push_back(std::move(spec));
}

const BackboneSpec& backbone_of(const Options& options) {
  const std::string& name = options.get<ArchOptions>().arch;
  for (const auto& spec : backbones())
    if (spec.name == name) return spec;
  const auto names = names_of(backbones());
  fail("arch = '{}' is not one of {}; the nearest is {}", printable(name), join(names, ", "),
       nearest_name(name, names));
}

}  // namespace lcr
