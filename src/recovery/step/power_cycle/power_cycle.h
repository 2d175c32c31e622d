// power-cycle: switches a host off and on by the administrator's own command, run here.
#pragma once

#include "recovery/step/kind.h"

namespace recovery::step::power_cycle {
extern const Kind kKind;
}  // namespace recovery::step::power_cycle
