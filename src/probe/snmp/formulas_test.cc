// Tests of the formulas and of walks over answers that lie.
#include "probe/snmp/formulas.h"

#include <gtest/gtest.h>

#include "probe/probe_testing.h"

namespace probe::snmp {
namespace {

using probe::testing::Value;

Var Number(Oid oid, std::uint64_t number) {
  return Var{.oid = std::move(oid), .type = Var::Type::kNumber, .number = number};
}
Var Text(Oid oid, std::string text) {
  return Var{.oid = std::move(oid), .type = Var::Type::kText, .text = std::move(text)};
}
Oid Stats(std::uint32_t part) { return {1, 3, 6, 1, 4, 1, 2021, 11, part, 0}; }
Oid Mem(std::uint32_t part) { return {1, 3, 6, 1, 4, 1, 2021, 4, part, 0}; }
Oid Dsk(std::uint32_t part, std::uint32_t row) { return {1, 3, 6, 1, 4, 1, 2021, 9, 1, part, row}; }

/// Answers with these scalars.
Answers With(const std::vector<Var>& vars) {
  Answers out(2, {});
  Reply reply;
  reply.answered = true;
  reply.vars = vars;
  out.scalars.Accept(reply);
  return out;
}

Outcome Evaluated(const Answers& answers, Counters& counters) {
  Outcome out;
  out.readings = Evaluate(answers, counters);
  return out;
}

std::vector<Var> Ticks(std::uint32_t user, std::uint32_t system, std::uint32_t idle,
                       std::uint64_t uptime) {
  return {Number(Stats(50), user), Number(Stats(51), 0), Number(Stats(52), system),
          Number(Stats(53), idle), Number({1, 3, 6, 1, 2, 1, 1, 3, 0}, uptime)};
}

TEST(SnmpFormulas, CpuByDifference) {
  Counters counters;
  auto first = Ticks(100, 50, 1'000, 10);
  first.push_back(Number(Stats(11), 90));
  EXPECT_EQ(Value(Evaluated(With(first), counters), "cpu_percent"), 10.0) << "ssCpuIdle at first";
  auto out = Evaluated(With(Ticks(150, 80, 1'020, 500)), counters);
  EXPECT_EQ(Value(out, "cpu_percent"), 80.0);
  out = Evaluated(With(Ticks(150, 80, 1'020, 600)), counters);
  EXPECT_EQ(Value(out, "cpu_percent"), 80.0) << "figures that have not moved yet";
}

TEST(SnmpFormulas, CpuOverAWrapAndARestart) {
  Counters counters;
  Evaluated(With(Ticks(0xFFFFFFF0U, 0, 0xFFFFFF00U, 10)), counters);
  auto out = Evaluated(With(Ticks(0x10U, 0, 0xFFFFFF20U, 500)), counters);
  EXPECT_EQ(Value(out, "cpu_percent"), 50.0);
  out = Evaluated(With(Ticks(5, 5, 90, 3)), counters);
  EXPECT_EQ(Value(out, "cpu_percent"), std::nullopt) << "the agent has restarted";
  out = Evaluated(With(Ticks(5, 15, 180, 400)), counters);
  EXPECT_EQ(Value(out, "cpu_percent"), 10.0);
  out = Evaluated(With(Ticks(1, 15, 10, 800)), counters);
  EXPECT_EQ(Value(out, "cpu_percent"), std::nullopt) << "counters set back without a restart";
}

TEST(SnmpFormulas, CpuFallsBackToProcessorLoad) {
  Counters counters;
  Answers answers(2, {});
  Reply reply{.answered = true};
  const Oid column = {1, 3, 6, 1, 2, 1, 25, 3, 3, 1, 2};
  for (std::uint32_t i = 1; i <= 4; ++i) {
    Oid oid = column;
    oid.push_back(i);
    reply.vars.push_back(Number(oid, i * 10));
  }
  answers.processors.Accept(reply);
  const auto out = Evaluated(answers, counters);
  EXPECT_EQ(Value(out, "cpu_percent"), 25.0);
  EXPECT_EQ(Value(out, "cpu_core"), 4.0);
}

TEST(SnmpFormulas, MemoryBySysAvailAndWithout) {
  Counters counters;
  auto out = Evaluated(With({Number(Mem(5), 1'000), Number(Mem(6), 100), Number(Mem(14), 50),
                             Number(Mem(15), 150), Number(Mem(27), 400)}),
                       counters);
  EXPECT_EQ(Value(out, "mem_total"), 1'024'000.0);
  EXPECT_EQ(Value(out, "mem_used"), 614'400.0);
  EXPECT_EQ(Value(out, "mem_percent"), 60.0);
  out = Evaluated(
      With({Number(Mem(5), 1'000), Number(Mem(6), 100), Number(Mem(14), 50), Number(Mem(15), 150)}),
      counters);
  EXPECT_EQ(Value(out, "mem_percent"), 70.0);
  out = Evaluated(With({Number(Mem(5), 1'000)}), counters);
  EXPECT_EQ(Value(out, "mem_used"), std::nullopt) << "what did not come is absent";
  out = Evaluated(With({Number(Mem(5), 100), Number(Mem(27), 400)}), counters);
  EXPECT_EQ(Value(out, "mem_used"), std::nullopt) << "more available than there is";
  EXPECT_TRUE(
      Evaluated(With({Text(Mem(5), "1000"), Text(Mem(27), "x")}), counters).readings.empty());
}

TEST(SnmpFormulas, DisksBy64BitsNamedOnceAndPrintable) {
  Counters counters;
  Answers answers(2, {});
  Reply reply{.answered = true};
  const std::vector<std::string> paths = {"/", "/var\n\x1b[2J", "/"};
  for (std::uint32_t row = 1; row <= paths.size(); ++row) {
    reply.vars.push_back(Text(Dsk(2, row), paths[row - 1]));
    reply.vars.push_back(Number(Dsk(7, row), 0x7FFFFFFF));
    reply.vars.push_back(Number(Dsk(8, row), 0x7FFFFFFF));
    reply.vars.push_back(Number(Dsk(13, row), 0));
    reply.vars.push_back(Number(Dsk(14, row), 3));
    reply.vars.push_back(Number(Dsk(15, row), 0));
    reply.vars.push_back(Number(Dsk(16, row), 1));
  }
  answers.disks.Accept(reply);
  const auto out = Evaluated(answers, counters);
  EXPECT_EQ(Value(out, "disk_percent", "path", "/"), 25.0);
  EXPECT_EQ(Value(out, "disk_used", "path", "/"), 4'294'967'296.0 * 1'024);
  EXPECT_EQ(out.readings.size(), 8U) << "the second \"/\" is left out";
  EXPECT_EQ(std::string(out.readings[4].labels.Get("path")).find('\x1b'), std::string::npos);
}

TEST(SnmpFormulas, Octets32AreCarriedOn) {
  Counters counters;
  const auto at = [&](std::uint64_t octets, std::uint64_t uptime) {
    auto answers = With({Number({1, 3, 6, 1, 2, 1, 1, 3, 0}, uptime)});
    Reply reply{.answered = true};
    reply.vars = {Text({1, 3, 6, 1, 2, 1, 2, 2, 1, 2, 7}, "eth0"),
                  Number({1, 3, 6, 1, 2, 1, 2, 2, 1, 10, 7}, octets),
                  Number({1, 3, 6, 1, 2, 1, 2, 2, 1, 16, 7}, 1)};
    answers.interfaces32.Accept(reply);
    return Value(Evaluated(answers, counters), "bits_received", "interface", "eth0");
  };
  EXPECT_EQ(at(0xFFFFFFFFU, 10), 8.0 * 0xFFFFFFFFU);
  EXPECT_EQ(at(9, 20), 8.0 * (4'294'967'296.0 + 9));
  EXPECT_EQ(at(5, 3), 40.0) << "a restart begins anew";
}

TEST(SnmpTable, EndsOnLoopsForeignOidsAndTooManyRows) {
  const Oid column = {1, 3, 6, 1};
  const auto row = [&](std::uint32_t i) {
    Oid oid = column;
    oid.push_back(i);
    return Number(oid, i);
  };
  Table loop({column}, true, 10);
  loop.Accept({.answered = true, .vars = {row(1), row(2), row(2)}});
  EXPECT_FALSE(loop.Next());
  EXPECT_EQ(loop.rows().size(), 2U);
  Table foreign({column}, true, 10);
  foreign.Accept({.answered = true, .vars = {row(1), Number({1, 3, 7}, 1)}});
  EXPECT_FALSE(foreign.Next());
  Table endless({column}, true, 10);
  std::uint32_t i = 0;
  while (endless.Next()) {
    endless.Accept({.answered = true, .vars = {row(i + 1), row(i + 2), row(i + 3)}});
    i += 3;
    ASSERT_LT(i, 10'000U);
  }
  EXPECT_EQ(endless.rows().size(), Table::kMaxRows);
  Table same({column}, true, 10);  // an agent that answers every request with too-big
  int rounds = 0;
  while (same.Next() && rounds < 100) {
    same.Accept({.answered = true, .error_status = 1});
    ++rounds;
  }
  EXPECT_LT(rounds, 10);
}

TEST(SnmpScalars, LeavesOutWhatAnErrorNamesAndHalvesWhatIsTooBig) {
  Scalars scalars({{1, 1}, {1, 2}, {1, 3}});
  scalars.Accept({.answered = true, .error_status = 2, .error_index = 2});
  ASSERT_TRUE(scalars.Next());
  EXPECT_EQ(scalars.Next()->oids, (std::vector<Oid>{{1, 1}, {1, 3}}));
  scalars.Accept({.answered = true, .error_status = 1});
  EXPECT_EQ(scalars.Next()->oids.size(), 1U);
  scalars.Accept({.answered = true, .vars = {Number({1, 1}, 5), Number({1, 9}, 6)}});
  EXPECT_EQ(scalars.Number({1, 1}), 5U);
  EXPECT_FALSE(scalars.Number({1, 9})) << "nobody asked for it";
  scalars.Accept({.answered = true, .error_status = 5, .error_index = 99});
  EXPECT_FALSE(scalars.Next());
}

}  // namespace
}  // namespace probe::snmp
