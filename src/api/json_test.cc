// Tests of Raksa's own JSON and of the exposition format.
#include "api/json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <filesystem>

#include "api/server_testing.h"
#include "base/text.h"

namespace api {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr base::Time kStart = base::Time(1'700'000'000s);

model::Incident MakeIncident() {
  model::Incident out;
  out.id = "01K";
  out.target = "web1";
  out.title = "web1: http_code 500";
  out.state = model::IncidentState::kResolved;
  out.outcome = model::Outcome::kFixed;
  out.severity = "critical";
  out.opened = kStart;
  out.acted = kStart + 3s;
  out.closed = kStart + 66380ms;
  out.cause = "container-killed";
  model::Finding finding;
  finding.component = "container:web-database";
  finding.cause = "container-killed";
  finding.title = "Container killed";
  finding.cause_class = model::CauseClass::kRepair;
  finding.details = {{"Exit Code", "137"}};
  model::CommandRecord command;
  command.argv = {"docker", "ps"};
  command.exit_status = 0;
  command.output = "a\x1b[31mb\xff\n</script>";
  command.started = kStart;
  command.took = 83ms;
  finding.commands = {command};
  out.findings = {finding};
  out.timeline = {{1, kStart, "state", "confirming", R"({"state":"confirming"})"},
                  {2, kStart, "note", "x", "not json"}};
  return out;
}

TargetView MakeTarget() {
  auto target = std::make_shared<model::Target>();
  target->name = "web1";
  target->address = "192.0.2.11";
  target->labels = {{"site", "bangkok"}};
  target->application = {{"firewall", "", {}}, {"container", "web-database", {}}};
  TargetView out;
  out.target = target;
  out.status = TargetStatus::kDown;
  out.reason = "http_code 500";
  out.since = kStart;
  out.interval = 5s;
  out.recovery_mode = "auto";
  out.probes = {{"http", "http", false, "status 500", kStart, 21ms}};
  out.values = {{"http_code", {}, 500, kStart},
                {"cpu_percent", {}, 12.5, kStart},
                {"port", {{"port", "80"}}, std::numeric_limits<double>::quiet_NaN(), kStart}};
  return out;
}

TEST(Json, Fleet) {
  EXPECT_EQ(
      ToText(FleetJson({MakeTarget()}, kStart)),
      R"({"time":"2023-11-14T22:13:20.000Z","summary":{"targets":1,"up":0,"degraded":0,"down":1,"unknown":0,"alerts":0,"incidents":0},"targets":[{"name":"web1","address":"192.0.2.11","url":"","labels":{"site":"bangkok"},"application":["firewall","container:web-database"],"status":"down","reason":"http_code 500","since":"2023-11-14T22:13:20.000Z","last_probe":null,"interval_seconds":5,"recovery_mode":"auto","probes":[{"name":"http","kind":"http","success":false,"reason":"status 500","time":"2023-11-14T22:13:20.000Z","took_seconds":0.021}],"values":[{"name":"http_code","labels":{},"value":500,"time":"2023-11-14T22:13:20.000Z"},{"name":"cpu_percent","labels":{},"value":12.5,"time":"2023-11-14T22:13:20.000Z"},{"name":"port","labels":{"port":"80"},"value":"NaN","time":"2023-11-14T22:13:20.000Z"}],"alerts":[],"incident":null}]})");
}

TEST(Json, OfTheFleetTheWorstFirst) {
  std::vector<TargetView> targets(5, MakeTarget());
  using enum TargetStatus;
  const TargetStatus statuses[] = {kUp, kUnknown, kDegraded, kDegraded, kDown};
  for (std::size_t i = 0; i < targets.size(); ++i) {
    targets[i].status = statuses[i];
    targets[i].reason = std::to_string(i);
  }
  targets[3].incident = MakeIncident();
  const auto fleet = WorstJson(targets, 4, kStart);
  std::string order;
  for (const auto& row : fleet.at("targets").as_array()) {
    order += row.at("reason").as_string().c_str();
  }
  EXPECT_EQ(order, "4321") << "down, degraded with an incident, degraded, unknown";
  EXPECT_EQ(fleet.at("summary").at("targets").as_uint64(), 5U) << "the summary is of all";
}

TEST(Json, AnIncidentIsWholeAndPrintable) {
  const auto text = ToText(ToJson(MakeIncident()));
  EXPECT_THAT(text, HasSubstr(R"("outcome":"fixed")"));
  EXPECT_THAT(
      text,
      HasSubstr(
          R"("duration_seconds":66.38,"cause":"container-killed","cause_title":"Container killed")"));
  EXPECT_THAT(text, HasSubstr(R"("component":"container:web-database")"));
  EXPECT_THAT(text, HasSubstr(R"("verified":null)"));
  EXPECT_THAT(text, HasSubstr(R"("data":{"state":"confirming"})"));
  EXPECT_THAT(text, HasSubstr(R"("text":"x","data":{})"));
  EXPECT_THAT(text, Not(HasSubstr("\x1b")));
  const auto parsed = boost::json::parse(text);
  EXPECT_EQ(parsed.at("findings").at(0).at("class"), "repair");
  EXPECT_EQ(parsed.at("findings").at(0).at("commands").at(0).at("took_seconds"), 0.083);
}

TEST(Json, EventsAreOneLine) {
  const auto incident = MakeIncident();
  for (const auto& text :
       {IncidentEvent(incident, &incident.timeline[0]), IncidentEvent(incident, nullptr),
        SampleEvent("web1", kStart, MakeTarget().values),
        FleetEvent({MakeTarget()}, {MakeTarget()}, true), AlertEvent({})}) {
    EXPECT_THAT(text, Not(HasSubstr("\n")));
    EXPECT_NO_THROW(boost::json::parse(text)) << text;
  }
}

TEST(Json, Silences) {
  auto read = [](const char* text) { return ReadSilence(boost::json::parse(text), kStart, "ann"); };
  const auto ours = read(
      R"({"matchers":[{"name":"target","value":"web1"},{"name":"port","op":"=~","value":"80|443"}],"duration":"2h","comment":"kernel"})");
  ASSERT_TRUE(ours) << ours.error().message;
  EXPECT_EQ(
      ToText(ToJson(*ours, kStart)),
      R"({"id":"","kind":"silence","state":"active","matchers":[{"name":"target","op":"=","value":"web1"},{"name":"port","op":"=~","value":"80|443"}],"starts_at":"2023-11-14T22:13:20.000Z","ends_at":"2023-11-15T00:13:20.000Z","created_at":"2023-11-14T22:13:20.000Z","created_by":"ann","comment":"kernel"})");
  const auto theirs = read(
      R"({"matchers":[{"name":"a","value":"b","isRegex":false,"isEqual":true}],"startsAt":"2023-11-14T22:13:20Z","endsAt":"2023-11-14T23:13:20Z","createdBy":"bob","comment":"x"})");
  ASSERT_TRUE(theirs) << theirs.error().message;
  EXPECT_EQ(theirs->created_by, "bob");
  for (const char* bad :
       {"[]", "{}", R"({"matchers":[],"duration":"1h"})", R"({"matchers":[1],"duration":"1h"})",
        R"({"matchers":[{"name":"a","value":"b"}]})",
        R"({"matchers":[{"name":"a","value":"b"}],"duration":"-1h"})",
        R"({"matchers":[{"name":"a","value":"b"}],"duration":"9999y"})",
        R"({"matchers":[{"name":"a","value":"(","op":"=~"}],"duration":"1h"})",
        R"({"matchers":[{"name":"a","value":"b","op":"=="}],"duration":"1h"})",
        R"({"matchers":[{"name":"a","value":".*","op":"=~"}],"duration":"1h"})",
        R"({"matchers":[{"name":"a","value":"b"}],"ends_at":"yesterday"})",
        R"({"matchers":[{"name":"a","value":"b"}],"duration":7})",
        R"({"matchers":[{"name":"a","value":"b"}],"duration":"1h","kind":"x"})"}) {
    const auto silence = read(bad);
    ASSERT_FALSE(silence) << bad;
    EXPECT_EQ(silence.error().kind, base::ErrorKind::kInvalid) << bad;
  }
}

loop::Task<base::Result<IncidentPage>> OnePage(IncidentQuery query) {
  IncidentPage page;
  page.incidents = {MakeIncident()};
  page.total = query.limit;
  if (query.outcome == model::Outcome::kHealedItself && query.until > query.since &&
      query.since == base::FromMs(1'700'000'000'500)) {
    page.total += 7;
  }
  page.more = query.target == "web1";
  co_return page;
}
loop::Task<base::Result<model::Incident>> DoIt(IncidentAction action) {
  if (action.id != "01K") {
    co_return base::Fail(base::ErrorKind::kNotFound, "there is no incident \"" + action.id + "\"");
  }
  if (action.kind == IncidentAction::Kind::kReject) {
    co_return base::Fail(base::ErrorKind::kRefused, "not awaiting approval");
  }
  auto out = MakeIncident();
  out.acknowledged_by = action.by + ": " + action.comment;
  co_return out;
}

TEST(Native, Endpoints) {
  auto sources = std::make_shared<Sources>();
  sources->fleet = [] { return std::vector{MakeTarget()}; };
  sources->target = [](const std::string& name) {
    return name == "web1" ? std::optional(MakeTarget()) : std::nullopt;
  };
  sources->incidents = [](IncidentQuery query) { return OnePage(std::move(query)); };
  sources->act = [](IncidentAction action) { return DoIt(std::move(action)); };
  TestServer server({}, sources);
  EXPECT_EQ(server.Get("/api/v1/fleet").status, 200);
  EXPECT_EQ(server.Get("/api/v1/fleet?first=1").status, 200);
  EXPECT_EQ(server.Get("/api/v1/fleet?first=0").status, 400);
  EXPECT_THAT(server.Get("/api/v1/targets/web1").body,
              HasSubstr(R"("thresholds":[],"incidents":[{"id":"01K")"));
  const auto missing = server.Get("/api/v1/targets/web7");
  EXPECT_EQ(missing.status, 404);
  EXPECT_THAT(missing.body, HasSubstr(R"(did you mean \"web1\"?)"));
  EXPECT_THAT(server.Get("/api/v1/incidents?target=web1&limit=7&state=active,needs_human").body,
              HasSubstr(R"("total":7,"next":"01K")"));
  EXPECT_THAT(server
                  .Get("/api/v1/incidents?outcome=healed_by_itself&since=1700000000.5&until="
                       "2026-01-01T00:00:00Z")
                  .body,
              HasSubstr(R"("total":57)"));
  for (const char* bad : {"limit=0", "limit=501", "limit=x", "limit=-1", "state=xx", "outcome=xx",
                          "since=yesterday", "until=x"}) {
    EXPECT_EQ(server.Get(std::string("/api/v1/incidents?") + bad).status, 400) << bad;
  }
  const std::string json = "Content-Type: application/json\r\n";
  const auto ack = server.Ask("POST", "/api/v1/incidents/01K/acknowledge", json,
                              R"({"by":"ann","comment":"seen"})");
  EXPECT_EQ(ack.status, 200);
  EXPECT_THAT(ack.body, HasSubstr(R"("acknowledged_by":"ann: seen")"));
  EXPECT_EQ(server.Ask("POST", "/api/v1/incidents/01K/reject").status, 409);
  EXPECT_EQ(server.Ask("POST", "/api/v1/incidents/x/approve").status, 404);
  EXPECT_EQ(server.Ask("POST", "/api/v1/incidents/01K/approve", json, "[1").status, 400);
  EXPECT_EQ(
      server.Ask("POST", "/api/v1/incidents/01K/approve", json, std::string(100'000, '[')).status,
      400);
  EXPECT_EQ(server.Get("/api/v1/incidents/01K/approve").status, 405);
}

TEST(Exposition, GroupsEscapesAndTypes) {
  Exposition out;
  out.Add("mem_total", "gauge", "Memory.", 5e9, {{"target", "a\"b\\c\nd"}});
  out.Add("x_total", "counter", "Line\none \\ two", 3);
  out.Add("mem_total", "gauge", "other", 1, {{"target", "\xff"}});
  out.Add("bad name", "gauge", "", 1);
  out.Add("ok", "gauge", "", std::numeric_limits<double>::infinity(), {{"bad-label", "x"}});
  out.Add("ok", "gauge", "", std::numeric_limits<double>::quiet_NaN());
  EXPECT_EQ(out.Text(),
            "# HELP mem_total Memory.\n# TYPE mem_total untyped\n"
            "mem_total{target=\"a\\\"b\\\\c\\nd\"} 5000000000\nmem_total{target=\"\uFFFD\"} 1\n"
            "# HELP x_total Line\\none \\\\ two\n# TYPE x_total counter\nx_total 3\n"
            "# HELP ok ok\n# TYPE ok gauge\nok NaN\n");
  EXPECT_EQ(out.left_out(), 2U);
  EXPECT_THAT(out.OpenMetrics(), HasSubstr("# TYPE x counter\nx_total 3\n"));
  EXPECT_TRUE(out.OpenMetrics().ends_with("# EOF\n"));
}

/// The page of `targets` servers, with every metric of the source design.
Exposition Page(int targets) {
  Exposition out;
  const std::vector<std::pair<std::string, std::string>> metrics = {
      {"ping", "gauge"},
      {"port", "gauge"},
      {"http_code", "gauge"},
      {"cpu_percent", "gauge"},
      {"cpu_core", "gauge"},
      {"mem_total", "gauge"},
      {"mem_used", "gauge"},
      {"mem_percent", "gauge"},
      {"disk_total", "gauge"},
      {"disk_used", "gauge"},
      {"disk_available", "gauge"},
      {"disk_percent", "gauge"},
      {"bits_received", "counter"},
      {"bits_sent", "counter"},
      {"probe_success", "gauge"},
      {"probe_duration_seconds", "gauge"}};
  for (const auto& [name, type] : metrics) {
    MetricFamily family{name, type, "The " + name + " of a server.", {}};
    for (int i = 0; i < targets; ++i) {
      family.samples.push_back({std::make_shared<const model::Labels>(model::Labels{
                                    {"__name__", name},
                                    {"ip", fmt::format("192.0.2.{}", i)},
                                    {"target", fmt::format("web{}", i)},
                                    {"url", fmt::format("http://192.0.2.{}/?a=\"b\"", i)}}),
                                i * 1.25});
    }
    out.Add(std::move(family));
  }
  return out;
}

TEST(Exposition, PromtoolReadsIt) {
  const auto tool = std::string(RAKSA_SOURCE_DIR) + "/build/tools/prometheus/usr/bin/promtool";
  if (!std::filesystem::exists(tool)) {
    GTEST_SKIP() << tool << " is not there";
  }
  const auto said = RunTool({tool, "check", "metrics"}, Page(100).Text()).said;
  // The source design's names count bits; that is the one thing that Prometheus's taste has against
  // them, and it is a remark, not an error.
  EXPECT_EQ(said,
            "bits_received use base unit \"bytes\" instead of \"bits\"\n"
            "bits_sent use base unit \"bytes\" instead of \"bits\"\n");
}

TEST(Exposition, AHundredTargetsAreWrittenQuickly) {
  const auto page = Page(100);
  const auto begin = std::chrono::steady_clock::now();
  std::size_t size = 0;
  for (int i = 0; i < 10; ++i) {
    size += page.Text().size();
  }
  const auto took = std::chrono::steady_clock::now() - begin;
  EXPECT_GT(size, 1'000'000U);
  EXPECT_LT(took, 2s);  // also with sanitizers on a busy machine
}

}  // namespace
}  // namespace api
