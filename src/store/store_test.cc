// The store's promises, one by one.
#include "store/store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <bit>
#include <cmath>
#include <thread>

#include "model/sample.h"
#include "store/database.h"
#include "store/store_testing.h"

namespace store {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::MakeBatch;
using testing::Match;
using testing::MustOpen;
using testing::MustSelect;
using Op = Matcher::Op;

constexpr model::Timestamp kStart = 1'700'006'400'000;  // a multiple of two hours
constexpr model::Timestamp kHour = 3'600'000;

class StoreTest : public ::testing::Test {
 protected:
  StoreOptions Options() const {
    StoreOptions o;
    o.dir = dir_.path();
    o.retention_age = std::chrono::hours(24 * 30);
    return o;
  }
  void SetNow(model::Timestamp t) { clock_.SetWall(base::FromMs(t)); }
  void Maintain(Store& store) {
    const auto done = store.Maintain(base::Clock::Now());
    EXPECT_TRUE(done.has_value()) << done.error().message;
  }
  void ExpectClean(Store& store) {
    const auto report = store.Check();
    ASSERT_TRUE(report.has_value());
    EXPECT_THAT(report->problems, IsEmpty());
  }
  void Sql(const char* sql) {
    sqlite3* db = nullptr;
    ASSERT_EQ(sqlite3_open(dir_.database().c_str(), &db), SQLITE_OK);
    char* message = nullptr;
    EXPECT_EQ(sqlite3_exec(db, sql, nullptr, nullptr, &message), SQLITE_OK) << message;
    sqlite3_close(db);
  }

  testing::TempDir dir_;
  base::FrozenClock clock_{base::FromMs(kStart)};
};

TEST_F(StoreTest, ABatchIsThereAtOnceAndAfterReopening) {
  {
    auto store = MustOpen(Options());
    ASSERT_TRUE(store->Append(MakeBatch("web1", kStart, {{"ping", 1}, {"cpu", 12.5}})).has_value());
    ASSERT_TRUE(store->Append(MakeBatch("web1", kStart + 5000, {{"ping", 0}})).has_value());
  }
  auto store = MustOpen(Options());
  EXPECT_EQ(store->stats().replayed, 3U);
  const auto ping = MustSelect(*store, {Match("__name__", "ping")});
  ASSERT_EQ(ping.size(), 1U);
  EXPECT_EQ(ping[0].labels->ToString(), "ping{target=\"web1\"}");
  EXPECT_THAT(ping[0].t, ElementsAre(kStart, kStart + 5000));
  EXPECT_THAT(ping[0].v, ElementsAre(1, 0));
  EXPECT_THAT(MustSelect(*store, {Match("__name__", "ping")}, kStart + 1, kStart + 4999),
              IsEmpty());
  EXPECT_EQ(MustSelect(*store, {Match("target", "web1")}).size(), 2U);
}

TEST_F(StoreTest, BatchesOfOneTimeShareARow) {
  auto store = MustOpen(Options());
  for (int i = 0; i < 100; ++i) {
    (void)store->Append(MakeBatch("a", kStart + i * 5000, {{"ping", 1}}));
    if (i % 6 == 0) {
      (void)store->Append(MakeBatch("a", kStart + i * 5000, {{"mem", i * 0.5}, {"disk", 7}}));
    }
  }
  SetNow(kStart + 3 * kHour);
  Maintain(*store);
  EXPECT_EQ(store->stats().head_samples, 0U);
  EXPECT_EQ(store->stats().windows, 1U);
  const auto report = store->Check().value();
  EXPECT_EQ(report.chunks, 1U);
  EXPECT_EQ(report.columns, 3U);
  EXPECT_EQ(report.samples, 100U + 17 + 17);
  EXPECT_LT(report.bytes, 150U);
  EXPECT_EQ(MustSelect(*store, {Match("__name__", "mem")})[0].v[16], 48);
  EXPECT_EQ(MustSelect(*store, {Match("__name__", "ping")})[0].t.size(), 100U);
}

TEST_F(StoreTest, LateSamplesJoinTheirChunkAndTheLastValueCounts) {
  auto store = MustOpen(Options());
  (void)store->Append(MakeBatch("a", kStart + 10'000, {{"x", 1}}));
  (void)store->Append(MakeBatch("a", kStart + 30'000, {{"x", 3}}));
  (void)store->Append(MakeBatch("a", kStart + 20'000, {{"x", 2}, {"y", 5}}));
  EXPECT_THAT(MustSelect(*store, {Match("__name__", "x")})[0].v, ElementsAre(1, 2, 3));
  SetNow(kStart + 3 * kHour);
  Maintain(*store);
  (void)store->Append(MakeBatch("a", kStart + 15'000, {{"x", 1.5}}));
  (void)store->Append(MakeBatch("a", kStart + 30'000, {{"x", 3}}));   // the same again
  (void)store->Append(MakeBatch("a", kStart + 20'000, {{"x", 22}}));  // another value
  EXPECT_THAT(MustSelect(*store, {Match("__name__", "x")})[0].v, ElementsAre(1, 1.5, 22, 3));
  Maintain(*store);
  EXPECT_EQ(store->stats().head_samples, 0U);
  store = nullptr;
  store = MustOpen(Options());
  EXPECT_EQ(store->stats().replayed, 0U);
  EXPECT_THAT(MustSelect(*store, {Match("__name__", "x")})[0].v, ElementsAre(1, 1.5, 22, 3));
  EXPECT_THAT(MustSelect(*store, {Match("__name__", "y")})[0].v, ElementsAre(5));
  ExpectClean(*store);
}

TEST_F(StoreTest, ValuesKeepEveryBit) {
  const std::vector<double> odd = {-0.0,
                                   4.9e-324,
                                   INFINITY,
                                   -INFINITY,
                                   model::StaleNaN(),
                                   std::bit_cast<double>(0x7ff8dead0000beefULL),
                                   0.1,
                                   1e300};
  auto store = MustOpen(Options());
  for (std::size_t i = 0; i < odd.size(); ++i) {
    (void)store->Append(MakeBatch("a", kStart + static_cast<int>(i) * 1000, {{"x", odd[i]}}));
  }
  for (int round = 0; round < 3; ++round) {
    const auto x = MustSelect(*store, {Match("__name__", "x")});
    ASSERT_EQ(x[0].v.size(), odd.size());
    for (std::size_t i = 0; i < odd.size(); ++i) {
      EXPECT_EQ(std::bit_cast<std::uint64_t>(x[0].v[i]), std::bit_cast<std::uint64_t>(odd[i]));
    }
    if (round == 0) {  // from the log
      store = nullptr;
      store = MustOpen(Options());
    } else {  // from the chunk
      SetNow(kStart + 3 * kHour);
      Maintain(*store);
    }
  }
}

TEST_F(StoreTest, OneSeriesOfTwoTargetsIsAnsweredOnce) {
  auto store = MustOpen(Options());
  const auto labels = testing::MakeLabels({{"__name__", "up"}});
  (void)store->Append({.target = "a", .t = kStart, .samples = {{labels, 1}}});
  (void)store->Append({.target = "b", .t = kStart + 1000, .samples = {{labels, 2}}});
  (void)store->Append({.target = "b", .t = kStart, .samples = {{labels, 3}}});
  const auto up = MustSelect(*store, {Match("__name__", "up")});
  ASSERT_EQ(up.size(), 1U);
  EXPECT_THAT(up[0].t, ElementsAre(kStart, kStart + 1000));
  EXPECT_THAT(up[0].v, ElementsAre(3, 2));
  EXPECT_EQ(store->Series({}, 0, INT64_MAX)->size(), 1U);
}

TEST_F(StoreTest, SeriesAndLabelsAreThoseOfTheRange) {
  auto store = MustOpen(Options());
  (void)store->Append(MakeBatch("old", kStart, {{"ping", 1}, {"disk", 1}}));
  SetNow(kStart + 5 * kHour);
  Maintain(*store);
  (void)store->Append(MakeBatch("new", kStart + 5 * kHour, {{"ping", 1}}));
  EXPECT_EQ(store->Series({Match("__name__", "ping")}, 0, INT64_MAX)->size(), 2U);
  EXPECT_EQ(store->Series({Match("__name__", "ping")}, kStart + 1, INT64_MAX)->size(), 1U);
  EXPECT_EQ(store->Series({}, kStart, kStart)->size(), 2U);
  EXPECT_THAT(*store->LabelNames({}, 0, INT64_MAX), ElementsAre("__name__", "target"));
  EXPECT_THAT(*store->LabelValues("target", {}, 0, INT64_MAX), ElementsAre("new", "old"));
  EXPECT_THAT(*store->LabelValues("__name__", {Match("target", "old")}, 0, INT64_MAX),
              ElementsAre("disk", "ping"));
  EXPECT_THAT(*store->LabelValues("target", {}, kStart + kHour, INT64_MAX), ElementsAre("new"));
  EXPECT_THAT(*store->Series({}, 10, 5), IsEmpty());
  EXPECT_FALSE(store->Select({}, 0, 1).has_value());
  EXPECT_FALSE(store->Select({Match("x", "")}, 0, 1).has_value());
}

TEST_F(StoreTest, WhatMakesNoSenseIsRefusedWithAReasonAndTheRestIsKept) {
  auto store = MustOpen(Options());
  EXPECT_EQ(store->Append(MakeBatch("a", -1, {{"x", 1}})).error().kind, base::ErrorKind::kInvalid);
  const auto ahead = store->Append(MakeBatch("a", kStart + 2 * kHour, {{"x", 1}}));
  EXPECT_THAT(ahead.error().message, HasSubstr("ahead of the clock"));
  const auto old = store->Append(MakeBatch("a", kStart - 31LL * 24 * kHour, {{"x", 1}}));
  EXPECT_THAT(old.error().message, HasSubstr("older than retention"));
  model::Batch mixed = MakeBatch("a", kStart, {{"x", 1}});
  mixed.samples.push_back({nullptr, 5});
  mixed.samples.push_back({testing::MakeLabels({{"big", std::string(100'000, 'x')}}), 5});
  EXPECT_EQ(store->Append(mixed).error().kind, base::ErrorKind::kInvalid);
  EXPECT_EQ(MustSelect(*store, {Match("target", "a")}).size(), 1U);
  EXPECT_EQ(store->stats().samples_refused, 5U);
  EXPECT_EQ(store->stats().samples_appended, 1U);
  EXPECT_TRUE(store->Append({.target = "empty", .t = kStart, .samples = {}}).has_value());
}

TEST_F(StoreTest, TheSeriesLimitLeavesOldOnesAlone) {
  StoreOptions options = Options();
  options.max_series = 2;
  auto store = MustOpen(options);
  const auto full = store->Append(MakeBatch("a", kStart, {{"x", 1}, {"y", 2}, {"z", 3}}));
  EXPECT_EQ(full.error().kind, base::ErrorKind::kRefused);
  EXPECT_TRUE(store->Append(MakeBatch("a", kStart + 1, {{"x", 1}, {"y", 2}})).has_value());
  EXPECT_EQ(MustSelect(*store, {Match("target", "a")}).size(), 2U);
}

TEST_F(StoreTest, AFullHeadIsWrittenInPartsThatLaterBecomeOne) {
  StoreOptions options = Options();
  options.head_samples = 100;
  auto store = MustOpen(options);
  for (int i = 0; i < 1000; ++i) {
    SetNow(kStart + i * 5000);
    ASSERT_TRUE(store->Append(MakeBatch("a", kStart + i * 5000, {{"x", i * 1.0}})).has_value());
    if (i % 50 == 0) {
      Maintain(*store);
    }
    EXPECT_LE(store->stats().head_samples, 201U);
  }
  EXPECT_GT(store->Check()->chunks, 4U);
  auto x = MustSelect(*store, {Match("__name__", "x")});
  EXPECT_EQ(x[0].v.size(), 1000U);
  store = nullptr;
  store = MustOpen(options);
  SetNow(kStart + 3 * kHour);
  Maintain(*store);
  EXPECT_EQ(store->Check()->chunks, 1U);
  x = MustSelect(*store, {Match("__name__", "x")});
  ASSERT_EQ(x[0].v.size(), 1000U);
  EXPECT_EQ(x[0].v[999], 999);
  ExpectClean(*store);
}

TEST_F(StoreTest, OldSamplesGoAndSoDoTheirSeries) {
  StoreOptions options = Options();
  options.retention_age = std::chrono::hours(10);
  auto store = MustOpen(options);
  for (int hour = 0; hour < 40; ++hour) {
    const model::Timestamp now = kStart + hour * kHour;
    clock_.Advance(std::chrono::hours(hour == 0 ? 0 : 1));
    (void)store->Append(MakeBatch("steady", now, {{"x", hour * 1.0}}));
    (void)store->Append(MakeBatch("gone" + std::to_string(hour), now, {{"x", 1}}));
    Maintain(*store);
  }
  const auto x = MustSelect(*store, {Match("target", "steady")});
  EXPECT_GE(x[0].v.size(), 10U);
  EXPECT_LE(x[0].v.size(), 13U);
  EXPECT_LE(store->stats().series, 15U);
  EXPECT_LE(store->stats().targets, 15U);
  EXPECT_GT(store->stats().series_deleted, 25U);
  (void)store->Append(MakeBatch("gone0", kStart + 39 * kHour, {{"x", 9}}));
  EXPECT_EQ(MustSelect(*store, {Match("target", "gone0")})[0].v.size(), 1U);
  store = nullptr;
  store = MustOpen(options);
  EXPECT_EQ(MustSelect(*store, {Match("target", "gone0")})[0].v[0], 9);
  ExpectClean(*store);
}

TEST_F(StoreTest, TheDatabaseStaysBelowItsSize) {
  StoreOptions options = Options();
  options.retention_bytes = 250'000;
  auto store = MustOpen(options);
  std::uint64_t noise = 1;
  for (int i = 0; i < 60 * 12; ++i) {
    clock_.Advance(std::chrono::minutes(5));
    model::Batch batch = MakeBatch("a", base::Clock::NowMs(), {});
    for (int n = 0; n < 50; ++n) {
      noise = noise * 6364136223846793005ULL + 1442695040888963407ULL;
      batch.samples.push_back({testing::MakeLabels({{"__name__", "x"}, {"n", std::to_string(n)}}),
                               static_cast<double>(noise >> 11) * 0x1p-53});
    }
    ASSERT_TRUE(store->Append(batch).has_value());
    Maintain(*store);
  }
  const Stats stats = store->stats();
  EXPECT_GT(stats.chunks_deleted, 0U);
  EXPECT_LE(stats.free_bytes, stats.database_bytes);
  auto db = Database::OpenReadOnly(dir_.database());  // part of it is in the WAL only
  ASSERT_TRUE(db.has_value());
  const auto used = (*db->Number("PRAGMA page_count") - *db->Number("PRAGMA freelist_count")) *
                    *db->Number("PRAGMA page_size");
  EXPECT_GT(used, 100'000);
  EXPECT_LE(used, 300'000);
  EXPECT_GT(stats.windows, 5U);
  ExpectClean(*store);
}

TEST_F(StoreTest, ALeapOfTheClockDeletesNothingForAnHour) {
  StoreOptions options = Options();
  options.retention_age = std::chrono::hours(24);
  auto store = MustOpen(options);
  (void)store->Append(MakeBatch("a", kStart, {{"x", 1}}));
  Maintain(*store);
  SetNow(kStart + 1000LL * 24 * kHour);  // somebody sets the wrong year
  Maintain(*store);
  (void)store->Append(MakeBatch("a", kStart + 1000LL * 24 * kHour, {{"x", 2}}));
  Maintain(*store);
  SetNow(kStart + 60'000);  // and corrects it
  Maintain(*store);
  (void)store->Append(MakeBatch("a", kStart + 60'000, {{"x", 3}}));
  EXPECT_THAT(MustSelect(*store, {Match("__name__", "x")})[0].v, ElementsAre(1, 3, 2));
  clock_.Advance(std::chrono::hours(26));
  Maintain(*store);
  clock_.Advance(std::chrono::hours(2));
  Maintain(*store);
  EXPECT_THAT(MustSelect(*store, {Match("__name__", "x")})[0].v, ElementsAre(2));
}

TEST_F(StoreTest, GapsOfDaysCostNothing) {
  auto store = MustOpen(Options());
  for (int day = 0; day < 20; ++day) {
    SetNow(kStart + day * 24 * kHour);
    (void)store->Append(MakeBatch("a", kStart + day * 24 * kHour, {{"x", day * 1.0}}));
    Maintain(*store);
  }
  EXPECT_EQ(MustSelect(*store, {Match("__name__", "x")})[0].v.size(), 20U);
  EXPECT_EQ(store->stats().windows, 19U);
}

TEST_F(StoreTest, TenThousandLabelSetsInOneTarget) {
  auto store = MustOpen(Options());
  for (int round = 0; round < 2; ++round) {
    model::Batch batch{.target = "a", .t = kStart + round * 5000, .samples = {}};
    for (int i = 0; i < 10'000; ++i) {
      batch.samples.push_back(
          {testing::MakeLabels({{"__name__", "x"}, {"id", std::to_string(i)}}), i * 1.0});
    }
    ASSERT_TRUE(store->Append(batch).has_value());
  }
  SetNow(kStart + 3 * kHour);
  Maintain(*store);
  store = nullptr;
  store = MustOpen(Options());
  const auto some = MustSelect(*store, {Match("id", "99..", Op::kRegex)});
  EXPECT_EQ(some.size(), 100U);
  EXPECT_THAT(some[7].v, ElementsAre(9907, 9907));
  EXPECT_EQ(store->stats().series, 10'000U);
}

TEST_F(StoreTest, ADamagedChunkIsSetAsideAndTheRestServed) {
  {
    auto store = MustOpen(Options());
    for (const char* target : {"a", "b"}) {
      for (int i = 0; i < 100; ++i) {
        (void)store->Append(MakeBatch(target, kStart + i * 5000, {{"x", i * 1.0}}));
      }
    }
    SetNow(kStart + 3 * kHour);
    Maintain(*store);
  }
  Sql("UPDATE chunk SET data = substr(data, 1, 10) || x'ff' || substr(data, 12) WHERE target = 1");
  auto store = MustOpen(Options());
  const auto x = MustSelect(*store, {Match("__name__", "x")});
  ASSERT_EQ(x.size(), 1U);
  EXPECT_EQ(x[0].labels->Get("target"), "b");
  EXPECT_EQ(store->stats().unreadable, 1U);
  const auto report = store->Check().value();
  ASSERT_EQ(report.problem_count, 1U);
  EXPECT_THAT(report.problems[0], HasSubstr("checksum"));
  Maintain(*store);
  EXPECT_EQ(store->stats().chunks_set_aside, 1U);
  ExpectClean(*store);
  // Late samples of that window begin a new chunk.
  (void)store->Append(MakeBatch("a", kStart + 7000, {{"x", 42}}));
  Maintain(*store);
  EXPECT_THAT(MustSelect(*store, {Match("target", "a")})[0].v, ElementsAre(42));
}

TEST_F(StoreTest, AFileThatIsNoDatabaseIsPutAsideAndANewOneBegins) {
  std::FILE* file = std::fopen(dir_.database().c_str(), "w");
  std::fputs(std::string(10'000, 'x').c_str(), file);
  std::fclose(file);
  auto store = MustOpen(Options());
  EXPECT_EQ(store->stats().files_set_aside, 1U);
  EXPECT_TRUE(store->Append(MakeBatch("a", kStart, {{"x", 1}})).has_value());
  int kept = 0;
  for (const auto& entry : std::filesystem::directory_iterator(dir_.path())) {
    kept += entry.path().string().find("unreadable") != std::string::npos ? 1 : 0;
  }
  EXPECT_EQ(kept, 1);
}

TEST_F(StoreTest, OtherVersionsAndForeignFilesAreRefusedWithASentence) {
  MustOpen(Options());
  Sql("PRAGMA user_version = 7");
  auto refused = Store::Open(Options());
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().kind, base::ErrorKind::kRefused);
  EXPECT_THAT(refused.error().message,
              HasSubstr("has store version 7; this Raksa reads versions 1 to 2"));
  Sql("PRAGMA application_id = 5");
  refused = Store::Open(Options());
  EXPECT_THAT(refused.error().message, HasSubstr("is not a Raksa store"));
}

TEST_F(StoreTest, OneProcessAtATime) {
  auto store = MustOpen(Options());
  const auto second = Store::Open(Options());
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().kind, base::ErrorKind::kUnavailable);
  EXPECT_THAT(second.error().message, HasSubstr("another process"));
}

TEST_F(StoreTest, BadOptionsAndDirectories) {
  StoreOptions options = Options();
  options.window = std::chrono::seconds(1);
  EXPECT_EQ(Store::Open(options).error().kind, base::ErrorKind::kInvalid);
  options = Options();
  options.dir = "/proc/nosuch/store";
  EXPECT_EQ(Store::Open(options).error().kind, base::ErrorKind::kUnavailable);
  options.dir = "";
  EXPECT_EQ(Store::Open(options).error().kind, base::ErrorKind::kInvalid);
}

TEST_F(StoreTest, AStoreKeepsTheWindowItWasMadeWith) {
  MustOpen(Options());
  StoreOptions options = Options();
  options.window = std::chrono::hours(6);
  EXPECT_EQ(MustOpen(options)->stats().window, std::chrono::hours(2));
}

TEST_F(StoreTest, ASelectThatIsTooLargeIsRefused) {
  StoreOptions options = Options();
  options.select_samples = 50;
  auto store = MustOpen(options);
  for (int i = 0; i < 60; ++i) {
    (void)store->Append(MakeBatch("a", kStart + i, {{"x", 1}}));
  }
  EXPECT_EQ(store->Select({Match("__name__", "x")}, 0, INT64_MAX).error().kind,
            base::ErrorKind::kRefused);
  SetNow(kStart + 3 * kHour);
  Maintain(*store);
  EXPECT_FALSE(store->Select({Match("__name__", "x")}, 0, INT64_MAX).has_value());
  EXPECT_TRUE(store->Select({Match("__name__", "x")}, 0, kStart + 40).has_value());
}

TEST_F(StoreTest, ReadersBesideTheWriterSeeWholeBatchesOnce) {
  StoreOptions options = Options();
  options.head_samples = 200;
  auto store = MustOpen(options);
  std::atomic<bool> stop = false;
  std::atomic<int> reads = 0;
  std::vector<std::thread> readers;
  for (int n = 0; n < 2; ++n) {
    readers.emplace_back([&] {
      std::size_t least = 0;
      while (!stop || reads < 20) {
        const auto found = MustSelect(*store, {Match("target", "a")});
        ASSERT_TRUE(found.empty() || found.size() == 2U);
        if (!found.empty()) {
          ASSERT_EQ(found[0].t, found[1].t);
          ASSERT_GE(found[0].t.size(), least);
          for (std::size_t i = 0; i < found[0].t.size(); ++i) {
            ASSERT_EQ(found[0].v[i], static_cast<double>(i));  // none missing, none twice
          }
          least = found[0].t.size();
        }
        ++reads;
      }
    });
  }
  for (int i = 0; i < 3000; ++i) {
    SetNow(kStart + i * 5000);
    ASSERT_TRUE(store->Append(MakeBatch("a", kStart + i * 5000, {{"x", i * 1.0}, {"y", i * 1.0}}))
                    .has_value());
    if (i % 20 == 0) {
      Maintain(*store);
    }
  }
  stop = true;
  for (auto& reader : readers) {
    reader.join();
  }
  EXPECT_EQ(MustSelect(*store, {Match("__name__", "x")})[0].t.size(), 3000U);
}

}  // namespace
}  // namespace store
