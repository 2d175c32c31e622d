// nginx: the web server, its unit, its configuration and the files that it serves.
#pragma once

#include "diagnosis/kind.h"

namespace diagnosis::nginx {
extern const Kind kKind;
}  // namespace diagnosis::nginx
