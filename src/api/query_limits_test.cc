// Queries end when their client goes, and only so many run at the same time.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "api/server_testing.h"

namespace api {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

/// Gives one sample after the other until the evaluation has enough of it or `enough` is set.
class EndlessStore final : public store::Querier {
 public:
  base::Result<> Each(const std::vector<store::Matcher>&, model::Timestamp from, model::Timestamp,
                      const store::Hints*, const store::SeriesSink& sink) const override {
    ++running;
    base::Result<> done;
    const auto labels = std::make_shared<const model::Labels>();
    const std::vector<model::Timestamp> t = {from};
    const std::vector<double> v = {1};
    for (int i = 0; done && !enough && i < 20'000; ++i) {
      done = sink(0, {labels, t, v});
      std::this_thread::sleep_for(1ms);
    }
    cancelled += !done && done.error().kind == base::ErrorKind::kCancelled ? 1 : 0;
    --running;
    return done;
  }
  base::Result<std::vector<store::SeriesData>> Select(const std::vector<store::Matcher>&,
                                                      model::Timestamp,
                                                      model::Timestamp) const override {
    return {};
  }
  base::Result<std::vector<std::shared_ptr<const model::Labels>>> Series(
      const std::vector<store::Matcher>&, model::Timestamp, model::Timestamp) const override {
    return {};
  }
  base::Result<std::vector<std::string>> LabelNames(const std::vector<store::Matcher>&,
                                                    model::Timestamp,
                                                    model::Timestamp) const override {
    return {};
  }
  base::Result<std::vector<std::string>> LabelValues(const std::string&,
                                                     const std::vector<store::Matcher>&,
                                                     model::Timestamp,
                                                     model::Timestamp) const override {
    return {};
  }
  mutable std::atomic<int> running = 0;
  mutable std::atomic<int> cancelled = 0;
  std::atomic<bool> enough = false;
};

class QueryLimits : public ::testing::Test {
 protected:
  QueryLimits() : sources_(std::make_shared<Sources>()) {
    sources_->querier = &store_;
    sources_->max_queries = 2;
    server_.emplace(ServerOptions{}, sources_);
  }
  ~QueryLimits() override { store_.enough = true; }

  static bool Within(base::Duration limit, const std::function<bool()>& holds) {
    const auto until = base::Clock::Steady() + limit;
    while (base::Clock::Steady() < until && !holds()) {
      std::this_thread::sleep_for(2ms);
    }
    return holds();
  }
  static constexpr const char* kQuery =
      "GET /api/v1/query?query=m HTTP/1.1\r\nHost: localhost\r\n\r\n";

  EndlessStore store_;
  std::shared_ptr<Sources> sources_;
  std::optional<TestServer> server_;
};

TEST_F(QueryLimits, AQueryEndsSoonAfterItsClientHasGone) {
  {
    RawClient client(server_->address());
    ASSERT_TRUE(client.Send(kQuery));
    ASSERT_TRUE(Within(5s, [&] { return store_.running == 1; }));
    std::this_thread::sleep_for(700ms);
    EXPECT_EQ(store_.running, 1) << "the client is still there";
  }
  EXPECT_TRUE(Within(5s, [&] { return store_.running == 0; }));
  EXPECT_EQ(store_.cancelled, 1);
}

TEST_F(QueryLimits, MoreThanSoManyAtTheSameTimeAreTurnedAway) {
  RawClient first(server_->address());
  RawClient second(server_->address());
  ASSERT_TRUE(first.Send(kQuery));
  ASSERT_TRUE(second.Send(kQuery));
  ASSERT_TRUE(Within(5s, [&] { return store_.running == 2; }));
  const auto third = server_->Get("/api/v1/query?query=m");
  EXPECT_EQ(third.status, 503);
  EXPECT_THAT(third.body, HasSubstr("too many queries at the same time"));
  store_.enough = true;
  EXPECT_EQ(first.Read().status, 200);
  EXPECT_EQ(second.Read().status, 200);
  EXPECT_EQ(server_->Get("/api/v1/query?query=m").status, 200);
}

TEST_F(QueryLimits, AQueryEndsAtItsTimeout) {
  const auto late = server_->Get("/api/v1/query?query=m&timeout=50ms");
  EXPECT_EQ(late.status, 503);
  EXPECT_THAT(late.body, HasSubstr("query timed out in expression evaluation"));
}

}  // namespace
}  // namespace api
