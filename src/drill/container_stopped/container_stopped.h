// container-stopped: a container is stopped.
#pragma once

#include "drill/kind.h"

namespace drill::container_stopped {
extern const Kind kKind;
}  // namespace drill::container_stopped
