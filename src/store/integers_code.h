// What the writer and the reader of integers share; not for other files. Arithmetic is modulo 2^64,
// so that every difference can be undone.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

namespace store::integer_code {

using U = std::uint64_t;
using I = std::int64_t;

inline constexpr unsigned kEscape = 24;     // so many ones: 64 raw bits follow
inline constexpr std::size_t kBlock = 128;  // values that share a Rice parameter, in coders 3 and 4
inline constexpr U kMaxRange = 1ULL << 56;  // of truncated binary
inline constexpr unsigned kMaxRice = 56;    // of the Rice parameter
inline constexpr std::size_t kMaxExceptions = 8;  // at each end, that the writer takes out

enum Coder : std::uint8_t {
  kPacked = 0,        // truncated binary over [min, max], exceptions apart
  kRiceSigned = 1,    // Rice of zigzag(residual - centre)
  kRiceUnsigned = 2,  // Rice of residual - minimum
  kRiceSignedBlocks = 3,
  kRiceUnsignedBlocks = 4,
};

inline I Minus(I a, I b) { return static_cast<I>(static_cast<U>(a) - static_cast<U>(b)); }
inline I Plus(I a, I b) { return static_cast<I>(static_cast<U>(a) + static_cast<U>(b)); }

// Truncated binary: of n values the first `shorter` take `width` bits, the others one more.
struct Phase {
  unsigned width = 0;
  U shorter = 0;
  explicit Phase(U range) {
    const U n = range + 1;
    width = static_cast<unsigned>(std::bit_width(n) - 1);
    shorter = (2ULL << width) - n;
  }
};

}  // namespace store::integer_code
