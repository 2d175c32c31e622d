// The column codes.
#include "store/column.h"

#include <zstd.h>

#include <algorithm>
#include <bit>
#include <ranges>
#include <vector>

#include "store/decimal.h"
#include "store/integers.h"

namespace store {
namespace {

using base::ErrorKind;

constexpr int kZstdLevel = 3;
constexpr unsigned kNoWindow = 64;  // no leading count seen yet

std::uint64_t Bits(double v) { return std::bit_cast<std::uint64_t>(v); }

base::Result<> Corrupt(const char* what) {
  return base::Fail(ErrorKind::kCorrupt, std::string("column: ") + what);
}

std::size_t CountRuns(std::span<const double> values) {
  std::size_t runs = 1;
  for (std::size_t i = 1; i < values.size(); ++i) {
    runs += Bits(values[i]) != Bits(values[i - 1]) ? 1 : 0;
  }
  return runs;
}

std::string EncodeRuns(std::span<const double> values, std::size_t runs) {
  std::string out;
  ByteWriter bytes(&out);
  bytes.Byte(static_cast<std::uint8_t>(ColumnCode::kRuns));
  bytes.Varint(runs);
  for (std::size_t i = 0; i < values.size();) {
    std::size_t end = i + 1;
    while (end < values.size() && Bits(values[end]) == Bits(values[i])) {
      ++end;
    }
    bytes.Varint(end - i - 1);
    PutValue(values[i], &bytes);
    i = end;
  }
  return out;
}

base::Result<> DecodeRuns(ByteReader* in, std::size_t count, std::span<double> out) {
  const std::uint64_t runs = in->Varint();
  std::size_t at = 0;
  for (std::uint64_t i = 0; i < runs && in->ok(); ++i) {
    const std::uint64_t more = in->Varint();
    const double v = GetValue(in);
    if (!in->ok() || more >= count - at) {
      return Corrupt("bad run");
    }
    if (at < out.size()) {
      std::ranges::fill(out.subspan(at, std::min<std::size_t>(more + 1, out.size() - at)), v);
    }
    at += more + 1;
  }
  return in->ok() && at == count ? base::Result<>{} : Corrupt("runs do not fill it");
}

struct Decimals {
  unsigned exponent = 0;
  std::vector<std::int64_t> mantissas;
  std::vector<std::size_t> patches;  // positions whose value is written raw
};

// One common exponent and what does not fit it; false when too much does not.
bool FindDecimals(std::span<const double> values, Decimals* out) {
  const std::size_t allowed = 1 + values.size() / 16;
  out->mantissas.resize(values.size());
  std::int64_t m = 0;
  std::vector<bool> odd(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (ToDecimal(values[i], out->exponent, &m)) {
      continue;
    }
    const int e = DecimalExponent(values[i], out->exponent + 1, &m);
    if (e >= 0) {
      out->exponent = static_cast<unsigned>(e);
    } else {
      odd[i] = true;
      out->patches.push_back(i);
      if (out->patches.size() > allowed) {
        return false;
      }
    }
  }
  out->patches.clear();
  std::int64_t last = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (odd[i] || !ToDecimal(values[i], out->exponent, &m)) {
      out->patches.push_back(i);
      m = last;
    }
    out->mantissas[i] = last = m;
  }
  // A patch at the start takes the first real mantissa, so that it makes no step.
  const auto first = static_cast<std::size_t>(
      std::ranges::mismatch(out->patches, std::views::iota(std::size_t{0})).in1 -
      out->patches.begin());
  if (first < out->mantissas.size()) {
    std::fill_n(out->mantissas.begin(), first, out->mantissas[first]);
  }
  return out->patches.size() <= allowed;
}

std::string EncodeDecimals(std::span<const double> values, const Decimals& d) {
  std::string out;
  ByteWriter bytes(&out);
  bytes.Byte(static_cast<std::uint8_t>(ColumnCode::kDecimal));
  bytes.Byte(static_cast<std::uint8_t>(d.exponent));
  bytes.Varint(d.patches.size());
  std::size_t before = 0;
  for (const std::size_t at : d.patches) {
    bytes.Varint(at - before);
    bytes.U64(Bits(values[at]));
    before = at;
  }
  EncodeIntegers(d.mantissas, &out);
  return out;
}

// What stands before the whole numbers; `in` is behind it then.
struct DecimalHeader {
  unsigned exponent = 0;
  std::uint64_t patches = 0;
  ByteReader list{Bytes()};
};

base::Result<> ReadDecimalHeader(ByteReader* in, std::size_t count, DecimalHeader* out) {
  out->exponent = in->Byte();
  out->patches = in->Varint();
  out->list = *in;
  if (!in->ok() || out->exponent > kMaxExponent || out->patches > count) {
    return Corrupt("bad decimal header");
  }
  for (std::uint64_t i = 0; i < out->patches; ++i) {
    in->Varint();
    in->U64();
  }
  return {};
}

base::Result<> DecodeDecimals(ByteReader* in, std::size_t count, std::span<const IntegerMark> marks,
                              std::size_t first, std::span<double> out) {
  DecimalHeader header;
  if (auto read = ReadDecimalHeader(in, count, &header); !read) {
    return read;
  }
  static thread_local std::vector<std::int64_t> room;
  const auto mantissas = DecodeIntegers(in->rest(), count, marks, first, out.size(), &room);
  if (!mantissas) {
    return base::Fail(mantissas.error());
  }
  const double power = PowerOfTen(header.exponent);
  if (header.exponent == 0) {
    for (std::size_t i = 0; i < out.size(); ++i) {
      out[i] = static_cast<double>((*mantissas)[i]);
    }
  } else {
    for (std::size_t i = 0; i < out.size(); ++i) {
      out[i] = static_cast<double>((*mantissas)[i]) / power;
    }
  }
  std::uint64_t at = 0;
  for (std::uint64_t i = 0; i < header.patches; ++i) {
    at += header.list.Varint();
    const std::uint64_t raw = header.list.U64();
    if (!header.list.ok() || at >= count) {
      return Corrupt("bad patch");
    }
    if (at >= first && at - first < out.size()) {
      out[at - first] = std::bit_cast<double>(raw);
    }
  }
  return {};
}

std::string EncodeXor(std::span<const double> values) {
  std::string out(1, static_cast<char>(ColumnCode::kXor));
  BitWriter bits(&out);
  bits.Write(Bits(values[0]), 64);
  unsigned lead = kNoWindow;
  unsigned trail = 0;
  for (std::size_t i = 1; i < values.size(); ++i) {
    const std::uint64_t x = Bits(values[i]) ^ Bits(values[i - 1]);
    if (x == 0) {
      bits.Write(0, 1);
      continue;
    }
    const unsigned l = std::min(31U, static_cast<unsigned>(std::countl_zero(x)));
    const auto t = static_cast<unsigned>(std::countr_zero(x));
    if (lead != kNoWindow && l >= lead && t >= trail) {
      bits.Write(0b10, 2);
    } else {
      lead = l;
      trail = t;
      bits.Write(0b11, 2);
      bits.Write(lead, 5);
      bits.Write(63 - lead - trail, 6);
    }
    bits.Write(x >> trail, 64 - lead - trail);
  }
  bits.Finish();
  return out;
}

base::Result<> DecodeXor(Bytes bytes, std::span<double> out) {
  BitReader bits(bytes);
  std::uint64_t v = bits.Read(64);
  out[0] = std::bit_cast<double>(v);
  unsigned length = 0;
  unsigned trail = 0;
  for (std::size_t i = 1; i < out.size(); ++i) {
    if (bits.Read(1) != 0) {
      if (bits.Read(1) != 0) {
        const auto lead = static_cast<unsigned>(bits.Read(5));
        length = static_cast<unsigned>(bits.Read(6)) + 1;
        if (lead + length > 64) {
          return Corrupt("bad XOR window");
        }
        trail = 64 - lead - length;
      } else if (length == 0) {
        return Corrupt("XOR window used before it is set");
      }
      v ^= bits.Read(length) << trail;
    }
    out[i] = std::bit_cast<double>(v);
  }
  return bits.Overrun() ? Corrupt("XOR cut short") : base::Result<>{};
}

std::string EncodeZstd(std::span<const double> values) {
  std::string planes(values.size() * 8, '\0');
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::uint64_t bits = Bits(values[i]);
    for (unsigned plane = 0; plane < 8; ++plane) {
      planes[plane * values.size() + i] = static_cast<char>(bits >> (8 * plane));
    }
  }
  std::string out(1 + ZSTD_compressBound(planes.size()), static_cast<char>(ColumnCode::kZstd));
  const std::size_t n =
      ZSTD_compress(out.data() + 1, out.size() - 1, planes.data(), planes.size(), kZstdLevel);
  if (ZSTD_isError(n) != 0) {
    return {};
  }
  out.resize(1 + n);
  return out;
}

base::Result<> DecodeZstd(Bytes bytes, std::size_t n, std::span<double> out) {
  static thread_local std::vector<std::uint8_t> planes;
  planes.resize(n * 8);
  if (ZSTD_decompress(planes.data(), planes.size(), bytes.data(), bytes.size()) != n * 8) {
    return Corrupt("zstd frame broken");
  }
  for (std::size_t i = 0; i < out.size(); ++i) {
    std::uint64_t bits = 0;
    for (unsigned plane = 0; plane < 8; ++plane) {
      bits |= static_cast<std::uint64_t>(planes[plane * n + i]) << (8 * plane);
    }
    out[i] = std::bit_cast<double>(bits);
  }
  return {};
}

std::string EncodeRaw(std::span<const double> values) {
  std::string out(1, static_cast<char>(ColumnCode::kRaw));
  out.append(reinterpret_cast<const char*>(values.data()), values.size_bytes());
  return out;
}

void KeepShorter(std::string candidate, std::string* best) {
  if (!candidate.empty() && (best->empty() || candidate.size() < best->size())) {
    *best = std::move(candidate);
  }
}

}  // namespace

void EncodeColumn(std::span<const double> values, std::string* out) {
  const std::size_t runs = CountRuns(values);
  if (runs == 1) {
    ByteWriter bytes(out);
    bytes.Byte(static_cast<std::uint8_t>(ColumnCode::kConstant));
    PutValue(values[0], &bytes);
    return;
  }
  std::string best;
  if (runs <= 1 + values.size() / 8) {
    best = EncodeRuns(values, runs);
  }
  Decimals decimals;
  if (FindDecimals(values, &decimals)) {
    KeepShorter(EncodeDecimals(values, decimals), &best);
  } else {
    KeepShorter(EncodeXor(values), &best);
    KeepShorter(EncodeRaw(values), &best);
    if (values.size() >= 32) {
      KeepShorter(EncodeZstd(values), &best);
    }
  }
  out->append(best);
}

base::Result<> DecodeColumn(Bytes bytes, std::size_t count, std::span<const IntegerMark> marks,
                            std::size_t first, std::span<double> out) {
  ByteReader in(bytes);
  const auto code = static_cast<ColumnCode>(in.Byte());
  if (!in.ok() || out.empty() || first > count || out.size() > count - first) {
    return Corrupt("empty");
  }
  const bool middle = code == ColumnCode::kConstant || code == ColumnCode::kDecimal;
  if (first > 0 && !middle) {
    static thread_local std::vector<double> all;  // these codes are read from the beginning
    all.resize(first + out.size());
    auto read = DecodeColumn(bytes, count, all);
    std::ranges::copy(std::span(all).subspan(first), out.begin());
    return read;
  }
  switch (code) {
    case ColumnCode::kConstant: {
      const double v = GetValue(&in);
      std::ranges::fill(out, v);
      return in.ok() ? base::Result<>{} : Corrupt("constant cut short");
    }
    case ColumnCode::kRuns:
      return DecodeRuns(&in, count, out);
    case ColumnCode::kDecimal:
      return DecodeDecimals(&in, count, marks, first, out);
    case ColumnCode::kXor:
      return DecodeXor(in.rest(), out);
    case ColumnCode::kRaw:
      if (in.left() != count * sizeof(double)) {
        return Corrupt("raw values of the wrong length");
      }
      std::memcpy(out.data(), in.rest().data(), out.size_bytes());
      return {};
    case ColumnCode::kZstd:
      return DecodeZstd(in.rest(), count, out);
  }
  return Corrupt("unknown code");
}

base::Result<std::vector<IntegerMark>> MarkColumn(Bytes bytes, std::size_t count) {
  ByteReader in(bytes);
  if (static_cast<ColumnCode>(in.Byte()) != ColumnCode::kDecimal) {
    return std::vector<IntegerMark>();
  }
  DecimalHeader header;
  if (auto read = ReadDecimalHeader(&in, count, &header); !read) {
    return base::Fail(read.error());
  }
  return MarkIntegers(in.rest(), count);
}

}  // namespace store
