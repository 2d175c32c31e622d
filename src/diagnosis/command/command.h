// command: a check of the administrator's own.
#pragma once

#include "diagnosis/kind.h"

namespace diagnosis::command {
extern const Kind kKind;
}  // namespace diagnosis::command
