// TCP connect: is the port open, and does the service say what is expected.
#pragma once

#include "probe/kind.h"

namespace probe::tcp {

extern const Kind kKind;

}  // namespace probe::tcp
