// container-restart: restarts a docker container that runs and is unwell.
#pragma once

#include "recovery/step/kind.h"

namespace recovery::step::container_restart {
extern const Kind kKind;
}  // namespace recovery::step::container_restart
