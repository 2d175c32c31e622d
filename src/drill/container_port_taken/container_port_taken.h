// container-port-taken: a stray process takes the published port of a container that is stopped.
#pragma once

#include "drill/kind.h"

namespace drill::container_port_taken {
extern const Kind kKind;
}  // namespace drill::container_port_taken
