// Unit test files: what is read, what is wrong with them at which place, and what a run says.
#include "rule/unit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace rule {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class Unit : public ::testing::Test {
 protected:
  Unit() {
    std::string name = (std::filesystem::temp_directory_path() / "raksa_unit_XXXXXX").string();
    dir_ = mkdtemp(name.data()) == nullptr ? "" : name;
    Write("rules.yaml",
          "groups:\n- name: g\n  rules:\n  - {alert: Down, expr: up == 0, for: 1m}\n");
  }
  ~Unit() override {
    std::error_code ignored;
    std::filesystem::remove_all(dir_, ignored);
  }
  void Write(const std::string& name, const std::string& text) const {
    std::ofstream(dir_ + "/" + name) << text;
  }
  UnitFile Load(const std::string& text) const {
    Write("test.yaml", text);
    auto out = LoadUnitFile(dir_ + "/test.yaml");
    EXPECT_TRUE(out);
    return std::move(*out);
  }
  std::string Problems(const std::string& text) const {
    std::string out;
    for (const auto& problem : Load(text).problems) {
      out += problem.ToString().substr(dir_.size() + 1) + "\n";
    }
    return out;
  }
  std::string dir_;
};

TEST_F(Unit, EveryMistakeIsSaidWithItsPlace) {
  const auto problems = Problems(
      "rule_files: [rules.yaml]\n"
      "tests:\n"
      "- intervall: 1m\n"
      "  input_series:\n"
      "  - {series: 'up{a=~\"b\"}', values: '1'}\n"
      "  - series: 'up{'\n"
      "    values: '1 2 three'\n"
      "  promql_expr_test:\n"
      "  - {expr: 'sum(', exp_samples: [{labels: up, value: many}]}\n"
      "  alert_rule_test:\n"
      "  - {eval_time: soon}\n");
  EXPECT_THAT(problems, HasSubstr("test.yaml:3:3"));
  EXPECT_THAT(problems, HasSubstr("test.yaml:5:"));
  EXPECT_THAT(problems, HasSubstr("test.yaml:6:"));
  EXPECT_THAT(problems,
              HasSubstr("test.yaml:7:18: expected a number, stale or _, found \"three\""));
  EXPECT_THAT(problems, HasSubstr("test.yaml:9:"));
  EXPECT_THAT(problems, HasSubstr("test.yaml:11:"));
  EXPECT_THAT(problems, HasSubstr("alertname"));
}

TEST_F(Unit, MistakesOfTheRulesAreTheFilesOwn) {
  Write("rules.yaml", "groups:\n- name: g\n  rules:\n  - {alert: A, expr: 'sum('}\n");
  EXPECT_THAT(Problems("rule_files: [rules.yaml]\ntests: []\n"), HasSubstr("rules.yaml:4:"));
}

TEST_F(Unit, SeriesWithoutDataKeepTheirAlertsUnlessAsInPrometheus) {
  const auto file = Load(
      "rule_files: [rules.yaml]\n"
      "tests:\n"
      "- interval: 1m\n"
      "  name: gone\n"
      "  input_series: [{series: 'up{host=\"h\"}', values: '0 0 0 stale'}]\n"
      "  alert_rule_test: [{eval_time: 5m, alertname: Down}]\n");
  ASSERT_THAT(file.problems, IsEmpty());
  ASSERT_EQ(file.tests.size(), 1U);
  EXPECT_THAT(RunUnitTest(file, file.tests[0], {.as_prometheus = true}), IsEmpty());
  EXPECT_THAT(RunUnitTest(file, file.tests[0], {}),
              ElementsAre("    name: gone,\n    alertname: Down, time: 5m, \n"
                          "        exp:[], \n"
                          "        got:[\n"
                          "            0:\n"
                          "              Labels:{alertname=\"Down\", host=\"h\"}\n"
                          "              Annotations:{}\n"
                          "            ]"));
}

TEST_F(Unit, NothingIsKnownOfTheFuture) {
  const auto file = Load(
      "tests:\n"
      "- interval: 1m\n"
      "  input_series: [{series: up, values: '1x10'}]\n"
      "  promql_expr_test: [{expr: up offset -3m, eval_time: 2m}]\n");
  ASSERT_THAT(file.problems, IsEmpty());
  const auto failures = RunUnitTest(file, file.tests[0], {});
  ASSERT_EQ(failures.size(), 1U);  // the value of 2m is there, 3 minutes old; nothing newer
  EXPECT_THAT(failures[0], HasSubstr("exp: nil\n        got: {__name__=\"up\"} 1E+00"));
}

}  // namespace
}  // namespace rule
