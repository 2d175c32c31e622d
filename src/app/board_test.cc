// What a target's card shows of its probes.
#include "app/board.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "base/clock.h"

namespace app {
namespace {

using api::TargetStatus;

constexpr model::Timestamp kStart = 1'700'006'400'000;

class BoardTest : public ::testing::Test {
 protected:
  BoardTest() { Watch({"icmp", "tcp", "snmp"}); }

  void Watch(const std::vector<std::string>& kinds) {
    model::Target target;
    target.name = "web1";
    for (const auto& kind : kinds) {
      model::ProbeSpec spec;
      spec.name = spec.kind = kind;
      spec.interval = std::chrono::seconds(5);
      spec.timeout = std::chrono::seconds(1);
      target.probes.push_back(spec);
    }
    target_ = std::make_shared<const model::Target>(target);
    board_.Apply({target});
  }

  // One slot: which probes pass.
  void Slot(bool ping, bool port, bool snmp) {
    clock_.Advance(std::chrono::seconds(5));
    const std::map<std::string, bool> passes{{"icmp", ping}, {"tcp", port}, {"snmp", snmp}};
    shows_ = false;
    for (const auto& spec : target_->probes) {
      const bool good = passes.at(spec.kind);
      probe::Run run{.target = target_, .slot = base::Clock::NowMs()};
      run.spec = std::make_shared<const model::ProbeSpec>(spec);
      run.outcome.success = good;
      run.outcome.reason = good ? "" : spec.kind + " failed";
      run.outcome.readings = {{.name = spec.kind, .labels = {}, .value = good ? 1.0 : 0.0}};
      shows_ = board_.OnRun(run) || shows_;
    }
  }
  api::TargetView View() { return board_.View("web1", base::Clock::Now()).value(); }

  base::FrozenClock clock_{base::FromMs(kStart)};
  std::shared_ptr<const model::Target> target_;
  Board board_;
  bool shows_ = false;  // what OnRun said of one of the slot's runs
};

TEST_F(BoardTest, AProbeThatFailsBesideOthersThatPassDegradesATarget) {
  EXPECT_EQ(View().status, TargetStatus::kUnknown);
  Slot(true, true, true);
  EXPECT_EQ(View().status, TargetStatus::kUp);
  Slot(true, false, true);
  EXPECT_EQ(View().status, TargetStatus::kDegraded);
  EXPECT_EQ(View().reason, "tcp: tcp failed");
  Slot(true, true, true);
  EXPECT_EQ(View().status, TargetStatus::kUp);
  EXPECT_EQ(View().reason, "");
  Slot(false, true, true);
  EXPECT_EQ(View().status, TargetStatus::kDown);
}

TEST_F(BoardTest, APortThatNeverAnsweredIsTroubleAndAnSnmpdIsNot) {
  Slot(true, true, false);
  EXPECT_EQ(View().status, TargetStatus::kUp);
  Slot(true, false, false);
  EXPECT_EQ(View().status, TargetStatus::kDegraded);
  Slot(true, true, true);
  Slot(true, true, false);
  EXPECT_EQ(View().status, TargetStatus::kDegraded) << "it has answered before";
  EXPECT_EQ(View().reason, "snmp: snmp failed");
}

TEST_F(BoardTest, ACardNamesAFailingProbeThatCountsBeforeOneThatDoesNot) {
  Watch({"snmp", "tcp", "icmp"});
  Slot(true, false, false);
  EXPECT_EQ(View().status, TargetStatus::kDegraded);
  EXPECT_EQ(View().reason, "tcp: tcp failed");
  Slot(false, true, false);
  EXPECT_EQ(View().status, TargetStatus::kDown);
  EXPECT_EQ(View().reason, "icmp: icmp failed");
  Slot(true, true, true);
  Slot(true, false, false);
  EXPECT_EQ(View().reason, "snmp: snmp failed") << "it counts now";
}

TEST_F(BoardTest, AProbeThatDoesNotCountIsNamedWhenNoOtherFails) {
  Watch({"snmp"});
  Slot(true, true, false);
  EXPECT_EQ(View().status, TargetStatus::kDown);
  EXPECT_EQ(View().reason, "snmp: snmp failed");
}

TEST_F(BoardTest, ARunLikeTheLastChangesNoCardButItsValuesAndTimes) {
  Slot(true, true, true);
  EXPECT_TRUE(shows_);
  Slot(true, true, true);
  EXPECT_FALSE(shows_);
  EXPECT_EQ(View().last_probe, base::Clock::Now());
  EXPECT_EQ(View().values.size(), 3U);
  EXPECT_EQ(View().values[0].time, base::Clock::Now());
  Slot(true, true, false);
  EXPECT_TRUE(shows_);
  clock_.Advance(std::chrono::minutes(1));
  EXPECT_EQ(View().status, TargetStatus::kUnknown) << "nothing for three intervals";
}

}  // namespace
}  // namespace app
