// The head log's files: what comes back after cuts, damage, a full disk, and when they go.
#include "store/head_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <random>

#include "base/full_disk_testing.h"
#include "store/head_log_testing.h"
#include "store/record.h"
#include "store/store_testing.h"

namespace store {
namespace {

using ::testing::ElementsAre;
using testing::FrameRecord;
using ::testing::IsEmpty;
using Rows = std::vector<std::pair<model::Timestamp, std::uint64_t>>;

constexpr std::uint64_t kId = 0x1234'5678'9abc;
constexpr model::Timestamp kWindow = 7'200'000;

LogRow MakeRow(std::uint64_t seq, model::Timestamp window = kWindow, std::size_t values = 3) {
  Row row{.t = window + static_cast<model::Timestamp>(seq)};
  for (std::size_t i = 0; i < values; ++i) {
    row.series.push_back(static_cast<SeriesId>(i + 1));
    row.values.push_back(static_cast<double>(seq) + static_cast<double>(i) / 10);
  }
  return {window, seq, EncodeRecord(std::span(&row, 1), window)};
}

std::string MakeSegment(std::uint64_t rows) {
  std::string out = SegmentHead();
  for (std::uint64_t seq = 1; seq <= rows; ++seq) {
    out += FrameRecord(MakeRow(seq), kId);
  }
  return out;
}

struct Found {
  LogScan scan;
  Rows rows;
  std::size_t gaps = 0;
  std::size_t gap_bytes = 0;
};

Found Scan(const std::string& bytes, std::uint64_t id = kId) {
  Found out;
  std::size_t next = 0;
  out.scan = ScanLog(
      AsBytes(bytes), id,
      [&](const LogEntry& entry) {
        out.rows.emplace_back(entry.window, entry.seq);
        EXPECT_TRUE(CheckRecord(entry.data.bytes()).has_value());
        EXPECT_TRUE(DecodeRecord(entry.data, entry.window).has_value());
        const auto at = static_cast<std::size_t>(
            entry.whole.data() - reinterpret_cast<const std::uint8_t*>(bytes.data()));
        EXPECT_GE(at, next);
        next = at + entry.whole.size();
      },
      [&](const LogGap& gap) {
        EXPECT_GE(gap.offset, next);
        next = gap.offset + gap.bytes.size();
        ++out.gaps;
        out.gap_bytes += gap.bytes.size();
      });
  EXPECT_EQ(out.rows.size(), out.scan.records);
  EXPECT_LE(out.scan.end, bytes.size());
  return out;
}

TEST(HeadLog, ACutAnywhereGivesTheRecordsBeforeIt) {
  const std::string all = MakeSegment(5);
  const std::size_t one = FrameRecord(MakeRow(1), kId).size();
  for (std::size_t size = 0; size <= all.size(); ++size) {
    const Found found = Scan(all.substr(0, size));
    const std::size_t whole = size < 8 ? 0 : (size - 8) / one;
    ASSERT_EQ(found.rows.size(), whole) << size;
    ASSERT_EQ(found.gaps, 0U);
    ASSERT_EQ(found.scan.end, size < 8 ? 0 : 8 + whole * one);
    ASSERT_EQ(found.scan.cut_off, found.scan.end < size) << size;
  }
}

TEST(HeadLog, DamageCostsTheRecordsItMeetsAndNoOther) {
  std::string all = SegmentHead();
  std::vector<std::size_t> ends;
  for (std::uint64_t seq = 1; seq <= 50; ++seq) {
    all += FrameRecord(MakeRow(seq), kId);
    ends.push_back(all.size());
  }
  std::mt19937_64 rng(3);
  for (int round = 0; round < 2000; ++round) {
    std::string damaged = all;
    const std::size_t at = 8 + rng() % (all.size() - 8);
    const std::size_t length = std::min<std::size_t>(1 + rng() % 200, all.size() - at);
    for (std::size_t i = 0; i < length; ++i) {
      damaged[at + i] = static_cast<char>(damaged[at + i] ^ (1 + rng() % 255));
    }
    const auto of = [&](std::size_t byte) {
      return static_cast<std::size_t>(std::ranges::upper_bound(ends, byte) - ends.begin());
    };
    const std::size_t first = of(at);
    const std::size_t last = of(at + length - 1);
    const Found found = Scan(damaged);
    Rows expected;
    for (std::size_t i = 0; i < 50; ++i) {
      if (i < first || i > last) {
        expected.emplace_back(kWindow, i + 1);
      }
    }
    ASSERT_EQ(found.rows, expected);
    ASSERT_EQ(found.gap_bytes, last == 49 ? 0 : ends[last] - (first == 0 ? 8 : ends[first - 1]));
  }
}

TEST(HeadLog, RecordsOfAnotherStoreAreNone) {
  const Found found = Scan(MakeSegment(5), kId + 1);
  EXPECT_THAT(found.rows, IsEmpty());
  EXPECT_FALSE(found.scan.cut_off);
  EXPECT_THAT(Scan(std::string(10'000, '\0')).rows, IsEmpty());
}

class HeadLogFiles : public ::testing::Test {
 protected:
  // Everything that is in the files, in order.
  Rows Written() {
    Rows out;
    const auto segments = ReadSegments(dir_.path());
    EXPECT_TRUE(segments.has_value());
    for (const Segment& segment : *segments) {
      const Found found = Scan(segment.bytes);
      EXPECT_EQ(found.gaps, 0U);
      EXPECT_EQ(found.scan.end, segment.bytes.size());
      out.insert(out.end(), found.rows.begin(), found.rows.end());
    }
    return out;
  }
  std::size_t Append(HeadLog* log, std::deque<LogRow> rows) {
    base::Result<> done;
    const std::size_t n = log->Append(rows, &done);
    EXPECT_EQ(done.has_value(), n == rows.size());
    return n;
  }

  testing::TempDir dir_;
};

TEST_F(HeadLogFiles, ASegmentGoesWhenAllItsWindowsAreInChunks) {
  HeadLog log;
  log.Open(dir_.path(), kId);
  EXPECT_EQ(Append(&log, {MakeRow(1), MakeRow(2), MakeRow(3, 2 * kWindow)}), 3U);
  EXPECT_EQ(dir_.segments().size(), 1U);
  log.Cut(3 * kWindow);  // a window that it does not have
  EXPECT_EQ(Append(&log, {MakeRow(4)}), 1U);
  EXPECT_EQ(dir_.segments().size(), 1U);
  log.Cut(kWindow);
  EXPECT_EQ(Append(&log, {MakeRow(5)}), 1U);
  EXPECT_EQ(dir_.segments().size(), 2U);
  EXPECT_FALSE(log.Settle(kWindow, 4));
  EXPECT_FALSE(log.Settle(2 * kWindow, 2));
  EXPECT_TRUE(log.Settle(2 * kWindow, 3));
  log.RemoveSettled();
  EXPECT_THAT(Written(), ElementsAre(std::pair(kWindow, 5)));
  EXPECT_EQ(log.bytes(), std::filesystem::file_size(dir_.segments()[0]));
  EXPECT_TRUE(log.Settle(kWindow, 5));
  log.RemoveSettled();
  EXPECT_THAT(dir_.segments(), IsEmpty());
  EXPECT_EQ(log.bytes(), 0U);
  EXPECT_EQ(Append(&log, {MakeRow(6)}), 1U);
  EXPECT_THAT(dir_.segments(), ElementsAre(dir_.path() + "/samples-3.log"));
}

TEST_F(HeadLogFiles, LongSegmentsEndAndSoDoThoseOfAWindowBefore) {
  HeadLog log;
  log.Open(dir_.path(), kId);
  std::deque<LogRow> rows;
  for (std::uint64_t seq = 1; seq <= 300; ++seq) {
    rows.push_back(MakeRow(seq, kWindow, 10'000));
  }
  EXPECT_EQ(Append(&log, rows), 300U);
  EXPECT_EQ(dir_.segments().size(), 2U);
  EXPECT_LT(std::filesystem::file_size(dir_.segments()[0]), 10U << 20);
  EXPECT_GT(std::filesystem::file_size(dir_.segments()[1]), 256U << 10);
  EXPECT_EQ(Append(&log, {MakeRow(301)}), 1U);
  EXPECT_EQ(dir_.segments().size(), 2U);
  EXPECT_EQ(Append(&log, {MakeRow(302, 2 * kWindow)}), 1U);
  EXPECT_EQ(dir_.segments().size(), 3U);
  EXPECT_EQ(Written().size(), 302U);
}

TEST_F(HeadLogFiles, WritingGoesOnBehindTheLastWholeRecord) {
  {
    HeadLog log;
    log.Open(dir_.path(), kId);
    EXPECT_EQ(Append(&log, {MakeRow(1), MakeRow(2)}), 2U);
  }
  const std::string path = dir_.segments()[0];
  const auto size = std::filesystem::file_size(path);
  std::filesystem::resize_file(path, size - 3);
  const auto segments = ReadSegments(dir_.path());
  ASSERT_TRUE(segments.has_value());
  const Found found = Scan(segments->back().bytes);
  HeadLog log;
  log.Open(dir_.path(), kId);
  log.Add(segments->back(), {{kWindow, 1}}, found.scan.end);
  EXPECT_EQ(Append(&log, {MakeRow(3)}), 1U);
  EXPECT_THAT(Written(), ElementsAre(std::pair(kWindow, 1), std::pair(kWindow, 3)));
  EXPECT_EQ(std::filesystem::file_size(path), size);
}

TEST_F(HeadLogFiles, ALongSegmentLosesWhatWasBeingWrittenToo) {
  std::string all = SegmentHead();
  for (std::uint64_t seq = 1; all.size() < 9U << 20; ++seq) {
    all += FrameRecord(MakeRow(seq, kWindow, 50'000), kId);
  }
  const std::string path = dir_.path() + "/samples-4.log";
  std::ofstream(path, std::ios::binary) << all << FrameRecord(MakeRow(999), kId).substr(0, 40);
  const auto segments = ReadSegments(dir_.path());
  ASSERT_TRUE(segments.has_value());
  HeadLog log;
  log.Open(dir_.path(), kId);
  log.Add(segments->back(), {{kWindow, 1}}, all.size());
  EXPECT_EQ(std::filesystem::file_size(path), all.size());
  EXPECT_EQ(Append(&log, {MakeRow(1000)}), 1U);
  EXPECT_EQ(dir_.segments().back(), dir_.path() + "/samples-5.log");
}

TEST_F(HeadLogFiles, AFullDiskLeavesWholeRecordsOnly) {
  HeadLog log;
  log.Open(dir_.path(), kId);
  EXPECT_EQ(Append(&log, {MakeRow(1)}), 1U);
  const auto size = std::filesystem::file_size(dir_.segments()[0]);
  base::Result<> done;
  for (std::uint64_t room = 0; room < 43; room += 7) {
    const base::FullDisk full(size + room);
    EXPECT_EQ(log.Append({MakeRow(2)}, &done), 0U);
    EXPECT_EQ(done.error().kind, base::ErrorKind::kUnavailable);
    EXPECT_THAT(done.error().message, ::testing::HasSubstr("samples-1.log: File too large"));
    EXPECT_EQ(std::filesystem::file_size(dir_.segments()[0]), size);
  }
  EXPECT_EQ(Append(&log, {MakeRow(2)}), 1U);
  EXPECT_EQ(Written().size(), 2U);
}

TEST_F(HeadLogFiles, ReplacingIsWholeOrNothing) {
  HeadLog log;
  log.Open(dir_.path(), kId);
  EXPECT_EQ(Append(&log, {MakeRow(1), MakeRow(2)}), 2U);
  const auto before = ReadSegments(dir_.path()).value()[0];
  {
    const base::FullDisk full(10);
    EXPECT_FALSE(ReplaceSegment(before, MakeSegment(1)).has_value());
  }
  EXPECT_EQ(Written().size(), 2U);
  EXPECT_TRUE(ReplaceSegment(before, MakeSegment(1)).has_value());
  EXPECT_EQ(Written().size(), 1U);
  EXPECT_FALSE(std::filesystem::exists(before.path + ".new"));
  EXPECT_FALSE(ReadSegments(dir_.path() + "/none").has_value());
}

TEST_F(HeadLogFiles, OtherFilesAreNoSegments) {
  for (const char* name : {"samples-.log", "samples-x.log", "samples-1.log.unreadable-5",
                           "samples-0.log", "samples-99999999999999999999.log", "samples-5.logs"}) {
    std::ofstream(dir_.path() + "/" + name) << "x";
  }
  std::ofstream(dir_.path() + "/samples-12.log") << "x";
  std::ofstream(dir_.path() + "/samples-9.log") << "y";
  const auto segments = ReadSegments(dir_.path());
  ASSERT_TRUE(segments.has_value());
  ASSERT_EQ(segments->size(), 2U);
  EXPECT_EQ((*segments)[0].number, 9U);
  EXPECT_EQ((*segments)[1].bytes, "x");
}

}  // namespace
}  // namespace store
