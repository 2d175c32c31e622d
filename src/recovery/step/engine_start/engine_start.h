// engine-start: starts the container engine, then the containers that should run.
#pragma once

#include "recovery/step/kind.h"

namespace recovery::step::engine_start {
extern const Kind kKind;
}  // namespace recovery::step::engine_start
