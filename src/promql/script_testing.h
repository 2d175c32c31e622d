// Script: runs Prometheus's own test language: load, eval, eval_fail, eval_ordered, clear.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace promql {

/// What came of a script.
struct ScriptResult {
  int evals = 0;
  std::vector<std::string> failures;  ///< "line 12: eval …: expected …, got …"
};

/// Runs a script. Besides the language of Prometheus 2.42 (each instant evaluation is also run as a
/// range of three steps and its middle compared), `eval_fail` may be followed by a line
/// `expected_fail_message …`, and `eval range from A to B step C` lists values as `load` does.
ScriptResult RunScript(std::string_view text);

}  // namespace promql
