// The integer code. Arithmetic is modulo 2^64, so that every difference can be undone.
#include "store/integers.h"

#include <algorithm>
#include <array>
#include <limits>
#include <numeric>
#include <vector>

namespace store {
namespace {

using U = std::uint64_t;
using I = std::int64_t;

constexpr unsigned kEscape = 24;           // so many ones: 64 raw bits follow
constexpr std::size_t kBlock = 128;        // values that share a Rice parameter, in coders 3 and 4
constexpr U kMaxRange = 1ULL << 56;        // of truncated binary
constexpr unsigned kMaxRice = 56;          // of the Rice parameter
constexpr std::size_t kMaxExceptions = 8;  // at each end, that the writer takes out

enum Coder : std::uint8_t {
  kPacked = 0,        // truncated binary over [min, max], exceptions apart
  kRiceSigned = 1,    // Rice of zigzag(residual - centre)
  kRiceUnsigned = 2,  // Rice of residual - minimum
  kRiceSignedBlocks = 3,
  kRiceUnsignedBlocks = 4,
};

I Minus(I a, I b) { return static_cast<I>(static_cast<U>(a) - static_cast<U>(b)); }
I Plus(I a, I b) { return static_cast<I>(static_cast<U>(a) + static_cast<U>(b)); }

// What the packed coder needs to know of residuals.
struct Packing {
  I min = 0;
  U range = 0;                        // max - min of what is not an exception
  std::vector<std::size_t> outliers;  // positions, ascending
  U bits = std::numeric_limits<U>::max();
};

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

namespace {

base::Result<> ReadPacked(ByteReader* bytes, std::span<I> out) {
  const I min = bytes->Signed();
  const U range = bytes->Varint();
  const U exceptions = bytes->Varint();
  if (!bytes->ok() || range >= kMaxRange || exceptions > out.size()) {
    return base::Fail(base::ErrorKind::kCorrupt, "packed integers: bad header");
  }
  const ByteReader list = *bytes;
  for (U i = 0; i < exceptions; ++i) {
    bytes->Varint();
    bytes->Signed();
  }
  BitReader bits(bytes->rest());
  const Phase phase(range);
  if (range == 0) {
    std::ranges::fill(out, min);
  } else if (phase.shorter == 1ULL << phase.width) {
    const unsigned width = phase.width;
    for (I& v : out) {
      v = Plus(min, static_cast<I>(bits.Peek() >> (64 - width)));
      bits.Skip(width);
    }
  } else {
    const unsigned width = phase.width + 1;
    for (I& v : out) {
      const U y = bits.Peek() >> (64 - width);
      const bool is_short = (y >> 1) < phase.shorter;
      v = Plus(min, static_cast<I>(is_short ? y >> 1 : y - phase.shorter));
      bits.Skip(is_short ? width - 1 : width);
    }
  }
  ByteReader again = list;
  U at = 0;
  for (U i = 0; i < exceptions; ++i) {
    at += again.Varint();
    const I v = again.Signed();
    if (!again.ok() || at >= out.size()) {
      return base::Fail(base::ErrorKind::kCorrupt, "packed integers: bad exception");
    }
    out[at] = v;
  }
  if (bits.Overrun()) {
    return base::Fail(base::ErrorKind::kCorrupt, "packed integers: cut short");
  }
  return {};
}

template <bool kSigned>
void ReadRiceRun(BitReader* bits, unsigned k, I centre, std::span<I> out) {
  for (I& v : out) {
    const U window = bits->Peek();
    const auto q = static_cast<unsigned>(std::countl_one(window));
    U u = 0;
    if (q >= kEscape) [[unlikely]] {
      bits->Skip(kEscape);
      u = bits->Read(64);
    } else if (k <= 32) [[likely]] {
      u = (static_cast<U>(q) << k) | ((window << (q + 1)) >> 1 >> (63 - k));
      bits->Skip(q + 1 + k);
    } else {
      bits->Skip(q + 1);
      u = (static_cast<U>(q) << k) | bits->Read(k);
    }
    v = Plus(centre, kSigned ? UnZigZag(u) : static_cast<I>(u));
  }
}

base::Result<> ReadRice(ByteReader* bytes, Coder coder, std::span<I> out) {
  const I centre = bytes->Signed();
  const bool blocks = coder >= kRiceSignedBlocks;
  const bool is_signed = coder == kRiceSigned || coder == kRiceSignedBlocks;
  unsigned k = blocks ? 0 : bytes->Byte();
  if (!bytes->ok() || k > kMaxRice) {
    return base::Fail(base::ErrorKind::kCorrupt, "Rice codes: bad header");
  }
  BitReader bits(bytes->rest());
  for (std::size_t at = 0; at < out.size();) {
    const std::size_t n = blocks ? std::min(kBlock, out.size() - at) : out.size();
    if (blocks) {
      k = static_cast<unsigned>(bits.Read(6));
      if (k > kMaxRice) {
        return base::Fail(base::ErrorKind::kCorrupt, "Rice codes: bad parameter");
      }
    }
    if (is_signed) {
      ReadRiceRun<true>(&bits, k, centre, out.subspan(at, n));
    } else {
      ReadRiceRun<false>(&bits, k, centre, out.subspan(at, n));
    }
    at += n;
  }
  if (bits.Overrun()) {
    return base::Fail(base::ErrorKind::kCorrupt, "Rice codes: cut short");
  }
  return {};
}

// From residuals (in out[order…]) back to the values.
void Undo(unsigned order, I first, I first_difference, U divisor, std::span<I> out) {
  out[0] = 0;
  if (order == 1) {
    for (std::size_t i = 1; i < out.size(); ++i) {
      out[i] = Plus(out[i], out[i - 1]);
    }
  } else if (order == 2) {
    I difference = first_difference;
    out[1] = difference;
    for (std::size_t i = 2; i < out.size(); ++i) {
      difference = Plus(difference, out[i]);
      out[i] = Plus(out[i - 1], difference);
    }
  }
  for (I& v : out) {
    v = static_cast<I>(static_cast<U>(first) + static_cast<U>(v) * divisor);
  }
}

}  // namespace

base::Result<> DecodeIntegers(Bytes input, std::span<std::int64_t> out) {
  if (out.empty()) {
    return {};
  }
  ByteReader bytes(input);
  const I first = bytes.Signed();
  if (out.size() == 1) {
    out[0] = first;
    return bytes.ok() ? base::Result<>{}
                      : base::Fail(base::ErrorKind::kCorrupt, "integers: cut short");
  }
  const U divisor = bytes.Varint();
  const std::uint8_t how = bytes.Byte();
  const unsigned order = how >> 4;
  const auto coder = static_cast<Coder>(how & 15);
  const I first_difference = order == 2 ? bytes.Signed() : 0;
  if (!bytes.ok() || order > 2 || coder > kRiceUnsignedBlocks) {
    return base::Fail(base::ErrorKind::kCorrupt, "integers: bad header");
  }
  const auto residuals = out.subspan(order == 2 ? 2 : 1);
  auto read = coder == kPacked ? ReadPacked(&bytes, residuals) : ReadRice(&bytes, coder, residuals);
  if (!read) {
    return read;
  }
  Undo(order, first, first_difference, divisor, out);
  return {};
}

}  // namespace store
