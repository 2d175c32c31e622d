// Reading integers, whatever the bytes hold.
#include <algorithm>

#include "store/codes_read.h"
#include "store/integers.h"
#include "store/integers_code.h"

namespace store {
namespace {

using namespace integer_code;  // NOLINT: the names of the code, shared with the writer

// What stands before the codes of the residuals.
struct Codes {
  I first = 0;
  I first_difference = 0;
  U divisor = 0;
  unsigned order = 0;
  Coder coder = kPacked;
  I centre = 0;    // packed: the minimum
  unsigned k = 0;  // Rice, where all residuals share it
  U range = 0;     // packed
  U exceptions = 0;
  ByteReader list{Bytes()};
  Bytes bits;

  [[nodiscard]] bool blocks() const { return coder >= kRiceSignedBlocks; }
  // How many values stand before the first residual's.
  [[nodiscard]] std::size_t before() const { return order == 2 ? 2 : 1; }
};

base::Result<> Corrupt(const char* what) { return base::Fail(base::ErrorKind::kCorrupt, what); }

base::Result<> ReadPackedHeader(ByteReader* bytes, std::size_t count, Codes* out) {
  out->centre = bytes->Signed();
  out->range = bytes->Varint();
  out->exceptions = bytes->Varint();
  if (!bytes->ok() || out->range >= kMaxRange || out->exceptions > count) {
    return Corrupt("packed integers: bad header");
  }
  out->list = *bytes;
  for (U i = 0; i < out->exceptions; ++i) {
    bytes->Varint();
    bytes->Signed();
  }
  return {};
}

// Of `count` (2 and more) integers.
base::Result<> ReadHeader(Bytes input, std::size_t count, Codes* out) {
  ByteReader bytes(input);
  out->first = bytes.Signed();
  out->divisor = bytes.Varint();
  const std::uint8_t how = bytes.Byte();
  out->order = how >> 4;
  out->coder = static_cast<Coder>(how & 15);
  out->first_difference = out->order == 2 ? bytes.Signed() : 0;
  if (!bytes.ok() || out->order > 2 || out->coder > kRiceUnsignedBlocks) {
    return Corrupt("integers: bad header");
  }
  if (out->coder == kPacked) {
    if (auto read = ReadPackedHeader(&bytes, count - out->before(), out); !read) {
      return read;
    }
  } else {
    out->centre = bytes.Signed();
    out->k = out->blocks() ? 0 : bytes.Byte();
    if (!bytes.ok() || out->k > kMaxRice) {
      return Corrupt("Rice codes: bad header");
    }
  }
  out->bits = bytes.rest();
  return {};
}

// Residuals that the packed codes could not hold; `out` has those from `at` on.
base::Result<> ReadExceptions(const Codes& codes, std::size_t count, std::size_t at,
                              std::span<I> out) {
  ByteReader list = codes.list;
  U place = 0;
  for (U i = 0; i < codes.exceptions; ++i) {
    place += list.Varint();
    const I v = list.Signed();
    if (!list.ok() || place >= count) {
      return Corrupt("packed integers: bad exception");
    }
    if (place >= at && place - at < out.size()) {
      out[place - at] = v;
    }
  }
  return {};
}

void ReadPacked(const Codes& codes, BitWindow* from, std::span<I> out) {
  const I min = codes.centre;
  BitWindow bits = *from;  // in registers
  const Phase phase(codes.range);
  if (codes.range == 0) {
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
  *from = bits;
}

// The parameter of a block that begins, or of all.
base::Result<unsigned> Parameter(const Codes& codes, BitWindow* bits) {
  const unsigned k = codes.blocks() ? static_cast<unsigned>(bits->Read(6)) : codes.k;
  if (k > kMaxRice) {
    return base::Fail(base::ErrorKind::kCorrupt, "Rice codes: bad parameter");
  }
  return k;
}

// The same for each of the first `count` lanes.
base::Result<> ReadParameters(const Codes& codes, std::size_t count, Lanes* lanes) {
  for (std::size_t lane = 0; lane < count; ++lane) {
    BitWindow bits(codes.bits, lanes->at[lane]);
    const auto k = Parameter(codes, &bits);
    if (!k) {
      return base::Fail(k.error());
    }
    lanes->k[lane] = *k;
    lanes->at[lane] = bits.taken();
  }
  return {};
}

// The next residuals' codes; a block begins with the first.
base::Result<> ReadCodes(const Codes& codes, BitWindow* bits, std::span<I> out) {
  if (codes.coder == kPacked) {
    ReadPacked(codes, bits, out);
    return bits->Overrun() ? Corrupt("packed integers: cut short") : base::Result<>{};
  }
  const Run run = RunOf(codes.coder);
  for (std::size_t at = 0; at < out.size();) {
    const std::size_t n = codes.blocks() ? std::min(kBlock, out.size() - at) : out.size();
    const auto k = Parameter(codes, bits);
    if (!k) {
      return base::Fail(k.error());
    }
    run(bits, *k, codes.centre, out.subspan(at, n));
    at += n;
  }
  return bits->Overrun() ? Corrupt("Rice codes: cut short") : base::Result<>{};
}

// The same from a mark on, `marks` being those from there on: as many blocks at a time as there are
// lanes for, or the same number for each lane.
base::Result<> ReadMarked(const Codes& codes, std::span<const IntegerMark> marks,
                          std::span<I> out) {
  if (codes.coder == kPacked && codes.range == 0) {
    std::ranges::fill(out, codes.centre);
    return {};
  }
  const auto& abreast = AbreastOf(codes.coder);
  std::size_t end = marks[0].bit;
  while (!out.empty()) {
    const std::size_t blocks = (out.size() + kBlock - 1) / kBlock;
    const std::size_t count = std::min(blocks, kLanes);
    const std::size_t each = blocks / count;
    const std::size_t apart = each * kBlock;
    Lanes lanes{.phase = Phase(codes.range)};
    for (std::size_t lane = 0; lane < count; ++lane) {
      lanes.at[lane] = marks[lane * each].bit;
    }
    for (std::size_t at = 0; at < apart; at += kBlock) {
      if (auto read = ReadParameters(codes, count, &lanes); !read) {
        return read;
      }
      // The very last block may be cut short.
      const std::size_t n = std::min(kBlock, out.size() - (count - 1) * apart - at);
      abreast[count - 1](codes.bits, &lanes, codes.centre, apart, n, &out[at]);
      if (n < kBlock && count > 1) {
        abreast[count - 2](codes.bits, &lanes, codes.centre, apart, kBlock - n, &out[at + n]);
      }
    }
    end = lanes.at[count - 1];
    marks = marks.subspan(count * each);
    out = out.subspan(std::min(out.size(), count * apart));
  }
  return end > codes.bits.size() * 8 ? Corrupt("integers: cut short") : base::Result<>{};
}

// Running sums of what `steps` makes of residuals, on top of `value`: four at a time, so that one
// addition in four waits for the one before.
template <class Steps>
void SumUp(U value, Steps steps, std::span<I> out) {
  std::size_t i = 0;
  for (; i + 4 <= out.size(); i += 4) {
    const U one = steps(out[i]);
    const U two = one + steps(out[i + 1]);
    const U three = two + steps(out[i + 2]);
    const U four = three + steps(out[i + 3]);
    out[i] = static_cast<I>(value + one);
    out[i + 1] = static_cast<I>(value + two);
    out[i + 2] = static_cast<I>(value + three);
    value += four;
    out[i + 3] = static_cast<I>(value);
  }
  for (I& v : out.subspan(i)) {
    value += steps(v);
    v = static_cast<I>(value);
  }
}

// From residuals back to values, where `value` and `difference` came before.
void Undo(const Codes& codes, U value, U difference, std::span<I> out) {
  const U divisor = codes.divisor;
  const auto steps = [divisor](I residual) { return static_cast<U>(residual) * divisor; };
  if (codes.order == 0) {
    for (I& v : out) {
      v = static_cast<I>(static_cast<U>(codes.first) + steps(v));
    }
  } else if (codes.order == 1 && divisor == 1) {
    SumUp(value, [](I residual) { return static_cast<U>(residual); }, out);
  } else if (codes.order == 1) {
    SumUp(value, steps, out);
  } else {
    for (I& v : out) {
      difference += steps(v);
      value += difference;
      v = static_cast<I>(value);
    }
  }
}

// The same from the beginning: all of `out` but the values before the first residual are residuals.
void UndoAll(const Codes& codes, std::span<I> out) {
  U value = static_cast<U>(codes.first);
  const U difference = static_cast<U>(codes.first_difference) * codes.divisor;
  out[0] = codes.first;
  if (codes.order == 2 && out.size() > 1) {
    value += difference;
    out[1] = static_cast<I>(value);
  }
  Undo(codes, value, difference, out.subspan(std::min(codes.before(), out.size())));
}

}  // namespace

base::Result<> DecodeIntegers(Bytes input, std::size_t count, std::span<std::int64_t> out) {
  if (out.empty()) {
    return {};
  }
  if (count == 1) {
    ByteReader bytes(input);
    out[0] = bytes.Signed();
    return bytes.ok() ? base::Result<>{} : Corrupt("integers: cut short");
  }
  Codes codes;
  if (auto read = ReadHeader(input, count, &codes); !read) {
    return read;
  }
  const auto residuals = out.subspan(std::min(codes.before(), out.size()));
  BitWindow bits(codes.bits);
  if (auto read = ReadCodes(codes, &bits, residuals); !read) {
    return read;
  }
  if (auto read = ReadExceptions(codes, count - codes.before(), 0, residuals); !read) {
    return read;
  }
  UndoAll(codes, out);
  return {};
}

base::Result<std::vector<IntegerMark>> MarkIntegers(Bytes input, std::size_t count) {
  static_assert(kBlock == kMarkEvery);
  std::vector<IntegerMark> out;
  if (count < 2 || input.size() > UINT32_MAX / 8) {
    return out;
  }
  Codes codes;
  if (auto read = ReadHeader(input, count, &codes); !read) {
    return base::Fail(read.error());
  }
  std::vector<I> values(count);
  const auto residuals = std::span(values).subspan(codes.before());
  BitWindow bits(codes.bits);
  for (std::size_t at = 0; at < residuals.size(); at += kBlock) {
    out.push_back({.bit = static_cast<std::uint32_t>(bits.taken())});
    const std::size_t n = std::min(kBlock, residuals.size() - at);
    if (auto read = ReadCodes(codes, &bits, residuals.subspan(at, n)); !read) {
      return base::Fail(read.error());
    }
  }
  if (auto read = ReadExceptions(codes, residuals.size(), 0, residuals); !read) {
    return base::Fail(read.error());
  }
  UndoAll(codes, values);
  for (std::size_t i = 0; i < out.size(); ++i) {
    const I* before = &residuals[i * kBlock] - 1;
    out[i].value = *before;
    out[i].difference = codes.order == 2 ? Minus(*before, before[-1]) : 0;
  }
  return out;
}

base::Result<std::span<const std::int64_t>> DecodeIntegers(Bytes input, std::size_t count,
                                                           std::span<const IntegerMark> marks,
                                                           std::size_t first, std::size_t n,
                                                           std::vector<std::int64_t>* room) {
  if (marks.empty()) {
    room->resize(first + n);
    if (auto read = DecodeIntegers(input, count, *room); !read) {
      return base::Fail(read.error());
    }
    return std::span<const I>(*room).subspan(first);
  }
  Codes codes;
  if (auto read = ReadHeader(input, count, &codes); !read) {
    return base::Fail(read.error());
  }
  const std::size_t before = codes.before();
  const std::size_t mark = first < before ? 0 : (first - before) / kBlock;
  const std::size_t from = mark == 0 ? 0 : before + mark * kBlock;  // what room begins with
  room->resize(first + n - from);
  const auto residuals = std::span(*room).subspan(mark == 0 ? std::min(before, room->size()) : 0);
  if (auto read = ReadMarked(codes, marks.subspan(mark), residuals); !read) {
    return base::Fail(read.error());
  }
  if (auto read = ReadExceptions(codes, count - before, mark * kBlock, residuals); !read) {
    return base::Fail(read.error());
  }
  if (mark == 0) {
    UndoAll(codes, *room);
  } else {
    Undo(codes, static_cast<U>(marks[mark].value), static_cast<U>(marks[mark].difference),
         residuals);
  }
  return std::span<const I>(*room).subspan(first - from);
}

}  // namespace store
