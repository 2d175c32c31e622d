// Bits and codes, as integers_read.cc reads them; not for other files.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "store/bytes.h"
#include "store/integers_code.h"

namespace store::integer_code {

// The next bits in a register, the first one at the top. Refilling is the only access to memory, so
// that a value's bits do not wait for the load of the one before.
class BitWindow {
 public:
  explicit BitWindow(Bytes bytes) : data_(bytes.data()), size_(bytes.size()) {}
  // Begins at bit `from`.
  BitWindow(Bytes bytes, std::size_t from) : BitWindow(bytes) {
    at_ = from / 8;
    Refill();
    Skip(from % 8);
  }
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
  // How many bits were taken.
  [[nodiscard]] std::size_t taken() const { return at_ * 8 - have_; }
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

// Several runs of codes, each of which begins at a bit of its own.
inline constexpr std::size_t kLanes = 4;
struct Lanes {
  std::size_t at[kLanes] = {};  // the next bit of each
  unsigned k[kLanes] = {};      // its Rice parameter
  Phase phase{0};               // packed: of all
};

// Functions that read codes, the quickest that the processor has. What a code stands for gets
// `centre` added.
//
// Fills `out` from Rice codes of parameter k (at most kMaxRice).
using Run = void (*)(BitWindow* bits, unsigned k, I centre, std::span<I> out);
Run RunOf(Coder coder);
// Reads the next `count` codes of the first n lanes; those of lane i go to `out` + i * `apart`. The
// place is n - 1.
using Abreast = void (*)(Bytes bytes, Lanes* lanes, I centre, std::size_t apart, std::size_t count,
                         I* out);
const std::array<Abreast, kLanes>& AbreastOf(Coder coder);

}  // namespace store::integer_code
