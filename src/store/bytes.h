// ByteWriter and ByteReader, BitWriter and BitReader: how every structure of the store is put into
// bytes and taken out again. Readers never read outside their bytes, whatever those hold.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

namespace store {

using Bytes = std::span<const std::uint8_t>;

/// The bytes of a text.
inline Bytes AsBytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

/// Signed numbers as unsigned ones, small in magnitude = small: 0, -1, 1, -2 … → 0, 1, 2, 3 …
constexpr std::uint64_t ZigZag(std::int64_t v) {
  return (static_cast<std::uint64_t>(v) << 1) ^ static_cast<std::uint64_t>(v >> 63);
}
constexpr std::int64_t UnZigZag(std::uint64_t u) {
  return static_cast<std::int64_t>((u >> 1) ^ (~(u & 1) + 1));
}

/// Writes a LEB128 number, 10 bytes at most, and says where it ends.
inline char* PutVarint(std::uint64_t v, char* at) {
  for (; v >= 0x80; v >>= 7) {
    *at++ = static_cast<char>(v | 0x80);
  }
  *at++ = static_cast<char>(v);
  return at;
}

/// Appends to a string: little-endian words and LEB128 variable-length numbers (7 bits a byte, low
/// bits first, the high bit says that more follow).
class ByteWriter {
 public:
  explicit ByteWriter(std::string* out) : out_(out) {}
  void Byte(std::uint8_t b) { out_->push_back(static_cast<char>(b)); }
  void Varint(std::uint64_t v) {
    if (v < 0x80) {
      return Byte(static_cast<std::uint8_t>(v));
    }
    char bytes[10];  // at most
    out_->append(bytes, PutVarint(v, bytes));
  }
  void Signed(std::int64_t v) { Varint(ZigZag(v)); }
  void U32(std::uint32_t v) { out_->append(reinterpret_cast<const char*>(&v), sizeof v); }
  void U64(std::uint64_t v) { out_->append(reinterpret_cast<const char*>(&v), sizeof v); }
  void Append(std::string_view bytes) { out_->append(bytes); }

 private:
  static_assert(std::endian::native == std::endian::little);
  std::string* out_;
};

/// Takes what ByteWriter wrote. Reading past the end gives 0 and makes ok() false for good.
class ByteReader {
 public:
  explicit ByteReader(Bytes bytes) : at_(bytes.data()), end_(bytes.data() + bytes.size()) {}
  [[nodiscard]] bool ok() const { return ok_; }
  [[nodiscard]] std::size_t left() const { return static_cast<std::size_t>(end_ - at_); }
  /// What has not been read yet.
  [[nodiscard]] Bytes rest() const { return {at_, left()}; }

  std::uint8_t Byte() {
    if (at_ == end_) {
      ok_ = false;
      return 0;
    }
    return *at_++;
  }
  /// At most ten bytes; a longer or overflowing number is a failure.
  std::uint64_t Varint() {
    std::uint64_t v = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      const std::uint8_t b = Byte();
      if (shift == 63 && b > 1) {
        break;
      }
      v |= static_cast<std::uint64_t>(b & 0x7F) << shift;
      if (b < 0x80) {
        return ok_ ? v : 0;
      }
    }
    ok_ = false;
    return 0;
  }
  std::int64_t Signed() { return UnZigZag(Varint()); }
  std::uint32_t U32() { return Word<std::uint32_t>(); }
  std::uint64_t U64() { return Word<std::uint64_t>(); }
  Bytes Take(std::uint64_t n) {
    if (n > left()) {
      ok_ = false;
      at_ = end_;
      return {};
    }
    const Bytes out{at_, static_cast<std::size_t>(n)};
    at_ += n;
    return out;
  }

 private:
  template <class T>
  T Word() {
    T v = 0;
    const Bytes bytes = Take(sizeof(T));
    if (!bytes.empty()) {
      std::memcpy(&v, bytes.data(), sizeof v);
    }
    return v;
  }
  const std::uint8_t* at_;
  const std::uint8_t* end_;
  bool ok_ = true;
};

/// Appends bits to a string, the most significant first; Finish gives the string what has not got
/// there yet and pads the last byte with zeros.
class BitWriter {
 public:
  explicit BitWriter(std::string* out) : out_(out) {}
  /// The lower `n` (0 to 64) bits of `v`; what is above them must be 0.
  void Write(std::uint64_t v, unsigned n) {
    const unsigned room = 64 - held_;  // 1 at least
    if (n < room) [[likely]] {
      word_ = word_ << n | v;
      held_ += n;
      return;
    }
    held_ = n - room;
    Put((word_ << (room - 1)) << 1 | v >> held_, 8);
    word_ = v;  // those of its bits that are written leave at the top
  }
  /// `n` (0 to 64) bits that are all 1.
  void Ones(unsigned n) { Write(n == 0 ? 0 : UINT64_MAX >> (64 - n), n); }
  void Finish() {
    if (held_ > 0) {
      Put(word_ << (64 - held_), (held_ + 7) / 8);
    }
    out_->append(full_.data(), size_);
    word_ = held_ = 0;
    size_ = 0;
  }

 private:
  // The upper `n` bytes of a word.
  void Put(std::uint64_t word, unsigned n) {
    if (size_ + 8 > full_.size()) {
      out_->append(full_.data(), size_);
      size_ = 0;
    }
    word = __builtin_bswap64(word);
    std::memcpy(full_.data() + size_, &word, 8);
    size_ += n;
  }
  std::string* out_;
  std::uint64_t word_ = 0;
  unsigned held_ = 0;  // bits of the word, 63 at most
  std::size_t size_ = 0;
  std::array<char, 256> full_;  // NOLINT: only what has been put there is read
};

/// Takes bits, the most significant first. Past the end they are 0; Overrun() tells afterwards, so
/// that loops need not ask at each value.
class BitReader {
 public:
  explicit BitReader(Bytes bytes) : data_(bytes.data()), size_(bytes.size()) {}
  /// The next 57 bits or more, left-aligned; the position stays.
  [[nodiscard]] std::uint64_t Peek() const {
    const std::size_t byte = pos_ >> 3;
    std::uint64_t word = 0;
    if (byte + 8 <= size_) [[likely]] {
      std::memcpy(&word, data_ + byte, 8);
      word = __builtin_bswap64(word);
    } else {
      for (std::size_t i = 0; i < 8; ++i) {
        word = (word << 8) | (byte + i < size_ ? data_[byte + i] : 0U);
      }
    }
    return word << (pos_ & 7);
  }
  void Skip(unsigned n) { pos_ += n; }
  /// The next `n` (0 to 64) bits.
  std::uint64_t Read(unsigned n) {
    std::uint64_t high = 0;
    if (n > 32) {
      high = Take(n - 32) << 32;
      n = 32;
    }
    return high | Take(n);
  }
  [[nodiscard]] bool Overrun() const { return pos_ > size_ * 8; }

 private:
  std::uint64_t Take(unsigned n) {
    const std::uint64_t v = n == 0 ? 0 : Peek() >> (64 - n);
    pos_ += n;
    return v;
  }
  const std::uint8_t* data_;
  std::size_t size_;
  std::size_t pos_ = 0;
};

}  // namespace store
