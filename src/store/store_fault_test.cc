// Kills, cut-off files and full disks: what was acknowledged is there, and the store goes on.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <random>

#include "base/full_disk_testing.h"
#include "store/store_testing.h"

extern char** environ;  // NOLINT: posix_spawn's

namespace store {
namespace {

using testing::MakeBatch;
using testing::Match;
using testing::MustOpen;
using testing::MustSelect;

constexpr model::Timestamp kStart = 1'700'006'400'000;
constexpr int kAckFd = 7;

StoreOptions CrashOptions(const std::string& dir) {
  StoreOptions options;
  options.dir = dir;
  options.window = std::chrono::minutes(1);
  options.retention_age = std::chrono::hours(0);
  options.head_samples = 300;
  return options;
}

// The child's part: appends for ever, says after each batch how many there are, tidies often.
TEST(CrashChild, DISABLED_Append) {
  const char* dir = std::getenv("RAKSA_STORE_CRASH_DIR");
  ASSERT_NE(dir, nullptr);
  const base::FrozenClock clock(base::FromMs(kStart + 40LL * 86'400'000));
  auto store = MustOpen(CrashOptions(dir));
  const auto have = MustSelect(*store, {Match("__name__", "x")});
  std::int64_t n = have.empty() ? 0 : static_cast<std::int64_t>(have[0].t.size());
  for (;; ++n) {
    const model::Timestamp t = kStart + n * 1000;
    const std::vector<model::Batch> both = {
        MakeBatch("a", t, {{"x", static_cast<double>(n)}, {"y", static_cast<double>(n) / 8}}),
        MakeBatch("b" + std::to_string(n / 50), t, {{"z", 1}})};
    ASSERT_TRUE(store->AppendMany(both).has_value());
    const std::int64_t acknowledged = n + 1;
    if (write(kAckFd, &acknowledged, sizeof acknowledged) != sizeof acknowledged) {
      return;
    }
    if (n % 7 == 0) {
      ASSERT_TRUE(store->Maintain(base::FromMs(t)).has_value());
    }
  }
}

// Starts this program as that child, kills it after `delay`, gives the last number it said.
std::int64_t RunAndKill(const std::string& dir, std::chrono::microseconds delay) {
  int ends[2] = {-1, -1};
  EXPECT_EQ(pipe(ends), 0);
  const std::string variable = "RAKSA_STORE_CRASH_DIR=" + dir;
  std::vector<char*> environment = {const_cast<char*>(variable.c_str())};
  for (char** at = environ; *at != nullptr; ++at) {
    environment.push_back(*at);
  }
  environment.push_back(nullptr);
  char program[] = "/proc/self/exe";
  char filter[] = "--gtest_filter=CrashChild.DISABLED_Append";
  char disabled[] = "--gtest_also_run_disabled_tests";
  char brief[] = "--gtest_brief=1";
  char* const arguments[] = {program, filter, disabled, brief, nullptr};
  posix_spawn_file_actions_t actions{};
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], kAckFd);
  posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_addclose(&actions, ends[0]);
  pid_t child = -1;
  EXPECT_EQ(posix_spawn(&child, program, &actions, nullptr, arguments, environment.data()), 0);
  posix_spawn_file_actions_destroy(&actions);
  close(ends[1]);
  std::int64_t last = 0;
  std::int64_t n = 0;
  EXPECT_EQ(read(ends[0], &last, sizeof last), static_cast<ssize_t>(sizeof last));  // it is at work
  // The pipe is emptied until the moment has come, so that the child never waits for us.
  const auto until = std::chrono::steady_clock::now() + delay;
  while (std::chrono::steady_clock::now() < until) {
    pollfd ready{.fd = ends[0], .events = POLLIN, .revents = 0};
    if (poll(&ready, 1, 1) == 1 && read(ends[0], &n, sizeof n) == sizeof n) {
      last = n;
    }
  }
  kill(child, SIGKILL);
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status)) << "the child ended by itself, status " << status;
  while (read(ends[0], &n, sizeof n) == sizeof n) {
    last = n;
  }
  close(ends[0]);
  return last;
}

TEST(StoreCrash, WhatWasAcknowledgedSurvivesSigkill) {
  const testing::TempDir dir;
  std::mt19937_64 rng(2026);
  for (int round = 0; round < 30; ++round) {
    SCOPED_TRACE("round " + std::to_string(round));
    const std::int64_t acknowledged =
        RunAndKill(dir.path(), std::chrono::microseconds(rng() % 60'000));
    const base::FrozenClock clock(base::FromMs(kStart + 40LL * 86'400'000));
    auto store = MustOpen(CrashOptions(dir.path()));
    const auto a = MustSelect(*store, {Match("target", "a")});
    ASSERT_EQ(a.size(), 2U);
    ASSERT_GE(static_cast<std::int64_t>(a[0].t.size()), acknowledged);
    ASSERT_LE(static_cast<std::int64_t>(a[0].t.size()), acknowledged + 1);
    for (std::size_t i = 0; i < a[0].t.size(); ++i) {
      ASSERT_EQ(a[0].t[i], kStart + static_cast<std::int64_t>(i) * 1000);
      ASSERT_EQ(a[0].v[i], static_cast<double>(i));
      ASSERT_EQ(a[1].v[i], static_cast<double>(i) / 8);
    }
    ASSERT_EQ(store->stats().rows_set_aside + store->stats().files_set_aside, 0U);
    if (round % 10 == 9) {
      EXPECT_EQ(store->Check()->problem_count, 0U);
    }
  }
}

void Copy(const std::string& from, const std::string& to) {
  std::filesystem::copy_file(from, to, std::filesystem::copy_options::overwrite_existing);
}

// The files of a store as they are now.
void CopyFiles(const testing::TempDir& from, const testing::TempDir& to) {
  for (const auto& file : std::filesystem::directory_iterator(from.path())) {
    const std::string name = file.path().filename();
    if (name != "samples.lock" && name != "samples.db-shm") {
      Copy(file.path(), to.path() + "/" + name);
    }
  }
}

TEST(StoreCrash, ALogCutOffOrTornGivesABeginningOfTheBatches) {
  const testing::TempDir dir;
  const base::FrozenClock clock(base::FromMs(kStart));
  StoreOptions options;
  options.dir = dir.path();
  auto store = MustOpen(options);
  for (int i = 0; i < 60; ++i) {
    ASSERT_TRUE(store->Append(MakeBatch("a", kStart + i, {{"x", i * 1.0}})).has_value());
  }
  const auto size = std::filesystem::file_size(dir.segments().back());
  std::mt19937_64 rng(5);
  std::size_t whole = 0;
  for (int round = 0; round < 100; ++round) {
    const testing::TempDir copy;
    CopyFiles(dir, copy);
    const std::string segment = copy.segments().back();
    const auto keep = round == 0 ? size : size - rng() % size;
    std::filesystem::resize_file(segment, keep);
    if (round % 2 == 1 && keep > 500) {  // the end half written
      testing::Overwrite(segment, keep - rng() % 500,
                         std::string(500, round % 4 == 1 ? '\0' : 'x'));
    }
    StoreOptions other = options;
    other.dir = copy.path();
    auto opened = MustOpen(other);
    const auto x = MustSelect(*opened, {Match("__name__", "x")});
    const std::size_t n = x.empty() ? 0 : x[0].v.size();
    for (std::size_t i = 0; i < n; ++i) {
      ASSERT_EQ(x[0].v[i], static_cast<double>(i));
    }
    whole = round == 0 ? n : whole;
    ASSERT_EQ(opened->stats().rows_set_aside + opened->stats().files_set_aside, 0U);
    ASSERT_TRUE(opened->Append(MakeBatch("a", kStart + 1000, {{"x", 1}})).has_value());
    ASSERT_EQ(opened->Check()->problem_count, 0U);
    opened = nullptr;
    opened = MustOpen(other);
    ASSERT_EQ(MustSelect(*opened, {Match("__name__", "x")})[0].v.size(), n + 1);
    ASSERT_EQ(opened->stats().rows_set_aside + opened->stats().files_set_aside, 0U);
  }
  EXPECT_EQ(whole, 60U);
}

// A crash of the machine may keep rows of the log and lose the commit that named their series.
TEST(StoreCrash, RowsWhoseSeriesAreLostNeverBecomeThoseOfAnother) {
  const testing::TempDir dir;
  const base::FrozenClock clock(base::FromMs(kStart));
  StoreOptions options;
  options.dir = dir.path();
  auto store = MustOpen(options);
  for (int i = 0; i < 40; ++i) {
    ASSERT_TRUE(store->Append(MakeBatch("a", kStart + i, {{"x" + std::to_string(i), i * 1.0}}))
                    .has_value());
  }
  const auto size = std::filesystem::file_size(dir.database() + "-wal");
  std::mt19937_64 rng(7);
  std::uint64_t aside = 0;
  for (int round = 0; round < 40; ++round) {
    const testing::TempDir copy;
    CopyFiles(dir, copy);
    std::filesystem::resize_file(copy.database() + "-wal", size - rng() % (size / 2));
    StoreOptions other = options;
    other.dir = copy.path();
    auto opened = MustOpen(other);
    const auto before = opened->stats();
    aside += before.rows_set_aside;
    ASSERT_EQ(before.replayed + before.rows_set_aside, 40U);
    for (int i = 0; i < 40; ++i) {  // takes the numbers that are free again
      ASSERT_TRUE(opened->Append(MakeBatch("b", kStart + 100 + i, {{"y" + std::to_string(i), 1}}))
                      .has_value());
    }
    opened = nullptr;
    opened = MustOpen(other);
    ASSERT_EQ(opened->stats().rows_set_aside, 0U);
    ASSERT_EQ(opened->stats().replayed, before.replayed + 40);
    for (const auto& one : MustSelect(*opened, {Match("target", "b")})) {
      ASSERT_EQ(one.v, std::vector<double>{1});
    }
    ASSERT_EQ(opened->Check()->problem_count, 0U);
  }
  EXPECT_GT(aside, 0U);
}

TEST(StoreCrash, DamagedPagesAnywhereNeverStopIt) {
  const testing::TempDir dir;
  base::FrozenClock clock(base::FromMs(kStart));
  StoreOptions options;
  options.dir = dir.path();
  options.window = std::chrono::minutes(1);
  {
    auto store = MustOpen(options);
    for (int i = 0; i < 600; ++i) {
      clock.SetWall(base::FromMs(kStart + i * 1000));
      (void)store->Append(MakeBatch("a" + std::to_string(i % 9), kStart + i * 1000,
                                    {{"x", i * 1.0}, {"y", i * 0.1 * i}}));
      (void)store->Maintain(base::Clock::Now());
    }
  }
  const auto size = std::filesystem::file_size(dir.database());
  std::mt19937_64 rng(6);
  for (int round = 0; round < 60; ++round) {
    const testing::TempDir copy;
    CopyFiles(dir, copy);
    {
      std::fstream file(copy.database(), std::ios::in | std::ios::out | std::ios::binary);
      file.seekp(static_cast<std::streamoff>(100 + rng() % (size - 4196)));
      for (std::size_t n = 1 + rng() % 3000; n > 0; --n) {
        file.put(static_cast<char>(rng()));
      }
    }
    StoreOptions other = options;
    other.dir = copy.path();
    auto opened = Store::Open(other);
    if (!opened) {  // the header says another version or application: refused with a sentence
      EXPECT_EQ(opened.error().kind, base::ErrorKind::kRefused) << opened.error().message;
      continue;
    }
    Store& store = **opened;
    const auto found = store.Select({Match("__name__", "x")}, 0, INT64_MAX);
    EXPECT_TRUE(found.has_value()) << found.error().message;
    (void)store.Append(MakeBatch("new", kStart + 600'000, {{"x", 7}}));
    (void)store.Maintain(base::Clock::Now());
    (void)store.Check();
    const auto fresh = store.Select({Match("target", "new")}, 0, INT64_MAX);
    ASSERT_TRUE(fresh.has_value());
    ASSERT_EQ(fresh->size(), 1U) << "round " << round;
  }
}

TEST(StoreDiskFull, GoesOnInMemoryAndResumes) {
  const testing::TempDir dir;
  base::FrozenClock clock(base::FromMs(kStart));
  StoreOptions options;
  options.dir = dir.path();
  auto store = MustOpen(options);
  int refused = 0;
  const auto append = [&](int i) {
    clock.SetWall(base::FromMs(kStart + i * 5000));
    const auto done = store->Append(
        MakeBatch("a", kStart + i * 5000, {{"x", i * 1.0}, {"n" + std::to_string(i / 10), 1}}));
    if (!done) {
      EXPECT_EQ(done.error().kind, base::ErrorKind::kUnavailable) << done.error().message;
      ++refused;
    }
  };
  for (int i = 0; i < 10; ++i) {
    append(i);
  }
  {
    const base::FullDisk full(4096);  // less than one page of the log
    for (int i = 10; i < 200; ++i) {
      append(i);
      (void)store->Maintain(base::Clock::Now());
    }
    EXPECT_GT(refused, 100);
    EXPECT_FALSE(store->stats().error.empty());
    EXPECT_EQ(MustSelect(*store, {Match("__name__", "x")})[0].v.size(), 200U);
    EXPECT_EQ(MustSelect(*store, {Match("__name__", "n19")}).size(), 1U);
  }
  clock.Advance(std::chrono::seconds(2));
  append(200);
  EXPECT_TRUE(store->stats().error.empty());
  EXPECT_EQ(store->stats().pending_bytes, 0U);
  EXPECT_EQ(store->stats().samples_lost, 0U);
  store = nullptr;
  store = MustOpen(options);
  EXPECT_EQ(MustSelect(*store, {Match("__name__", "x")})[0].v.size(), 201U);
  EXPECT_EQ(MustSelect(*store, {Match("__name__", "n19")}).size(), 1U);
  EXPECT_EQ(store->Check()->problem_count, 0U);
}

TEST(StoreDiskFull, MemoryIsBoundedAndTheOldestSamplesGo) {
  const testing::TempDir dir;
  base::FrozenClock clock(base::FromMs(kStart));
  StoreOptions options;
  options.dir = dir.path();
  options.head_samples = 500;
  options.pending_bytes = 2000;
  auto store = MustOpen(options);
  (void)store->Append(MakeBatch("a", kStart, {{"x", 0}}));
  {
    const base::FullDisk full(std::filesystem::file_size(dir.segments().back()) + 10);
    for (int i = 1; i < 5000; ++i) {
      clock.SetWall(base::FromMs(kStart + i * 5000));
      EXPECT_FALSE(store->Append(MakeBatch("a", kStart + i * 5000, {{"x", i * 1.0}})).has_value());
      ASSERT_LE(store->stats().head_samples, 1000U);
      ASSERT_LE(store->stats().pending_bytes, 2000U);
    }
  }
  EXPECT_GT(store->stats().samples_lost, 3000U);
  EXPECT_TRUE(store->Maintain(base::Clock::Now()).has_value());
  const auto x = MustSelect(*store, {Match("__name__", "x")});
  EXPECT_GE(x[0].v.size(), 250U);
  EXPECT_EQ(x[0].v.back(), 4999);
}

}  // namespace
}  // namespace store
