// Reading integers, whatever the bytes hold.
#include <algorithm>

#include "store/integers.h"
#include "store/integers_code.h"

namespace store {
namespace {

using namespace integer_code;  // NOLINT: the names of the code, shared with the writer

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
