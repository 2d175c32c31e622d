// service-start: makes a systemd unit run.
#pragma once

#include "recovery/step/kind.h"

namespace recovery::step::service_start {
extern const Kind kKind;
}  // namespace recovery::step::service_start
