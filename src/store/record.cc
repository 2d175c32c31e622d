// Rows of the head log: runs of series numbers, then one-value codes, under a checksum.
#include "store/record.h"

#include "store/crc32c.h"
#include "store/decimal.h"

namespace store {
namespace {

constexpr std::size_t kChecksum = 4;
constexpr std::size_t kLeast = 1 + kChecksum;  // with the version

std::unexpected<base::Error> Corrupt(const char* what) {
  return base::Fail(base::ErrorKind::kCorrupt, std::string("log row: ") + what);
}

void PutSeries(std::span<const SeriesId> series, ByteWriter* out) {
  std::size_t runs = 0;
  for (std::size_t i = 0; i < series.size(); ++i) {
    runs += i == 0 || series[i] != series[i - 1] + 1 ? 1 : 0;
  }
  out->Varint(runs);
  SeriesId next = 0;
  for (std::size_t i = 0; i < series.size();) {
    std::size_t end = i + 1;
    while (end < series.size() && series[end] == series[end - 1] + 1) {
      ++end;
    }
    out->Varint(series[i] - next);
    out->Varint(end - i - 1);
    next = series[end - 1] + 1;
    i = end;
  }
}

bool GetSeries(ByteReader* in, std::vector<SeriesId>* out) {
  const std::uint64_t runs = in->Varint();
  std::uint64_t next = 0;
  for (std::uint64_t i = 0; i < runs && in->ok(); ++i) {
    const std::uint64_t gap = in->Varint();
    const std::uint64_t more = in->Varint();
    // Each series has a value of at least one byte behind this list.
    if (!in->ok() || gap > UINT32_MAX - next || more > UINT32_MAX - next - gap ||
        out->size() + more >= in->left()) {
      return false;
    }
    next += gap;
    for (std::uint64_t n = 0; n <= more; ++n) {
      out->push_back(static_cast<SeriesId>(next++));
    }
  }
  return in->ok();
}

}  // namespace

std::string EncodeRecord(std::span<const Row> rows, model::Timestamp origin) {
  std::string out;
  std::size_t samples = 0;
  for (const Row& row : rows) {
    samples += row.values.size();
  }
  out.reserve(64 + 16 * rows.size() + 5 * samples);  // as values mostly are
  ByteWriter bytes(&out);
  bytes.Byte(kRecordVersion);
  bytes.Varint(rows.size());
  model::Timestamp before = origin;
  for (const Row& row : rows) {
    bytes.Signed(static_cast<model::Timestamp>(static_cast<std::uint64_t>(row.t) -
                                               static_cast<std::uint64_t>(before)));
    before = row.t;
    PutSeries(row.series, &bytes);
    PutValues(row.values, &bytes);
  }
  bytes.U32(Crc32c(AsBytes(out)));
  return out;
}

std::optional<GoodRecord> CheckRecord(Bytes bytes) {
  const bool good = bytes.size() >= kLeast && ByteReader(bytes.last(kChecksum)).U32() ==
                                                  Crc32c(bytes.first(bytes.size() - kChecksum));
  return good ? std::optional(GoodRecord(bytes)) : std::nullopt;
}

base::Result<std::vector<Row>> DecodeRecord(GoodRecord record, model::Timestamp origin) {
  ByteReader in(record.bytes().first(record.bytes().size() - kChecksum));
  if (in.Byte() != kRecordVersion) {
    return Corrupt("unknown version");
  }
  const std::uint64_t rows = in.Varint();
  if (rows > in.left()) {
    return Corrupt("bad header");
  }
  std::vector<Row> out;
  out.reserve(rows);
  auto at = static_cast<std::uint64_t>(origin);
  for (std::uint64_t i = 0; i < rows; ++i) {
    Row& row = out.emplace_back();
    at += static_cast<std::uint64_t>(in.Signed());
    row.t = static_cast<model::Timestamp>(at);
    if (!GetSeries(&in, &row.series)) {
      return Corrupt("bad list of series");
    }
    row.values.reserve(row.series.size());
    for (std::size_t n = 0; n < row.series.size(); ++n) {
      row.values.push_back(GetValue(&in));
    }
    if (!in.ok()) {
      return Corrupt("cut short");
    }
  }
  return out;
}

}  // namespace store
