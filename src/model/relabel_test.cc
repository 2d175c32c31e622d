// What each action does to labels, as Prometheus 2.42 does it.
#include "model/relabel.h"

#include <gtest/gtest.h>

#include <map>

namespace model {
namespace {

using Action = RelabelAction;

const Labels kBefore = {{"__name__", "http_total"}, {"a", "foo"}, {"b", "bar"}, {"c", "Baz-7"}};

/// The labels after one rule, "dropped" when there are none.
std::string After(RelabelRule rule, Labels labels = kBefore) {
  EXPECT_TRUE(rule.Compile());
  return Relabel(std::span(&rule, 1), &labels) ? labels.ToString() : "dropped";
}

TEST(Relabel, ReplaceTakesGroupsOfAWholeMatch) {
  EXPECT_EQ(After({.source_labels = {"a", "b"}, .target_label = "d", .regex = "f(.*);(.*)r"}),
            R"(http_total{a="foo",b="bar",c="Baz-7",d="oo"})");
  EXPECT_EQ(After({.source_labels = {"a", "b"},
                   .separator = "",
                   .target_label = "${2}_x",
                   .regex = "(fo+)(?P<rest>b).*(?P<name>r)",
                   .replacement = "$$-${1}-$3-$name-$"}),
            R"(http_total{a="foo",b="bar",b_x="$-foo-r-r-$",c="Baz-7"})");
  EXPECT_EQ(After({.source_labels = {"a"}, .target_label = "a", .regex = "oo"}),
            kBefore.ToString());  // a part does not match
  EXPECT_EQ(After({.source_labels = {"none"}, .target_label = "d", .replacement = "x"}),
            R"(http_total{a="foo",b="bar",c="Baz-7",d="x"})");
}

TEST(Relabel, ReplaceRemovesWhereNothingIsLeft) {
  EXPECT_EQ(After({.source_labels = {"a"}, .target_label = "b", .replacement = "$9"}),
            R"(http_total{a="foo",c="Baz-7"})");
  EXPECT_EQ(After({.source_labels = {"c"}, .target_label = "${1}"}), kBefore.ToString());
  EXPECT_EQ(After({.source_labels = {"none"}, .target_label = "a", .replacement = "$1x"}),
            R"(http_total{b="bar",c="Baz-7"})");  // ${1x} is no group
  EXPECT_EQ(After({.source_labels = {"a"}, .target_label = "b", .replacement = "$01"}),
            R"(http_total{a="foo",c="Baz-7"})");  // nor is one with a zero before it
  EXPECT_EQ(After({.source_labels = {"a"}, .target_label = "a", .replacement = "${1}x${}"}),
            R"(http_total{a="foox${}",b="bar",c="Baz-7"})");
}

TEST(Relabel, KeepAndDrop) {
  const auto name = std::vector<std::string>{"__name__"};
  EXPECT_EQ(After({.action = Action::kKeep, .source_labels = name, .regex = "http_.*"}),
            kBefore.ToString());
  EXPECT_EQ(After({.action = Action::kKeep, .source_labels = name, .regex = "http"}), "dropped");
  EXPECT_EQ(After({.action = Action::kDrop, .source_labels = name, .regex = "go_.*|http_.*"}),
            "dropped");
  EXPECT_EQ(After({.action = Action::kDrop, .source_labels = name, .regex = "http"}),
            kBefore.ToString());
  EXPECT_EQ(After({.action = Action::kDropEqual, .source_labels = {"a"}, .target_label = "b"}),
            kBefore.ToString());
  EXPECT_EQ(After({.action = Action::kDropEqual, .source_labels = {"a"}, .target_label = "a"}),
            "dropped");
  EXPECT_EQ(After({.action = Action::kKeepEqual, .source_labels = {"x"}, .target_label = "y"}),
            kBefore.ToString());
  EXPECT_EQ(After({.action = Action::kKeepEqual, .source_labels = {"a"}, .target_label = "y"}),
            "dropped");
}

TEST(Relabel, HashesAreThoseOfPrometheus) {
  // The last eight bytes of md5("foo;bar") and of md5("foo").
  EXPECT_EQ(After({.action = Action::kHashMod,
                   .source_labels = {"a", "b"},
                   .target_label = "d",
                   .modulus = UINT64_MAX}),
            R"(http_total{a="foo",b="bar",c="Baz-7",d="15973639978189266750"})");
  EXPECT_EQ(After({.action = Action::kHashMod,
                   .source_labels = {"a"},
                   .target_label = "d",
                   .modulus = 1000}),
            R"(http_total{a="foo",b="bar",c="Baz-7",d="696"})");
}

TEST(Relabel, NamesOfLabels) {
  EXPECT_EQ(After({.action = Action::kLabelMap, .regex = "([ab])", .replacement = "x_$1"}),
            R"(http_total{a="foo",b="bar",c="Baz-7",x_a="foo",x_b="bar"})");
  EXPECT_EQ(After({.action = Action::kLabelDrop, .regex = "a|c"}), R"(http_total{b="bar"})");
  EXPECT_EQ(After({.action = Action::kLabelKeep, .regex = "__name__|a"}), R"(http_total{a="foo"})");
  EXPECT_EQ(After({.action = Action::kLowercase, .source_labels = {"c"}, .target_label = "c"}),
            R"(http_total{a="foo",b="bar",c="baz-7"})");
  EXPECT_EQ(After({.action = Action::kUppercase, .source_labels = {"c"}, .target_label = "d"}),
            R"(http_total{a="foo",b="bar",c="Baz-7",d="BAZ-7"})");
}

TEST(Relabel, RulesFollowOneAnother) {
  std::vector<RelabelRule> rules = {
      {.source_labels = {"a"}, .target_label = "__tmp", .replacement = "${1}!"},
      {.source_labels = {"__tmp"}, .target_label = "b"},
      {.action = Action::kLabelDrop, .regex = "__tmp|c"},
      {.action = Action::kDrop, .source_labels = {"b"}, .regex = "foo"}};
  for (auto& rule : rules) {
    ASSERT_TRUE(rule.Compile());
  }
  Labels labels = kBefore;
  EXPECT_TRUE(Relabel(rules, &labels));
  EXPECT_EQ(labels.ToString(), R"(http_total{a="foo",b="foo!"})");
  EXPECT_TRUE(Relabel({}, &labels));
}

TEST(Relabel, ABadExpressionIsAnError) {
  for (const auto& [regex, wrong] : std::map<std::string, std::string>{
           {"a(b", "missing ): a(b"}, {"a)|(?:b", "unexpected ): a)|(?:b"}}) {
    RelabelRule rule{.regex = regex};
    const auto compiled = rule.Compile();
    ASSERT_FALSE(compiled) << regex;
    EXPECT_EQ(compiled.error().message, wrong);
  }
}

TEST(Relabel, TemplatesOfLabelNames) {
  for (const auto* good : {"a", "_b7", "$1", "${1}", "x_${name}_y", "${1}${2}"}) {
    EXPECT_TRUE(IsLabelTemplate(good)) << good;
  }
  for (const auto* bad : {"", "7a", "a-b", "${1", "$", "a$", "${}", "a b"}) {
    EXPECT_FALSE(IsLabelTemplate(bad)) << bad;
  }
}

}  // namespace
}  // namespace model
