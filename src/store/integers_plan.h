// Plan: which order and which coder take the fewest bits, told from counts before anything is
// written; for the writer of integers only.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>

#include "store/bytes.h"
#include "store/integers_code.h"

namespace store::integer_code {

inline constexpr U kImpossible = std::numeric_limits<U>::max();

/// The packed coder: [min, min + range] and what lies outside of it.
struct Packing {
  I min = 0;
  U range = 0;
  std::array<std::size_t, 2 * kMaxExceptions> outliers{};  // positions, ascending
  std::size_t outlier_count = 0;
  U bits = kImpossible;
};

/// A Rice coder; with blocks, each has the parameter that is best for it.
struct Ricing {
  bool is_signed = false;
  bool blocks = false;
  I centre = 0;  // the minimum, unless signed
  unsigned k = 0;
  U bits = kImpossible;

  /// What the code of a residual says.
  [[nodiscard]] U Fold(I residual) const {
    const I off = Minus(residual, centre);
    return is_signed ? ZigZag(off) : static_cast<U>(off);
  }
};

/// One way to write the residuals. `bits` above are about what they take, fields included.
struct Plan {
  unsigned order = 0;
  std::span<const I> residuals;
  Packing packing;
  Ricing ricing;
  [[nodiscard]] bool packed() const { return packing.bits <= ricing.bits; }
  [[nodiscard]] U bits() const { return packed() ? packing.bits : ricing.bits; }
};

/// Residuals of one row of integers: q[i] - q[0], differences, differences of those.
struct Residuals {
  std::span<const I> offsets;      // n - 1 of them, order 0
  std::span<const I> differences;  // n - 1, order 1
  std::span<const I> seconds;      // n - 2, order 2
};

/// The cheapest plan, or one that takes nearly as few bits. Some residuals at least.
Plan ChoosePlan(const Residuals& r);

/// The best Rice parameter for these folded residuals, or nearly; `*bits` is set to what they take.
unsigned BestRice(std::span<const U> u, U* bits);

}  // namespace store::integer_code
