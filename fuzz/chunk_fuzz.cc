// Fuzzes what reads stored bytes: chunks, columns, records and segments of the head log. Whatever
// comes in, they answer or say that it is corrupt; what they answer is written and read again
// unchanged.
#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "store/chunk.h"
#include "store/column.h"
#include "store/crc32c.h"
#include "store/head_log.h"
#include "store/head_log_testing.h"
#include "store/kept.h"
#include "store/record.h"

namespace {

// The bytes with a checksum that fits them, so that the decoders behind it are reached.
std::string Sealed(store::Bytes bytes) {
  std::string out(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  store::ByteWriter(&out).U32(store::Crc32c(store::AsBytes(out)));
  return out;
}

void Require(bool good) {
  if (!good) {
    std::abort();
  }
}

bool SameBits(const std::vector<double>& a, const std::vector<double>& b) {
  if (a.size() != b.size()) {
    return false;
  }
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (std::bit_cast<std::uint64_t>(a[i]) != std::bit_cast<std::uint64_t>(b[i])) {
      return false;
    }
  }
  return true;
}

// A column that readers keep gives the same values in pieces, each read three times: from the
// beginning, while marks are made, from marks.
void ReadKept(store::ChunkReader* chunk, const std::vector<std::vector<double>>& values) {
  std::vector<store::SeriesId> asked;
  for (const store::ColumnRef& column : chunk->columns()) {
    asked.push_back(column.series);
  }
  const auto kept = store::KeptChunk::Take(0, chunk, asked);
  Require(kept.has_value());
  for (std::size_t i = 0; i < values.size(); ++i) {
    const store::KeptChunk::Column* column = kept->Find(asked[i]);
    Require(column != nullptr);
    const std::size_t size = values[i].size();
    for (const std::size_t first : {std::size_t{0}, size / 3, size - 1, size / 3}) {
      std::vector<double> read(size - first);
      Require(kept->Decode(*column, first, read).has_value());
      Require(SameBits(read,
                       {values[i].begin() + static_cast<std::ptrdiff_t>(first), values[i].end()}));
    }
  }
}

void ReadChunk(store::Bytes bytes) {
  auto chunk = store::ChunkReader::Open(bytes);
  if (!chunk) {
    return;
  }
  const auto times = chunk->Times();
  std::vector<std::vector<double>> values;
  std::vector<store::ChunkColumn> columns;
  bool whole = times.has_value();
  std::size_t total = 0;
  for (const store::ColumnRef& column : chunk->columns()) {
    const auto count = chunk->Count(column);
    total += count ? *count : 0;
    if (total > 4 * store::kMaxRows) {
      return;  // time, not memory: a few bytes may say "65,536 rows" in each of many columns
    }
    if (!count) {
      whole = false;
      continue;
    }
    Require(*count > 0 && *count <= store::kMaxRows);
    values.emplace_back(*count);
    whole = chunk->Decode(column, values.back()).has_value() && whole;
  }
  if (!whole) {
    return;
  }
  ReadKept(&*chunk, values);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const store::ColumnRef& ref = chunk->columns()[i];
    columns.push_back({ref.series, values[i], *chunk->MaskOf(ref)});
  }
  const std::string again = store::EncodeChunk(*times, columns);
  auto back = store::ChunkReader::Open(store::AsBytes(again));
  Require(back.has_value() && back->columns().size() == values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    std::vector<double> read(back->Count(back->columns()[i]).value());
    Require(back->Decode(back->columns()[i], read).has_value() && SameBits(read, values[i]));
  }
}

void ReadRecord(store::Bytes bytes) {
  constexpr model::Timestamp kOrigin = 1'700'006'400'000;
  const auto record = store::CheckRecord(bytes);
  Require(record.has_value() == (bytes.size() > 4));
  if (!record) {
    return;
  }
  const auto rows = store::DecodeRecord(*record, kOrigin);
  if (rows) {
    const std::string again = store::EncodeRecord(*rows, kOrigin);
    const auto back = store::CheckRecord(store::AsBytes(again));
    Require(back.has_value() && store::DecodeRecord(*back, kOrigin).has_value());
  }
}

// Whatever stands before, between and behind the records of a segment, they are found.
void ReadSegment(store::Bytes bytes) {
  constexpr std::uint64_t kId = 5;
  std::vector<std::uint64_t> found;
  const auto scan = [&](store::Bytes segment) {
    std::size_t covered = 0;
    found.clear();
    return store::ScanLog(
        segment, kId,
        [&](const store::LogEntry& entry) {
          covered += entry.whole.size();
          found.push_back(entry.seq);
          Require(store::CheckRecord(entry.data.bytes()).has_value());
        },
        [&](const store::LogGap& gap) {
          covered += gap.bytes.size();
          Require(covered <= segment.size());
        });
  };
  (void)scan(bytes);
  const std::string_view noise(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  std::string segment = store::SegmentHead();
  for (const std::uint64_t seq : {1, 2}) {
    segment += noise;
    segment += store::testing::FrameRecord({0, seq, store::EncodeRecord({}, 0)}, kId);
  }
  const std::size_t end = segment.size();
  segment += noise;
  const store::LogScan seen = scan(store::AsBytes(segment));
  Require(seen.records >= 2 && seen.end >= end && std::ranges::count(found, 2) > 0);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const store::Bytes bytes(data, size);
  if (size == 0) {
    return 0;
  }
  const store::Bytes body = bytes.subspan(1);
  switch (data[0] % 4) {
    case 0:
      ReadChunk(body);
      break;
    case 1:
      ReadChunk(store::AsBytes(Sealed(body)));
      break;
    case 2: {
      std::vector<double> values(1 + data[0] / 4 * 16);
      (void)store::DecodeColumn(body, values);
      break;
    }
    default: {
      if (data[0] / 4 % 2 == 1) {
        ReadSegment(body);
        break;
      }
      ReadRecord(store::AsBytes(Sealed(body)));
    }
  }
  return 0;
}
