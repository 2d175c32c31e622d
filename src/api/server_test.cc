// Tests of the server with real sockets: framing, limits, hostile clients, authentication, events.
#include "api/server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "api/server_testing.h"
#include "base/text.h"

namespace api {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

loop::Task<base::Result<>> RefuseReload() {
  co_return base::Fail(base::ErrorKind::kInvalid, "raksa.yaml:3:5: unknown key \"intervall\"");
}

loop::Task<base::Result<std::string>> TakeWebhook(std::string* seen, std::string path,
                                                  std::string body) {
  *seen = path + " " + body;
  co_return R"({"sender":"x"})";
}

loop::Task<> StopBoth(Server* server, loop::Loop* loop) {
  co_await server->Stop(100ms);
  loop->Stop();
}

std::shared_ptr<Sources> WithReload() {
  auto out = std::make_shared<Sources>();
  out->reload = [] { return RefuseReload(); };
  return out;
}

TEST(Server, AnswersOnEveryAddress) {
  ServerOptions options;
  const auto path = fmt::format("/tmp/raksa-api-{}.sock", ::getpid());
  options.listen = {"127.0.0.1:0", "[::1]:0", "unix:" + path};
  TestServer server(options);
  ASSERT_TRUE(server.started) << server.started.error().message;
  for (std::size_t i = 0; i < 3; ++i) {
    RawClient client(server.address(i));
    ASSERT_TRUE(client.connected()) << server.address(i);
    client.Send("GET /-/healthy HTTP/1.1\r\nHost: localhost\r\n\r\n");
    EXPECT_EQ(client.Read().body, "Raksa is Healthy.\n");
  }
  struct stat info{};
  ASSERT_EQ(::stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0660U);
}

TEST(Server, RemovesAStaleSocketButNotALiveOneNorAFile) {
  const auto path = fmt::format("/tmp/raksa-api-stale-{}.sock", ::getpid());
  const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  path.copy(to.sun_path, sizeof to.sun_path - 1);
  ASSERT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&to), sizeof to), 0);
  ::close(fd);
  ServerOptions options;
  options.listen = {"unix:" + path};
  TestServer first(options);
  EXPECT_TRUE(first.started);
  TestServer second(options);
  ASSERT_FALSE(second.started);
  EXPECT_THAT(second.started.error().message, HasSubstr("another process listens"));
  options.listen = {"unix:/etc/hostname"};
  TestServer third(options);
  ASSERT_FALSE(third.started);
  EXPECT_THAT(third.started.error().message, HasSubstr("no socket"));
}

TEST(Server, RefusesForeignAddressesWithoutTokens) {
  ServerOptions options;
  options.listen = {"0.0.0.0:0"};
  TestServer server(options);
  ASSERT_FALSE(server.started);
  EXPECT_EQ(server.started.error().kind, base::ErrorKind::kRefused);
}

TEST(Server, BadListenTextsAreExplained) {
  for (const char* text : {"", "8001", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:8o", "::1:80",
                           "example.org:80", "unix:relative", "[::1:80"}) {
    ServerOptions options;
    options.listen = {text};
    loop::Loop loop;
    Server server(loop, options, Router());
    const auto started = server.Start();
    ASSERT_FALSE(started) << text;
    EXPECT_EQ(started.error().kind, base::ErrorKind::kInvalid) << text;
  }
}

TEST(Server, KeepsAliveAndAnswersPipelinedRequestsInOrder) {
  TestServer server;
  RawClient client(server.address());
  client.Send(
      "GET /-/healthy HTTP/1.1\r\nHost: localhost\r\n\r\n"
      "GET /-/ready HTTP/1.1\r\nHost: localhost\r\n\r\n"
      "GET /api/v1/nothing HTTP/1.1\r\nHost: localhost\r\n\r\n"
      "HEAD /-/healthy HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(client.Read().body, "Raksa is Healthy.\n");
  EXPECT_EQ(client.Read().body, "Raksa is Ready.\n");
  EXPECT_EQ(client.Read().status, 404);
  const auto head = client.Read(true);
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.headers.at("content-length"), "18");
  EXPECT_TRUE(client.ClosedWithin(5000));
}

TEST(Server, SendsSecurityHeaders) {
  TestServer server;
  const auto reply = server.Get("/");
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.headers.at("x-content-type-options"), "nosniff");
  EXPECT_THAT(reply.headers.at("content-security-policy"), HasSubstr("frame-ancestors 'none'"));
  EXPECT_THAT(reply.headers.at("content-security-policy"), Not(HasSubstr("unsafe")));
  EXPECT_EQ(reply.headers.at("referrer-policy"), "no-referrer");
}

TEST(Server, HostileRequestsGetAnErrorAndNeverMore) {
  TestServer server;
  const std::string h = " HTTP/1.1\r\nHost: localhost\r\n";
  const std::vector<std::pair<std::string, int>> cases = {
      {"\x16\x03\x01\x02\x00\x01\xfc\r\n\r\n", 400},
      {"GET /\r\n\r\n", 400},
      {"GET / HTTP/9.9\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\n\r\n", 400},
      {"GET /" + h + "Host: evil\r\n\r\n", 400},
      {"GET /%zz" + h + "\r\n", 400},
      {"GET /a%00b" + h + "\r\n", 400},
      {"GET /%ff%fe" + h + "\r\n", 400},
      {"GET /../../etc/passwd" + h + "\r\n", 400},
      {"GET /%2e%2e/%2e%2e/etc/passwd" + h + "\r\n", 400},
      {"GET /..%5c..%5cetc" + h + "\r\n", 400},
      {"GET /api/v1/fleet?x=%0" + h + "\r\n", 400},
      {"GET /api/v1/query?query=%ff" + h + "\r\n", 400},
      {"BREW /" + h + "\r\n", 405},
      {"TRACE /api/v1/kinds" + h + "\r\n", 405},
      {"GET /" + std::string(20000, 'a') + h + "\r\n", 431},
      {"GET /" + h + "X: " + std::string(20000, 'a') + "\r\n\r\n", 431},
      {"POST /webhook" + h + "Content-Length: 99999999999\r\n\r\n", 413},
      {"POST /webhook" + h + "Content-Length: -1\r\n\r\n", 400},
      {"POST /webhook" + h + "Content-Length: 5\r\nContent-Length: 6\r\n\r\n", 400},
      {"POST /webhook" + h + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\nabc", 400},
      {"POST /webhook" + h + "Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400},
      {"POST /webhook" + h + "Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc", 415},
  };
  for (const auto& [bytes, status] : cases) {
    RawClient client(server.address());
    client.Send(bytes);
    EXPECT_EQ(client.Read().status, status) << bytes.substr(0, 80);
  }
  EXPECT_EQ(server.Get("/-/healthy").status, 200);
}

TEST(Server, HeadersCannotBeInjected) {
  TestServer server;
  const auto reply = server.Get("/probe?target=x%0d%0aSet-Cookie:%20a=b");
  EXPECT_FALSE(reply.headers.contains("set-cookie"));
  const auto plain = server.Get("/no%0d%0aX-Evil:%201");
  EXPECT_EQ(plain.status, 400);
  EXPECT_FALSE(plain.headers.contains("x-evil"));
}

TEST(Server, SlowClientsAreClosed) {
  ServerOptions options;
  options.header_time = 200ms;
  options.idle_time = 400ms;
  options.body_time = 200ms;
  TestServer server(options);
  RawClient slow(server.address());
  slow.Send("GET / HTTP/1.1\r\nHost: loc");
  RawClient idle(server.address());
  RawClient body(server.address());
  body.Send("POST /shs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 50\r\n\r\n{");
  EXPECT_TRUE(slow.ClosedWithin(5000));  // by default it would be 10 s and more
  EXPECT_TRUE(body.ClosedWithin(5000));
  EXPECT_TRUE(idle.ClosedWithin(5000));
  EXPECT_GE(server.stats().timeouts, 3U);
}

TEST(Server, TooManyConnectionsAreTurnedAwayIdleOnesFirst) {
  ServerOptions options;
  options.max_connections = 2;
  TestServer server(options);
  RawClient a(server.address());
  RawClient b(server.address());
  for (RawClient* client : {&a, &b}) {
    // The half of a request comes with a whole one: when that is answered, the half has been read.
    client->Send(
        "GET /-/healthy HTTP/1.1\r\nHost: localhost\r\n\r\nGET /-/healthy HTTP/1.1\r\nHost: loc");
    EXPECT_EQ(client->Read().status, 200);
  }
  EXPECT_EQ(server.stats().connections, 2U);
  EXPECT_EQ(server.Get("/-/healthy").status, 503);
  a.Send("alhost\r\n\r\n");
  EXPECT_EQ(a.Read().status, 200);
  EXPECT_EQ(server.stats().connections, 2U);
  EXPECT_EQ(server.Get("/-/healthy").status, 200);  // the idle one made room
  EXPECT_TRUE(a.ClosedWithin(5000));
}

TEST(Server, ReadsFormsExpectAndOldProtocols) {
  std::string seen;
  auto sources = std::make_shared<Sources>();
  sources->webhook = [&seen](Request request) {
    return TakeWebhook(&seen, std::move(request.path), std::move(request.body));
  };
  TestServer server({}, sources);
  RawClient client(server.address());
  client.Send(
      "POST /webhook/x HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: "
      "2\r\n\r\n");
  EXPECT_TRUE(client.WaitFor("100 Continue\r\n\r\n"));
  client.Take();
  client.Send("{}");
  EXPECT_EQ(client.Read().status, 200);
  EXPECT_EQ(seen, "/webhook/x {}");
  RawClient old(server.address());
  old.Send("GET /-/healthy HTTP/1.0\r\nHost: localhost\r\n\r\n");
  EXPECT_EQ(old.Read().body, "Raksa is Healthy.\n");
  EXPECT_TRUE(old.ClosedWithin(5000));
  const auto form =
      server.Ask("POST", "/api/v1/format_query",
                 "Content-Type: application/x-www-form-urlencoded\r\n", "query=sum%28up%29+%2B+1");
  EXPECT_EQ(form.body, R"({"status":"success","data":"sum(up) + 1"})");
}

TEST(Server, HostNamesOfOthersAreRefusedOnLoopback) {
  ServerOptions options;
  options.auth.host_names = {"raksa.example"};
  TestServer server(options);
  for (const char* host :
       {"localhost", "127.0.0.1:8001", "[::1]:8001", "a.localhost", "RAKSA.example:80"}) {
    EXPECT_EQ(server.Get("/metrics", fmt::format("Host: {}\r\n", host)).status, 200) << host;
  }
  for (const char* host : {"evil.example", "127.0.0.1.evil.example", "localhost.evil", "0.0.0.0"}) {
    EXPECT_EQ(server.Get("/metrics", fmt::format("Host: {}\r\n", host)).status, 403) << host;
  }
}

TEST(Server, ReloadTellsTheProblemsAndIsSafeFromOtherSites) {
  TestServer server({}, WithReload());
  const auto reply = server.Ask("POST", "/-/reload");
  EXPECT_EQ(reply.status, 400);
  EXPECT_THAT(reply.body, HasSubstr("raksa.yaml:3:5: unknown key"));
  EXPECT_EQ(server.Get("/-/reload").status, 405);
  const auto port = server.address().substr(server.address().find(':'));
  const auto own = "Host: localhost" + port + "\r\nOrigin: http://localhost" + port + "\r\n";
  EXPECT_EQ(server.Ask("POST", "/-/reload", own).status, 400);
  for (const char* header : {"Origin: http://evil.example\r\n", "Origin: null\r\n",
                             "Sec-Fetch-Site: cross-site\r\n", "Sec-Fetch-Site: same-site\r\n"}) {
    EXPECT_EQ(server.Ask("POST", "/-/reload", header).status, 403) << header;
  }
  EXPECT_EQ(server.Ask("POST", "/-/reload", "Content-Type: text/plain\r\n", "{}").status, 415);
  EXPECT_EQ(server.Ask("POST", "/-/reload", "Content-Type: application/json\r\n", "{}").status,
            400);
}

TEST(Server, SpeaksTls) {
  const auto base = fmt::format("/tmp/raksa-tls-{}", ::getpid());
  const auto made = RunTool({"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                             "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
                             "/CN=localhost", "-keyout", base + ".key", "-out", base + ".pem"});
  ASSERT_EQ(made.status, 0) << made.said;
  ServerOptions options;
  options.tls_cert_file = base + ".pem";
  options.tls_key_file = base + ".key";
  options.header_time = 300ms;
  {
    TestServer server(options);
    ASSERT_TRUE(server.started) << server.started.error().message;
    const auto said =
        RunTool({"openssl", "s_client", "-quiet", "-connect", server.address()},
                "GET /-/ready HTTP/1.1\r\nHost: localhost\r\n\r\n"
                "GET /-/healthy HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            .said;
    EXPECT_THAT(said, HasSubstr("Raksa is Ready.\n"));
    EXPECT_THAT(said, HasSubstr("Raksa is Healthy.\n"));
    RawClient plain(server.address());
    plain.Send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    EXPECT_TRUE(plain.ClosedWithin(5000));
    RawClient silent(server.address());
    EXPECT_TRUE(silent.ClosedWithin(5000));
  }
  options.tls_key_file = "/nonexistent";
  TestServer bad(options);
  ASSERT_FALSE(bad.started);
  EXPECT_THAT(bad.started.error().message, StartsWith("TLS key /nonexistent"));
  ::unlink((base + ".key").c_str());
  ::unlink((base + ".pem").c_str());
}

/// An endless body, a piece at a time.
class Endless final : public BodyStream {
 public:
  loop::Task<std::optional<std::string>> Next() override { co_return std::string(65536, 'x'); }
};
loop::Task<Response> Flood() {
  Response out;
  out.stream = std::make_shared<Endless>();
  co_return out;
}
loop::Task<Response> Break() {
  co_await loop::Sleep(0s);
  throw std::runtime_error("BUG: broken on purpose");
}

TEST(Server, AHandlersFaultIsA500AndAReaderThatStopsIsClosed) {
  Router router;
  router.Add("GET", "/break", Needs::kRead, [](Request) { return Break(); });
  router.Add("GET", "/flood", Needs::kRead, [](Request) { return Flood(); });
  ServerOptions options;
  options.listen = {"127.0.0.1:0"};
  options.write_time = 200ms;
  loop::Loop loop;
  Server server(loop, options, router);
  ASSERT_TRUE(server.Start());
  std::thread thread([&] { loop.Run(); });
  {
    RawClient client(server.addresses().at(0));
    client.Send("GET /break HTTP/1.1\r\nHost: localhost\r\n\r\n");
    const auto reply = client.Read();
    EXPECT_EQ(reply.status, 500);
    EXPECT_THAT(reply.body, Not(HasSubstr("on purpose")));
    client.Send("GET /flood HTTP/1.1\r\nHost: localhost\r\n\r\n");
    ServerStats stats{};
    for (int i = 0; i < 1000 && (stats.timeouts < 1 || stats.connections > 0); ++i) {
      std::this_thread::sleep_for(10ms);  // reads nothing
      std::promise<ServerStats> now;
      loop.Post([&] { now.set_value(server.stats()); });
      stats = now.get_future().get();
    }
    EXPECT_GE(stats.timeouts, 1U);
    EXPECT_EQ(stats.connections, 0U);
  }
  loop.Post([&] { loop.Spawn("stop", StopBoth(&server, &loop)); });
  thread.join();
}

TEST(Auth, RolesAndTokens) {
  const auto tokens = ParseTokens("# people\n" + TokenLine("ann", Role::kOperate, "secret-a") +
                                      TokenLine("grafana", Role::kRead, "secret-g") +
                                      TokenLine("am", Role::kAlert, "secret-w"),
                                  "tokens");
  ASSERT_TRUE(tokens);
  ServerOptions options;
  options.auth.tokens = *tokens;
  options.auth.always = true;
  options.auth.signed_paths = {"/webhook/signed"};
  auto sources = WithReload();
  TestServer server(options, sources);
  auto bearer = [](const std::string& token) { return "Authorization: Bearer " + token + "\r\n"; };
  const auto none = server.Get("/metrics");
  EXPECT_EQ(none.status, 401);
  EXPECT_THAT(none.headers.at("www-authenticate"), StartsWith("Basic"));
  EXPECT_EQ(server.Get("/-/healthy").status, 200);
  EXPECT_EQ(server.Get("/metrics", bearer("wrong")).status, 401);
  EXPECT_EQ(server.Get("/metrics", bearer("secret-g")).status, 200);
  EXPECT_EQ(server.Get("/metrics", bearer("secret-w")).status, 403);
  EXPECT_EQ(server.Ask("POST", "/webhook", bearer("secret-w")).status, 404);
  EXPECT_EQ(server.Ask("POST", "/-/reload", bearer("secret-g")).status, 403);
  EXPECT_EQ(server.Ask("POST", "/-/reload", bearer("secret-a")).status, 400);
  // Where the sender signs, the handler judges, with or without a token.
  EXPECT_EQ(server.Ask("POST", "/webhook/signed").status, 404);
  EXPECT_EQ(server.Ask("POST", "/webhook/signed", bearer("secret-g")).status, 404);
  EXPECT_EQ(server.Ask("POST", "/webhook/signed", "Sec-Fetch-Site: cross-site\r\n").status, 403);
  EXPECT_EQ(server.Ask("POST", "/webhook/other").status, 401);
  // grafana:secret-g, and the right secret under another name
  EXPECT_EQ(server.Get("/metrics", "Authorization: Basic Z3JhZmFuYTpzZWNyZXQtZw==\r\n").status,
            200);
  EXPECT_EQ(server.Get("/metrics", "Authorization: Basic YW5uOnNlY3JldC1n\r\n").status, 401);
  EXPECT_EQ(server.Get("/metrics", "Authorization: Basic !!!\r\n").status, 401);
  // With a token any Host may stand there: a proxy's.
  EXPECT_EQ(server.Get("/metrics", "Host: other.example\r\n" + bearer("secret-g")).status, 200);
}

TEST(Auth, BadTokenFilesAreExplained) {
  const std::string hash(64, 'a');
  for (const auto& [text, want] : std::vector<std::pair<std::string, std::string>>{
           {"ann operate", "t:1: expected NAME ROLE SHA256"},
           {"\nann admin " + hash, "t:2: the role"},
           {"ann read 123", "t:1: the third word"},
           {"a:b read " + hash, "t:1: a token's name"}}) {
    const auto tokens = ParseTokens(text, "t");
    ASSERT_FALSE(tokens);
    EXPECT_THAT(tokens.error().message, StartsWith(want));
  }
  EXPECT_EQ(ReadTokenFile("/nonexistent").error().kind, base::ErrorKind::kUnavailable);
}

TEST(Auth, SameOriginComparesHostAndPort) {
  EXPECT_TRUE(IsSameOrigin("http://a:8001", "a:8001", false));
  EXPECT_TRUE(IsSameOrigin("http://a", "a:80", false));
  EXPECT_TRUE(IsSameOrigin("https://a", "a", false));  // TLS ends at a proxy
  EXPECT_FALSE(IsSameOrigin("http://a", "a", true));
  EXPECT_FALSE(IsSameOrigin("http://a:8002", "a:8001", false));
  EXPECT_FALSE(IsSameOrigin("null", "a", false));
  EXPECT_FALSE(IsSameOrigin("http://", "", false));
}

TEST(Events, NamedEventsReachWhoAskedForThem) {
  TestServer server;
  RawClient all(server.address());
  all.Send("GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\nLast-Event-ID: 7\r\n\r\n");
  RawClient some(server.address());
  some.Send("GET /api/v1/events?names=incident HTTP/1.1\r\nHost: localhost\r\n\r\n");
  ASSERT_TRUE(all.WaitFor("event: hello"));
  ASSERT_TRUE(some.WaitFor("\"version\":\"9.9\""));
  server.On([&] {
    server.events().Publish("sample", "{\"target\":\"web1\"}");
    server.events().Publish("incident", "{\"x\":\n1}");
  });
  ASSERT_TRUE(all.WaitFor("id: 1\nevent: sample\ndata: {\"target\":\"web1\"}\n\n"));
  ASSERT_TRUE(some.WaitFor("event: incident\ndata: {\"x\": 1}\n\n"));
  const auto text = some.Take();
  EXPECT_THAT(text, HasSubstr("text/event-stream"));
  EXPECT_THAT(text, Not(HasSubstr("event: sample")));
  server.On([&] { server.events().Close(); });
  EXPECT_TRUE(all.ClosedWithin(5000));
}

TEST(Events, SamplesWaitForEachOtherAndForNothingElse) {
  TestServer::limits = {.gather = 60s};
  TestServer server;
  TestServer::limits = {};
  RawClient client(server.address());
  client.Send("GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n");
  ASSERT_TRUE(client.WaitFor("event: hello"));
  server.On([&] {
    server.events().Publish("sample", "{\"n\":1}");
    server.events().Publish("sample", "{\"n\":2}");
  });
  server.On([&] { server.events().Publish("alert", "{}"); });
  ASSERT_TRUE(client.WaitFor("event: alert"));
  EXPECT_THAT(client.Take(), HasSubstr("data: {\"n\":1}\n\nid: 2\nevent: sample\n"));
}

TEST(Events, SlowClientsAreDroppedAndHeartbeatsCome) {
  TestServer::limits = {.events = 8, .bytes = 4096, .clients = 2, .heartbeat = 50ms};
  TestServer server;
  TestServer::limits = {};
  RawClient client(server.address());
  client.Send("GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n");
  ASSERT_TRUE(client.WaitFor(": heartbeat\n\n"));
  RawClient second(server.address());
  second.Send("GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n");
  ASSERT_TRUE(second.WaitFor("hello"));
  EXPECT_EQ(server.Get("/api/v1/events").status, 503);
  server.On([&] {
    for (int i = 0; i < 100; ++i) {
      server.events().Publish("sample", "{}");
    }
  });
  EXPECT_TRUE(client.ClosedWithin(5000));
  server.On([&] { EXPECT_EQ(server.events().dropped_clients(), 2U); });
}

}  // namespace
}  // namespace api
