// Quotient: many numbers over the same one, without dividing.
#pragma once

#include <cmath>

namespace base {

/// Gives v / divisor to the last bit, by multiplications alone: Markstein's correction of a
/// quotient that is off by less than one unit in the last place ("Computation of elementary
/// functions on the IBM RISC System/6000 processor", 1990). Divisions wait for each other, these do
/// not. Meant for functions whose target has "fma"; elsewhere it is right, but slow.
class Quotient {
 public:
  /// `divisor`: 1 to 2^64.
  [[gnu::always_inline]] explicit Quotient(double divisor)
      : divisor_(divisor),
        inverse_(1 / divisor),
        rest_(std::fma(-divisor, inverse_, 1.0) * inverse_) {}

  /// `v`: 0, whose sign may be lost, or at least 2^-900 in magnitude, so that nothing is rounded
  /// for being too small. Infinities give NaN.
  [[gnu::always_inline, nodiscard]] double Of(double v) const {
    const double near = std::fma(v, inverse_, v * rest_);
    return std::fma(std::fma(-near, divisor_, v), inverse_, near);
  }

 private:
  double divisor_;
  double inverse_;  // rounded
  double rest_;     // what it lacks
};

}  // namespace base
