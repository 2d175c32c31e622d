// The kind "firewall": blocked ports and addresses in ufw. Nothing is ever changed in a firewall.
#include "diagnosis/firewall/firewall.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/text.h"
#include "diagnosis/facts.h"
#include "diagnosis/look.h"

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

loop::Task<std::vector<model::Finding>> Examine(Request request) {
  Look look(request);
  std::vector<std::string> argv = {"ufw", "status", "verbose"};
  const auto answer = co_await look.Ask(std::move(argv), true);
  if (!answer) {
    co_return Only(look.Blind(answer.error().message));
  }
  if (answer->exit_status == 127 ||
      answer->output.find("ufw: command not found") != std::string::npos) {
    co_return Only(look.Well("no ufw", "ufw is not installed"));
  }
  const auto status = parse::ReadFirewall(answer->output);
  if (!status) {
    co_return Only(
        look.Blind(fmt::format("{}: {}", status.error().message, LastLine(answer->output))));
  }
  const auto ports = PortsInQuestion(request);
  if (!status->active) {
    co_return Only(look.Well("Status inactive", "ufw: inactive, it blocks nothing"));
  }
  const auto facts = co_await GatherFacts(request.shell);
  const std::string from = facts ? facts->from : "";
  for (const auto port : ports) {
    const auto decision = Decide(*status, port, from);
    if (decision.blocked) {
      auto finding =
          look.Found(decision.by_address ? "firewall-address-blocked" : "firewall-port-blocked",
                     "Status active", fmt::format("ufw: port {}: {}", port, decision.rule));
      Report(finding, *status, ports);
      co_return Only(std::move(finding));
    }
  }
  auto well = look.Well("Status active", "ufw: lets the application's ports in");
  Report(well, *status, ports);
  co_return Only(std::move(well));
}

std::vector<ssh::Privilege> AsRoot(const model::Target& /*target*/,
                                   const model::ComponentSpec& /*component*/) {
  return {ssh::Fixed({"ufw", "status", "verbose"}, "firewall: its rules")};
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
    .spec = {.name = "firewall", .title = "The host's firewall (ufw)"},
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
        },
    .examine = &Examine,
    .as_root = &AsRoot,
};

}  // namespace diagnosis::firewall
