// Tests of the tcp probe against small servers on loopback.
#include "probe/tcp/tcp.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "loop/peer_testing.h"
#include "probe/probe_testing.h"

namespace probe::tcp {
namespace {

using namespace std::chrono_literals;
using loop::testing::Linger;
using loop::testing::Peer;
using loop::testing::SendAll;
using probe::testing::MakeRequest;
using probe::testing::TestWorld;
using probe::testing::Value;
using ::testing::HasSubstr;

std::string Port(const Peer& peer) { return std::to_string(peer.port()); }

TEST(Tcp, AnOpenPort) {
  TestWorld w;
  const Peer peer(Linger);
  const auto out = w.Run(kKind, MakeRequest(kKind, "{port: " + Port(peer) + "}"));
  EXPECT_TRUE(out.success) << out.reason;
  EXPECT_EQ(Value(out, "port", "port", Port(peer)), 1.0);
  EXPECT_TRUE(Value(out, "probe_tcp_duration_seconds", "phase", "connect"));
}

TEST(Tcp, AClosedPortIsRefused) {
  TestWorld w;
  std::string port;
  {
    const Peer peer(Linger);
    port = Port(peer);
  }
  const auto out = w.Run(kKind, MakeRequest(kKind, "{port: " + port + "}"));
  EXPECT_FALSE(out.success);
  EXPECT_EQ(out.reason, "connection refused");
  EXPECT_EQ(Value(out, "port", "port", port), 0.0);
}

TEST(Tcp, Ipv6) {
  TestWorld w;
  const Peer peer(Linger, AF_INET6);
  auto request = MakeRequest(kKind, "{port: " + Port(peer) + "}");
  request.target.address = "::1";
  const auto out = w.Run(kKind, request);
  EXPECT_EQ(Value(out, "port"), 1.0) << out.reason;
}

TEST(Tcp, AFullBacklogEndsAtTheDeadline) {
  TestWorld w;
  // A listener that never accepts and whose queue is full drops what comes.
  const int listener = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(at);
  ASSERT_EQ(::bind(listener, reinterpret_cast<sockaddr*>(&at), size), 0);
  ASSERT_EQ(::listen(listener, 0), 0);
  ::getsockname(listener, reinterpret_cast<sockaddr*>(&at), &size);
  std::vector<int> fill;
  for (int i = 0; i < 4; ++i) {
    fill.push_back(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
    ::connect(fill.back(), reinterpret_cast<sockaddr*>(&at), size);
  }
  const auto port = std::to_string(ntohs(at.sin_port));
  const auto out = w.Run(kKind, MakeRequest(kKind, "{port: " + port + "}", 200ms));
  EXPECT_FALSE(out.success);
  EXPECT_EQ(out.reason, "no answer within 200ms");
  EXPECT_EQ(Value(out, "port"), 0.0);
  EXPECT_LT(out.took, 5s);
  for (const int fd : fill) {
    ::close(fd);
  }
  ::close(listener);
}

TEST(Tcp, SendsAndExpects) {
  TestWorld w;
  const Peer peer([](int fd) {
    char buffer[16];
    const auto n = ::recv(fd, buffer, sizeof(buffer), 0);
    SendAll(fd, "220 hello ");
    ::usleep(20'000);
    SendAll(fd,
            "you said " + std::string(buffer, static_cast<std::size_t>(std::max<ssize_t>(n, 0))));
    Linger(fd);
  });
  auto out = w.Run(kKind, MakeRequest(kKind, "{port: " + Port(peer) +
                                                 ", send: \"PING\", expect: \"^220 .*PING\"}"));
  EXPECT_TRUE(out.success) << out.reason;
  EXPECT_EQ(Value(out, "probe_failed_due_to_regex"), 0.0);
  out = w.Run(
      kKind,
      MakeRequest(kKind, "{port: " + Port(peer) + ", send: \"PING\", expect: \"^250\"}", 300ms));
  EXPECT_FALSE(out.success);
  EXPECT_EQ(Value(out, "port"), 1.0) << "the port is open all the same";
  EXPECT_EQ(Value(out, "probe_failed_due_to_regex"), 1.0);
  EXPECT_THAT(out.reason, HasSubstr("220 hello"));
}

TEST(Tcp, EndlessGarbageIsBounded) {
  TestWorld w;
  const Peer peer([](int fd) {
    while (SendAll(fd, std::string(4096, '\x1b'))) {
    }
  });
  const auto out =
      w.Run(kKind, MakeRequest(kKind, "{port: " + Port(peer) + ", expect: \"ready\"}", 2s));
  EXPECT_FALSE(out.success);
  EXPECT_LT(out.reason.size(), 1'500U);
  EXPECT_EQ(out.reason.find('\x1b'), std::string::npos);
}

TEST(Tcp, ASilentServiceEndsAtTheDeadline) {
  TestWorld w;
  const Peer peer(Linger);
  const auto out =
      w.Run(kKind, MakeRequest(kKind, "{port: " + Port(peer) + ", expect: \"SSH\"}", 150ms));
  EXPECT_FALSE(out.success);
  EXPECT_EQ(out.reason, "no answer within 150ms");
  EXPECT_LT(out.took, 5s);
}

}  // namespace
}  // namespace probe::tcp
