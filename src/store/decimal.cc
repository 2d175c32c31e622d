// Doubles that people wrote in decimal, found again.
#include "store/decimal.h"

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
constexpr std::uint8_t kDecimal = 128;
constexpr std::uint8_t kRaw = 0xF0;
constexpr std::uint8_t kStale = 0xF1;

}  // namespace

double PowerOfTen(unsigned e) { return kPowers[e]; }

bool ToDecimal(double v, unsigned e, std::int64_t* m) {
  const double scaled = v * kPowers[e];
  const double limit = e == 0 ? kWholeLimit : kFractionLimit;
  if (!(std::abs(scaled) < limit)) {  // also NaN
    return false;
  }
  const auto whole = static_cast<std::int64_t>(scaled + std::copysign(0.5, scaled));
  const double back = static_cast<double>(whole) / kPowers[e];
  if (std::bit_cast<std::uint64_t>(back) != std::bit_cast<std::uint64_t>(v)) {
    // Adding 0.5 rounds at 2^52 and above, where every double is whole already.
    const auto cut = static_cast<std::int64_t>(scaled);
    const double again = static_cast<double>(cut) / kPowers[e];
    if (std::bit_cast<std::uint64_t>(again) != std::bit_cast<std::uint64_t>(v)) {
      return false;
    }
    *m = cut;
    return true;
  }
  *m = whole;
  return true;
}

int DecimalExponent(double v, unsigned from, std::int64_t* m) {
  if (!std::isfinite(v) || (v == 0 && std::signbit(v))) {
    return -1;
  }
  for (unsigned e = from; e <= kMaxExponent; ++e) {
    if (ToDecimal(v, e, m)) {
      return static_cast<int>(e);
    }
  }
  return -1;
}

void PutValue(double v, ByteWriter* out) {
  std::int64_t m = 0;
  const bool whole = ToDecimal(v, 0, &m);
  if (whole && m >= 0 && m < 128) {
    out->Byte(static_cast<std::uint8_t>(m));
    return;
  }
  if (model::IsStale(v)) {
    out->Byte(kStale);
    return;
  }
  const int e = whole ? 0 : DecimalExponent(v, 1, &m);
  if (e >= 0 && ZigZag(m) < (1ULL << 56)) {
    out->Byte(static_cast<std::uint8_t>(kDecimal + e));
    out->Signed(m);
    return;
  }
  out->Byte(kRaw);
  out->U64(std::bit_cast<std::uint64_t>(v));
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
