// The kind "firewall": blocked ports and addresses in ufw, iptables, nftables. Nothing is ever
// changed in a firewall.
#include "diagnosis/firewall/firewall.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "base/text.h"
#include "diagnosis/facts.h"
#include "diagnosis/look.h"
#include "diagnosis/parse/iptables.h"
#include "diagnosis/parse/nft.h"

namespace diagnosis::firewall {
namespace {

/// The ports in question: those of the alerts about ports, else all that the target is probed at.
std::vector<std::uint16_t> PortsInQuestion(const Request& request) {
  std::vector<std::uint16_t> out;
  for (const auto& alert : request.alerts) {
    const auto text = alert.labels.Get("port");
    std::uint16_t port = 0;
    const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), port);
    if (alert.Metric() == "port" && ec == std::errc() && end == text.data() + text.size() &&
        std::find(out.begin(), out.end(), port) == out.end()) {
      out.push_back(port);
    }
  }
  return out.empty() ? request.target.ports : out;
}

/// The source's report: Port, Permit, From of each rule for the port; "Not Found" when none is.
void Report(model::Finding& finding, const parse::FirewallStatus& status,
            const std::vector<std::uint16_t>& ports) {
  for (const auto port : ports) {
    bool any = false;
    for (const auto& rule : status.rules) {
      if (parse::Covers(rule, port) && finding.details.size() < 60) {
        finding.details.emplace_back("Port", rule.to + (rule.v6 ? " (v6)" : ""));
        finding.details.emplace_back("-Permit", rule.permit);
        finding.details.emplace_back("-From", rule.from);
        any = true;
      }
    }
    if (!any) {
      finding.details.emplace_back("Port", fmt::format("{}: Not Found", port));
    }
  }
}

/// What iptables and nft say, as far as they are there, we may ask, and they answer.
struct Tables {
  std::optional<parse::IptablesTable> filter;
  std::optional<parse::NftRuleset> nft;
  std::vector<std::pair<std::uint16_t, std::uint16_t>> published;  ///< host's port, container's
};

loop::Task<Tables> AskTables(Look* look) {
  Tables out;
  std::vector<std::string> rules = {"iptables", "-S"};
  const auto filter = co_await look->Ask(std::move(rules), true, 1 << 20);
  if (filter && filter->exit_status == 0) {
    if (auto read = parse::ReadIptables(filter->output)) {
      out.filter = std::move(*read);
    }
  }
  if (out.filter && out.filter->chains.contains("DOCKER-USER")) {
    std::vector<std::string> handed = {"iptables", "-t", "nat", "-S", "DOCKER"};
    const auto nat = co_await look->Ask(std::move(handed), true, 1 << 20);
    if (nat && nat->exit_status == 0) {
      if (const auto read = parse::ReadIptables(nat->output)) {
        out.published = parse::PublishedPorts(*read);
      }
    }
  }
  std::vector<std::string> all = {"nft", "-j", "list", "ruleset"};
  const auto nft = co_await look->Ask(std::move(all), true, 4 << 20);
  if (nft && nft->exit_status == 0 && !nft->truncated) {
    if (auto read = parse::ReadNft(nft->output)) {
      out.nft = std::move(*read);
    }
  }
  co_return out;
}

/// What ufw says, or why it cannot be asked. No ufw: inactive.
loop::Task<base::Result<parse::FirewallStatus>> AskUfw(Look* look) {
  std::vector<std::string> argv = {"ufw", "status", "verbose"};
  const auto answer = co_await look->Ask(std::move(argv), true);
  if (!answer) {
    co_return base::Fail(answer.error());
  }
  if (answer->exit_status == 127 ||
      answer->output.find("ufw: command not found") != std::string::npos) {
    co_return parse::FirewallStatus{};
  }
  auto status = parse::ReadFirewall(answer->output);
  if (!status) {
    co_return base::Fail(status.error().kind,
                         status.error().message + ": " + LastLine(answer->output));
  }
  co_return status;
}

/// What the raw rules do with a port: a finding when they drop it.
std::optional<model::Finding> RawRules(Look& look, const Tables& tables, std::uint16_t port,
                                       const std::string& from) {
  if (!tables.filter) {
    return std::nullopt;
  }
  parse::Packet packet{.from = from, .port = port, .original_port = port};
  for (const auto& [host_port, inner] : tables.published) {
    if (host_port != port) {
      continue;
    }
    packet.port = inner;
    const auto verdict = parse::Walk(*tables.filter, "DOCKER-USER", packet, "");
    if (verdict.fate != parse::Verdict::Fate::kDropped) {
      return std::nullopt;
    }
    auto finding = look.Found("firewall-docker-user-drops", "DOCKER-USER",
                              fmt::format("iptables: port {} is handed to a container, and a rule "
                                          "drops it before: {}",
                                          port, verdict.rule));
    finding.details.emplace_back("Port", std::to_string(port));
    finding.details.emplace_back("Rule", verdict.rule);
    return finding;
  }
  const auto verdict = parse::Walk(*tables.filter, "INPUT", packet, "ufw");
  if (verdict.fate != parse::Verdict::Fate::kDropped) {
    return std::nullopt;
  }
  auto finding = look.Found("firewall-input-drops", "INPUT",
                            fmt::format("iptables: a rule outside ufw drops port {}{}: {}", port,
                                        verdict.by_address ? " from " + from : "", verdict.rule));
  finding.details.emplace_back("Port", std::to_string(port));
  finding.details.emplace_back("Rule", verdict.rule);
  return finding;
}

/// What nftables' own rules do with a port: a finding when they drop it for sure.
std::optional<model::Finding> NftRules(Look& look, const Tables& tables, std::uint16_t port,
                                       const std::string& from, bool ufw) {
  if (!tables.nft) {
    return std::nullopt;
  }
  parse::Packet packet{.from = from, .port = port, .original_port = port};
  parse::NftWay way{.forwarded = false, .iptables = tables.filter.has_value() || ufw};
  for (const auto& [host_port, inner] : tables.published) {
    if (host_port == port) {
      packet.port = inner;
      way.forwarded = true;
      break;
    }
  }
  const auto verdict = parse::WalkNft(*tables.nft, packet, way);
  if (!verdict.dropped) {
    return std::nullopt;
  }
  const auto place = fmt::format("table {}, chain {}", verdict.table, verdict.chain);
  const auto handle = verdict.handle == 0 ? "" : fmt::format(", handle {}", verdict.handle);
  auto finding = look.Found(
      "firewall-nft-drops", verdict.chain,
      fmt::format("nftables: {} drops port {}{}: {}{}: {}",
                  verdict.handle == 0 ? "what a chain does with the rest" : "a rule", port,
                  verdict.by_address ? " from " + from : "", place, handle, verdict.rule));
  finding.details.emplace_back("Port", std::to_string(port));
  finding.details.emplace_back("Table", verdict.table);
  finding.details.emplace_back("Chain", verdict.chain);
  if (verdict.handle != 0) {
    finding.details.emplace_back("Handle", std::to_string(verdict.handle));
  }
  finding.details.emplace_back("Rule", verdict.rule);
  return finding;
}

bool IsPublished(const Tables& tables, std::uint16_t port) {
  return std::any_of(tables.published.begin(), tables.published.end(),
                     [port](const auto& each) { return each.first == port; });
}

loop::Task<std::vector<model::Finding>> Examine(Request request) {
  Look look(request);
  const auto status = co_await AskUfw(&look);
  const auto tables = co_await AskTables(&look);
  const auto facts = co_await GatherFacts(request.shell);
  const std::string from = facts ? facts->from : "";
  const auto ports = PortsInQuestion(request);
  for (const auto port : ports) {
    auto raw = RawRules(look, tables, port, from);
    if (!raw) {
      raw = NftRules(look, tables, port, from, status && status->active);
    }
    if (raw) {
      co_return Only(std::move(*raw));
    }
    // What docker publishes goes past ufw: its rules say nothing about such a port.
    if (!status || !status->active || IsPublished(tables, port)) {
      continue;
    }
    const auto decision = Decide(*status, port, from);
    if (decision.blocked) {
      auto finding =
          look.Found(decision.by_address ? "firewall-address-blocked" : "firewall-port-blocked",
                     "Status active", fmt::format("ufw: port {}: {}", port, decision.rule));
      Report(finding, *status, ports);
      co_return Only(std::move(finding));
    }
  }
  if (!status) {
    co_return Only(look.Blind(status.error().message));
  }
  if (!status->active) {
    co_return Only(look.Well("Status inactive", "ufw is inactive or not installed"));
  }
  auto well = look.Well("Status active", "ufw: lets the application's ports in");
  Report(well, *status, ports);
  co_return Only(std::move(well));
}

std::vector<ssh::Privilege> AsRoot(const model::Target& /*target*/,
                                   const model::ComponentSpec& /*component*/) {
  return {ssh::Fixed({"ufw", "status", "verbose"}, "firewall: its rules"),
          ssh::Fixed({"iptables", "-S"}, "firewall: rules beside ufw's, docker's among them"),
          ssh::Fixed({"iptables", "-t", "nat", "-S", "DOCKER"}, "firewall: what docker publishes"),
          ssh::Fixed({"nft", "-j", "list", "ruleset"}, "firewall: rules in nftables' own tables")};
}

}  // namespace

Decision Decide(const parse::FirewallStatus& status, std::uint16_t port, std::string_view from) {
  const bool v6 = from.find(':') != std::string_view::npos;
  for (const auto& rule : status.rules) {
    if (rule.v6 != v6 || !parse::Covers(rule, port)) {
      continue;
    }
    const bool everybody = rule.from == "Anywhere";
    if (!everybody && (from.empty() || !parse::FromCovers(rule, from))) {
      continue;
    }
    if (rule.permit == "ALLOW" || rule.permit == "LIMIT") {
      return {};
    }
    return {.blocked = true,
            .by_address = !everybody,
            .rule = fmt::format("{} {} from {}", rule.to, rule.permit, rule.from)};
  }
  if (status.default_incoming == "deny" || status.default_incoming == "reject") {
    return {.blocked = true,
            .by_address = false,
            .rule = "no rule allows it, default " + status.default_incoming};
  }
  return {};
}

const Kind kKind = {
    .spec = {.name = "firewall", .title = "The host's firewall (ufw, iptables, nftables)"},
    .causes =
        {
            {.id = "firewall-port-blocked",
             .title = "The firewall blocks the port",
             .title_th = "ไฟร์วอลล์ปิดกั้นพอร์ต",
             .detected_by = "ufw status: the first rule for the port denies it, or none allows it"},
            {.id = "firewall-address-blocked",
             .title = "The firewall blocks the address",
             .title_th = "ไฟร์วอลล์ปิดกั้นหมายเลขไอพี",
             .detected_by = "ufw status: the first rule that fits denies the monitor's address"},
            {.id = "firewall-input-drops",
             .title = "A firewall rule outside ufw drops the packets",
             .title_th = "กฎไฟร์วอลล์นอก ufw ทิ้งแพ็กเก็ต",
             .detected_by = "iptables -S: a rule in INPUT, before ufw's own, drops the monitor's "
                            "packets to the port"},
            {.id = "firewall-docker-user-drops",
             .title = "The firewall drops packets to the container",
             .title_th = "ไฟร์วอลล์ทิ้งแพ็กเก็ตที่ส่งไปยังคอนเทนเนอร์ (DOCKER-USER)",
             .detected_by = "iptables -S: docker publishes the port, and a rule in DOCKER-USER "
                            "drops the monitor's packets to it"},
            {.id = "firewall-nft-drops",
             .title = "A rule of nftables drops the packets",
             .title_th = "กฎของ nftables ทิ้งแพ็กเก็ต",
             .detected_by = "nft -j list ruleset: a base chain outside iptables' tables drops the "
                            "monitor's packets to the port, by a rule or by its policy"},
        },
    .examine = &Examine,
    .as_root = &AsRoot,
};

}  // namespace diagnosis::firewall
