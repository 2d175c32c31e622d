// Writing and reading chunks.
#include "store/chunk.h"

#include <zstd.h>

#include <algorithm>
#include <map>

#include "store/column.h"
#include "store/crc32c.h"
#include "store/integers.h"

namespace store {
namespace {

using base::ErrorKind;

enum MaskCode : std::uint8_t { kMaskRaw = 0, kMaskRuns = 1, kMaskZstd = 2 };
constexpr std::size_t kChecksum = 4;

std::unexpected<base::Error> Corrupt(const char* what) {
  return base::Fail(ErrorKind::kCorrupt, std::string("chunk: ") + what);
}

std::string RawMask(const Mask& mask, std::size_t rows) {
  std::string raw((rows + 7) / 8, '\0');
  for (std::size_t i = 0; i < raw.size() && i / 8 < mask.size(); ++i) {
    raw[i] = static_cast<char>(mask[i / 8] >> (8 * (i % 8)));
  }
  return raw;
}

// The shortest of the three mask codes.
std::string EncodeMask(const Mask& mask, std::size_t rows) {
  const std::string raw = RawMask(mask, rows);
  std::string best = std::string(1, static_cast<char>(kMaskRaw)) + raw;
  std::string runs(1, static_cast<char>(kMaskRuns));
  ByteWriter bytes(&runs);
  bool present = false;
  for (std::size_t row = 0; row < rows;) {
    std::size_t end = row;
    while (end < rows && HasRow(mask, end) == present) {
      ++end;
    }
    bytes.Varint(end - row);
    row = end;
    present = !present;
  }
  if (runs.size() < best.size()) {
    best = std::move(runs);
  }
  if (best.size() > 32) {
    std::string packed(1 + ZSTD_compressBound(raw.size()), static_cast<char>(kMaskZstd));
    const std::size_t n =
        ZSTD_compress(packed.data() + 1, packed.size() - 1, raw.data(), raw.size(), 3);
    if (ZSTD_isError(n) == 0 && n + 1 < best.size()) {
      packed.resize(n + 1);
      best = std::move(packed);
    }
  }
  return best;
}

}  // namespace

std::size_t CountRows(const Mask& mask) {
  std::size_t n = 0;
  for (const std::uint64_t word : mask) {
    n += static_cast<std::size_t>(std::popcount(word));
  }
  return n;
}

std::string EncodeChunk(std::span<const model::Timestamp> times,
                        std::span<const ChunkColumn> columns) {
  std::string directory;
  std::string masks;
  std::string data;
  std::map<std::string, std::uint64_t> known;
  ByteWriter entries(&directory);
  SeriesId before = 0;
  for (const ChunkColumn& column : columns) {
    std::uint64_t mask = 0;
    if (column.values.size() < times.size()) {
      const auto [at, fresh] = known.try_emplace(RawMask(*column.mask, times.size()), 0);
      if (fresh) {
        at->second = known.size();
        const std::string code = EncodeMask(*column.mask, times.size());
        ByteWriter(&masks).Varint(code.size());
        masks += code;
      }
      mask = at->second;
    }
    const std::size_t start = data.size();
    EncodeColumn(column.values, &data);
    entries.Varint(column.series - before);
    entries.Varint(mask);
    entries.Varint(data.size() - start);
    before = column.series;
  }
  std::string time_code;
  EncodeIntegers(times, &time_code);
  std::string out;
  constexpr std::size_t kHeader = 64;  // at most, with the checksum
  out.reserve(kHeader + directory.size() + masks.size() + time_code.size() + data.size());
  ByteWriter bytes(&out);
  bytes.Byte(kChunkVersion);
  bytes.Varint(times.size());
  bytes.Varint(columns.size());
  bytes.Varint(known.size());
  bytes.Varint(time_code.size());
  bytes.Append(directory);
  bytes.Append(masks);
  bytes.Append(time_code);
  bytes.Append(data);
  bytes.U32(Crc32c(AsBytes(out)));
  return out;
}

base::Result<ChunkReader> ChunkReader::Open(Bytes bytes) {
  if (bytes.size() <= kChecksum) {
    return Corrupt("too short");
  }
  const Bytes body = bytes.first(bytes.size() - kChecksum);
  if (ByteReader(bytes.last(kChecksum)).U32() != Crc32c(body)) {
    return Corrupt("checksum does not match");
  }
  ByteReader in(body);
  if (in.Byte() != kChunkVersion) {
    return Corrupt("unknown version");
  }
  const std::uint64_t rows = in.Varint();
  const std::uint64_t columns = in.Varint();
  const std::uint64_t masks = in.Varint();
  const std::uint64_t time_length = in.Varint();
  if (!in.ok() || rows == 0 || rows > kMaxRows || columns == 0 || columns > kMaxColumns ||
      columns > in.left() / 3 || masks > columns || time_length > in.left()) {
    return Corrupt("bad header");
  }
  ChunkReader reader;
  reader.bytes_ = body;
  reader.rows_ = rows;
  auto directory = reader.ReadDirectory(&in, columns, masks);
  if (!directory) {
    return base::Fail(std::move(directory.error()));
  }
  reader.time_bytes_ = in.Take(time_length);
  std::uint64_t offset = body.size() - in.left();
  for (ColumnRef& column : reader.columns_) {
    column.offset = static_cast<std::uint32_t>(offset);
    offset += column.length;
  }
  if (!in.ok() || offset != body.size()) {
    return Corrupt("lengths do not add up");
  }
  return reader;
}

base::Result<> ChunkReader::ReadDirectory(ByteReader* in, std::uint64_t columns,
                                          std::uint64_t masks) {
  columns_.reserve(columns);
  std::uint64_t series = 0;
  for (std::uint64_t i = 0; i < columns; ++i) {
    const std::uint64_t step = in->Varint();
    const std::uint64_t mask = in->Varint();
    const std::uint64_t length = in->Varint();
    if (!in->ok() || step == 0 || step > UINT32_MAX - series || mask > masks ||
        length > bytes_.size()) {
      return Corrupt("bad directory");
    }
    series += step;
    columns_.push_back({.series = static_cast<SeriesId>(series),
                        .mask = static_cast<std::uint32_t>(mask),
                        .length = static_cast<std::uint32_t>(length)});
  }
  mask_bytes_.reserve(masks);
  for (std::uint64_t i = 0; i < masks; ++i) {
    mask_bytes_.push_back(in->Take(in->Varint()));
  }
  masks_.resize(masks);
  return in->ok() ? base::Result<>{} : Corrupt("masks cut short");
}

const ColumnRef* ChunkReader::Find(SeriesId series) const {
  const auto at = std::ranges::lower_bound(columns_, series, {}, &ColumnRef::series);
  return at != columns_.end() && at->series == series ? &*at : nullptr;
}

base::Result<std::span<const model::Timestamp>> ChunkReader::Times() {
  if (times_.empty()) {
    std::vector<model::Timestamp> times(rows_);
    auto read = DecodeIntegers(time_bytes_, times);
    if (!read) {
      return base::Fail(std::move(read.error()));
    }
    if (std::ranges::adjacent_find(times, std::greater_equal<>()) != times.end()) {
      return Corrupt("times do not ascend");
    }
    times_ = std::move(times);
  }
  return std::span<const model::Timestamp>(times_);
}

base::Result<Mask> ChunkReader::DecodeMask(Bytes bytes) const {
  ByteReader in(bytes);
  const auto code = static_cast<MaskCode>(in.Byte());
  Mask mask((rows_ + 63) / 64);
  const std::size_t length = (rows_ + 7) / 8;
  if (code == kMaskRuns) {
    bool present = false;
    for (std::size_t row = 0; row < rows_; present = !present) {
      const std::uint64_t run = in.Varint();
      if (!in.ok() || run > rows_ - row || (run == 0 && row > 0)) {
        return Corrupt("bad run in a mask");
      }
      for (std::uint64_t i = 0; present && i < run; ++i) {
        mask[(row + i) / 64] |= 1ULL << ((row + i) % 64);
      }
      row += run;
    }
  } else if (code == kMaskRaw && in.left() == length) {
    std::memcpy(mask.data(), in.rest().data(), length);
  } else if (code != kMaskZstd ||
             ZSTD_decompress(mask.data(), length, in.rest().data(), in.left()) != length) {
    return Corrupt("bad mask");
  }
  if (rows_ % 64 != 0 && (mask.back() >> (rows_ % 64)) != 0) {
    return Corrupt("mask longer than the rows");
  }
  if (CountRows(mask) == 0) {
    return Corrupt("mask without a row");
  }
  return mask;
}

base::Result<const Mask*> ChunkReader::MaskOf(const ColumnRef& column) {
  if (column.mask == 0) {
    return nullptr;
  }
  Mask& mask = masks_[column.mask - 1];
  if (mask.empty()) {
    auto decoded = DecodeMask(mask_bytes_[column.mask - 1]);
    if (!decoded) {
      return base::Fail(std::move(decoded.error()));
    }
    mask = std::move(*decoded);
  }
  return &mask;
}

base::Result<std::size_t> ChunkReader::Count(const ColumnRef& column) {
  auto mask = MaskOf(column);
  if (!mask) {
    return base::Fail(std::move(mask.error()));
  }
  return *mask == nullptr ? rows_ : CountRows(**mask);
}

base::Result<> ChunkReader::Decode(const ColumnRef& column, std::span<double> out) const {
  return DecodeColumn(CodeOf(column), out);
}

}  // namespace store
