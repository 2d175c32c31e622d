// Tests of the loop: tasks, scopes, events, workers, processes, frozen time.
#include "loop/loop.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/use_awaitable.hpp>

#include "loop/process.h"
#include "loop/resolver.h"
#include "loop/worker.h"

namespace loop {
namespace {

using namespace std::chrono_literals;

Task<> Ticker(int* count) {
  for (;;) {
    co_await Sleep(30s);
    ++*count;
  }
}

TEST(Loop, ADayInAMoment) {
  base::FrozenClock clock;
  Loop loop;
  int count = 0;
  loop.Spawn("ticker", Ticker(&count));
  loop.Drain();
  for (int i = 0; i < 720; ++i) {
    clock.Advance(30s);
    loop.RunUntil([&] { return count > i; }, 10'000ms);
  }
  EXPECT_EQ(count, 720);
}

Task<> Thrower() {
  co_await Sleep(0s);
  throw std::runtime_error("boom");
}

TEST(Loop, AnUnexpectedExceptionEndsIt) {
  Loop loop;
  loop.Spawn("thrower", Thrower());
  EXPECT_THROW(loop.Run(), std::runtime_error);
}

TEST(Scope, CancelsAndJoins) {
  Loop loop;
  int count = 0;
  Scope scope(loop);
  scope.Spawn("a", Ticker(&count));
  scope.Spawn("b", Ticker(&count));
  loop.Drain();
  EXPECT_EQ(scope.running(), 2U);
  scope.Cancel();
  loop.RunTask(scope.Join());
  EXPECT_EQ(scope.running(), 0U);
}

Task<std::string> WaitBoth(Event* event, bool* ran_out) {
  const bool first = co_await event->WaitFor(20ms);
  *ran_out = true;
  const bool second = co_await event->WaitFor(60s);
  co_return fmt::format("{} {}", first, second);
}

Task<> NotifyOnce(Event* event, const bool* when) {
  while (!*when) {
    co_await Sleep(1ms);
  }
  event->Notify();
}

TEST(Event, NotifiesOrRunsOut) {
  Loop loop;
  Event event(loop);
  bool ran_out = false;
  loop.Spawn("notifier", NotifyOnce(&event, &ran_out));
  EXPECT_EQ(loop.RunTask(WaitBoth(&event, &ran_out)), "false true");
}

Task<int> UseWorker(Worker* worker) {
  const int value = co_await worker->Run([] { return 42; });
  co_return value;
}

Task<> BadWork(Worker* worker) {
  co_await worker->Run([]() -> int { throw std::logic_error("no"); });
}

TEST(Worker, HopsThereAndBack) {
  Loop loop;
  Worker worker(loop, "test");
  EXPECT_EQ(loop.RunTask(UseWorker(&worker)), 42);
  EXPECT_THROW(loop.RunTask(BadWork(&worker)), std::logic_error);
}

ProcessResult RunIt(Loop& loop, std::vector<std::string> argv, ProcessOptions options = {}) {
  auto result = loop.RunTask(RunProcess(std::move(argv), std::move(options)));
  EXPECT_TRUE(result) << result.error().message;
  return result.value_or(ProcessResult{});
}

TEST(Process, GivesStatusAndOutput) {
  Loop loop;
  const auto r = RunIt(loop, {"sh", "-c", "echo out; echo err >&2; exit 3"});
  EXPECT_EQ(r.exit_status, 3);
  EXPECT_EQ(r.out, "out\n");
  EXPECT_EQ(r.err, "err\n");
}

TEST(Process, ReadsItsInput) {
  Loop loop;
  const auto r = RunIt(loop, {"cat"}, {.input = "hello"});
  EXPECT_EQ(r.out, "hello");
}

TEST(Process, EndsAtTheLimitWithItsGroup) {
  Loop loop;
  const auto r = RunIt(loop, {"sh", "-c", "sleep 60 & sleep 60"}, {.limit = 50ms});
  EXPECT_TRUE(r.timed_out);
  EXPECT_LT(r.took, 20s);  // of sixty
}

TEST(Process, BoundsItsOutput) {
  Loop loop;
  const auto r = RunIt(loop, {"sh", "-c", "yes | head -c 1000000"}, {.max_output = 1000});
  EXPECT_EQ(r.out.size(), 1000U);
  EXPECT_TRUE(r.truncated);
}

TEST(Process, AGrandchildWithThePipeDoesNotHangIt) {
  Loop loop;
  const auto r = RunIt(loop, {"sh", "-c", "(sleep 30; echo late) & echo parent"});
  EXPECT_EQ(r.out, "parent\n");
  EXPECT_LT(r.took, 15s);  // of thirty
}

TEST(Process, SaysWhenItCannotStart) {
  Loop loop;
  const auto r = loop.RunTask(RunProcess({"/nonexistent/program"}));
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().kind, base::ErrorKind::kUnavailable);
}

TEST(Resolver, LiteralsLocalNamesAndUnknownOnes) {
  Loop loop;
  Resolver resolver(loop);
  const auto literal = loop.RunTask(resolver.Resolve("::1", 1s));
  ASSERT_TRUE(literal);
  EXPECT_EQ(literal->front().to_string(), "::1");
  const auto local = loop.RunTask(resolver.Resolve("localhost", 2s));
  ASSERT_TRUE(local) << local.error().message;
  EXPECT_FALSE(local->empty());
  EXPECT_FALSE(loop.RunTask(resolver.Resolve("no-such-name.invalid", 2s)));
}

}  // namespace
}  // namespace loop
