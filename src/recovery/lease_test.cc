// The lease's scripts in a real shell: two owners, expiry, clocks, machines.
#include "recovery/lease.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "loop/process.h"

namespace recovery {
namespace {

using testing::HasSubstr;
using namespace std::chrono_literals;

/// Runs commands on this machine.
class HereShell : public ssh::Shell {
 public:
  loop::Task<base::Result<model::CommandRecord>> Run(ssh::Command command) override {
    model::CommandRecord record;
    record.argv = command.argv;
    auto ran = co_await loop::RunProcess(std::move(command.argv));
    if (!ran) {
      co_return base::Fail(ran.error());
    }
    record.exit_status = ran->exit_status;
    record.output = ran->out + ran->err;
    co_return record;
  }
};

class LeaseTest : public testing::Test {
 public:
  LeaseTest() {
    std::string pattern = "/tmp/raksa-lease-XXXXXX";
    place_.directory = ::mkdtemp(pattern.data());
    place_.machine_file = place_.directory + "/machine-id";
    std::ofstream(place_.machine_file) << "abc\n";
  }
  ~LeaseTest() override { std::filesystem::remove_all(place_.directory); }

  base::Result<> Take(const std::string& owner, const std::string& machine = "abc") {
    return loop_.RunTask(TakeLease(&shell_, machine, owner, 60s, &records_, place_));
  }
  void Release(const std::string& owner) {
    loop_.RunTask(ReleaseLease(&shell_, owner, &records_, place_));
  }
  void Put(const std::string& text) {
    const auto path = place_.directory + "/raksa.lease";
    std::filesystem::remove(path);
    std::filesystem::create_symlink(text, path);
  }

  LeasePlace place_;
  HereShell shell_;
  loop::Loop loop_;
  std::vector<model::CommandRecord> records_;
};

TEST_F(LeaseTest, OneOwnerAtATime) {
  ASSERT_TRUE(Take("one"));
  const auto second = Take("two");
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().kind, base::ErrorKind::kRefused);
  EXPECT_THAT(second.error().message, HasSubstr("held by one for"));
  EXPECT_TRUE(Take("one")) << "its owner may take it again";
  Release("two");
  EXPECT_FALSE(Take("two")) << "only its owner gives it back";
  Release("one");
  EXPECT_TRUE(Take("two"));
  EXPECT_EQ(records_.size(), 7u);
}

TEST_F(LeaseTest, WhatHasExpiredOrCannotBeIsTakenOver) {
  const auto now = ::time(nullptr);
  Put("dead," + std::to_string(now - 1));
  EXPECT_TRUE(Take("one"));
  Put("future," + std::to_string(now + 100'000));
  EXPECT_TRUE(Take("one")) << "no lease is so long: a clock was wrong";
  Put("garbage");
  EXPECT_TRUE(Take("one"));
  Put("a,b,$(id)");
  EXPECT_TRUE(Take("one"));
}

TEST_F(LeaseTest, AnotherMachineIsDenied) {
  const auto result = Take("one", "def");
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().kind, base::ErrorKind::kDenied);
  EXPECT_THAT(result.error().message, HasSubstr("machine-id is abc"));
  EXPECT_FALSE(
      std::filesystem::exists(std::filesystem::symlink_status(place_.directory + "/raksa.lease")));
}

TEST_F(LeaseTest, ManyAtOnceAndOneWins) {
  int won = 0;
  loop::Scope scope(loop_);
  const auto attempt = [](LeaseTest* test, int n, int* count) -> loop::Task<> {
    const auto result = co_await TakeLease(&test->shell_, "abc", "owner" + std::to_string(n), 60s,
                                           &test->records_, test->place_);
    *count += result ? 1 : 0;
  };
  for (int i = 0; i < 12; ++i) {
    scope.Spawn("take", attempt(this, i, &won));
  }
  loop_.RunTask(scope.Join());
  EXPECT_EQ(won, 1);
}

}  // namespace
}  // namespace recovery
