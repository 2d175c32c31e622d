// Lists of relabeling rules as they stand in a file, and what is wrong with them.
#include "config/relabel.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace config {
namespace {

using ::testing::HasSubstr;

std::vector<model::RelabelRule> Rules(const std::string& yaml, std::string* problems = nullptr) {
  const auto document = Document::Parse(yaml, "raksa.yaml");
  auto out = ReadRelabeling(document->Root());
  for (const auto& problem : document->problems()) {
    EXPECT_NE(problems, nullptr) << problem.ToString();
    if (problems != nullptr) {
      *problems += problem.ToString() + "\n";
    }
  }
  return out;
}

TEST(ReadRelabeling, TakesRulesAsPrometheusHasThem) {
  const auto rules = Rules(
      "- {source_labels: [__name__, mode], separator: '', regex: 'a.*', action: drop}\n"
      "- {target_label: site, replacement: ''}\n"
      "- {source_labels: [__address__], target_label: shard, modulus: 4, action: hashmod}\n"
      "- {regex: __meta_(.+), action: labelmap}\n"
      "- {source_labels: [a], target_label: b, action: keepequal}\n");
  ASSERT_EQ(rules.size(), 5U);
  EXPECT_EQ(rules[0].action, model::RelabelAction::kDrop);
  EXPECT_EQ(rules[0].source_labels, (std::vector<std::string>{"__name__", "mode"}));
  EXPECT_EQ(rules[0].separator, "");
  EXPECT_EQ(rules[1].action, model::RelabelAction::kReplace);
  EXPECT_EQ(rules[1].replacement, "");
  EXPECT_EQ(rules[1].regex, "(.*)");
  EXPECT_EQ(rules[2].modulus, 4U);
  EXPECT_EQ(rules[3].replacement, "$1");
  EXPECT_NE(rules[4].compiled, nullptr);
  EXPECT_TRUE(Rules("[]").empty());
}

TEST(ReadRelabeling, TellsEveryMistakeAtItsPlace) {
  std::string problems;
  const auto rules = Rules(
      "- {action: dorp}\n"
      "- {regex: 'a('}\n"
      "- {source_labels: a, target_label: b}\n"
      "- {source_labels: [a-b], target_label: b}\n"
      "- {replacement: x}\n"
      "- {target_label: 'a-b'}\n"
      "- {target_label: a, action: hashmod}\n"
      "- {target_label: a, modulus: 0, action: hashmod}\n"
      "- {target_label: a, replacement: x, action: lowercase}\n"
      "- {regex: a, source_labels: [b], action: labeldrop}\n"
      "- {regex: a, replacement: 'a-$1', action: labelmap}\n"
      "- {target_label: a, regex: x, action: dropequal}\n"
      "- {target_lable: a}\n"
      "- drop\n"
      "- {source_labels: [a], regex: x, action: drop}\n",
      &problems);
  EXPECT_EQ(rules.size(), 1U);
  EXPECT_THAT(problems, HasSubstr("raksa.yaml:1:12:"));
  EXPECT_THAT(problems, HasSubstr("did you mean \"drop\"?"));
  EXPECT_THAT(problems, HasSubstr("raksa.yaml:2:11: this is no regular expression: missing ): a("));
  EXPECT_THAT(problems, HasSubstr("raksa.yaml:3:19: source_labels is a list"));
  EXPECT_THAT(problems, HasSubstr("raksa.yaml:4:20: \"a-b\" cannot name a label"));
  EXPECT_THAT(problems, HasSubstr("raksa.yaml:5:3: the action replace needs target_label"));
  EXPECT_THAT(problems, HasSubstr("raksa.yaml:6:18: \"a-b\" cannot name a label"));
  EXPECT_THAT(problems, HasSubstr("raksa.yaml:7:3: the action hashmod needs modulus"));
  EXPECT_THAT(problems, HasSubstr("raksa.yaml:8:"));
  EXPECT_THAT(problems,
              HasSubstr("raksa.yaml:9:34: the action lowercase does not take replacement"));
  EXPECT_THAT(problems, HasSubstr("raksa.yaml:10:29: the action labeldrop does not take source_"));
  EXPECT_THAT(problems, HasSubstr("raksa.yaml:11:27: this replacement cannot name a label"));
  EXPECT_THAT(problems, HasSubstr("raksa.yaml:12:28: the action dropequal does not take regex"));
  EXPECT_THAT(problems, HasSubstr("did you mean \"target_label\"?"));
  EXPECT_THAT(problems, HasSubstr("raksa.yaml:14:3:"));
}

TEST(ReadRelabeling, IsAList) {
  std::string problems;
  EXPECT_TRUE(Rules("{action: drop}", &problems).empty());
  EXPECT_THAT(problems, HasSubstr("raksa.yaml:1:1: relabeling is a list of rules"));
}

}  // namespace
}  // namespace config
