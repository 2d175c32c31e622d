// World for tests: targets, a moment, and reading of fixtures and bodies.
#pragma once

#include <string>
#include <string_view>

#include "alert/inbound/inbound.h"

namespace alert::inbound {

/// 2026-03-03T22:01:40Z: a little after the fixtures' troubles began.
inline constexpr base::Time kTestNow{std::chrono::seconds(1'772'575'300)};

/// "shop" (192.0.2.21, http://shop.test/), "blog" (192.0.2.22, http://blog.test/), "six"
/// (2001:db8::5, https://[2001:db8::5]:8443/), "twin-a" and "twin-b" (both 192.0.2.30, http://a.
/// and http://b.twin.test/), "self" (127.0.0.1).
const TargetIndex& TestTargets();
/// A context of these.
Context TestContext();
/// The file tests/payloads/NAME.
std::string Fixture(std::string_view name);
/// Reads a body by a path; the test fails when it cannot be read.
Inbound Take(std::string_view path, std::string_view body);
/// Reads a fixture.
Inbound TakeFixture(std::string_view path, std::string_view name);

}  // namespace alert::inbound
