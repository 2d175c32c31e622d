// The readers and decisions behind the causes of nginx's site, of containers and of units.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "diagnosis/container/container.h"
#include "diagnosis/examine.h"
#include "diagnosis/facts.h"
#include "diagnosis/look.h"
#include "diagnosis/nginx/certificate.h"
#include "diagnosis/nginx/log.h"
#include "diagnosis/nginx/site.h"
#include "diagnosis/nginx/upstream.h"
#include "diagnosis/parse/docker.h"
#include "diagnosis/parse/nginx_check.h"
#include "diagnosis/parse/nginx_config.h"
#include "diagnosis/parse/systemd.h"
#include "diagnosis/recorded_testing.h"
#include "diagnosis/service/unit.h"

namespace diagnosis {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<std::string> UpstreamsOf(const std::string& text, std::string_view host = "x",
                                     std::uint16_t port = 80) {
  std::vector<std::string> out;
  const auto site = parse::ReadSite(text, host, port);
  EXPECT_TRUE(site);
  for (const auto& upstream : site->upstreams) {
    out.push_back(upstream.scheme + " " + upstream.address);
  }
  return out;
}

TEST(Upstreams, OfTheLabsSite) {
  EXPECT_THAT(UpstreamsOf(Recorded("nginx_T.txt")), ElementsAre("http 127.0.0.1:8080"));
}

TEST(Upstreams, GroupsSocketsAndOtherProtocols) {
  EXPECT_THAT(UpstreamsOf("upstream a { server 10.0.0.1:81 weight=2; server b; server c:9 down; "
                          "server d:9 backup; server unix:/run/a.sock; }"
                          "server { listen 80; location /x { fastcgi_pass unix:/run/php/fpm.sock; }"
                          "location / { proxy_pass http://a/api; } location /v { proxy_pass "
                          "http://$backend; } location /t { proxy_pass https://t; } location /g { "
                          "proxy_pass http://unix:/run/g.sock:/uri/; } location /6 { proxy_pass "
                          "http://[::1]:8080; } }"),
              ElementsAre("http 10.0.0.1:81", "http b:80", "http unix:/run/a.sock",
                          "fastcgi unix:/run/php/fpm.sock", "https t:443", "http unix:/run/g.sock",
                          "http [::1]:8080"));
}

TEST(Site, IsPickedByPortThenName) {
  const std::string text =
      "server { listen 80 default_server; root /default; }"
      "server { listen 8443 ssl; server_name *.shop.test; root /shop; ssl_certificate /c.pem; }"
      "server { listen [::]:80; server_name www.test; root /www; error_log /l.log; }";
  EXPECT_EQ(parse::ReadSite(text, "www.test", 80)->root, "/www");
  EXPECT_EQ(parse::ReadSite(text, "www.test", 80)->error_log, "/l.log");
  EXPECT_EQ(parse::ReadSite(text, "other.test", 80)->root, "/default");
  EXPECT_EQ(parse::ReadSite(text, "a.shop.test", 8443)->certificate, "/c.pem");
  EXPECT_EQ(parse::ReadSite(text, "a.shop.test", 80)->root, "/default");
}

TEST(Asked, UrlsOfTargets) {
  const auto asked = nginx::ReadAsked("https://ops@shop.test:8443/a/b?c=d#e");
  EXPECT_EQ(asked.host, "shop.test");
  EXPECT_EQ(asked.port, 8443);
  EXPECT_TRUE(asked.tls);
  EXPECT_EQ(asked.path, "/a/b");
  EXPECT_EQ(nginx::ReadAsked("https://x").port, 443);
  EXPECT_EQ(nginx::ReadAsked("http://[2001:db8::1]/").host, "[2001:db8::1]");
  EXPECT_EQ(nginx::ReadAsked("10.0.0.1").host, "10.0.0.1");
  EXPECT_EQ(nginx::ReadAsked("http://x/a b\r\nHost: y").path, "/");
}

TEST(NginxTest, TellsConfigurationCertificateNameAndLogApart) {
  const auto cause = [](const std::string& line) {
    return parse::ReadNginxCheck("nginx: " + line + "\nnginx: configuration file /x test failed\n")
        .cause;
  };
  EXPECT_EQ(cause("[emerg] unknown directive \"indexx\" in /etc/nginx/x:15"),
            "nginx-config-invalid");
  EXPECT_EQ(cause("[emerg] host not found in upstream \"app.invalid:8080\" in /x:3"),
            "nginx-upstream-unresolved");
  EXPECT_EQ(cause("[emerg] cannot load certificate \"/etc/ssl/certs/web.pem\": BIO_new_file()"),
            "nginx-certificate-unusable");
  EXPECT_EQ(cause("[emerg] open() \"/var/log/nginx/access.log\" failed (2: No such file)"),
            "nginx-log-unwritable");
  EXPECT_EQ(cause("[emerg] open() \"/etc/nginx/mime.types\" failed (2: No such file)"),
            "nginx-config-invalid");
  EXPECT_FALSE(parse::ReadNginxCheck("nginx: configuration file /x test is successful\n").failed);
}

TEST(Talk, WhatTheScriptSays) {
  using Fate = nginx::Talk::Fate;
  EXPECT_EQ(nginx::ReadTalk(0, "HTTP/1.1 502 Bad Gateway\n").status, 502);
  EXPECT_EQ(nginx::ReadTalk(0, "").fate, Fate::kAnswered);
  EXPECT_EQ(nginx::ReadTalk(3, "").fate, Fate::kSilent);
  EXPECT_EQ(nginx::ReadTalk(4, "").fate, Fate::kClosed);
  EXPECT_EQ(nginx::ReadTalk(124, "").fate, Fate::kNoConnect);
  const auto refused = nginx::ReadTalk(1,
                                       "raksa: connect: Connection refused\n"
                                       "raksa: line 1: /dev/tcp/127.0.0.1/8099: Connection "
                                       "refused\n");
  EXPECT_EQ(refused.fate, Fate::kRefused);
  EXPECT_EQ(refused.said, "Connection refused");
  EXPECT_EQ(nginx::ReadTalk(1,
                            "raksa: app.invalid: Name or service not known\nraksa: line 1: "
                            "/dev/tcp/app.invalid/80: Invalid argument\n")
                .fate,
            Fate::kUnresolved);
  EXPECT_EQ(nginx::ReadTalk(127, "timeout: failed to run command 'bash'\n").fate, Fate::kUnknown)
      << "no bash is no proof";
  std::string host;
  std::string port;
  EXPECT_TRUE(nginx::SplitAddress("[::1]:80", host, port));
  EXPECT_EQ(host, "::1");
  for (const auto bad : {"x", ":80", "a:0", "a:99999", "-x:80", "$(id):80", "a b:80", "a/b:80"}) {
    EXPECT_FALSE(nginx::SplitAddress(bad, host, port)) << bad;
  }
}

TEST(ErrorLog, OnlyWhatIsYoung) {
  const std::string log =
      "2026/11/25 03:35:00 [error] 1#1: *1 old\n"
      "garbage\n"
      "2026/11/25 03:36:30 [alert] 1#1: 6 worker_connections are not enough\n";
  const auto lines = nginx::LatelySaid(log, "2026/11/25 03:36:00");
  EXPECT_EQ(lines.size(), 1u);
  EXPECT_EQ(nginx::LimitHit(lines), "nginx-connections-exhausted");
  EXPECT_EQ(nginx::LimitHit({"x accept4() failed (24: Too many open files)"}),
            "nginx-files-exhausted");
  EXPECT_THAT(nginx::LatelySaid(log, "yesterday"), IsEmpty());
}

TEST(Certificate, EndDates) {
  EXPECT_EQ(
      base::FormatRfc3339(*nginx::ReadEndDate("notAfter=Nov  5 03:36:12 2026 GMT\n")).substr(0, 19),
      "2026-11-05T03:36:12");
  EXPECT_FALSE(nginx::ReadEndDate("notAfter=\n"));
  EXPECT_FALSE(nginx::ReadEndDate("notAfter=Foo 1 1:1:1 2026 GMT"));
  EXPECT_FALSE(nginx::ReadEndDate("Could not open file\n"));
}

TEST(StartFault, DockersWords) {
  using container::StartFault;
  EXPECT_EQ(StartFault("driver failed: listen tcp4 0.0.0.0:80: bind: address already in use"),
            "container-address-in-use");
  EXPECT_EQ(StartFault("network 4a3f not found"), "container-network-missing");
  EXPECT_EQ(StartFault("invalid mount config for type \"bind\": bind source path does not exist: "
                       "/srv/x"),
            "container-mount-missing");
  EXPECT_EQ(StartFault("cannot join network of a non running container: 12ab"),
            "container-network-owner-down");
  EXPECT_EQ(StartFault("mkdir /var/lib/docker/x: no space left on device"), "container-no-space");
  EXPECT_EQ(StartFault("OCI runtime create failed: something new"), "");
  EXPECT_EQ(StartFault(""), "");
}

TEST(Loops, StartedAgainAMomentAgo) {
  parse::Container c;
  c.running = true;
  c.restarts = 5;
  const auto now = base::Time(std::chrono::seconds(1'000'000));
  c.started = now - std::chrono::seconds(2);
  EXPECT_TRUE(container::Loops(c, now));
  c.started = now - std::chrono::minutes(5);
  EXPECT_FALSE(container::Loops(c, now)) << "it has held since";
  c.started = now;
  c.restarts = 1;
  EXPECT_FALSE(container::Loops(c, now));
}

parse::Container Named(const std::string& name, const std::string& service = "",
                       const std::string& depends = "", const std::string& network = "web") {
  parse::Container c;
  c.name = name;
  c.id = std::string(60, '0') + name.substr(0, 4);
  c.compose_project = service.empty() ? "" : "shop";
  c.compose_service = service;
  c.compose_depends = depends;
  c.network_mode = network;
  return c;
}

TEST(Family, ComposeLabelsAndSharedNetworks) {
  const auto db = Named("shop-db-1", "db");
  const auto web =
      Named("shop-web-1", "web", "db:service_healthy:true,cache:service_started:false");
  const auto vpn = Named("vpn1");
  const auto job = Named("job", "", "", "container:" + vpn.id);
  const std::vector<parse::Container> all = {db, web, vpn, job};
  EXPECT_THAT(parse::DependsOn(web, all), ElementsAre("shop-db-1"));
  EXPECT_THAT(parse::DependantsOf(db, all), ElementsAre("shop-web-1"));
  EXPECT_THAT(parse::DependsOn(job, all), ElementsAre("vpn1"));
  EXPECT_THAT(parse::DependantsOf(vpn, all), ElementsAre("job"));
  EXPECT_THAT(parse::DependantsOf(job, all), IsEmpty());
}

model::Finding At(const std::string& component, const std::string& cause, int depth) {
  model::Finding finding;
  finding.component = component;
  finding.cause = cause;
  finding.depth = depth;
  return finding;
}

TEST(Judge, WhatDockerSaysIsNeededStandsBelowWhateverTheOrder) {
  Examination e;
  e.findings = {At("nginx", "nginx-upstream-refused", 0), At("container:db", "container-killed", 1),
                At("container:web", "container-application-error", 2)};
  e.findings[2].details.emplace_back("needs", "db");
  Judge(e);
  EXPECT_EQ(e.component, "container:db");
  EXPECT_EQ(e.findings[2].consequence_of, "container:db");
  EXPECT_EQ(e.findings[0].consequence_of, "container:db");
}

TEST(Judge, TwoThatNeedEachOtherEnd) {
  Examination e;
  e.findings = {At("container:a", "container-killed", 0), At("container:b", "container-killed", 1)};
  e.findings[0].details.emplace_back("needs", "b");
  e.findings[1].details.emplace_back("needs", "a");
  Judge(e);
  EXPECT_EQ(e.cause, "container-killed");
}

TEST(Judge, AFullDiskDoesNotKill) {
  Examination e;
  e.findings = {At("nginx", "service-killed", 0), At("container:web", "container-no-space", 1),
                At("host", "host-disk-full", 2)};
  Judge(e);
  EXPECT_EQ(e.cause, "host-disk-full");
  EXPECT_EQ(e.findings[1].consequence_of, "host");
  EXPECT_EQ(e.findings[0].consequence_of, "");
}

TEST(Unit, NeedsAndConditions) {
  const auto units = parse::ReadUnits(
      "Id=a.service\nLoadState=loaded\nActiveState=inactive\nSubState=dead\nResult=success\n"
      "Requires=sysinit.target b.service\nBindsTo=dev-sda1.device\nConditionResult=no\n"
      "ConditionTimestampMonotonic=12\n");
  ASSERT_TRUE(units);
  EXPECT_THAT(units->front().requires_units,
              ElementsAre("sysinit.target", "b.service", "dev-sda1.device"));
  EXPECT_TRUE(units->front().condition_failed);
  const auto never = parse::ReadUnits(
      "Id=a.service\nLoadState=loaded\nActiveState=inactive\nConditionResult=no\n"
      "ConditionTimestampMonotonic=0\n");
  EXPECT_FALSE(never->front().condition_failed) << "nobody has tried to start it";
}

TEST(Unit, ProgramsThatCannotBegin) {
  parse::Unit unit{.id = "a.service",
                   .load_state = "loaded",
                   .active_state = "failed",
                   .result = "exit-code",
                   .exit_code = 1,
                   .exit_status = 203};
  EXPECT_EQ(service::CauseOf(unit), "service-exec-failed");
  unit.exit_status = 3;
  EXPECT_EQ(service::CauseOf(unit), "service-failed");
}

TEST(Facts, TheScriptIsGoodShell) {
  // A formatter once took this text for C++.
  const auto script = FactsCommand().argv.back();
  EXPECT_NE(script.find("if [ -e \"$f\" ]; then"), std::string::npos);
  EXPECT_NE(script.find("$(head -n 1 \"$f\" | head -c 100)"), std::string::npos);
}

}  // namespace
}  // namespace diagnosis
