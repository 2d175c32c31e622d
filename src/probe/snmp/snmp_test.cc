// Tests of the snmp probe against a real snmpd and against agents that misbehave.
#include "probe/snmp/snmp.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "probe/probe_testing.h"
#include "probe/snmp/discovery.h"
#include "probe/snmp/snmpd_testing.h"

namespace probe::snmp {
namespace {

using namespace std::chrono_literals;
using probe::testing::MakeRequest;
using probe::testing::TestWorld;
using probe::testing::Value;
using ::testing::AnyOf;
using ::testing::HasSubstr;
using testing::Packet;
using testing::Scripted;

probe::testing::Draft For(std::uint16_t port, int version = 2, base::Duration timeout = 2s) {
  auto request = MakeRequest(kKind, "", timeout);
  model::SnmpCredential credential;
  credential.version = version;
  credential.port = port;
  credential.community = base::Secret("public");
  request.target.snmp = credential;
  return request;
}

probe::testing::Draft ForUser(std::uint16_t port, const std::string& user, const std::string& auth,
                              const std::string& priv, const std::string& phrase = "authpass1") {
  auto request = For(port, 3, 3s);
  auto& c = *request.target.snmp;
  c.user = user;
  c.level = priv.empty() ? "authNoPriv" : "authPriv";
  c.auth_protocol = auth;
  c.auth_password = base::Secret(phrase);
  c.priv_protocol = priv;
  c.priv_password = base::Secret("privpass1");
  return request;
}

/// One snmpd for all tests here.
class SnmpdTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { snmpd_ = new testing::Snmpd; }
  static void TearDownTestSuite() {
    delete snmpd_;
    snmpd_ = nullptr;
  }
  void SetUp() override {
    if (!snmpd_->there()) {
      GTEST_SKIP() << "no snmpd here: tools/install snmpd unpacks Debian's into build/tools";
    }
    const auto until = base::Clock::Steady() + 10s;
    while (!w_.Run(kKind, For(snmpd_->port(), 2, 200ms)).success && base::Clock::Steady() < until) {
      ::usleep(20'000);
    }
  }
  TestWorld w_;
  static testing::Snmpd* snmpd_;
};
testing::Snmpd* SnmpdTest::snmpd_ = nullptr;

void ExpectFigures(const Outcome& out) {
  EXPECT_TRUE(out.success) << out.reason;
  EXPECT_GE(Value(out, "cpu_core").value_or(0), 1);
  const double total = Value(out, "mem_total").value_or(0);
  long pages = ::sysconf(_SC_PHYS_PAGES) * ::sysconf(_SC_PAGE_SIZE);
  EXPECT_NEAR(total, static_cast<double>(pages), 0.05 * static_cast<double>(pages));
  EXPECT_GT(Value(out, "mem_used").value_or(0), 0);
  EXPECT_NEAR(Value(out, "mem_percent").value_or(-1),
              100 * Value(out, "mem_used").value_or(0) / total, 0.1);
  const auto disk = Value(out, "disk_total", "path", "/");
  ASSERT_TRUE(disk);
  EXPECT_EQ(*disk,
            *Value(out, "disk_used", "path", "/") + *Value(out, "disk_available", "path", "/"));
  EXPECT_TRUE(Value(out, "bits_received", "interface", "lo"));
  EXPECT_TRUE(Value(out, "bits_sent", "interface", "lo"));
}

TEST_F(SnmpdTest, Version2c) { ExpectFigures(w_.Run(kKind, For(snmpd_->port()))); }

TEST_F(SnmpdTest, Version1) { ExpectFigures(w_.Run(kKind, For(snmpd_->port(), 1, 5s))); }

TEST_F(SnmpdTest, Version3WithEveryStrength) {
  ExpectFigures(w_.Run(kKind, ForUser(snmpd_->port(), "sha", "SHA", "AES")));
  ExpectFigures(w_.Run(kKind, ForUser(snmpd_->port(), "sha256", "SHA-256", "AES-192")));
  ExpectFigures(w_.Run(kKind, ForUser(snmpd_->port(), "sha512", "SHA-512", "AES-256")));
  ExpectFigures(w_.Run(kKind, ForUser(snmpd_->port(), "nopriv", "SHA-224", "")));
}

TEST_F(SnmpdTest, Version3KeepsItsEngineAndKeysBetweenRuns) {
  const auto memory = kKind.make_memory();
  const auto request = ForUser(snmpd_->port(), "sha256", "SHA-256", "AES-192");
  ExpectFigures(w_.Run(kKind, request, memory));
  ExpectFigures(w_.Run(kKind, request, memory));
}

TEST_F(SnmpdTest, Version3SaysWhatIsWrong) {
  auto out = w_.Run(kKind, ForUser(snmpd_->port(), "nobody", "SHA-256", "AES"));
  EXPECT_FALSE(out.success);
  EXPECT_THAT(out.reason, HasSubstr("does not know this user"));
  out = w_.Run(kKind, ForUser(snmpd_->port(), "nopriv", "SHA-224", "", "wrongpass1"));
  EXPECT_FALSE(out.success);
  EXPECT_THAT(out.reason, HasSubstr("authentication"));
  // And the right pass phrase works afterwards: the process's user list has been renewed.
  out = w_.Run(kKind, ForUser(snmpd_->port(), "nopriv", "SHA-224", ""));
  EXPECT_TRUE(out.success) << out.reason;
  out = w_.Run(kKind, ForUser(snmpd_->port(), "nopriv", "SHA-224", "", "short"));
  EXPECT_THAT(out.reason, HasSubstr("8 characters"));
  out = w_.Run(kKind, ForUser(snmpd_->port(), "nopriv", "ROT13", ""));
  EXPECT_THAT(out.reason, HasSubstr("ROT13"));
}

TEST_F(SnmpdTest, AWrongCommunityIsSilence) {
  auto request = For(snmpd_->port(), 2, 200ms);
  request.target.snmp->community = base::Secret("wrong");
  const auto out = w_.Run(kKind, request);
  EXPECT_FALSE(out.success);
  EXPECT_EQ(out.reason, "no answer within 200ms");
  EXPECT_TRUE(out.readings.empty());
}

loop::Task<> One(World world, Request request, int* good, int* bad, base::Duration* longest) {
  const auto out = co_await kKind.run(world, request, nullptr);
  *(out.success ? good : bad) += 1;
  *longest = std::max(*longest, out.took);
}

TEST_F(SnmpdTest, SilentHostsDoNotHoldUpTheOthers) {
  const Scripted silent([](const Packet&) { return std::vector<Packet>{}; });
  int good = 0;
  int bad = 0;
  base::Duration longest{};
  loop::Scope scope(w_.loop);
  for (int i = 0; i < 100; ++i) {
    const bool mute = i % 5 == 0;
    const auto request = i % 10 == 0 ? ForUser(silent.port(), "sha", "SHA", "AES")
                                     : For(mute ? silent.port() : snmpd_->port(), 2, 3s);
    scope.Spawn("snmp", One(w_.world(), request, &good, &bad, &longest));
  }
  w_.loop.RunTask(scope.Join());
  EXPECT_EQ(good, 80);
  EXPECT_EQ(bad, 20);
  EXPECT_LT(longest, 10s) << "one after the other they would take a minute";
}

TEST(Snmp, SilenceEndsAtTheDeadlineForEveryVersion) {
  TestWorld w;
  const Scripted silent([](const Packet&) { return std::vector<Packet>{}; });
  for (const int version : {1, 2, 3}) {
    auto request =
        version == 3 ? ForUser(silent.port(), "u", "SHA", "AES") : For(silent.port(), version);
    request.spec.timeout = 900ms;
    const auto out = w.Run(kKind, request);
    EXPECT_FALSE(out.success);
    EXPECT_EQ(out.reason, "no answer within 900ms");
    EXPECT_LT(out.took, 5s) << version;
  }
  EXPECT_GE(silent.received(), 6) << "lost packets are sent again";
}

TEST(Snmp, AClosedPortIsRefused) {
  TestWorld w;
  const auto port = testing::FreePort();
  for (const int version : {2, 3}) {
    auto request = version == 3 ? ForUser(port, "u", "SHA", "AES") : For(port, version);
    request.spec.timeout = 60s;
    const auto out = w.Run(kKind, request);
    EXPECT_FALSE(out.success);
    EXPECT_THAT(out.reason, AnyOf(HasSubstr("refused"), HasSubstr("Refused")));
    EXPECT_LT(out.took, 20s) << "at once, not at the deadline";
  }
}

/// Makes a v2c response of a request by turning its tag; the values stay NULL.
Packet Echoed(Packet request) {
  for (std::size_t i = 0; i + 1 < request.size(); ++i) {
    if ((request[i] == 0xA0 || request[i] == 0xA1 || request[i] == 0xA5) && i > 10) {
      request[i] = 0xA2;
      break;
    }
  }
  return request;
}

TEST(Snmp, MisbehavingAgentsEndWithAReason) {
  TestWorld w;
  const std::vector<std::function<std::vector<Packet>(const Packet&)>> scripts = {
      [](const Packet&) { return std::vector<Packet>{Packet(1'400, 0xFF)}; },
      [](const Packet&) { return std::vector<Packet>{Packet{}}; },
      [](const Packet& p) { return std::vector<Packet>{p}; },  // the request back
      [](const Packet& p) { return std::vector<Packet>{Echoed(p)}; },
      [](const Packet& p) { return std::vector<Packet>(200, Echoed(p)); },
      [](const Packet& p) {  // cut off
        auto out = Echoed(p);
        out.resize(out.size() / 2);
        return std::vector<Packet>{out};
      },
      [](const Packet& p) {  // lengths that lie
        auto out = Echoed(p);
        for (std::size_t i = out.size() / 2; i < out.size(); ++i) {
          out[i] ^= 0x5A;
        }
        return std::vector<Packet>{out};
      }};
  for (std::size_t i = 0; i < scripts.size(); ++i) {
    const Scripted agent(scripts[i]);
    for (const int version : {1, 2, 3}) {
      auto request =
          version == 3 ? ForUser(agent.port(), "u", "SHA", "AES") : For(agent.port(), version);
      request.spec.timeout = 250ms;
      const auto out = w.Run(kKind, request);
      EXPECT_FALSE(out.success) << i << " version " << version;
      EXPECT_NE(out.reason, "") << i << " version " << version;
      EXPECT_LT(out.took, 5s) << i << " version " << version;
    }
  }
}

TEST(Snmp, WithoutCredentials) {
  TestWorld w;
  const auto out = w.Run(kKind, MakeRequest(kKind));
  EXPECT_FALSE(out.success);
  EXPECT_THAT(out.reason, HasSubstr("credentials"));
}

TEST(SnmpDiscovery, ReadsAReportAndNothingElse) {
  // A report as RFC 3414 4 has it: engine 80001f8880, boots 7, time 1000.
  const Packet report = {0x30, 0x3E, 0x02, 0x01, 0x03,  // version
                         0x30, 0x0E, 0x02, 0x02, 0x12, 0x34, 0x02, 0x03,
                         0x00, 0xFF, 0xE3, 0x04, 0x01, 0x00, 0x02, 0x01};
  EXPECT_FALSE(ParseReport(report, 0x1234));
  const auto request = DiscoveryRequest(0x1234);
  EXPECT_FALSE(ParseReport(request, 0x1234)) << "a request is no report";
  Packet out = request;
  for (std::size_t i = 0; i < 4'000; ++i) {  // no cut or flipped packet is read beyond its end
    Packet bad = request;
    bad[(i * 7) % bad.size()] ^= static_cast<std::uint8_t>(1 + i % 255);
    bad.resize(bad.size() - i % 20);
    static_cast<void>(ParseReport(bad, 0x1234));
  }
}

}  // namespace
}  // namespace probe::snmp
