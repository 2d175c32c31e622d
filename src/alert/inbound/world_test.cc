// Bodies of the world that the tests of this folder share.
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "alert/inbound/world_testing.h"

namespace alert::inbound {

const TargetIndex& TestTargets() {
  static const TargetIndex kIndex = [] {
    TargetIndex index;
    const auto add = [&index](std::string name, std::string address, std::string url) {
      model::Target target;
      target.name = std::move(name);
      target.address = std::move(address);
      target.url = std::move(url);
      index.Add(target);
    };
    add("shop", "192.0.2.21", "http://shop.test/");
    add("blog", "192.0.2.22", "http://blog.test/");
    add("six", "2001:db8::5", "https://[2001:db8::5]:8443/");
    add("twin-a", "192.0.2.30", "http://a.twin.test/");
    add("twin-b", "192.0.2.30", "http://b.twin.test/");
    add("self", "127.0.0.1", "");
    return index;
  }();
  return kIndex;
}

Context TestContext() {
  return {.targets = &TestTargets(), .now = kTestNow, .target_labels = {}, .metrics = {}};
}

std::string Fixture(std::string_view name) {
  std::ifstream in(std::string(RAKSA_SOURCE_DIR) + "/tests/payloads/" + std::string(name),
                   std::ios::binary);
  EXPECT_TRUE(in) << name;
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

Inbound Take(std::string_view path, std::string_view body) {
  auto read = Read(path, "application/json", body, TestContext());
  EXPECT_TRUE(read) << (read ? "" : read.error().message) << "\n" << body.substr(0, 500);
  return read ? std::move(*read) : Inbound{};
}

Inbound TakeFixture(std::string_view path, std::string_view name) {
  return Take(path, Fixture(name));
}

}  // namespace alert::inbound
