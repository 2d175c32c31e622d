// Rule files: the default one, and bad ones with their messages.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/text.h"
#include "rule/rule.h"

namespace rule {
namespace {

namespace fs = std::filesystem;

std::string Read(const fs::path& path) {
  std::stringstream out;
  out << std::ifstream(path).rdbuf();
  return out.str();
}

TEST(RuleFile, WhatRaksaSaysOfItselfIsGood) {
  const auto loaded = LoadFile(RAKSA_SOURCE_DIR "/rules/self.yaml");
  ASSERT_TRUE(loaded);
  for (const auto& problem : loaded->problems) {
    ADD_FAILURE() << problem.ToString();
  }
  ASSERT_EQ(loaded->groups.size(), 1U);
  for (const Rule& rule : loaded->groups[0].rules) {
    EXPECT_EQ(rule.metrics.size(), 1U) << rule.name;
    EXPECT_TRUE(rule.metrics[0].starts_with("raksa_")) << rule.name;
  }
}

TEST(RuleFile, TheDefaultIsTheSourcesTable) {
  const auto loaded = LoadFile(RAKSA_SOURCE_DIR "/rules/default.yaml");
  ASSERT_TRUE(loaded);
  for (const auto& problem : loaded->problems) {
    ADD_FAILURE() << problem.ToString();
  }
  std::string table;
  for (const Group& group : loaded->groups) {
    for (const Rule& rule : group.rules) {
      std::string metric;
      for (const auto& [name, text] : rule.labels) {
        metric = name == "metric" ? text.text() : metric;
      }
      EXPECT_EQ(rule.metrics, std::vector<std::string>{metric});
      EXPECT_EQ(rule.no_data, NoData::kKeep);
      table += rule.expr->ToString() + "\n";
    }
  }
  EXPECT_EQ(table,
            "ping != 1\nport != 1\nhttp_code != 200\ncpu_percent > 80\nmem_percent > 80\n"
            "disk_percent > 80\n");
}

/// Every tests/rules/bad/NAME.yaml gives the problems of NAME.expect, one a line, by their
/// beginnings: "line:column: message" (no message where the words are another room's).
TEST(RuleFile, BadOnesAreExplained) {
  int count = 0;
  for (const auto& entry : fs::directory_iterator(RAKSA_SOURCE_DIR "/tests/rules/bad")) {
    if (entry.path().extension() != ".yaml") {
      continue;
    }
    ++count;
    const auto loaded = LoadFile(entry.path());
    ASSERT_TRUE(loaded);
    const std::string all = Read(fs::path(entry.path()).replace_extension(".expect"));
    const auto expected = base::Lines(all);
    EXPECT_EQ(loaded->problems.size(), expected.size()) << entry.path();
    for (std::size_t i = 0; i < loaded->problems.size(); ++i) {
      const config::Problem& problem = loaded->problems[i];
      const std::string got =
          fmt::format("{}:{}: {}", problem.place.line, problem.place.column, problem.message);
      EXPECT_TRUE(i < expected.size() && got.starts_with(expected[i]))
          << entry.path() << "\n"
          << got << "\n"
          << (i < expected.size() ? expected[i] : "");
    }
  }
  EXPECT_GE(count, 18);
}

TEST(RuleFile, AMissingFileIsAnError) { EXPECT_FALSE(LoadFile("/nonexistent/rules.yaml")); }

}  // namespace
}  // namespace rule
