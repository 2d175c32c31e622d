// Pages one after the other: labels, order, what vanishes, what comes back, limits.
#include "probe/prometheus/scraper.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>

namespace probe::prometheus {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

/// A scraper, and what its batches say as text: "time series" → value, "stale" for the marker.
class ScraperTest : public ::testing::Test {
 protected:
  using Samples = std::map<std::string, std::string>;

  /// Reads a page at `t`; "" or why it does not count.
  std::string Read(const std::string& page, model::Timestamp t) {
    samples_.clear();
    Scraper::Page round(&scraper_, &taking_);
    Parser parser(Format::kText, &round);
    std::string fault;
    if (!parser.Feed(page) || !parser.Finish()) {
      fault = parser.fault().message.empty() ? round.refusal() : parser.fault().ToString();
    }
    fault = fault.empty() ? round.refusal() : fault;
    counts_ = round.counts();
    if (fault.empty()) {
      Take(scraper_.Commit(&round, "t1", t));
    }
    return fault;
  }
  void End(model::Timestamp t) {
    samples_.clear();
    Take(scraper_.End("t1", t));
  }
  void Take(const std::vector<model::TableBatch>& batches) {
    for (const auto& batch : batches) {
      EXPECT_EQ(batch.target, "t1");
      for (std::size_t i = 0; i < batch.values.size(); ++i) {
        const auto slot = batch.slots.empty() ? static_cast<std::uint32_t>(i) : batch.slots[i];
        const auto key = fmt::format("{} {}", batch.t, batch.table->LabelsOf(slot).ToString());
        const auto value =
            model::IsStale(batch.values[i]) ? "stale" : fmt::format("{}", batch.values[i]);
        EXPECT_TRUE(samples_.emplace(key, value).second) << key;
      }
    }
  }

  void AnySequence(const std::set<std::string>& dropped, std::size_t limit);
  static model::RelabelRule Rule(model::RelabelRule rule) {
    EXPECT_TRUE(rule.Compile());
    return rule;
  }

  Taking taking_;
  Scraper scraper_;
  Counts counts_;
  Samples samples_;
};

TEST_F(ScraperTest, GivesSamplesAndMarksWhatVanishes) {
  EXPECT_EQ(Read("a 1\nb{x=\"1\"} 2\nc 3\n", 10), "");
  EXPECT_THAT(samples_,
              ElementsAre(Pair("10 a", "1"), Pair("10 b{x=\"1\"}", "2"), Pair("10 c", "3")));
  EXPECT_EQ(counts_.added, 3U);
  EXPECT_EQ(Read("a 4\nc 5\n", 20), "");
  EXPECT_THAT(samples_,
              ElementsAre(Pair("20 a", "4"), Pair("20 b{x=\"1\"}", "stale"), Pair("20 c", "5")));
  EXPECT_EQ(counts_.added, 0U);
  EXPECT_EQ(Read("c 6\nd 7\na 8\n", 30), "");
  EXPECT_THAT(samples_, ElementsAre(Pair("30 a", "8"), Pair("30 c", "6"), Pair("30 d", "7")));
  EXPECT_EQ(counts_.added, 1U);
  EXPECT_EQ(Read("b{x=\"1\"} 9\n", 40), "");
  EXPECT_THAT(samples_, ElementsAre(Pair("40 a", "stale"), Pair("40 b{x=\"1\"}", "9"),
                                    Pair("40 c", "stale"), Pair("40 d", "stale")));
  EXPECT_EQ(counts_.added, 1U);
}

// Any sequence of pages, in the order of the last or not, whole or cut, good or bad, against sets;
// of the names `dropped` has relabeling lets nothing through.
void ScraperTest::AnySequence(const std::set<std::string>& dropped, std::size_t limit) {
  std::mt19937 random(5);
  taking_.limits.samples = limit;
  std::vector<std::string> order = {"a", "b", "c", "d", "e", "f"};
  std::set<std::string> live;
  std::set<std::string> cached;
  for (int t = 1; t < 3'000; ++t) {
    if (random() % 4 == 0) {
      std::ranges::shuffle(order, random);
    }
    auto lines = order;
    if (random() % 3 == 0) {
      lines.resize(random() % (lines.size() + 1));
    }
    if (random() % 5 == 0 && !lines.empty()) {
      lines.push_back(lines[random() % lines.size()]);
    }
    const bool good = random() % 6 != 0;
    std::string page;
    Samples want;
    std::size_t added = 0;
    std::size_t kept = 0;
    for (const auto& name : lines) {
      const auto value = std::to_string(random() % 1'000);
      page += fmt::format("{} {}\n", name, value);
      if (!dropped.contains(name)) {
        ++kept;
        want.emplace(fmt::format("{} {}", t, name), value);
        added += kept <= limit && cached.insert(name).second ? 1 : 0;
      }
    }
    const bool ended = Read(page + (good ? "" : "bad bad\n"), t).empty();
    ASSERT_EQ(ended, good && kept <= limit);
    EXPECT_EQ(counts_.added, added) << t;
    EXPECT_EQ(counts_.kept, kept) << t;
    EXPECT_EQ(counts_.scraped, lines.size()) << t;
    std::erase_if(lines, [&](const auto& name) { return dropped.contains(name); });
    if (!ended) {
      End(t);
      want.clear();
      lines.clear();
    } else {
      cached = {lines.begin(), lines.end()};
    }
    for (const auto& name : live) {
      want.emplace(fmt::format("{} {}", t, name), "stale");
    }
    ASSERT_EQ(samples_, want) << page;
    live = {lines.begin(), lines.end()};
    EXPECT_EQ(scraper_.size(), live.size());
  }
}

TEST_F(ScraperTest, AnySequenceOfPagesIsTakenAsSetsWouldTakeIt) { AnySequence({}, 1'000); }

TEST_F(ScraperTest, AnySequenceOfPagesWithLinesThatRelabelingDrops) {
  taking_.joining.relabeling = {Rule(
      {.action = model::RelabelAction::kDrop, .source_labels = {"__name__"}, .regex = "[bdf]"})};
  AnySequence({"b", "d", "f"}, 1'000);
}

TEST_F(ScraperTest, AnySequenceOfPagesWithALimitAfterRelabeling) {
  taking_.joining.relabeling = {Rule(
      {.action = model::RelabelAction::kKeep, .source_labels = {"__name__"}, .regex = "[abcd]"})};
  AnySequence({"e", "f"}, 3);
}

TEST_F(ScraperTest, RelabelingSeesTheTargetsLabelsAndNamesSeriesAnew) {
  taking_.joining.target = {{"job", "node"}, {"target", "t1"}};
  taking_.joining.relabeling = {
      Rule({.source_labels = {"job", "__name__"},
            .target_label = "__name__",
            .regex = "(.*);(a.*)",
            .replacement = "${1}_${2}"}),
      Rule({.action = model::RelabelAction::kLabelDrop, .regex = "target|x"})};
  EXPECT_EQ(Read("a{x=\"1\"} 1\nb 2\n", 10), "");
  EXPECT_THAT(samples_,
              ElementsAre(Pair("10 b{job=\"node\"}", "2"), Pair("10 node_a{job=\"node\"}", "1")));
  taking_.limits.labels = 2;  // counted when relabeling is over
  EXPECT_EQ(Read("a{x=\"1\"} 1\nb{x=\"2\"} 2\n", 20), "");
  taking_.limits.labels = 1;
  EXPECT_THAT(Read("a{x=\"3\"} 1\n", 30), HasSubstr("label_limit exceeded"));
}

TEST_F(ScraperTest, RelabelingMustLeaveAMetricItsName) {
  taking_.joining.target = {{"job", "node"}};
  taking_.joining.relabeling = {
      Rule({.source_labels = {"__name__"}, .target_label = "__name__", .regex = "a(.*)"})};
  EXPECT_THAT(Read("b 1\na 2\n", 20), HasSubstr("relabeling makes nothing of the metric's name a"));
  EXPECT_THAT(Read("b 1\na7 2\n", 30), HasSubstr("relabeling makes \"7\" of the metric's name a7"));
}

TEST_F(ScraperTest, DroppedLinesThatChangeEachTimeAreForgotten) {
  taking_.joining.relabeling = {Rule(
      {.action = model::RelabelAction::kDrop, .source_labels = {"__name__"}, .regex = "gone_.*"})};
  std::string page;
  for (int t = 1; t < 100; ++t) {
    page = "a 1\n";
    for (int i = 0; i < 300; ++i) {
      page += fmt::format("gone_{}_{} {}\n", t, i, i);
    }
    ASSERT_EQ(Read(page, t), "");
    EXPECT_EQ(counts_.scraped, 301U);
    EXPECT_EQ(counts_.kept, 1U);
    ASSERT_THAT(samples_, ElementsAre(Pair(fmt::format("{} a", t), "1")));
  }
  EXPECT_LE(scraper_.remembered(), 2'000U);
}

TEST_F(ScraperTest, AFailedScrapeEndsAllOnce) {
  EXPECT_EQ(Read("a 1\nb 2\n", 10), "");
  EXPECT_THAT(Read("a 3\nb x\n", 20), HasSubstr("line 2, column 3"));
  EXPECT_THAT(samples_, IsEmpty());
  End(20);
  EXPECT_THAT(samples_, ElementsAre(Pair("20 a", "stale"), Pair("20 b", "stale")));
  End(30);
  EXPECT_THAT(samples_, IsEmpty());
  EXPECT_EQ(Read("a 4\nb 5\nc 6\n", 40), "");
  EXPECT_THAT(samples_, ElementsAre(Pair("40 a", "4"), Pair("40 b", "5"), Pair("40 c", "6")));
  EXPECT_EQ(counts_.added, 1U);  // as in Prometheus, whose cache outlives an empty scrape
}

TEST_F(ScraperTest, SeriesOfABadPageGiveNoSamples) {
  EXPECT_EQ(Read("a 1\n", 10), "");
  EXPECT_THAT(Read("a 1\nx 1\ny 1\n?\n", 20), HasSubstr("line 4"));
  EXPECT_EQ(counts_.added, 2U);
  EXPECT_EQ(Read("y 2\nz 1\na 3\n", 30), "");
  EXPECT_THAT(samples_, ElementsAre(Pair("30 a", "3"), Pair("30 y", "2"), Pair("30 z", "1")));
  EXPECT_EQ(counts_.added, 1U);  // y was met on the bad page
  for (int round = 0; round < 50; ++round) {
    std::string page;
    for (int i = 0; i < 100; ++i) {
      page += fmt::format("bad{{id=\"{}\"}} 1\n", round * 100 + i);
    }
    EXPECT_NE(Read(page + "?\n", 40), "");
  }
  EXPECT_EQ(Read("a 4\n", 50), "");
  EXPECT_THAT(samples_,
              ElementsAre(Pair("50 a", "4"), Pair("50 y", "stale"), Pair("50 z", "stale")));
}

TEST_F(ScraperTest, JoinsLabelsAsPrometheusDoes) {
  taking_.joining.target = {{"job", "j"}, {"instance", "i:1"}, {"exported_job", "e"}};
  const std::string page = "a{job=\"x\",instance=\"\",z=\"1\"} 1\n";
  EXPECT_EQ(Read(page, 10), "");
  EXPECT_THAT(samples_, ElementsAre(Pair("10 a{exported_exported_job=\"x\",exported_job=\"e\","
                                         "instance=\"i:1\",job=\"j\",z=\"1\"}",
                                         "1")));
  taking_.joining.honor_labels = true;
  EXPECT_EQ(Read(page, 20), "");
  EXPECT_THAT(samples_, ElementsAre(Pair("20 a{exported_job=\"e\",job=\"x\",z=\"1\"}", "1")));
}

TEST_F(ScraperTest, TimesOfThePageCountUnlessTheyAreNotHonored) {
  EXPECT_EQ(Read("a 1 5\na 2 6\nb 3\nc 4 5\nc 9 5\n", 10), "");
  EXPECT_THAT(samples_,
              ElementsAre(Pair("10 b", "3"), Pair("5 a", "1"), Pair("5 c", "4"), Pair("6 a", "2")));
  EXPECT_EQ(Read("b 3\n", 20), "");
  EXPECT_THAT(samples_, ElementsAre(Pair("20 b", "3")));  // no marker for what has its own times
  taking_.honor_timestamps = false;
  EXPECT_EQ(Read("a 1 5\n", 30), "");
  EXPECT_THAT(samples_, ElementsAre(Pair("30 a", "1"), Pair("30 b", "stale")));
}

TEST_F(ScraperTest, OfTwoEqualSeriesTheFirstCounts) {
  EXPECT_EQ(Read("a 1\na 2\n", 10), "");
  EXPECT_THAT(samples_, ElementsAre(Pair("10 a", "1")));
  EXPECT_EQ(counts_.scraped, 2U);
  EXPECT_EQ(counts_.added, 1U);
  EXPECT_EQ(Read("a 3\na 4\n", 20), "");
  EXPECT_THAT(samples_, ElementsAre(Pair("20 a", "3")));
}

TEST_F(ScraperTest, LimitsFailThePage) {
  taking_.joining.target = {{"job", "j"}};
  taking_.limits.samples = 2;
  EXPECT_EQ(Read("a 1\nb 1\n", 10), "");
  EXPECT_THAT(Read("a 1\nb 1\nc 1\nd 1\n", 10), HasSubstr("sample limit exceeded"));
  EXPECT_EQ(counts_.scraped, 4U);
  taking_.limits = {.labels = 3};
  EXPECT_EQ(Read("e{x=\"1\"} 1\n", 10), "");
  EXPECT_EQ(Read("e{x=\"1\",y=\"2\"} 1\n", 10),
            "label_limit exceeded (metric: e, number of labels: 4, limit: 3)");
  taking_.limits = {.label_name_length = 8};
  EXPECT_EQ(Read("e{long_name=\"1\"} 1\n", 10),
            "label_name_length_limit exceeded (metric: e, label name: long_name, length: 9, "
            "limit: 8)");
  taking_.limits = {.label_value_length = 4};
  EXPECT_EQ(Read("e{v=\"12345\"} 1\n", 10),
            "label_value_length_limit exceeded (metric: e, label name: v, value: \"12345\", "
            "length: 5, limit: 4)");
}

TEST_F(ScraperTest, BracesBehindBlanksAreNotMistakenForAValue) {
  EXPECT_EQ(Read("a 1\nb 2\n", 10), "");
  EXPECT_EQ(Read("a {x=\"1\"} 3\nb\t4\n", 20), "");
  EXPECT_THAT(samples_,
              ElementsAre(Pair("20 a", "stale"), Pair("20 a{x=\"1\"}", "3"), Pair("20 b", "4")));
  EXPECT_EQ(Read("a  {x=\"1\"} 3\n", 30), "");
  EXPECT_THAT(samples_, ElementsAre(Pair("30 a{x=\"1\"}", "3"), Pair("30 b", "stale")));
}

TEST_F(ScraperTest, KeepsWhatIsSaidOfFamilies) {
  EXPECT_EQ(Read("# HELP a What.\n# TYPE a counter\na 1\n", 10), "");
  EXPECT_EQ(Read("# HELP a What.\n# TYPE a gauge\n# TYPE b untyped\na 1\n", 20), "");
  EXPECT_EQ(Read("# HELP a What.\n# TYPE a gauge\n# TYPE b untyped\na 1\n", 30), "");
  EXPECT_THAT(*scraper_.families(), ElementsAre(Pair("a", Family{"gauge", "What.", ""}),
                                                Pair("b", Family{"unknown", "", ""})));
}

TEST_F(ScraperTest, ChurnDoesNotGrowWithoutEnd) {
  std::shared_ptr<const void> identity;
  int tables = 0;
  for (int round = 0; round < 100; ++round) {
    std::string page = "stays 1\n";
    for (int i = 0; i < 100; ++i) {
      page += fmt::format("goes{{id=\"{}\"}} {}\n", round * 100 + i, i);
    }
    Scraper::Page one(&scraper_, &taking_);
    Parser parser(Format::kText, &one);
    ASSERT_TRUE(parser.Feed(page) && parser.Finish());
    const auto batches = scraper_.Commit(&one, "t1", round);
    ASSERT_EQ(batches.size(), 1U);
    EXPECT_EQ(batches[0].values.size(), round == 0 ? 101U : 201U);
    EXPECT_LT(batches[0].table->size(), 1'500U);
    tables += batches[0].table->identity() != identity ? 1 : 0;
    identity = batches[0].table->identity();
  }
  EXPECT_EQ(scraper_.size(), 101U);
  EXPECT_LT(tables, 12);
}

TEST_F(ScraperTest, OpenMetricsEndsEveryPage) {
  for (int round = 0; round < 3; ++round) {
    Scraper::Page page(&scraper_, &taking_);
    Parser parser(Format::kOpenMetrics, &page);
    EXPECT_TRUE(parser.Feed("# TYPE a gauge\na 1\n# EOF\n") && parser.Finish())
        << parser.fault().ToString();
    scraper_.Commit(&page, "t1", round);
  }
  Scraper::Page page(&scraper_, &taking_);
  Parser parser(Format::kOpenMetrics, &page);
  EXPECT_FALSE(parser.Feed("# TYPE a gauge\na 1\n") && parser.Finish());
}

}  // namespace
}  // namespace probe::prometheus
