// Load: what drills that load a machine have in common: a unit that systemd ends in time.
#pragma once

#include "drill/kind.h"

namespace drill {

/// Runs a perl script as the unit raksa-drill-load: lowest priority, first to be ended when memory
/// runs out, ended after kSpan whatever happens.
Argv Load(const std::string& script);
Argv EndLoad();

}  // namespace drill
