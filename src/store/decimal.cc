// Doubles that people wrote in decimal, found again.
#include "store/decimal.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>

#include "model/sample.h"

namespace store {
namespace {

constexpr std::array<double, 23> kPowers = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                            1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                            1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
constexpr double kWholeLimit = 4611686018427387904.0;  // 2^62
constexpr double kFractionLimit = 9007199254740992.0;  // 2^53
constexpr double kSureLimit = 1125899906842624.0;      // 2^50
constexpr double kRounder = 0x1.8p52;                  // added, it leaves whole numbers
constexpr unsigned kFirstExponents = 2;
constexpr std::uint8_t kDecimal = 128;
constexpr std::uint8_t kRaw = 0xF0;
constexpr std::uint8_t kStale = 0xF1;

}  // namespace

double PowerOfTen(unsigned e) { return kPowers[e]; }

namespace {

// Whether v is whole and below the limit; much quicker than for fractions.
bool ToWhole(double v, std::int64_t* m) {
  if (!(std::abs(v) < kWholeLimit)) {  // also NaN
    return false;
  }
  *m = static_cast<std::int64_t>(v);
  return std::bit_cast<std::uint64_t>(static_cast<double>(*m)) == std::bit_cast<std::uint64_t>(v);
}

// ToDecimal of some values at once, when all are decimals and their m below 2^51.
template <std::size_t kMany>
bool AllDecimals(const double* v, double power, std::int64_t* m) {
  std::uint64_t bad = 0;
  for (std::size_t i = 0; i < kMany; ++i) {
    const double rounded = v[i] * power + kRounder;
    const double back = (rounded - kRounder) / power;
    const auto bits = std::bit_cast<std::uint64_t>(rounded);
    constexpr auto kZero = std::bit_cast<std::uint64_t>(kRounder);
    m[i] = static_cast<std::int64_t>(bits - kZero);
    bad |= (std::bit_cast<std::uint64_t>(back) ^ std::bit_cast<std::uint64_t>(v[i])) |
           (bits ^ kZero) >> 52;  // has it another exponent, m is not in its lower bits
  }
  return bad == 0;
}

}  // namespace

bool ToDecimal(double v, unsigned e, std::int64_t* m) {
  if (e == 0) {
    return ToWhole(v, m);
  }
  const double scaled = v * kPowers[e];
  if (!(std::abs(scaled) < kFractionLimit)) {  // also NaN
    return false;
  }
  const auto is = [&](std::int64_t whole) {
    *m = whole;
    return std::bit_cast<std::uint64_t>(static_cast<double>(whole) / kPowers[e]) ==
           std::bit_cast<std::uint64_t>(v);
  };
  // Adding 0.5 rounds at 2^52 and above, where every double is whole already.
  return is(static_cast<std::int64_t>(scaled + std::copysign(0.5, scaled))) ||
         (std::abs(scaled) >= kSureLimit && is(static_cast<std::int64_t>(scaled)));
}

std::size_t ToDecimals(std::span<const double> v, unsigned e, std::int64_t* m) {
  constexpr std::size_t kMany = 8;
  std::size_t i = 0;
  while (i + kMany <= v.size() && AllDecimals<kMany>(&v[i], kPowers[e], m + i)) {
    i += kMany;
  }
  std::int64_t one = 0;
  while (i < v.size() && ToDecimal(v[i], e, &one)) {
    m[i++] = one;
  }
  return i;
}

int DecimalExponent(double v, unsigned from, std::int64_t* m) {
  if (!std::isfinite(v) || (v == 0 && std::signbit(v))) {
    return -1;
  }
  for (unsigned e = from; e <= kMaxExponent; ++e) {
    if (ToDecimal(v, e, m)) {
      return static_cast<int>(e);
    }
    // A decimal with less digits is one with more, too, while all of them are exact: after some
    // in vain, one look tells of most of the others.
    if (e == from + kFirstExponents) {
      unsigned last = kMaxExponent;
      while (last > e && std::abs(v) * kPowers[last] >= kSureLimit) {
        --last;
      }
      if (last > e && !ToDecimal(v, last, m)) {
        e = last;
      }
    }
  }
  return -1;
}

namespace {

constexpr std::size_t kValueBytes = 11;  // at most

// The least exponent of a fraction, where `guess` is that of another value.
int FractionExponent(double v, unsigned guess, std::int64_t* m) {
  if (!ToDecimal(v, guess, m) || std::abs(*m) >= static_cast<std::int64_t>(kSureLimit)) {
    return DecimalExponent(v, 1, m);
  }
  while (*m % 10 == 0) {  // of a fraction not for ever
    *m /= 10;
    --guess;
  }
  return static_cast<int>(guess);
}

// Writes one value and says where it ends. `guess`: an exponent, 1 at least; becomes the value's.
char* Put(double v, unsigned* guess, char* at) {
  std::int64_t m = 0;
  const bool whole = ToWhole(v, &m);
  if (whole && m >= 0 && m < kDecimal) {
    *at++ = static_cast<char>(m);
    return at;
  }
  if (model::IsStale(v)) {
    *at++ = static_cast<char>(kStale);
    return at;
  }
  const int e = whole ? 0 : FractionExponent(v, *guess, &m);
  if (e >= 0 && ZigZag(m) < (1ULL << 56)) {
    *guess = whole ? *guess : static_cast<unsigned>(e);
    *at++ = static_cast<char>(kDecimal + e);
    return PutVarint(ZigZag(m), at);
  }
  *at++ = static_cast<char>(kRaw);
  std::memcpy(at, &v, sizeof v);
  return at + sizeof v;
}

}  // namespace

void PutValue(double v, ByteWriter* out) { PutValues(std::span(&v, 1), out); }

void PutValues(std::span<const double> values, ByteWriter* out) {
  constexpr std::size_t kMany = 64;
  std::array<char, kMany * kValueBytes> bytes;  // NOLINT: only what is put there is read
  unsigned guess = 1;
  while (!values.empty()) {
    char* end = bytes.data();
    for (const double v : values.first(std::min(kMany, values.size()))) {
      end = Put(v, &guess, end);
    }
    out->Append({bytes.data(), end});
    values = values.subspan(std::min(kMany, values.size()));
  }
}

double GetValue(ByteReader* in) {
  const std::uint8_t first = in->Byte();
  if (first < 128) {
    return first;
  }
  if (first <= kDecimal + kMaxExponent) {
    return FromDecimal(in->Signed(), first - kDecimal);
  }
  if (first == kRaw) {
    return std::bit_cast<double>(in->U64());
  }
  if (first == kStale) {
    return model::StaleNaN();
  }
  in->Take(in->left() + 1ULL);
  return 0;
}

}  // namespace store
