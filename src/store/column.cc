// The column codes.
#include "store/column.h"

#include <zstd.h>

#include <algorithm>
#include <bit>
#include <memory>
#include <ranges>
#include <vector>

#include "base/quotient.h"
#include "store/decimal.h"
#include "store/integers.h"

namespace store {
namespace {

using base::ErrorKind;

constexpr int kZstdLevel = 3;
constexpr unsigned kNoWindow = 64;         // no leading count seen yet
constexpr std::size_t kLeastDecimals = 8;  // bytes before the bits of whole numbers

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

void EncodeRuns(std::span<const double> values, std::size_t runs, std::string* out) {
  ByteWriter bytes(out);
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
  std::vector<std::size_t> patches;  // positions whose value is written raw, ascending
};

// The mantissas of `values`, of which `out` has room for more; what has none becomes a patch. Where
// the exponent rises, `*raised` is that place: what lies before has to be done again. Without
// `raised` it does not rise. False: more patches than allowed.
bool TakeMantissas(std::span<const double> values, std::size_t allowed, Decimals* out,
                   std::size_t* raised) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    i += ToDecimals(values.subspan(i), out->exponent, &out->mantissas[i]);
    if (i == values.size()) {
      break;
    }
    const int e =
        raised == nullptr ? -1 : DecimalExponent(values[i], out->exponent + 1, &out->mantissas[i]);
    if (e >= 0) {
      out->exponent = static_cast<unsigned>(e);
      *raised = i;
    } else {
      out->patches.push_back(i);
      if (out->patches.size() > allowed) {
        return false;
      }
    }
  }
  return true;
}

// One common exponent and what does not fit it; false when too much does not.
bool FindDecimals(std::span<const double> values, Decimals* out) {
  const std::size_t allowed = 1 + values.size() / 16;
  out->exponent = 0;
  out->mantissas.resize(values.size());
  out->patches.clear();
  std::size_t raised = 0;  // those before it have mantissas of lower exponents
  if (!TakeMantissas(values, allowed, out, &raised)) {
    return false;
  }
  if (raised > 0) {
    const auto later = std::ranges::lower_bound(out->patches, raised);
    const std::vector<std::size_t> kept(later, out->patches.end());
    out->patches.clear();
    if (!TakeMantissas(values.first(raised), allowed - kept.size(), out, nullptr)) {
      return false;
    }
    out->patches.insert(out->patches.end(), kept.begin(), kept.end());
  }
  // A patch makes no step: it takes the mantissa before it, or at the start the first real one.
  const auto first = static_cast<std::size_t>(
      std::ranges::mismatch(out->patches, std::views::iota(std::size_t{0})).in1 -
      out->patches.begin());
  if (first < values.size()) {
    std::fill_n(out->mantissas.begin(), first, out->mantissas[first]);
  }
  for (const std::size_t at : std::span(out->patches).subspan(first)) {
    out->mantissas[at] = out->mantissas[at - 1];
  }
  return true;
}

void EncodeDecimals(std::span<const double> values, const Decimals& d, std::string* out) {
  ByteWriter bytes(out);
  bytes.Byte(static_cast<std::uint8_t>(ColumnCode::kDecimal));
  bytes.Byte(static_cast<std::uint8_t>(d.exponent));
  bytes.Varint(d.patches.size());
  std::size_t before = 0;
  for (const std::size_t at : d.patches) {
    bytes.Varint(at - before);
    bytes.U64(Bits(values[at]));
    before = at;
  }
  EncodeIntegers(d.mantissas, out);
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

void PlainToDoubles(std::span<const std::int64_t> mantissas, double power, std::span<double> out) {
  for (std::size_t i = 0; i < out.size(); ++i) {
    out[i] = static_cast<double>(mantissas[i]) / power;
  }
}

#ifdef __x86_64__
// The same four at a time, without a division, for mantissas below 2^51 in magnitude; false when
// one is not.
[[gnu::target("avx2,fma")]] bool QuickToDoubles(std::span<const std::int64_t> mantissas,
                                                double power, std::span<double> out) {
  constexpr std::uint64_t kLimit = 1ULL << 51;
  constexpr double kShift = 0x1.8p52;  // its last bits are those of the whole number added to it
  const base::Quotient quotient(power);
  std::uint64_t large = 0;
  for (std::size_t i = 0; i < out.size(); ++i) {
    const auto m = static_cast<std::uint64_t>(mantissas[i]);
    large |= m + kLimit;
    out[i] = quotient.Of(std::bit_cast<double>(m + Bits(kShift)) - kShift);
  }
  return large < 2 * kLimit;
}
#endif

// What the mantissas stand for, rounded as FromDecimal does.
void ToDoubles(std::span<const std::int64_t> mantissas, unsigned exponent, std::span<double> out) {
  const double power = PowerOfTen(exponent);
#ifdef __x86_64__
  static const bool kQuick = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  if (kQuick && QuickToDoubles(mantissas, power, out)) {
    return;
  }
#endif
  PlainToDoubles(mantissas, power, out);
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
  ToDoubles(*mantissas, header.exponent, out);
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

void EncodeXor(std::span<const double> values, std::string* out) {
  out->push_back(static_cast<char>(ColumnCode::kXor));
  BitWriter bits(out);
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

// Leaves `out` as it is when zstd does not want to.
void EncodeZstd(std::span<const double> values, std::string* out) {
  // A context is dear to make: hundreds of KiB, for columns of some hundred bytes.
  static thread_local const std::unique_ptr<ZSTD_CCtx, decltype(&ZSTD_freeCCtx)> context(
      ZSTD_createCCtx(), &ZSTD_freeCCtx);
  static thread_local std::string planes;
  planes.resize(values.size() * 8);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::uint64_t bits = Bits(values[i]);
    for (unsigned plane = 0; plane < 8; ++plane) {
      planes[plane * values.size() + i] = static_cast<char>(bits >> (8 * plane));
    }
  }
  const std::size_t start = out->size();
  const std::size_t bound = ZSTD_compressBound(planes.size());
  out->push_back(static_cast<char>(ColumnCode::kZstd));
  out->resize(start + 1 + bound);
  const std::size_t n = ZSTD_compressCCtx(context.get(), out->data() + start + 1, bound,
                                          planes.data(), planes.size(), kZstdLevel);
  out->resize(ZSTD_isError(n) != 0 ? start : start + 1 + n);
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

void EncodeRaw(std::span<const double> values, std::string* out) {
  out->push_back(static_cast<char>(ColumnCode::kRaw));
  out->append(reinterpret_cast<const char*>(values.data()), values.size_bytes());
}

// Of two codes at the end of `out`, from `first` and from `second` on, keeps the shorter that is
// not empty.
void KeepShorter(std::size_t first, std::size_t second, std::string* out) {
  const std::size_t size = out->size() - second;
  if (second == first || size == 0) {
    return;
  }
  if (size < second - first) {
    out->erase(first, second - first);
  } else {
    out->resize(second);
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
  const std::size_t start = out->size();
  if (runs <= 1 + values.size() / 8) {
    EncodeRuns(values, runs, out);
    // Decimals have a bit a value at least, or else two bytes for every other change.
    const std::size_t least = kLeastDecimals + std::min((values.size() - 2) / 8, runs - 1);
    if (out->size() - start <= least) {
      return;
    }
  }
  const auto attempt = [&](const auto& encode) {
    const std::size_t at = out->size();
    encode();
    KeepShorter(start, at, out);
  };
  static thread_local Decimals decimals;
  if (FindDecimals(values, &decimals)) {
    attempt([&] { EncodeDecimals(values, decimals, out); });
    return;
  }
  attempt([&] { EncodeXor(values, out); });
  attempt([&] { EncodeRaw(values, out); });
  if (values.size() >= 32) {
    attempt([&] { EncodeZstd(values, out); });
  }
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
