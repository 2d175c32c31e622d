// Tests of base: durations, times, text, ids, logs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cmath>
#include <fstream>
#include <random>
#include <set>

#include "base/clock.h"
#include "base/id.h"
#include "base/log.h"
#include "base/quotient.h"
#include "base/resident.h"
#include "base/secret.h"
#include "base/text.h"
#include "base/url.h"

namespace base {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

TEST(Duration, ReadsWhatPrometheusReads) {
  EXPECT_EQ(ParseDuration("5s").value(), seconds(5));
  EXPECT_EQ(ParseDuration("1h30m").value(), hours(1) + minutes(30));
  EXPECT_EQ(ParseDuration("250ms").value(), milliseconds(250));
  EXPECT_EQ(ParseDuration("1w2d").value(), hours(9 * 24));
  EXPECT_EQ(ParseDuration("0").value(), seconds(0));
}

TEST(Duration, RefusesWhatPrometheusRefuses) {
  for (const auto* bad :
       {"", "5", "s", "5x", "1m1h", "1s1s", "-5s", "5 s", "1.5s", "9999999999999y"}) {
    EXPECT_FALSE(ParseDuration(bad)) << bad;
  }
}

TEST(Duration, WritesWhatItReads) {
  for (const auto* text : {"5s", "1h30m", "250ms", "1d", "1w", "1m500ms"}) {
    EXPECT_EQ(FormatDuration(ParseDuration(text).value()), text);
  }
}

TEST(Rfc3339, RoundTripsAndReadsZones) {
  const auto t = ParseRfc3339("2026-09-01T16:51:03.157+07:00");
  ASSERT_TRUE(t);
  EXPECT_EQ(FormatRfc3339(*t), "2026-09-01T09:51:03.157Z");
  EXPECT_TRUE(ParseRfc3339("0001-01-01T00:00:00Z"));
  for (const auto* bad : {"", "2026-13-01T00:00:00Z", "2026-09-01", "2026-09-01T00:00:00",
                          "2026-02-30T00:00:00Z", "x"}) {
    EXPECT_FALSE(ParseRfc3339(bad)) << bad;
  }
}

TEST(FrozenClock, MovesOnlyWhenTold) {
  FrozenClock clock;
  const auto before = Clock::Steady();
  clock.Advance(seconds(3));
  EXPECT_EQ(Clock::Steady() - before, seconds(3));
}

TEST(Text, QuotesHostileBytes) {
  EXPECT_EQ(JsonQuote("a\"b\\\n\x01\xff"), "\"a\\\"b\\\\\\n\\u0001\xEF\xBF\xBD\"");
  EXPECT_FALSE(IsPrintable("a\x1b[31m"));
  EXPECT_TRUE(IsPrintable("รักษา"));
  EXPECT_EQ(Printable("a\nb\x07"),
            "a\xEF\xBF\xBD"
            "b\xEF\xBF\xBD");
  EXPECT_EQ(Printable("a\nb", true), "a\nb");
  EXPECT_FALSE(IsPrintable("\xe2\x80\xae"));
}

TEST(Text, KnowsUtf8) {
  for (const std::string_view good : {"", "plain", "twelve bytes", "รักษา",
                                      "12345678\xf0\x9f\x90\x98", "\x01\x7f", "\xed\x9f\xbf"}) {
    EXPECT_TRUE(IsUtf8(good)) << JsonQuote(good);
  }
  for (const std::string_view bad :
       {"\x80", "12345678\xff", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "1234567\xe0\xb8",
        "\xe0\x80\xaf", "\xf8\x88\x80\x80\x80"}) {
    EXPECT_FALSE(IsUtf8(bad)) << JsonQuote(bad);
  }
}

TEST(Text, EscapesForHtml) {
  EXPECT_EQ(HtmlEscape("<a href=\"x\" title='y'>&amp;รักษา</a>"),
            "&lt;a href=&#34;x&#34; title=&#39;y&#39;&gt;&amp;amp;รักษา&lt;/a&gt;");
}

TEST(Url, SaysWhereItLeads) {
  struct Case {
    std::string_view url, text;
    bool literal;
  };
  for (const Case& one :
       {Case{"http://web1/x?y#z", "web1:80", false}, Case{"https://web1", "web1:443", false},
        Case{"http://10.0.0.1:9100/metrics", "10.0.0.1:9100", true},
        Case{"https://[2001:db8::1]/", "[2001:db8::1]:443", true},
        Case{"http://user:pass@host:81/", "host:81", false},
        Case{"http://host:/", "host:80", false}}) {
    const auto site = SiteOf(one.url);
    ASSERT_TRUE(site.has_value()) << one.url;
    EXPECT_EQ(site->ToString(), one.text);
    EXPECT_EQ(site->literal, one.literal) << one.url;
  }
  for (const std::string_view bad :
       {"", "web1", "ftp://web1/", "http://", "http://[::1", "http://a b/", "unix:/run/x"}) {
    EXPECT_FALSE(SiteOf(bad).has_value()) << bad;
  }
}

TEST(Url, EncodesAllButUnreserved) {
  EXPECT_EQ(UrlEncode("aZ09-._~"), "aZ09-._~");
  EXPECT_EQ(UrlEncode("a b&c=d/\"\n+ü"), "a%20b%26c%3Dd%2F%22%0A%2B%C3%BC");
}

TEST(Text, LettersOfAsciiAloneHaveTwoCases) {
  EXPECT_EQ(LowerCase("Content-TYPE @[`{ 09"), "content-type @[`{ 09");
  EXPECT_EQ(LowerCase("ÉCOLE"), "École") << "bytes above ASCII stay";
  EXPECT_EQ(LowerCase(std::string_view("A\0Z", 3)), std::string_view("a\0z", 3));
  EXPECT_EQ(LowerCase(""), "");
  EXPECT_EQ(UpperCase("Content-typE `{z\xc3\xa9"), "CONTENT-TYPE `{Z\xc3\xa9");
  EXPECT_TRUE(EqualIgnoringCase("GZip", "gzIP"));
  EXPECT_TRUE(EqualIgnoringCase("", ""));
  EXPECT_FALSE(EqualIgnoringCase("gzip", "gzip "));
  EXPECT_FALSE(EqualIgnoringCase("[", "{")) << "32 apart, and no letters";
  EXPECT_FALSE(EqualIgnoringCase("É", "é"));
  for (int c = 0; c < 256; ++c) {
    const auto letter = static_cast<char>(c);
    EXPECT_EQ(LowerCase(letter), c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : letter);
  }
}

TEST(Text, FindsTheNearestName) {
  const std::vector<std::string> names = {"interval", "timeout", "address"};
  EXPECT_EQ(Nearest("intervall", names), "interval");
  EXPECT_EQ(Nearest("tiemout", names), "timeout");
  EXPECT_EQ(Nearest("zzz", names), "");
}

TEST(Text, Digests) {
  // RFC 4231, test case 2.
  EXPECT_EQ(HmacSha256Hex("Jefe", "what do ya want for nothing?"),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_TRUE(EqualSecret("abc", "abc"));
  EXPECT_FALSE(EqualSecret("abc", "abd"));
}

TEST(Id, SortsInTheOrderMade) {
  std::string last;
  for (int i = 0; i < 1000; ++i) {
    const auto id = NewId();
    EXPECT_EQ(id.size(), 26U);
    EXPECT_LT(last, id);
    last = id;
  }
  EXPECT_THAT(NewUuid(),
              testing::MatchesRegex("[0-9a-f]+-[0-9a-f]+-4[0-9a-f]+-[89ab][0-9a-f]+-[0-9a-f]+"));
}

TEST(Log, OneLineWhateverComes) {
  std::string line;
  SetLogSink([&](std::string_view text) { line = text; });
  Log(Level::kWarn, "a\nforged line", {{"target", "x\ny"}, {"n", 3}});
  SetLogSink(nullptr);
  EXPECT_EQ(line.find('\n'), std::string::npos);
  EXPECT_THAT(line, testing::HasSubstr("n=3"));
}

TEST(Resident, ReleasedCodeComesBack) {
  const auto resident = [] {
    long size = 0;
    long pages = 0;
    std::ifstream("/proc/self/statm") >> size >> pages;
    return pages;
  };
  const auto before = resident();
  EXPECT_GT(ReleaseCode(), 1U << 20);
  EXPECT_LT(resident(), before);
  EXPECT_EQ(HmacSha256Hex("Jefe", "what do ya want for nothing?").size(), 64U);
  EXPECT_THROW(throw std::runtime_error("through released frames"), std::runtime_error);
}

TEST(Quotient, IsWhatDivisionGives) {
  std::mt19937_64 rng(1);
  const auto significand = [&rng] { return 1 + std::ldexp(static_cast<double>(rng() >> 12), -52); };
  for (int round = 0; round < 2000; ++round) {
    const double divisor = round < 1000   ? round + 1
                           : round < 1016 ? std::pow(10.0, round - 1000)
                                          : std::floor(std::ldexp(significand(), round % 50));
    const Quotient quotient(divisor);
    EXPECT_EQ(quotient.Of(0), 0);
    for (int i = 0; i < 100; ++i) {
      const double any = std::ldexp(significand(), static_cast<int>(rng() % 1800) - 900);
      const double near = std::nextafter(significand() * divisor, i % 2 == 0 ? 0 : HUGE_VAL);
      for (const double v : {any, -any, near}) {
        ASSERT_EQ(quotient.Of(v), v / divisor) << v << " / " << divisor;
      }
    }
  }
}

TEST(SecretFile, RefusesWhatOthersMayRead) {
  const std::string path = testing::TempDir() + "secret";
  std::ofstream(path) << "  public \n";
  chmod(path.c_str(), 0644);
  EXPECT_FALSE(ReadSecretFile(path));
  chmod(path.c_str(), 0600);
  EXPECT_EQ(ReadSecretFile(path).value().Reveal(), "public");
  EXPECT_EQ(fmt::format("{}", ReadSecretFile(path).value()), "***");
  EXPECT_FALSE(ReadSecretFile(path + "-missing"));
}

}  // namespace
}  // namespace base
