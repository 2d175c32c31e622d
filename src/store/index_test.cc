// Matchers, the dictionary and its postings; rows of the head log.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "store/index.h"
#include "store/record.h"
#include "store/store_testing.h"

namespace store {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::MakeLabels;
using testing::Match;
using Op = Matcher::Op;

TEST(Matcher, AnchorsAtBothEndsAndDotTakesNewlines) {
  EXPECT_TRUE(Match("a", "web.", Op::kRegex).Matches("web1"));
  EXPECT_FALSE(Match("a", "web", Op::kRegex).Matches("web1"));
  EXPECT_FALSE(Match("a", "eb1|x", Op::kRegex).Matches("web1"));
  EXPECT_TRUE(Match("a", "a.b", Op::kRegex).Matches("a\nb"));
  EXPECT_TRUE(Match("a", "web", Op::kNotRegex).Matches("web1"));
  EXPECT_TRUE(Match("a", "x", Op::kNotEqual).Matches(""));
  EXPECT_TRUE(Match("a", "").Matches(""));
}

TEST(Matcher, ABadExpressionIsAnErrorWithItsReason) {
  const auto bad = MakeMatcher(Op::kRegex, "a", "(");
  ASSERT_FALSE(bad.has_value());
  EXPECT_EQ(bad.error().kind, base::ErrorKind::kInvalid);
  EXPECT_THAT(bad.error().message, ::testing::HasSubstr("missing )"));
  EXPECT_FALSE(MakeMatcher(Op::kRegex, "a", std::string(100'000, 'a')).has_value());
}

class IndexTest : public ::testing::Test {
 protected:
  SeriesId Add(const char* target, std::vector<model::Labels::Pair> pairs) {
    return index_.Add(index_.Target(target, &rows_), MakeLabels(std::move(pairs)), &rows_);
  }
  std::vector<SeriesId> Find(std::vector<Matcher> matchers) {
    auto found = index_.Match(matchers);
    EXPECT_TRUE(found.has_value());
    return *found;
  }
  Index index_;
  DictionaryRows rows_;
};

TEST_F(IndexTest, MatchersNarrow) {
  const SeriesId up1 = Add("a", {{"__name__", "up"}, {"host", "h1"}});
  const SeriesId up2 = Add("b", {{"__name__", "up"}, {"host", "h2"}, {"zone", "z"}});
  const SeriesId cpu = Add("a", {{"__name__", "cpu"}, {"host", "h1"}});
  EXPECT_THAT(Find({Match("__name__", "up")}), ElementsAre(up1, up2));
  EXPECT_THAT(Find({Match("__name__", "up"), Match("host", "h2")}), ElementsAre(up2));
  EXPECT_THAT(Find({Match("__name__", "up"), Match("zone", "")}), ElementsAre(up1));
  EXPECT_THAT(Find({Match("__name__", "up"), Match("zone", "", Op::kNotEqual)}), ElementsAre(up2));
  EXPECT_THAT(Find({Match("host", "h.", Op::kRegex), Match("zone", "z", Op::kNotEqual)}),
              ElementsAre(up1, cpu));
  EXPECT_THAT(Find({Match("host", "h1|nosuch", Op::kRegex)}), ElementsAre(up1, cpu));
  EXPECT_THAT(Find({Match("host", ".*", Op::kRegex), Match("__name__", ".+", Op::kRegex)}),
              ElementsAre(up1, up2, cpu));
  EXPECT_THAT(Find({Match("__name__", "up"), Match("nosuch", "x", Op::kNotRegex)}),
              ElementsAre(up1, up2));
  EXPECT_THAT(Find({Match("nosuch", "x")}), IsEmpty());
  EXPECT_THAT(Find({Match("__name__", "up"), Match("nosuch", "x")}), IsEmpty());
  EXPECT_THAT(Find({}), ElementsAre(up1, up2, cpu));
  EXPECT_FALSE(index_.Match({Match("a", ".*", Op::kRegex)}).has_value());
}

TEST_F(IndexTest, TheSameLabelsUnderTwoTargetsAreTwoSeries) {
  const SeriesId one = Add("a", {{"__name__", "up"}});
  const SeriesId two = Add("b", {{"__name__", "up"}});
  EXPECT_NE(one, two);
  EXPECT_EQ(index_.Find(*index_.FindTarget("a"), {{"__name__", "up"}}), one);
  EXPECT_EQ(index_.Find(*index_.FindTarget("b"), {{"__name__", "up"}}), two);
  EXPECT_EQ(index_.Find(*index_.FindTarget("b"), {{"__name__", "down"}}), 0U);
}

TEST_F(IndexTest, RemovingLeavesNothingBehind) {
  const SeriesId one = Add("a", {{"__name__", "up"}, {"x", "1"}});
  const SeriesId two = Add("b", {{"__name__", "up"}, {"x", "2"}});
  const RemovedRows gone = index_.Remove({two, 999});
  EXPECT_THAT(gone.series, ElementsAre(two));
  EXPECT_EQ(gone.strings.size(), 1U);
  EXPECT_EQ(gone.targets.size(), 1U);
  EXPECT_THAT(Find({Match("__name__", "up")}), ElementsAre(one));
  EXPECT_THAT(Find({Match("x", ".+", Op::kRegex)}), ElementsAre(one));
  EXPECT_FALSE(index_.FindTarget("b").has_value());
  index_.Remove({one});
  EXPECT_EQ(index_.series_count() + index_.string_count() + index_.target_count(), 0U);
}

TEST_F(IndexTest, WhatIsWrittenIsLoaded) {
  Add("a", {{"__name__", "up"}, {"x", "1"}});
  Add("b", {{"__name__", "up"}, {"y", "1"}});
  Index other;
  for (const auto& s : rows_.strings) {
    EXPECT_TRUE(other.LoadString(s.id, s.text));
  }
  for (const auto& t : rows_.targets) {
    EXPECT_TRUE(other.LoadTarget(t.id, t.text));
  }
  for (const auto& s : rows_.series) {
    EXPECT_TRUE(other.LoadSeries(s.id, s.target, AsBytes(s.labels)));
    EXPECT_FALSE(other.LoadSeries(s.id, s.target, AsBytes(s.labels)));
  }
  EXPECT_FALSE(other.LoadSeries(77, 55, AsBytes(rows_.series[0].labels)));
  EXPECT_FALSE(other.LoadSeries(77, 1, AsBytes("\x63\x64")));
  EXPECT_FALSE(other.LoadString(1, "again"));
  const auto all = other.Match({}).value();
  EXPECT_EQ(*other.LabelsOf(all)[0], (model::Labels{{"__name__", "up"}, {"x", "1"}}));
}

TEST(Record, RowsComeBackAndDamageIsNoticed) {
  std::mt19937_64 rng(4);
  std::vector<Row> rows;
  for (int i = 0; i < 50; ++i) {
    Row row{.t = 1'000'000 + static_cast<model::Timestamp>(rng() % 1000)};
    SeriesId id = 0;
    for (std::size_t n = rng() % 20 + 1; n > 0; --n) {
      row.series.push_back(id += 1 + static_cast<SeriesId>(rng() % 3));
      row.values.push_back(static_cast<double>(rng() % 5000) / 100);
    }
    rows.push_back(row);
  }
  const std::string bytes = EncodeRecord(rows, 1'000'000);
  const auto record = CheckRecord(AsBytes(bytes));
  ASSERT_TRUE(record.has_value());
  const auto back = DecodeRecord(*record, 1'000'000);
  ASSERT_TRUE(back.has_value());
  ASSERT_EQ(back->size(), rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    EXPECT_EQ((*back)[i].t, rows[i].t);
    EXPECT_EQ((*back)[i].series, rows[i].series);
    EXPECT_EQ((*back)[i].values, rows[i].values);
  }
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    std::string broken = bytes;
    broken[i] = static_cast<char>(broken[i] ^ 0x10);
    EXPECT_FALSE(CheckRecord(AsBytes(broken)).has_value());
    EXPECT_FALSE(CheckRecord(AsBytes(bytes).first(i)).has_value());
  }
}

}  // namespace
}  // namespace store
