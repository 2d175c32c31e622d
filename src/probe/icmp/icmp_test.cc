// Tests of the icmp probe on loopback and in a network namespace of its own.
#include "probe/icmp/icmp.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <unistd.h>

#include "loop/process.h"
#include "probe/icmp/pinger.h"
#include "probe/probe_testing.h"

namespace probe::icmp {
namespace {

using namespace std::chrono_literals;
using probe::testing::MakeRequest;
using probe::testing::TestWorld;
using probe::testing::Value;
using ::testing::HasSubstr;

/// Pinging needs a permission that not every place gives.
bool MayPing(TestWorld& w, bool v6 = false) {
  return boost::asio::use_service<Pinger>(w.loop.io()).Open(v6).has_value();
}

TEST(Icmp, LoopbackAnswersEveryPacket) {
  TestWorld w;
  if (!MayPing(w)) {
    GTEST_SKIP() << "no ICMP socket is allowed here";
  }
  const auto out = w.Run(kKind, MakeRequest(kKind, "{packets: 4, spacing: 5ms, size: 1000}"));
  EXPECT_TRUE(out.success) << out.reason;
  EXPECT_EQ(Value(out, "ping"), 1.0);
  EXPECT_EQ(Value(out, "probe_icmp_loss_ratio"), 0.0);
  const auto least = Value(out, "probe_icmp_rtt_seconds", "stat", "min");
  const auto mean = Value(out, "probe_icmp_rtt_seconds", "stat", "avg");
  const auto most = Value(out, "probe_icmp_rtt_seconds", "stat", "max");
  ASSERT_TRUE(least && mean && most);
  EXPECT_LE(*least, *mean);
  EXPECT_LE(*mean, *most);
  EXPECT_LT(*most, 0.5);
  EXPECT_EQ(out.log.size(), 5U);
}

TEST(Icmp, Ipv6) {
  TestWorld w;
  if (!MayPing(w, true)) {
    GTEST_SKIP() << "no ICMPv6 socket is allowed here";
  }
  auto request = MakeRequest(kKind);
  request.target.address = "::1";
  const auto out = w.Run(kKind, request);
  EXPECT_TRUE(out.success) << out.reason;
  EXPECT_EQ(Value(out, "ping"), 1.0);
}

TEST(Icmp, ASilentHostEndsAtTheDeadline) {
  TestWorld w;
  if (!MayPing(w)) {
    GTEST_SKIP() << "no ICMP socket is allowed here";
  }
  auto request = MakeRequest(kKind, "", 200ms);
  request.target.address = "240.0.0.1";  // reserved: nobody answers (or the system refuses)
  const auto begin = base::Clock::Steady();
  const auto out = w.Run(kKind, request);
  EXPECT_LT(base::Clock::Steady() - begin, 5s);
  EXPECT_FALSE(out.success);
  EXPECT_NE(out.reason, "");
  EXPECT_EQ(Value(out, "ping"), 0.0);
  EXPECT_EQ(Value(out, "probe_icmp_loss_ratio"), 1.0);
  EXPECT_EQ(Value(out, "probe_icmp_rtt_seconds"), std::nullopt);
}

TEST(Icmp, AnUnknownNameIsDown) {
  TestWorld w;
  auto request = MakeRequest(kKind, "", 500ms);
  request.target.address = "no-such-host.invalid";
  const auto out = w.Run(kKind, request);
  EXPECT_FALSE(out.success);
  EXPECT_THAT(out.reason, HasSubstr("no-such-host.invalid"));
  EXPECT_EQ(Value(out, "ping"), 0.0);
}

loop::Task<> One(World world, Request request, int* done) {
  const auto out = co_await kKind.run(world, request, nullptr);
  *done += out.success ? 1 : 0;
}

TEST(Icmp, FiveHundredShareTheSocket) {
  TestWorld w;
  if (!MayPing(w)) {
    GTEST_SKIP() << "no ICMP socket is allowed here";
  }
  int done = 0;
  loop::Scope scope(w.loop);
  for (int i = 0; i < 500; ++i) {
    auto request = MakeRequest(kKind, "{packets: 2, spacing: 5ms}", 3s);
    request.target.address = "127.0.1." + std::to_string(1 + i % 250);
    scope.Spawn("ping", One(w.world(), request, &done));
  }
  w.loop.RunTask(scope.Join());
  EXPECT_EQ(done, 500);
  EXPECT_EQ(boost::asio::use_service<Pinger>(w.loop.io()).waiting(), 0U);
}

TEST(Icmp, CancelledRunsLeaveNothingBehind) {
  TestWorld w;
  if (!MayPing(w)) {
    GTEST_SKIP() << "no ICMP socket is allowed here";
  }
  int done = 0;
  auto request = MakeRequest(kKind, "", 5s);
  request.target.address = "240.0.0.1";
  loop::Scope scope(w.loop);
  scope.Spawn("ping", One(w.world(), request, &done));
  w.loop.Drain();
  scope.Cancel();
  w.loop.RunTask(scope.Join());
  EXPECT_EQ(boost::asio::use_service<Pinger>(w.loop.io()).waiting(), 0U);
}

TEST(Icmp, ByUnprivilegedSocketAndUnreachable) {
  loop::Loop loop;
  std::string self(4096, '\0');
  const auto size = ::readlink("/proc/self/exe", self.data(), self.size());
  ASSERT_GT(size, 0);
  self.resize(static_cast<std::size_t>(size));
  const auto can = loop.RunTask(loop::RunProcess({"unshare", "-n", "true"}));
  if (!can || can->exit_status != 0) {
    GTEST_SKIP() << "no network namespace can be made here";
  }
  // Without a route out of the namespace the system itself says that the host is unreachable.
  const auto result = loop.RunTask(loop::RunProcess(
      {"unshare", "-n", "sh", "-c",
       "echo '0 2147483647' > /proc/sys/net/ipv4/ping_group_range && ip link set lo up && exec " +
           self + " --gtest_also_run_disabled_tests --gtest_filter='IcmpInside.*'"}));
  ASSERT_TRUE(result);
  EXPECT_EQ(result->exit_status, 0) << result->out << result->err;
  EXPECT_THAT(result->out, HasSubstr("[  PASSED  ] 2 tests"));
}

// These two run only inside the namespace that the test above makes.
TEST(IcmpInside, DISABLED_UsesTheUnprivilegedSocket) {
  TestWorld w;
  for (const char* address : {"127.0.0.1", "::1"}) {
    auto request = MakeRequest(kKind);
    request.target.address = address;
    const auto out = w.Run(kKind, request);
    EXPECT_TRUE(out.success) << out.reason;
    ASSERT_FALSE(out.log.empty());
    EXPECT_THAT(out.log[0], HasSubstr("unprivileged"));
  }
}

TEST(IcmpInside, DISABLED_SaysThatTheNetworkIsUnreachable) {
  TestWorld w;
  auto request = MakeRequest(kKind, "", 30s);
  request.target.address = "192.0.2.1";
  const auto out = w.Run(kKind, request);
  EXPECT_FALSE(out.success);
  EXPECT_THAT(out.reason, HasSubstr("unreachable"));
  EXPECT_LT(out.took, 15s) << "at once, not at the deadline";
}

}  // namespace
}  // namespace probe::icmp
