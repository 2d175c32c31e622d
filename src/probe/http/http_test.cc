// Tests of the http probe against small servers on loopback.
#include "probe/http/http.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "loop/peer_testing.h"
#include "probe/probe_testing.h"

namespace probe::http {
namespace {

using namespace std::chrono_literals;
using loop::testing::HttpAnswer;
using loop::testing::Linger;
using loop::testing::Peer;
using loop::testing::ReadHead;
using loop::testing::SendAll;
using probe::testing::MakeRequest;
using probe::testing::TestWorld;
using probe::testing::Value;
using ::testing::HasSubstr;

std::function<void(int)> Answering(std::string answer) {
  return [answer = std::move(answer)](int fd) {
    ReadHead(fd);
    SendAll(fd, answer);
  };
}

Request For(const std::string& url, const std::string& yaml = "",
            base::Duration timeout = std::chrono::seconds(2)) {
  auto request = MakeRequest(kKind, yaml, timeout);
  request.target.url = url;
  return request;
}

TEST(Http, AGoodAnswer) {
  TestWorld w;
  const Peer peer(Answering(HttpAnswer(200, "hello")));
  const auto out = w.Run(kKind, For(peer.Url()));
  EXPECT_TRUE(out.success) << out.reason;
  EXPECT_EQ(Value(out, "http_code"), 200.0);
  EXPECT_EQ(Value(out, "probe_http_content_length"), 5.0);
  EXPECT_EQ(Value(out, "probe_http_uncompressed_body_length"), 5.0);
  EXPECT_EQ(Value(out, "probe_http_version"), 1.1);
  EXPECT_EQ(Value(out, "probe_http_ssl"), 0.0);
  EXPECT_EQ(Value(out, "probe_http_redirects"), 0.0);
  for (const char* phase : {"resolve", "connect", "tls", "processing", "transfer"}) {
    EXPECT_TRUE(Value(out, "probe_http_duration_seconds", "phase", phase)) << phase;
  }
}

TEST(Http, AnErrorStatusIsTheCodeAndAFailure) {
  TestWorld w;
  const Peer peer(Answering(HttpAnswer(502, "")));
  const auto out = w.Run(kKind, For(peer.Url()));
  EXPECT_FALSE(out.success);
  EXPECT_EQ(Value(out, "http_code"), 502.0);
  EXPECT_EQ(out.reason, "HTTP status 502 (expected 200 to 399)");
}

TEST(Http, ExpectedStatuses) {
  TestWorld w;
  const Peer peer(Answering(HttpAnswer(401, "")));
  EXPECT_TRUE(w.Run(kKind, For(peer.Url(), "{status: [200, 401]}")).success);
  EXPECT_FALSE(w.Run(kKind, For(peer.Url(), "{status: [200]}")).success);
}

TEST(Http, NoAnswerIsZero) {
  TestWorld w;
  std::string url;
  {
    const Peer peer(Linger);
    url = peer.Url();
  }
  auto out = w.Run(kKind, For(url));
  EXPECT_FALSE(out.success);
  EXPECT_EQ(Value(out, "http_code"), 0.0);
  EXPECT_THAT(out.reason, HasSubstr("refused"));
  const Peer silent(Linger);
  out = w.Run(kKind, For(silent.Url(), "", 150ms));
  EXPECT_EQ(Value(out, "http_code"), 0.0);
  EXPECT_EQ(out.reason, "no answer within 150ms");
  EXPECT_LT(out.took, 5s);
}

TEST(Http, FollowsRedirectsUnlessToldNotTo) {
  TestWorld w;
  const Peer peer([](int fd) {
    const auto head = ReadHead(fd);
    SendAll(fd, head.starts_with("GET / ")
                    ? HttpAnswer(301, "", "Location: /home\r\nConnection: close\r\n")
                    : HttpAnswer(200, "home"));
  });
  auto out = w.Run(kKind, For(peer.Url()));
  EXPECT_EQ(Value(out, "http_code"), 200.0) << out.reason;
  EXPECT_EQ(Value(out, "probe_http_redirects"), 1.0);
  out = w.Run(kKind, For(peer.Url(), "{follow_redirects: false}"));
  EXPECT_EQ(Value(out, "http_code"), 301.0);
  EXPECT_TRUE(out.success);
}

TEST(Http, ARedirectLoopFails) {
  TestWorld w;
  const Peer peer(Answering(HttpAnswer(302, "", "Location: /\r\nConnection: close\r\n")));
  const auto out = w.Run(kKind, For(peer.Url(), "{max_redirects: 3}"));
  EXPECT_FALSE(out.success);
  EXPECT_EQ(Value(out, "http_code"), 302.0);
  EXPECT_EQ(out.reason, "more than 3 redirects");
}

TEST(Http, LooksAtTheBody) {
  TestWorld w;
  const Peer peer(Answering(HttpAnswer(200, "Welcome. Fatal error: no database")));
  EXPECT_TRUE(w.Run(kKind, For(peer.Url(), "{body_regex: \"Welcome\"}")).success);
  auto out = w.Run(kKind, For(peer.Url(), "{body_not_regex: \"(?i)fatal ERROR\"}"));
  EXPECT_FALSE(out.success);
  EXPECT_EQ(Value(out, "probe_failed_due_to_regex"), 1.0);
  EXPECT_EQ(Value(out, "http_code"), 200.0);
  out = w.Run(kKind, For(peer.Url(), "{body_regex: \"Goodbye\"}"));
  EXPECT_EQ(out.reason, "the body does not hold /Goodbye/");
}

TEST(Http, OwnUrlMethodAndHeaders) {
  TestWorld w;
  std::string head;
  const Peer peer([&](int fd) {
    head = ReadHead(fd);
    SendAll(fd, HttpAnswer(200, ""));
  });
  const auto out = w.Run(kKind, For("http://127.0.0.1:1/", "{url: \"" + peer.Url("/health") +
                                                               "\", method: POST, body: \"x=1\", "
                                                               "headers: {Host: shop.example}}"));
  EXPECT_TRUE(out.success) << out.reason;
  EXPECT_THAT(head, HasSubstr("POST /health HTTP/1.1\r\n"));
  EXPECT_THAT(head, HasSubstr("Host: shop.example\r\n"));
  EXPECT_EQ(out.readings[0].labels.Get("url"), peer.Url("/health"));
}

TEST(Http, AnUntrustedCertificateIsNoAnswerButItsEndIsTold) {
  TestWorld w;
  const loop::testing::TlsIdentity identity(-3'600);
  const Peer peer([&](int fd) { identity.Serve(fd, HttpAnswer(200, "")); });
  auto out = w.Run(kKind, For(peer.Url("/", "https")));
  EXPECT_FALSE(out.success);
  EXPECT_EQ(Value(out, "http_code"), 0.0);
  EXPECT_THAT(out.reason, HasSubstr("certificate"));
  const auto end = Value(out, "probe_ssl_earliest_cert_expiry");
  ASSERT_TRUE(end);
  EXPECT_NEAR(*end, static_cast<double>(base::Clock::NowMs()) / 1000 - 3'600, 120);
  out = w.Run(kKind, For(peer.Url("/", "https"), "{verify: false}"));
  EXPECT_TRUE(out.success) << out.reason;
  EXPECT_EQ(Value(out, "http_code"), 200.0);
  EXPECT_EQ(Value(out, "probe_http_ssl"), 1.0);
  EXPECT_TRUE(Value(out, "probe_ssl_earliest_cert_expiry"));
}

TEST(Http, BadUrlsAndNames) {
  TestWorld w;
  for (const char* url : {"", "ftp://127.0.0.1/", "http://", "not a url", "http://[::1"}) {
    const auto out = w.Run(kKind, For(url));
    EXPECT_FALSE(out.success) << url;
    EXPECT_THAT(out.reason, HasSubstr("no http or https URL")) << url;
  }
  const auto out = w.Run(kKind, For("http://no-such-host.invalid/", "", 800ms));
  EXPECT_FALSE(out.success);
  EXPECT_EQ(Value(out, "http_code"), 0.0);
}

TEST(Http, LooksANameUpAndPinsIt) {
  TestWorld w;
  const Peer peer(Answering(HttpAnswer(200, "")));
  const auto out = w.Run(
      kKind, For("http://localhost:" + std::to_string(peer.port()) + "/", "{ip_version: \"4\"}"));
  EXPECT_TRUE(out.success) << out.reason;
}

}  // namespace
}  // namespace probe::http
