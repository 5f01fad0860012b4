// What a backbone is, without LibTorch: its name and its options.
#pragma once

#include <string>
#include <vector>

#include "lcr/config/component.h"

namespace lcr {

/// A backbone: an image to a feature map.
struct BackboneSpec {
  std::string name;
  std::vector<OptionGroup> options = {};
  /// Checks constraints between options. Throws UserError; may be null.
  void (*check)(const Options&) = nullptr;
};

/// All backbones that --arch chooses from: those of backbones.cpp and registered ones.
const std::vector<BackboneSpec>& backbones();

/// The backbone that the options choose. Throws UserError naming those there are.
const BackboneSpec& backbone_of(const Options& options);

/// Adds a backbone that is not part of this library, before main() starts.
struct RegisteredBackboneSpec {
  explicit RegisteredBackboneSpec(BackboneSpec spec);
};

}  // namespace lcr
