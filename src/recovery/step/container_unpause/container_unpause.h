// container-unpause: lets a paused docker container go on.
#pragma once

#include "recovery/step/kind.h"

namespace recovery::step::container_unpause {
extern const Kind kKind;
}  // namespace recovery::step::container_unpause
