// Tests of plain GETs against well- and ill-behaved servers, and of what becomes of their
// connections.
#include "loop/plain_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>

#include "loop/peer_testing.h"
#include "loop/process.h"

namespace loop {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using testing::HttpAnswer;
using testing::Linger;
using testing::Peer;
using testing::ReadHead;
using testing::SendAll;

class PlainClientTest : public ::testing::Test {
 protected:
  PlainClientTest() { std::signal(SIGPIPE, SIG_IGN); }
  std::optional<PlainRoute> RouteOf(const HttpRequest& request) {
    const auto plan = HttpClient::Plan(request);
    return client_.Takes(*plan) ? plan->route : std::nullopt;
  }
  /// nullopt: libcurl's.
  std::optional<base::Result<HttpResponse>> Send(const HttpRequest& request) {
    const auto plan = HttpClient::Plan(request);
    return client_.Takes(*plan)
               ? loop_.RunTask(client_.Send(plan.get(), request.timeout, &request.on_body))
               : std::nullopt;
  }
  std::optional<base::Result<HttpResponse>> Get(const std::string& url) {
    HttpRequest request;
    request.url = url;
    request.timeout = 5s;
    return Send(request);
  }
  std::string Gzip(const std::string& shell) {
    return loop_.RunTask(RunProcess({"sh", "-c", shell + " | gzip"}, {.max_output = 1 << 20}))->out;
  }
  Loop loop_;
  PlainClient client_{loop_};
};

TEST_F(PlainClientTest, TakesOnlyWhatIsPlain) {
  HttpRequest request;
  request.url = "http://127.0.0.1:9100/metrics?a[]=b%20c";
  request.headers = {{"X-A", "b"}, {"X-Empty", ""}};
  request.user = "ann";
  request.password = "pw";
  const auto route = RouteOf(request);
  ASSERT_TRUE(route);
  EXPECT_EQ(route->site, "127.0.0.1:9100");
  EXPECT_EQ(route->head,
            "GET /metrics?a[]=b%20c HTTP/1.1\r\nHost: 127.0.0.1:9100\r\n"
            "Authorization: Basic YW5uOnB3\r\nUser-Agent: raksa\r\nAccept: */*\r\n"
            "Accept-Encoding: gzip\r\nX-A: b\r\nX-Empty:\r\n\r\n");
  const auto refused = [&](const auto& change) {
    HttpRequest other = request;
    change(other);
    return !RouteOf(other).has_value();
  };
  EXPECT_TRUE(refused([](auto& r) { r.method = "POST"; }));
  EXPECT_TRUE(refused([](auto& r) { r.body = "a"; }));
  EXPECT_TRUE(refused([](auto& r) { r.fresh = true; }));
  EXPECT_TRUE(refused([](auto& r) { r.unix_socket = "/run/a"; }));
  EXPECT_TRUE(refused([](auto& r) { r.interface_name = "lo"; }));
  EXPECT_TRUE(refused([](auto& r) { r.ip_version = 6; }));
  EXPECT_TRUE(refused([](auto& r) { r.headers = {{"hoST", "b"}}; }));
  EXPECT_TRUE(refused([](auto& r) { r.headers = {{"Authorization", "b"}}; }));
  EXPECT_TRUE(refused([](auto& r) { r.headers = {{"X-Long", std::string(9'000, 'a')}}; }));
  for (const char* url : {"https://127.0.0.1/",
                          "http://localhost/",
                          "http://a@127.0.0.1/",
                          "http://127.1/",
                          "http://127.0.0.1:/",
                          "http://127.0.0.1:0/",
                          "http://127.0.0.1:65536/",
                          "http://127.0.0.1:-1/",
                          "http://127.0.0.1?a",
                          "http://127.0.0.1/#a",
                          "http://127.0.0.1/a b",
                          "http://127.0.0.1/a/../b",
                          "http://127.0.0.1/\r\nX: y",
                          "http://[::1",
                          "http://[fe80::1%1]/",
                          "http://::1/",
                          "http://[127.0.0.1]/",
                          "http:///",
                          "http://",
                          "HTTP://127.0.0.1/"}) {
    EXPECT_TRUE(refused([&](auto& r) { r.url = url; })) << url;
  }
}

TEST_F(PlainClientTest, GoesWhereANameIsPinned) {
  HttpRequest request;
  request.url = "http://web.test";
  EXPECT_FALSE(RouteOf(request));
  request.resolve = {"web.test:80:192.0.2.1,[2001:db8::1]"};
  auto route = RouteOf(request);
  ASSERT_TRUE(route);
  EXPECT_EQ(route->endpoints.size(), 2U);
  EXPECT_THAT(route->head, HasSubstr("GET / HTTP/1.1\r\nHost: web.test\r\n"));
  request.ip_version = 6;
  route = RouteOf(request);
  ASSERT_TRUE(route);
  ASSERT_EQ(route->endpoints.size(), 1U);
  EXPECT_EQ(route->endpoints[0].address().to_string(), "2001:db8::1");
  request.resolve = {"web.test:81:192.0.2.1"};
  EXPECT_FALSE(RouteOf(request));
}

TEST_F(PlainClientTest, GivesWhatLibcurlGives) {
  const std::string big(300'000, 'x');
  const Peer peer([&](int fd) {
    while (!ReadHead(fd).empty() && SendAll(fd, HttpAnswer(203, big, "X-Kind: Strange\r\n"))) {
    }
  });
  HttpClient curl(loop_);
  HttpRequest request;
  request.url = peer.Url("/a");
  const auto plain = Send(request);
  ASSERT_TRUE(plain && *plain);
  request.fresh = true;
  const auto other = loop_.RunTask(curl.Send(request));
  ASSERT_TRUE(other);
  EXPECT_EQ((*plain)->status, other->status);
  EXPECT_EQ((*plain)->headers, other->headers);
  EXPECT_EQ((*plain)->body, other->body);
  EXPECT_EQ((*plain)->body_bytes, other->body_bytes);
  EXPECT_EQ((*plain)->final_url, other->final_url);
  EXPECT_EQ((*plain)->remote_address, other->remote_address);
  EXPECT_EQ((*plain)->http_version, other->http_version);
}

TEST_F(PlainClientTest, UnpacksGzipAlsoInChunksAndManyMembers) {
  const auto one = Gzip("head -c 200000 /dev/zero | tr '\\0' a");
  const auto two = Gzip("printf tail");
  const Peer peer([&](int fd) {
    ReadHead(fd);
    SendAll(fd, HttpAnswer(200, one + two, "Content-Encoding: gzip\r\n"));
    ReadHead(fd);
    SendAll(fd, HttpAnswer(200, one.substr(0, one.size() - 9), "Content-Encoding: gzip\r\n"));
    ReadHead(fd);
    SendAll(fd, HttpAnswer(200, one + "garbage", "Content-Encoding: gzip\r\n"));
  });
  auto got = Get(peer.Url());
  ASSERT_TRUE(got && *got);
  EXPECT_EQ((*got)->body, std::string(200'000, 'a') + "tail");
  got = Get(peer.Url());
  ASSERT_TRUE(got && !*got);
  EXPECT_EQ(got->error().message, "the compressed body is cut off");
}

TEST_F(PlainClientTest, ATakerThatHasEnoughEndsTheTransfer) {
  const Peer peer([](int fd) {
    ReadHead(fd);
    SendAll(fd, HttpAnswer(200, std::string(1'000'000, 'a')));
  });
  std::size_t taken = 0;
  HttpRequest request;
  request.url = peer.Url();
  request.on_body = [&](const HttpResponse& head, std::string_view piece) {
    EXPECT_EQ(head.status, 200);
    EXPECT_EQ(head.Header("content-length"), "1000000");
    taken += piece.size();
    return taken < 100'000;
  };
  const auto got = Send(request);
  ASSERT_TRUE(got && *got);
  EXPECT_TRUE((*got)->truncated);
  EXPECT_EQ((*got)->body, "");
  EXPECT_GE(taken, 100'000U);
}

TEST_F(PlainClientTest, AConnectionThatThePeerClosedIsReplacedOnce) {
  const Peer peer([](int fd) {
    ReadHead(fd);
    SendAll(fd, HttpAnswer(200, "ok"));
    ReadHead(fd);  // and says nothing to the second
  });
  ASSERT_TRUE(*Get(peer.Url()));
  const auto second = Get(peer.Url());
  ASSERT_TRUE(*second) << second->error().message;
  EXPECT_EQ(peer.accepted(), 2);
}

TEST_F(PlainClientTest, AnIdleConnectionThatSpeaksIsNotUsedAgain) {
  std::atomic<bool> asked{false};
  std::atomic<bool> spoke{false};
  const Peer peer([&](int fd) {
    ReadHead(fd);
    SendAll(fd, HttpAnswer(200, "ok"));
    while (!asked) {
      ::usleep(1'000);
    }
    SendAll(fd, HttpAnswer(408, "too slow"));
    spoke = true;
    Linger(fd);
  });
  const auto first = Get(peer.Url());
  asked = true;
  ASSERT_TRUE(*first);
  ASSERT_TRUE(loop_.RunUntil([&] { return spoke.load(); }, 5'000ms));
  const auto second = Get(peer.Url());
  ASSERT_TRUE(*second);
  EXPECT_EQ((*second)->status, 200);
  EXPECT_EQ(peer.accepted(), 2);
}

TEST_F(PlainClientTest, NothingOrHalfOfAnAnswerIsUnavailable) {
  const Peer silent([](int fd) { ReadHead(fd); });
  auto got = Get(silent.Url());
  ASSERT_FALSE(*got);
  EXPECT_EQ(got->error(), (base::Error{base::ErrorKind::kUnavailable, "Empty reply from server"}));
  EXPECT_EQ(silent.accepted(), 1) << "only what was kept is tried again";
  const Peer half([](int fd) {
    ReadHead(fd);
    SendAll(fd, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
  });
  got = Get(half.Url());
  ASSERT_FALSE(*got);
  EXPECT_EQ(got->error().message, "transfer closed with 96 bytes remaining to read");
  const Peer reset([](int fd) {
    ReadHead(fd);
    testing::ResetOnClose(fd);
  });
  got = Get(reset.Url());
  ASSERT_FALSE(*got);
  EXPECT_EQ(got->error().message, "Recv failure: Connection reset by peer");
}

TEST_F(PlainClientTest, TheNextAddressIsTriedAndRemembered) {
  const Peer peer([](int fd) {
    while (!ReadHead(fd).empty() && SendAll(fd, HttpAnswer(200, "ok", "Connection: close\r\n"))) {
    }
  });
  const auto port = std::to_string(peer.port());
  HttpRequest request;
  request.url = "http://web.test:" + port + "/";
  request.resolve = {"web.test:" + port + ":127.0.0.2,127.0.0.1"};
  for (int i = 0; i < 2; ++i) {
    const auto got = Send(request);
    ASSERT_TRUE(got && *got);
    EXPECT_EQ((*got)->remote_address, "127.0.0.1");
  }
  request.resolve = {"web.test:" + port + ":127.0.0.2,127.0.0.3"};
  const auto got = Send(request);
  ASSERT_TRUE(got && !*got);
  EXPECT_EQ(got->error().kind, base::ErrorKind::kUnavailable);
  EXPECT_THAT(got->error().message, HasSubstr("127.0.0.3 port " + port + ": Connection refused"));
}

TEST_F(PlainClientTest, WhatOnlyLibcurlReadsGoesToItFromThenOn) {
  const Peer peer([](int fd) {
    ReadHead(fd);
    SendAll(fd, "HTTP/1.1 200 OK\r\nContent-Encoding: br\r\n\r\n");
  });
  EXPECT_FALSE(Get(peer.Url()));
  EXPECT_EQ(peer.accepted(), 1);
  EXPECT_FALSE(Get(peer.Url()));
  EXPECT_EQ(peer.accepted(), 1);
}

TEST_F(PlainClientTest, TheDeadlineIsForEverything) {
  std::atomic<int> number{0};
  const Peer peer([&](int fd) {
    while (!ReadHead(fd).empty()) {
      if (++number == 1) {
        SendAll(fd, HttpAnswer(200, "ok"));
      } else {
        SendAll(fd, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
        while (SendAll(fd, "x")) {
          ::usleep(10'000);
        }
      }
    }
  });
  HttpRequest request;
  request.url = peer.Url();
  request.timeout = 5s;
  ASSERT_TRUE(*Send(request));
  request.timeout = 300ms;
  const auto begin = base::Clock::Steady();
  const auto got = Send(request);
  ASSERT_FALSE(*got);  // the drip would be a whole answer after ten seconds
  EXPECT_EQ(got->error().kind, base::ErrorKind::kDeadline);
  EXPECT_GE(base::Clock::Steady() - begin, 290ms);
  EXPECT_LT(base::Clock::Steady() - begin, 5s);
}

struct Many {
  static Task<> Run(PlainClient* client, std::string url, std::string* out,
                    base::Duration timeout) {
    HttpRequest request;
    request.url = url;
    request.timeout = timeout;
    const auto plan = HttpClient::Plan(request);
    const auto got = co_await client->Send(plan.get(), timeout, &request.on_body);
    *out = !got   ? "elsewhere"
           : *got ? (*got)->body
                  : std::string(base::ToString(got->error().kind));
  }
};

TEST_F(PlainClientTest, ManyAtOnceEachGetTheirOwn) {
  const Peer peer([](int fd) {
    for (std::string head = ReadHead(fd); !head.empty(); head = ReadHead(fd)) {
      const auto path = head.substr(5, head.find(' ', 5) - 5);
      std::string body;
      while (body.size() < 40'000) {
        body += path;
      }
      SendAll(fd, HttpAnswer(200, body).substr(0, 70));
      ::usleep(1'000);
      SendAll(fd, HttpAnswer(200, body).substr(70));
    }
  });
  for (int round = 0; round < 3; ++round) {
    std::vector<std::string> bodies(60);
    Scope scope(loop_);
    for (std::size_t i = 0; i < bodies.size(); ++i) {
      scope.Spawn("one",
                  Many::Run(&client_, peer.Url("/" + std::to_string(100 + i)), &bodies[i], 5s));
    }
    loop_.RunTask(scope.Join());
    for (std::size_t i = 0; i < bodies.size(); ++i) {
      const auto name = std::to_string(100 + i);
      EXPECT_GE(bodies[i].size(), 40'000U);
      EXPECT_TRUE(bodies[i].starts_with(name) && bodies[i].ends_with(name)) << i;
    }
  }
  EXPECT_LE(peer.accepted(), 60) << "connections are kept";
}

TEST_F(PlainClientTest, SomeAreCancelledSomeAreLateSomeAreAnswered) {
  const Peer peer([](int fd) {
    for (std::string head = ReadHead(fd); !head.empty(); head = ReadHead(fd)) {
      if (head.starts_with("GET /quick")) {
        SendAll(fd, HttpAnswer(200, "quick"));
      }
    }
  });
  std::string cancelled = "nothing";
  std::string late;
  std::string quick;
  Scope doomed(loop_);
  Scope scope(loop_);
  doomed.Spawn("cancelled", Many::Run(&client_, peer.Url("/slow"), &cancelled, 5s));
  scope.Spawn("late", Many::Run(&client_, peer.Url("/slow"), &late, 200ms));
  scope.Spawn("quick", Many::Run(&client_, peer.Url("/quick"), &quick, 5s));
  loop_.RunUntil([&] { return peer.accepted() == 3; }, 2000ms);
  doomed.Cancel();
  doomed.Cancel();
  loop_.RunTask(scope.Join());
  loop_.RunTask(doomed.Join());
  EXPECT_EQ(cancelled, "nothing");
  EXPECT_EQ(late, "deadline");
  EXPECT_EQ(quick, "quick");
}

TEST(PlainClient, GoingAwayEndsItsRequests) {
  Loop loop;
  const Peer peer(Linger);
  std::string outcome;
  Scope scope(loop);
  {
    PlainClient client(loop);
    scope.Spawn("waiting", Many::Run(&client, peer.Url(), &outcome, 5s));
    loop.RunUntil([&] { return peer.accepted() == 1; }, 2000ms);
  }
  loop.RunTask(scope.Join());
  EXPECT_EQ(outcome, "cancelled");
}

}  // namespace
}  // namespace loop
