// The pages (README.md) of all kinds, embedded in the program at build time by cmake/Readmes.cmake.
#pragma once

#include <vector>

#include "api/sources.h"

namespace app {

/// Every page: probes first, then components, steps, channels; within a room by name.
std::vector<api::ReadmeView> Readmes();

}  // namespace app
