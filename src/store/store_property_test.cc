// Random batches, reopening and tidying at random moments, against a map that remembers everything.
#include <gtest/gtest.h>

#include <bit>
#include <map>
#include <random>

#include "model/sample.h"
#include "store/store_testing.h"

namespace store {
namespace {

using Rng = std::mt19937_64;
constexpr model::Timestamp kStart = 1'700'006'400'000;
constexpr int kTargets = 4;
constexpr int kMetrics = 6;

// What a store should hold: labels → time → bits of the value.
using Truth = std::map<model::Labels, std::map<model::Timestamp, std::uint64_t>>;

class Game {
 public:
  explicit Game(std::uint64_t seed) : rng_(seed) {
    options_.dir = dir_.path();
    options_.window = std::chrono::minutes(10);
    options_.retention_age = std::chrono::hours(0);
    options_.head_samples = 50 + rng_() % 2000;
    clock_.SetWall(base::FromMs(now_));
    store_ = testing::MustOpen(options_);
    for (int target = 0; target < kTargets; ++target) {
      for (int metric = 0; metric < kMetrics; ++metric) {
        labels_.push_back(testing::MakeLabels({{"__name__", "m" + std::to_string(metric)},
                                               {"target", "t" + std::to_string(target)}}));
      }
    }
  }

  void Play(int moves) {
    for (int move = 0; move < moves && !::testing::Test::HasFailure(); ++move) {
      const auto dice = rng_() % 100;
      if (dice < 80) {
        Append();
      } else if (dice < 90) {
        Maintain();
      } else if (dice < 92) {
        store_ = nullptr;
        store_ = testing::MustOpen(options_);
      } else {
        Compare();
      }
    }
    CompareAll();
    now_ += 3'600'000;
    clock_.SetWall(base::FromMs(now_));
    Maintain();
    EXPECT_EQ(store_->stats().head_samples, 0U);
    CompareAll();
    store_ = nullptr;
    store_ = testing::MustOpen(options_);
    EXPECT_EQ(store_->stats().replayed, 0U);
    CompareAll();
    const auto report = store_->Check();
    ASSERT_TRUE(report.has_value());
    EXPECT_EQ(report->problem_count, 0U);
    std::size_t samples = 0;
    for (const auto& [labels, points] : truth_) {
      samples += points.size();
    }
    EXPECT_EQ(report->samples, samples);
  }

 private:
  double Value(int metric) {
    switch (metric) {
      case 0:
        return 1;
      case 1:
        return static_cast<double>(rng_() % 101);
      case 2:
        return static_cast<double>(rng_() % 10'000) / 100;
      case 3:
        return static_cast<double>(counter_ += 8 * (rng_() % 100'000));
      case 4:
        return std::bit_cast<double>(rng_());
      default:
        return rng_() % 5 == 0 ? model::StaleNaN() : 0.25;
    }
  }

  model::Timestamp Time() {
    switch (rng_() % 20) {
      case 0:  // late
        return std::max<model::Timestamp>(
            kStart, now_ - static_cast<model::Timestamp>(rng_() % 7'200'000) / 1000 * 1000);
      case 1:  // a little ahead
        return now_ + static_cast<model::Timestamp>(rng_() % 600'000);
      case 2:  // not aligned
        return now_ - static_cast<model::Timestamp>(rng_() % 5000);
      default:
        return now_;
    }
  }

  void Append() {
    std::vector<model::Batch> batches(1 + (rng_() % 4 == 0 ? rng_() % 6 : 0));
    for (model::Batch& batch : batches) {
      const auto target = static_cast<int>(rng_() % kTargets);
      batch.target = "t" + std::to_string(target);
      batch.t = Time();
      for (int metric = 0; metric < kMetrics; ++metric) {
        if (rng_() % 3 != 0) {
          const auto& labels = labels_[static_cast<std::size_t>(target * kMetrics + metric)];
          const double v = Value(metric);
          batch.samples.push_back({labels, v});
          truth_[*labels][batch.t] = std::bit_cast<std::uint64_t>(v);
        }
      }
    }
    const auto done =
        batches.size() == 1 ? store_->Append(batches[0]) : store_->AppendMany(batches);
    ASSERT_TRUE(done.has_value()) << done.error().message;
    if (rng_() % 3 == 0) {
      now_ += rng_() % 400 == 0 ? 86'400'000 : 5000;
      clock_.SetWall(base::FromMs(now_));
    }
  }

  void Maintain() {
    const auto done = store_->Maintain(base::FromMs(now_));
    ASSERT_TRUE(done.has_value()) << done.error().message;
  }

  void Expect(const std::vector<SeriesData>& found, const Truth& truth, model::Timestamp from,
              model::Timestamp to) {
    auto at = found.begin();
    for (const auto& [labels, points] : truth) {
      const auto first = points.lower_bound(from);
      const auto last = points.upper_bound(to);
      if (first == last) {
        continue;
      }
      ASSERT_NE(at, found.end());
      ASSERT_EQ(*at->labels, labels);
      std::size_t i = 0;
      for (auto point = first; point != last; ++point, ++i) {
        ASSERT_LT(i, at->t.size());
        ASSERT_EQ(at->t[i], point->first);
        ASSERT_EQ(std::bit_cast<std::uint64_t>(at->v[i]), point->second);
      }
      ASSERT_EQ(i, at->t.size());
      ASSERT_EQ(at->v.size(), at->t.size());
      ++at;
    }
    ASSERT_EQ(at, found.end());
  }

  void Compare() {
    const model::Timestamp from =
        kStart +
        static_cast<model::Timestamp>(rng_() % static_cast<std::uint64_t>(now_ - kStart + 600'000));
    const model::Timestamp to = from + static_cast<model::Timestamp>(rng_() % 3'600'000);
    const std::string name = "m" + std::to_string(rng_() % kMetrics);
    Truth part;
    std::size_t present = 0;
    for (const auto& [labels, points] : truth_) {
      if (labels.Get("__name__") == name) {
        part[labels] = points;
        present += points.lower_bound(from) != points.upper_bound(to) ? 1 : 0;
      }
    }
    Expect(testing::MustSelect(*store_, {testing::Match("__name__", name)}, from, to), part, from,
           to);
    EXPECT_EQ(store_->Series({testing::Match("__name__", name)}, from, to)->size(), present);
  }

  void CompareAll() {
    Expect(testing::MustSelect(*store_, {testing::Match("__name__", ".+", Matcher::Op::kRegex)}),
           truth_, 0, INT64_MAX);
  }

  testing::TempDir dir_;
  Rng rng_;
  model::Timestamp now_ = kStart;
  base::FrozenClock clock_;
  StoreOptions options_;
  std::unique_ptr<Store> store_;
  std::vector<testing::LabelsPtr> labels_;
  Truth truth_;
  std::uint64_t counter_ = 0;
};

TEST(StoreProperty, AnswersAsAMapWould) {
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Game(seed).Play(700);
    if (::testing::Test::HasFailure()) {
      return;
    }
  }
}

}  // namespace
}  // namespace store
