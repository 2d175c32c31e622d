// One run of Rice codes; several runs of any codes abreast.
#include "store/codes_read.h"

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

// Codes from a window of 57 bits and more, kCodes of them when the parameter allows it.
struct Rice {
  unsigned k;
  // As long as their unary parts together are shorter than an escape's, they fit.
  static constexpr unsigned kMostOfOne = 32;
  static constexpr unsigned kMostOfTwo = 16;
  static_assert(kEscape + kMostOfOne <= 57 && kEscape - 1 + 2 * (1 + kMostOfTwo) <= 57);

  // Moves `at` behind them; false when they are too long.
  template <std::size_t kCodes>
  [[gnu::always_inline]] bool Read(U window, std::size_t& at, U (&out)[kCodes]) const {
    const U low = (1ULL << k) - 1;
    unsigned ones = 0;
    for (U& u : out) {
      const auto q = static_cast<unsigned>(__builtin_clzll(~window | 1));
      u = (static_cast<U>(q) << k) + (window >> (63 - k - q) % 64 & low);
      window <<= (q + 1 + k) % 64;
      ones += q;
    }
    at += ones + kCodes * (1 + k);
    return ones < kEscape;
  }
  U ReadOne(BitWindow& bits) const { return CodeOne(bits, k); }
};

// The same for truncated binary.
struct Packed {
  unsigned longest = 1;
  U shorter = 1;
  static constexpr unsigned kMostOfTwo = 57 / 2;

  template <std::size_t kCodes>
  [[gnu::always_inline]] bool Read(U window, std::size_t& at, U (&out)[kCodes]) const {
    for (U& u : out) {
      const U y = window >> (64 - longest);
      const bool is_short = (y >> 1) < shorter;
      u = is_short ? y >> 1 : y - shorter;
      const unsigned length = longest - (is_short ? 1 : 0);
      window <<= length;
      at += length;
    }
    return true;
  }
  U ReadOne(BitWindow& bits) const {
    bits.Refill();
    std::size_t length = 0;
    U u[1];
    Read(bits.bits(), length, u);
    bits.Skip(static_cast<unsigned>(length));
    return u[0];
  }
};

// Codes from bit `at` on wherever they end; gives where the next one begins.
template <class Code>
[[gnu::noinline]] std::size_t ReadSlowly(const BitField& field, std::size_t at, const Code& code,
                                         std::span<U> out) {
  BitWindow bits(field.bytes(), at);
  for (U& u : out) {
    u = code.ReadOne(bits);
  }
  return bits.taken();
}

// `count` codes of each lane, kCodes at a time.
template <std::size_t kCodes, class Code, std::size_t kCount>
[[gnu::always_inline]] inline void ReadAbreast(const BitField& field, Lanes* lanes,
                                               const Code (&codes)[kCount], std::size_t apart,
                                               std::size_t count, U* out) {
  std::size_t at[kCount];  // in registers
  std::copy_n(lanes->at, kCount, at);
  std::size_t i = 0;
  for (; i + kCodes <= count; i += kCodes) {
#pragma unroll
    for (std::size_t lane = 0; lane < kCount; ++lane) {
      U u[kCodes];
      std::size_t next = at[lane];
      U* to = out + lane * apart + i;
      if (field.Has(next) && codes[lane].Read(field.From(next), next, u)) [[likely]] {
        std::memcpy(to, u, sizeof u);
      } else {
        next = ReadSlowly(field, at[lane], codes[lane], std::span(to, kCodes));
      }
      at[lane] = next;
    }
  }
  for (std::size_t lane = 0; lane < kCount; ++lane) {
    lanes->at[lane] = i == count ? at[lane]
                                 : ReadSlowly(field, at[lane], codes[lane],
                                              std::span(out + lane * apart + i, count - i));
  }
}

// All of them, in the way that suits the longest.
template <bool kSigned, class Code, std::size_t kCount>
[[gnu::always_inline]] inline void ReadMeant(Bytes bytes, Lanes* lanes, const Code (&codes)[kCount],
                                             bool two, I centre, std::size_t apart,
                                             std::size_t count, I* out) {
  const BitField field(bytes);
  auto* raw = reinterpret_cast<U*>(out);
  if (two) {
    ReadAbreast<2>(field, lanes, codes, apart, count, raw);
  } else {
    ReadAbreast<1>(field, lanes, codes, apart, count, raw);
  }
  for (std::size_t lane = 0; lane < kCount; ++lane) {
    for (U& u : std::span(raw + lane * apart, count)) {
      u = static_cast<U>(Meant<kSigned>(u, centre));
    }
  }
}

template <bool kSigned, std::size_t kCount>
[[gnu::always_inline]] inline void RiceAbreast(Bytes bytes, Lanes* lanes, I centre,
                                               std::size_t apart, std::size_t count, I* out) {
  Rice codes[kCount];
  for (std::size_t lane = 0; lane < kCount; ++lane) {
    codes[lane].k = lanes->k[lane];
  }
  const unsigned most = std::ranges::max(codes, {}, &Rice::k).k;
  if (most > Rice::kMostOfOne) [[unlikely]] {
    for (std::size_t lane = 0; lane < kCount; ++lane) {
      BitWindow bits(bytes, lanes->at[lane]);
      RiceRun<kSigned>(&bits, codes[lane].k, centre, std::span(out + lane * apart, count));
      lanes->at[lane] = bits.taken();
    }
    return;
  }
  ReadMeant<kSigned>(bytes, lanes, codes, most <= Rice::kMostOfTwo, centre, apart, count, out);
}

template <std::size_t kCount>
[[gnu::always_inline]] inline void PackedAbreast(Bytes bytes, Lanes* lanes, I centre,
                                                 std::size_t apart, std::size_t count, I* out) {
  Packed codes[kCount];
  std::ranges::fill(codes, Packed{lanes->phase.width + 1, lanes->phase.shorter});
  ReadMeant<false>(bytes, lanes, codes, codes[0].longest <= Packed::kMostOfTwo, centre, apart,
                   count, out);
}

template <bool kSigned>
void PlainRun(BitWindow* bits, unsigned k, I centre, std::span<I> out) {
  RiceRun<kSigned>(bits, k, centre, out);
}
template <bool kSigned, std::size_t kCount>
void PlainRice(Bytes bytes, Lanes* lanes, I centre, std::size_t apart, std::size_t count, I* out) {
  RiceAbreast<kSigned, kCount>(bytes, lanes, centre, apart, count, out);
}
template <std::size_t kCount>
void PlainPacked(Bytes bytes, Lanes* lanes, I centre, std::size_t apart, std::size_t count,
                 I* out) {
  PackedAbreast<kCount>(bytes, lanes, centre, apart, count, out);
}

#ifdef __x86_64__
// The same with counting and shifting instructions of one cycle, and four values at once where that
// goes.
template <bool kSigned>
[[gnu::target("avx2,bmi,bmi2,lzcnt")]] void QuickRun(BitWindow* bits, unsigned k, I centre,
                                                     std::span<I> out) {
  RiceRun<kSigned>(bits, k, centre, out);
}
template <bool kSigned, std::size_t kCount>
[[gnu::target("avx2,bmi,bmi2,lzcnt")]] void QuickRice(Bytes bytes, Lanes* lanes, I centre,
                                                      std::size_t apart, std::size_t count,
                                                      I* out) {
  RiceAbreast<kSigned, kCount>(bytes, lanes, centre, apart, count, out);
}
template <std::size_t kCount>
[[gnu::target("avx2,bmi,bmi2,lzcnt")]] void QuickPacked(Bytes bytes, Lanes* lanes, I centre,
                                                        std::size_t apart, std::size_t count,
                                                        I* out) {
  PackedAbreast<kCount>(bytes, lanes, centre, apart, count, out);
}
#endif

struct Readers {
  Run run[2];  // unsigned, signed
  std::array<Abreast, kLanes> rice[2];
  std::array<Abreast, kLanes> packed;
};

template <std::size_t... kBefore>
Readers BestReaders(std::index_sequence<kBefore...>) {
#ifdef __x86_64__
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") &&
      __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("lzcnt")) {
    return {{QuickRun<false>, QuickRun<true>},
            {{QuickRice<false, kBefore + 1>...}, {QuickRice<true, kBefore + 1>...}},
            {QuickPacked<kBefore + 1>...}};
  }
#endif
  return {{PlainRun<false>, PlainRun<true>},
          {{PlainRice<false, kBefore + 1>...}, {PlainRice<true, kBefore + 1>...}},
          {PlainPacked<kBefore + 1>...}};
}

const Readers& Best() {
  static const Readers kBest = BestReaders(std::make_index_sequence<kLanes>());
  return kBest;
}

bool IsSigned(Coder coder) { return coder == kRiceSigned || coder == kRiceSignedBlocks; }

}  // namespace

Run RunOf(Coder coder) { return Best().run[IsSigned(coder) ? 1 : 0]; }

const std::array<Abreast, kLanes>& AbreastOf(Coder coder) {
  return coder == kPacked ? Best().packed : Best().rice[IsSigned(coder) ? 1 : 0];
}

}  // namespace store::integer_code
