// Tests of finding targets by other people's words.
#include "alert/inbound/target_index.h"

#include <gtest/gtest.h>

#include <array>

#include "alert/inbound/world_testing.h"

namespace alert::inbound {
namespace {

std::string Find(std::string value, bool loopback = false) {
  const std::array<Place, 1> places = {Place{"x", std::move(value), loopback}};
  return TestTargets().Find(places).target;
}

TEST(TargetIndex, NamesAddressesUrlsAndHosts) {
  for (const auto* value : {"shop", " shop ", "192.0.2.21", "192.0.2.21:9100",
                            "http://192.0.2.21/x", "http://shop.test/", "HTTP://Shop.Test:80",
                            "https://shop.test:8443/a?b#c", "http://u:p@shop.test/", "shop.test",
                            "shop.test.", "SHOP.test:443", "shop:9100", "Shop", "http://shop/"}) {
    EXPECT_EQ(Find(value), "shop") << value;
  }
  for (const auto* value : {"2001:db8::5", "2001:DB8:0:0::5", "[2001:db8::5]", "[2001:db8::5]:9100",
                            "https://[2001:db8::5]:8443/"}) {
    EXPECT_EQ(Find(value), "six") << value;
  }
  for (const auto* value :
       {"", "192.0.2.2", "192.0.2.210", "shop.test.evil.test", "http://", "https://", "http:///",
        "http://evil.test/?http://shop.test/", "http://shop.test@evil.test/", "[", "[]:1",
        "[192.0.2.21", "://", "shop.test/../", "shop;reboot", "192.0.2.21\n",
        "::ffff:192.0.2.21:", "0xC0000215"}) {
    EXPECT_EQ(Find(value), std::string_view(value) == "192.0.2.21\n" ? "shop" : "") << value;
  }
  EXPECT_EQ(Find(std::string("192.0.2.21\0x", 12)), "");
  EXPECT_EQ(Find(std::string(100'000, 'a')), "");
}

TEST(TargetIndex, LoopbackOfOthersIsNotOurs) {
  for (const auto* value : {"127.0.0.1", "127.0.0.1:8001", "http://127.0.0.1/"}) {
    EXPECT_EQ(Find(value), "") << value;
    EXPECT_EQ(Find(value, true), "self") << value;
  }
  EXPECT_EQ(Find("self"), "self");
}

TEST(TargetIndex, LaterPlacesTellTwinsApart) {
  const std::array<Place, 3> both = {Place{"ip", "192.0.2.30"}, Place{"job", "node"},
                                     Place{"url", "http://b.twin.test/"}};
  EXPECT_EQ(TestTargets().Find(both).target, "twin-b");
  const auto alone = TestTargets().Find(std::span(both).first(1));
  EXPECT_EQ(alone.target, "");
  EXPECT_EQ(alone.candidates, 2U);
  // The first known place decides; one that disagrees does not matter.
  const std::array<Place, 2> odd = {Place{"ip", "192.0.2.21"}, Place{"url", "http://b.twin.test/"}};
  EXPECT_EQ(TestTargets().Find(odd).target, "shop");
}

TEST(TargetIndex, UrlsLoseTheirUsers) {
  EXPECT_EQ(WithoutUser("https://a:b@h/x@y"), "https://h/x@y");
  EXPECT_EQ(WithoutUser("https://h/x@y"), "https://h/x@y");
  EXPECT_EQ(WithoutUser("a@b"), "a@b");
  EXPECT_EQ(WithoutUser("http://a@b@c"), "http://c");
}

}  // namespace
}  // namespace alert::inbound
