// Tests how pushed samples are grouped for the store, and that what is learnt stays bounded.
#include "remote/push.h"

#include <gtest/gtest.h>

namespace remote {
namespace {

std::shared_ptr<const model::Labels> MakeLabels(std::vector<model::Labels::Pair> pairs) {
  return std::make_shared<const model::Labels>(std::move(pairs));
}

TEST(Push, SamplesOfOneSourceAndTimeTravelTogether) {
  WriteRequest request;
  const auto a = MakeLabels({{"__name__", "a"}, {"instance", "h:1"}, {"job", "node"}});
  const auto b = MakeLabels({{"__name__", "b"}, {"instance", "h:1"}, {"job", "node"}});
  const auto c = MakeLabels({{"__name__", "c"}});
  const auto d = MakeLabels({{"__name__", "d"}, {"job", std::string(300, 'x')}});
  request.series = {{a, {{1, 10}, {2, 11}}}, {b, {{1, 20}}}, {c, {{1, 30}}}, {d, {{1, 40}}}};
  const auto batches = ToBatches(request);
  ASSERT_EQ(batches.size(), 3U);
  EXPECT_EQ(batches[0].target, ":push/node/h:1");
  EXPECT_EQ(batches[0].t, 1);
  ASSERT_EQ(batches[0].samples.size(), 2U);
  EXPECT_EQ(batches[0].samples[1].value, 20);
  EXPECT_EQ(batches[1].t, 2);
  EXPECT_EQ(batches[2].target, ":push");
  EXPECT_EQ(batches[2].samples.size(), 2U) << "without job and instance, and with a long one";
}

TEST(Push, MetadataIsBoundedAndTheNewestWins) {
  MetadataBook book;
  for (std::size_t i = 0; i < MetadataBook::kMax + 5; ++i) {
    book.Learn({{"m" + std::to_string(i), "gauge", "", ""}});
  }
  EXPECT_EQ(book.known().size(), MetadataBook::kMax);
  book.Learn({{"m1", "counter", "help", ""}});
  EXPECT_EQ(book.known().at("m1").type, "counter");
}

}  // namespace
}  // namespace remote
