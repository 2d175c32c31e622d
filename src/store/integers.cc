// Writing integers: which order and which coder take the fewest bits.
#include "store/integers.h"

#include <algorithm>
#include <array>
#include <limits>
#include <numeric>
#include <vector>

#include "store/integers_code.h"

namespace store {
namespace {

using namespace integer_code;  // NOLINT: the names of the code, shared with the reader

// What the packed coder needs to know of residuals.
struct Packing {
  I min = 0;
  U range = 0;                        // max - min of what is not an exception
  std::vector<std::size_t> outliers;  // positions, ascending
  U bits = std::numeric_limits<U>::max();
};

U VarintBits(U v) { return 8ULL * ((static_cast<unsigned>(std::bit_width(v | 1)) + 6) / 7); }

Packing PackWithout(std::span<const I> r, std::span<const std::size_t> low,
                    std::span<const std::size_t> high) {
  Packing out;
  out.outliers.assign(low.begin(), low.end());
  out.outliers.insert(out.outliers.end(), high.begin(), high.end());
  std::ranges::sort(out.outliers);
  I min = std::numeric_limits<I>::max();
  I max = std::numeric_limits<I>::min();
  std::size_t next = 0;
  for (std::size_t i = 0; i < r.size(); ++i) {
    if (next < out.outliers.size() && out.outliers[next] == i) {
      ++next;
      continue;
    }
    min = std::min(min, r[i]);
    max = std::max(max, r[i]);
  }
  if (min > max) {
    min = max = 0;
  }
  out.min = min;
  out.range = static_cast<U>(max) - static_cast<U>(min);
  if (out.range >= kMaxRange) {
    return out;
  }
  const Phase phase(out.range);
  U bits = (r.size() - out.outliers.size()) * (phase.width + 1ULL);
  for (const I v : r) {
    bits -= static_cast<U>(v) - static_cast<U>(min) < phase.shorter ? 1 : 0;
  }
  for (const std::size_t at : out.outliers) {
    bits += 16 + VarintBits(ZigZag(r[at]));
  }
  out.bits = bits;
  return out;
}

// The cheapest packing when none, few or many of the extremes are written apart.
Packing BestPacking(std::span<const I> r) {
  std::vector<std::size_t> order(r.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const std::size_t ends = std::min(kMaxExceptions, r.size() / 8);
  const auto less = [&](std::size_t a, std::size_t b) { return r[a] < r[b]; };
  const auto greater = [&](std::size_t a, std::size_t b) { return r[a] > r[b]; };
  std::vector<std::size_t> low(ends);
  std::vector<std::size_t> high(ends);
  std::partial_sort_copy(order.begin(), order.end(), low.begin(), low.end(), less);
  std::partial_sort_copy(order.begin(), order.end(), high.begin(), high.end(), greater);
  Packing best = PackWithout(r, {}, {});
  if (ends == 0 || best.range == 0) {
    return best;
  }
  for (const std::size_t n : {std::size_t{1}, std::size_t{2}, std::size_t{4}, kMaxExceptions}) {
    if (n > ends) {
      break;
    }
    for (const auto& [l, h] :
         {std::pair{n, n}, std::pair{n, std::size_t{0}}, {std::size_t{0}, n}}) {
      const std::span<const std::size_t> lows(low.data(), l);
      const std::span<const std::size_t> highs(high.data(), h);
      if (std::ranges::find_first_of(lows, highs) != lows.end()) {
        continue;
      }
      Packing tried = PackWithout(r, lows, highs);
      if (tried.bits < best.bits) {
        best = std::move(tried);
      }
    }
  }
  return best;
}

U RiceBits(std::span<const U> u, unsigned k) {
  U bits = 0;
  for (const U v : u) {
    const U q = v >> k;
    bits += q >= kEscape ? kEscape + 64 : q + 1 + k;
  }
  return bits;
}

// The Rice parameter that is best, or nearly: around the logarithm of the mean, then downhill.
unsigned BestRice(std::span<const U> u, U* bits) {
  double sum = 0;
  for (const U v : u) {
    sum += static_cast<double>(v);
  }
  const double mean = u.empty() ? 0 : sum / static_cast<double>(u.size());
  unsigned k =
      mean < 1 ? 0
               : static_cast<unsigned>(std::bit_width(static_cast<U>(std::min(mean, 1e17)))) - 1;
  k = std::min(k, kMaxRice);
  *bits = RiceBits(u, k);
  while (k > 0) {
    const U less = RiceBits(u, k - 1);
    if (less > *bits) {
      break;
    }
    --k;
    *bits = less;
  }
  while (k < kMaxRice) {
    const U more = RiceBits(u, k + 1);
    if (more >= *bits) {
      break;
    }
    ++k;
    *bits = more;
  }
  return k;
}

struct Ricing {
  bool is_signed = false;
  I centre = 0;
  std::vector<U> folded;
  unsigned k = 0;
  std::vector<unsigned> block_k;  // not empty: one parameter a block
  U bits = std::numeric_limits<U>::max();
};

Ricing RiceAround(std::span<const I> r, bool is_signed, I centre) {
  Ricing out{.is_signed = is_signed, .centre = centre};
  out.folded.reserve(r.size());
  for (const I v : r) {
    const I off = Minus(v, centre);
    out.folded.push_back(is_signed ? ZigZag(off) : static_cast<U>(off));
  }
  out.k = BestRice(out.folded, &out.bits);
  if (r.size() < 2 * kBlock) {
    return out;
  }
  U total = 0;
  std::vector<unsigned> ks;
  for (std::size_t at = 0; at < out.folded.size(); at += kBlock) {
    U bits = 0;
    const std::size_t n = std::min(kBlock, out.folded.size() - at);
    ks.push_back(BestRice(std::span<const U>(out.folded).subspan(at, n), &bits));
    total += bits + 6;
  }
  if (total < out.bits) {
    out.bits = total;
    out.block_k = std::move(ks);
  }
  return out;
}

Ricing BestRicing(std::span<const I> r) {
  std::vector<I> sorted(r.begin(), r.end());
  const auto middle = sorted.begin() + static_cast<std::ptrdiff_t>(sorted.size() / 2);
  std::ranges::nth_element(sorted, middle);
  Ricing best = RiceAround(r, true, *middle);
  Ricing unsigned_one = RiceAround(r, false, *std::ranges::min_element(r));
  return unsigned_one.bits < best.bits ? std::move(unsigned_one) : std::move(best);
}

void WritePacked(std::span<const I> r, const Packing& p, std::string* out) {
  ByteWriter bytes(out);
  bytes.Signed(p.min);
  bytes.Varint(p.range);
  bytes.Varint(p.outliers.size());
  std::size_t before = 0;
  for (const std::size_t at : p.outliers) {
    bytes.Varint(at - before);
    bytes.Signed(r[at]);
    before = at;
  }
  const Phase phase(p.range);
  BitWriter bits(out);
  std::size_t next = 0;
  for (std::size_t i = 0; i < r.size(); ++i) {
    if (next < p.outliers.size() && p.outliers[next] == i) {
      ++next;
      bits.Write(0, phase.shorter > 0 ? phase.width : phase.width + 1);
      continue;
    }
    const U v = static_cast<U>(r[i]) - static_cast<U>(p.min);
    if (v < phase.shorter) {
      bits.Write(v, phase.width);
    } else {
      bits.Write(v + phase.shorter, phase.width + 1);
    }
  }
  bits.Finish();
}

void WriteRice(const Ricing& p, std::string* out) {
  ByteWriter bytes(out);
  bytes.Signed(p.centre);
  if (p.block_k.empty()) {
    bytes.Byte(static_cast<std::uint8_t>(p.k));
  }
  BitWriter bits(out);
  unsigned k = p.k;
  for (std::size_t i = 0; i < p.folded.size(); ++i) {
    if (!p.block_k.empty() && i % kBlock == 0) {
      k = p.block_k[i / kBlock];
      bits.Write(k, 6);
    }
    const U v = p.folded[i];
    const U q = v >> k;
    if (q >= kEscape) {
      bits.Ones(kEscape);
      bits.Write(v, 64);
    } else {
      bits.Ones(static_cast<unsigned>(q));
      bits.Write(0, 1);
      bits.Write(v & ((1ULL << k) - 1), k);
    }
  }
  bits.Finish();
}

U CommonDivisor(std::span<const I> values) {
  U g = 0;
  for (std::size_t i = 1; i < values.size() && g != 1; ++i) {
    const I d = Minus(values[i], values[i - 1]);
    const U size = d < 0 ? ~static_cast<U>(d) + 1 : static_cast<U>(d);
    if (size != 0 && (g == 0 || size % g != 0)) {
      g = std::gcd(g, size);
    }
  }
  return g == 0 ? 1 : g;
}

// One way to write the residuals, for comparing.
struct Plan {
  unsigned order = 0;
  I first_difference = 0;
  std::vector<I> residuals;
  Packing packing;
  Ricing ricing;
  [[nodiscard]] U bits() const { return std::min(packing.bits, ricing.bits); }
};

Plan MakePlan(std::span<const I> q, unsigned order) {
  Plan plan;
  plan.order = order;
  plan.residuals.assign(q.begin() + 1, q.end());
  for (unsigned pass = 0; pass < order; ++pass) {
    I before = pass == 0 ? q[0] : plan.residuals[0];
    if (pass == 1) {
      plan.first_difference = before;
      plan.residuals.erase(plan.residuals.begin());
    }
    for (I& v : plan.residuals) {
      const I difference = Minus(v, before);
      before = v;
      v = difference;
    }
  }
  if (!plan.residuals.empty()) {
    plan.packing = BestPacking(plan.residuals);
    if (plan.packing.range > 0 || !plan.packing.outliers.empty()) {
      plan.ricing = BestRicing(plan.residuals);
    }
  } else {
    plan.packing = PackWithout({}, {}, {});
  }
  return plan;
}

// How far apart neighbours are, roughly in bits: cheap, to leave orders out that cannot win.
double Spread(std::span<const I> r) {
  double sum = 0;
  for (std::size_t i = 0; i < r.size(); ++i) {
    sum += static_cast<double>(std::bit_width(ZigZag(r[i])));
  }
  return sum;
}

std::array<double, 3> Spreads(std::span<const I> q) {
  std::vector<I> r(q.begin(), q.end());
  std::vector<I> sorted = r;
  const auto middle = sorted.begin() + static_cast<std::ptrdiff_t>(sorted.size() / 2);
  std::ranges::nth_element(sorted, middle);
  for (I& v : r) {
    v = Minus(v, *middle);
  }
  std::array<double, 3> out{};
  out[0] = Spread(r);
  for (unsigned order = 1; order < 3; ++order) {
    for (std::size_t i = r.size(); i-- > 1;) {
      r[i] = Minus(r[i], r[i - 1]);
    }
    out[order] = r.size() > order ? Spread(std::span<const I>(r).subspan(order)) : 0;
  }
  // Differences around their own centre: a counter's are large but alike.
  return out;
}

std::vector<unsigned> OrdersToTry(std::span<const I> q) {
  const auto spreads = Spreads(q);
  std::vector<unsigned> orders = {1};
  if (spreads[0] < 1.15 * spreads[1]) {
    orders.push_back(0);
  }
  if (q.size() > 2 && spreads[2] < 0.9 * spreads[1]) {
    orders.push_back(2);
  }
  return orders;
}

}  // namespace

void EncodeIntegers(std::span<const std::int64_t> values, std::string* out) {
  if (values.empty()) {
    return;
  }
  ByteWriter bytes(out);
  bytes.Signed(values[0]);
  if (values.size() == 1) {
    return;
  }
  const U divisor = CommonDivisor(values);
  std::vector<I> q(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    const I off = Minus(values[i], values[0]);
    q[i] = divisor == 1 ? off : off / static_cast<I>(divisor);
  }
  // Offsets from the first value that overflow cannot be divided: then nothing is taken out.
  U used = divisor;
  for (std::size_t i = 0; used != 1 && i < values.size(); ++i) {
    if (Plus(values[0], static_cast<I>(static_cast<U>(q[i]) * divisor)) != values[i]) {
      used = 1;
    }
  }
  for (std::size_t i = 0; used != divisor && i < values.size(); ++i) {
    q[i] = Minus(values[i], values[0]);
  }
  Plan best;
  U best_bits = std::numeric_limits<U>::max();
  for (const unsigned order : OrdersToTry(q)) {
    Plan plan = MakePlan(q, order);
    if (best_bits == std::numeric_limits<U>::max() || plan.bits() < best_bits) {
      best_bits = plan.bits();
      best = std::move(plan);
    }
  }
  const bool packed = best.packing.bits <= best.ricing.bits;
  const unsigned rice = (best.ricing.is_signed ? kRiceSigned : kRiceUnsigned) +
                        (best.ricing.block_k.empty() ? 0U : 2U);
  bytes.Varint(used);
  bytes.Byte(static_cast<std::uint8_t>(best.order << 4 | (packed ? kPacked : rice)));
  if (best.order == 2) {
    bytes.Signed(best.first_difference);
  }
  if (packed) {
    WritePacked(best.residuals, best.packing, out);
  } else {
    WriteRice(best.ricing, out);
  }
}

}  // namespace store
