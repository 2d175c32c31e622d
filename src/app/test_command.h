// raksa test: runs unit tests of rules, as `promtool test rules` does.
#pragma once

#include <ostream>
#include <string>
#include <vector>

namespace app {

/// Runs each test file and prints what was not as it must be, in promtool's words; mistakes in the
/// files with their places. `as_prometheus`: a series without data ends its alerts. `json`: one
/// object for programs. Gives 0 all good, 1 something was not, 2 a file cannot be read.
int RunTest(const std::vector<std::string>& files, bool as_prometheus, bool json,
            std::ostream& out);

}  // namespace app
