// firewall: what ufw, iptables and nftables let in.
#pragma once

#include <cstdint>
#include <string_view>

#include "diagnosis/kind.h"
#include "diagnosis/parse/ufw.h"

namespace diagnosis::firewall {
extern const Kind kKind;

/// What the firewall does with TCP connections from `from` to `port`, as ufw orders it: the first
/// rule that fits decides, then the default.
struct Decision {
  bool blocked = false;
  bool by_address = false;  ///< blocked by a rule for an address or network
  std::string rule;         ///< "80/tcp DENY from Anywhere", "default deny"
};
Decision Decide(const parse::FirewallStatus& status, std::uint16_t port, std::string_view from);
}  // namespace diagnosis::firewall
