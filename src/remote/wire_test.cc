// Tests the wire: what goes out comes in again, what Prometheus itself sends is understood, what is
// hostile is refused within bounds.
#include "remote/wire.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <limits>

namespace remote {
namespace {

using testing::HasSubstr;

std::shared_ptr<const model::Labels> MakeLabels(std::vector<model::Labels::Pair> pairs) {
  return std::make_shared<const model::Labels>(std::move(pairs));
}

/// A length-delimited field by hand, so that the decoder is not only held against its own encoder.
std::string Field(int number, const std::string& content) {
  std::string out(1, static_cast<char>(number << 3 | 2));
  for (auto size = content.size();; size >>= 7U) {
    if (size < 0x80) {
      out += static_cast<char>(size);
      break;
    }
    out += static_cast<char>((size & 0x7FU) | 0x80U);
  }
  return out + content;
}
std::string Label(const std::string& name, const std::string& value) {
  return Field(1, Field(1, name) + Field(2, value));
}
std::string Sample(double v, unsigned char t) {
  std::string out = "\x09";
  const auto bits = std::bit_cast<std::uint64_t>(v);
  for (unsigned i = 0; i < 8; ++i) {
    out += static_cast<char>(bits >> (8 * i) & 0xFFU);
  }
  return Field(2, out + "\x10" + static_cast<char>(t));
}
base::Result<WriteRequest> Decode(const std::string& plain, const Bounds& bounds = {}) {
  return DecodeWrite(Snap(plain), bounds);
}

TEST(Wire, AWriteRequestComesBackBitForBit) {
  WriteRequest request;
  request.series.push_back({MakeLabels({{"__name__", "up"}, {"job", "a\nb"}, {"site", "กรุงเทพ"}}),
                            {{1'700'000'000'000, 1.5},
                             {-1, -0.0},
                             {5, std::numeric_limits<double>::infinity()},
                             {6, model::StaleNaN()}}});
  request.metadata.push_back({"up", "gauge", "Whether it is up.", ""});
  const auto read = DecodeWrite(EncodeWrite(request));
  ASSERT_TRUE(read.has_value()) << read.error().message;
  ASSERT_EQ(read->series.size(), 1U);
  EXPECT_EQ(*read->series[0].labels, *request.series[0].labels);
  ASSERT_EQ(read->series[0].points.size(), 4U);
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(read->series[0].points[i].t, request.series[0].points[i].t);
    EXPECT_EQ(std::bit_cast<std::uint64_t>(read->series[0].points[i].v),
              std::bit_cast<std::uint64_t>(request.series[0].points[i].v));
  }
  EXPECT_EQ(read->metadata, request.metadata);
  EXPECT_EQ(read->refused, 0U);
}

TEST(Wire, ReadsBytesAsOthersWriteThem) {
  const auto unknown = Field(15, "later versions");
  const auto read = Decode(Field(1, Label("job", "x") + Label("__name__", "m") + unknown +
                                        Sample(2, 7) + Field(3, "an exemplar")) +
                           unknown);
  ASSERT_TRUE(read.has_value()) << read.error().message;
  ASSERT_EQ(read->series.size(), 1U);
  EXPECT_EQ(read->series[0].labels->ToString(), R"(m{job="x"})");
  EXPECT_EQ(read->series[0].points, (std::vector<model::Point>{{7, 2}}));
}

TEST(Wire, LeavesOutWhatIsNoSeriesAndSaysWhy) {
  const struct {
    std::string labels;
    std::string why;
  } cases[] = {
      {Label("job", "x"), "\"\" is no metric name"},
      {Label("__name__", "a-b"), "\"a-b\" is no metric name"},
      {Label("__name__", "m") + Label("a b", "x"), "\"a b\" is no label name"},
      {Label("__name__", "m") + Label("a", "x") + Label("a", "y"), "the label a stands twice"},
      {Label("__name__", "m") + Label("a", "\xff"), "not UTF-8"},
      {Label("__name__", "m") + Label("a", std::string(17'000, 'x')), "too long"},
  };
  const auto good = Field(1, Label("__name__", "good") + Sample(1, 1));
  for (const auto& [labels, why] : cases) {
    const auto read = Decode(good + Field(1, labels + Sample(1, 1) + Sample(1, 2)) + good);
    ASSERT_TRUE(read.has_value()) << read.error().message;
    EXPECT_EQ(read->series.size(), 2U) << why;
    EXPECT_EQ(read->refused, 2U) << why;
    EXPECT_THAT(read->refused_reason, HasSubstr(why));
  }
}

TEST(Wire, NativeHistogramsAreRefusedAndTheFloatsBesideThemKept) {
  const auto read = Decode(Field(1, Label("__name__", "m") + Sample(1, 1) + Field(4, "h")));
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->series.size(), 1U);
  EXPECT_EQ(read->refused, 1U);
  EXPECT_EQ(read->refused_reason, "native histograms are not supported");
}

TEST(Wire, BrokenMessagesAreErrors) {
  const auto good = Field(1, Label("__name__", "m") + Sample(1, 1));
  for (std::size_t cut = 1; cut < good.size(); ++cut) {
    EXPECT_FALSE(Decode(good.substr(0, cut)).has_value()) << cut;
  }
  EXPECT_FALSE(Decode("\x08\x01").has_value()) << "a number where series are";
  EXPECT_FALSE(DecodeWrite("").has_value());
  EXPECT_FALSE(DecodeWrite("no snappy at all").has_value());
}

TEST(Wire, TheDeclaredSizeIsLookedAtBeforeMemoryIsTaken) {
  const std::string bomb("\xff\xff\xff\xff\x0f\x00", 6);  // 4 GiB to come
  const auto read = DecodeWrite(bomb);
  ASSERT_FALSE(read.has_value());
  EXPECT_EQ(read.error().kind, base::ErrorKind::kRefused);
}

TEST(Wire, BoundsHold) {
  const auto one = Field(1, Label("__name__", "m") + Sample(1, 1));
  const auto kind = [](const base::Result<WriteRequest>& read) {
    return read ? base::ErrorKind::kInternal : read.error().kind;
  };
  EXPECT_EQ(kind(Decode(one + one, {.series = 1})), base::ErrorKind::kRefused);
  EXPECT_EQ(kind(Decode(one + one, {.samples = 1})), base::ErrorKind::kRefused);
  EXPECT_EQ(kind(Decode(Field(1, Label("a", "b") + Label("c", "d")), {.labels = 1})),
            base::ErrorKind::kRefused);
}

TEST(Wire, AReadRequestComesBack) {
  ReadRequest request;
  request.queries.push_back({-5, 9, {}});
  using Op = store::Matcher::Op;
  for (const auto op : {Op::kEqual, Op::kNotEqual, Op::kRegex, Op::kNotRegex}) {
    request.queries[0].matchers.push_back(store::MakeMatcher(op, "job", "a.*").value());
  }
  const auto read = DecodeRead(EncodeRead(request));
  ASSERT_TRUE(read.has_value()) << read.error().message;
  ASSERT_EQ(read->queries.size(), 1U);
  EXPECT_EQ(read->queries[0].from, -5);
  EXPECT_EQ(read->queries[0].to, 9);
  ASSERT_EQ(read->queries[0].matchers.size(), 4U);
  EXPECT_TRUE(read->queries[0].matchers[2].Matches("abc"));
  EXPECT_FALSE(read->queries[0].matchers[3].Matches("abc"));
  EXPECT_TRUE(read->samples);
  EXPECT_FALSE(DecodeRead(Snap(std::string("\x10\x01", 2)))->samples) << "chunks only";
  EXPECT_TRUE(DecodeRead(Snap(std::string("\x12\x02\x01\x00", 4)))->samples) << "packed, both";
  EXPECT_THAT(DecodeRead(Snap(Field(1, Field(3, "\x08\x02" + Field(2, "a") + Field(3, "(")))))
                  .error()
                  .message,
              HasSubstr("missing"));
}

TEST(Wire, AReadResponseComesBack) {
  ReadResponseWriter writer;
  writer.Add({{MakeLabels({{"__name__", "m"}}), {1, 2}, {3, 4}}});
  writer.Add({});
  const auto read = DecodeReadResponse(writer.Take());
  ASSERT_TRUE(read.has_value()) << read.error().message;
  ASSERT_EQ(read->size(), 2U);
  ASSERT_EQ((*read)[0].size(), 1U);
  EXPECT_EQ((*read)[0][0].points, (std::vector<model::Point>{{1, 3}, {2, 4}}));
  EXPECT_TRUE((*read)[1].empty());
}

}  // namespace
}  // namespace remote
