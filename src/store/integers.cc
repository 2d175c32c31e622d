// Writing integers: common divisor and differences, then the plan that takes the fewest bits.
#include "store/integers.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <vector>

#include "store/integers_code.h"
#include "store/integers_plan.h"

namespace store {
namespace {

using namespace integer_code;  // NOLINT: the names of the code, shared with the reader

void WriteWithOutliers(std::span<const I> r, const Packing& p, const Phase& phase,
                       BitWriter* bits) {
  std::size_t next = 0;
  for (std::size_t i = 0; i < r.size(); ++i) {
    if (next < p.outlier_count && p.outliers[next] == i) {
      ++next;
      bits->Write(0, phase.shorter > 0 ? phase.width : phase.width + 1);
      continue;
    }
    const U v = static_cast<U>(Minus(r[i], p.min));
    const bool longer = v >= phase.shorter;
    bits->Write(longer ? v + phase.shorter : v, phase.width + (longer ? 1 : 0));
  }
}

void WritePacked(std::span<const I> r, const Packing& p, std::string* out) {
  ByteWriter bytes(out);
  bytes.Signed(p.min);
  bytes.Varint(p.range);
  bytes.Varint(p.outlier_count);
  std::size_t before = 0;
  for (const std::size_t at : std::span(p.outliers).first(p.outlier_count)) {
    bytes.Varint(at - before);
    bytes.Signed(r[at]);
    before = at;
  }
  const Phase phase(p.range);
  if (p.range == 0) {
    return;  // no bits
  }
  BitWriter bits(out);
  WriteWithOutliers(r, p, phase, &bits);
  bits.Finish();
}

void WriteRice(U u, unsigned k, BitWriter* bits) {
  const U q = u >> k;
  if (q >= kEscape) {
    bits->Ones(kEscape);
    bits->Write(u, 64);
    return;
  }
  const auto ones = static_cast<unsigned>(q);
  const U low = u & ((1ULL << k) - 1);
  const U high = ((1ULL << ones) - 1) << 1;
  if (ones + 1 + k <= 64) {
    bits->Write(high << k | low, ones + 1 + k);
  } else {
    bits->Write(high, ones + 1);
    bits->Write(low, k);
  }
}

void WriteRice(std::span<const I> r, const Ricing& p, std::string* out) {
  ByteWriter bytes(out);
  bytes.Signed(p.centre);
  if (!p.blocks) {
    bytes.Byte(static_cast<std::uint8_t>(p.k));
  }
  BitWriter bits(out);
  std::array<U, kBlock> folded;
  for (std::size_t at = 0; at < r.size(); at += kBlock) {
    const auto block = r.subspan(at, std::min(kBlock, r.size() - at));
    std::ranges::transform(block, folded.begin(), [&](I v) { return p.Fold(v); });
    const auto codes = std::span(folded).first(block.size());
    unsigned k = p.k;
    if (p.blocks) {
      U total = 0;
      k = BestRice(codes, &total);
      bits.Write(k, 6);
    }
    for (const U u : codes) {
      WriteRice(u, k, &bits);
    }
  }
  bits.Finish();
}

// Odd numbers have an inverse modulo 2^64; Newton's steps double its right bits.
U InverseOf(U odd) {
  U inverse = odd;  // 3 bits
  for (int step = 0; step < 5; ++step) {
    inverse *= 2 - odd * inverse;
  }
  return inverse;
}

// A number that divides all differences, as an odd number times a power of two: what it divides,
// it divides by a shift and a product.
struct Divisor {
  unsigned shift = 0;
  U odd = 1;
  U inverse = 1;
};

Divisor CommonDivisor(std::span<const I> differences) {
  Divisor out;
  U any = 0;
  for (const I d : differences) {
    any |= static_cast<U>(d);
  }
  if (any == 0) {
    return out;
  }
  out.shift = static_cast<unsigned>(std::countr_zero(any));
  U most = 0;  // the most that `odd` divides into
  out.odd = 0;
  for (std::size_t i = 0; i < differences.size() && out.odd != 1; ++i) {
    const I d = differences[i] >> out.shift;
    const U size = d < 0 ? ~static_cast<U>(d) + 1 : static_cast<U>(d);
    if (size == 0 || (out.odd != 0 && size * out.inverse <= most)) {
      continue;
    }
    out.odd = std::gcd(out.odd, size);
    out.odd >>= static_cast<unsigned>(std::countr_zero(out.odd));
    out.inverse = InverseOf(out.odd);
    most = UINT64_MAX / out.odd;
  }
  return out;
}

// The residuals of all orders, divided; they lie in `room`.
Residuals ResidualsOf(std::span<const I> values, std::vector<I>* room, U* divisor) {
  const std::size_t n = values.size() - 1;
  room->resize(3 * n);
  const std::span<I> all(*room);
  const auto differences = all.first(n);
  const auto offsets = all.subspan(n, n);
  const auto seconds = all.subspan(2 * n, n - 1);
  for (std::size_t i = 0; i < n; ++i) {
    differences[i] = Minus(values[i + 1], values[i]);
  }
  const Divisor common = CommonDivisor(differences);
  *divisor = common.odd << common.shift;
  if (*divisor != 1) {
    for (I& d : differences) {
      d = static_cast<I>(static_cast<U>(d >> common.shift) * common.inverse);
    }
  }
  I offset = 0;
  for (std::size_t i = 0; i < n; ++i) {
    offset = Plus(offset, differences[i]);
    offsets[i] = offset;
  }
  for (std::size_t i = 0; i + 1 < n; ++i) {
    seconds[i] = Minus(differences[i + 1], differences[i]);
  }
  return {.offsets = offsets, .differences = differences, .seconds = seconds};
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
  static thread_local std::vector<I> room;
  U divisor = 1;
  const Residuals residuals = ResidualsOf(values, &room, &divisor);
  const Plan plan = ChoosePlan(residuals);
  const unsigned rice =
      (plan.ricing.is_signed ? kRiceSigned : kRiceUnsigned) + (plan.ricing.blocks ? 2U : 0U);
  bytes.Varint(divisor);
  bytes.Byte(static_cast<std::uint8_t>(plan.order << 4 | (plan.packed() ? kPacked : rice)));
  if (plan.order == 2) {
    bytes.Signed(residuals.differences[0]);
  }
  if (plan.packed()) {
    WritePacked(plan.residuals, plan.packing, out);
  } else {
    WriteRice(plan.residuals, plan.ricing, out);
  }
}

}  // namespace store
