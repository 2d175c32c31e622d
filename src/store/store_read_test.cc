// Reading beside a writer, copies, checks of everything, and clocks and label sets that misbehave.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "store/database.h"
#include "store/store_testing.h"

namespace store {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::MakeBatch;
using testing::Match;
using testing::MustOpen;
using testing::MustSelect;

constexpr model::Timestamp kStart = 1'700'006'400'000;
constexpr std::int64_t kMinute = 60'000;

class StoreReadTest : public ::testing::Test {
 protected:
  StoreOptions Options() {
    StoreOptions options;
    options.dir = dir_.path();
    options.window = std::chrono::minutes(10);
    return options;
  }
  void MaintainAt(Store* store, model::Timestamp t) {
    clock_.Advance(base::FromMs(t) - base::Clock::Now());
    for (int i = 0; i < 20; ++i) {
      ASSERT_TRUE(store->Maintain(base::FromMs(t)).has_value());
    }
  }
  void Sql(const char* sql) {
    auto db = Database::Open(dir_.database());
    ASSERT_TRUE(db.has_value());
    const auto done = db->Exec(sql);
    ASSERT_TRUE(done.has_value()) << done.error().message;
  }
  std::string Bytes() {
    std::ifstream in(dir_.database(), std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  std::unique_ptr<Store> MustRead() {
    auto store = Store::OpenToRead(dir_.path());
    EXPECT_TRUE(store.has_value()) << store.error().message;
    return std::move(*store);
  }

  testing::TempDir dir_;
  base::FrozenClock clock_{base::FromMs(kStart)};
};

TEST_F(StoreReadTest, BesideAWriterItSeesOneMomentAndChangesNothing) {
  auto store = MustOpen(Options());
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(store->Append(MakeBatch("a", kStart + i * 5000, {{"x", i * 1.0}})).has_value());
  }
  const auto reader = MustRead();
  ASSERT_TRUE(store->Append(MakeBatch("a", kStart + 500'000, {{"x", 100}})).has_value());
  MaintainAt(store.get(), kStart + 20 * kMinute);  // all goes from the log to a chunk
  EXPECT_EQ(MustSelect(*store, {Match("__name__", "x")})[0].v.size(), 101U);
  EXPECT_EQ(MustSelect(*reader, {Match("__name__", "x")})[0].v.size(), 100U);
  EXPECT_EQ(MustSelect(*reader, {Match("__name__", "x")}, kStart + 10'000, kStart + 20'000)[0].v,
            (std::vector<double>{2, 3, 4}));
  const auto report = reader->Check();
  ASSERT_TRUE(report.has_value());
  EXPECT_THAT(report->problems, ElementsAre());
  EXPECT_EQ(report->head_samples, 100U);
  EXPECT_EQ(reader->Append(MakeBatch("a", kStart, {{"x", 1}})).error().kind,
            base::ErrorKind::kRefused);
  EXPECT_EQ(reader->Maintain(base::Clock::Now()).error().kind, base::ErrorKind::kRefused);
  const auto all = MustRead()->TakeInventory();
  ASSERT_TRUE(all.has_value());
  EXPECT_EQ(all->targets.size(), 1U);
  EXPECT_EQ(all->targets[0].samples, 101U);
  EXPECT_EQ(all->windows.size(), 1U);
  EXPECT_EQ(all->windows[0].samples, 101U);
  EXPECT_EQ(all->metrics[0].first, "x");
}

TEST_F(StoreReadTest, TheOldestStoresHaveTheirTablesInKeyOrder) {
  MustOpen(Options()).reset();
  Sql("DROP TABLE head; DROP TABLE chunk;"
      "CREATE TABLE head(window INTEGER, seq INTEGER, data BLOB NOT NULL,"
      " PRIMARY KEY(window, seq)) WITHOUT ROWID;"
      "CREATE TABLE chunk(window INTEGER, target INTEGER, part INTEGER, data BLOB NOT NULL,"
      " PRIMARY KEY(window, target, part)) WITHOUT ROWID;");
  auto store = MustOpen(Options());
  for (int i = 0; i < 300; ++i) {
    ASSERT_TRUE(store->Append(MakeBatch("a", kStart + i * 5000, {{"x", i * 1.0}})).has_value());
    if (i % 100 == 99) {
      MaintainAt(store.get(), kStart + i * 5000);
    }
  }
  store.reset();
  store = MustOpen(Options());
  EXPECT_EQ(MustSelect(*store, {Match("__name__", "x")})[0].v.size(), 300U);
  const auto report = MustRead()->Check();
  ASSERT_TRUE(report.has_value());
  EXPECT_THAT(report->problems, ElementsAre());
  EXPECT_GT(report->head_samples, 0U);
  EXPECT_GT(store->stats().windows, 0U);
}

TEST_F(StoreReadTest, AClosedStoreHasNoFreePages) {
  auto store = MustOpen(Options());
  for (int i = 0; i < 2000; ++i) {
    ASSERT_TRUE(store->Append(MakeBatch("a", kStart + i * 100, {{"x", i * 0.5}})).has_value());
  }
  MaintainAt(store.get(), kStart + 20 * kMinute);
  Sql("CREATE TABLE passing(b); INSERT INTO passing VALUES(zeroblob(100000)); DROP TABLE passing");
  const auto pages = [this](const char* what) {
    auto db = Database::OpenReadOnly(dir_.database());
    return db->Number(std::string("PRAGMA ") + what).value();
  };
  EXPECT_GT(pages("freelist_count"), 10);
  store.reset();
  EXPECT_EQ(pages("freelist_count"), 0);
  EXPECT_LT(Bytes().size(), 64U << 10);
  store = MustOpen(Options());
  EXPECT_EQ(MustSelect(*store, {Match("__name__", "x")})[0].v.size(), 2000U);
}

TEST_F(StoreReadTest, NothingThereAndForeignFiles) {
  EXPECT_EQ(Store::OpenToRead(dir_.path() + "/none").error().kind, base::ErrorKind::kNotFound);
  EXPECT_FALSE(std::filesystem::exists(dir_.path() + "/none"));
  {
    auto db = Database::Open(dir_.database());
    ASSERT_TRUE(db->Exec("CREATE TABLE a(b)").has_value());
  }
  EXPECT_EQ(Store::OpenToRead(dir_.path()).error().kind, base::ErrorKind::kRefused);
}

TEST_F(StoreReadTest, CheckNamesEverythingThatDoesNotHoldTogether) {
  {
    auto store = MustOpen(Options());
    for (const char* target : {"a", "b"}) {
      for (int i = 0; i < 200; ++i) {
        ASSERT_TRUE(
            store->Append(MakeBatch(target, kStart + i * 5000, {{"x", i * 1.0}})).has_value());
      }
    }
    MaintainAt(store.get(), kStart + 15 * kMinute);
    for (int i = 0; i < 3; ++i) {
      ASSERT_TRUE(store->Append(MakeBatch("a", kStart + 15 * kMinute + i, {{"x", 1}, {"y", 1}}))
                      .has_value());
    }
  }
  const auto before = Bytes();
  EXPECT_EQ(MustRead()->Check()->problem_count, 0U);
  EXPECT_EQ(Bytes(), before);
  Sql("UPDATE chunk SET data = zeroblob(50) WHERE target = 1");
  const std::string segment = dir_.segments().back();
  const auto size = testing::FileBytes(segment).size();
  testing::Overwrite(segment, size / 2, "\x01\x02\x03");
  Sql("INSERT INTO string(id, text) VALUES(900, 'nobody')");
  Sql("INSERT INTO target(id, name) VALUES(900, 'nobody')");
  Sql("INSERT INTO series(id, target, labels) SELECT 900, target, labels FROM series WHERE id = 1");
  Sql("INSERT INTO aside VALUES(1, 5, 'chunk', 600000, 1, 0, 'made up', x'00')");
  const auto report = MustRead()->Check();
  ASSERT_TRUE(report.has_value());
  std::string all;
  for (const auto& problem : report->problems) {
    all += problem + "\n";
  }
  EXPECT_THAT(all, HasSubstr("window 2023-11-15T00:00:00.000Z, target 1, part 0: chunk: checksum"));
  EXPECT_THAT(all, HasSubstr("head log, window 2023-11-15T00:10:00.000Z, segment 2: bytes "));
  EXPECT_THAT(all, HasSubstr("dictionary: text 900 is used by nothing"));
  EXPECT_THAT(all, HasSubstr("dictionary: target 900 has no series"));
  EXPECT_THAT(all, HasSubstr("dictionary: series 900 stands more than once"));
  ASSERT_EQ(report->aside.size(), 1U);
  EXPECT_EQ(report->aside[0].target, "a");
  EXPECT_EQ(report->aside[0].window, 600'000);
}

TEST_F(StoreReadTest, ADamagedRowOfTheLogIsSetAsideAndTheRestReplayed) {
  {
    auto store = MustOpen(Options());
    for (int i = 0; i < 10; ++i) {
      (void)store->Append(MakeBatch("a", kStart + i * 5000, {{"x", i * 1.0}}));
    }
  }
  ASSERT_EQ(dir_.segments().size(), 1U);
  const std::string segment = dir_.segments()[0];
  const auto size = testing::FileBytes(segment).size();
  testing::Overwrite(segment, size / 2, "\x01\x02\x03");
  auto store = MustOpen(Options());
  EXPECT_EQ(store->stats().rows_set_aside, 1U);
  EXPECT_EQ(MustSelect(*store, {Match("__name__", "x")})[0].v.size(), 9U);
  const auto aside = store->Check()->aside;
  ASSERT_EQ(aside.size(), 1U);
  EXPECT_EQ(aside[0].source, "head");
  EXPECT_THAT(aside[0].reason, HasSubstr("segment 1: bytes "));
  EXPECT_GT(aside[0].bytes, 20U);
  EXPECT_LT(testing::FileBytes(segment).size(), size);
  store = nullptr;
  store = MustOpen(Options());
  EXPECT_EQ(store->stats().rows_set_aside, 0U);
  EXPECT_EQ(MustSelect(*store, {Match("__name__", "x")})[0].v.size(), 9U);
}

TEST_F(StoreReadTest, ItSaysWhenThereIsWorkForMaintain) {
  auto options = Options();
  options.head_samples = 100;
  auto store = MustOpen(options);
  EXPECT_TRUE(store->unsettled());  // nobody has looked since it was opened
  ASSERT_TRUE(store->Maintain(base::FromMs(kStart)).has_value());
  EXPECT_FALSE(store->unsettled());
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(store->Append(MakeBatch("h", kStart + i * 1000, {{"a", i}})).has_value());
  }
  EXPECT_FALSE(store->unsettled());
  ASSERT_TRUE(store->Append(MakeBatch("h", kStart + 100'000, {{"a", 1}})).has_value());
  EXPECT_TRUE(store->unsettled()) << "more in memory than there should be";
  ASSERT_TRUE(store->Maintain(base::FromMs(kStart + 100'000)).has_value());
  EXPECT_TRUE(store->unsettled()) << "what has written may have more to write";
  ASSERT_TRUE(store->Maintain(base::FromMs(kStart + 100'000)).has_value());
  EXPECT_FALSE(store->unsettled());
  Sql("UPDATE chunk SET data = x'00112233'");
  EXPECT_FALSE(store->unsettled());
  ASSERT_TRUE(store->Check().has_value());
  EXPECT_TRUE(store->unsettled()) << "a damaged chunk";
  ASSERT_TRUE(store->Maintain(base::FromMs(kStart + 100'000)).has_value());
  EXPECT_EQ(store->stats().chunks_set_aside, 1U);
}

TEST_F(StoreReadTest, ACopyIsWholeAndNeverOverwrites) {
  auto store = MustOpen(Options());
  ASSERT_TRUE(store->Append(MakeBatch("a", kStart, {{"x", 7}})).has_value());
  const testing::TempDir other;
  ASSERT_TRUE(store->CopyTo(other.database()).has_value());
  ASSERT_TRUE(store->Append(MakeBatch("a", kStart + 5000, {{"x", 8}})).has_value());
  auto copy = Store::OpenToRead(other.path());
  ASSERT_TRUE(copy.has_value());
  EXPECT_THAT(MustSelect(**copy, {Match("__name__", "x")})[0].v, ElementsAre(7));
  EXPECT_EQ((*copy)->Check()->problem_count, 0U);
  EXPECT_EQ(store->CopyTo(other.database()).error().kind, base::ErrorKind::kRefused);
  EXPECT_FALSE(store->CopyTo(other.path() + "/no/such/place").has_value());
}

TEST_F(StoreReadTest, ACopyHasTheLogAndIsAStoreOfItsOwn) {
  auto store = MustOpen(Options());
  for (int i = 0; i < 300; ++i) {
    ASSERT_TRUE(store->Append(MakeBatch("a", kStart + i * 5000, {{"x", i * 1.0}})).has_value());
  }
  MaintainAt(store.get(), kStart + 15 * kMinute);  // the first window is a chunk
  const testing::TempDir other;
  ASSERT_TRUE(store->CopyTo(other.database()).has_value());
  EXPECT_THAT(other.segments(), ElementsAre());
  EXPECT_FALSE(std::filesystem::exists(other.database() + "-wal"));
  for (const auto& segment :
       dir_.segments()) {  // of the first store: they mean nothing to the copy
    std::filesystem::copy_file(segment, other.path() + "/samples-77.log");
  }
  StoreOptions options = Options();
  options.dir = other.path();
  auto copy = MustOpen(options);
  EXPECT_EQ(copy->stats().files_set_aside, 1U);
  EXPECT_EQ(copy->stats().replayed, 180U);
  EXPECT_EQ(MustSelect(*copy, {Match("__name__", "x")})[0].v.size(), 300U);
  ASSERT_TRUE(copy->Append(MakeBatch("a", kStart + 1'500'000, {{"x", 300}})).has_value());
  MaintainAt(copy.get(), kStart + 40 * kMinute);
  copy.reset();
  copy = MustOpen(options);
  EXPECT_EQ(copy->stats().replayed, 0U)
      << "what is in chunks is neither in the table nor in a file";
  EXPECT_EQ(MustSelect(*copy, {Match("__name__", "x")})[0].v.size(), 301U);
  EXPECT_EQ(copy->Check()->problem_count, 0U);
}

TEST_F(StoreReadTest, ADamagedRecordOfACopyIsSetAside) {
  auto store = MustOpen(Options());
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(store->Append(MakeBatch("a", kStart + i * 5000, {{"x", i * 1.0}})).has_value());
  }
  const testing::TempDir other;
  ASSERT_TRUE(store->CopyTo(other.database()).has_value());
  {
    auto db = Database::Open(other.database());
    ASSERT_TRUE(db.has_value());
    const auto seq = db->Number("SELECT min(seq) FROM head").value();
    auto get = db->Prepare("SELECT data FROM head WHERE seq = ?").value();
    ASSERT_TRUE(get.Bind(1, seq).Step().value());
    auto data = get.Text(0);
    get.Reset();
    data[data.size() - 5] ^= 1;  // the value: all but the checksum stays right
    auto put = db->Prepare("UPDATE head SET data = ? WHERE seq = ?").value();
    ASSERT_TRUE(put.BindBlob(1, data).Bind(2, seq).Run().has_value());
  }
  StoreOptions options = Options();
  options.dir = other.path();
  const auto copy = MustOpen(options);
  EXPECT_EQ(copy->stats().rows_set_aside, 1U);
  EXPECT_THAT(MustSelect(*copy, {Match("__name__", "x")})[0].v, ElementsAre(1, 2, 3, 4));
  const auto aside = copy->Check()->aside;
  ASSERT_EQ(aside.size(), 1U);
  EXPECT_THAT(aside[0].reason, HasSubstr("log row: checksum does not match"));
}

TEST_F(StoreReadTest, AStoreOfTheFirstVersionGoesOn) {
  {
    auto store = MustOpen(Options());
    for (int i = 0; i < 5; ++i) {
      ASSERT_TRUE(store->Append(MakeBatch("a", kStart + i * 5000, {{"x", i * 1.0}})).has_value());
    }
    ASSERT_TRUE(store->CopyTo(dir_.path() + "/first.db").has_value());
  }
  const testing::TempDir old;
  std::filesystem::rename(dir_.path() + "/first.db", old.database());
  {
    auto db = Database::Open(old.database());
    ASSERT_TRUE(db.has_value());
    ASSERT_TRUE(db->Exec("DROP TABLE logged; DELETE FROM meta WHERE key = 'log_id';"
                         "PRAGMA user_version = 1")
                    .has_value());
  }
  {
    auto read = Store::OpenToRead(old.path());
    ASSERT_TRUE(read.has_value()) << read.error().message;
    EXPECT_EQ(MustSelect(**read, {Match("__name__", "x")})[0].v.size(), 5U);
    EXPECT_EQ((*read)->Check()->problem_count, 0U);
  }
  StoreOptions options = Options();
  options.dir = old.path();
  for (int round = 0; round < 2; ++round) {
    auto store = MustOpen(options);
    EXPECT_EQ(store->stats().replayed, 5U + static_cast<std::size_t>(round));
    ASSERT_TRUE(store->Append(MakeBatch("a", kStart + 30'000 + round, {{"x", 5}})).has_value());
  }
  auto store = MustOpen(options);
  EXPECT_EQ(MustSelect(*store, {Match("__name__", "x")})[0].v.size(), 7U);
  MaintainAt(store.get(), kStart + 30 * kMinute);
  store.reset();
  store = MustOpen(options);
  EXPECT_EQ(store->stats().replayed, 0U);
  EXPECT_EQ(store->stats().log_bytes, 0U);
  EXPECT_EQ(MustSelect(*store, {Match("__name__", "x")})[0].v.size(), 7U);
}

TEST_F(StoreReadTest, LimitsMayChangeWhileItIsOpen) {
  auto options = Options();
  options.retention_age = {};
  auto store = MustOpen(options);
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(store->Append(MakeBatch("a", kStart + i * 60'000, {{"x", i}})).has_value());
    clock_.Advance(std::chrono::minutes(1));
    ASSERT_TRUE(store->Maintain(base::Clock::Now()).has_value());
  }
  EXPECT_EQ(MustSelect(*store, {Match("__name__", "x")})[0].v.size(), 20U);
  store->SetLimits({.retention_age = std::chrono::minutes(5)});
  EXPECT_TRUE(store->unsettled());
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(store->Maintain(base::Clock::Now()).has_value());
  }
  const auto left = MustSelect(*store, {Match("__name__", "x")})[0].v.size();
  EXPECT_GE(left, 5U);
  EXPECT_LE(left, 15U) << "whole windows of ten minutes went";
  EXPECT_FALSE(store->Append(MakeBatch("a", kStart, {{"x", 0}})).has_value());
}

TEST_F(StoreReadTest, AClockThatStepsBackLosesNothing) {
  auto options = Options();
  options.retention_age = std::chrono::hours(1);
  auto store = MustOpen(options);
  double n = 0;
  const auto tick = [&](model::Timestamp t) {
    ASSERT_TRUE(store->Append(MakeBatch("a", t, {{"x", ++n}})).has_value());
    for (int i = 0; i < 5; ++i) {
      ASSERT_TRUE(store->Maintain(base::Clock::Now()).has_value());
    }
  };
  for (int i = 0; i < 60; ++i) {  // half an hour, written as chunks on the way
    tick(kStart + i * 30'000);
    clock_.Advance(std::chrono::seconds(30));
  }
  clock_.SetWall(base::FromMs(kStart + 10'000));  // back to where it began, and on
  for (int i = 0; i < 60; ++i) {
    tick(kStart + 10'000 + i * 30'000);
    clock_.Advance(std::chrono::seconds(30));
  }
  const auto x = MustSelect(*store, {Match("__name__", "x")});
  ASSERT_EQ(x.size(), 1U);
  EXPECT_EQ(x[0].v.size(), 120U);
  EXPECT_EQ(store->stats().samples_refused, 0U);
  EXPECT_EQ(store->Check()->problem_count, 0U);
}

TEST_F(StoreReadTest, TenThousandNewLabelSetsAMinuteComeAndGo) {
  auto options = Options();
  options.window = std::chrono::minutes(1);
  options.retention_age = std::chrono::minutes(2);
  options.max_series = 45'000;
  auto store = MustOpen(options);
  std::size_t most = 0;
  for (int minute = 0; minute < 8; ++minute) {
    model::Batch batch{.target = "a", .t = kStart + minute * kMinute, .samples = {}};
    for (int i = 0; i < 10'000; ++i) {
      batch.samples.push_back(
          {testing::MakeLabels(
               {{"__name__", "x"}, {"id", std::to_string(minute) + "-" + std::to_string(i)}}),
           i * 1.0});
    }
    ASSERT_TRUE(store->Append(batch).has_value()) << minute;
    MaintainAt(store.get(), kStart + (minute + 1) * kMinute);
    most = std::max(most, store->stats().series);
  }
  EXPECT_LE(most, 45'000U);
  EXPECT_EQ(store->stats().samples_refused, 0U);
  MaintainAt(store.get(), kStart + 20 * kMinute);
  EXPECT_EQ(store->stats().series, 0U);
  EXPECT_EQ(store->stats().strings, 0U);
  EXPECT_EQ(store->Check()->problem_count, 0U);
}

}  // namespace
}  // namespace store
