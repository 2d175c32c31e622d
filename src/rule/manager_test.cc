// The life of alerts: pending, firing, resolved; for, keep_firing_for, no data, limits, restarts.
#include "rule/manager.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "promql/memory_querier.h"

namespace rule {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

constexpr base::Time kStart = base::Time(seconds(1'700'000'000));

/// A manager over series in memory, with the time in seconds since the start.
class Life : public testing::Test {
 protected:
  void Rules(const std::string& rules) {
    const Loaded loaded = LoadText("groups:\n- name: g\n  rules:\n" + rules, "test.yaml");
    for (const auto& problem : loaded.problems) {
      ADD_FAILURE() << problem.place.line << ": " << problem.message;
    }
    manager.emplace(loaded.groups);
  }
  void Put(const std::string& series, int second, double v) {
    data.Add(*promql::ReadLabels(series), base::ToMs(kStart + seconds(second)), v);
  }
  Evaluation At(int second) {
    return manager->Evaluate(
        0, kStart + seconds(second), [this](const promql::Expr& expr, model::Timestamp t) {
          auto answer = promql::Engine(&data).Instant(expr, t);
          return answer ? base::Result<promql::Value>(answer->value) : base::Fail(answer.error());
        });
  }
  static double Sample(const Evaluation& evaluation, const std::string& series) {
    for (const model::Sample& sample : evaluation.samples) {
      if (sample.labels->ToString() == series) {
        return sample.value;
      }
    }
    return std::nan("");
  }

  promql::MemoryQuerier data;
  std::optional<Manager> manager;
};

constexpr auto kPing =
    "  - alert: Ping\n    expr: ping != 1\n    labels: {metric: ping}\n"
    "    annotations: {summary: 'down - {{ $labels.ip }} {{ $value }}'}\n";

TEST_F(Life, FiresAtOnceWithoutForAndEnds) {
  Rules(kPing);
  Put("ping{ip='a'}", 0, 1);
  EXPECT_TRUE(At(0).alerts.empty());
  Put("ping{ip='a'}", 5, 0);
  const Evaluation fired = At(5);
  ASSERT_EQ(fired.alerts.size(), 1U);
  EXPECT_TRUE(fired.alerts[0].Firing());
  EXPECT_EQ(fired.alerts[0].Name(), "Ping");
  EXPECT_EQ(fired.alerts[0].Metric(), "ping");
  EXPECT_EQ(fired.alerts[0].annotations.Get("summary"), "down - a 0");
  EXPECT_EQ(fired.alerts[0].starts_at, kStart + seconds(5));
  EXPECT_EQ(Sample(fired, R"(ALERTS{alertname="Ping",alertstate="firing",ip="a",metric="ping"})"),
            1);
  EXPECT_EQ(Sample(fired, R"(ALERTS_FOR_STATE{alertname="Ping",ip="a",metric="ping"})"),
            1'700'000'005);
  Put("ping{ip='a'}", 10, 1);
  const Evaluation ended = At(10);
  ASSERT_EQ(ended.alerts.size(), 1U);
  EXPECT_EQ(ended.alerts[0].ends_at, kStart + seconds(10));
  ASSERT_EQ(ended.samples.size(), 2U);
  EXPECT_TRUE(model::IsStale(ended.samples[0].value));
  EXPECT_TRUE(At(15).alerts.empty());
  EXPECT_TRUE(At(20).samples.empty());
}

TEST_F(Life, WaitsForFor) {
  Rules(
      "  - alert: Cpu\n    expr: cpu > 80\n    for: 30s\n"
      "  - record: cpu:max\n    expr: max(cpu)\n    labels: {by: us}\n");
  for (int s = 0; s <= 60; s += 10) {
    Put("cpu{ip='a'}", s, 90);
    const Evaluation evaluation = At(s);
    EXPECT_EQ(evaluation.alerts.size(), s >= 30 ? 1U : 0U) << s;
    EXPECT_EQ(Sample(evaluation, R"(cpu:max{by="us"})"), 90);
    EXPECT_EQ(manager->Alerts().at(0).state, s >= 30 ? AlertState::kFiring : AlertState::kPending);
  }
  EXPECT_EQ(manager->Alerts()[0].active_at, kStart);
  EXPECT_EQ(manager->Alerts()[0].fired_at, kStart + seconds(30));
  EXPECT_EQ(manager->Views()[0].rules[0].State(), "firing");
}

TEST_F(Life, APendingAlertThatEndsIsNotTold) {
  Rules("  - alert: Cpu\n    expr: cpu > 80\n    for: 1m\n");
  Put("cpu", 0, 90);
  At(0);
  Put("cpu", 5, 10);
  EXPECT_TRUE(At(5).alerts.empty());
  EXPECT_TRUE(manager->Alerts().empty());
}

TEST_F(Life, KeepsFiringFor) {
  Rules("  - alert: Cpu\n    expr: cpu > 80\n    keep_firing_for: 1m\n");
  Put("cpu", 0, 90);
  At(0);
  Put("cpu", 5, 10);
  EXPECT_TRUE(At(5).alerts.at(0).Firing());
  EXPECT_TRUE(At(60).alerts.at(0).Firing());
  EXPECT_FALSE(At(65).alerts.at(0).Firing());
}

TEST_F(Life, NoDataKeepsTheLastState) {
  Rules(kPing);
  Put("ping{ip='a'}", 0, 0);
  Put("ping{ip='b'}", 0, 1);
  At(0);
  // Ten minutes later there is no sample within the lookback.
  EXPECT_TRUE(At(600).alerts.at(0).Firing());
  EXPECT_TRUE(manager->Alerts().at(0).NoDataNow());
  // Data are back, the condition holds still, then no more.
  Put("ping{ip='a'}", 700, 0);
  EXPECT_TRUE(At(700).alerts.at(0).Firing());
  EXPECT_FALSE(manager->Alerts().at(0).NoDataNow());
  Put("ping{ip='a'}", 705, 1);
  EXPECT_FALSE(At(705).alerts.at(0).Firing());
  EXPECT_TRUE(manager->Alerts().empty());
}

TEST_F(Life, NoDataIsKeptOnlyUpToTheBoundOrUntilTheTargetGoes) {
  Rules(kPing);
  Put("ping{ip='a',target='x'}", 0, 0);
  At(0);
  At(600);
  EXPECT_TRUE(At(600 + 26 * 3600).alerts.at(0).Firing());
  EXPECT_FALSE(At(601 + 26 * 3600).alerts.at(0).Firing());
  EXPECT_TRUE(manager->Alerts().empty());
  Put("ping{ip='a',target='x'}", 200'000, 0);
  At(200'000);
  EXPECT_TRUE(manager->Forget("y", kStart).empty());
  const auto ended = manager->Forget("x", kStart + seconds(200'001));
  ASSERT_EQ(ended.size(), 1U);
  EXPECT_FALSE(ended[0].Firing());
  EXPECT_TRUE(manager->Alerts().empty());
}

TEST_F(Life, NoDataMayAlsoEndOrAlert) {
  Rules(
      "  - alert: Ok\n    expr: ping != 1\n    annotations: {raksa_no_data: ok}\n"
      "  - alert: Missing\n    expr: ping != 1\n    annotations: {raksa_no_data: alert}\n");
  Put("ping{ip='a'}", 0, 0);
  Put("ping{ip='b'}", 0, 1);
  EXPECT_EQ(At(0).alerts.size(), 2U);
  const Evaluation later = At(600);
  std::vector<std::string> told;
  for (const model::Alert& alert : later.alerts) {
    told.push_back(std::string(alert.Name()) + alert.labels.Get("ip").data() +
                   (alert.Firing() ? "!" : "."));
    EXPECT_FALSE(alert.annotations.Has("raksa_no_data"));
  }
  EXPECT_THAT(told, testing::UnorderedElementsAre("Oka.", "Missinga!", "Missingb!"));
  Put("ping{ip='b'}", 605, 1);
  At(605);
  ASSERT_EQ(manager->Alerts().size(), 1U);
  EXPECT_EQ(manager->Alerts()[0].labels.Get("ip"), "a");
}

TEST_F(Life, AbsentEndsWhenDataAreBack) {
  Rules("  - alert: Gone\n    expr: absent(ping{ip='a'})\n");
  EXPECT_EQ(At(0).alerts.size(), 1U);
  Put("ping{ip='a'}", 5, 1);
  EXPECT_FALSE(At(5).alerts.at(0).Firing());
}

TEST_F(Life, PresenceLooksThroughAndOrUnless) {
  const auto presence = [](std::string_view text) {
    const auto expr = PresenceOf(**promql::ParseExpr(text));
    return expr ? expr->ToString() : "none";
  };
  EXPECT_EQ(presence("ping != 1"), "ping != bool 1");
  EXPECT_EQ(presence("(a > 5) and on (x) (b < 2)"), "(a > bool 5) and on (x) (b < bool 2)");
  EXPECT_EQ(presence("a > 5 unless b"), "a > bool 5");
  EXPECT_EQ(presence("a > 5 and absent(b)"), "a > bool 5");
  EXPECT_EQ(presence("a > 5 or absent(b)"), "none");
  EXPECT_EQ(presence("absent(b)"), "none");
  EXPECT_EQ(presence("sum(a > 5)"), "sum(a > 5)");
}

TEST_F(Life, AQueryThatFailsChangesNothing) {
  Rules(kPing);
  Put("ping{ip='a'}", 0, 0);
  At(0);
  const Evaluation failed =
      manager->Evaluate(0, kStart + seconds(5), [](const promql::Expr&, model::Timestamp) {
        return base::Result<promql::Value>(
            base::Fail(base::ErrorKind::kDeadline, "query timed out"));
      });
  EXPECT_THAT(failed.errors, testing::ElementsAre("g/Ping: query timed out"));
  EXPECT_TRUE(failed.alerts.empty());
  EXPECT_EQ(manager->Alerts().size(), 1U);
  EXPECT_EQ(manager->Views()[0].rules[0].error, "query timed out");
  EXPECT_TRUE(At(10).alerts.at(0).Firing());
}

TEST_F(Life, LimitsAndDuplicatesAreErrors) {
  Rules(
      "  - alert: Two\n    expr: ping != 1\n    labels: {ip: same}\n"
      "  - record: r\n    expr: ping\n    labels: {ip: same}\n");
  Put("ping{ip='a'}", 0, 0);
  Put("ping{ip='b'}", 0, 0);
  EXPECT_THAT(
      At(0).errors,
      testing::ElementsAre(
          "g/Two: vector contains metrics with the same labelset after applying alert labels",
          "g/r: vector contains metrics with the same labelset after applying rule labels"));
  const Loaded loaded = LoadText(
      "groups:\n- name: g\n  limit: 1\n  rules:\n  - alert: A\n    expr: ping != 1\n  - record: r\n"
      "    expr: ping\n",
      "x");
  manager.emplace(loaded.groups);
  EXPECT_THAT(At(0).errors, testing::ElementsAre("g/A: exceeded limit of 1 with 2 alerts",
                                                 "g/r: exceeded limit of 1 with 2 series"));
  EXPECT_TRUE(manager->Alerts().empty());
}

TEST_F(Life, ARuleSeesWhatThoseBeforeItRecorded) {
  const std::string rules =
      "  - record: twice\n    expr: cpu * 2\n"
      "  - record: other\n    expr: cpu + 1\n"
      "  - record: four\n    expr: twice * 2\n"
      "  - alert: High\n    expr: four > 100\n"
      "  - alert: Also\n    expr: ALERTS{alertname='High'}\n";
  Rules(rules);
  Put("cpu{ip='a'}", 0, 30);
  std::vector<std::size_t> writes;
  const auto query = [this](const promql::Expr& expr, model::Timestamp t) {
    auto answer = promql::Engine(&data).Instant(expr, t);
    return answer ? base::Result<promql::Value>(answer->value) : base::Fail(answer.error());
  };
  const auto done = manager->Evaluate(
      0, kStart, query, [&](const std::vector<model::Sample>& samples, model::Timestamp t) {
        writes.push_back(samples.size());
        for (const auto& sample : samples) {
          data.Add(*sample.labels, t, sample.value);
        }
      });
  EXPECT_THAT(done.errors, testing::IsEmpty());
  EXPECT_EQ(done.alerts.size(), 2U);
  // Only when somebody asks: twice and other before four, four before High, its alert before Also.
  EXPECT_THAT(writes, testing::ElementsAre(2U, 1U, 2U));
  EXPECT_EQ(Sample(done, R"(ALERTS{alertname="Also",alertstate="firing",ip="a"})"), 1);
  Rules(rules);  // without somebody to write they come with the answer
  EXPECT_EQ(Sample(At(0), R"(other{ip="a"})"), 31);
}

TEST_F(Life, SurvivesARestart) {
  Rules("  - alert: Cpu\n    expr: cpu > 80\n    for: 1m\n");
  Put("cpu{ip='a'}", 0, 90);
  At(0);
  const std::string saved = manager->Snapshot();
  const auto before = manager->Alerts();
  Rules("  - alert: Cpu\n    expr: cpu > 80\n    for: 1m\n");
  EXPECT_TRUE(manager->Restore(saved));
  EXPECT_EQ(manager->Alerts(), before);
  Put("cpu{ip='a'}", 60, 90);
  EXPECT_EQ(At(60).alerts.size(), 1U) << "the minute began before the restart";
  // Another expression is another rule.
  Rules("  - alert: Cpu\n    expr: cpu > 70\n    for: 1m\n");
  EXPECT_TRUE(manager->Restore(saved));
  EXPECT_TRUE(manager->Alerts().empty());
  for (const char* bad : {"", "{", "[]", "{\"rules\":1}", "{\"rules\":[{\"rule\":\"x\"}]}",
                          "{\"rules\":[{\"rule\":\"x\",\"alerts\":[{}]}]}"}) {
    EXPECT_EQ(manager->Restore(bad).error().kind, base::ErrorKind::kCorrupt) << bad;
  }
}

TEST_F(Life, AReloadKeepsWhatIsTheSame) {
  Rules(kPing);
  Put("ping{ip='a'}", 0, 0);
  At(0);
  const auto same = LoadText(std::string("groups:\n- name: g\n  rules:\n") + kPing, "x");
  EXPECT_TRUE(manager->Replace(same.groups, kStart + seconds(1)).empty());
  EXPECT_EQ(manager->Alerts().size(), 1U);
  const auto other = LoadText("groups:\n- name: g\n  rules: [{alert: B, expr: up}]\n", "x");
  const auto ended = manager->Replace(other.groups, kStart + seconds(2));
  ASSERT_EQ(ended.size(), 1U);
  EXPECT_EQ(ended[0].ends_at, kStart + seconds(2));
  EXPECT_TRUE(manager->Alerts().empty());
}

TEST_F(Life, KnowsWhatIsDueAndWhoAsksForAMetric) {
  const auto loaded = LoadText(
      "groups:\n- {name: a, interval: 10s, rules: [{record: x, expr: 'rate(b[5m])'}]}\n"
      "- {name: b, rules: [{record: y, expr: ping or c}]}\n"
      "- {name: c, rules: [{record: z, expr: 'count({ip=\"1\"})'}]}\n",
      "x");
  ASSERT_TRUE(loaded.problems.empty());
  manager.emplace(loaded.groups);
  EXPECT_EQ(manager->GroupsDue(kStart), (std::vector<std::size_t>{0, 1, 2}));
  for (std::size_t i = 0; i < 3; ++i) {
    manager->Evaluate(i, kStart, [](const promql::Expr&, model::Timestamp) {
      return base::Result<promql::Value>(promql::Vector{});
    });
  }
  EXPECT_EQ(manager->NextDue(), kStart + seconds(5));
  EXPECT_EQ(manager->GroupsDue(kStart + seconds(5)), (std::vector<std::size_t>{1, 2}));
  EXPECT_EQ(manager->GroupsDue(kStart + seconds(10)), (std::vector<std::size_t>{0, 1, 2}));
  EXPECT_EQ(manager->GroupsDue(kStart - hours(1)).size(), 3U) << "the clock was set back";
  EXPECT_EQ(manager->GroupsFor("ping"), (std::vector<std::size_t>{1, 2}));
  EXPECT_EQ(manager->GroupsFor("b"), (std::vector<std::size_t>{0, 2}));
  EXPECT_EQ(manager->GroupsFor("nothing"), (std::vector<std::size_t>{2}));
}

}  // namespace
}  // namespace rule
