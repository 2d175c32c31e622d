// Batches by slots: the same samples as batches with labels, whatever order and gaps they have.
#include <gtest/gtest.h>

#include <map>

#include "store/slots.h"
#include "store/store_testing.h"

namespace store {
namespace {

using testing::MustOpen;
using testing::TempDir;

class Names : public model::SeriesTable {
 public:
  Names(std::shared_ptr<const void> identity, std::vector<std::string> names)
      : identity_(std::move(identity)), names_(std::move(names)) {}
  [[nodiscard]] std::shared_ptr<const void> identity() const override { return identity_; }
  [[nodiscard]] std::uint32_t size() const override {
    return static_cast<std::uint32_t>(names_.size());
  }
  [[nodiscard]] model::Labels LabelsOf(std::uint32_t slot) const override {
    return {{"__name__", names_[slot]}};
  }

 private:
  std::shared_ptr<const void> identity_;
  std::vector<std::string> names_;
};

std::shared_ptr<const Names> Table(std::vector<std::string> names,
                                   std::shared_ptr<const void> identity = nullptr) {
  return std::make_shared<const Names>(identity ? identity : std::make_shared<const int>(0),
                                       std::move(names));
}

/// The values at `t` by name.
std::map<std::string, double> At(const Store& store, model::Timestamp t) {
  std::map<std::string, double> out;
  const auto all = store.Select({*MakeMatcher(Matcher::Op::kNotEqual, "__name__", "")}, t, t);
  EXPECT_TRUE(all);
  for (const auto& series : *all) {
    for (const double v : series.v) {
      out[std::string(series.labels->Get("__name__"))] = v;
    }
  }
  return out;
}

class SlotsTest : public ::testing::Test {
 protected:
  base::Result<> Put(model::Timestamp t, std::shared_ptr<const model::SeriesTable> table,
                     std::vector<double> values, std::vector<std::uint32_t> slots = {}) {
    const model::TableBatch batch{"web1", t, std::move(table), std::move(slots), std::move(values)};
    return store_->AppendMany({}, std::span(&batch, 1));
  }
  TempDir dir_;
  model::Timestamp now_ = base::Clock::NowMs();
  std::unique_ptr<Store> store_ = MustOpen({.dir = dir_.path()});
};

TEST_F(SlotsTest, AreTheSeriesThatTheirLabelsName) {
  const auto table = Table({"a", "b", "c"});
  ASSERT_TRUE(Put(now_, table, {1, 2, 3}));
  ASSERT_TRUE(Put(now_ + 1, table, {4, 6}, {0, 2}));
  const auto grown = Table({"a", "b", "c", "d"}, table->identity());
  ASSERT_TRUE(Put(now_ + 2, grown, {7, 8}, {1, 3}));
  ASSERT_TRUE(Put(now_ + 3, table, {9}, {2}));  // the shorter one may still come
  EXPECT_EQ(At(*store_, now_), (std::map<std::string, double>{{"a", 1}, {"b", 2}, {"c", 3}}));
  EXPECT_EQ(At(*store_, now_ + 1), (std::map<std::string, double>{{"a", 4}, {"c", 6}}));
  EXPECT_EQ(At(*store_, now_ + 2), (std::map<std::string, double>{{"b", 7}, {"d", 8}}));
  EXPECT_EQ(At(*store_, now_ + 3), (std::map<std::string, double>{{"c", 9}}));
  EXPECT_EQ(store_->stats().series, 4U);
}

TEST_F(SlotsTest, AnotherOrderThanTheStoresIsFound) {
  ASSERT_TRUE(Put(now_, Table({"a", "b", "c", "d"}), {1, 2, 3, 4}));
  const auto other = Table({"d", "e", "b", "a"});
  ASSERT_TRUE(Put(now_ + 1, other, {5, 6, 7, 8}));
  ASSERT_TRUE(Put(now_ + 2, other, {9, 10}, {0, 3}));
  EXPECT_EQ(At(*store_, now_ + 1),
            (std::map<std::string, double>{{"a", 8}, {"b", 7}, {"d", 5}, {"e", 6}}));
  EXPECT_EQ(At(*store_, now_ + 2), (std::map<std::string, double>{{"a", 10}, {"d", 9}}));
  EXPECT_EQ(store_->stats().series, 5U);
}

TEST_F(SlotsTest, TwoSlotsThatAreOneSeriesGiveOneSample) {
  ASSERT_TRUE(Put(now_, Table({"a", "b", "a"}), {1, 2, 3}));
  EXPECT_EQ(At(*store_, now_), (std::map<std::string, double>{{"a", 1}, {"b", 2}}));
  ASSERT_TRUE(Put(now_ + 1, Table({"a", "b", "a"}), {model::StaleNaN(), 2, 3}));
  EXPECT_EQ(At(*store_, now_ + 1), (std::map<std::string, double>{{"a", 3}, {"b", 2}}));
  ASSERT_TRUE(Put(now_ + 2, Table({"a", "b", "a"}), {1, 2, model::StaleNaN()}));
  EXPECT_EQ(At(*store_, now_ + 2), (std::map<std::string, double>{{"a", 1}, {"b", 2}}));
}

TEST_F(SlotsTest, ABatchThatDoesNotFitItsTableIsRefused) {
  const auto table = Table({"a", "b"});
  for (const auto& slots : std::vector<std::vector<std::uint32_t>>{{0, 2}, {1, 0}, {1, 1}}) {
    const auto done = Put(now_, table, {1, 2}, slots);
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().kind, base::ErrorKind::kInvalid);
  }
  EXPECT_FALSE(Put(now_, table, {1}));
  EXPECT_FALSE(Put(now_, nullptr, {1}));
  EXPECT_EQ(store_->stats().samples_refused, 8U);
}

TEST_F(SlotsTest, SeriesBeyondTheLimitAreLeftOut) {
  store_.reset();
  store_ = MustOpen({.dir = dir_.path(), .max_series = 2});
  const auto done = Put(now_, Table({"a", "b", "c"}), {1, 2, 3});
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().kind, base::ErrorKind::kRefused);
  EXPECT_EQ(At(*store_, now_), (std::map<std::string, double>{{"a", 1}, {"b", 2}}));
  EXPECT_EQ(store_->stats().samples_refused, 1U);
}

}  // namespace
}  // namespace store
