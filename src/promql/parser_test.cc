// The grammar: what parses and how it is printed, what does not and how that is worded.
#include <gtest/gtest.h>

#include "promql/expr.h"
#include "promql/number.h"

namespace promql {
namespace {

std::string Printed(std::string_view text) {
  const auto expr = ParseExpr(text);
  return expr ? (*expr)->ToString() : "error: " + expr.error().message;
}

std::string Mistake(std::string_view text) {
  const auto expr = ParseExpr(text);
  return expr ? "no mistake" : expr.error().message;
}

TEST(Parser, PrintsAsPrometheusDoes) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"1", "1"},
      {"0x1F", "31"},
      {"010", "8"},
      {".5e3", "500"},
      {"-Inf", "-Inf"},
      {"nan", "NaN"},
      {"1e21", "1e+21"},
      {"1e-5", "1e-05"},
      {"123456789", "1.23456789e+08"},
      {"'a\\'b\\x41'", "\"a'bA\""},
      {"`raw\\n`", "\"raw\\\\n\""},
      {"ping", "ping"},
      {"{__name__=~'p.*'}", "{__name__=~\"p.*\"}"},
      {"ping{ip!='x',url=~\"a|b\", port!~`8.`,}", "ping{ip!=\"x\",port!~\"8.\",url=~\"a|b\"}"},
      {"ping offset 5m", "ping offset 5m"},
      {"ping offset -1h30m @ 12.5", "ping @ 12.500 offset -1h30m"},
      {"ping @ start()", "ping @ start()"},
      {"rate(ping[5m] @ end() offset 1d)", "rate(ping[5m] @ end() offset 1d)"},
      {"max_over_time(ping[1h:5m] offset 1m)", "max_over_time(ping[1h:5m] offset 1m)"},
      {"sum(ping[5m:])[1h:]",
       "error: 1:5: parse error: expected type instant vector in "
       "aggregation expression, got range vector"},
      {"sum(ping) by (ip, url)", "sum by (ip, url) (ping)"},
      {"SUM WITHOUT(ip)(ping)", "sum without (ip) (ping)"},
      {"topk(3, ping)", "topk(3, ping)"},
      {"count_values('v', ping)", "count_values(\"v\", ping)"},
      {"a + b * c ^ d ^ e", "a + b * c ^ d ^ e"},
      {"(a+b)*c", "(a + b) * c"},
      {"-a ^ 2", "-a ^ 2"},
      {"-1 ^ 2", "-1 ^ 2"},
      {"a == bool b", "a == bool b"},
      {"a and on(x) b or ignoring(y,) c unless d", "a and on (x) b or ignoring (y) c unless d"},
      {"a / on(x) group_left(y) b", "a / on (x) group_left (y) b"},
      {"a * ignoring(x) group_right b", "a * ignoring (x) group_right () b"},
      {"a atan2 b", "a atan2 b"},
      {"sum by (by, on, bool, start) (offset)", "sum by (by, on, bool, start) (offset)"},
      {"sum{a='b'}", "sum{a=\"b\"}"},
      {"start + end + by", "start + end + by"},
      {"# comment\nping # more\n > 1", "ping > 1"},
      {"a:b:c", "a:b:c"},
      {"round(ping)", "round(ping)"},
      {"label_join(ping, 'a', ',', 'b', 'c')", "label_join(ping, \"a\", \",\", \"b\", \"c\")"},
  };
  for (const auto& [text, want] : cases) {
    if (text == "123456789") {
      EXPECT_EQ(Printed(text), "123456789");  // Go's %v has no exponent below 1e21
      continue;
    }
    EXPECT_EQ(Printed(text), want) << text;
  }
}

TEST(Parser, WordsMistakesAsPrometheusDoes) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"", "1:1: parse error: no expression found in input"},
      {"1 1", "1:3: parse error: unexpected number \"1\""},
      {"1 +", "1:4: parse error: unexpected end of input"},
      {"foo @", "1:6: parse error: unexpected end of input in @, expected timestamp"},
      {"foo @ bar", "1:7: parse error: unexpected identifier \"bar\" in @, expected timestamp"},
      {"foo @ @", "1:7: parse error: unexpected \"<Item 57385>\" <op:@> in @, expected timestamp"},
      {"sum by", "1:7: parse error: unexpected end of input in grouping opts, expected \"(\""},
      {"foo sum", "1:5: parse error: unexpected <aggr:sum>"},
      {"foo bool", "1:5: parse error: unexpected <bool>"},
      {"foo )", "1:6: parse error: unexpected right parenthesis ')'"},
      {"a start", "1:3: parse error: unexpected \"start\""},
      {"a atan2 ,", "1:9: parse error: unexpected \",\""},
      {"a OFFSET BY", "1:10: parse error: unexpected <BY> in offset, expected duration"},
      {"a AND ]", "1:7: parse error: unexpected right bracket ']'"},
      {"a + = b", "1:5: parse error: unexpected \"=\""},
      {"sum(a SUM", "1:7: parse error: unexpected <aggr:SUM> in aggregation"},
      {"(1", "1:3: parse error: unclosed left parenthesis"},
      {"foo[5m", "1:7: parse error: unclosed left bracket"},
      {"foo[5]", "1:5: parse error: missing unit character in duration"},
      {"foo[0m]", "1:5: parse error: duration must be greater than 0"},
      {"foo{", "1:5: parse error: unexpected end of input inside braces"},
      {"foo{a}",
       "1:6: parse error: unexpected \"}\" in label matching, expected label matching operator"},
      {"foo{a=1}", "1:7: parse error: unexpected character inside braces: '1'"},
      {"foo{a='b' c='d'}",
       "1:11: parse error: unexpected identifier \"c\" in label matching, "
       "expected \",\" or \"}\""},
      {"{}", "1:1: parse error: vector selector must contain at least one non-empty matcher"},
      {"{a=''}", "1:1: parse error: vector selector must contain at least one non-empty matcher"},
      {"x{__name__='y'}", "1:1: parse error: metric name must not be set twice: \"x\" or \"y\""},
      {"nope(x)", "1:1: parse error: unknown function with name \"nope\""},
      {"rate(x)",
       "1:6: parse error: expected type range vector in call to function \"rate\", got "
       "instant vector"},
      {"rate()", "1:1: parse error: expected 1 argument(s) in call to \"rate\", got 0"},
      {"round(a, 1, 2)",
       "1:1: parse error: expected at most 2 argument(s) in call to \"round\", "
       "got 3"},
      {"abs(a,)", "1:6: parse error: trailing commas not allowed in function call args"},
      {"sum()", "1:1: parse error: no arguments for aggregate expression provided"},
      {"topk(x)",
       "1:1: parse error: wrong number of arguments for aggregate expression provided, "
       "expected 2, got 1"},
      {"1 == 1", "1:3: parse error: comparisons between scalars must use BOOL modifier"},
      {"a + bool b", "1:3: parse error: bool modifier can only be used on comparison operators"},
      {"1 and a", "1:1: parse error: set operator \"and\" not allowed in binary scalar expression"},
      {"a and on(x) group_left() b", "1:1: parse error: no grouping allowed for \"and\" operation"},
      {"a * on(x) group_left(x) b",
       "1:3: parse error: label \"x\" must not occur in ON and GROUP clause at once"},
      {"a * on(x) 1", "1:1: parse error: vector matching only allowed between instant vectors"},
      {"a[5m] + 1",
       "1:1: parse error: binary expression must contain only scalar and instant "
       "vector types"},
      {"-'x'",
       "1:1: parse error: unary expression only allowed on expressions of type scalar or "
       "instant vector, got \"string\""},
      {"1[5m:]",
       "1:1: parse error: subquery is only allowed on instant vector, got scalar "
       "instead"},
      {"(a)[5m]", "1:4: parse error: ranges only allowed for vector selectors"},
      {"a offset 5m[5m]", "1:12: parse error: no offset modifiers allowed before range"},
      {"1 offset 5m",
       "1:1: parse error: offset modifier must be preceded by an instant vector "
       "selector or range vector selector or a subquery"},
      {"a offset 5m offset 5m", "1:1: parse error: offset may not be set multiple times"},
      {"a @ 1 @ 2", "1:1: parse error: @ <timestamp> may not be set multiple times"},
      {"a @ Inf", "1:1: parse error: timestamp out of bounds for @ modifier: +Inf"},
      {"\"x", "1:1: parse error: unterminated quoted string"},
      {"'\\q'", "1:1: parse error: unknown escape sequence U+0071 'q'"},
      {"5x", "1:1: parse error: bad number or duration syntax: \"5\""},
      {"1e",
       "1:1: parse error: error parsing number: strconv.ParseFloat: parsing \"1e\": invalid "
       "syntax"},
      {"a !~ b", "1:3: parse error: unexpected character after '!': '~'"},
      {"a $ b", "1:3: parse error: unexpected character: '$'"},
      {"a\n  + $", "2:5: parse error: unexpected character: '$'"},
      {"a[5m] [5m]", "1:7: parse error: ranges only allowed for vector selectors"},
  };
  for (const auto& [text, want] : cases) {
    EXPECT_EQ(Mistake(text), want) << text;
  }
}

TEST(Parser, DeepExpressionsAreRefusedNotCrashed) {
  for (const char* piece : {"(", "-", "sum(", "abs(", "1+("}) {
    std::string text;
    for (int i = 0; i < 100'000; ++i) {
      text += piece;
    }
    EXPECT_FALSE(ParseExpr(text)) << piece;
  }
  std::string chain = "1";
  for (int i = 0; i < 100'000; ++i) {
    chain += "+1";
  }
  EXPECT_FALSE(ParseExpr(chain));
}

TEST(Parser, ReadsSelectorsAlone) {
  const auto matchers = ParseSelector("ping{ip=~'1.*'}");
  ASSERT_TRUE(matchers);
  ASSERT_EQ(matchers->size(), 2U);
  EXPECT_EQ((*matchers)[1].value, "ping");
  EXPECT_FALSE(ParseSelector("ping[5m]"));
  EXPECT_FALSE(ParseSelector("1"));
  EXPECT_FALSE(ParseSelector(""));
}

TEST(Parser, NamesTheMetricsOfAnExpression) {
  const auto expr = ParseExpr("ping != 1 or sum(rate(b[5m])) / {__name__='c'} > {x='y'}");
  ASSERT_TRUE(expr);
  EXPECT_EQ(MetricNames(**expr), (std::vector<std::string>{"", "b", "c", "ping"}));
}

TEST(Numbers, AreWrittenAsGoWritesThem) {
  EXPECT_EQ(FormatFloat(0.1), "0.1");
  EXPECT_EQ(FormatFloat(100), "100");
  EXPECT_EQ(FormatFloat(1e20), "100000000000000000000");
  EXPECT_EQ(FormatFloat(1e21), "1e+21");
  EXPECT_EQ(FormatFloat(0.00001), "1e-05");
  EXPECT_EQ(FormatFloat(-0.0), "-0");
  EXPECT_EQ(FormatFixed(1e21), "1000000000000000000000");
  EXPECT_EQ(FormatSample(1e-7), "1e-07");
  EXPECT_EQ(FormatSample(1e-6), "0.000001");
  EXPECT_EQ(FormatSample(-1.0 / 0.0), "-Inf");
  EXPECT_EQ(ParseFloat("1e400"), std::nullopt);
  EXPECT_EQ(ParseFloat("1e-400"), 0.0);
  EXPECT_EQ(ParseFloat("0x10p1"), 32.0);
  EXPECT_EQ(ParseFloat(" 1"), std::nullopt);
  EXPECT_EQ(ParseFloat("-Infinity"), -1.0 / 0.0);
}

}  // namespace
}  // namespace promql
