// Localisation as a component.
#pragma once

#include "lcr/evaluate/protocol_spec.h"

namespace lcr {

/// How well masks find the object.
ProtocolSpec localisation_spec();

}  // namespace lcr
