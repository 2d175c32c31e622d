// Tests of logging in: sessions, cookies, roles, the token against other sites, and guessing.
#include "api/session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>

#include "api/server_testing.h"
#include "base/text.h"

namespace api {
namespace {

using std::chrono::hours;
using std::chrono::seconds;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

const base::Instant kStart = base::Instant(hours(1));

Token MakeToken(const std::string& name, Role role, const std::string& secret) {
  return ParseTokens(TokenLine(name, role, secret), "t")->front();
}

std::string CookieOf(const std::string& id) { return "other=1; raksa=" + id; }

TEST(Sessions, ExpireAndEnd) {
  Sessions sessions;
  sessions.SetTokens({MakeToken("ann", Role::kOperate, "secret")});
  EXPECT_EQ(sessions.Open("::1", "ann", "wrong", kStart).kind, Sessions::Login::Kind::kWrong);
  EXPECT_EQ(sessions.Open("::1", "bob", "secret", kStart).kind, Sessions::Login::Kind::kWrong);
  const auto login = sessions.Open("::1", "ann", "secret", kStart);
  ASSERT_EQ(login.kind, Sessions::Login::Kind::kGood);
  EXPECT_EQ(login.id.size(), 64U);
  const auto found = sessions.Find(CookieOf(login.id), kStart + hours(11));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->user, "ann");
  EXPECT_EQ(found->csrf, login.view.csrf);
  EXPECT_FALSE(sessions.Find(CookieOf(login.id), kStart + hours(12)));
  EXPECT_FALSE(sessions.Find("raksa=", kStart));
  EXPECT_FALSE(sessions.Find("raksa=" + base::Sha256Hex(login.id), kStart)) << "the kept hash";
  EXPECT_FALSE(sessions.Find("other=" + login.id, kStart));
  EXPECT_TRUE(sessions.Find("__Host-raksa=" + login.id, kStart));
  sessions.Close(CookieOf(login.id));
  EXPECT_FALSE(sessions.Find(CookieOf(login.id), kStart));
}

TEST(Sessions, EndWithTheirToken) {
  Sessions sessions;
  const auto ann = MakeToken("ann", Role::kOperate, "secret-a");
  sessions.SetTokens({ann, MakeToken("bob", Role::kRead, "secret-b")});
  const auto first = sessions.Open("::1", "ann", "secret-a", kStart);
  const auto second = sessions.Open("::1", "bob", "secret-b", kStart);
  sessions.SetTokens({ann, MakeToken("bob", Role::kOperate, "secret-b")});
  EXPECT_TRUE(sessions.Find(CookieOf(first.id), kStart));
  EXPECT_FALSE(sessions.Find(CookieOf(second.id), kStart)) << "another role now";
  sessions.SetTokens({});
  EXPECT_EQ(sessions.size(), 0U);
}

TEST(Sessions, AreBounded) {
  Sessions sessions({.sessions = 3, .of_one = 2});
  sessions.SetTokens({MakeToken("a", Role::kRead, "a"), MakeToken("b", Role::kRead, "b"),
                      MakeToken("c", Role::kRead, "c")});
  const auto first = sessions.Open("::1", "a", "a", kStart);
  sessions.Open("::1", "b", "b", kStart);
  for (int i = 0; i < 5; ++i) {
    sessions.Open("::1", "b", "b", kStart);
  }
  EXPECT_EQ(sessions.size(), 3U);
  EXPECT_TRUE(sessions.Find(CookieOf(first.id), kStart)) << "one's many do not push out another's";
  sessions.Open("::1", "c", "c", kStart);
  EXPECT_EQ(sessions.size(), 3U);
  EXPECT_FALSE(sessions.Find(CookieOf(first.id), kStart));
}

TEST(Attempts, CountByAddressAndEnd) {
  Attempts attempts({.tries = 3, .window = seconds(60), .addresses = 2});
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(attempts.Wait("192.0.2.1", kStart), base::Duration{});
    attempts.Add("192.0.2.1", kStart);
  }
  EXPECT_EQ(attempts.Wait("192.0.2.1", kStart + seconds(20)), seconds(40));
  EXPECT_EQ(attempts.Wait("192.0.2.2", kStart), base::Duration{});
  EXPECT_EQ(attempts.Wait("192.0.2.1", kStart + seconds(60)), base::Duration{});
  for (const char* peer : {"2001:db8::1", "2001:db8::2", "2001:db8::3"}) {
    attempts.Add(peer, kStart + seconds(1));
  }
  EXPECT_GT(attempts.Wait("2001:db8::4", kStart + seconds(2)), base::Duration{}) << "one /64";
  EXPECT_EQ(attempts.Wait("2001:db8:0:1::4", kStart + seconds(2)), base::Duration{});
  attempts.Add("192.0.2.3", kStart + seconds(2));
  EXPECT_EQ(attempts.Wait("192.0.2.1", kStart + seconds(3)), base::Duration{}) << "forgotten";
}

/// A server that asks for a login, with one token of each role; and what people do there.
class LoginTest : public ::testing::Test {
 protected:
  static ServerOptions Options() {
    ServerOptions options;
    options.auth.always = true;
    options.auth.tokens = {MakeToken("ann", Role::kOperate, "secret-a"),
                           MakeToken("bob", Role::kRead, "secret-b"),
                           MakeToken("grafana", Role::kAlert, "secret-g")};
    return options;
  }
  static std::shared_ptr<Sources> WithReload() {
    auto sources = std::make_shared<Sources>();
    sources->reload = [] { return Ready(base::Result<>()); };
    return sources;
  }

  Reply Login(const std::string& name, const std::string& token, const std::string& headers = "") {
    return server.Ask("POST", "/api/v1/login", "Content-Type: application/json\r\n" + headers,
                      R"({"name":")" + name + R"(","token":")" + token + "\"}");
  }
  static std::string CookieLine(const Reply& reply) {
    const auto cookie = reply.headers.at("set-cookie");
    return "Cookie: " + cookie.substr(0, cookie.find(';')) + "\r\n";
  }
  static std::string Csrf(const Reply& reply) {
    return "X-CSRF-Token: " + std::string(boost::json::parse(reply.body).at("csrf").as_string()) +
           "\r\n";
  }

  TestServer server{Options(), WithReload()};
};

TEST_F(LoginTest, ThePageIsOpenAndTheApiIsNot) {
  EXPECT_EQ(server.Get("/").status, 200);
  EXPECT_EQ(server.Get("/incidents").status, 200);
  EXPECT_EQ(server.Get("/api/v1/session").body,
            "{\"user\":\"\",\"role\":\"\",\"login\":true,\"csrf\":\"\"}\n");
  for (const char* path : {"/api/v1/fleet", "/api/v1/settings", "/api/v1/events", "/metrics"}) {
    const auto reply = server.Get(path, "Sec-Fetch-Mode: cors\r\n");
    EXPECT_EQ(reply.status, 401) << path;
    EXPECT_THAT(reply.headers.at("www-authenticate"), StartsWith("Bearer")) << path;
  }
  EXPECT_THAT(server.Get("/metrics").headers.at("www-authenticate"), StartsWith("Basic"));
}

TEST_F(LoginTest, ACookieOpensTheApiByRole) {
  const auto bob = Login("bob", "secret-b");
  ASSERT_EQ(bob.status, 200) << bob.body;
  EXPECT_THAT(bob.body, HasSubstr(R"("user":"bob","role":"read","login":true)"));
  const auto cookie = bob.headers.at("set-cookie");
  for (const char* part :
       {"raksa=", "; Path=/", "; Max-Age=43200", "; HttpOnly", "; SameSite=Strict"}) {
    EXPECT_THAT(cookie, HasSubstr(part));
  }
  EXPECT_THAT(cookie, Not(HasSubstr("Secure"))) << "the connection is plain";
  EXPECT_EQ(server.Get("/metrics", CookieLine(bob)).status, 200);
  EXPECT_EQ(server.Ask("POST", "/-/reload", CookieLine(bob) + Csrf(bob)).status, 403);
  const auto ann = Login("ann", "secret-a");
  EXPECT_EQ(server.Ask("POST", "/-/reload", CookieLine(ann) + Csrf(ann)).status, 200);
  EXPECT_EQ(server.Get("/api/v1/session", CookieLine(ann)).body, ann.body)
      << "the token for the page comes again after it was loaded anew";
}

TEST_F(LoginTest, AnotherSiteCannotActWithTheCookie) {
  const auto ann = Login("ann", "secret-a");
  EXPECT_EQ(server.Ask("POST", "/-/reload", CookieLine(ann)).status, 403) << "no token";
  EXPECT_EQ(server.Ask("POST", "/-/reload", CookieLine(ann) + "X-CSRF-Token: 00\r\n").status, 403);
  EXPECT_EQ(
      server.Ask("POST", "/-/reload", CookieLine(ann) + Csrf(Login("ann", "secret-a"))).status, 403)
      << "another session's";
  EXPECT_EQ(
      server
          .Ask("POST", "/-/reload", CookieLine(ann) + Csrf(ann) + "Origin: http://evil.example\r\n")
          .status,
      403);
  EXPECT_EQ(Login("ann", "secret-a", "Origin: http://evil.example\r\n").status, 403);
  EXPECT_EQ(server
                .Ask("POST", "/api/v1/login", "Content-Type: text/plain\r\n",
                     R"({"name":"ann","token":"secret-a"})")
                .status,
            415)
      << "a form of another site can send this";
  EXPECT_EQ(server.Ask("POST", "/api/v1/logout", CookieLine(ann)).status, 403);
}

TEST_F(LoginTest, ASessionIsNeverTakenFromOutside) {
  // An id that the browser brings along is not used; the old session ends with the new login.
  const std::string planted(64, 'a');
  const auto ann = Login("ann", "secret-a", "Cookie: raksa=" + planted + "\r\n");
  EXPECT_THAT(ann.headers.at("set-cookie"), Not(HasSubstr(planted)));
  EXPECT_EQ(server.Get("/metrics", "Cookie: raksa=" + planted + "\r\n").status, 401);
  const auto again = Login("ann", "secret-a", CookieLine(ann));
  EXPECT_EQ(server.Get("/metrics", CookieLine(ann)).status, 401);
  EXPECT_EQ(server.Get("/metrics", CookieLine(again)).status, 200);
}

TEST_F(LoginTest, LogoutEndsTheSession) {
  const auto ann = Login("ann", "secret-a");
  const auto out = server.Ask("POST", "/api/v1/logout", CookieLine(ann) + Csrf(ann));
  EXPECT_EQ(out.status, 200);
  EXPECT_THAT(out.body, HasSubstr(R"("user":"","role":"")"));
  EXPECT_THAT(out.headers.at("set-cookie"), HasSubstr("raksa=; Path=/; Max-Age=0"));
  EXPECT_EQ(server.Get("/metrics", CookieLine(ann)).status, 401);
}

TEST_F(LoginTest, GuessingIsSlow) {
  EXPECT_EQ(Login("grafana", "secret-g").status, 403) << "posts alerts, has nothing to look at";
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(Login("ann", fmt::format("guess-{}", i)).status, 401);
  }
  const auto reply = Login("ann", "secret-a");
  EXPECT_EQ(reply.status, 429) << "also with the right one";
  EXPECT_GT(std::stoi(reply.headers.at("retry-after")), 0);
  EXPECT_LE(std::stoi(reply.headers.at("retry-after")), 60);
  const auto bearer = [&](const std::string& token) {
    return server.Get("/metrics", "Authorization: Bearer " + token + "\r\n").status;
  };
  EXPECT_EQ(bearer("secret-a"), 200) << "programs go on";
  for (int i = 0; i < 100; ++i) {
    ASSERT_EQ(bearer(fmt::format("guess-{}", i)), 401);
  }
  EXPECT_EQ(bearer("guess"), 429);
  EXPECT_EQ(bearer("secret-a"), 429);
}

TEST(Login, OnOpenLoopbackNobodyHasTo) {
  TestServer server;
  EXPECT_EQ(server.Get("/api/v1/session").body,
            "{\"user\":\"anonymous\",\"role\":\"operate\",\"login\":false,\"csrf\":\"\"}\n");
}

}  // namespace
}  // namespace api
