// Tests the queue: what came in goes out in order and once, through ends at any moment; bounds
// hold; what the receiver may have lost comes again, cut the same way.
#include "remote/queue.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "remote/queue_rows.h"
#include "store/store_testing.h"

namespace remote {
namespace {

using namespace std::chrono_literals;
using store::testing::MakeBatch;
using store::testing::TempDir;

class QueueTest : public ::testing::Test {
 protected:
  std::unique_ptr<Queue> Open() {
    options_.path = dir_.path() + "/q.db";
    auto opened = Queue::Open(options_);
    EXPECT_TRUE(opened.has_value());
    return std::move(*opened);
  }
  static void Put(Queue& queue, model::Timestamp t, int series = 1) {
    std::vector<std::pair<std::string, double>> values;
    for (int i = 0; i < series; ++i) {
      values.emplace_back("m" + std::to_string(i), static_cast<double>(t));
    }
    const model::Batch batch = MakeBatch("web1", t, std::move(values));
    ASSERT_TRUE(queue.Append({&batch, 1}).has_value());
  }
  static std::optional<Window> Next(Queue& queue, std::size_t samples = 1'000'000, Cut cut = {}) {
    auto window = queue.Next(samples, cut);
    EXPECT_TRUE(window.has_value());
    return std::move(*window);
  }
  /// The times of the first series, in the order of the requests.
  static std::vector<model::Timestamp> Times(const Window& window) {
    std::vector<model::Timestamp> out;
    for (const auto& shard : window.requests) {
      for (const auto& request : shard) {
        for (const auto& series : request.series) {
          for (const auto& point : series.points) {
            if (series.labels->Get("__name__") == "m0") {
              out.push_back(point.t);
            }
          }
        }
      }
    }
    return out;
  }

  base::FrozenClock clock_;
  TempDir dir_;
  QueueOptions options_{.hold = 0s};
};

using Times_ = std::vector<model::Timestamp>;

TEST_F(QueueTest, GivesInOrderUntilDone) {
  auto queue = Open();
  EXPECT_FALSE(Next(*queue).has_value());
  Put(*queue, 1);
  Put(*queue, 2);
  const auto first = Next(*queue);
  ASSERT_TRUE(first.has_value());
  EXPECT_EQ(Times(*first), (Times_{1, 2}));
  EXPECT_FALSE(first->again);
  Put(*queue, 3);
  const auto same = Next(*queue);
  EXPECT_EQ(Times(*same), (Times_{1, 2})) << "until it is done";
  EXPECT_TRUE(same->again);
  ASSERT_TRUE(queue->Done(*same).has_value());
  const auto next = Next(*queue);
  EXPECT_EQ(Times(*next), (Times_{3}));
  ASSERT_TRUE(queue->Done(*next).has_value());
  EXPECT_FALSE(Next(*queue).has_value());
  EXPECT_EQ(queue->stats().samples, 0U);
  EXPECT_EQ(queue->stats().appended, 3U);
}

TEST_F(QueueTest, SurvivesItsProcess) {
  {
    auto queue = Open();
    Put(*queue, 1, 3);
    const auto window = Next(*queue, 1'000'000, {.shards = 3, .batch = 2});
    EXPECT_EQ(window->requests.size(), 3U);
    Put(*queue, 2);
  }
  auto queue = Open();
  EXPECT_EQ(queue->stats().samples, 4U);
  const auto window = Next(*queue, 1, {.shards = 1, .batch = 9});
  EXPECT_EQ(window->requests.size(), 3U) << "cut as the first time";
  EXPECT_TRUE(window->again) << "it may have arrived";
  EXPECT_EQ(Times(*window), (Times_{1}));
  ASSERT_TRUE(queue->Done(*window).has_value());
  EXPECT_EQ(Times(*Next(*queue)), (Times_{2}));
}

TEST_F(QueueTest, SamplesOfASeriesStayInOneShardAndInOrder) {
  auto queue = Open();
  for (model::Timestamp t = 1; t <= 50; ++t) {
    Put(*queue, t, 7);
  }
  const auto window = Next(*queue, 1'000'000, {.shards = 4, .batch = 10});
  ASSERT_EQ(window->requests.size(), 4U);
  std::map<std::string, std::pair<std::size_t, model::Timestamp>> seen;
  std::size_t samples = 0;
  for (std::size_t shard = 0; shard < 4; ++shard) {
    for (const auto& request : window->requests[shard]) {
      std::size_t of_request = 0;
      for (const auto& series : request.series) {
        auto& [in, last] = seen.try_emplace(series.labels->ToString(), shard, 0).first->second;
        EXPECT_EQ(in, shard);
        for (const auto& point : series.points) {
          EXPECT_GT(point.t, last);
          last = point.t;
          ++of_request;
        }
      }
      EXPECT_LE(of_request, 10U);
      samples += of_request;
    }
  }
  EXPECT_EQ(samples, 350U);
  EXPECT_EQ(seen.size(), 7U);
}

TEST_F(QueueTest, ByAgeAndSizeTheOldestGo) {
  options_.max_age = 1h;
  auto queue = Open();
  Put(*queue, 1);
  clock_.Advance(59min);
  Put(*queue, 2);
  EXPECT_EQ(queue->stats().samples, 2U);
  clock_.Advance(2min);
  Put(*queue, 3);
  EXPECT_EQ(Times(*Next(*queue)), (Times_{2, 3}));
  EXPECT_EQ(queue->stats().too_old, 1U);
  ASSERT_TRUE(queue->Done(*Next(*queue)).has_value());
  Put(*queue, 4);
  clock_.Advance(2h);
  EXPECT_FALSE(Next(*queue).has_value()) << "too old, although nothing came after it";
  EXPECT_EQ(queue->stats().too_old, 2U);
  Put(*queue, 5);
  options_.max_bytes = queue->stats().bytes;
  queue->Configure(options_);
  Put(*queue, 6);
  EXPECT_EQ(queue->stats().too_many, 1U);
  EXPECT_LE(queue->stats().bytes, options_.max_bytes);
}

TEST_F(QueueTest, WhatArrivedShortlyBeforeComesAgainAfterRewind) {
  options_.hold = 10s;
  auto queue = Open();
  for (model::Timestamp t = 1; t <= 3; ++t) {
    Put(*queue, t);
    ASSERT_TRUE(queue->Done(*Next(*queue)).has_value());
    clock_.Advance(6s);
  }
  EXPECT_EQ(queue->stats().samples, 0U) << "what is held does not wait";
  Put(*queue, 4);
  ASSERT_EQ(queue->Rewind().value(), 1U) << "the others arrived longer ago than 10 s";
  EXPECT_EQ(queue->Rewind().value(), 0U);
  const auto again = Next(*queue);
  EXPECT_EQ(Times(*again), (Times_{3}));
  EXPECT_TRUE(again->again);
  ASSERT_TRUE(queue->Done(*again).has_value());
  EXPECT_EQ(Times(*Next(*queue)), (Times_{4}));
}

/// Series m0, m1, … of a scrape.
class Table : public model::SeriesTable {
 public:
  Table(std::shared_ptr<const void> identity, std::uint32_t size)
      : identity_(std::move(identity)), size_(size) {}
  [[nodiscard]] std::shared_ptr<const void> identity() const override { return identity_; }
  [[nodiscard]] std::uint32_t size() const override { return size_; }
  [[nodiscard]] model::Labels LabelsOf(std::uint32_t slot) const override {
    return {{"__name__", "m" + std::to_string(slot)}};
  }

 private:
  std::shared_ptr<const void> identity_;
  std::uint32_t size_;
};

TEST_F(QueueTest, TakesTablesThatGrow) {
  auto queue = Open();
  const std::shared_ptr<const void> identity = std::make_shared<int>();
  const model::TableBatch batches[] = {
      {"web1", 1, std::make_shared<Table>(identity, 2), {}, {10, 11}},
      {"web1", 2, std::make_shared<Table>(identity, 3), {0, 2}, {20, 22}}};
  ASSERT_TRUE(queue->Append({}, batches).has_value());
  const auto window = Next(*queue);
  ASSERT_EQ(window->requests.at(0).size(), 1U);
  std::map<std::string, std::vector<model::Point>> got;
  for (const auto& series : window->requests[0][0].series) {
    got[series.labels->ToString()] = series.points;
  }
  const std::map<std::string, std::vector<model::Point>> want = {
      {"m0", {{1, 10}, {2, 20}}}, {"m1", {{1, 11}}}, {"m2", {{2, 22}}}};
  EXPECT_EQ(got, want);
}

TEST(QueueRows, OfTwoSlotsThatAreOneSeriesTheFirstCounts) {
  const TableSlots slots{{}, {7, 8, 7, 9}, true};
  const auto values = [&](std::vector<std::uint32_t> which, std::vector<double> v) {
    std::map<std::uint32_t, double> out;
    for (const auto& item : ItemsOf({"web1", 1, nullptr, std::move(which), std::move(v)}, slots)) {
      EXPECT_TRUE(out.emplace(item.series, item.point.v).second);
    }
    return out;
  };
  using Values = std::map<std::uint32_t, double>;
  EXPECT_EQ(values({}, {1, 2, 3, 4}), (Values{{7, 1}, {8, 2}, {9, 4}}));
  EXPECT_EQ(values({0, 2}, {model::StaleNaN(), 3}), (Values{{7, 3}}));
  EXPECT_EQ(values({0, 2}, {3, model::StaleNaN()}), (Values{{7, 3}}));
  EXPECT_EQ(values({2, 3}, {5, 6}), (Values{{7, 5}, {9, 6}}));
}

TEST_F(QueueTest, ABrokenFileIsSetAside) {
  {
    auto queue = Open();
    Put(*queue, 1);
  }
  for (const char* suffix : {"-wal", "-shm"}) {
    std::filesystem::remove(options_.path + suffix);
  }
  std::ofstream(options_.path, std::ios::trunc) << std::string(8192, 'x');
  auto queue = Open();
  EXPECT_EQ(queue->stats().samples, 0U);
  Put(*queue, 2);
  EXPECT_EQ(Times(*Next(*queue)), (Times_{2}));
  std::size_t aside = 0;
  for (const auto& entry : std::filesystem::directory_iterator(dir_.path())) {
    aside += entry.path().string().contains(".corrupt-") ? 1 : 0;
  }
  EXPECT_EQ(aside, 1U);
}

TEST(QueueRows, ComeBackAndBrokenOnesAreErrors) {
  const std::vector<Item> items = {
      {1, {1000, 1.5}}, {900, {-5, -0.0}}, {2, {1000, model::StaleNaN()}}};
  const auto data = EncodeItems(items);
  const auto read = DecodeItems(data);
  ASSERT_TRUE(read.has_value());
  ASSERT_EQ(read->size(), 3U);
  EXPECT_EQ((*read)[1].series, 900U);
  EXPECT_EQ((*read)[1].point.t, -5);
  EXPECT_TRUE(model::IsStale((*read)[2].point.v));
  for (std::size_t cut = 0; cut < data.size(); ++cut) {
    EXPECT_FALSE(DecodeItems(data.substr(0, cut)).has_value());
  }
  EXPECT_FALSE(DecodeItems(Snap("\xff\xff\xff\xff\x0f")).has_value()) << "counts are looked at";
  const model::Labels labels{{"__name__", "m"}, {"a", ""}, {"b", "x\ny"}};
  EXPECT_EQ(DecodeLabels(EncodeLabels(labels)).value(), labels);
  EXPECT_FALSE(DecodeLabels(std::string("\x05") + "abc").has_value());
}

}  // namespace
}  // namespace remote
