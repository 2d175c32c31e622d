// cpu-high: all processors are busy, at the lowest priority.
#pragma once

#include "drill/kind.h"

namespace drill::cpu_high {
extern const Kind kKind;
}  // namespace drill::cpu_high
