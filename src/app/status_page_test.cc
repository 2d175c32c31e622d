// Tests of the public status page's figures: a store with known days, and what may be said.
#include "app/status_page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <boost/json/parse.hpp>
#include <filesystem>

#include "api/sources.h"
#include "store/store.h"

namespace app {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::HasSubstr;
using ::testing::Not;

// 2026-09-01T12:00:00Z
const base::Time kNow = base::ParseRfc3339("2026-09-01T12:00:00Z").value();

model::Target MakeTarget(const std::string& name, bool url) {
  model::Target out;
  out.name = name;
  out.address = "192.0.2.1";
  out.url = url ? "http://secret.example/" : "";
  out.probes.push_back({.kind = "http", .name = "http", .interval = seconds(60)});
  return out;
}

TEST(AvailabilityExpr, AsksForWhatPeopleUse) {
  auto ports = MakeTarget("b", false);
  ports.ports = {25};
  const std::vector<model::Target> targets = {MakeTarget("web.1", true), ports,
                                              MakeTarget("c", false)};
  EXPECT_EQ(AvailabilityExpr({"web.1", "b", "c"}, targets),
            "avg(min by (target) ((http_code{target=~\"web[.]1\"} >= bool 200) * "
            "(http_code{target=~\"web[.]1\"} < bool 400)) or "
            "min by (target) (port{target=~\"b\"}) or min by (target) (ping{target=~\"c\"}))");
  EXPECT_EQ(AvailabilityExpr({"gone"}, targets), "");
}

class StatusPageTest : public ::testing::Test {
 protected:
  StatusPageTest() {
    std::filesystem::remove_all(dir_);
    std::filesystem::create_directories(dir_);
    store::StoreOptions options;
    options.dir = dir_;
    store_ = std::move(store::Store::Open(options).value());
  }
  ~StatusPageTest() override { std::filesystem::remove_all(dir_); }

  /// A sample a minute of one day, `value(minute)`.
  template <class F>
  void Fill(const std::string& name, const std::string& metric, base::Time from, int count,
            F value) {
    const auto labels = std::make_shared<const model::Labels>(
        model::Labels{{"__name__", metric}, {"target", name}, {"ip", "192.0.2.1"}});
    std::vector<model::Batch> batches;
    for (int minute = 0; minute < count; ++minute) {
      model::Batch batch;
      batch.t = base::ToMs(from + minutes(minute));
      batch.target = name;
      batch.samples.push_back({labels, value(minute)});
      batches.push_back(std::move(batch));
    }
    const auto done = store_->AppendMany(batches);
    ASSERT_TRUE(done) << done.error().message;
  }

  boost::json::value Show(std::vector<model::Incident> incidents) {
    loop::Loop loop;
    loop::Worker worker(loop, "test");
    StatusPage page({&worker, store_.get(), [incidents](incident::Filter) {
                       return api::Ready(base::Result<std::vector<model::Incident>>(incidents));
                     }});
    StatusPageSettings settings;
    settings.title = "Our services";
    settings.applications = {{"Shop", "where people buy", {"web1"}}, {"Mail", "", {"mail"}}};
    page.Configure(settings, {MakeTarget("web1", true), MakeTarget("mail", false)});
    EXPECT_THAT(page.json(), HasSubstr("\"state\":\"unknown\""));
    loop.RunTask(page.Turn(kNow));  // the clock stands still: all days in one turn
    text_ = page.json();
    return boost::json::parse(text_);
  }

  static boost::json::value Day(const boost::json::value& page, int application, int back) {
    return page.at("applications").at(application).at("days").at(StatusPage::kDays - 1 - back);
  }

  base::FrozenClock clock_{kNow};
  std::string dir_ = "/tmp/raksa-status-" + std::to_string(::getpid());
  std::unique_ptr<store::Store> store_;
  std::string text_;
};

TEST_F(StatusPageTest, DaysAreThePartThatWorked) {
  const auto midnight = kNow - hours(12);
  // Two days ago: six hours of HTTP 500. Yesterday: nothing known. Today: all good.
  Fill("web1", "http_code", midnight - days(2), 1440,
       [](int minute) { return minute >= 360 && minute < 720 ? 500.0 : 200.0; });
  Fill("web1", "http_code", midnight, 721, [](int) { return 301.0; });
  Fill("mail", "ping", kNow - minutes(30), 31, [](int) { return 0.0; });
  const auto page = Show({});
  EXPECT_EQ(page.at("title").as_string(), "Our services");
  const auto& shop = page.at("applications").at(0);
  EXPECT_EQ(shop.at("state").as_string(), "up");
  EXPECT_EQ(shop.at("days").as_array().size(), 90U);
  EXPECT_EQ(Day(page, 0, 0).at("day").as_string(), "2026-09-01");
  EXPECT_EQ(Day(page, 0, 0).at("availability").to_number<double>(), 1);
  EXPECT_TRUE(Day(page, 0, 1).at("availability").is_null());
  EXPECT_NEAR(Day(page, 0, 2).at("availability").to_number<double>(), 0.75, 0.002);
  EXPECT_EQ(Day(page, 0, 89).at("day").as_string(), "2026-06-04");
  EXPECT_EQ(page.at("applications").at(1).at("state").as_string(), "down");
  EXPECT_EQ(Day(page, 1, 0).at("availability").to_number<double>(), 0);
}

TEST_F(StatusPageTest, TroublesAreToldWithoutParticulars) {
  model::Incident incident;
  incident.id = "01";
  incident.target = "web1";
  incident.title = "web1: http_code 500 on secret.example";
  incident.opened = kNow - hours(5);
  incident.verified = incident.opened + seconds(6);
  incident.closed = incident.opened + seconds(60);
  incident.outcome = model::Outcome::kFixed;
  incident.cause = "container-killed";
  model::Alert alert;
  alert.labels = {{"metric", "http_code"}, {"target", "web1"}};
  alert.value = 500;
  incident.alerts = {alert};
  auto busy = incident;
  busy.alerts[0].labels.Set("metric", "cpu_percent");
  auto down = incident;
  down.target = "mail";
  down.alerts[0].labels.Set("metric", "ping");
  down.closed = {};
  down.verified = {};
  const auto page = Show({down, busy, incident});
  const auto& shop = page.at("applications").at(0).at("incidents").as_array();
  ASSERT_EQ(shop.size(), 1U) << "a busy processor is nobody's business";
  EXPECT_EQ(shop[0].at("sentence").as_string(),
            "Shop answered with errors; it was repaired automatically.");
  EXPECT_EQ(shop[0].at("until").as_string(), "2026-09-01T07:00:06.000Z");
  const auto& mail = page.at("applications").at(1).at("incidents").as_array();
  ASSERT_EQ(mail.size(), 1U);
  EXPECT_EQ(mail[0].at("kind").as_string(), "unreachable");
  EXPECT_TRUE(mail[0].at("until").is_null());
  for (const char* secret : {"secret.example", "192.0.2.1", "web1", "container", "http_code"}) {
    EXPECT_THAT(text_, Not(HasSubstr(secret)));
  }
}

}  // namespace
}  // namespace app
