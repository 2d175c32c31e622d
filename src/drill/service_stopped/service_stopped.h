// service-stopped: an administrator stops a service.
#pragma once

#include "drill/kind.h"

namespace drill::service_stopped {
extern const Kind kKind;
}  // namespace drill::service_stopped
