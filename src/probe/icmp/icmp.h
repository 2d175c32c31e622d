// ICMP echo: does the host answer, how fast, how much is lost.
#pragma once

#include "probe/kind.h"

namespace probe::icmp {

extern const Kind kKind;

}  // namespace probe::icmp
