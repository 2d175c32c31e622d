// Quotient: many numbers over the same one, without dividing.
#pragma once

#include <cmath>

namespace base {

/// Gives v / divisor to the last bit, by multiplications alone: divisions wait for each other,
/// these do not. Meant for functions whose target has "fma"; elsewhere it is right, but slow.
///
/// With u for the distance of two doubles around the quotient: the product with the inverse is off
/// by at most 1.5 u, so its remainder is a multiple of u not above 1.5 u * divisor and therefore
/// exact. What is rounded in the end is off by at most 1.5 u / 2^53. That never matters, because
/// the true quotient by a whole number is at least u / (2 * divisor) away from the middle between
/// two doubles; in the middle it cannot be, v having no bit for that.
class Quotient {
 public:
  /// `divisor`: a whole number, 1 to 2^50.
  [[gnu::always_inline]] explicit Quotient(double divisor)
      : divisor_(divisor), inverse_(1 / divisor) {}

  /// `v`: 0, whose sign may be lost, or at least 2^-900 in magnitude, so that no quotient is too
  /// small for all its bits. Infinities give NaN.
  [[gnu::always_inline, nodiscard]] double Of(double v) const {
    const double near = v * inverse_;
    return std::fma(std::fma(-near, divisor_, v), inverse_, near);
  }

 private:
  double divisor_;
  double inverse_;
};

}  // namespace base
