// service-port-taken: a stray process takes the port of a service that is stopped.
#pragma once

#include "drill/kind.h"

namespace drill::service_port_taken {
extern const Kind kKind;
}  // namespace drill::service_port_taken
