// Tests of the readers: every sender's messages, by path and by shape.
#include "alert/inbound/inbound.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "alert/inbound/world_testing.h"

namespace alert::inbound {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr std::string_view kAny = "/api/v1/webhook";
const base::Time kFixtureStart{std::chrono::seconds(1'772'575'200)};

std::string Error(std::string_view path, std::string_view body) {
  const auto read = Read(path, "", body, TestContext());
  EXPECT_FALSE(read) << body;
  return read ? "" : read.error().message;
}

TEST(GrafanaLegacy, TheSourcesPortAlert) {
  const auto in = TakeFixture("/shs", "grafana_legacy_port.json");
  ASSERT_THAT(in.alerts, SizeIs(1));
  const auto& alert = in.alerts[0];
  EXPECT_EQ(in.sender, "shs");
  EXPECT_EQ(alert.source, "shs");
  EXPECT_EQ(alert.labels, (model::Labels{{"alertname", "Ports of the shop"},
                                         {"instance", "localhost:8001"},
                                         {"ip", "192.0.2.21"},
                                         {"job", "prometheus"},
                                         {"metric", "port"},
                                         {"port", "443"},
                                         {"rule_id", "2/31"},
                                         {"severity", "critical"},
                                         {"source", "shs"},
                                         {"target", "shop"},
                                         {"url", "192.0.2.21"}}));
  EXPECT_EQ(alert.value, 0);
  EXPECT_TRUE(alert.Firing());
  EXPECT_EQ(alert.starts_at, kTestNow);
  EXPECT_EQ(alert.annotations.Get("summary"), "Monitoring: Port : no response");
  EXPECT_EQ(alert.generator_url, "http://grafana.test:3000/d/b/board?tab=alert");
  EXPECT_THAT(in.ignored, IsEmpty());
}

TEST(GrafanaLegacy, EachMatchIsAnAlert) {
  const auto in = TakeFixture(kAny, "grafana_legacy_http.json");
  ASSERT_THAT(in.alerts, SizeIs(2));
  EXPECT_EQ(in.sender, "grafana");
  EXPECT_EQ(in.alerts[0].Target(), "shop");
  EXPECT_EQ(in.alerts[0].Metric(), "http_code");
  EXPECT_EQ(in.alerts[0].value, 500);
  EXPECT_EQ(in.alerts[0].labels.Get("severity"), "major");
  EXPECT_EQ(in.alerts[1].Target(), "blog");
  EXPECT_EQ(in.alerts[1].value, 404);
}

TEST(GrafanaLegacy, OkEndsWhatTheRuleStarted) {
  Manager manager;
  auto firing = TakeFixture(kAny, "grafana_legacy_http.json");
  manager.Receive(firing.alerts, kTestNow);
  manager.Tick(kTestNow + std::chrono::seconds(60));
  ASSERT_THAT(manager.Views(), SizeIs(2));

  const auto ok = TakeFixture(kAny, "grafana_legacy_ok.json");
  EXPECT_THAT(ok.alerts, IsEmpty());
  ASSERT_THAT(ok.ends, SizeIs(1));
  const auto other_source = TakeFixture("/shs", "grafana_legacy_ok.json");
  EXPECT_THAT(EndedBy(other_source.ends, manager.Views(), kTestNow), IsEmpty());
  const auto later = kTestNow + std::chrono::seconds(61);
  const auto changes = manager.Receive(EndedBy(ok.ends, manager.Views(), later), later);
  EXPECT_THAT(changes, SizeIs(2));
  EXPECT_THAT(manager.Views(), IsEmpty());
}

TEST(GrafanaLegacy, OtherStatesMeanNothing) {
  for (const std::string state : {"paused", "pending", "no_data", "", "weird"}) {
    const auto in = Take(kAny, R"({"ruleId":1,"ruleName":"r","state":")" + state +
                                   R"(","evalMatches":[{"value":0,"tags":{"ip":"192.0.2.21"}}]})");
    EXPECT_THAT(in.alerts, IsEmpty()) << state;
    EXPECT_THAT(in.ends, IsEmpty()) << state;
    EXPECT_THAT(in.ignored, ElementsAre(HasSubstr("state")));
  }
}

TEST(GrafanaLegacy, LegendTagsAndValuesInEveryForm) {
  const auto metric = [](const std::string& match) {
    const auto in = Take(kAny, R"({"ruleId":4,"ruleName":"r","state":"alerting","tags":{"ip":)"
                               R"("192.0.2.21"},"evalMatches":[)" +
                                   match + "]}");
    EXPECT_THAT(in.alerts, SizeIs(1)) << match;
    return in.alerts.empty() ? model::Alert{} : in.alerts[0];
  };
  EXPECT_EQ(metric(R"({"metric":"ping{ip=\"192.0.2.21\"}","tags":null,"value":0})").Metric(),
            "ping");
  EXPECT_EQ(metric(R"({"metric":"Count","tags":null,"value":1.5})").Metric(), "");
  EXPECT_EQ(metric(R"({"metric":"Count","value":"91.25"})").value, 91.25);
  EXPECT_TRUE(std::isnan(metric(R"({"value":null})").value));
  EXPECT_TRUE(std::isnan(metric(R"({"value":"NaN"})").value));
  EXPECT_TRUE(std::isnan(metric(R"({"value":"much"})").value));
  EXPECT_TRUE(std::isnan(metric(R"({"value":{"a":1}})").value));
  EXPECT_EQ(metric(R"({"value":1e300})").value, 1e300);
  EXPECT_EQ(metric(R"({"value":18446744073709551615})").value, 18446744073709551615.0);
}

TEST(GrafanaLegacy, TestNoticeIsIgnored) {
  for (const auto* path : {"/shs", "/api/v1/webhook", "/api/v1/webhook/grafana"}) {
    const auto in = TakeFixture(path, "grafana_legacy_test.json");
    EXPECT_THAT(in.alerts, IsEmpty());
    EXPECT_THAT(in.ignored, ElementsAre(HasSubstr("test notice")));
    EXPECT_EQ(in.unknown_targets, 0);
  }
}

TEST(Grafana, UnifiedAlerts) {
  const auto in = TakeFixture(kAny, "grafana_unified.json");
  ASSERT_THAT(in.alerts, SizeIs(2));
  EXPECT_EQ(in.sender, "grafana");
  EXPECT_EQ(in.alerts[0].Target(), "shop");
  EXPECT_EQ(in.alerts[0].Metric(), "port");
  EXPECT_EQ(in.alerts[0].labels.Get("port"), "443");  // of the instance
  EXPECT_EQ(in.alerts[0].value, 0);
  EXPECT_EQ(base::FormatRfc3339(in.alerts[0].starts_at), "2026-03-03T22:01:40.000Z");  // not later
  EXPECT_TRUE(in.alerts[0].Firing());
  EXPECT_EQ(in.alerts[1].Target(), "blog");
  EXPECT_EQ(in.alerts[1].Metric(), "cpu_percent");
  EXPECT_EQ(in.alerts[1].labels.Get("severity"), "warning");
  EXPECT_EQ(base::FormatRfc3339(in.alerts[1].ends_at), "2026-03-03T22:00:00.000Z");
  EXPECT_THAT(in.ignored, ElementsAre(HasSubstr("left out 2 alerts"), HasSubstr("DatasourceNoData"),
                                      HasSubstr("for want of data")));
}

TEST(Grafana, NeverForDataSourceTroublesNorTests) {
  EXPECT_THAT(TakeFixture(kAny, "grafana_unified_test.json").alerts, IsEmpty());
  for (const std::string name : {"DatasourceNoData", "DatasourceError", "TestAlert"}) {
    for (const std::string status : {"firing", "resolved"}) {
      const auto in =
          Take(kAny, R"({"version":"1","alerts":[{"status":")" + status +
                         R"(","labels":{"target":"shop","metric":"ping","alertname":")" + name +
                         R"("}}]})");
      EXPECT_THAT(in.alerts, IsEmpty()) << name;
      EXPECT_THAT(in.ignored, ElementsAre(HasSubstr(name)));
      EXPECT_EQ(in.unknown_targets, 0);
    }
  }
}

TEST(Alertmanager, FiresResolvesAndNamesUnknownTargets) {
  const auto in = TakeFixture(kAny, "alertmanager.json");
  ASSERT_THAT(in.alerts, SizeIs(2));
  EXPECT_EQ(in.alerts[0].Target(), "shop");
  EXPECT_EQ(in.alerts[0].Metric(), "");
  EXPECT_EQ(in.alerts[0].value, 503);
  EXPECT_EQ(in.alerts[0].starts_at, kFixtureStart);
  EXPECT_EQ(in.alerts[0].labels.Get("severity"), "page");
  EXPECT_EQ(in.alerts[0].generator_url, "http://prom.test:9090/graph?g0.expr=x");
  EXPECT_FALSE(in.alerts[1].Firing());
  EXPECT_EQ(in.unknown_targets, 1);
  EXPECT_THAT(in.ignored,
              ElementsAre("alert \"SiteDown\": unknown target \"http://other.test/\" (instance)"));
}

TEST(Alertmanager, OnlyNewsStartsSomething) {
  const auto with = [](const std::string& reason) {
    return Take(kAny,
                R"({"version":"4","groupKey":"g","notification_reason":")" + reason +
                    R"(","alerts":[{"status":"firing","labels":{"alertname":"a","target":"shop"}},)"
                    R"({"status":"resolved","labels":{"alertname":"b","target":"shop"}}]})");
  };
  for (const auto* reason : {"first notification", "new alerts added", ""}) {
    EXPECT_THAT(with(reason).alerts, SizeIs(2)) << reason;
  }
  for (const auto* reason : {"some alerts resolved", "all alerts resolved",
                             "repeat interval elapsed", "none", "unknown", "of later versions"}) {
    const auto in = with(reason);
    ASSERT_THAT(in.alerts, SizeIs(1)) << reason;
    EXPECT_EQ(in.alerts[0].Name(), "b");  // an end is always good news
    EXPECT_EQ(in.alerts[0].ends_at, kTestNow);
    EXPECT_THAT(in.ignored, ElementsAre(HasSubstr("told before")));
  }
}

TEST(AlertmanagerApi, StartsEndsAndExpires) {
  for (const auto path : {std::string_view("/api/v2/alerts"), kAny}) {
    const auto in = TakeFixture(path, "alertmanager_api_v2.json");
    ASSERT_THAT(in.alerts, SizeIs(3));
    EXPECT_EQ(in.sender, "alertmanager");
    EXPECT_EQ(in.alerts[0].Metric(), "cpu_percent");
    EXPECT_EQ(in.alerts[0].value, 97.5);
    EXPECT_EQ(in.alerts[0].starts_at, kTestNow);
    EXPECT_TRUE(in.alerts[0].Firing());
    EXPECT_LT(in.alerts[1].ends_at, kTestNow);
    EXPECT_GT(in.alerts[2].ends_at, kTestNow);
    EXPECT_EQ(in.alerts[2].labels.Get("severity"), "critical");
  }
  EXPECT_THAT(Take("/api/v2/alerts", "[]").alerts, IsEmpty());
}

TEST(AlertmanagerApi, ZeroTimesOfGoAreNone) {
  const auto in =
      Take(kAny, R"([{"labels":{"target":"shop","alertname":"x"},)"
                 R"("startsAt":"0001-01-01T00:00:00Z","endsAt":"0001-01-01T00:00:00Z"}])");
  ASSERT_THAT(in.alerts, SizeIs(1));
  EXPECT_EQ(in.alerts[0].starts_at, kTestNow);
  EXPECT_TRUE(in.alerts[0].Firing());
}

TEST(Zabbix, AnsibleTypeExpiresByItself) {
  const auto in = TakeFixture(kAny, "zabbix_ansible.json");
  ASSERT_THAT(in.alerts, SizeIs(1));
  const auto& alert = in.alerts[0];
  EXPECT_EQ(alert.Target(), "shop");  // by name; 127.0.0.1 is Zabbix's own
  EXPECT_EQ(alert.Metric(), "port");
  EXPECT_EQ(alert.labels.Get("port"), "443");
  EXPECT_EQ(alert.labels.Get("scope"), "availability,web");
  EXPECT_EQ(alert.labels.Get("severity"), "critical");
  EXPECT_EQ(alert.starts_at, kFixtureStart);
  EXPECT_EQ(alert.ends_at, kTestNow + std::chrono::hours(1));
  EXPECT_TRUE(std::isnan(alert.value));
}

TEST(Zabbix, OurTypeBeginsAndEnds) {
  Manager manager;
  const auto problem = TakeFixture("/api/v1/webhook/zabbix", "zabbix_own_problem.json");
  ASSERT_THAT(problem.alerts, SizeIs(1));
  const auto& alert = problem.alerts[0];
  EXPECT_EQ(alert.Target(), "blog");
  EXPECT_EQ(alert.Metric(), "cpu_percent");
  EXPECT_EQ(alert.value, 91.5);
  EXPECT_EQ(alert.labels.Get("team"), "web");
  EXPECT_EQ(alert.labels.Get("severity"), "warning");
  EXPECT_FALSE(alert.labels.Has("host_host"));  // *UNKNOWN*
  EXPECT_EQ(alert.generator_url, "");
  EXPECT_TRUE(alert.Firing());
  manager.Receive(problem.alerts, kTestNow);
  // The tags have changed meanwhile: the trigger's id ends it.
  const auto recovery = TakeFixture("/api/v1/webhook/zabbix", "zabbix_own_recovery.json");
  ASSERT_THAT(recovery.alerts, SizeIs(1));
  EXPECT_NE(recovery.alerts[0].labels, alert.labels);
  EXPECT_THAT(EndedBy(recovery.ends, manager.Views(), kTestNow), SizeIs(1));
}

TEST(Zabbix, OtherEventsAreIgnored) {
  const auto with = [](const std::string& more) {
    return Take(kAny,
                R"({"event_nseverity":"4","event_name":"n","host_host":"shop",)" + more + "}");
  };
  EXPECT_THAT(with(R"("event_value":"1")").alerts, SizeIs(1));
  EXPECT_THAT(with(R"("event_value":1,"event_source":"3")").ignored,
              ElementsAre(HasSubstr("trigger")));
  EXPECT_THAT(with(R"("event_value":1,"event_update_status":"1")").ignored,
              ElementsAre(HasSubstr("acknowledged")));
  EXPECT_THAT(with(R"("event_value":"{EVENT.VALUE}")").ignored,
              ElementsAre(HasSubstr("event_value")));
  EXPECT_THAT(with(R"("event_value":"1","event_tags":"[{broken")").alerts, SizeIs(1));
}

TEST(Kuma, DownAndUp) {
  Manager manager;
  const auto down = TakeFixture(kAny, "kuma_down.json");
  ASSERT_THAT(down.alerts, SizeIs(1));
  const auto& alert = down.alerts[0];
  EXPECT_EQ(alert.Target(), "shop");
  EXPECT_EQ(alert.Metric(), "http_code");
  EXPECT_EQ(alert.value, 502);
  EXPECT_EQ(alert.labels.Get("monitor_url"), "https://shop.test/health");  // no password
  EXPECT_EQ(alert.labels.Get("env"), "prod");
  EXPECT_EQ(base::FormatRfc3339(alert.starts_at), "2026-03-03T22:00:00.125Z");
  manager.Receive(down.alerts, kTestNow);
  const auto up = TakeFixture(kAny, "kuma_up.json");
  ASSERT_THAT(up.alerts, SizeIs(1));
  EXPECT_EQ(up.alerts[0].labels, alert.labels);
  EXPECT_EQ(up.alerts[0].ends_at, kTestNow);
  manager.Receive(up.alerts, kTestNow);
  EXPECT_THAT(manager.Views(), IsEmpty());
}

TEST(Kuma, PortsPingsAndStates) {
  const auto port = TakeFixture("/api/v1/webhook/kuma", "kuma_port_down.json");
  ASSERT_THAT(port.alerts, SizeIs(1));
  EXPECT_EQ(port.alerts[0].Target(), "blog");
  EXPECT_EQ(port.alerts[0].Metric(), "port");
  EXPECT_EQ(port.alerts[0].labels.Get("port"), "8443");
  EXPECT_EQ(port.alerts[0].value, 0);
  const auto with = [](const std::string& status, const std::string& type) {
    return Take(kAny, R"({"msg":"m","heartbeat":{"status":)" + status + R"(,"msg":"timeout"},)" +
                          R"("monitor":{"id":9,"name":"shop","type":")" + type + R"("}})");
  };
  EXPECT_EQ(with("0", "ping").alerts.at(0).Metric(), "ping");
  EXPECT_EQ(with("0", "keyword").alerts.at(0).value, 0);
  EXPECT_EQ(with("0", "docker").alerts.at(0).Metric(), "");
  EXPECT_TRUE(std::isnan(with("0", "docker").alerts.at(0).value));
  EXPECT_THAT(with("2", "ping").alerts, IsEmpty());
  EXPECT_FALSE(with("3", "ping").alerts.at(0).Firing());
  EXPECT_THAT(with("7", "ping").ignored, ElementsAre(HasSubstr("unknown status")));
}

TEST(Kuma, TestsAndForms) {
  const auto test = TakeFixture(kAny, "kuma_test.json");
  EXPECT_THAT(test.alerts, IsEmpty());
  EXPECT_THAT(test.ignored, ElementsAre(HasSubstr("raksa Testing")));
  const auto form = Fixture("kuma_down.form");
  for (const auto* type : {"multipart/form-data; boundary=--axios.boundary.42",
                           "Multipart/Form-Data; boundary=\"--axios.boundary.42\"", ""}) {
    const auto in = Read(kAny, type, form, TestContext());
    ASSERT_TRUE(in) << in.error().message;
    EXPECT_THAT(in->alerts, SizeIs(1));
  }
  for (std::size_t n = 0; n < form.size() - 25; n += 3) {  // cut anywhere: an error, no harm
    EXPECT_FALSE(Read(kAny, "multipart/form-data; boundary=--axios.boundary.42",
                      std::string_view(form).substr(0, n), TestContext()));
  }
  EXPECT_FALSE(Read(kAny, "multipart/form-data", "{}", TestContext()));
  EXPECT_FALSE(Read(kAny, "multipart/form-data; boundary=\"", "--\r\n", TestContext()));
}

TEST(Read, PathsBindSenders) {
  EXPECT_THAT(Error("/api/v1/webhook/zabbix", Fixture("kuma_down.json")), HasSubstr("kuma"));
  EXPECT_THAT(Error("/api/v2/alerts", Fixture("grafana_unified.json")), HasSubstr("grafana"));
  EXPECT_THAT(Error("/shs", Fixture("alertmanager.json")), HasSubstr("alertmanager"));
  EXPECT_EQ(TakeFixture("/shs?x=1", "grafana_unified.json").sender, "grafana");
  EXPECT_EQ(TakeFixture("/webhook/alertmanager/", "alertmanager.json").sender, "alertmanager");
  // What lacks the usual marks is known by its path alone.
  EXPECT_EQ(Take("/api/v1/webhook/grafana", R"({"alerts":[]})").sender, "grafana");
  EXPECT_EQ(Take("/shs", R"({"title":"x"})").sender, "shs");
}

TEST(Read, WhatIsNoMessageIsAnError) {
  EXPECT_THAT(Error(kAny, ""), HasSubstr("empty"));
  EXPECT_THAT(Error(kAny, " \n"), HasSubstr("empty"));
  EXPECT_THAT(Error(kAny, "{"), HasSubstr("not JSON"));
  EXPECT_THAT(Error(kAny, "{} {}"), HasSubstr("not JSON"));
  EXPECT_THAT(Error(kAny, "\xff\xfe{}"), HasSubstr("not JSON"));
  EXPECT_THAT(Error(kAny, std::string(100'000, '[')), HasSubstr("not JSON"));
  EXPECT_THAT(Error(kAny, std::string(kMaxBody + 1, ' ')), HasSubstr("more than"));
  for (const auto* odd : {"{}", "[]", "1", "null", "\"x\"", "[1]", "[{}]", R"({"alerts":[]})",
                          R"({"version":"4"})", R"({"any":"thing"})"}) {
    EXPECT_THAT(Error(kAny, odd), HasSubstr("not of a kind")) << odd;
  }
}

TEST(Read, AdministratorsMappings) {
  auto context = TestContext();
  context.target_labels = {"vm"};
  context.metrics = {{"SiteDown", "http_code"}};
  const auto in =
      Read(kAny, "", R"([{"labels":{"alertname":"SiteDown","vm":"blog","instance":"192.0.2.21"}}])",
           context);
  ASSERT_TRUE(in && in->alerts.size() == 1);
  EXPECT_EQ(in->alerts[0].Target(), "blog");
  EXPECT_EQ(in->alerts[0].Metric(), "http_code");
  context.targets = nullptr;
  EXPECT_EQ(Read(kAny, "", R"([{"labels":{"ip":"192.0.2.21"}}])", context)->unknown_targets, 1);
}

TEST(Reply, TellsWhatWasDone) {
  EXPECT_EQ(
      Reply(TakeFixture(kAny, "kuma_test.json")),
      R"({"sender":"kuma","accepted":0,"ended":0,"unknown_targets":0,"ignored":["notice without a )"
      R"(heartbeat (a test, or a certificate's or domain's end): \"raksa Testing\""]})");
}

}  // namespace
}  // namespace alert::inbound
