// Numbers as Go writes them: the shortest digits that read back.
#include "api/number.h"

#include <fmt/format.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>

#include "promql/number.h"

namespace api {
namespace {

constexpr double kMaxMs = 9.2e18;

constexpr int kShortDecimals = 16;
constexpr auto kPowers = [] {
  std::array<std::uint64_t, kShortDecimals + 1> out{1};
  for (std::size_t i = 1; i < out.size(); ++i) {
    out[i] = out[i - 1] * 10;
  }
  return out;
}();

constexpr std::uint64_t kZeros = 0x3030'3030'3030'3030;  // eight digits

/// The eight digits of a number below 100,000,000 as text, the first one in the lowest byte.
std::uint64_t EightDigits(std::uint32_t v) {
  std::uint64_t x = v / 10'000 | static_cast<std::uint64_t>(v % 10'000) << 32;  // fours
  std::uint64_t high = ((x * 10'486) >> 20) & 0x7F'0000'007F;                   // twos: x / 100
  x = high | (x - high * 100) << 16;
  high = ((x * 103) >> 10) & 0xF'000F'000F'000F;  // ones: x / 10
  x = high | (x - high * 10) << 8;
  return x | kZeros;
}

/// A whole number below 100,000,000 and a point.
char* WriteWhole(char* at, std::uint32_t whole) {
  std::uint64_t text = EightDigits(whole);
  const int zeros = std::min(7, std::countr_zero(text ^ kZeros) / 8);
  text >>= 8 * zeros;
  std::memcpy(at, &text, sizeof text);
  at += 8 - zeros;
  *at = '.';
  return at + 1;
}

using Wide = unsigned __int128;
/// The upper half of the product.
constexpr std::uint64_t High(std::uint64_t a, std::uint64_t b) {
  return static_cast<std::uint64_t>(Wide{a} * b >> 64);
}
constexpr std::uint64_t kUnits = 10'000'000'000'000'000;  // 16 decimals

/// How numbers of one binary exponent are rounded to decimals. Of a unit's parts there are so many
/// that half the distance of two doubles is kHalf parts, whatever the exponent.
struct Cut {
  std::uint64_t small = 0;    ///< the largest power of ten not above their distance, in units
  std::uint64_t large = 0;    ///< ten of them
  std::uint64_t inverse = 0;  ///< of `large`: 2^(64 + shift) / large, rounded up
  std::uint64_t shift = 0;
  std::uint64_t whole = 0;  ///< 2 to the number of bits before the fraction
  std::uint64_t parts = 0;  ///< of a unit
  std::uint64_t small_parts = 0;
  std::uint64_t large_parts = 0;
  /// x / large, rounded down, for x below 2^54.
  [[nodiscard]] std::uint64_t Larges(std::uint64_t x) const { return High(x, inverse) >> shift; }
};
constexpr std::uint64_t kHalf = kUnits / 2;

constexpr unsigned kCutExponents = 35;  // numbers from 1 on and below 2^35
constexpr auto kCuts = [] {
  std::array<Cut, kCutExponents> out{};
  for (std::size_t e = 0; e < out.size(); ++e) {
    Cut& cut = out[e];
    const std::uint64_t distance = kUnits >> (52 - e);
    for (cut.small = 1; cut.small * 10 <= distance;) {
      cut.small *= 10;
    }
    cut.large = cut.small * 10;
    cut.shift = static_cast<unsigned>(std::bit_width(cut.large)) - 1;
    cut.inverse = static_cast<std::uint64_t>(((Wide{1} << (64 + cut.shift)) - 1) / cut.large) + 1;
    cut.whole = 1ULL << (12 + e);
    cut.parts = 1ULL << (52 - e);
    cut.small_parts = cut.small * cut.parts;
    cut.large_parts = cut.large * cut.parts;
  }
  return out;
}();

/// The decimals of a number 1 <= size < 2^35 that is not whole, in units of 10^-16: of those that
/// read back as `size` the one with the fewest digits, and of these the nearest. 0 when two may be
/// equally near. What reads back lies nearer than half the distance to the next double; of the
/// multiples of `large` at most one does, of those of `small` at least one. No branch depends on
/// the digits, which nobody can foresee.
std::uint64_t NearestDecimals(double size) {
  const auto bits = std::bit_cast<std::uint64_t>(size);
  const Cut& cut = kCuts[(bits >> 52) - 1023];
  const Wide exact = Wide{bits * cut.whole} * kUnits;
  const auto units = static_cast<std::uint64_t>(exact >> 64);
  const auto rest = static_cast<std::uint64_t>(exact);
  if (rest << 1 == 0) {
    return 0;
  }
  const std::uint64_t beyond = units - cut.Larges(units) * cut.large;
  const std::uint64_t parts = beyond * cut.parts + High(rest, cut.parts);
  const std::uint64_t below = cut.Larges(beyond * 10);
  std::uint64_t smalls = below;
  smalls += 2 * (parts - below * cut.small_parts) > cut.small_parts ? 1 : 0;
  smalls = __builtin_unpredictable(parts < kHalf) ? 0 : smalls;
  smalls = __builtin_unpredictable(cut.large_parts - parts < kHalf) ? 10 : smalls;
  return units - beyond + smalls * cut.small;
}

/// Writes a number below 10^16 as the decimals of 10^-16; gives the end of those that are not 0 at
/// the end.
char* WriteDecimals(char* at, std::uint64_t units) {
  constexpr std::uint64_t kEight = 100'000'000;
#ifdef __SSE2__
  // As EightDigits, for both halves at once.
  __m128i x = _mm_set_epi64x(static_cast<std::int64_t>(units % kEight),
                             static_cast<std::int64_t>(units / kEight));
  __m128i high = _mm_srli_epi64(_mm_mul_epu32(x, _mm_set1_epi64x(0xD1B7'1759)), 45);
  x = _mm_add_epi64(
      high, _mm_slli_epi64(_mm_sub_epi64(x, _mm_mul_epu32(high, _mm_set1_epi64x(10'000))), 32));
  high = _mm_srli_epi16(_mm_mulhi_epu16(x, _mm_set1_epi16(5243)), 3);
  x = _mm_add_epi16(
      high, _mm_slli_epi32(_mm_sub_epi16(x, _mm_mullo_epi16(high, _mm_set1_epi16(100))), 16));
  high = _mm_mulhi_epu16(x, _mm_set1_epi16(6554));
  x = _mm_add_epi8(high,
                   _mm_slli_epi16(_mm_sub_epi16(x, _mm_mullo_epi16(high, _mm_set1_epi16(10))), 8));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(at), _mm_or_si128(x, _mm_set1_epi8('0')));
  const auto zeros =
      static_cast<unsigned>(_mm_movemask_epi8(_mm_cmpeq_epi8(x, _mm_setzero_si128())));
  return at + std::bit_width(zeros ^ 0xFFFF);
#else
  const std::uint64_t high = EightDigits(static_cast<std::uint32_t>(units / kEight));
  const std::uint64_t low = EightDigits(static_cast<std::uint32_t>(units % kEight));
  std::memcpy(at, &high, sizeof high);
  std::memcpy(at + 8, &low, sizeof low);
  return at + (low != kZeros ? 16 - std::countl_zero(low ^ kZeros) / 8
                             : 8 - std::countl_zero(high ^ kZeros) / 8);
#endif
}

/// The shortest digits of a number 1 <= size < 2^35 that is not whole; nullptr as above.
char* WriteUsual(char* at, double size) {
  const std::uint64_t decimals = NearestDecimals(size);
  if (decimals == 0) {
    return nullptr;
  }
  // No whole number lies between a double and its shortest digits: it would be a double itself.
  const auto whole = static_cast<std::int64_t>(size);
  if (whole < 100) {
    *at = static_cast<char>('0' + whole / 10);
    at += whole < 10 ? 0 : 1;
    *at++ = static_cast<char>('0' + whole % 10);
    *at++ = '.';
  } else if (whole < 100'000'000) {
    at = WriteWhole(at, static_cast<std::uint32_t>(whole));
  } else {
    at = std::to_chars(at, at + kNumberText, whole).ptr;
    *at++ = '.';
  }
  return WriteDecimals(at, decimals);
}

/// A number that is a whole number of millionths, as most measurements are: of so few digits no two
/// decimals are the same double, so these digits are the shortest. Nullptr when it is not.
char* WriteMicros(char* at, double v, double size) {
  const double scaled = size * 1e6 + 0.5;  // one off by rounding is noticed below
  const auto micros = static_cast<std::int64_t>(scaled);
  if (static_cast<double>(micros) / 1e6 != size || micros == 0) {
    return nullptr;
  }
  if (v < 0) {
    *at++ = '-';
  }
  at = std::to_chars(at, at + 20, micros / 1'000'000).ptr;
  const auto rest = static_cast<std::uint32_t>(micros % 1'000'000);
  *at++ = '.';
  for (const std::uint32_t pair : {rest / 10'000, rest / 100 % 100, rest % 100}) {
    *at++ = static_cast<char>('0' + pair / 10);
    *at++ = static_cast<char>('0' + pair % 10);
  }
  while (at[-1] == '0') {
    --at;
  }
  return at;
}

/// Digits with a point before the last `decimals` (1 and more) of them. Writes at most 48 bytes.
char* WriteDecimal(char* at, std::uint64_t digits, int decimals) {
  constexpr std::uint64_t kEight = 100'000'000;
  constexpr int kMost = 24;
  char text[2 * kMost] = {};  // the digits with zeros before them, at the end of the first half
  const std::uint64_t parts[] = {digits / kEight / kEight, digits / kEight % kEight,
                                 digits % kEight};
  int first = kMost;  // that is not zero
  for (int i = 2; i >= 0; --i) {
    const std::uint64_t eight = EightDigits(static_cast<std::uint32_t>(parts[i]));
    std::memcpy(text + i * 8, &eight, sizeof eight);
    first = eight == kZeros ? first : i * 8 + std::countr_zero(eight ^ kZeros) / 8;
  }
  first = std::min(first, kMost - decimals - 1);
  const int whole = kMost - decimals - first;
  std::memcpy(at, text + first, kMost);
  at += whole;
  *at++ = '.';
  std::memcpy(at, text + first + whole, kMost);
  return at + decimals;
}

/// The same for a number of the size `size` (below 100,000,000) with at most 16 decimals, all of it
/// in registers.
char* WriteShort(char* at, std::uint64_t digits, int decimals, double size) {
  constexpr std::uint64_t kEight = 100'000'000;
  // No whole number lies between a double and its shortest digits: it would be a double itself.
  const auto whole = static_cast<std::uint32_t>(size);
  const std::uint64_t rest =
      (digits - whole * kPowers[decimals]) * kPowers[kShortDecimals - decimals];
  at = WriteWhole(at, whole);
  const std::uint64_t high = EightDigits(static_cast<std::uint32_t>(rest / kEight));
  const std::uint64_t low = EightDigits(static_cast<std::uint32_t>(rest % kEight));
  std::memcpy(at, &high, sizeof high);
  std::memcpy(at + 8, &low, sizeof low);
  return at + decimals;
}

/// The whole text as a float that is a number; hexadecimal and signs of infinity are not taken.
bool ReadNumber(std::string_view text, double& out) {
  if (text.starts_with('+')) {
    text.remove_prefix(1);
  }
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc() && end == text.data() + text.size() && std::isfinite(out);
}

base::Result<std::int64_t> Milliseconds(double seconds, std::string_view text,
                                        std::string_view what) {
  const double ms = std::round(seconds * 1000);
  if (std::abs(ms) > kMaxMs) {
    return base::Fail(
        base::ErrorKind::kInvalid,
        fmt::format("cannot parse \"{}\" to a valid {}. It overflows int64", text, what));
  }
  return static_cast<std::int64_t>(ms);
}

}  // namespace

char* WriteValue(char* at, double v) {
  const double size = std::abs(v);
  if (size < 1e15) {
    const auto whole = static_cast<std::int64_t>(v);
    if (static_cast<double>(whole) == v && (whole != 0 || !std::signbit(v))) {
      return std::to_chars(at, at + kNumberText, whole).ptr;
    }
  }
  if (size < 1e9) {
    if (char* end = WriteMicros(at, v, size)) {
      return end;
    }
  }
  if (size >= 1 && size < 0x1p35) {
    *at = '-';
    if (char* end = WriteUsual(at + (v < 0 ? 1 : 0), size)) {
      return end;
    }
  }
  if (size >= 1e-4 && size < 1e15) {
    const auto shortest = fmt::detail::dragonbox::to_decimal(size);  // quicker than to_chars
    *at = '-';
    at += v < 0 ? 1 : 0;
    const int decimals = -shortest.exponent;
    return size < 1e8 && decimals <= kShortDecimals
               ? WriteShort(at, shortest.significand, decimals, size)
               : WriteDecimal(at, shortest.significand, decimals);
  }
  return std::ranges::copy(promql::FormatFixed(v), at).out;
}

char* WriteSample(char* at, double v) {
  const double size = std::abs(v);
  const bool usual = (size >= 1e-6 && size < 1e21) || v == 0 || !std::isfinite(v);
  return usual ? WriteValue(at, v) : std::ranges::copy(promql::FormatSample(v), at).out;
}

void AppendValue(std::string& out, double v) {
  char text[kNumberText];
  out.append(text, WriteValue(text, v));
}

void AppendExposed(std::string& out, double v) {
  const double size = std::abs(v);
  if (v == 0 || !std::isfinite(v) || (size >= 1e-4 && size < 1e21)) {
    AppendValue(out, v);
  } else {
    out += promql::FormatFloat(v);
  }
}

char* WriteTime(char* at, std::int64_t ms) {
  const bool negative = ms < 0;
  const std::uint64_t size =
      negative ? 0 - static_cast<std::uint64_t>(ms) : static_cast<std::uint64_t>(ms);
  if (negative) {
    *at++ = '-';
  }
  at = std::to_chars(at, at + kNumberText, size / 1000).ptr;
  if (const auto rest = size % 1000; rest != 0) {
    *at++ = '.';
    *at++ = static_cast<char>('0' + rest / 100);
    *at++ = static_cast<char>('0' + rest / 10 % 10);
    *at++ = static_cast<char>('0' + rest % 10);
    while (at[-1] == '0') {
      --at;
    }
  }
  return at;
}

void AppendTime(std::string& out, std::int64_t ms) {
  char text[kNumberText];
  out.append(text, WriteTime(text, ms));
}

base::Result<std::int64_t> ParseApiTime(std::string_view text) {
  double seconds = 0;
  if (ReadNumber(text, seconds)) {
    return Milliseconds(seconds, text, "timestamp");
  }
  if (const auto time = base::ParseRfc3339(text)) {
    return base::ToMs(*time);
  }
  // Grafana and promtool send these as "open at that end".
  if (text == "-292273086-05-16T16:47:06Z") {
    return -std::numeric_limits<std::int64_t>::max() / 1000;
  }
  if (text == "292277025-08-18T07:12:54.999999999Z") {
    return std::numeric_limits<std::int64_t>::max() / 1000;
  }
  return base::Fail(base::ErrorKind::kInvalid,
                    fmt::format("cannot parse \"{}\" to a valid timestamp", text));
}

base::Result<std::int64_t> ParseApiDuration(std::string_view text) {
  double seconds = 0;
  if (ReadNumber(text, seconds)) {
    return Milliseconds(seconds, text, "duration");
  }
  if (const auto span = base::ParseDuration(text)) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(*span).count();
  }
  return base::Fail(base::ErrorKind::kInvalid,
                    fmt::format("cannot parse \"{}\" to a valid duration", text));
}

}  // namespace api
