// Tests of the alert manager: what is told, held back, remembered.
#include "alert/manager.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <random>

namespace alert {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;

const base::Time kStart{std::chrono::seconds(1'700'000'000)};

model::Alert Make(std::string target, std::string metric, base::Time at, std::string port = "") {
  model::Alert alert;
  alert.labels = {{"alertname", metric}, {"target", target}, {"metric", metric}, {"port", port}};
  alert.starts_at = at;
  alert.source = "rule";
  return alert;
}

model::Alert Over(model::Alert alert, base::Time at) {
  alert.ends_at = at;
  return alert;
}

std::vector<std::string> Words(const Changes& changes) {
  std::vector<std::string> out;
  for (const auto& c : changes) {
    out.push_back(fmt::format("{} {} {}", ToString(c.kind), c.alert.Target(), c.alert.Metric()));
  }
  return out;
}

/// A manager whose pings the test sets.
struct World {
  std::map<std::string, PingState> pings;
  Manager manager{{}, [this](const std::string& target) { return pings[target]; }};
  base::Time now = kStart;
  std::vector<std::string> Send(std::vector<model::Alert> alerts) {
    return Words(manager.Receive(std::move(alerts), now));
  }
  std::vector<std::string> After(base::Duration d) {
    now += d;
    return Words(manager.Tick(now));
  }
  void Up(const std::string& target) { pings[target] = {PingState::Kind::kUp, now}; }
};

TEST(AlertManager, TellsANewAlertOnceAndItsEnd) {
  World w;
  const auto alert = Make("web1", "http_code", w.now);
  EXPECT_THAT(w.Send({alert}), ElementsAre("firing web1 http_code"));
  w.now += 5s;
  EXPECT_THAT(w.Send({alert, alert}), IsEmpty());
  EXPECT_EQ(w.manager.stats().duplicates, 2U);
  EXPECT_THAT(w.Send({Over(alert, w.now)}), ElementsAre("resolved web1 http_code"));
  EXPECT_THAT(w.Send({Over(alert, w.now)}), IsEmpty());
  EXPECT_THAT(w.Send({alert}), IsEmpty()) << "a late copy with the old start";
  w.now += 1s;
  EXPECT_THAT(w.Send({Make("web1", "http_code", w.now)}), ElementsAre("firing web1 http_code"));
}

TEST(AlertManager, AnotherStatusCodeIsToldAnotherLoadIsNot) {
  World w;
  auto http = Make("web1", "http_code", w.now);
  auto cpu = Make("web1", "cpu_percent", w.now);
  w.Send({http, cpu});
  http.value = 500;
  cpu.value = 97;
  EXPECT_THAT(w.Send({http, cpu}), ElementsAre("updated web1 http_code"));
  EXPECT_THAT(w.Send({http, cpu}), IsEmpty());
}

TEST(AlertManager, AnEndInTheFutureExpires) {
  World w;
  auto alert = Make("web1", "http_code", w.now);
  alert.ends_at = w.now + 60s;
  EXPECT_THAT(w.Send({alert}), ElementsAre("firing web1 http_code"));
  EXPECT_EQ(w.manager.Next(w.now), w.now + 60s);
  EXPECT_THAT(w.After(59s), IsEmpty());
  EXPECT_THAT(w.After(1s), ElementsAre("resolved web1 http_code"));
}

TEST(AlertManager, AFreshPingMeansNoWait) {
  World w;
  w.Up("web1");
  w.now += 700ms;  // confirmed by re-probes meanwhile
  EXPECT_THAT(w.Send({Make("web1", "http_code", w.now)}), ElementsAre("firing web1 http_code"));
}

TEST(AlertManager, AChildThatComesBeforeThePingAlertIsSwallowed) {
  World w;
  w.pings["web1"] = {PingState::Kind::kUnknown, w.now - 5s};
  EXPECT_THAT(w.Send({Make("web1", "port", w.now, "80"), Make("web1", "http_code", w.now)}),
              IsEmpty());
  EXPECT_THAT(w.manager.WaitingFor(), ElementsAre("web1"));
  EXPECT_THAT(w.After(800ms), IsEmpty());
  w.pings["web1"] = {PingState::Kind::kDown, w.now};
  EXPECT_THAT(w.After(400ms), IsEmpty()) << "the ping is down: its alert must be on its way";
  EXPECT_THAT(w.Send({Make("web1", "ping", w.now)}),
              ElementsAre("firing web1 ping", "suppressed web1 http_code", "suppressed web1 port"));
  EXPECT_THAT(w.manager.AlertsOf("web1"), testing::SizeIs(1));
}

TEST(AlertManager, WaitsNoLongerThanTheGrace) {
  World w;
  w.pings["web1"] = {PingState::Kind::kUnknown, {}};
  EXPECT_THAT(w.Send({Make("web1", "port", w.now)}), IsEmpty());
  EXPECT_THAT(w.After(1001ms), ElementsAre("firing web1 port"));
  w.pings["web2"] = {PingState::Kind::kDown, {}};  // pings are blocked there, no rule asks for them
  EXPECT_THAT(w.Send({Make("web2", "port", w.now)}), IsEmpty());
  EXPECT_THAT(w.After(14s), IsEmpty());
  EXPECT_THAT(w.After(1s), ElementsAre("firing web2 port"));
}

TEST(AlertManager, ThePingThatArrivesEndsTheWait) {
  World w;
  w.pings["web1"] = {PingState::Kind::kUp, w.now - 5s};
  EXPECT_THAT(w.Send({Make("web1", "port", w.now)}), IsEmpty());
  w.now += 30ms;
  w.Up("web1");
  EXPECT_THAT(w.After(1ms), ElementsAre("firing web1 port"));
}

TEST(AlertManager, AHostThatIsBackIsGivenTimeToBoot) {
  World w;
  const auto ping = Make("web1", "ping", w.now);
  const auto http = Make("web1", "http_code", w.now);
  EXPECT_THAT(w.Send({http, ping}), ElementsAre("firing web1 ping", "suppressed web1 http_code"));
  w.now += 60s;
  EXPECT_THAT(w.Send({Over(ping, w.now)}), ElementsAre("resolved web1 ping"));
  EXPECT_THAT(w.After(14s), IsEmpty());
  EXPECT_THAT(w.After(1s), ElementsAre("unsuppressed web1 http_code"));
  EXPECT_THAT(w.Send({Over(http, w.now)}), ElementsAre("resolved web1 http_code"));
}

TEST(AlertManager, ARouterThatIsDownSwallowsTheHostsBehindIt) {
  World w;
  w.manager.SetDependencies({{"web1", {"switch"}}, {"switch", {"router"}}});
  EXPECT_THAT(w.Send({Make("router", "ping", w.now)}), ElementsAre("firing router ping"));
  EXPECT_THAT(w.Send({Make("web1", "ping", w.now), Make("web1", "port", w.now)}),
              ElementsAre("suppressed web1 ping", "suppressed web1 port"));
  EXPECT_EQ(w.manager.Views()[1].inhibited_by, "router");
  EXPECT_EQ(w.manager.Views()[2].inhibited_by, "web1");
  EXPECT_EQ(w.manager.stats().suppressed, 2U);
}

TEST(AlertManager, ACircleOfDependenciesDoesNotFallSilent) {
  World w;
  w.manager.SetDependencies({{"a", {"b"}}, {"b", {"a"}}});
  EXPECT_THAT(w.Send({Make("a", "ping", w.now), Make("b", "ping", w.now)}),
              ElementsAre("firing a ping", "firing b ping"));
}

TEST(AlertManager, ASilenceMutesAndMaintenanceStops) {
  World w;
  Silence silence;
  silence.matchers = {Matcher::Parse("target=web1").value()};
  silence.created_by = "ann";
  silence.ends = w.now + 10s;
  const auto id = w.manager.AddSilence(silence, w.now);
  ASSERT_TRUE(id) << id.error().message;
  const auto alert = Make("web1", "http_code", w.now);
  const auto changes = w.manager.Receive({alert}, w.now);
  ASSERT_THAT(Words(changes), ElementsAre("firing web1 http_code"));
  EXPECT_EQ(changes[0].silenced_by, *id);
  EXPECT_THAT(w.After(10s), ElementsAre("unsilenced web1 http_code"));
  ASSERT_TRUE(w.manager.AddMaintenance("web1", w.now, w.now + 60s, "bob", "disk swap", w.now));
  EXPECT_NE(w.manager.MaintenanceOf("web1", w.now), nullptr);
  EXPECT_EQ(w.manager.MaintenanceOf("web2", w.now), nullptr);
  EXPECT_THAT(w.After(1s), ElementsAre("suppressed web1 http_code"));
  EXPECT_THAT(w.After(60s), ElementsAre("unsuppressed web1 http_code"));
}

TEST(AlertManager, FlappingIsToldOnceAndCalmsDown) {
  World w;
  int told = 0;
  for (int i = 0; i < 8; ++i) {
    w.now += 5s;
    const auto alert = Make("web1", "http_code", w.now);
    for (const auto& word : w.Send({alert})) {
      told += word.starts_with("flapping") ? 1 : 0;
    }
    for (const auto& word : w.Send({Over(alert, w.now)})) {
      told += word.starts_with("flapping") ? 1 : 0;
    }
  }
  EXPECT_EQ(told, 1);
  w.now += 11min;
  const auto changes = w.manager.Receive({Make("web1", "http_code", w.now)}, w.now);
  ASSERT_EQ(changes.size(), 1U);
  EXPECT_FALSE(changes[0].flapping);
}

TEST(AlertManager, AnEndOfOurOwnRuleCountsAlsoWhenTheClockWasSetBack) {
  World w;
  auto alert = Make("web1", "http_code", w.now);
  alert.source = "rule";
  w.manager.Receive({alert}, w.now);
  w.now -= 1h;
  auto over = alert;
  over.ends_at = w.now;
  over.source = "grafana";
  w.manager.Receive({over}, w.now);
  EXPECT_EQ(w.manager.Views().size(), 1u) << "a late copy from outside";
  over.source = "rule";
  w.manager.Receive({over}, w.now);
  EXPECT_EQ(w.manager.Views().size(), 0u);
}

TEST(AlertManager, SyncResolvesWhatItsSourceNoLongerKnows) {
  World w;
  w.Send({Make("web1", "http_code", w.now), Make("web2", "port", w.now)});
  w.now += 5s;
  EXPECT_THAT(Words(w.manager.Sync("rule", {Make("web2", "port", w.now)}, w.now)),
              ElementsAre("resolved web1 http_code"));
  EXPECT_THAT(Words(w.manager.Sync("grafana", {}, w.now)), IsEmpty());
}

TEST(AlertManager, SurvivesARestart) {
  World w;
  const auto http = Make("web1", "http_code", w.now);
  w.Send({http, Make("web2", "ping", w.now), Make("web2", "port", w.now)});
  ASSERT_TRUE(w.manager.AddMaintenance("web3", w.now, w.now + 60s, "bob", "ซ่อม", w.now));
  ASSERT_TRUE(w.manager.Acknowledge(http.Fingerprint(), "ann", "on it"));
  const auto text = boost::json::serialize(w.manager.Snapshot());
  World again;
  ASSERT_TRUE(again.manager.Restore(boost::json::parse(text).as_object(), w.now));
  EXPECT_EQ(boost::json::serialize(again.manager.Snapshot()), text);
  EXPECT_THAT(again.Send({http, Make("web2", "port", w.now)}), IsEmpty());
  EXPECT_THAT(again.Send({Make("web2", "http_code", w.now)}),
              ElementsAre("suppressed web2 http_code"));
  EXPECT_EQ(again.manager.Views()[0].acknowledged_by, "ann");
  EXPECT_THAT(again.Send({Over(http, w.now)}), ElementsAre("resolved web1 http_code"));
}

TEST(AlertManager, BadSnapshotsChangeNothing) {
  World w;
  w.Send({Make("web1", "http_code", w.now)});
  for (const auto* bad :
       {"{}", R"({"version":2})", R"({"version":1,"alerts":[1]})",
        R"({"version":1,"alerts":[{"alert":{"labels":3}}]})", R"({"version":1,"silences":[{}]})",
        R"({"version":1,"ended":[{"labels":{"a":1}}]})"}) {
    EXPECT_FALSE(w.manager.Restore(boost::json::parse(bad).as_object(), w.now)) << bad;
  }
  EXPECT_EQ(w.manager.Views().size(), 1U);
}

TEST(AlertManager, BoundsWhatComesFromOutside) {
  Options options;
  options.max_alerts = 3;
  Manager manager(options);
  std::vector<model::Alert> many;
  for (int i = 0; i < 10; ++i) {
    many.push_back(Make(fmt::format("t{}", i), "port", kStart));
  }
  many.push_back(Make(std::string(5000, 'x'), "port", kStart));
  many.emplace_back();
  EXPECT_EQ(manager.Receive(many, kStart).size(), 3U);
  EXPECT_EQ(manager.stats().dropped, 9U);
  auto ahead = Make("t0", "port", kStart + 24h);
  ahead.labels.Set("port", "81");
  Manager other;
  const auto changes = other.Receive({ahead}, kStart);
  ASSERT_EQ(changes.size(), 1U);
  EXPECT_EQ(changes[0].alert.starts_at, kStart);
}

TEST(Silence, RefusesWhatIsTooWideOrBroken) {
  World w;
  Silence s;
  s.created_by = "ann";
  s.ends = w.now + 60s;
  EXPECT_FALSE(w.manager.AddSilence(s, w.now)) << "no matcher";
  s.matchers = {Matcher::Parse("target=~\".*\"").value()};
  EXPECT_FALSE(w.manager.AddSilence(s, w.now)) << "everything";
  s.matchers = {Matcher::Parse("target=~\"web.+\"").value()};
  EXPECT_TRUE(w.manager.AddSilence(s, w.now));
  s.ends = w.now;
  EXPECT_FALSE(w.manager.AddSilence(s, w.now));
  s.ends = w.now + 24h * 400;
  EXPECT_FALSE(w.manager.AddSilence(s, w.now));
  s.ends = w.now + 60s;
  s.created_by = "a\nb";
  EXPECT_FALSE(w.manager.AddSilence(s, w.now));
  EXPECT_FALSE(w.manager.ExpireSilence("nope", w.now));
  for (const auto* bad : {"", "target", "target!x", "1x=y", "a=~\"(\"", "=x"}) {
    EXPECT_FALSE(Matcher::Parse(bad)) << bad;
  }
}

TEST(Silence, ReadsAlertmanagersJson) {
  const auto json = boost::json::parse(
      R"({"matchers":[{"name":"target","value":"web[12]","isRegex":true}],
          "startsAt":"2023-11-14T22:13:20Z","endsAt":"2023-11-14T23:13:20Z",
          "createdBy":"ann","comment":"x"})");
  const auto silence = SilenceFromJson(json.as_object(), kStart);
  ASSERT_TRUE(silence) << silence.error().message;
  EXPECT_TRUE(silence->Matches({{"target", "web1"}}));
  EXPECT_FALSE(silence->Matches({{"target", "web10"}}));
  EXPECT_EQ(silence->ends - silence->starts, 1h);
  EXPECT_FALSE(SilenceFromJson(boost::json::parse(R"({"matchers":[1]})").as_object(), kStart));
  EXPECT_FALSE(SilenceFromJson(
      boost::json::parse(R"({"matchers":[],"endsAt":"never"})").as_object(), kStart));
}

// Whatever arrives: every alert that was told firing or suppressed and is gone was told resolved,
// and nothing is told firing while its host's ping alert is active.
TEST(AlertManager, PropertyTellsATrueStory) {
  for (unsigned seed = 0; seed < 200; ++seed) {
    std::mt19937 random(seed);
    World w;
    w.manager.SetDependencies({{"b", {"a"}}});
    std::map<model::Labels, int> open;
    bool a_down = false;
    w.manager.SetSink([&](const Change& c) {
      if (c.kind == Change::Kind::kResolved) {
        EXPECT_EQ(open.erase(c.alert.labels), 1U);
        if (c.alert.Target() == "a" && c.alert.Metric() == "ping") a_down = false;
        return;
      }
      if (c.kind == Change::Kind::kFiring && c.alert.Target() == "a") {
        if (c.alert.Metric() == "ping") {
          a_down = true;
        } else {
          EXPECT_FALSE(a_down);
        }
      }
      if (c.kind != Change::Kind::kFlapping) open[c.alert.labels] = 1;
    });
    for (int i = 0; i < 100; ++i) {
      w.now += std::chrono::milliseconds(random() % 4000);
      const std::string target = random() % 2 == 0 ? "a" : "b";
      const std::string metric = std::array{"ping", "port", "http_code"}[random() % 3];
      w.pings[target] = {static_cast<PingState::Kind>(random() % 4), w.now};
      auto alert = Make(target, metric, w.now);
      w.Send({random() % 2 == 0 ? alert : Over(alert, w.now)});
    }
    w.After(60s);
    EXPECT_EQ(open.size(), w.manager.Views().size());
  }
}

}  // namespace
}  // namespace alert
