// Reading integers, whatever the bytes hold.
#include <algorithm>
#include <cstring>

#include "store/integers.h"
#include "store/integers_code.h"

namespace store {
namespace {

using namespace integer_code;  // NOLINT: the names of the code, shared with the writer

// The next bits in a register, the first one at the top. Refilling is the only access to memory, so
// that a value's bits do not wait for the load of the one before.
class BitWindow {
 public:
  explicit BitWindow(Bytes bytes) : data_(bytes.data()), size_(bytes.size()) {}
  // At least 56 bits are there afterwards; past the end they are 0.
  [[gnu::always_inline]] void Refill() {
    if (at_ + 8 <= size_) [[likely]] {
      U word = 0;
      std::memcpy(&word, data_ + at_, 8);
      bits_ |= __builtin_bswap64(word) >> have_;
      at_ += (63 - have_) >> 3;
      have_ |= 56;
      return;
    }
    for (; have_ <= 56; have_ += 8, ++at_) {
      bits_ |= static_cast<U>(at_ < size_ ? data_[at_] : 0U) << (56 - have_);
    }
  }
  [[gnu::always_inline]] void Need(unsigned n) {
    if (have_ < n) {
      Refill();
    }
  }
  [[nodiscard]] U bits() const { return bits_; }
  [[gnu::always_inline]] void Skip(unsigned n) {
    bits_ <<= n;
    have_ -= n;
  }
  // The next `n` (0 to 64) bits.
  U Read(unsigned n) {
    U high = 0;
    if (n > 32) {
      high = Take(n - 32) << 32;
      n = 32;
    }
    return high | Take(n);
  }
  [[nodiscard]] bool Overrun() const { return at_ * 8 - have_ > size_ * 8; }

 private:
  U Take(unsigned n) {
    Refill();
    const U v = n == 0 ? 0 : bits_ >> (64 - n);
    Skip(n);
    return v;
  }
  const std::uint8_t* data_;
  std::size_t size_;
  std::size_t at_ = 0;  // bytes taken
  U bits_ = 0;
  unsigned have_ = 0;
};

// Positions beyond `out` are left out.
base::Result<> ReadExceptions(ByteReader list, U exceptions, std::size_t count, std::span<I> out) {
  U at = 0;
  for (U i = 0; i < exceptions; ++i) {
    at += list.Varint();
    const I v = list.Signed();
    if (!list.ok() || at >= count) {
      return base::Fail(base::ErrorKind::kCorrupt, "packed integers: bad exception");
    }
    if (at < out.size()) {
      out[at] = v;
    }
  }
  return {};
}

base::Result<> ReadPacked(ByteReader* bytes, std::size_t count, std::span<I> out) {
  const I min = bytes->Signed();
  const U range = bytes->Varint();
  const U exceptions = bytes->Varint();
  if (!bytes->ok() || range >= kMaxRange || exceptions > count) {
    return base::Fail(base::ErrorKind::kCorrupt, "packed integers: bad header");
  }
  const ByteReader list = *bytes;
  for (U i = 0; i < exceptions; ++i) {
    bytes->Varint();
    bytes->Signed();
  }
  BitWindow bits(bytes->rest());
  const Phase phase(range);
  if (range == 0) {
    std::ranges::fill(out, min);
  } else if (phase.shorter == 1ULL << phase.width) {
    const unsigned width = phase.width;
    for (I& v : out) {
      bits.Need(width);
      v = Plus(min, static_cast<I>(bits.bits() >> (64 - width)));
      bits.Skip(width);
    }
  } else {
    const unsigned width = phase.width + 1;
    for (I& v : out) {
      bits.Need(width);
      const U y = bits.bits() >> (64 - width);
      const bool is_short = (y >> 1) < phase.shorter;
      v = Plus(min, static_cast<I>(is_short ? y >> 1 : y - phase.shorter));
      bits.Skip(is_short ? width - 1 : width);
    }
  }
  if (auto read = ReadExceptions(list, exceptions, count, out); !read) {
    return read;
  }
  if (bits.Overrun()) {
    return base::Fail(base::ErrorKind::kCorrupt, "packed integers: cut short");
  }
  return {};
}

template <bool kSigned>
[[gnu::always_inline]] inline void RiceRun(BitWindow* from, unsigned k, I centre,
                                           std::span<I> out) {
  BitWindow bits = *from;  // in registers
  const unsigned most = kEscape + k;
  for (I& v : out) {
    bits.Need(std::min(most, 56U));
    const U window = bits.bits();
    const auto q = static_cast<unsigned>(__builtin_clzll(~window | 1));
    U u = 0;
    if (q >= kEscape) [[unlikely]] {
      bits.Skip(kEscape);
      u = bits.Read(64);
    } else if (k <= 32) [[likely]] {
      u = (static_cast<U>(q) << k) | ((window << (q + 1)) >> 1 >> (63 - k));
      bits.Skip(q + 1 + k);
    } else {
      bits.Skip(q + 1);
      u = (static_cast<U>(q) << k) | bits.Read(k);
    }
    v = Plus(centre, kSigned ? UnZigZag(u) : static_cast<I>(u));
  }
  *from = bits;
}

using RiceReader = void (*)(BitWindow*, unsigned, I, std::span<I>);

template <bool kSigned>
void PlainRice(BitWindow* bits, unsigned k, I centre, std::span<I> out) {
  RiceRun<kSigned>(bits, k, centre, out);
}

#ifdef __x86_64__
// The same with counting and shifting instructions of one cycle.
template <bool kSigned>
[[gnu::target("bmi,bmi2,lzcnt")]] void QuickRice(BitWindow* bits, unsigned k, I centre,
                                                 std::span<I> out) {
  RiceRun<kSigned>(bits, k, centre, out);
}
#endif

template <bool kSigned>
RiceReader BestRice() {
#ifdef __x86_64__
  if (__builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2") &&
      __builtin_cpu_supports("lzcnt")) {
    return QuickRice<kSigned>;
  }
#endif
  return PlainRice<kSigned>;
}

base::Result<> ReadRice(ByteReader* bytes, Coder coder, std::span<I> out) {
  const I centre = bytes->Signed();
  const bool blocks = coder >= kRiceSignedBlocks;
  const bool is_signed = coder == kRiceSigned || coder == kRiceSignedBlocks;
  unsigned k = blocks ? 0 : bytes->Byte();
  if (!bytes->ok() || k > kMaxRice) {
    return base::Fail(base::ErrorKind::kCorrupt, "Rice codes: bad header");
  }
  static const RiceReader kReaders[] = {BestRice<false>(), BestRice<true>()};
  const RiceReader read = kReaders[is_signed ? 1 : 0];
  BitWindow bits(bytes->rest());
  for (std::size_t at = 0; at < out.size();) {
    const std::size_t n = blocks ? std::min(kBlock, out.size() - at) : out.size();
    if (blocks) {
      k = static_cast<unsigned>(bits.Read(6));
      if (k > kMaxRice) {
        return base::Fail(base::ErrorKind::kCorrupt, "Rice codes: bad parameter");
      }
    }
    read(&bits, k, centre, out.subspan(at, n));
    at += n;
  }
  if (bits.Overrun()) {
    return base::Fail(base::ErrorKind::kCorrupt, "Rice codes: cut short");
  }
  return {};
}

// From residuals (in out[order…]) back to the values.
void Undo(unsigned order, I first, I first_difference, U divisor, std::span<I> out) {
  const auto steps = [divisor](I residual) { return static_cast<U>(residual) * divisor; };
  U value = static_cast<U>(first);
  out[0] = first;
  if (order == 0) {
    for (I& v : out.subspan(1)) {
      v = static_cast<I>(value + steps(v));
    }
  } else if (order == 1) {
    for (I& v : out.subspan(1)) {
      value += steps(v);
      v = static_cast<I>(value);
    }
  } else if (out.size() > 1) {
    U difference = steps(first_difference);
    value += difference;
    out[1] = static_cast<I>(value);
    for (I& v : out.subspan(2)) {
      difference += steps(v);
      value += difference;
      v = static_cast<I>(value);
    }
  }
}

}  // namespace

base::Result<> DecodeIntegers(Bytes input, std::size_t count, std::span<std::int64_t> out) {
  if (out.empty()) {
    return {};
  }
  ByteReader bytes(input);
  const I first = bytes.Signed();
  if (count == 1) {
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
  const std::size_t before = order == 2 ? 2 : 1;
  const auto residuals = out.subspan(std::min(before, out.size()));
  auto read = coder == kPacked ? ReadPacked(&bytes, count - before, residuals)
                               : ReadRice(&bytes, coder, residuals);
  if (!read) {
    return read;
  }
  Undo(order, first, first_difference, divisor, out);
  return {};
}

}  // namespace store
