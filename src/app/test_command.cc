// Test files one after the other, and what came of each.
#include "app/test_command.h"

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "base/text.h"
#include "rule/unit.h"

namespace app {
namespace {

/// What one file gave.
struct Verdict {
  std::string file;
  std::vector<std::string> warnings;
  std::vector<std::string> failures;
  bool unreadable = false;
};

Verdict RunFile(const std::string& file, const rule::UnitOptions& options) {
  Verdict out{.file = file};
  const auto loaded = rule::LoadUnitFile(file);
  if (!loaded) {
    out.failures.push_back(loaded.error().message);
    out.unreadable = true;
    return out;
  }
  out.warnings = loaded->warnings;
  for (const auto& problem : loaded->problems) {
    out.failures.push_back(problem.ToString());
  }
  if (loaded->problems.empty()) {
    for (const auto& test : loaded->tests) {
      std::ranges::move(rule::RunUnitTest(*loaded, test, options),
                        std::back_inserter(out.failures));
    }
  }
  return out;
}

void Print(const Verdict& verdict, std::ostream& out) {
  out << "Unit Testing:  " << base::Printable(verdict.file) << "\n";
  for (const auto& warning : verdict.warnings) {
    out << "  WARNING: " << base::Printable(warning) << "\n";
  }
  out << (verdict.failures.empty() ? "  SUCCESS\n" : "  FAILED:\n");
  for (const auto& failure : verdict.failures) {
    out << base::Printable(failure, true) << "\n";
  }
  out << "\n";
}

boost::json::object Account(const Verdict& verdict) {
  boost::json::array failures;
  for (const auto& failure : verdict.failures) {
    failures.emplace_back(base::Printable(failure, true));
  }
  boost::json::array warnings;
  for (const auto& warning : verdict.warnings) {
    warnings.emplace_back(base::Printable(warning));
  }
  return {{"file", base::Printable(verdict.file)},
          {"ok", verdict.failures.empty()},
          {"warnings", std::move(warnings)},
          {"failures", std::move(failures)}};
}

}  // namespace

int RunTest(const std::vector<std::string>& files, bool as_prometheus, bool json,
            std::ostream& out) {
  int status = 0;
  boost::json::array accounts;
  for (const auto& file : files) {
    const auto verdict = RunFile(file, {.as_prometheus = as_prometheus});
    status = std::max(status, verdict.unreadable ? 2 : verdict.failures.empty() ? 0 : 1);
    if (json) {
      accounts.emplace_back(Account(verdict));
    } else {
      Print(verdict, out);
    }
  }
  if (json) {
    out << boost::json::serialize(boost::json::object{{"files", std::move(accounts)}}) << "\n";
  }
  return status;
}

}  // namespace app
