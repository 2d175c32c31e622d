// raksa check: reads a configuration and reports every mistake in it.
#pragma once

#include <ostream>
#include <string>

namespace app {

/// Prints every mistake with its place, the line and a caret, then a count; or a short account of a
/// good file. `json`: one object for programs. Colours only when `out` is standard output on a
/// terminal and NO_COLOR is not set. Gives 0 good, 1 mistakes, 2 cannot be read.
int RunCheck(const std::string& file, bool json, std::ostream& out);

}  // namespace app
