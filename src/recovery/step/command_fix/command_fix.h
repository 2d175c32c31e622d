// command-fix: runs the administrator's own fix of a command component.
#pragma once

#include "recovery/step/kind.h"

namespace recovery::step::command_fix {
extern const Kind kKind;
}  // namespace recovery::step::command_fix
