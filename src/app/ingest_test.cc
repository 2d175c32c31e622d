// Tests of Ingest on a real store and a real worker.
#include "app/ingest.h"

#include <gtest/gtest.h>

#include <atomic>

#include "base/clock.h"
#include "store/store_testing.h"

namespace app {
namespace {

using namespace std::chrono_literals;
using store::testing::MakeBatch;
using store::testing::Match;

class IngestTest : public ::testing::Test {
 protected:
  IngestTest() {
    store::StoreOptions options;
    options.dir = dir_.path();
    store_ = store::testing::MustOpen(std::move(options));
    worker_ = std::make_unique<loop::Worker>(loop_, "store");
    ingest_ = std::make_unique<Ingest>(
        loop_, *worker_, *store_,
        [this](std::span<const model::Batch> batches, std::span<const model::TableBatch>) {
          tapped_ += batches.size();
          ++lots_;
        },
        [this](std::vector<std::string> flipped) {
          ++said_;
          flipped_.insert(flipped_.end(), flipped.begin(), flipped.end());
        });
    while (store_->unsettled()) {  // a new store has work that would be told of
      EXPECT_TRUE(store_->Maintain(base::Clock::Now()).has_value());
    }
  }
  [[nodiscard]] std::size_t Stored() const {
    std::size_t out = 0;
    for (const auto& series :
         store::testing::MustSelect(*store_, {Match("__name__", "up")}, 0, 1LL << 50)) {
      out += series.t.size();
    }
    return out;
  }
  void Put(int n, std::vector<std::string> flipped = {}) {
    ingest_->Put(MakeBatch("a", now_ + n * 1000, {{"up", 1}}), std::move(flipped));
  }
  bool Until(const std::function<bool()>& done) { return loop_.RunUntil(done, 5000ms); }

  store::testing::TempDir dir_;
  const model::Timestamp now_ = base::Clock::NowMs() - 600'000;
  loop::Loop loop_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<loop::Worker> worker_;
  std::unique_ptr<Ingest> ingest_;
  std::atomic<std::size_t> tapped_{0};
  std::atomic<std::size_t> lots_{0};
  int said_ = 0;
  std::vector<std::string> flipped_;
};

TEST_F(IngestTest, WhatTheLoopHasReadyIsOneTransaction) {
  for (int i = 0; i < 50; ++i) {
    Put(i);
  }
  EXPECT_EQ(ingest_->stats().waiting, 50U);
  ASSERT_TRUE(Until([&] { return tapped_ == 50 && worker_->backlog() == 0; }));
  EXPECT_EQ(lots_, 1U);
  EXPECT_EQ(Stored(), 50U);
  EXPECT_EQ(ingest_->stats().batches, 50U);
  EXPECT_EQ(ingest_->stats().waiting, 0U);
}

TEST_F(IngestTest, TheLoopIsWokenOnlyForFlips) {
  Put(0);
  ASSERT_TRUE(Until([&] { return tapped_ == 1 && worker_->backlog() == 0; }));
  loop_.Drain();
  EXPECT_EQ(said_, 0);
  Put(1, {"ping"});
  ASSERT_TRUE(Until([&] { return said_ > 0; }));
  EXPECT_EQ(flipped_, std::vector<std::string>{"ping"});
  EXPECT_EQ(Stored(), 2U) << "it can be read when it is told";
}

TEST_F(IngestTest, WhatComesWhileTheWorkerIsBusyFollows) {
  std::atomic<bool> go{false};
  worker_->Post([&] {
    while (!go) {
      std::this_thread::sleep_for(1ms);
    }
  });
  Put(0);
  loop_.Drain();  // the first lot waits behind the busy function now
  for (int i = 1; i < 20; ++i) {
    Put(i);
  }
  go = true;
  ASSERT_TRUE(Until([&] { return tapped_ == 20 && worker_->backlog() == 0; }));
  EXPECT_EQ(lots_, 1U) << "a lot is made up when the worker takes it";
  EXPECT_EQ(Stored(), 20U);
}

TEST_F(IngestTest, WhatWasPutIsStoredAlsoWhenItGoesAway) {
  Put(0, {"ping"});
  loop_.Drain();
  ingest_.reset();
  worker_.reset();  // runs what is queued to its end
  loop_.Drain();
  EXPECT_EQ(said_, 0) << "nobody is there to be told";
  EXPECT_EQ(Stored(), 1U);
}

TEST_F(IngestTest, TakenBatchesAreStoredWhenItReturns) {
  const auto done = loop_.RunTask(ingest_->Take({MakeBatch("a", now_, {{"up", 1}})}));
  ASSERT_TRUE(done.has_value());
  EXPECT_EQ(Stored(), 1U);
  ingest_->TakeNow(MakeBatch("a", now_ + 1000, {{"up", 1}}));
  EXPECT_EQ(Stored(), 2U);
  EXPECT_EQ(tapped_, 2U);
}

TEST_F(IngestTest, WhatTheStoreRefusesIsCounted) {
  ingest_->Put(MakeBatch("a", -1, {{"up", 1}}), {});
  ASSERT_TRUE(Until([&] { return ingest_->stats().errors == 1; }));
  Put(1);
  ASSERT_TRUE(Until([&] { return tapped_ == 2 && worker_->backlog() == 0; }));
  EXPECT_EQ(ingest_->stats().errors, 1U);
  EXPECT_EQ(Stored(), 1U);
}

}  // namespace
}  // namespace app
