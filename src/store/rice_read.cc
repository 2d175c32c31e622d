// Rice codes: one run, and several abreast.
#include "store/rice_read.h"

#include <utility>

namespace store::integer_code {
namespace {

[[gnu::always_inline]] inline U CodeOne(BitWindow& bits, unsigned k) {
  bits.Need(std::min(kEscape + k, 56U));
  const U window = bits.bits();
  const auto q = static_cast<unsigned>(__builtin_clzll(~window | 1));
  if (q >= kEscape) [[unlikely]] {
    bits.Skip(kEscape);
    return bits.Read(64);
  }
  if (k <= 32) [[likely]] {
    bits.Skip(q + 1 + k);
    return (static_cast<U>(q) << k) | ((window << (q + 1)) >> 1 >> (63 - k));
  }
  bits.Skip(q + 1);
  return (static_cast<U>(q) << k) | bits.Read(k);
}

// What a code stands for.
template <bool kSigned>
[[gnu::always_inline]] inline I Meant(U code, I centre) {
  return Plus(centre, kSigned ? UnZigZag(code) : static_cast<I>(code));
}

template <bool kSigned>
[[gnu::always_inline]] inline void RiceRun(BitWindow* from, unsigned k, I centre,
                                           std::span<I> out) {
  BitWindow bits = *from;  // in registers
  for (I& v : out) {
    v = Meant<kSigned>(CodeOne(bits, k), centre);
  }
  *from = bits;
}

// Bits seen from any place: no window is carried along, so that nothing has to be decided about
// when to fill it again.
class BitField {
 public:
  explicit BitField(Bytes bytes)
      : bytes_(bytes), end_(bytes.size() < 8 ? 0 : 8 * (bytes.size() - 7)) {}
  // Whether From(at) may be asked.
  [[nodiscard]] bool Has(std::size_t at) const { return at < end_; }
  // The bits from `at` on, the first one at the top; 57 of them and more are there.
  [[nodiscard, gnu::always_inline]] U From(std::size_t at) const {
    U word = 0;
    std::memcpy(&word, bytes_.data() + at / 8, 8);
    return __builtin_bswap64(word) << at % 8;
  }
  [[nodiscard]] Bytes bytes() const { return bytes_; }

 private:
  Bytes bytes_;
  std::size_t end_;
};

// The codes from bit `at` on whatever they are; gives where the next one begins.
[[gnu::noinline]] std::size_t CodesSlowly(const BitField& field, std::size_t at, unsigned k,
                                          std::span<U> out) {
  BitWindow bits(field.bytes(), at);
  for (U& u : out) {
    u = CodeOne(bits, k);
  }
  return bits.taken();
}

// How many codes one load of BitField has, and for which parameters: as long as their unary parts
// together are shorter than an escape's, they fit into its 57 bits.
constexpr unsigned kMostOfOne = 32;
constexpr unsigned kMostOfTwo = 16;
static_assert(kEscape + kMostOfOne <= 57 && kEscape - 1 + 2 * (1 + kMostOfTwo) <= 57);

// kCodes (1 or 2) codes from bit `at` on with a parameter that allows it; gives where the next one
// begins.
template <std::size_t kCodes>
[[gnu::always_inline]] inline std::size_t CodesAt(const BitField& field, std::size_t at, unsigned k,
                                                  U* out) {
  if (field.Has(at)) [[likely]] {
    U window = field.From(at);
    const U low = (1ULL << k) - 1;
    unsigned ones = 0;
    U u[kCodes];
    for (U& one : u) {
      const auto q = static_cast<unsigned>(__builtin_clzll(~window | 1));
      one = (static_cast<U>(q) << k) + (window >> (63 - k - q) % 64 & low);
      window <<= (q + 1 + k) % 64;
      ones += q;
    }
    if (ones < kEscape) [[likely]] {
      std::memcpy(out, u, sizeof u);
      return at + ones + kCodes * (1 + k);
    }
  }
  return CodesSlowly(field, at, k, std::span(out, kCodes));
}

template <std::size_t kCount, std::size_t kCodes>
[[gnu::always_inline]] inline void CodesAbreast(const BitField& field, Lanes* lanes,
                                                std::size_t apart, std::size_t count, U* out) {
  Lanes own = *lanes;  // in registers
  for (std::size_t i = 0; i < count / kCodes * kCodes; i += kCodes) {
#pragma unroll
    for (std::size_t lane = 0; lane < kCount; ++lane) {
      own.at[lane] = CodesAt<kCodes>(field, own.at[lane], own.k[lane], out + lane * apart + i);
    }
  }
  *lanes = own;
}

// The next `count` codes of the first kCount lanes.
template <bool kSigned, std::size_t kCount>
[[gnu::always_inline]] inline void RiceAbreast(Bytes bytes, Lanes* lanes, I centre,
                                               std::size_t apart, std::size_t count, I* out) {
  const BitField field(bytes);
  auto* codes = reinterpret_cast<U*>(out);
  const unsigned k = *std::max_element(lanes->k, lanes->k + kCount);
  std::size_t done = 0;
  if (k <= kMostOfTwo) {
    CodesAbreast<kCount, 2>(field, lanes, apart, count, codes);
    done = count / 2 * 2;
  } else if (k <= kMostOfOne) {
    CodesAbreast<kCount, 1>(field, lanes, apart, count, codes);
    done = count;
  }
  for (std::size_t lane = 0; lane < kCount; ++lane) {
    const std::span<U> own(codes + lane * apart, count);
    if (done < count) {
      lanes->at[lane] = CodesSlowly(field, lanes->at[lane], lanes->k[lane], own.subspan(done));
    }
    for (U& u : own) {
      u = static_cast<U>(Meant<kSigned>(u, centre));
    }
  }
}

template <bool kSigned>
void PlainRice(BitWindow* bits, unsigned k, I centre, std::span<I> out) {
  RiceRun<kSigned>(bits, k, centre, out);
}
template <bool kSigned, std::size_t kCount>
void PlainAbreast(Bytes bytes, Lanes* lanes, I centre, std::size_t apart, std::size_t count,
                  I* out) {
  RiceAbreast<kSigned, kCount>(bytes, lanes, centre, apart, count, out);
}

#ifdef __x86_64__
// The same with counting and shifting instructions of one cycle, and four values at once where that
// goes.
template <bool kSigned>
[[gnu::target("avx2,bmi,bmi2,lzcnt")]] void QuickRice(BitWindow* bits, unsigned k, I centre,
                                                      std::span<I> out) {
  RiceRun<kSigned>(bits, k, centre, out);
}
template <bool kSigned, std::size_t kCount>
[[gnu::target("avx2,bmi,bmi2,lzcnt")]] void QuickAbreast(Bytes bytes, Lanes* lanes, I centre,
                                                         std::size_t apart, std::size_t count,
                                                         I* out) {
  RiceAbreast<kSigned, kCount>(bytes, lanes, centre, apart, count, out);
}
#endif

template <bool kSigned, std::size_t... kBefore>
RiceReader BestRice(std::index_sequence<kBefore...>) {
#ifdef __x86_64__
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") &&
      __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("lzcnt")) {
    return {QuickRice<kSigned>, {QuickAbreast<kSigned, kBefore + 1>...}};
  }
#endif
  return {PlainRice<kSigned>, {PlainAbreast<kSigned, kBefore + 1>...}};
}

}  // namespace

RiceReader ReaderOf(Coder coder) {
  constexpr auto kAll = std::make_index_sequence<kLanes>();
  static const RiceReader kReaders[] = {BestRice<false>(kAll), BestRice<true>(kAll)};
  return kReaders[coder == kRiceSigned || coder == kRiceSignedBlocks ? 1 : 0];
}

}  // namespace store::integer_code
