// What the writer of columns works out beforehand (decimals, divisors, plans) is right, and what it
// chooses is small.
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "model/sample.h"
#include "store/column.h"
#include "store/decimal.h"
#include "store/integers.h"

namespace store {
namespace {

using Rng = std::mt19937_64;

std::size_t SizeOfIntegers(const std::vector<std::int64_t>& values) {
  std::string bytes;
  EncodeIntegers(values, &bytes);
  std::vector<std::int64_t> back(values.size());
  const auto read = DecodeIntegers(AsBytes(bytes), back);
  EXPECT_TRUE(read.has_value()) << read.error().message;
  EXPECT_EQ(back, values);
  return bytes.size();
}

std::size_t SizeOfColumn(const std::vector<double>& values, ColumnCode* code = nullptr) {
  std::string bytes = "before";
  EncodeColumn(values, &bytes);
  EXPECT_EQ(bytes.substr(0, 6), "before");
  bytes.erase(0, 6);
  std::vector<double> back(values.size());
  const auto read = DecodeColumn(AsBytes(bytes), back);
  EXPECT_TRUE(read.has_value()) << read.error().message;
  for (std::size_t i = 0; i < values.size(); ++i) {
    EXPECT_EQ(std::bit_cast<std::uint64_t>(back[i]), std::bit_cast<std::uint64_t>(values[i])) << i;
  }
  if (code != nullptr) {
    *code = static_cast<ColumnCode>(bytes[0]);
  }
  return bytes.size();
}

// Doubles of all sorts, most of them decimals or next to one.
double AnyDouble(Rng& rng) {
  const auto m = static_cast<std::int64_t>(rng() >> (rng() % 64));
  const double decimal = static_cast<double>(m) / PowerOfTen(static_cast<unsigned>(rng() % 16));
  switch (rng() % 8) {
    case 0:
      return std::nextafter(decimal, INFINITY);
    case 1:
      return std::bit_cast<double>(rng());
    case 2:
      return -decimal;
    default:
      return decimal;
  }
}

// The definition: the least e, whichever whole number near v 10^e it is.
int LeastExponent(double v, unsigned from) {
  if (!std::isfinite(v) || (v == 0 && std::signbit(v))) {
    return -1;
  }
  for (unsigned e = from; e <= kMaxExponent; ++e) {
    const double scaled = v * PowerOfTen(e);
    if (!(std::abs(scaled) < (e == 0 ? 0x1p62 : 0x1p53))) {
      return -1;
    }
    for (const double off : {-1, 0, 1}) {
      const double whole = std::nearbyint(scaled) + off;
      if (std::abs(whole) <= (e == 0 ? 0x1p62 : 0x1p53) && whole / PowerOfTen(e) == v) {
        return static_cast<int>(e);
      }
    }
  }
  return -1;
}

TEST(Encode, TheLeastExponentIsFound) {
  Rng rng(21);
  for (int round = 0; round < 300'000; ++round) {
    const double v = AnyDouble(rng);
    const auto from = static_cast<unsigned>(rng() % 4);
    std::int64_t m = 0;
    const int e = DecimalExponent(v, from, &m);
    if (std::abs(v) * 1e12 < 0x1p50 || e >= 0) {  // up to 2^53 rounding may miss one
      ASSERT_EQ(e, LeastExponent(v, from)) << v << " from " << from;
    }
    if (e >= 0) {
      ASSERT_EQ(FromDecimal(m, static_cast<unsigned>(e)), v);
    }
  }
}

TEST(Encode, DecimalsManyAtOnceAreThoseOneByOne) {
  Rng rng(22);
  for (int round = 0; round < 20'000; ++round) {
    const auto e = static_cast<unsigned>(rng() % (kMaxExponent + 1));
    std::vector<double> values(rng() % 40);
    for (double& v : values) {
      const auto m = static_cast<std::int64_t>(rng() >> (10 + rng() % 50));
      v = static_cast<double>(rng() % 2 == 0 ? m : -m) / PowerOfTen(e);
    }
    if (!values.empty() && rng() % 2 == 0) {
      values[rng() % values.size()] = AnyDouble(rng);
    }
    std::vector<std::int64_t> many(values.size());
    const std::size_t n = ToDecimals(values, e, many.data());
    for (std::size_t i = 0; i < n; ++i) {
      std::int64_t one = 0;
      ASSERT_TRUE(ToDecimal(values[i], e, &one));
      ASSERT_EQ(one, many[i]);
    }
    std::int64_t none = 0;
    ASSERT_TRUE(n == values.size() || !ToDecimal(values[n], e, &none)) << n;
  }
}

TEST(Encode, ValuesOneAfterTheOtherAreThoseByThemselves) {
  Rng rng(25);
  std::vector<double> values;
  std::string alone;
  ByteWriter bytes(&alone);
  for (int i = 0; i < 20'000; ++i) {
    values.push_back(rng() % 3 == 0 ? AnyDouble(rng) : static_cast<double>(rng() % 10'000) / 100);
    PutValue(values.back(), &bytes);
  }
  std::string together;
  ByteWriter out(&together);
  PutValues(values, &out);
  EXPECT_EQ(together, alone);
  ByteReader in(AsBytes(together));
  for (const double v : values) {
    ASSERT_EQ(std::bit_cast<std::uint64_t>(GetValue(&in)), std::bit_cast<std::uint64_t>(v));
  }
  EXPECT_TRUE(in.ok());
  EXPECT_EQ(in.left(), 0U);
}

TEST(Encode, AnExponentThatRisesTakesWhatCameBeforeAlong) {
  std::vector<double> values(64);
  for (std::size_t i = 0; i < 64; ++i) {
    values[i] = static_cast<double>(i * i % 37);
  }
  values[0] = std::nan("");
  values[10] = 7.5;
  values[11] = model::StaleNaN();
  values[40] = 1.234;
  values[41] = INFINITY;
  ColumnCode code{};
  SizeOfColumn(values, &code);
  EXPECT_EQ(code, ColumnCode::kDecimal);
  values[3] = 4e15;  // decimals of exponent 0, but not of 3
  values[4] = 5e15;
  SizeOfColumn(values, &code);
  EXPECT_EQ(code, ColumnCode::kDecimal);
  values[5] = 6e15;  // one patch too many
  SizeOfColumn(values, &code);
  EXPECT_NE(code, ColumnCode::kDecimal);
}

TEST(Encode, DivisorsOfAllSortsComeBack) {
  constexpr auto kMin = std::numeric_limits<std::int64_t>::min();
  Rng rng(23);
  for (const std::int64_t divisor :
       {std::int64_t{1}, std::int64_t{3}, std::int64_t{8}, std::int64_t{1000}, std::int64_t{5000},
        std::int64_t{3'600'000}, std::int64_t{1} << 40, std::int64_t{1} << 62,
        std::int64_t{7} << 55, std::int64_t{9'223'372'036'854'775'783}, kMin}) {
    for (int round = 0; round < 50; ++round) {
      std::vector<std::int64_t> values = {static_cast<std::int64_t>(rng())};
      while (values.size() < 2 + rng() % 60) {
        const std::uint64_t steps = rng() % 16;  // some of them wrap
        values.push_back(static_cast<std::int64_t>(static_cast<std::uint64_t>(values.back()) +
                                                   steps * static_cast<std::uint64_t>(divisor)));
      }
      // Five bits a step, the first value and the divisor; where steps wrap there is none.
      const bool wraps = divisor == kMin || divisor > (std::int64_t{1} << 58);
      EXPECT_LE(SizeOfIntegers(values), wraps ? 1000 : 30 + values.size() * 5 / 8) << divisor;
    }
  }
}

TEST(Encode, TheFirstValueMayBeTheOnlyOther) {
  EXPECT_LE(SizeOfIntegers({0, 5}), 8U);
  EXPECT_LE(SizeOfIntegers({0, 5, 5}), 8U);
  std::vector<std::int64_t> values(200, 1'000'000);
  values[0] = 7;
  EXPECT_LE(SizeOfIntegers(values), 16U);
}

TEST(Encode, FarAwayResidualsAreWrittenApart) {
  Rng rng(24);
  for (const std::size_t n : {20U, 40U, 720U}) {
    std::vector<std::int64_t> noise(n);
    std::ranges::generate(noise, [&] { return static_cast<std::int64_t>(rng() % 256); });
    const std::size_t plain = SizeOfIntegers(noise);
    EXPECT_LE(plain, n + 8);
    noise[n / 2] = 1'000'000'000;
    EXPECT_LE(SizeOfIntegers(noise), plain + 10);
    noise[n / 3] = -1'000'000'000;
    EXPECT_LE(SizeOfIntegers(noise), plain + 20);
    std::ranges::fill(noise, 77);  // the rest is alike: no bits
    noise[1] = noise[n - 2] = 1'000'000'000;
    EXPECT_LE(SizeOfIntegers(noise), 28U);
  }
}

TEST(Encode, ManySpikesAmongNoiseCostTheirEscapes) {
  Rng rng(26);
  std::exponential_distribution<double> noise(0.02);
  std::vector<std::int64_t> values(720);
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = static_cast<std::int64_t>(noise(rng)) + (i % 50 == 49 ? 1'000'000 : 0);
  }
  // Seven bits for the noise; 88 for each of 14 spikes, too many to be written apart.
  EXPECT_LE(SizeOfIntegers(values), 720 * 7.3 / 8 + 14 * 88 / 8.0);
}

TEST(Encode, TheShortestColumnIsKept) {
  ColumnCode code{};
  std::vector<double> values(100, 3);
  values[50] = 4;
  EXPECT_EQ(SizeOfColumn(values, &code), 8U);
  EXPECT_EQ(code, ColumnCode::kRuns);
  for (std::size_t i = 0; i < 100; ++i) {  // no decimals
    values[i] = std::floor(1 + static_cast<double>(i) / 40) * M_PI;
  }
  SizeOfColumn(values, &code);
  EXPECT_EQ(code, ColumnCode::kRuns);
  for (std::size_t i = 0; i < 100; ++i) {  // eight values a run cost more than a bit a value
    const std::size_t step = i / 9;
    values[i] = 1'000'000 + static_cast<double>(step);
  }
  EXPECT_LE(SizeOfColumn(values, &code), 32U);
  EXPECT_EQ(code, ColumnCode::kDecimal);
}

}  // namespace
}  // namespace store
