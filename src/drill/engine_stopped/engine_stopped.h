// engine-stopped: the docker engine is stopped, and its containers with it.
#pragma once

#include "drill/kind.h"

namespace drill::engine_stopped {
extern const Kind kKind;
}  // namespace drill::engine_stopped
