// What `ufw status verbose` says.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace diagnosis::parse {

/// One rule, in ufw's order; the first that fits decides.
struct FirewallRule {
  std::string to;      ///< as shown: "80/tcp", "Anywhere", "5432/tcp on br-web"
  std::string permit;  ///< "ALLOW", "DENY", "REJECT", "LIMIT"
  std::string from;    ///< "Anywhere", "10.0.0.0/8"
  bool v6 = false;
  bool outgoing = false;  ///< OUT or FWD: not for what comes in
};

struct FirewallStatus {
  bool active = false;
  std::string default_incoming;  ///< "deny", "allow", "reject"; "" when it was not told
  std::vector<FirewallRule> rules;
};

/// Reads `ufw status` or `ufw status verbose` in English. Errors: kInvalid when there is no status.
base::Result<FirewallStatus> ReadFirewall(std::string_view text);

/// Whether a rule's `to` covers a TCP port on every interface: "80", "80/tcp", "80,443/tcp",
/// "8000:8100/tcp", "Anywhere", or an application profile known by name ("Nginx Full", "OpenSSH").
bool Covers(const FirewallRule& rule, std::uint16_t port);
/// Whether a rule's `from` covers an address (IPv4 with an optional prefix; others only literally).
bool FromCovers(const FirewallRule& rule, std::string_view address);

}  // namespace diagnosis::parse
