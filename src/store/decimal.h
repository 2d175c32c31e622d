// Decimal: a double as a whole number over a power of ten, when that says exactly the same; and the
// one-value code built on it.
#pragma once

#include <cstdint>
#include <span>

#include "store/bytes.h"

namespace store {

/// The most decimals that are tried.
inline constexpr unsigned kMaxExponent = 12;
/// 10^e as a double, e from 0 to 22 exact.
double PowerOfTen(unsigned e);

/// Whether some m / 10^e is bit for bit `v`; then `*m` is that m, else it means nothing. m is below
/// 2^53 in magnitude (2^62 when e is 0). -0.0, NaN and the infinities are never decimals.
bool ToDecimal(double v, unsigned e, std::int64_t* m);
/// How many of the first values are decimals of exponent e; m[i] is set for each of them, and what
/// m[i] holds for others means nothing. `m` has room for all.
std::size_t ToDecimals(std::span<const double> v, unsigned e, std::int64_t* m);
/// The least e up to kMaxExponent, at least `from`, with which `v` is a decimal; -1 when none is.
int DecimalExponent(double v, unsigned from, std::int64_t* m);
/// What ToDecimal took apart.
inline double FromDecimal(std::int64_t m, unsigned e) {
  return static_cast<double>(m) / PowerOfTen(e);
}

/// One value by itself, 1 to 11 bytes, bit-exact. First byte: 0…127 that whole number; 128 + e a
/// decimal of exponent e (its mantissa follows as a signed varint); 0xF0 eight raw bytes follow;
/// 0xF1 the stale marker. Others are errors.
void PutValue(double v, ByteWriter* out);
/// One after the other; quickest when neighbours have the same number of decimals.
void PutValues(std::span<const double> values, ByteWriter* out);
/// Reads it; makes the reader not ok() on an unknown first byte by reading past its end.
double GetValue(ByteReader* in);

}  // namespace store
