// Every code of the chunk gives back every bit, and no bytes make a reader crash.
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "model/sample.h"
#include "store/chunk.h"
#include "store/column.h"
#include "store/crc32c.h"
#include "store/decimal.h"
#include "store/integers.h"

namespace store {
namespace {

using Rng = std::mt19937_64;

// Where reading in the middle is tried: near the marks and the ends.
std::vector<std::pair<std::size_t, std::size_t>> Stretches(std::size_t size) {
  std::vector<std::pair<std::size_t, std::size_t>> out;
  for (const std::size_t first :
       {std::size_t{0}, std::size_t{1}, kMarkEvery - 1, kMarkEvery, kMarkEvery + 1, kMarkEvery + 2,
        2 * kMarkEvery, size / 2, size - std::min<std::size_t>(size, 2), size - 1}) {
    for (const std::size_t n :
         {std::size_t{1}, std::size_t{2}, kMarkEvery, 3 * kMarkEvery, 4 * kMarkEvery + 7, size}) {
      if (first < size) {
        out.emplace_back(first, std::min(n, size - first));
      }
    }
  }
  return out;
}

void ExpectIntegers(const std::vector<std::int64_t>& values, std::size_t at_most = SIZE_MAX) {
  std::string bytes;
  EncodeIntegers(values, &bytes);
  EXPECT_LE(bytes.size(), at_most);
  std::vector<std::int64_t> back(values.size());
  const auto read = DecodeIntegers(AsBytes(bytes), back);
  ASSERT_TRUE(read.has_value()) << read.error().message;
  EXPECT_EQ(back, values);
  const auto marks = MarkIntegers(AsBytes(bytes), values.size());
  ASSERT_TRUE(marks.has_value()) << marks.error().message;
  std::vector<std::int64_t> room;
  for (const auto& [first, n] : Stretches(values.size())) {
    const auto some = DecodeIntegers(AsBytes(bytes), values.size(), *marks, first, n, &room);
    ASSERT_TRUE(some.has_value()) << some.error().message;
    EXPECT_TRUE(std::ranges::equal(*some, std::span(values).subspan(first, n)))
        << first << " " << n << " of " << values.size();
  }
  for (const std::size_t n : {std::size_t{1}, std::size_t{2}, values.size() / 2}) {
    if (n <= values.size()) {  // the first of them alone
      std::vector<std::int64_t> some(n);
      ASSERT_TRUE(DecodeIntegers(AsBytes(bytes), values.size(), some).has_value());
      EXPECT_TRUE(std::equal(some.begin(), some.end(), values.begin()));
    }
  }
}

// The same from marks, wherever reading begins and ends.
void ExpectMarked(const std::vector<double>& values, const std::string& bytes) {
  const auto marks = MarkColumn(AsBytes(bytes), values.size());
  ASSERT_TRUE(marks.has_value()) << marks.error().message;
  const auto want = [&] {
    std::vector<double> all(values.size());
    EXPECT_TRUE(DecodeColumn(AsBytes(bytes), all).has_value());
    return all;
  }();
  for (const auto& [first, n] : Stretches(values.size())) {
    for (const auto& used : {*marks, std::vector<IntegerMark>()}) {
      std::vector<double> some(n);
      ASSERT_TRUE(DecodeColumn(AsBytes(bytes), values.size(), used, first, some).has_value());
      EXPECT_EQ(0, std::memcmp(some.data(), &want[first], n * sizeof(double)))
          << first << " " << n << " of " << values.size();
    }
  }
  std::vector<double> beyond(2);
  EXPECT_FALSE(
      DecodeColumn(AsBytes(bytes), values.size(), *marks, values.size() - 1, beyond).has_value());
}

std::vector<std::uint64_t> BitsOf(const std::vector<double>& values) {
  std::vector<std::uint64_t> out;
  for (const double v : values) {
    out.push_back(std::bit_cast<std::uint64_t>(v));
  }
  return out;
}

std::size_t ExpectColumn(const std::vector<double>& values) {
  std::string bytes;
  EncodeColumn(values, &bytes);
  std::vector<double> back(values.size());
  const auto read = DecodeColumn(AsBytes(bytes), back);
  EXPECT_TRUE(read.has_value()) << read.error().message;
  EXPECT_EQ(BitsOf(back), BitsOf(values));
  ExpectMarked(values, bytes);
  for (const std::size_t n : {std::size_t{1}, std::size_t{2}, values.size() / 2}) {
    if (n > 0 && n <= values.size()) {  // the first of them alone
      std::vector<double> some(n);
      EXPECT_TRUE(DecodeColumn(AsBytes(bytes), values.size(), some).has_value());
      EXPECT_EQ(BitsOf(some), BitsOf({values.begin(), values.begin() + static_cast<long>(n)}));
    }
  }
  return bytes.size();
}

TEST(Crc32c, KnownAnswersOfRfc3720) {
  EXPECT_EQ(Crc32c(AsBytes(std::string(32, '\0'))), 0x8A9136AAU);
  EXPECT_EQ(Crc32c(AsBytes(std::string(32, '\xff'))), 0x62A8AB43U);
  EXPECT_EQ(Crc32c(AsBytes("123456789")), 0xE3069283U);
  EXPECT_EQ(Crc32cByTable(AsBytes("123456789")), 0xE3069283U);
  EXPECT_EQ(Crc32cByTable({}), Crc32c({}));
}

TEST(Bytes, ReaderNeverGoesPastTheEnd) {
  ByteReader in(AsBytes("\x85"));
  EXPECT_EQ(in.Varint(), 0U);
  EXPECT_FALSE(in.ok());
  ByteReader ten(AsBytes("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"));
  EXPECT_EQ(ten.Varint(), UINT64_MAX);
  EXPECT_TRUE(ten.ok());
  ByteReader over(AsBytes("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"));
  over.Varint();
  EXPECT_FALSE(over.ok());
  ByteReader take(AsBytes("abc"));
  EXPECT_TRUE(take.Take(UINT64_MAX).empty());
  EXPECT_FALSE(take.ok());
}

TEST(Bits, WhatIsWrittenIsRead) {
  Rng rng(3);
  std::vector<std::pair<std::uint64_t, unsigned>> wrote;
  std::string out;
  BitWriter writer(&out);
  for (int i = 0; i < 5000; ++i) {
    const auto n = static_cast<unsigned>(rng() % 65);
    const std::uint64_t v = n == 64 ? rng() : rng() & ((1ULL << n) - 1);
    wrote.emplace_back(v, n);
    writer.Write(v, n);
  }
  writer.Finish();
  BitReader reader(AsBytes(out));
  for (const auto& [v, n] : wrote) {
    ASSERT_EQ(reader.Read(n), v);
  }
  EXPECT_FALSE(reader.Overrun());
  reader.Read(64);
  EXPECT_TRUE(reader.Overrun());
}

TEST(Integers, EdgesComeBack) {
  constexpr auto kMin = std::numeric_limits<std::int64_t>::min();
  constexpr auto kMax = std::numeric_limits<std::int64_t>::max();
  ExpectIntegers({});
  ExpectIntegers({kMin}, 10);
  ExpectIntegers({5, 5});
  ExpectIntegers({kMin, kMax});
  ExpectIntegers({kMin, kMax, kMin, 0, kMax, -1, kMin});
  ExpectIntegers({0, kMin, 0, kMin, 0, kMin});
  ExpectIntegers({kMin, 0, kMin, 0});
  ExpectIntegers({1, 2});
  ExpectIntegers({0, 1, 3});
}

TEST(Integers, RegularTimesTakeNothing) {
  std::vector<std::int64_t> times;
  for (int i = 0; i < 1440; ++i) {
    times.push_back(1'700'000'000'000 + 5000LL * i);
  }
  ExpectIntegers(times, 24);
  times[700] += 1;  // one late tick
  ExpectIntegers(times, 48);
  times.erase(times.begin() + 100, times.begin() + 150);  // and a gap
  ExpectIntegers(times, 64);
}

TEST(Integers, CommonDivisorIsTakenOut) {
  Rng rng(5);
  std::vector<std::int64_t> plain;
  std::vector<std::int64_t> eight;
  std::int64_t at = 0;
  for (int i = 0; i < 1000; ++i) {
    at += static_cast<std::int64_t>(rng() % 100'000);
    plain.push_back(at);
    eight.push_back(at * 8);
  }
  std::string a;
  std::string b;
  EncodeIntegers(plain, &a);
  EncodeIntegers(eight, &b);
  EXPECT_LT(b.size(), a.size() + 8);
  ExpectIntegers(eight);
}

TEST(Integers, ACounterThatIsResetCostsLittleMore) {
  Rng rng(6);
  std::vector<std::int64_t> counter;
  std::int64_t at = 7'000'000'000'000;
  for (int i = 0; i < 1000; ++i) {
    at = i == 500 ? 12 : at + 1'000'000 + static_cast<std::int64_t>(rng() % 65536);
    counter.push_back(at);
  }
  ExpectIntegers(counter, 2060);
}

TEST(Integers, RandomShapesComeBack) {
  Rng rng(7);
  for (int round = 0; round < 3000; ++round) {
    std::vector<std::int64_t> values;
    const std::size_t n = rng() % 400;
    const unsigned shift = static_cast<unsigned>(rng() % 64);
    std::int64_t at = static_cast<std::int64_t>(rng());
    for (std::size_t i = 0; i < n; ++i) {
      const auto step = static_cast<std::int64_t>(rng() >> shift);
      at = round % 3 == 0 ? step
                          : static_cast<std::int64_t>(static_cast<std::uint64_t>(at) +
                                                      static_cast<std::uint64_t>(step));
      values.push_back(rng() % 100 == 0 ? static_cast<std::int64_t>(rng()) : at);
    }
    ExpectIntegers(values);
  }
}

TEST(Integers, StepsOfAnySizeComeBackFromManyBlocks) {
  Rng rng(8);
  for (int scale = 0; scale < 60; ++scale) {
    for (const std::size_t n : {kMarkEvery, 3 * kMarkEvery + 1, 1440UL, 1800UL}) {
      std::exponential_distribution<double> size(std::ldexp(1.0, -scale));
      std::vector<std::int64_t> values;
      std::uint64_t at = rng();
      for (std::size_t i = 0; i < n; ++i) {
        const auto step = static_cast<std::uint64_t>(std::min(size(rng), 0x1p62));
        at += rng() % 300 == 0 ? rng() : rng() % 2 == 0 ? step : 0 - step;
        values.push_back(static_cast<std::int64_t>(at));
      }
      ExpectIntegers(values);
    }
  }
}

TEST(Decimal, OnlyWhatIsExactIsADecimal) {
  std::int64_t m = 0;
  EXPECT_EQ(DecimalExponent(12.34, 0, &m), 2);
  EXPECT_EQ(m, 1234);
  EXPECT_EQ(DecimalExponent(-0.001, 0, &m), 3);
  EXPECT_EQ(m, -1);
  EXPECT_EQ(DecimalExponent(0.1 + 0.2, 0, &m), -1);
  EXPECT_EQ(DecimalExponent(-0.0, 0, &m), -1);
  EXPECT_EQ(DecimalExponent(std::nan(""), 0, &m), -1);
  EXPECT_EQ(DecimalExponent(INFINITY, 0, &m), -1);
  EXPECT_EQ(DecimalExponent(1e300, 0, &m), -1);
  EXPECT_EQ(DecimalExponent(4503599627370497.0, 0, &m), 0);
  EXPECT_EQ(m, 4503599627370497);
}

const std::vector<double>& OddValues() {
  static const std::vector<double> odd = {0.0,
                                          -0.0,
                                          1,
                                          127,
                                          128,
                                          200,
                                          -1,
                                          0.5,
                                          99.99,
                                          1e15,
                                          -1e18,
                                          9007199254740993.0,
                                          4.9e-324,
                                          2.2e-308,
                                          1.7976931348623157e308,
                                          INFINITY,
                                          -INFINITY,
                                          std::nan(""),
                                          std::bit_cast<double>(0x7ff8dead0000beefULL),
                                          std::bit_cast<double>(0xfff0000000000001ULL),
                                          model::StaleNaN()};
  return odd;
}

TEST(Decimal, OneValueComesBack) {
  std::string bytes;
  ByteWriter out(&bytes);
  for (const double v : OddValues()) {
    PutValue(v, &out);
  }
  ByteReader in(AsBytes(bytes));
  for (const double v : OddValues()) {
    EXPECT_EQ(std::bit_cast<std::uint64_t>(GetValue(&in)), std::bit_cast<std::uint64_t>(v));
  }
  EXPECT_TRUE(in.ok());
  ByteReader unknown(AsBytes("\xfe"));
  GetValue(&unknown);
  EXPECT_FALSE(unknown.ok());
}

TEST(Column, OddValuesComeBackBitForBit) {
  for (const double v : OddValues()) {
    ExpectColumn({v});
    ExpectColumn({v, v, v});
    ExpectColumn({1, v, 2});
    std::vector<double> end(100, 42.5);
    end.back() = v;
    end[50] = 41;
    ExpectColumn(end);
    std::vector<double> start(100, 42.5);
    start.front() = v;
    start[7] = 3;
    ExpectColumn(start);
  }
  ExpectColumn(OddValues());
}

TEST(Column, ConstantAndFlipsTakeNearlyNothing) {
  std::vector<double> up(1440, 1.0);
  EXPECT_LE(ExpectColumn(up), 2U);
  up[700] = 0;
  EXPECT_LE(ExpectColumn(up), 12U);
  up.back() = model::StaleNaN();
  EXPECT_LE(ExpectColumn(up), 16U);
}

TEST(Column, DecimalsAreFarSmallerThanDoubles) {
  Rng rng(8);
  std::normal_distribution<double> noise(0, 0.2);
  std::vector<double> walk;
  double at = 55;
  for (int i = 0; i < 1440; ++i) {
    at += noise(rng);
    walk.push_back(std::round(at * 100) / 100);
  }
  EXPECT_LE(ExpectColumn(walk), 1440U * 0.86);
}

TEST(Column, EveryCodeIsUsed) {
  Rng rng(9);
  std::normal_distribution<double> noise(0, 1);
  std::vector<double> wild;
  std::vector<double> few;
  const std::vector<double> pool = {noise(rng), noise(rng), noise(rng), noise(rng), noise(rng)};
  std::vector<double> xors;
  for (int i = 0; i < 500; ++i) {
    wild.push_back(std::bit_cast<double>(rng() & 0x7fefffffffffffffULL));
    few.push_back(pool[rng() % 5]);
    xors.push_back(M_PI + static_cast<double>(rng() % 8) * 0x1p-50);
  }
  const auto code = [](const std::vector<double>& values) {
    ExpectColumn(values);
    std::string bytes;
    EncodeColumn(values, &bytes);
    return static_cast<ColumnCode>(bytes[0]);
  };
  EXPECT_EQ(code({5, 5}), ColumnCode::kConstant);
  EXPECT_EQ(code({1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 9}), ColumnCode::kRuns);
  EXPECT_EQ(code({1.5, 2.25, 3.5}), ColumnCode::kDecimal);
  EXPECT_EQ(code(wild), ColumnCode::kRaw);
  EXPECT_EQ(code(few), ColumnCode::kZstd);
  EXPECT_TRUE(code(xors) == ColumnCode::kXor || code(xors) == ColumnCode::kZstd);
  EXPECT_EQ(code({M_PI, M_E, M_PI, M_PI, M_PI, M_PI, M_PI, M_PI, M_E}), ColumnCode::kXor);
}

struct Made {
  std::vector<model::Timestamp> times;
  std::vector<std::vector<double>> values;
  std::vector<Mask> masks;
  std::vector<SeriesId> series;
  std::string bytes;
};

Made MakeChunk(Rng& rng, std::size_t rows, std::size_t columns) {
  Made made;
  model::Timestamp at = 1'700'000'000'000;
  for (std::size_t i = 0; i < rows; ++i) {
    made.times.push_back(at += 1 + static_cast<model::Timestamp>(rng() % 3) * 5000);
  }
  SeriesId id = 0;
  for (std::size_t c = 0; c < columns; ++c) {
    Mask mask((rows + 63) / 64);
    std::vector<double> values;
    const std::size_t step = 1 + rng() % 4;
    for (std::size_t row = c % rows; row < rows; row += step) {
      mask[row / 64] |= 1ULL << (row % 64);
      values.push_back(rng() % 9 == 0 ? OddValues()[rng() % OddValues().size()]
                                      : static_cast<double>(rng() % 1000) / 10);
    }
    made.series.push_back(id += 1 + static_cast<SeriesId>(rng() % 1000));
    made.masks.push_back(mask);
    made.values.push_back(values);
  }
  std::vector<ChunkColumn> input;
  for (std::size_t c = 0; c < columns; ++c) {
    input.push_back({made.series[c], made.values[c], &made.masks[c]});
  }
  made.bytes = EncodeChunk(made.times, input);
  return made;
}

TEST(Chunk, ComesBackColumnByColumn) {
  Rng rng(10);
  for (int round = 0; round < 200; ++round) {
    const Made made = MakeChunk(rng, 1 + rng() % 300, 1 + rng() % 12);
    auto reader = ChunkReader::Open(AsBytes(made.bytes));
    ASSERT_TRUE(reader.has_value()) << reader.error().message;
    const auto times = reader->Times();
    ASSERT_TRUE(times.has_value());
    EXPECT_TRUE(std::ranges::equal(*times, made.times));
    for (std::size_t c = made.series.size(); c-- > 0;) {
      const ColumnRef* column = reader->Find(made.series[c]);
      ASSERT_NE(column, nullptr);
      ASSERT_EQ(reader->Count(*column).value(), made.values[c].size());
      std::vector<double> values(made.values[c].size());
      ASSERT_TRUE(reader->Decode(*column, values).has_value());
      EXPECT_EQ(BitsOf(values), BitsOf(made.values[c]));
      const Mask* mask = reader->MaskOf(*column).value();
      EXPECT_TRUE(mask == nullptr || *mask == made.masks[c]);
    }
    EXPECT_EQ(reader->Find(0), nullptr);
    EXPECT_EQ(reader->Find(made.series.back() + 1), nullptr);
  }
}

TEST(Chunk, AnyFlippedBitIsNoticed) {
  Rng rng(11);
  const Made made = MakeChunk(rng, 40, 5);
  for (std::size_t bit = 0; bit < made.bytes.size() * 8; ++bit) {
    std::string broken = made.bytes;
    broken[bit / 8] = static_cast<char>(broken[bit / 8] ^ (1 << (bit % 8)));
    const auto reader = ChunkReader::Open(AsBytes(broken));
    ASSERT_FALSE(reader.has_value());
    EXPECT_EQ(reader.error().kind, base::ErrorKind::kCorrupt);
  }
  for (std::size_t n = 0; n < made.bytes.size(); ++n) {
    EXPECT_FALSE(ChunkReader::Open(AsBytes(made.bytes).first(n)).has_value());
  }
}

// Reads all that the bytes offer; the checksum is put right so that the decoders see the damage.
void ReadAll(std::string bytes) {
  if (bytes.size() >= 4) {
    bytes.resize(bytes.size() - 4);
    ByteWriter(&bytes).U32(Crc32c(AsBytes(bytes)));
  }
  auto reader = ChunkReader::Open(AsBytes(bytes));
  if (!reader) {
    return;
  }
  (void)reader->Times();
  for (const ColumnRef& column : reader->columns()) {
    const auto count = reader->Count(column);
    if (count) {
      std::vector<double> values(*count);
      (void)reader->Decode(column, values);
    }
  }
}

TEST(Chunk, DamageBehindARightChecksumNeverCrashes) {
  Rng rng(12);
  for (int round = 0; round < 300; ++round) {
    const Made made = MakeChunk(rng, 1 + rng() % 80, 1 + rng() % 6);
    for (int i = 0; i < 40; ++i) {
      std::string broken = made.bytes;
      for (std::size_t hits = 1 + rng() % 4; hits > 0; --hits) {
        broken[rng() % broken.size()] = static_cast<char>(rng());
      }
      if (rng() % 4 == 0) {
        broken.resize(rng() % broken.size());
      }
      ReadAll(broken);
    }
  }
}

}  // namespace
}  // namespace store
