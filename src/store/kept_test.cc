// What is kept of chunks: the same answers as from the chunks, gone when the chunks change.
#include "store/kept.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <random>
#include <set>
#include <stdexcept>
#include <thread>

#include "store/store_testing.h"

namespace store {
namespace {

using namespace std::chrono_literals;
using testing::MakeBatch;
using testing::Match;
using testing::MustOpen;
using testing::MustSelect;
using testing::TempDir;

constexpr model::Timestamp kStart = 1'700'006'400'000;

KeptChunk Kept(const std::string& bytes, std::vector<SeriesId> series) {
  auto reader = ChunkReader::Open(AsBytes(bytes));
  auto kept = KeptChunk::Take(3, &*reader, series);
  EXPECT_TRUE(kept.has_value()) << kept.error().message;
  return std::move(*kept);
}

std::string Chunk(const std::vector<model::Timestamp>& times) {
  const std::vector<double> all(times.size(), 1.5);
  const std::vector<double> some((times.size() + 1) / 2, 2);
  Mask mask((times.size() + 63) / 64);
  for (std::size_t i = 0; i < some.size(); ++i) {
    mask[i / 64] |= 1ULL << (i % 64);
  }
  const ChunkColumn columns[] = {{4, all, nullptr}, {7, some, &mask}, {9, all, nullptr}};
  return EncodeChunk(times, columns);
}

TEST(KeptChunk, HasWhatWasAskedForAndItsTimes) {
  std::vector<model::Timestamp> regular;
  std::vector<model::Timestamp> odd;
  std::mt19937 rng(1);
  for (int i = 0; i < 200; ++i) {
    regular.push_back(kStart + i * 5000);
    odd.push_back(kStart + i * 5000 + static_cast<int>(rng() % 900));
  }
  for (const auto& times : {regular, odd, {kStart}}) {
    const KeptChunk kept = Kept(Chunk(times), {4, 5, 7});
    EXPECT_EQ(kept.part(), 3);
    EXPECT_EQ(kept.rows(), times.size());
    EXPECT_NE(kept.Find(4), nullptr);
    EXPECT_EQ(kept.Find(5), nullptr);
    EXPECT_EQ(kept.Find(9), nullptr);
    const auto* masked = kept.Find(7);
    ASSERT_NE(masked, nullptr);
    if (times.size() > 1) {
      EXPECT_EQ(CountRows(*kept.MaskOf(*masked)), times.size() / 2);
    }
    for (int i = 0; i < 300; ++i) {
      const model::Timestamp from = kStart - 7000 + static_cast<int>(rng() % 1'020'000);
      const model::Timestamp to = i == 0 ? INT64_MAX : from + static_cast<int>(rng() % 500'000);
      std::vector<model::Timestamp> scratch;
      const auto rows = kept.RowsIn(from, to, &scratch);
      ASSERT_TRUE(rows.has_value());
      Room<model::Timestamp> got;
      kept.AppendTimes(rows->first, rows->second, scratch, &got);
      Room<model::Timestamp> wanted;
      std::ranges::copy_if(times, std::back_inserter(wanted),
                           [&](model::Timestamp t) { return t >= from && t <= to; });
      ASSERT_EQ(got, wanted);
    }
  }
}

std::shared_ptr<const KeptParts> Parts() {
  auto out = std::make_shared<KeptParts>();
  out->asked = {4};
  out->parts.push_back(Kept(Chunk({kStart, kStart + 5000}), {4}));
  return out;
}

TEST(ChunkCache, WhatChangedOnDiskIsForgottenAndNotKeptByReadersFromBefore) {
  const std::size_t limit = 1 << 20;
  ChunkCache cache(&limit);
  const auto before = cache.generation();
  cache.Put(kStart, 1, Parts(), before);
  cache.Put(kStart + 1, 1, Parts(), before);
  EXPECT_NE(cache.Find(kStart, 1, before), nullptr);
  EXPECT_EQ(cache.Find(kStart, 2, before), nullptr);
  cache.Forget(kStart);
  const auto now = cache.generation();
  EXPECT_EQ(cache.Find(kStart, 1, now), nullptr);
  EXPECT_NE(cache.Find(kStart + 1, 1, now), nullptr);
  EXPECT_EQ(cache.Find(kStart + 1, 1, before), nullptr) << "a snapshot from before";
  cache.Put(kStart, 1, Parts(), before);
  EXPECT_EQ(cache.Find(kStart, 1, now), nullptr) << "read before the change";
}

TEST(ChunkCache, TheOnesUsedLastStay) {
  const std::size_t limit = 4000;
  ChunkCache cache(&limit);
  for (TargetId target = 1; target <= 100; ++target) {
    cache.Put(kStart, target, Parts(), 0);
    EXPECT_NE(cache.Find(kStart, 1, 0), nullptr);
    EXPECT_LE(cache.bytes(), limit);
  }
  EXPECT_NE(cache.Find(kStart, 100, 0), nullptr);
  EXPECT_EQ(cache.Find(kStart, 2, 0), nullptr);
}

TEST(ChunkCache, QueriesSeeWhatIsMergedAndDeletedAfterTheyKeptIt) {
  const TempDir dir;
  const base::FrozenClock clock(base::FromMs(kStart));
  StoreOptions options;
  options.dir = dir.path();
  options.retention_age = 24h;
  auto store = MustOpen(options);
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(store->Append(MakeBatch("a", kStart + i * 5000, {{"m", i}, {"n", -i}})));
  }
  ASSERT_TRUE(store->Maintain(base::FromMs(kStart + 3 * 3'600'000)));
  const auto count = [&](const char* name) {
    const auto found = MustSelect(*store, {Match("__name__", name)});
    return found.empty() ? 0U : found[0].v.size();
  };
  EXPECT_EQ(count("m"), 100U);
  EXPECT_EQ(count("n"), 100U) << "asked for after the chunk was kept for another series";
  ASSERT_TRUE(store->Append(MakeBatch("a", kStart + 2500, {{"m", 7}})));
  EXPECT_EQ(count("m"), 101U);
  ASSERT_TRUE(store->Maintain(base::FromMs(kStart + 3 * 3'600'000)));
  EXPECT_EQ(store->stats().head_samples, 0U);
  EXPECT_EQ(count("m"), 101U) << "the chunk was written again";
  for (int hour = 4; hour <= 30; ++hour) {
    ASSERT_TRUE(store->Maintain(base::FromMs(kStart + hour * 3'600'000)));
  }
  EXPECT_EQ(store->stats().windows, 0U);
  EXPECT_EQ(count("m"), 0U);
}

TEST(KeptChunk, IsReadTheSameEveryTimeFromAnywhere) {
  std::vector<model::Timestamp> times;
  std::vector<double> walk;
  std::mt19937 rng(2);
  for (int i = 0; i < 1440; ++i) {
    times.push_back(kStart + i * 5000);
    walk.push_back((walk.empty() ? 5000 : walk.back()) + static_cast<int>(rng() % 21) - 10);
  }
  const ChunkColumn columns[] = {{4, walk, nullptr}};
  const KeptChunk kept = Kept(EncodeChunk(times, columns), {4});
  const KeptChunk::Column& column = *kept.Find(4);
  for (int i = 0; i < 500; ++i) {
    const std::size_t first = rng() % walk.size();
    std::vector<double> some(1 + rng() % (walk.size() - first));
    ASSERT_TRUE(kept.Decode(column, first, some).has_value());
    EXPECT_TRUE(std::equal(some.begin(), some.end(), &walk[first])) << first << " " << some.size();
  }
}

// Twenty targets of 300 series, so much that a second thread is taken; two of them have a series of
// the same labels.
class TwoThreads : public ::testing::Test {
 protected:
  TwoThreads() {
    StoreOptions options;
    options.dir = dir_.path();
    store_ = MustOpen(options);
    for (int target = 0; target < 20; ++target) {
      model::Batch batch{.target = "t" + std::to_string(target), .t = 0, .samples = {}};
      for (int i = 0; i < 300; ++i) {
        batch.samples.push_back({testing::MakeLabels({{"__name__", "m"},
                                                      {"i", std::to_string(i)},
                                                      {"target", i == 7 ? "all" : batch.target}}),
                                 0});
      }
      for (int row = 0; row < 100; ++row) {
        batch.t = kStart + row * 5000 + target;
        for (std::size_t i = 0; i < batch.samples.size(); ++i) {
          batch.samples[i].value = static_cast<double>(row * target) + 0.25 * i;
        }
        EXPECT_TRUE(store_->Append(batch));
      }
    }
    EXPECT_TRUE(store_->Maintain(base::FromMs(kStart + 3 * 3'600'000)));
  }

  base::Result<> Each(const SeriesSink& sink) const {
    const Hints hints{.range_ms = 0, .function = {}, .abreast = true};
    return store_->Each({Match("__name__", "m")}, 0, INT64_MAX, &hints, sink);
  }

  const TempDir dir_;
  const base::FrozenClock clock_{base::FromMs(kStart)};
  std::unique_ptr<Store> store_;
};

TEST_F(TwoThreads, GiveWhatOneGives) {
  const auto want = MustSelect(*store_, {Match("__name__", "m")});
  ASSERT_EQ(want.size(), 20U * 299 + 1);
  std::mutex mutex;
  for (int round = 0; round < 3; ++round) {
    std::set<std::thread::id> threads;
    std::set<std::size_t> places;
    ASSERT_TRUE(Each([&](std::size_t place, const SeriesView& series) -> base::Result<> {
      const std::lock_guard lock(mutex);
      threads.insert(std::this_thread::get_id());
      EXPECT_TRUE(places.insert(place).second);
      EXPECT_EQ(*series.labels, *want.at(place).labels);
      EXPECT_TRUE(std::ranges::equal(series.t, want[place].t));
      EXPECT_TRUE(std::ranges::equal(series.v, want[place].v));
      return {};
    }));
    EXPECT_EQ(places.size(), want.size());
    EXPECT_LE(threads.size(), 2U);
  }
}

TEST_F(TwoThreads, OfTheNewestTheNewestIsThere) {
  ASSERT_TRUE(store_->Append(MakeBatch("late", kStart + 100'000, {{"m", 8}})));
  const Hints hints{.range_ms = 0, .function = {}, .newest = true};
  for (const model::Timestamp to : {kStart + 3000, kStart + 100'001, kStart + 900'000}) {
    const auto want = MustSelect(*store_, {Match("__name__", "m")}, kStart, to);
    std::size_t given = 0;
    ASSERT_TRUE(store_->Each({Match("__name__", "m")}, kStart, to, &hints,
                             [&](std::size_t, const SeriesView& series) -> base::Result<> {
                               const auto same = [&](const SeriesData& data) {
                                 return *data.labels == *series.labels;
                               };
                               const auto all = std::ranges::find_if(want, same);
                               EXPECT_NE(all, want.end());
                               EXPECT_EQ(series.t.back(), all->t.back());
                               EXPECT_EQ(series.v.back(), all->v.back());
                               ++given;
                               return {};
                             }));
    EXPECT_EQ(given, want.size());
  }
}

TEST_F(TwoThreads, EndAtAnErrorAndAtAnException) {
  std::atomic<int> given = 0;
  const auto failed = Each([&](std::size_t, const SeriesView&) -> base::Result<> {
    if (++given >= 1000) {
      return base::Fail(base::ErrorKind::kCancelled, "enough");
    }
    return {};
  });
  ASSERT_FALSE(failed.has_value());
  EXPECT_EQ(failed.error().message, "enough");
  EXPECT_LE(given, 1002);
  for (const bool first : {true, false}) {  // the thread that asks, or its helper
    const auto self = std::this_thread::get_id();
    std::atomic<bool> thrown = false;
    const auto read = [&] {
      return Each([&](std::size_t, const SeriesView&) -> base::Result<> {
        if ((std::this_thread::get_id() == self) == first && !thrown.exchange(true)) {
          throw std::runtime_error("broken");
        }
        if (!first && !thrown) {
          std::this_thread::sleep_for(1ms);  // so that the helper has its turn
        }
        return {};
      });
    };
    EXPECT_THROW((void)read(), std::runtime_error);
    EXPECT_TRUE(Each([](std::size_t, const SeriesView&) { return base::Result<>(); }));
  }
}

TEST_F(TwoThreads, ReadersAndAWriterAtTheSameTime) {
  std::vector<std::thread> readers;
  std::atomic<bool> over = false;
  for (int i = 0; i < 3; ++i) {
    readers.emplace_back([&] {
      while (!over) {
        std::atomic<std::size_t> samples = 0;
        EXPECT_TRUE(Each([&](std::size_t, const SeriesView& series) {
          samples += series.v.size();
          return base::Result<>();
        }));
        EXPECT_GE(samples, 20U * 300 * 100 - 19 * 100);
      }
    });
  }
  for (int i = 0; i < 50; ++i) {
    EXPECT_TRUE(store_->Append(MakeBatch("late", kStart + i * 1000, {{"m", i}})));
    EXPECT_TRUE(store_->Maintain(base::FromMs(kStart + (3 + i) * 3'600'000)));
  }
  over = true;
  for (auto& reader : readers) {
    reader.join();
  }
}

}  // namespace
}  // namespace store
