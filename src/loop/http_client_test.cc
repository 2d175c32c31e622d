// Tests of the HTTP client against small real servers on loopback, most of them ill-behaved.
#include "loop/http_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/un.h>

#include <atomic>
#include <csignal>
#include <filesystem>

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

class HttpClientTest : public ::testing::Test {
 protected:
  HttpClientTest() { std::signal(SIGPIPE, SIG_IGN); }
  base::Result<HttpResponse> Get(const std::string& url) {
    HttpRequest request;
    request.url = url;
    return Send(std::move(request));
  }
  base::Result<HttpResponse> Send(HttpRequest request) {
    return loop_.RunTask(client_.Send(std::move(request)));
  }
  Loop loop_;
  HttpClient client_{loop_};
};

TEST_F(HttpClientTest, GivesStatusHeadersBodyAndPhases) {
  const Peer peer([](int fd) {
    ReadHead(fd);
    SendAll(fd, HttpAnswer(404, "not here", "X-Kind: Strange \r\n"));
  });
  const auto got = Get(peer.Url("/a"));
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ(got->status, 404);
  EXPECT_EQ(got->body, "not here");
  EXPECT_EQ(got->body_bytes, 8U);
  EXPECT_EQ(got->Header("x-kind"), "Strange");
  EXPECT_EQ(got->Header("absent"), "");
  EXPECT_EQ(got->http_version, "1.1");
  EXPECT_EQ(got->remote_address, "127.0.0.1");
  EXPECT_FALSE(got->tls);
  EXPECT_GT(got->total_seconds, 0);
  EXPECT_GE(got->phases.connect, 0);
  EXPECT_LE(got->phases.processing, got->total_seconds);
}

TEST_F(HttpClientTest, SendsMethodHeadersBodyAndLogin) {
  std::string head;
  std::string body(5, '\0');
  const Peer peer([&](int fd) {
    head = ReadHead(fd);
    ::recv(fd, body.data(), body.size(), MSG_WAITALL);
    SendAll(fd, HttpAnswer(200, ""));
  });
  HttpRequest request;
  request.method = "PUT";
  request.url = peer.Url("/p?q=1");
  request.headers = {{"X-One", "1"}, {"X-Empty", ""}, {"Content-Type", "text/plain"}};
  request.body = "hello";
  request.user = "ann";
  request.password = "pw";
  ASSERT_TRUE(Send(request));
  EXPECT_THAT(head, HasSubstr("PUT /p?q=1 HTTP/1.1\r\n"));
  EXPECT_THAT(head, HasSubstr("X-One: 1\r\n"));
  EXPECT_THAT(head, HasSubstr("X-Empty:\r\n"));
  EXPECT_THAT(head, HasSubstr("Authorization: Basic YW5uOnB3\r\n"));
  EXPECT_EQ(body, "hello");
}

TEST_F(HttpClientTest, RefusesHeadersThatWouldForgeOthers) {
  HttpRequest request;
  request.url = "http://127.0.0.1:1/";
  request.headers = {{"X-A", "1\r\nX-B: 2"}};
  auto got = Send(request);
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().kind, base::ErrorKind::kInvalid);
  request.headers = {};
  request.method = "GET / HTTP/1.1\r\nX: ";
  got = Send(request);
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().kind, base::ErrorKind::kInvalid);
}

TEST_F(HttpClientTest, OnlyHttpAndHttpsAlsoOnRedirects) {
  const auto file = Get("file:///etc/hostname");
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().kind, base::ErrorKind::kInvalid);
  const Peer peer([](int fd) {
    ReadHead(fd);
    SendAll(fd, HttpAnswer(302, "", "Location: file:///etc/hostname\r\n"));
  });
  HttpRequest request;
  request.url = peer.Url();
  request.max_redirects = 3;
  const auto got = Send(request);
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().kind, base::ErrorKind::kInvalid);
}

TEST_F(HttpClientTest, RefusedIsUnavailable) {
  std::uint16_t port = 0;
  {
    const Peer peer([](int) {});
    port = peer.port();
  }
  const auto got = Get("http://127.0.0.1:" + std::to_string(port) + "/");
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().kind, base::ErrorKind::kUnavailable);
  EXPECT_THAT(got.error().message, HasSubstr("refused"));
}

TEST_F(HttpClientTest, ASilentPeerEndsAtTheDeadline) {
  const Peer peer(Linger);
  HttpRequest request;
  request.url = peer.Url();
  request.timeout = 200ms;
  const auto begin = base::Clock::Steady();
  const auto got = Send(request);
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().kind, base::ErrorKind::kDeadline);
  EXPECT_LT(base::Clock::Steady() - begin, 5s);
}

TEST_F(HttpClientTest, ASlowDripEndsAtTheDeadline) {
  const Peer peer([](int fd) {
    ReadHead(fd);
    SendAll(fd, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
    while (SendAll(fd, "x")) {
      ::usleep(10'000);
    }
  });
  HttpRequest request;
  request.url = peer.Url();
  request.timeout = 300ms;
  const auto got = Send(request);
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().kind, base::ErrorKind::kDeadline);
}

TEST_F(HttpClientTest, GarbageInsteadOfHttpIsInvalid) {
  const Peer peer([](int fd) {
    ReadHead(fd);
    SendAll(fd, std::string("\x00\x01SSH-2.0-Open\x1b[2J\r\n\r\n", 22));
  });
  const auto got = Get(peer.Url());
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().kind, base::ErrorKind::kInvalid);
}

TEST_F(HttpClientTest, AResetIsUnavailable) {
  const Peer peer([](int fd) {
    ReadHead(fd);
    testing::ResetOnClose(fd);
  });
  const auto got = Get(peer.Url());
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().kind, base::ErrorKind::kUnavailable);
}

TEST_F(HttpClientTest, TooManyHeadersAreCutOff) {
  const Peer peer([](int fd) {
    ReadHead(fd);
    SendAll(fd, "HTTP/1.1 200 OK\r\n");
    while (SendAll(fd, "X-Again: " + std::string(80, 'a') + "\r\n")) {
    }
  });
  const auto got = Get(peer.Url());
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().kind, base::ErrorKind::kInvalid);
  EXPECT_THAT(got.error().message, HasSubstr("headers"));
}

TEST_F(HttpClientTest, EndlessInterimAnswersAreCutOff) {
  const Peer peer([](int fd) {
    ReadHead(fd);
    while (SendAll(fd, "HTTP/1.1 100 Continue\r\n\r\n")) {
    }
  });
  const auto got = Get(peer.Url());
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().kind, base::ErrorKind::kInvalid);
}

TEST_F(HttpClientTest, AnEndlessBodyIsKeptInPartAndCutOff) {
  const Peer peer([](int fd) {
    ReadHead(fd);
    SendAll(fd, "HTTP/1.1 200 OK\r\n\r\n");
    const std::string piece(65'536, 'b');
    while (SendAll(fd, piece)) {
    }
  });
  HttpRequest request;
  request.url = peer.Url();
  request.max_body = 100;
  const auto got = Send(request);
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ(got->status, 200);
  EXPECT_EQ(got->body.size(), 100U);
  EXPECT_TRUE(got->truncated);
  EXPECT_GT(got->body_bytes, 8U << 20);
  EXPECT_LT(got->body_bytes, 9U << 20);
}

TEST_F(HttpClientTest, ACompressedBombIsCutOff) {
  const auto bomb = loop_.RunTask(
      RunProcess({"sh", "-c", "head -c 67108864 /dev/zero | gzip -9"}, {.max_output = 1 << 20}));
  ASSERT_TRUE(bomb);
  ASSERT_FALSE(bomb->truncated);
  const std::string zipped = bomb->out;
  const Peer peer([&](int fd) {
    ReadHead(fd);
    SendAll(fd, HttpAnswer(200, zipped, "Content-Encoding: gzip\r\n"));
  });
  const auto got = Get(peer.Url());
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ(got->body.size(), 1U << 20);
  EXPECT_TRUE(got->truncated);
  EXPECT_LT(got->body_bytes, 9U << 20);
}

TEST_F(HttpClientTest, ARedirectLoopEndsWithTheRedirectAsAnswer) {
  const Peer peer([](int fd) {
    ReadHead(fd);
    SendAll(fd, HttpAnswer(302, "", "Location: /again\r\nConnection: close\r\n"));
  });
  HttpRequest request;
  request.url = peer.Url();
  auto got = Send(request);
  ASSERT_TRUE(got);
  EXPECT_EQ(got->redirects, 0);
  request.max_redirects = 4;
  got = Send(request);
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ(got->status, 302);
  EXPECT_EQ(got->redirects, 4);
  EXPECT_THAT(got->final_url, HasSubstr("/again"));
}

TEST_F(HttpClientTest, KeepsConnectionsUnlessFresh) {
  const Peer peer([](int fd) {
    while (!ReadHead(fd).empty() && SendAll(fd, HttpAnswer(200, "ok"))) {
    }
  });
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(Get(peer.Url()));
  }
  EXPECT_EQ(peer.accepted(), 1);
  for (int i = 0; i < 3; ++i) {
    HttpRequest request;
    request.url = peer.Url();
    request.fresh = true;
    ASSERT_TRUE(Send(request));
  }
  EXPECT_EQ(peer.accepted(), 4);
}

// A peer that closes between two requests: the number of its socket is given to the next one, and
// what Asio knew of the old must not stand in its way.
TEST_F(HttpClientTest, KeptConnectionsThatThePeerClosesAreReplaced) {
  const Peer peer([](int fd) {
    for (int i = 0; i < 2 && !ReadHead(fd).empty(); ++i) {
      SendAll(fd, HttpAnswer(200, "ok"));
    }
  });
  struct One {
    static Task<> Run(HttpClient* client, std::string url, int* good) {
      for (int i = 0; i < 10; ++i) {
        HttpRequest request;
        request.url = url;
        request.timeout = 5s;
        const auto got = co_await client->Send(std::move(request));
        *good += got && got->body == "ok" ? 1 : 0;
        co_await Sleep(i % 3 == 0 ? 5ms : 0ms);
      }
    }
  };
  int good = 0;
  Scope scope(loop_);
  for (int i = 0; i < 8; ++i) {
    scope.Spawn(
        "one",
        One::Run(&client_,
                 i % 2 == 0 ? peer.Url() : "http://localhost:" + std::to_string(peer.port()) + "/",
                 &good));
  }
  loop_.RunTask(scope.Join());
  EXPECT_EQ(good, 80);
  EXPECT_GE(peer.accepted(), 40);
}

TEST_F(HttpClientTest, PinsAnAddressAndSpeaksIpv6) {
  const Peer peer(
      [](int fd) {
        ReadHead(fd);
        SendAll(fd, HttpAnswer(200, "six"));
      },
      AF_INET6);
  HttpRequest request;
  const auto port = std::to_string(peer.port());
  request.url = "http://web.test:" + port + "/";
  request.resolve = {"web.test:" + port + ":[::1]"};
  const auto got = Send(request);
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ(got->body, "six");
  EXPECT_EQ(got->remote_address, "::1");
}

TEST_F(HttpClientTest, AnUntrustedCertificateIsDeniedUnlessAskedNotToLook) {
  const testing::TlsIdentity identity(86'400);
  const Peer peer([&](int fd) { identity.Serve(fd, HttpAnswer(200, "tls")); });
  HttpRequest request;
  request.url = peer.Url("/", "https");
  auto got = Send(request);
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().kind, base::ErrorKind::kDenied);
  EXPECT_THAT(got.error().message, HasSubstr("certificate"));
  request.verify_tls = false;
  request.fresh = true;
  got = Send(request);
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_TRUE(got->tls);
  EXPECT_EQ(got->tls_version, "TLSv1.3");
  const auto now = base::Clock::NowMs() / 1000;
  EXPECT_NEAR(static_cast<double>(got->cert_not_after - now), 86'400, 60);
}

TEST_F(HttpClientTest, TrustsACertificateByItsFile) {
  const testing::TlsIdentity identity(3'600);
  const auto file = std::filesystem::path(::testing::TempDir()) /
                    ("raksa_ca_" + std::to_string(::getpid()) + ".pem");
  identity.WritePem(file);
  const Peer peer([&](int fd) { identity.Serve(fd, HttpAnswer(200, "tls")); });
  HttpRequest request;
  request.url = peer.Url("/", "https");
  request.ca_file = file;
  const auto got = Send(request);
  std::filesystem::remove(file);
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ(got->body, "tls");
  EXPECT_GT(got->phases.tls, 0);
}

TEST_F(HttpClientTest, TwoHundredAtOnce) {
  std::atomic<int> served{0};
  const Peer peer([&](int fd) {
    ReadHead(fd);
    ++served;
    SendAll(fd, HttpAnswer(200, "ok"));
  });
  int done = 0;
  const std::string url = peer.Url();
  struct One {
    static Task<> Run(HttpClient* client, std::string at, int* count) {
      HttpRequest request;
      request.url = at;
      request.fresh = true;
      const auto got = co_await client->Send(std::move(request));
      *count += got && got->status == 200 ? 1 : 0;
    }
  };
  Scope scope(loop_);
  for (int i = 0; i < 200; ++i) {
    scope.Spawn("one", One::Run(&client_, url, &done));
  }
  loop_.RunTask(scope.Join());
  EXPECT_EQ(done, 200);
}

struct Waiting {
  static Task<> Run(HttpClient* client, std::string url, std::string* outcome) {
    HttpRequest request;
    request.url = url;
    const auto got = co_await client->Send(std::move(request));
    *outcome = got ? "answer" : std::string(base::ToString(got.error().kind));
  }
};

TEST_F(HttpClientTest, ACancelledRequestLeavesNothingBehind) {
  const Peer peer(Linger);
  std::string outcome;
  Scope scope(loop_);
  scope.Spawn("waiting", Waiting::Run(&client_, peer.Url(), &outcome));
  loop_.RunUntil([&] { return peer.accepted() == 1; }, 2000ms);
  scope.Cancel();
  loop_.RunTask(scope.Join());
  EXPECT_EQ(outcome, "");
  EXPECT_EQ(scope.running(), 0U);
}

TEST(HttpClient, GoingAwayEndsItsRequests) {
  Loop loop;
  const Peer peer(Linger);
  std::string outcome;
  Scope scope(loop);
  {
    HttpClient client(loop);
    scope.Spawn("waiting", Waiting::Run(&client, peer.Url(), &outcome));
    loop.RunUntil([&] { return peer.accepted() == 1; }, 2000ms);
  }
  loop.RunTask(scope.Join());
  EXPECT_EQ(outcome, "cancelled");
}

TEST(HttpClient, ALoopThatGoesFirstTakesItsRequestsAlong) {
  const Peer peer(Linger);
  std::string outcome;
  auto loop = std::make_unique<Loop>();
  auto client = std::make_unique<HttpClient>(*loop);
  loop->Spawn("waiting", Waiting::Run(client.get(), peer.Url(), &outcome));
  loop->RunUntil([&] { return peer.accepted() == 1; }, 2000ms);
  client.reset();
  loop.reset();
  EXPECT_EQ(outcome, "");
}

}  // namespace
}  // namespace loop
