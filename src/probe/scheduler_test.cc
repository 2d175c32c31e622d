// Tests of the scheduler on a frozen clock, with kinds that do what the test says.
#include "probe/scheduler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <thread>

#include "probe/series.h"

namespace probe {
namespace {

using namespace std::chrono_literals;

using Seen = Run;  // gtest has a Run of its own

/// What the fake kinds answer, by target and probe name.
struct Script {
  std::map<std::string, std::vector<double>> values;  ///< one a run; the last again and again
  std::map<std::string, int> runs;
  base::Duration takes{};
  int memories = 0;
};
Script* script = nullptr;

loop::Task<Outcome> RunFake(World /*world*/, Request request, std::shared_ptr<Memory> /*memory*/) {
  const std::string key = request.target->name + "/" + request.spec->name;
  const auto takes = script->takes;
  const int run = script->runs[key]++;
  if (takes > base::Duration::zero()) {
    co_await loop::Sleep(takes);
  }
  Outcome out;
  const auto& values = script->values[key];
  const double value =
      values.empty()
          ? 1.0
          : values[std::min<std::size_t>(static_cast<std::size_t>(run), values.size() - 1)];
  out.success = value != 0;
  out.reason = out.success ? "" : "as scripted";
  if (request.spec->kind == "snmp") {
    out.readings.push_back({"cpu_percent", {}, value});
    if (value > 50) {
      out.readings.push_back({"disk_percent", {{"path", "/"}}, value});
    }
  } else {
    out.readings.push_back({"ping", {}, value});
  }
  co_return out;
}

std::shared_ptr<Memory> MakeFakeMemory() {
  ++script->memories;
  return std::make_shared<Memory>();
}

const Kind kPing = {.spec = {.name = "icmp"},
                    .run = &RunFake,
                    .make_memory = &MakeFakeMemory,
                    .state_metrics = {"ping"}};
const Kind kSnmp = {.spec = {.name = "snmp"}, .run = &RunFake};
const Kind* const kKinds[] = {&kPing, &kSnmp};

class SchedulerTest : public ::testing::Test {
 protected:
  SchedulerTest() {
    script = &script_;
    scheduler_ = std::make_unique<Scheduler>(
        World{&loop_, nullptr, nullptr, nullptr}, [this](const Seen& run) { seen_.push_back(run); },
        Confirmation{
            3, 200ms, {}, [this](const std::string& target) { doubts_.push_back(target); }},
        kKinds);
  }
  ~SchedulerTest() override {
    loop_.RunTask(scheduler_->Stop());
    script = nullptr;
  }

  static model::Target Target(const std::string& name,
                              const std::vector<std::string>& kinds = {"icmp"},
                              base::Duration interval = 5s) {
    model::Target out;
    out.name = name;
    out.address = "192.0.2.1";
    for (const auto& kind : kinds) {
      model::ProbeSpec spec;
      spec.kind = kind;
      spec.name = kind;
      spec.interval = interval;
      spec.timeout = 1s;
      out.probes.push_back(spec);
    }
    return out;
  }
  /// Moves time on in steps of 100 ms, letting the loop do what is due.
  void Pass(base::Duration span) {
    for (base::Duration done{}; done < span; done += 100ms) {
      clock_.Advance(100ms);
      Settle();
    }
  }
  void Settle() {
    // Frozen timers look again every real millisecond. Rounds and not a span of time: on a busy
    // machine one sleep may last longer than all of them should.
    loop_.Drain();
    for (int round = 0; round < 4; ++round) {
      std::this_thread::sleep_for(1100us);
      loop_.Drain();
    }
  }
  static double Sample(const Seen& run, std::string_view name) {
    for (const auto& sample : run.batch.samples) {
      if (sample.labels->Get(model::kName) == name) {
        return sample.value;
      }
    }
    return -1;
  }

  base::FrozenClock clock_;
  loop::Loop loop_;
  Script script_;
  std::vector<Seen> seen_;
  std::vector<std::string> doubts_;
  std::unique_ptr<Scheduler> scheduler_;
};

TEST(SchedulerSlots, AreMultiplesShiftedByTheTargetsOffset) {
  const base::Time now(1'700'000'001s);
  EXPECT_EQ(Scheduler::NextSlot(now, 5s, 0s), base::Time(1'700'000'005s));
  EXPECT_EQ(Scheduler::NextSlot(now, 5s, 2s), base::Time(1'700'000'002s));
  EXPECT_EQ(Scheduler::NextSlot(base::Time(1'700'000'005s), 5s, 0s), base::Time(1'700'000'010s));
  EXPECT_EQ(Scheduler::NextSlot(base::Time(-3s), 5s, 0s), base::Time(0s));
  std::map<std::int64_t, int> spread;
  for (int i = 0; i < 1'000; ++i) {
    const auto offset = Scheduler::Offset("host" + std::to_string(i), 5s);
    EXPECT_GE(offset, 0s);
    EXPECT_LT(offset, 5s);
    ++spread[offset / 1s];
  }
  for (const auto& [second, count] : spread) {
    EXPECT_NEAR(count, 200, 60) << second;
  }
  EXPECT_EQ(Scheduler::Offset("a", 10s) % 5s, Scheduler::Offset("a", 5s));
}

TEST_F(SchedulerTest, RunsEverySlotAndSharesItsTime) {
  scheduler_->Apply({Target("web1", {"icmp", "snmp"})});
  Settle();
  Pass(20s);
  ASSERT_EQ(seen_.size(), 8U);
  const auto offset = Scheduler::Offset("web1", 5s) / 1ms;
  for (const auto& run : seen_) {
    EXPECT_EQ((run.slot - offset) % 5'000, 0);
    EXPECT_EQ(run.batch.t, run.slot);
    EXPECT_EQ(run.batch.target, "web1");
  }
  EXPECT_EQ(seen_[0].slot, seen_[1].slot);
  EXPECT_EQ(seen_[2].slot - seen_[0].slot, 5'000);
  EXPECT_EQ(Sample(seen_[0], "probe_success"), 1);
  EXPECT_EQ(seen_[0].batch.samples[0].labels->Get("ip"), "192.0.2.1");
  EXPECT_EQ(seen_[0].batch.samples[0].labels.get(), seen_[2].batch.samples[0].labels.get())
      << "labels are made once";
  EXPECT_EQ(scheduler_->stats().runs, 8U);
  EXPECT_EQ(scheduler_->stats().in_flight, 0U);
  EXPECT_EQ(scheduler_->GetLatest().size(), 2U);
}

TEST_F(SchedulerTest, AFlipIsConfirmedAtOnce) {
  script_.values["web1/icmp"] = {1, 1, 0, 0, 0, 0};
  scheduler_->Apply({Target("web1")});
  Settle();
  Pass(15s);
  ASSERT_EQ(seen_.size(), 3U);
  EXPECT_FALSE(seen_[1].flipped);
  EXPECT_TRUE(seen_[2].flipped);
  EXPECT_EQ(Sample(seen_[2], "ping"), 0);
  EXPECT_EQ(script_.runs["web1/icmp"], 6) << "three runs and three re-probes";
  EXPECT_EQ(scheduler_->stats().confirmed_flips, 1U);
  EXPECT_EQ(doubts_, std::vector<std::string>{"web1"}) << "once, while it is confirmed";
  Pass(5s);
  ASSERT_EQ(seen_.size(), 4U);
  EXPECT_FALSE(seen_[3].flipped) << "it stays as it is";
}

TEST_F(SchedulerTest, ConfirmationMayChangeWhileItRuns) {
  script_.values["web1/icmp"] = {1, 1, 0, 0, 0, 0};
  scheduler_->Apply({Target("web1")});
  Settle();
  scheduler_->SetConfirmation({.probes = 1});
  Pass(15s);
  ASSERT_EQ(seen_.size(), 3U);
  EXPECT_TRUE(seen_[2].flipped);
  EXPECT_EQ(script_.runs["web1/icmp"], 4) << "three runs and one re-probe";
  EXPECT_EQ(doubts_, std::vector<std::string>{"web1"}) << "who is told stays";
}

TEST_F(SchedulerTest, AFlipBetweenTwoSlotsIsSeenByTheWatch) {
  loop_.RunTask(scheduler_->Stop());
  scheduler_ = std::make_unique<Scheduler>(
      World{&loop_, nullptr, nullptr, nullptr}, [this](const Seen& run) { seen_.push_back(run); },
      Confirmation{3, 200ms, 1s, {}}, kKinds);
  // Slot, good look, bad look and three re-probes, then bad for good.
  script_.values["a/icmp"] = {1, 1, 0};
  scheduler_->Apply({Target("a")});
  while (seen_.empty()) {
    Pass(100ms);
  }
  Pass(3200ms);
  ASSERT_EQ(seen_.size(), 2U) << "a good look is not told";
  EXPECT_TRUE(seen_[1].flipped);
  EXPECT_FALSE(seen_[1].outcome.success);
  EXPECT_LT(seen_[1].slot - seen_[0].slot, 2500) << "not at the next slot";
  EXPECT_GT(scheduler_->stats().looks, 1U);
  Pass(6s);
  ASSERT_GE(seen_.size(), 3U) << "the schedule goes on";
  EXPECT_EQ((seen_[2].slot - seen_[0].slot) % 5000, 0);
  EXPECT_FALSE(seen_[2].flipped);
}

TEST_F(SchedulerTest, ALostPacketIsNoFlip) {
  script_.values["web1/icmp"] = {1, 0, 1, 1};
  scheduler_->Apply({Target("web1")});
  Settle();
  Pass(10s);
  ASSERT_EQ(seen_.size(), 2U);
  EXPECT_FALSE(seen_[1].flipped);
  EXPECT_EQ(Sample(seen_[1], "ping"), 1) << "the last re-probe's value";
  EXPECT_EQ(scheduler_->stats().unconfirmed_flips, 1U);
  EXPECT_EQ(scheduler_->stats().reprobes, 1U);
  EXPECT_TRUE(doubts_.empty());
}

TEST_F(SchedulerTest, TheFirstRunIsConfirmedOnlyWhenBad) {
  script_.values["down/icmp"] = {0};
  scheduler_->Apply({Target("up"), Target("down")});
  Settle();
  Pass(6s);
  EXPECT_EQ(script_.runs["up/icmp"],
            std::count_if(seen_.begin(), seen_.end(),
                          [](const Seen& run) { return run.batch.target == "up"; }))
      << "no re-probes";
  ASSERT_GE(script_.runs["down/icmp"], 4);
  const auto down = std::find_if(seen_.begin(), seen_.end(),
                                 [](const Seen& run) { return run.batch.target == "down"; });
  ASSERT_NE(down, seen_.end());
  EXPECT_TRUE(down->flipped);
}

TEST_F(SchedulerTest, SnmpWaitsForThePing) {
  script_.values["web1/icmp"] = {1, 0};
  scheduler_->Apply({Target("web1", {"icmp", "snmp"})});
  Settle();
  Pass(20s);
  EXPECT_EQ(script_.runs["web1/snmp"], 2) << "the second slot began before the ping was confirmed";
  EXPECT_EQ(scheduler_->stats().skipped_down, 2U);
  int stale = 0;
  for (const auto& run : seen_) {
    for (const auto& sample : run.batch.samples) {
      stale +=
          model::IsStale(sample.value) && sample.labels->Get(model::kName) == "cpu_percent" ? 1 : 0;
    }
  }
  EXPECT_EQ(stale, 1);
}

TEST_F(SchedulerTest, SeriesThatDoNotComeAgainEnd) {
  script_.values["web1/snmp"] = {80, 30, 30};
  scheduler_->Apply({Target("web1", {"snmp"})});
  Settle();
  Pass(15s);
  ASSERT_EQ(seen_.size(), 3U);
  EXPECT_EQ(Sample(seen_[0], "disk_percent"), 80);
  EXPECT_TRUE(model::IsStale(Sample(seen_[1], "disk_percent")));
  EXPECT_EQ(Sample(seen_[2], "disk_percent"), -1);
}

TEST_F(SchedulerTest, AReloadKeepsWhatDidNotChange) {
  scheduler_->Apply({Target("a"), Target("b"), Target("c")});
  Settle();
  Pass(5s);
  ASSERT_EQ(seen_.size(), 3U);
  const auto before = script_.memories;
  auto changed = Target("b");
  changed.address = "192.0.2.2";
  seen_.clear();
  scheduler_->Apply({Target("a"), changed, Target("d")});
  Settle();
  EXPECT_EQ(script_.memories, before + 2) << "a's memory stays; b's and d's are new";
  int stale = 0;
  for (const auto& run : seen_) {
    for (const auto& sample : run.batch.samples) {
      EXPECT_TRUE(model::IsStale(sample.value));
      ++stale;
    }
  }
  EXPECT_EQ(stale, 6) << "b's old labels and c have ended";
  seen_.clear();
  Pass(5s);
  std::map<std::string, int> count;
  for (const auto& run : seen_) {
    ++count[run.batch.target];
  }
  EXPECT_EQ(count, (std::map<std::string, int>{{"a", 1}, {"b", 1}, {"d", 1}})) << "no slot is lost";
}

TEST_F(SchedulerTest, AWallClockThatIsSetNeitherStopsNorBursts) {
  scheduler_->Apply({Target("web1")});
  Settle();
  Pass(10s);
  ASSERT_EQ(seen_.size(), 2U);
  clock_.SetWall(base::Clock::Now() - 1h);
  Pass(20s);
  EXPECT_GE(seen_.size(), 5U);
  EXPECT_LE(seen_.size(), 6U);
  const auto before = seen_.size();
  clock_.SetWall(base::Clock::Now() + 48h);
  Pass(20s);
  EXPECT_GE(seen_.size(), before + 3);
  EXPECT_LE(seen_.size(), before + 5);
  const auto offset = Scheduler::Offset("web1", 5s) / 1ms;
  for (const auto& run : seen_) {
    EXPECT_EQ((run.slot - offset) % 5'000, 0);
  }
}

TEST_F(SchedulerTest, ASlowProbeSkipsSlotsAndCountsThem) {
  script_.takes = 12s;
  scheduler_->Apply({Target("web1")});
  Settle();
  Pass(35s);
  EXPECT_EQ(scheduler_->stats().runs, 2U);
  EXPECT_EQ(scheduler_->stats().skipped_slots, 4U);
}

TEST_F(SchedulerTest, ProbeNowGoesBesideTheSchedule) {
  scheduler_->Apply({Target("web1")});
  Settle();
  const auto out = loop_.RunTask(scheduler_->ProbeNow("web1", "icmp"));
  EXPECT_TRUE(out.success);
  ASSERT_EQ(seen_.size(), 1U);
  EXPECT_TRUE(seen_[0].outside);
  EXPECT_EQ(seen_[0].slot, base::Clock::NowMs());
  const auto none = loop_.RunTask(scheduler_->ProbeNow("web1", "gopher"));
  EXPECT_FALSE(none.success);
  EXPECT_EQ(none.reason, "there is no probe \"gopher\" of \"web1\"");
}

TEST_F(SchedulerTest, WatchRunsOftenForAWhile) {
  scheduler_->Apply({Target("web1", {"icmp"}, 60s)});
  Settle();
  scheduler_->Watch("web1", 500ms, 3s);
  Settle();
  Pass(5s);
  EXPECT_GE(seen_.size(), 6U);
  EXPECT_LE(seen_.size(), 8U);
}

TEST_F(SchedulerTest, RemovedWhileRunning) {
  script_.takes = 10s;
  scheduler_->Apply({Target("web1")});
  Settle();
  Pass(5s);
  EXPECT_EQ(scheduler_->stats().in_flight, 1U);
  scheduler_->Apply({});
  Settle();
  Pass(11s);
  EXPECT_TRUE(seen_.empty());
  EXPECT_EQ(scheduler_->stats().probes, 0U);
  EXPECT_EQ(scheduler_->stats().in_flight, 0U);
}

TEST_F(SchedulerTest, ASecondProbeOfAKindHasItsOwnSeries) {
  auto target = Target("web1", {"icmp", "icmp"});
  target.probes[1].name = "icmp6";
  scheduler_->Apply({target});
  Settle();
  Pass(5s);
  ASSERT_EQ(seen_.size(), 2U);
  std::set<std::string> labels;
  for (const auto& run : seen_) {
    labels.insert(run.batch.samples[0].labels->ToString());
  }
  EXPECT_EQ(labels.size(), 2U);
}

TEST(Account, IsReadable) {
  model::Target target;
  target.name = "web1";
  model::ProbeSpec spec;
  spec.kind = "icmp";
  spec.name = "icmp";
  Outcome outcome;
  outcome.reason = "no answer within 1s";
  outcome.log = {"packet 1: no answer within 1s"};
  outcome.readings = {{"ping", {}, 0}, {"probe_icmp_rtt_seconds", {{"stat", "min"}}, 0.25}};
  const auto text = Account(target, spec, outcome);
  EXPECT_THAT(text, ::testing::HasSubstr("FAIL web1 (icmp): no answer within 1s"));
  EXPECT_THAT(text, ::testing::HasSubstr("packet 1"));
  EXPECT_THAT(text, ::testing::HasSubstr("0.25 s"));
}

}  // namespace
}  // namespace probe
