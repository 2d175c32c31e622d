// Rulesets of nftables, recorded from nft 1.0.6 of Debian 12 and made up.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "diagnosis/parse/nft.h"
#include "diagnosis/recorded_testing.h"

namespace diagnosis::parse {
namespace {

constexpr std::string_view kMonitor = "10.77.0.1";

NftRuleset Read(const std::string& text) {
  auto ruleset = ReadNft(text);
  EXPECT_TRUE(ruleset) << (ruleset ? "" : ruleset.error().message) << "\n" << text;
  return ruleset ? std::move(*ruleset) : NftRuleset{};
}

Packet To(std::uint16_t port, std::string_view from = kMonitor) {
  return {.from = std::string(from), .port = port, .original_port = port};
}

NftVerdict Walk(const NftRuleset& ruleset, std::uint16_t port, std::string_view from = kMonitor,
                NftWay way = {}) {
  return WalkNft(ruleset, To(port, from), way);
}

/// "HANDLE RULE" of what drops the packet, else "".
std::string By(const NftVerdict& verdict) {
  return verdict.dropped ? std::to_string(verdict.handle) + " " + verdict.rule : "";
}

// The JSON of one table "inet t" with one base chain "c" at hook input and the rules given, each
// `EXPR,EXPR`; `more`: further objects.
std::string Ruleset(const std::vector<std::string>& rules, const std::string& more = "",
                    const std::string& chain = R"("type":"filter","hook":"input","prio":0,)"
                                               R"("policy":"accept")") {
  std::string out = R"({"nftables":[{"metainfo":{"version":"1.0.6"}},)"
                    R"({"table":{"family":"inet","name":"t","handle":1}},)"
                    R"({"chain":{"family":"inet","table":"t","name":"c","handle":1,)" +
                    chain + "}}" + more;
  int handle = 10;
  for (const auto& rule : rules) {
    out += R"(,{"rule":{"family":"inet","table":"t","chain":"c","handle":)" +
           std::to_string(handle++) + R"(,"expr":[)" + rule + "]}}";
  }
  return out + "]}";
}

std::string Chain(const std::string& name, const std::string& rules) {
  return R"(,{"chain":{"family":"inet","table":"t","name":")" + name + R"("}})" +
         R"(,{"rule":{"family":"inet","table":"t","chain":")" + name + R"(","handle":99,"expr":[)" +
         rules + "]}}";
}

std::string Match(const std::string& left, const std::string& right, const std::string& op = "==") {
  return R"({"match":{"op":")" + op + R"(","left":)" + left + R"(,"right":)" + right + "}}";
}

const std::string kPort = R"({"payload":{"protocol":"tcp","field":"dport"}})";
const std::string kDrop = R"({"drop":null})";
const std::string kAccept = R"({"accept":null})";
const std::string kMark = Match(R"({"meta":{"key":"mark"}})", "1");
const std::string kWeb = Match(kPort, "80");

std::string Made(const std::vector<std::string>& rules, const std::string& more = "") {
  return By(Walk(Read(Ruleset(rules, more)), 80));
}

TEST(Nft, APlainDebianServer) {
  const auto rules = Read(Recorded("nft_debian.json"));
  const auto web = Walk(rules, 80);
  EXPECT_TRUE(web.dropped);
  EXPECT_FALSE(web.by_address);
  EXPECT_EQ(web.table, "inet filter");
  EXPECT_EQ(web.chain, "input");
  EXPECT_EQ(By(web), "12 tcp dport { 80, 443 } drop");
  EXPECT_EQ(By(Walk(rules, 22)), "");
  EXPECT_EQ(By(Walk(rules, 8050)), "");
  EXPECT_EQ(By(Walk(rules, 5432)), "0 policy drop");
  EXPECT_EQ(By(Walk(rules, 443, "2001:db8::1")), "12 tcp dport { 80, 443 } drop");
}

TEST(Nft, WhatDockerHandsOnGoesByForwardAndNotByInput) {
  const auto rules = Read(Recorded("nft_debian.json"));
  const NftWay way{.forwarded = true, .iptables = true};
  const auto verdict = WalkNft(rules, {"10.77.0.1", 8000, 22}, way);
  EXPECT_EQ(verdict.chain, "forward");
  EXPECT_EQ(By(verdict), "0 policy drop");
}

TEST(Nft, SetsMapsChainsAndConcatenations) {
  const auto rules = Read(Recorded("nft_sets.json"));
  EXPECT_EQ(By(Walk(rules, 22)), "") << "the map accepts it";
  EXPECT_EQ(By(Walk(rules, 25)), "20 tcp dport vmap @ports: drop");
  EXPECT_EQ(By(Walk(rules, 80)), "") << "www returns, and the set of ports jumps to what accepts";
  EXPECT_EQ(By(Walk(rules, 80, "10.78.0.1")), "") << "the pair is accepted first";
  EXPECT_EQ(By(Walk(rules, 80, "10.78.0.2")), "38 ip saddr 0.0.0.0/0 drop");
  EXPECT_EQ(Walk(rules, 80, "10.78.0.2").chain, "www");
  EXPECT_EQ(By(Walk(rules, 22, "192.0.2.77")), "17 ip saddr @bad4 drop");
  EXPECT_TRUE(Walk(rules, 22, "203.0.113.7").by_address);
  EXPECT_EQ(By(Walk(rules, 22, "203.0.113.10")), "");
  EXPECT_EQ(By(Walk(rules, 22, "198.51.100.7")), "17 ip saddr @bad4 drop");
  EXPECT_EQ(By(Walk(rules, 22, "2001:db8::5")), "18 ip6 saddr @bad6 reject");
  EXPECT_EQ(By(Walk(rules, 5432)), "") << "10.77.0.0/24 . 5432";
  EXPECT_EQ(By(Walk(rules, 5432, "10.78.0.1")), "0 policy drop");
  EXPECT_EQ(By(Walk(rules, 3000)), "");
  EXPECT_EQ(By(Walk(rules, 8050)), "");
  EXPECT_EQ(By(Walk(rules, 60001)), "");
  EXPECT_EQ(By(Walk(rules, 9100)), "0 policy drop") << "the monitor is one of the two";
}

TEST(Nft, ANotrackSomewhereLeavesStatesOpen) {
  const auto rules = Read(Recorded("nft_sets.json"));
  EXPECT_TRUE(rules.untracked);
  EXPECT_EQ(By(Walk(rules, 7000)), "0 policy drop") << "a drop that may fit decides nothing";
  EXPECT_EQ(By(Walk(rules, 7100)), "0 policy drop");
}

TEST(Nft, TranslatedPortsAreFollowedOrLeftAlone) {
  const auto rules = Read(Recorded("nft_sets.json"));
  EXPECT_EQ(By(Walk(rules, 81)), "") << "8081 is accepted";
  EXPECT_EQ(By(Walk(rules, 82)), "") << "dnat: who knows where to";
  EXPECT_EQ(By(Walk(rules, 83)), "") << "perhaps redirected";
  EXPECT_EQ(By(Walk(rules, 84)), "0 policy drop");
}

TEST(Nft, AnAddressThatIsNotKnownIsNoProof) {
  EXPECT_EQ(By(Walk(Read(Recorded("nft_debian.json")), 80, "")), "");
}

TEST(Nft, Fail2ban) {
  const auto rules = Read(Recorded("nft_fail2ban.json"));
  const auto verdict = Walk(rules, 80);
  EXPECT_TRUE(verdict.by_address);
  EXPECT_EQ(By(verdict), "4 tcp dport { 22, 80 } ip saddr @addr-set-sshd reject");
  EXPECT_EQ(By(Walk(rules, 80, "10.77.0.2")), "");
}

TEST(Nft, TablesOfIptablesAreLeftToItsReader) {
  const auto rules = Read(Recorded("nft_iptables.json"));
  const NftWay known{.forwarded = false, .iptables = true};
  EXPECT_EQ(By(Walk(rules, 9999, kMonitor, known)), "");
  EXPECT_EQ(By(Walk(rules, 90, kMonitor, known)), "") << "redirected by xt";
  // A table that only has such a name is nobody else's.
  const std::string plain =
      R"({"nftables":[{"table":{"family":"ip","name":"filter"}},{"chain":{"family":"ip",)"
      R"("table":"filter","name":"input","type":"filter","hook":"input","prio":0,)"
      R"("policy":"drop"}}]})";
  EXPECT_EQ(By(Walk(Read(plain), 80, kMonitor, known)), "0 policy drop");
  EXPECT_EQ(By(Walk(Read(plain), 80, "2001:db8::1", known)), "") << "not of IPv6";
  auto translated = plain;
  translated.replace(translated.find(R"("name":"input")"), 14, R"("name":"INPUT")");
  EXPECT_EQ(By(Walk(Read(translated), 80)), "0 policy drop") << "no iptables on the host";
  EXPECT_EQ(By(Walk(Read(translated), 80, kMonitor, known)), "");
}

TEST(Nft, EveryBaseChainMustAcceptAndTheEarliestIsNamed) {
  const std::string late =
      R"(,{"chain":{"family":"inet","table":"t","name":"early","type":"filter","hook":"input",)"
      R"("prio":-5,"policy":"accept"}},{"rule":{"family":"inet","table":"t","chain":"early",)"
      R"("handle":7,"expr":[)" +
      kWeb + "," + kDrop + "]}}";
  EXPECT_EQ(Made({kAccept}, late), "7 tcp dport 80 drop");
  EXPECT_EQ(Made({kDrop}, late), "7 tcp dport 80 drop");
}

TEST(Nft, WhatWeCannotMatchIsNoProof) {
  EXPECT_EQ(Made({kMark + "," + kDrop}), "");
  EXPECT_EQ(Made({kMark + "," + kDrop, kDrop}), "11 drop");
  EXPECT_EQ(Made({kMark + "," + kAccept, kDrop}), "") << "it may have been accepted";
  EXPECT_EQ(Made({R"({"limit":{"rate":3}},)" + kAccept, kDrop}), "");
  EXPECT_EQ(Made({R"({"queue":{"num":1}})", kDrop}), "");
  EXPECT_EQ(Made({R"({"nobody":{"knows":1}})", kDrop}), "");
  EXPECT_EQ(Made({Match(kPort, "81") + R"(,{"nobody":null})", kDrop}), "11 drop");
  EXPECT_EQ(Made({R"({"nobody":null},)" + Match(kPort, "81"), kDrop}), "")
      << "it was done before the match";
  EXPECT_EQ(Made({R"({"mangle":{"key":)" + kPort + R"(,"value":81}},)" + kAccept, kDrop}), "");
  EXPECT_EQ(Made({R"({"mangle":{"key":{"meta":{"key":"mark"}},"value":81}})", kDrop}), "11 drop");
  EXPECT_EQ(Made({Match(kPort, R"("@gone")") + "," + kDrop}), "");
  EXPECT_EQ(Made({Match(kPort, R"("@gone")", "!=") + "," + kDrop}), "");
  EXPECT_EQ(Made({Match(R"({"meta":{"key":"iifname"}})", R"("eth7")") + "," + kDrop}), "");
  EXPECT_EQ(Made({Match(R"({"meta":{"key":"iifname"}})", R"("lo")", "!=") + "," + kDrop}),
            "10 iifname != lo drop");
  EXPECT_EQ(
      By(Walk(
          Read(Ruleset({Match(R"({"meta":{"key":"iifname"}})", R"("lo")", "!=") + "," + kDrop})),
          80, "127.0.0.1")),
      "")
      << "the host asks itself";
}

TEST(Nft, OtherProtocolsAndFamiliesNeverFit) {
  const std::string udp = R"({"payload":{"protocol":"udp","field":"dport"}})";
  EXPECT_EQ(Made({Match(udp, "53", "!=") + "," + kDrop}), "");
  EXPECT_EQ(Made({Match(udp, "53") + "," + kAccept, kDrop}), "11 drop");
  EXPECT_EQ(
      Made({R"({"vmap":{"key":)" + udp + R"(,"data":{"set":[["*",{"accept":null}]]}}})", kDrop}),
      "11 drop");
  const std::string six = R"({"payload":{"protocol":"ip6","field":"nexthdr"}})";
  EXPECT_EQ(Made({Match(six, R"("tcp")") + "," + kDrop}), "");
  EXPECT_EQ(Made({Match(R"({"payload":{"protocol":"ip","field":"protocol"}})", "6") + "," + kDrop}),
            "10 ip protocol 6 drop");
}

TEST(Nft, ARejectWithIcmpIsOfItsFamilyAlone) {
  // nft prints `meta nfproto ipv6 reject` as `reject with icmpv6`, without the match.
  const auto reject = [](const std::string& type) {
    return Made({R"({"reject":{"type":")" + type + R"(","expr":"port-unreachable"}})"});
  };
  EXPECT_EQ(reject("icmpv6"), "");
  EXPECT_EQ(reject("icmp"), "10 reject");
  EXPECT_EQ(reject("icmpx"), "10 reject");
  EXPECT_EQ(reject("tcp reset"), "10 reject");
}

TEST(Nft, WhatIsTakenFromThePacketIsACondition) {
  const auto then_drop = [](const std::string& statement) {
    return Made({statement + "," + kDrop});
  };
  const std::string mark = R"({"mangle":{"key":{"meta":{"key":"mark"}},"value":)";
  EXPECT_EQ(then_drop(mark + "1}}"), "10 drop");
  EXPECT_EQ(then_drop(mark + R"({"map":{"key":)" + kPort + R"(,"data":"@gone"}}}})"), "");
  EXPECT_EQ(then_drop(R"({"counter":{"packets":1,"bytes":2}})"), "10 drop");
  EXPECT_EQ(then_drop(R"({"counter":"name"})"), "10 drop");
  EXPECT_EQ(then_drop(R"({"counter":{"map":{"key":)" + kPort + R"(,"data":"@gone"}}})"), "");
  EXPECT_EQ(then_drop(R"({"ct helper":{"map":1}})"), "");
}

TEST(Nft, ConnectionsThatAreThereAlreadyAreNotNew) {
  const std::string state = R"({"ct":{"key":"state"}})";
  const auto one = [&](const std::string& right, const std::string& op) {
    return Made({Match(state, right, op) + "," + kDrop});
  };
  EXPECT_EQ(one(R"(["established","related"])", "in"), "");
  EXPECT_EQ(one(R"("new")", "in"), "10 ct state new drop");
  EXPECT_EQ(one(R"("new")", "!="), "");
  EXPECT_EQ(one(R"({"set":["established","new"]})", "!="), "");
  EXPECT_EQ(one(R"("established")", "!="), "10 ct state != established drop");
  EXPECT_EQ(one(R"({"|":["established","related"]})", "!="), "") << "not understood";
  // Before connection tracking nothing is new.
  const auto raw = Ruleset({Match(state, R"("invalid")", "in") + "," + kAccept, kDrop}, "",
                           R"("type":"filter","hook":"prerouting","prio":-300,"policy":"accept")");
  EXPECT_EQ(By(Walk(Read(raw), 80)), "");
}

TEST(Nft, JumpsGotosAndReturns) {
  const std::string jump = R"({"jump":{"target":"x"}})";
  const std::string go = R"({"goto":{"target":"x"}})";
  const std::string back = R"({"return":null})";
  EXPECT_EQ(Made({jump, kDrop}, Chain("x", back)), "11 drop");
  EXPECT_EQ(Made({go, kDrop}, Chain("x", back)), "") << "goto does not come back";
  EXPECT_EQ(Made({jump}, Chain("x", kWeb + "," + kDrop)), "99 tcp dport 80 drop");
  EXPECT_EQ(Made({kMark + "," + jump, kDrop}, Chain("x", kAccept)), "");
  EXPECT_EQ(Made({kMark + "," + jump, kDrop}, Chain("x", kDrop)), "11 drop") << "either way";
  EXPECT_EQ(Made({kMark + "," + jump}, Chain("x", kDrop)), "");
  EXPECT_EQ(Made({kMark + "," + go, kDrop}, Chain("x", kMark)), "") << "it may be past the drop";
  EXPECT_EQ(Made({kMark + "," + back, kDrop}), "");
  EXPECT_EQ(Made({jump, kDrop}), "") << "a chain that is not there";
  EXPECT_EQ(Made({jump, kDrop}, Chain("x", jump)), "") << "a loop";
}

TEST(Nft, MapsOfVerdicts) {
  const auto map = [&](const std::string& elements) {
    return R"({"vmap":{"key":)" + kPort + R"(,"data":{"set":[)" + elements + "]}}}";
  };
  EXPECT_EQ(Made({map(R"([80,{"accept":null}],["*",{"drop":null}])"), kDrop}), "");
  EXPECT_EQ(Made({map(R"(["*",{"drop":null}],[81,{"accept":null}])")}),
            "10 tcp dport vmap { … }: drop");
  EXPECT_EQ(Made({map(R"([80,{"continue":null}],["*",{"drop":null}])")}), "");
  EXPECT_EQ(Made({map(R"([80,{"nobody":null}])"), kDrop}), "");
  EXPECT_EQ(Made({map(R"([81])"), kDrop}), "");
  EXPECT_EQ(Made({R"({"vmap":{"key":)" + kPort + R"(,"data":"@gone"}})", kDrop}), "");
}

TEST(Nft, ATableThatSleepsIsPassedOver) {
  auto text = Ruleset({kDrop});
  const std::string table = R"("name":"t","handle":1)";
  EXPECT_EQ(By(Walk(Read(text), 80)), "10 drop");
  text.replace(text.find(table), table.size(), table + R"(,"flags":["dormant"])");
  EXPECT_EQ(By(Walk(Read(text), 80)), "");
  text.replace(text.find("dormant"), 7, "owner");
  EXPECT_EQ(By(Walk(Read(text), 80)), "10 drop");
}

TEST(Nft, NotUnderstood) {
  for (const auto* bad :
       {"", "sudo: nft: command not found\n", "{", "{}", "[]", R"({"nftables":{}})",
        R"({"nftables":[1]})", R"({"nftables":[{"table":{"family":"ip"}}]})",
        R"({"nftables":[{"chain":{"family":"ip","table":"x","name":"y"}}]})",
        R"({"nftables":[{"table":{"family":"ip","name":"x"}},{"chain":{"family":"ip","table":"x",)"
        R"("name":"y","hook":"input","prio":1e99}}]})"}) {
    EXPECT_FALSE(ReadNft(bad)) << bad;
  }
  const auto whole = Recorded("nft_sets.json");
  ASSERT_FALSE(whole.empty());
  for (std::size_t length = 0; length < whole.find_last_of('}'); length += 7) {
    EXPECT_FALSE(ReadNft(whole.substr(0, length))) << length;
  }
  EXPECT_TRUE(ReadNft("# Warning: table ip nat is managed by iptables-nft\n" + whole + "\nbye\n"));
}

TEST(Nft, BombsAreHarmless) {
  const std::string deep(200'000, '[');
  EXPECT_FALSE(ReadNft("{\"nftables\":" + deep));
  EXPECT_FALSE(ReadNft(R"({"nftables":[)" + std::string(10 << 20, ' ') + "]}"));
  std::string many;
  for (int i = 0; i < 250'000; ++i) {
    many += (i == 0 ? "" : ",") + std::to_string(i % 60'000);
  }
  EXPECT_FALSE(ReadNft(Ruleset({Match(kPort, R"({"set":[)" + many + "]}") + "," + kDrop})));
  EXPECT_FALSE(ReadNft(Ruleset(std::vector<std::string>(10'001, kDrop))));
  // Twenty chains that each jump twice to the next, unsure: 2^20 ways, and an end to the walk.
  std::string chains;
  for (int i = 0; i < 20; ++i) {
    const auto jump = R"({"jump":{"target":"x)" + std::to_string(i + 1) + R"("}})";
    chains += R"(,{"chain":{"family":"inet","table":"t","name":"x)" + std::to_string(i) + R"("}})";
    for (int twice = 0; twice < 2; ++twice) {
      chains += R"(,{"rule":{"family":"inet","table":"t","chain":"x)" + std::to_string(i) +
                R"(","handle":1,"expr":[)" + kMark + "," + jump + "]}}";
    }
  }
  EXPECT_EQ(Made({R"({"jump":{"target":"x0"}})", kDrop}, chains), "");
  // Every rule asks a large set: the walk gives up in time.
  std::string set;
  for (int i = 0; i < 100'000; ++i) {
    set += (i == 0 ? "" : ",") + std::to_string(1000 + i % 60'000);
  }
  const std::vector<std::string> rules(9'000, Match(kPort, R"("@big")") + "," + kAccept);
  EXPECT_EQ(
      Made(rules, R"(,{"set":{"family":"inet","table":"t","name":"big","elem":[)" + set + "]}}"),
      "");
}

// Real rulesets and what the kernel did under them with real connections: tests/record_nft.py, of
// which RAKSA_NFT_KERNEL may name a longer record.
TEST(Nft, WhatItCallsDroppedTheKernelDropped) {
  const auto* longer = std::getenv("RAKSA_NFT_KERNEL");
  const auto text = longer == nullptr ? Recorded("nft_kernel.txt") : [&] {
    std::ifstream in(longer);
    std::ostringstream out;
    out << in.rdbuf();
    return out.str();
  }();
  std::istringstream lines(text);
  NftRuleset ruleset;
  std::string json;
  int dropped = 0;
  int proved = 0;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with('{')) {
      ruleset = Read(line);
      json = line;
      continue;
    }
    std::istringstream words(line);
    std::string from;
    std::uint16_t port = 0;
    std::string fate;
    words >> from >> port >> fate;
    const auto verdict = Walk(ruleset, port, from);
    dropped += fate == "dropped" ? 1 : 0;
    proved += verdict.dropped ? 1 : 0;
    EXPECT_FALSE(verdict.dropped && fate == "through")
        << line << ": " << verdict.table << " " << verdict.chain << " " << By(verdict) << "\n"
        << json;
  }
  EXPECT_GT(dropped, 100);
  EXPECT_GT(proved * 2, dropped) << "many rules of the record cannot be matched, most can";
  RecordProperty("dropped", dropped);
  RecordProperty("proved", proved);
}

TEST(Nft, WordsOfTheHostAreShownPrintable) {
  auto text = Ruleset({Match(R"({"meta":{"key":"iifname"}})", R"("\u001b[31mx\n")", "!=") + "," +
                       kWeb + "," + kDrop});
  EXPECT_EQ(By(Walk(Read(text), 80)), "") << "an interface that we do not know";
  text = Ruleset({R"({"log":{"prefix":"\u001b"}},)" + kWeb + "," + kDrop});
  EXPECT_EQ(By(Walk(Read(text), 80)), "10 tcp dport 80 drop");
  text = Ruleset({kDrop});
  const std::string name = R"("name":"t")";
  while (text.find(R"("t")") != std::string::npos) {
    text.replace(text.find(R"("t")"), 3, R"("\u001b\u202e")");
  }
  const auto verdict = Walk(Read(text), 80);
  EXPECT_TRUE(verdict.dropped);
  EXPECT_EQ(verdict.table.find('\x1b'), std::string::npos);
}

}  // namespace
}  // namespace diagnosis::parse
