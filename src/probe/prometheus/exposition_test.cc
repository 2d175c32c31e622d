// The page parser: what each format allows, where each mistake is, and that pieces make no
// difference.
#include "probe/prometheus/exposition.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <limits>
#include <random>

namespace probe::prometheus {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// Writes down what it is told.
class Notes : public Sink {
 public:
  bool OnLine(const Line& line) override {
    auto text = fmt::format("{}={}", line.series, line.value);
    if (line.t) {
      text += fmt::format("@{}", *line.t);
    }
    if (!line.exemplar.empty()) {
      text += fmt::format(" # {}", line.exemplar);
    }
    lines.push_back(std::move(text));
    return true;
  }
  void OnMeta(const Meta& meta) override {
    static constexpr const char* kWhat[] = {"type", "help", "unit"};
    metas.push_back(
        fmt::format("{} {}: {}", kWhat[static_cast<int>(meta.what)], meta.family, meta.text));
  }
  std::vector<std::string> lines;
  std::vector<std::string> metas;
};

/// "" when all is well, else the fault.
std::string Read(std::string_view page, Format format, Notes* notes, std::size_t piece = 1 << 20) {
  Parser parser(format, notes);
  for (std::size_t at = 0; at < page.size(); at += piece) {
    if (!parser.Feed(page.substr(at, piece))) {
      return parser.fault().ToString();
    }
  }
  return parser.Finish() ? "" : parser.fault().ToString();
}

constexpr std::string_view kTextPage =
    "# HELP go_gc A summary\\n of \\\\ \"quoted\".\n"
    "# TYPE go_gc summary\n"
    "#no comment of ours\n"
    "# HELPER neither\n"
    "\n"
    "go_gc{quantile=\"0\"} 1.5e-05\n"
    "  go_gc { quantile = \"1\" , } +Inf 1395066363000\n"
    "go_gc{a=\"x\\\"y\\\\z\\n{}\" b=\"\"}NaN\t-5\t\n"
    "plain 12";

TEST(Exposition, ReadsText) {
  Notes notes;
  EXPECT_EQ(Read(kTextPage, Format::kText, &notes), "");
  EXPECT_THAT(notes.lines, ElementsAre("go_gc{quantile=\"0\"}=1.5e-05",
                                       "go_gc { quantile = \"1\" , }=inf@1395066363000",
                                       "go_gc{a=\"x\\\"y\\\\z\\n{}\" b=\"\"}=nan@-5", "plain=12"));
  EXPECT_THAT(notes.metas,
              ElementsAre("help go_gc: A summary\n of \\ \"quoted\".", "type go_gc: summary"));
}

constexpr std::string_view kOpenPage =
    "# HELP a_seconds What.\n"
    "# TYPE a_seconds counter\n"
    "# UNIT a_seconds seconds\n"
    "a_seconds_total{x=\"1\",y=\"2\"} 5 1.5 # {id=\"7\"} 0.5 1.25\n"
    "a_seconds_total 6 # {} 1\n"
    "a_seconds_total{} 7 1e3\n"
    "# EOF\n";

TEST(Exposition, ReadsOpenMetrics) {
  Notes notes;
  EXPECT_EQ(Read(kOpenPage, Format::kOpenMetrics, &notes), "");
  EXPECT_THAT(notes.lines,
              ElementsAre("a_seconds_total{x=\"1\",y=\"2\"}=5@1500 # {id=\"7\"} 0.5 1.25",
                          "a_seconds_total=6 # {} 1", "a_seconds_total{}=7@1000000"));
  EXPECT_THAT(notes.metas, ElementsAre("help a_seconds: What.", "type a_seconds: counter",
                                       "unit a_seconds: seconds"));
}

TEST(Exposition, PiecesMakeNoDifference) {
  for (const auto& [page, format] :
       {std::pair(kTextPage, Format::kText), std::pair(kOpenPage, Format::kOpenMetrics)}) {
    Notes whole;
    ASSERT_EQ(Read(page, format, &whole), "");
    for (std::size_t piece = 1; piece < 40; ++piece) {
      Notes notes;
      EXPECT_EQ(Read(page, format, &notes, piece), "") << piece;
      EXPECT_EQ(notes.lines, whole.lines) << piece;
      EXPECT_EQ(notes.metas, whole.metas) << piece;
    }
  }
}

struct Bad {
  const char* page;
  const char* fault;
};

TEST(Exposition, SaysWhereTextIsWrong) {
  const Bad cases[] = {
      {"a\n", "line 1, column 2: expected a value, found the end of the line"},
      {"ok 1\nok{x=\"1\"} two\n", "line 2, column 11: expected a value, found \"two\""},
      {"a 1 2 3\n", "line 1, column 7: expected the end of the line, found \"3\""},
      {"a 1 x\n", "line 1, column 5: expected a time in milliseconds, found \"x\""},
      {"a 1\r\n", "line 1, column 3: expected a value, found"},
      {"a 1_000\n", "line 1, column 3: expected a value"},
      {"a 0x10\n", "line 1, column 3: expected a value"},
      {"a 1e999\n", "line 1, column 3: expected a value"},
      {"a +-1\n", "line 1, column 3: expected a value"},
      {"9a 1\n", "line 1, column 1: expected a metric's name"},
      {"{a=\"b\"} 1\n", "line 1, column 1: expected a metric's name"},
      {"a{9=\"b\"} 1\n", "line 1, column 3: expected a label's name or }"},
      {"a{b \"c\"} 1\n", "line 1, column 5: expected = after the label's name b"},
      {"a{b=c} 1\n", "line 1, column 5: expected a label's value in double quotes"},
      {"a{b=\"c} 1\n", "line 1, column 5: the label's value has no closing quote"},
      {"a{b=\"c\";} 1\n", "line 1, column 8: expected a comma or }"},
      {"a{b=\"c\",b=\"d\"} 1\n", "line 1, column 9: the label b stands twice"},
      {"a{__name__=\"c\"} 1\n", "line 1, column 3: the name stands before the brace"},
      {"a{b=\"\xff\"} 1\n", "line 1, column 6: the label's value is not UTF-8"},
      {"a{b=\"\xed\xa0\x80\"} 1\n", "line 1, column 6: the label's value is not UTF-8"},
      {"# TYPE a thing\n", "line 1, column 10: \"thing\" is no type of a metric"},
      {"# TYPE 9 counter\n", "line 1, column 8: expected a metric's name"},
      {"# HELP a \xff\n", "line 1, column 10: the text is not UTF-8"},
  };
  for (const auto& bad : cases) {
    Notes notes;
    EXPECT_THAT(Read(bad.page, Format::kText, &notes), HasSubstr(bad.fault)) << bad.page;
  }
}

TEST(Exposition, SaysWhereOpenMetricsIsWrong) {
  const Bad cases[] = {
      {"a 1\n", "line 2, column 1: the page does not end with # EOF"},
      {"a 1\n# EOF\na 2\n", "line 3, column 1: there is more after # EOF"},
      {"a 1\n# EO", "line 2, column 5: the page ends within a line"},
      {"\n# EOF\n", "line 1, column 1: expected a metric's name"},
      {"# comment\n# EOF\n", "line 1, column 1: expected \"# HELP \""},
      {"a  1\n# EOF\n", "line 1, column 3: expected a value"},
      {"a\t1\n# EOF\n", "line 1, column 2: expected one blank and a value"},
      {"a{b=\"c\",} 1\n# EOF\n", "line 1, column 9: expected a label's name"},
      {"a{b=\"c\"d=\"e\"} 1\n# EOF\n", "line 1, column 8: expected a comma or }"},
      {"a 1 NaN\n# EOF\n", "line 1, column 5: expected a time in seconds"},
      {"a 1 2 # {x=\"y\"}\n# EOF\n", "line 1, column 16: expected the exemplar's value"},
      {"a 1 # {x=\"y\"} 1 2 3\n# EOF\n", "line 1, column 18: expected the end of the line"},
      {"# TYPE a untyped\n# EOF\n", "line 1, column 10: \"untyped\" is no type of a metric"},
      {"# UNIT a_x seconds\n# EOF\n", "line 1, column 12: the unit is not the end"},
  };
  for (const auto& bad : cases) {
    Notes notes;
    EXPECT_THAT(Read(bad.page, Format::kOpenMetrics, &notes), HasSubstr(bad.fault)) << bad.page;
  }
}

TEST(Exposition, ALineIsBounded) {
  Notes notes;
  const std::string page = "ok 1\na{b=\"" + std::string(kMaxLine, 'x') + "\"} 1\n";
  EXPECT_THAT(Read(page, Format::kText, &notes), HasSubstr("line 2, column 1: the line is longer"));
  EXPECT_THAT(Read(page, Format::kText, &notes, 1000),
              HasSubstr("line 2, column 1: the line is longer"));
}

TEST(Exposition, TakesASeriesApart) {
  const auto series = ReadSeries("a:b { x=\"1\\\\\\n\\\"\\q\", y=\"\",z=\"ö\" }", Format::kText);
  ASSERT_TRUE(series);
  EXPECT_EQ(series->name, "a:b");
  EXPECT_THAT(series->labels, ElementsAre(::testing::Pair("x", "1\\\n\"\\q"),
                                          ::testing::Pair("y", ""), ::testing::Pair("z", "ö")));
  EXPECT_FALSE(ReadSeries("a{", Format::kText));
  EXPECT_FALSE(ReadSeries("a 1", Format::kText));
  EXPECT_FALSE(ReadSeries("a\nb", Format::kText));
}

TEST(Exposition, ReadsNumbersAsGoDoes) {
  EXPECT_EQ(ReadNumber("1.5e3"), 1500.0);
  EXPECT_EQ(ReadNumber(".5"), 0.5);
  EXPECT_EQ(ReadNumber("5."), 5.0);
  EXPECT_EQ(ReadNumber("-0"), 0.0);
  EXPECT_TRUE(std::signbit(*ReadNumber("-0")));
  EXPECT_EQ(ReadNumber("1e-400"), 0.0);
  EXPECT_EQ(ReadNumber("4.9e-324"), 4.9e-324);
  EXPECT_EQ(ReadNumber("-iNf"), -std::numeric_limits<double>::infinity());
  EXPECT_EQ(ReadNumber("Infinity"), std::numeric_limits<double>::infinity());
  EXPECT_TRUE(std::isnan(*ReadNumber("nan")));
  for (const char* bad :
       {"", "+", "-", "+nan", "nan(1)", "1e", "0x1p3", "1_0", "--1", "1e400", "e5"}) {
    EXPECT_FALSE(ReadNumber(bad)) << bad;
  }
}

TEST(Exposition, PlainNumbersAreTheNearestDoubles) {
  class Value : public Sink {
   public:
    bool OnLine(const Line& line) override {
      value = line.value;
      return true;
    }
    void OnMeta(const Meta& /*meta*/) override {}
    double value = 0;
  } sink;
  std::mt19937_64 random(1);
  for (int i = 0; i < 200'000; ++i) {
    auto text = std::to_string(random() >> (random() % 64));
    if (i % 3 != 0) {
      text.insert(random() % (text.size() + 1), ".");
    }
    const auto read = ReadNumber(text);
    ASSERT_TRUE(read) << text;
    ASSERT_EQ(*read, std::strtod(text.c_str(), nullptr)) << text;
    Parser parser(Format::kText, &sink);
    const char* const sign = i % 5 == 0 ? "-" : "";
    ASSERT_TRUE(parser.Feed(fmt::format("a {}{}{}\n", sign, text, i % 2 == 0 ? "" : " 1")));
    ASSERT_EQ(sink.value, i % 5 == 0 ? -*read : *read) << text;
  }
  for (const char* bad : {".", "1.2.3", "1..", "1.5x", "12 ", "1,5", "+-1"}) {
    EXPECT_FALSE(ReadNumber(bad)) << bad;
  }
}

TEST(Exposition, AKnownLineIsNotReadAgain) {
  class Knows : public Notes {
   public:
    std::size_t Known(std::string_view rest) override {
      ++asked;
      return rest.starts_with("# a\n") ? 4 : rest.starts_with("!!! ") ? 3 : 0;
    }
    int asked = 0;
  } notes;
  EXPECT_EQ(Read("# a\n!!! 5 7\nb 1\n", Format::kText, &notes), "");
  EXPECT_THAT(notes.lines, ElementsAre("!!!=5@7", "b=1"));
  EXPECT_EQ(notes.asked, 3);
}

TEST(Exposition, TheContentTypeNamesTheFormat) {
  EXPECT_EQ(FormatOf("application/OpenMetrics-text; version=1.0.0; charset=utf-8"),
            Format::kOpenMetrics);
  EXPECT_EQ(FormatOf("text/plain; version=0.0.4"), Format::kText);
  EXPECT_EQ(FormatOf(""), Format::kText);
}

}  // namespace
}  // namespace probe::prometheus
