// What the process keeps in memory of its own program and libraries.
#pragma once

#include <cstddef>

namespace base {

/// Lets go of the pages of code and constants, the program's and its libraries'. Starting has
/// touched most of them; those that are used again come back from the system's page cache, a
/// fault each. Gives the bytes of address space that it went over.
std::size_t ReleaseCode();

}  // namespace base
