// free-port: ends a stray process that holds a port, then starts what needs it.
#pragma once

#include "recovery/step/kind.h"

namespace recovery::step::free_port {
extern const Kind kKind;
}  // namespace recovery::step::free_port
