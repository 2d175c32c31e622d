// memory-high: memory is used up to 84 %, and let go before it runs short.
#pragma once

#include "drill/kind.h"

namespace drill::memory_high {
extern const Kind kKind;
}  // namespace drill::memory_high
