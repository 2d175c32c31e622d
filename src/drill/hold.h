// Hold: what drills that take a port away have in common: a stray process that holds it.
#pragma once

#include "drill/kind.h"

namespace drill {

/// Lets a process that belongs to no unit take the port as soon as it is free, and give it back
/// after kSpan, or as soon as LetGo() has run.
std::vector<Argv> HoldPort(const Place& place);
Argv LetGo();

}  // namespace drill
