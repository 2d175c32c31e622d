// HTTP request: status, timings, redirects, body and certificate.
#pragma once

#include "probe/kind.h"

namespace probe::http {

extern const Kind kKind;

}  // namespace probe::http
