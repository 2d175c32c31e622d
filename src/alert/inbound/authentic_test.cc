// Tests of the signature's check.
#include "alert/inbound/authentic.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "alert/inbound/world_testing.h"
#include "base/text.h"

namespace alert::inbound {
namespace {

using ::testing::HasSubstr;
using Headers = std::map<std::string, std::string, std::less<>>;

constexpr std::string_view kBody = R"({"alerts":[]})";

std::string Check(const Signing& signing, const Headers& headers, std::string_view body = kBody) {
  const auto result = Authentic(
      signing,
      [&headers](std::string_view name) -> std::string_view {
        const auto at = headers.find(name);
        return at == headers.end() ? std::string_view() : at->second;
      },
      body, kTestNow);
  EXPECT_TRUE(result || result.error().kind == base::ErrorKind::kDenied);
  return result ? "" : result.error().message;
}

Signing With(std::string stamp_header = "") {
  Signing signing;
  signing.secret = base::Secret("key");
  signing.timestamp_header = std::move(stamp_header);
  return signing;
}

TEST(Authentic, KnownVector) {
  // echo -n 'The quick brown fox jumps over the lazy dog' | openssl dgst -sha256 -hmac key
  EXPECT_EQ(Check(With(),
                  {{"x-grafana-alerting-signature",
                    "f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8"}},
                  "The quick brown fox jumps over the lazy dog"),
            "");
}

TEST(Authentic, BodyAlone) {
  const auto mac = base::HmacSha256Hex("key", kBody);
  EXPECT_EQ(Check(With(), {{"x-grafana-alerting-signature", mac}}), "");
  EXPECT_EQ(Check(With(), {{"x-grafana-alert-signature", mac}}), "");
  EXPECT_THAT(Check(With(), {{"x-grafana-alerting-signature", mac}}, "{}"),
              HasSubstr("does not fit"));
  EXPECT_THAT(Check(With(), {{"x-grafana-alerting-signature", mac.substr(1)}}),
              HasSubstr("not fit"));
  EXPECT_THAT(Check(With(), {}), HasSubstr("missing"));
  EXPECT_THAT(Check(Signing{}, {{"x-grafana-alerting-signature", mac}}), HasSubstr("no secret"));
  Signing own = With();
  own.header = "X-My-Sign";
  EXPECT_EQ(Check(own, {{"x-my-sign", mac}}), "");
  EXPECT_THAT(Check(own, {{"x-grafana-alerting-signature", mac}}),
              HasSubstr("x-my-sign is missing"));
}

TEST(Authentic, FreshTimesOnly) {
  const auto at = [](std::int64_t offset) {
    const auto stamp = std::to_string(1'772'575'300 + offset);
    return Check(With("X-Stamp"), {{"x-stamp", stamp},
                                   {"x-grafana-alerting-signature",
                                    base::HmacSha256Hex("key", stamp + ":" + std::string(kBody))}});
  };
  for (const int good : {0, -300, 300, 12}) {
    EXPECT_EQ(at(good), "") << good;
  }
  for (const std::int64_t bad : {-301L, 301L, -1'772'575'300L, 900'000'000'000L}) {
    EXPECT_THAT(at(bad), HasSubstr("away from ours")) << bad;
  }
}

TEST(Authentic, TimeCannotBeLeftOutNorInvented) {
  const auto mac = base::HmacSha256Hex("key", kBody);
  for (const auto* stamp : {"", "x", "-1", "1772575300x", "99999999999999999999", "1.5", "0x1"}) {
    EXPECT_THAT(Check(With("X-Stamp"), {{"x-stamp", stamp}, {"x-grafana-alerting-signature", mac}}),
                HasSubstr("no Unix time"))
        << stamp;
  }
  // Signed without a time, sent with one.
  EXPECT_THAT(
      Check(With("X-Stamp"), {{"x-stamp", "1772575300"}, {"x-grafana-alerting-signature", mac}}),
      HasSubstr("does not fit"));
}

}  // namespace
}  // namespace alert::inbound
