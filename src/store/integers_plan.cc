// Costs of orders and coders. All of it is passes without branches over a few dozen numbers, since
// that is how many a column has when a short head is written.
#include "store/integers_plan.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace store::integer_code {
namespace {

constexpr unsigned kCellBits = 6;

U VarintBits(U v) { return 8ULL * ((static_cast<unsigned>(std::bit_width(v | 1)) + 6) / 7); }
U SignedBits(I v) { return VarintBits(ZigZag(v)); }
// Of the packed coder; where nothing or little is written apart.
U FieldBits(I min, U range) { return SignedBits(min) + VarintBits(range) + 8; }
// Of a residual that is written apart: its gap, about, the place that it leaves empty, itself.
U OutlierBits(I v) { return 16 + SignedBits(v); }

// Where residuals lie: their range cut in equal cells, 33 to 64 of them (or one a value).
struct Shape {
  I min = 0;
  U range = 0;
  unsigned shift = 0;  // log2 of a cell's width
  std::array<std::uint32_t, 1U << kCellBits> cells{};
};

std::pair<I, I> EndsOf(std::span<const I> r) {
  I min = r[0];
  I max = r[0];
  for (const I v : r) {
    min = std::min(min, v);
    max = std::max(max, v);
  }
  return {min, max};
}

Shape ShapeOf(std::span<const I> r, std::pair<I, I> ends) {
  Shape out;
  const auto [min, max] = ends;
  out.min = min;
  out.range = static_cast<U>(max) - static_cast<U>(min);
  const auto width = static_cast<unsigned>(std::bit_width(out.range));
  out.shift = width > kCellBits ? width - kCellBits : 0;
  for (const I v : r) {
    ++out.cells[static_cast<U>(Minus(v, min)) >> out.shift];
  }
  return out;
}

// The middle one, or one close to it.
I Median(std::span<const I> r, const Shape& shape) {
  const std::size_t rank = r.size() / 2;
  std::size_t below = 0;
  std::size_t cell = 0;
  while (below + shape.cells[cell] <= rank) {
    below += shape.cells[cell++];
  }
  const I start = Plus(shape.min, static_cast<I>(static_cast<U>(cell) << shape.shift));
  if (shape.shift == 0) {
    return start;
  }
  if (shape.cells[cell] <= r.size() / 8) {
    return Plus(start, static_cast<I>(1ULL << (shape.shift - 1)));
  }
  // Something far away has made the cells wide.
  static thread_local std::vector<I> inside;
  inside.clear();
  for (const I v : r) {
    if (static_cast<U>(Minus(v, shape.min)) >> shape.shift == cell) {
      inside.push_back(v);
    }
  }
  const auto middle = inside.begin() + static_cast<std::ptrdiff_t>(rank - below);
  std::ranges::nth_element(inside, middle);
  return *middle;
}

// The lowest and the highest residuals, one more of each than may be taken out; positions.
struct Extremes {
  std::array<std::size_t, kMaxExceptions + 1> low{};   // ascending by value
  std::array<std::size_t, kMaxExceptions + 1> high{};  // descending
};

Extremes FindExtremes(std::span<const I> r, std::size_t wanted) {
  Extremes out;
  std::size_t held = 0;
  const auto sift = [&](auto& list, std::size_t i, const auto& before) {
    std::size_t at = std::min(held, wanted - 1);
    for (; at > 0 && before(r[i], r[list[at - 1]]); --at) {
      list[at] = list[at - 1];
    }
    list[at] = i;
  };
  // Of equal values the first counts as the lowest: then nothing is in both lists.
  const auto lower = [](I a, I b) { return a < b; };
  const auto higher = [](I a, I b) { return a >= b; };
  for (std::size_t i = 0; i < r.size(); ++i) {
    if (held < wanted || lower(r[i], r[out.low[wanted - 1]])) {
      sift(out.low, i, lower);
    }
    if (held < wanted || higher(r[i], r[out.high[wanted - 1]])) {
      sift(out.high, i, higher);
    }
    held = std::min(held + 1, wanted);
  }
  return out;
}

// Fields and codes of all within [min, min + range]; `outliers` further residuals are written
// apart.
U PackedBits(std::span<const I> r, I min, U range, std::size_t outliers) {
  if (range >= kMaxRange) {
    return kImpossible;
  }
  const Phase phase(range);
  U shorter = 0;
  for (const I v : r) {
    shorter += static_cast<U>(Minus(v, min)) < phase.shorter ? 1 : 0;
  }
  return (r.size() - outliers) * (phase.width + 1ULL) - shorter + FieldBits(min, range);
}

// About what n codes take that lie evenly in a range.
double EvenBits(std::size_t n, U range) {
  const Phase phase(std::min(range, kMaxRange));
  return static_cast<double>(n) *
         (phase.width + 1 - static_cast<double>(phase.shorter) / static_cast<double>(range + 1));
}

Packing PackWithout(std::span<const I> r, const Extremes& ends, std::size_t lows,
                    std::size_t highs) {
  Packing out;
  out.outlier_count = lows + highs;
  std::copy_n(ends.low.begin(), lows, out.outliers.begin());
  std::copy_n(ends.high.begin(), highs, out.outliers.begin() + static_cast<std::ptrdiff_t>(lows));
  std::sort(out.outliers.begin(),
            out.outliers.begin() + static_cast<std::ptrdiff_t>(out.outlier_count));
  out.min = r[ends.low[lows]];
  out.range = static_cast<U>(Minus(r[ends.high[highs]], out.min));
  out.bits = PackedBits(r, out.min, out.range, out.outlier_count);
  for (std::size_t i = 0; out.bits != kImpossible && i < out.outlier_count; ++i) {
    out.bits += OutlierBits(r[out.outliers[i]]);
  }
  return out;
}

// The cheapest packing when none, few or many of the extremes are written apart.
Packing BestPacking(std::span<const I> r, const Shape& shape) {
  Packing best{.min = shape.min, .range = shape.range};
  best.bits = PackedBits(r, shape.min, shape.range, 0);
  const std::size_t most = std::min(kMaxExceptions, r.size() / 8);
  if (shape.range == 0 || most == 0) {
    return best;
  }
  Extremes ends;
  bool found = false;
  const std::size_t last_cell = shape.range >> shape.shift;
  std::size_t low_cell = 0;  // that of the lowest residual which is not taken out
  std::size_t high_cell = last_cell;
  std::size_t low_sum = shape.cells[low_cell];  // how many lie in it and below
  std::size_t high_sum = shape.cells[high_cell];
  for (std::size_t n = 1; n <= most; n *= 2) {
    while (low_sum <= n) {
      low_sum += shape.cells[++low_cell];
    }
    while (high_sum <= n) {
      high_sum += shape.cells[--high_cell];
    }
    const std::array<std::array<std::size_t, 4>, 3> cuts = {
        {{n, n, low_cell, high_cell}, {n, 0, low_cell, last_cell}, {0, n, 0, high_cell}}};
    for (const auto& [lows, highs, from, to] : cuts) {
      // From afar: what stays spans about the cells from one to the other.
      const U range = (to - from) << shape.shift;
      const I low = Plus(shape.min, static_cast<I>(from << shape.shift));
      const I high = Plus(low, static_cast<I>(range));
      const double bits = 0.97 * EvenBits(r.size() - lows - highs, range) +
                          static_cast<double>(FieldBits(low, range) + lows * OutlierBits(low) +
                                              highs * OutlierBits(high));
      if (bits >= static_cast<double>(best.bits)) {
        continue;
      }
      if (!found) {
        ends = FindExtremes(r, most + 1);
        found = true;
      }
      if (const Packing tried = PackWithout(r, ends, lows, highs); tried.bits < best.bits) {
        best = tried;
      }
    }
  }
  return best;
}

// The quotients of all; `any` is all of them ORed. What is escaped counts as what its code takes
// beyond 1 + k bits.
U Quotients(std::span<const U> u, U any, unsigned k) {
  U sum = 0;
  if (any >> k < kEscape) {
    for (const U v : u) {
      sum += v >> k;
    }
    return sum;
  }
  for (const U v : u) {
    const U q = v >> k;
    sum += q >= kEscape ? kEscape + 63 - k : q;
  }
  return sum;
}

// All of them ORed, and their mean.
struct Size {
  U any = 0;
  double mean = 0;
};

Size SizeOf(std::span<const U> u) {
  U any = 0;
  U sum = 0;
  for (const U v : u) {
    any |= v;
    sum += v;
  }
  auto total = static_cast<double>(sum);
  if (std::bit_width(any) + std::bit_width(u.size()) > 64) {  // it may have overflowed
    total = 0;
    for (const U v : u) {
      total += static_cast<double>(v);
    }
  }
  return {any, total / static_cast<double>(u.size())};
}

}  // namespace

unsigned BestRice(std::span<const U> u, U* bits) {
  const Size size = SizeOf(u);
  // Around the logarithm of the mean, then downhill.
  unsigned k =
      size.mean < 1
          ? 0
          : static_cast<unsigned>(std::bit_width(static_cast<U>(std::min(size.mean, 1e17)))) - 1;
  k = std::min(k, kMaxRice);
  const U n = u.size();
  const auto all = [&](U quotients, unsigned parameter) { return n * (1 + parameter) + quotients; };
  const U quotients = Quotients(u, size.any, k);
  *bits = all(quotients, k);
  // One bit less doubles the quotients at least, one more halves them at most (but for what is
  // rounded off): unless something is escaped, only one way can lead down.
  const bool escapes = size.any >> k >= kEscape;
  if (quotients < n || escapes) {
    while (k > 0) {
      const U less = all(Quotients(u, size.any, k - 1), k - 1);
      if (less > *bits) {
        break;
      }
      --k;
      *bits = less;
    }
  }
  if (quotients > n || escapes) {
    while (k < kMaxRice) {
      const U more = all(Quotients(u, size.any, k + 1), k + 1);
      if (more >= *bits) {
        break;
      }
      ++k;
      *bits = more;
    }
  }
  return k;
}

namespace {

Ricing RiceAround(std::span<const I> r, bool is_signed, I centre) {
  static thread_local std::vector<U> room;
  Ricing out{.is_signed = is_signed, .centre = centre};
  room.resize(r.size());
  const std::span<U> folded(room.data(), r.size());
  if (is_signed) {
    for (std::size_t i = 0; i < r.size(); ++i) {
      folded[i] = ZigZag(Minus(r[i], centre));
    }
  } else {
    for (std::size_t i = 0; i < r.size(); ++i) {
      folded[i] = static_cast<U>(Minus(r[i], centre));
    }
  }
  out.k = BestRice(folded, &out.bits);
  if (r.size() >= 2 * kBlock) {
    U total = 0;
    for (std::size_t at = 0; at < folded.size(); at += kBlock) {
      U bits = 0;
      BestRice(folded.subspan(at, std::min(kBlock, folded.size() - at)), &bits);
      total += bits + 6;
    }
    out.blocks = total < out.bits;
    out.bits = std::min(out.bits, total);
  }
  out.bits += SignedBits(centre) + (out.blocks ? 0 : 8);
  return out;
}

// Whether Rice codes of r - min can come to less than `bits`. With the parameter k = log2(mean) a
// residual takes 1 + k + mean / 2^k bits, less what is rounded off: hardly more than 3/4. Where
// some are escaped that says nothing.
bool UnsignedMayWin(std::span<const I> r, const Shape& shape, U bits) {
  U sum = 0;
  for (const I v : r) {
    sum += static_cast<U>(Minus(v, shape.min));
  }
  const U mean = sum / r.size();
  const unsigned k = mean == 0 ? 0 : static_cast<unsigned>(std::bit_width(mean)) - 1;
  const double least = k + 0.25 + static_cast<double>(mean) / static_cast<double>(1ULL << k);
  return shape.range >> k >= kEscape ||
         least * static_cast<double>(r.size()) < static_cast<double>(bits);
}

// The cheapest, or another when `packed` bits are less anyway.
Ricing BestRicing(std::span<const I> r, const Shape& shape, U packed) {
  const Ricing best = RiceAround(r, true, Median(r, shape));
  if (!UnsignedMayWin(r, shape, std::min(packed, best.bits))) {
    return best;
  }
  const Ricing other = RiceAround(r, false, shape.min);
  return other.bits < best.bits ? other : best;
}

Plan MakePlan(unsigned order, std::span<const I> r, const Shape& shape) {
  Plan plan{.order = order, .residuals = r, .packing = BestPacking(r, shape), .ricing = {}};
  if (plan.packing.range > 0 || plan.packing.outlier_count > 0) {
    plan.ricing = BestRicing(r, shape, plan.packing.bits);
  }
  return plan;
}

// How far they are from `centre` on average, roughly in bits: cheap, to leave orders out that
// cannot win.
double Spread(std::span<const I> r, I centre) {
  U sum = 0;
  for (const I v : r) {
    sum += static_cast<U>(std::bit_width(ZigZag(Minus(v, centre))));
  }
  return static_cast<double>(sum);
}

}  // namespace

Plan ChoosePlan(const Residuals& r) {
  const Shape steps = ShapeOf(r.differences, EndsOf(r.differences));
  Plan best = MakePlan(1, r.differences, steps);
  if (steps.range == 0) {
    return best;
  }
  const double spread = Spread(r.differences, 0);
  const auto [min, max] = EndsOf(r.offsets);
  const U range = static_cast<U>(Minus(max, min));
  // Noise moves as far in one step as at all.
  if (range / 2 < steps.range) {
    const Shape offsets = ShapeOf(r.offsets, {min, max});
    if (Spread(r.offsets, Median(r.offsets, offsets)) < 1.15 * spread) {
      const Plan plan = MakePlan(0, r.offsets, offsets);
      best = plan.bits() < best.bits() ? plan : best;
    }
  }
  if (!r.seconds.empty() && Spread(r.seconds, 0) < 0.9 * spread) {
    const Plan plan = MakePlan(2, r.seconds, ShapeOf(r.seconds, EndsOf(r.seconds)));
    best = plan.bits() + SignedBits(r.differences[0]) < best.bits() ? plan : best;
  }
  return best;
}

}  // namespace store::integer_code
