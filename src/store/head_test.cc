// The head's tables: rows that wait beside each other are those that were put in, whoever asks.
#include "store/head.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <thread>

#include "store/store_testing.h"

namespace store {
namespace {

using ::testing::ElementsAre;
using testing::MakeBatch;

using Model = std::map<SeriesId, std::map<model::Timestamp, double>>;

Model Read(const Table& table) {
  Model out;
  for (const Table::Column& column : table.columns()) {
    std::size_t next = 0;
    for (std::size_t row = 0; row < table.times().size(); ++row) {
      if (HasRow(column.mask, row)) {
        out[column.series][table.times()[row]] = column.values.at(next++);
      }
    }
    EXPECT_EQ(next, column.values.size());
  }
  return out;
}

TEST(Head, ATableIsWhatWasPutIntoItInWhateverOrder) {
  for (unsigned seed = 0; seed < 200; ++seed) {
    std::mt19937 random(seed);
    const auto up_to = [&](unsigned n) { return static_cast<unsigned>(random() % n); };
    Table table;
    table.Expect(up_to(100));
    Model model;
    std::size_t samples = 0;
    model::Timestamp t = 1000;
    std::vector<SeriesId> series = {1, 2, 3, 5, 8};
    for (int i = 0; i < 120; ++i) {
      if (up_to(12) == 0) {  // other series come with the rows from now on
        std::erase_if(series, [&](SeriesId) { return up_to(3) == 0; });
        series.push_back(series.empty() ? 1 : series.back() + 1 + up_to(3));
      }
      t += 1000;
      const bool beside = up_to(3) == 0;  // more of the time before: other series, or some of them
      std::vector<SeriesId> others = {100, 101};
      if (up_to(6) == 0) {
        others = {series.back(), 102};
      }
      std::ranges::sort(others);
      t -= beside ? 1000 : 0;
      Row row{.t = up_to(15) == 0 ? t - 1000 * up_to(20) : t, .series = beside ? others : series};
      Added expected;
      for (const SeriesId id : row.series) {
        row.values.push_back(static_cast<double>(up_to(4)));
        auto& times = model[id];
        const auto [at, fresh] = times.try_emplace(row.t, row.values.back());
        expected.fresh += fresh ? 1 : 0;
        expected.overwritten += !fresh && at->second != row.values.back() ? 1 : 0;
        at->second = row.values.back();
      }
      const Added added = table.Insert(row);
      EXPECT_EQ(added.fresh, expected.fresh);
      EXPECT_EQ(added.overwritten, expected.overwritten);
      samples += added.fresh;
      EXPECT_EQ(table.samples(), samples);
      if (up_to(10) == 0) {
        ASSERT_EQ(Read(table), model) << "seed " << seed << " row " << i;
      }
    }
    ASSERT_EQ(Read(table), model) << "seed " << seed;
    Table again;
    for (const std::string& part : table.Encode()) {
      auto chunk = ChunkReader::Open(AsBytes(part));
      ASSERT_TRUE(chunk.has_value()) << chunk.error().message;
      ASSERT_TRUE(again.Insert(&*chunk).has_value());
    }
    ASSERT_EQ(Read(again), model) << "seed " << seed;
  }
}

TEST(Head, ColumnsHaveRoomForAsManyRowsAsExpected) {
  Table table;
  table.Expect(40);
  for (int i = 0; i < 8; ++i) {
    table.Insert({.t = 10 + i, .series = {1}, .values = {1}});
  }
  EXPECT_EQ(table.Find(1)->values.capacity(), 40U);
  Table many;
  many.Expect(1'000'000);  // of a table that was large for once
  many.Insert({.t = 10, .series = {1}, .values = {1}});
  EXPECT_LE(many.Find(1)->values.capacity(), 100U);
}

TEST(Head, RowsThatWaitAreInACopyAMergeAndWhatIsLeftAfterADrop) {
  Table table;
  for (int i = 0; i < 5; ++i) {
    table.Insert({.t = 10 + i, .series = {1, 2}, .values = {1.0 + i, 2.0 + i}});
  }
  Table copy = table;
  Table merged;
  merged.Insert({.t = 12, .series = {1}, .values = {99}});
  merged.Insert(table);
  EXPECT_EQ(Read(merged), Read(copy));
  table.DropRows(0, 3);
  EXPECT_EQ(table.samples(), 4U);
  EXPECT_THAT(table.times(), ElementsAre(13, 14));
  EXPECT_THAT(table.Find(2)->values, ElementsAre(5, 6));
}

TEST(Head, ReadersBesideEachOtherSeeTheSame) {
  testing::TempDir dir;
  StoreOptions options;
  options.dir = dir.path();
  const auto store = testing::MustOpen(options);
  const model::Timestamp start = base::Clock::NowMs() - 60'000;
  for (int i = 0; i < 60; ++i) {
    ASSERT_TRUE(store->Append(MakeBatch("h", start + i * 1000, {{"a", i}, {"b", i}})));
    std::vector<std::size_t> found(4);
    std::vector<std::thread> readers;
    for (auto& count : found) {
      readers.emplace_back([&] {
        for (const auto& one : testing::MustSelect(*store, {testing::Match("target", "h")})) {
          count += one.v.size();
        }
      });
    }
    for (auto& reader : readers) {
      reader.join();
    }
    EXPECT_THAT(found, ::testing::Each(static_cast<std::size_t>(2 * (i + 1))));
  }
}

}  // namespace
}  // namespace store
