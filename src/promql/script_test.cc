// Runs tests/promql/*.test.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "promql/script_testing.h"

namespace promql {
namespace {

namespace fs = std::filesystem;

TEST(Scripts, AllOfThemPass) {
  int evals = 0;
  for (const auto& entry : fs::directory_iterator(RAKSA_SOURCE_DIR "/tests/promql")) {
    if (entry.path().extension() != ".test") {
      continue;
    }
    std::stringstream text;
    text << std::ifstream(entry.path()).rdbuf();
    const ScriptResult result = RunScript(text.str());
    evals += result.evals;
    for (const std::string& failure : result.failures) {
      ADD_FAILURE() << entry.path().filename() << ": " << failure;
    }
  }
  EXPECT_GE(evals, 250);
}

TEST(Scripts, AWrongExpectationIsNoticed) {
  const auto wrong = [](std::string_view text) { return RunScript(text).failures.size(); };
  EXPECT_EQ(wrong("load 1m\n  x 1 2\n\neval instant at 1m x\n  x 2\n"), 0U);
  EXPECT_EQ(wrong("load 1m\n  x 1 2\n\neval instant at 1m x\n  x 3\n"), 1U);
  EXPECT_EQ(wrong("load 1m\n  x 1 2\n\neval instant at 1m x\n"), 1U);
  EXPECT_EQ(wrong("eval instant at 1m 1+\n"), 1U);
  EXPECT_EQ(wrong("eval_fail instant at 1m 1\n"), 1U);
  EXPECT_EQ(wrong("nonsense\n"), 1U);
}

}  // namespace
}  // namespace promql
