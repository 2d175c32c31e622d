// container-start: starts a docker container that does not run.
#pragma once

#include "recovery/step/kind.h"

namespace recovery::step::container_start {
extern const Kind kKind;
}  // namespace recovery::step::container_start
