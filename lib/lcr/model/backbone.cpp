// The list of backbones' factories, by the names of backbones.cpp.
#include "lcr/model/backbone.h"

#include <map>

#include "lcr/base/error.h"
#include "lcr/model/model_options.h"
#include "lcr/model/resnet.h"

namespace lcr {
namespace {

std::shared_ptr<Backbone> make_resnet(const Options& options) {
  const auto& [arch, bn_eps] = options.get<ArchOptions>();
  return std::make_shared<ResNetImpl>(
      BackboneOptions{.arch = arch,
                      .stem = options.get<ResNetOptions>().stem,
                      .width = options.get<NarrowOptions>().width,
                      .stride_in_1x1 = options.get<BottleneckOptions>().stride_in_1x1,
                      .bn_eps = bn_eps});
}

std::map<std::string, BackboneFactory>& backbone_factories() {
  static std::map<std::string, BackboneFactory> factories = {
      {"narrow", make_resnet},   {"resnet18", make_resnet},  {"resnet34", make_resnet},
      {"resnet50", make_resnet}, {"resnet101", make_resnet}, {"resnet50_c4", make_resnet},
  };
  return factories;
}

}  // namespace

RegisteredBackbone::RegisteredBackbone(BackboneSpec spec, BackboneFactory factory) {
  backbone_factories()[spec.name] = std::move(factory);
  const RegisteredBackboneSpec registered(std::move(spec));
}

std::shared_ptr<Backbone> make_backbone(const Options& options) {
  const auto factory = backbone_factories().find(backbone_of(options).name);
  check_internal(factory != backbone_factories().end(),
                 "a backbone of model/backbones.cpp without a factory in model/backbone.cpp");
  return factory->second(options);
}

}  // namespace lcr
