// What every kind of probe must keep to, whatever it probes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <fstream>
#include <set>
#include <sstream>

#include "config/node.h"
#include "loop/peer_testing.h"
#include "probe/kind.h"
#include "probe/probe_testing.h"
#include "probe/snmp/snmpd_testing.h"

namespace probe {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

std::string FileOf(const Kind& kind, const std::string& name) {
  const auto path =
      std::string(RAKSA_SOURCE_DIR) + "/src/probe/" + std::string(kind.spec.name) + "/" + name;
  std::ifstream in(path);
  std::stringstream out;
  out << in.rdbuf();
  return out.str();
}

class EveryKind : public ::testing::TestWithParam<const Kind*> {};

TEST_P(EveryKind, IsFoundByItsNameAndOnlyOnce) {
  const Kind& kind = *GetParam();
  EXPECT_EQ(Find(kind.spec.name), &kind);
  EXPECT_EQ(std::count_if(Catalogue().begin(), Catalogue().end(),
                          [&](const Kind* other) { return other->spec.name == kind.spec.name; }),
            1);
  EXPECT_FALSE(kind.spec.title.empty());
  EXPECT_NE(kind.run, nullptr);
}

TEST_P(EveryKind, DocumentsEveryOptionAndMetric) {
  const Kind& kind = *GetParam();
  const auto readme = FileOf(kind, "README.md");
  std::set<std::string_view> names;
  for (const auto& option : kind.spec.options) {
    EXPECT_TRUE(names.insert(option.name).second) << option.name;
    EXPECT_FALSE(option.help.empty()) << option.name;
    EXPECT_THAT(readme, HasSubstr("`" + std::string(option.name) + "`"));
  }
  names.clear();
  EXPECT_FALSE(kind.spec.metrics.empty());
  for (const auto& metric : kind.spec.metrics) {
    EXPECT_TRUE(names.insert(metric.name).second) << metric.name;
    EXPECT_TRUE(model::IsMetricName(metric.name)) << metric.name;
    EXPECT_FALSE(metric.help.empty()) << metric.name;
    EXPECT_TRUE(metric.type == "gauge" || metric.type == "counter") << metric.name;
    EXPECT_THAT(readme, HasSubstr("`" + std::string(metric.name)));
  }
  for (const auto& state : kind.state_metrics) {
    EXPECT_TRUE(names.contains(state)) << state;
  }
}

TEST_P(EveryKind, HasAnExampleThatIsGood) {
  const Kind& kind = *GetParam();
  const auto text = FileOf(kind, "example.yaml");
  ASSERT_FALSE(text.empty());
  const auto document = config::Document::Parse(text, "example.yaml");
  config::ReadOptions(document->Root(), kind.spec.options, "a probe");
  for (const auto& problem : document->problems()) {
    ADD_FAILURE() << problem.ToString();
  }
}

/// A request of that kind to loopback, where TCP `port` and UDP `udp` are the peers.
testing::Draft RequestTo(const Kind& kind, std::uint16_t port, std::uint16_t udp,
                         base::Duration timeout) {
  testing::Draft out;
  out.target.name = "peer";
  out.target.address = "127.0.0.1";
  out.target.url = "http://127.0.0.1:" + std::to_string(port) + "/";
  out.target.snmp.emplace();
  out.target.snmp->port = udp;
  out.target.snmp->community = base::Secret("public");
  out.spec.kind = kind.spec.name;
  out.spec.name = kind.spec.name;
  out.spec.timeout = timeout;
  out.spec.options = config::DefaultOptions(kind.spec.options);
  for (const auto& option : kind.spec.options) {
    if (option.name == "port") {
      out.spec.options.Set("port", std::int64_t{port});
    }
    if (option.name == "url" && option.required) {
      out.spec.options.Set("url", out.target.url);
    }
    if (option.name == "expect") {
      out.spec.options.Set("expect", std::string("never"));
    }
  }
  return out;
}

void ExpectSound(const Kind& kind, const Outcome& out) {
  EXPECT_EQ(out.success, out.reason.empty()) << out.reason;
  for (const auto& reading : out.readings) {
    const auto metric = std::find_if(kind.spec.metrics.begin(), kind.spec.metrics.end(),
                                     [&](const auto& m) { return m.name == reading.name; });
    ASSERT_NE(metric, kind.spec.metrics.end()) << reading.name << " is not in the kind's list";
    for (const auto& [name, value] : reading.labels) {
      EXPECT_THAT(metric->labels, ::testing::Contains(name)) << reading.name;
      EXPECT_TRUE(model::IsLabelName(name));
    }
    EXPECT_EQ(reading.labels.size(), metric->labels.size()) << reading.name;
  }
}

TEST_P(EveryKind, GivesTheMetricsOfItsList) {
  const Kind& kind = *GetParam();
  testing::TestWorld w;
  const loop::testing::Peer peer([](int fd) {
    loop::testing::SendAll(fd, "HTTP/1.1 200 never\r\nContent-Length: 0\r\n\r\n");
    loop::testing::Linger(fd);
  });
  const snmp::testing::Snmpd agent;
  const auto request = RequestTo(kind, peer.port(), agent.there() ? agent.port() : 9, 2s);
  auto out = w.Run(kind, request);
  const auto until = base::Clock::Steady() + 5s;
  while (!out.success && kind.spec.name == "snmp" && agent.there() &&
         base::Clock::Steady() < until) {
    ::usleep(20'000);
    out = w.Run(kind, request);
  }
  ExpectSound(kind, out);
}

TEST_P(EveryKind, EndsAtTheDeadlineAgainstASilentPeer) {
  const Kind& kind = *GetParam();
  testing::TestWorld w;
  const loop::testing::Peer peer(loop::testing::Linger);
  const snmp::testing::Scripted agent(
      [](const snmp::testing::Packet&) { return std::vector<snmp::testing::Packet>{}; });
  auto request = RequestTo(kind, peer.port(), agent.port(), 250ms);
  if (kind.spec.name == "icmp") {
    request.target.address = "240.0.0.1";
  }
  const auto begin = base::Clock::Steady();
  const auto out = w.Run(kind, request, kind.make_memory != nullptr ? kind.make_memory() : nullptr);
  EXPECT_LT(base::Clock::Steady() - begin, 5s);
  EXPECT_FALSE(out.success);
  EXPECT_FALSE(out.reason.empty());
  ExpectSound(kind, out);
}

INSTANTIATE_TEST_SUITE_P(Probe, EveryKind,
                         ::testing::ValuesIn(Catalogue().begin(), Catalogue().end()),
                         [](const auto& info) { return std::string(info.param->spec.name); });

}  // namespace
}  // namespace probe
