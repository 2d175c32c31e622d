// Tests of base: durations, times, text, ids, logs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <set>

#include "base/clock.h"
#include "base/id.h"
#include "base/log.h"
#include "base/resident.h"
#include "base/secret.h"
#include "base/text.h"

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
