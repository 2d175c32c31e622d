// service: a systemd unit of any kind, by its name.
#pragma once

#include "diagnosis/kind.h"

namespace diagnosis::service {
extern const Kind kKind;
}  // namespace diagnosis::service
