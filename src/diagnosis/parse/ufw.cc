// Reader of ufw's table.
#include "diagnosis/parse/ufw.h"

#include <array>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/network_v4.hpp>
#include <boost/asio/ip/network_v6.hpp>
#include <charconv>

#include "base/text.h"

namespace diagnosis::parse {
namespace {

bool ReadPort(std::string_view text, unsigned& out) {
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), out);
  return ec == std::errc() && end == text.data() + text.size() && out <= 65535;
}

/// Cuts " (v6)" from a cell and says whether it was there.
bool CutV6(std::string& cell) {
  const auto at = cell.find(" (v6)");
  if (at == std::string::npos) {
    return false;
  }
  cell.erase(at, 5);
  return true;
}

/// One line of the table: To, Action, From, parted by two spaces or more; Action is one or two
/// words.
bool ReadRule(std::string_view line, FirewallRule& rule) {
  constexpr std::array<std::string_view, 4> kActions = {"ALLOW", "DENY", "REJECT", "LIMIT"};
  for (const auto action : kActions) {
    auto at = line.find(action);
    while (at != std::string_view::npos && (at == 0 || line[at - 1] != ' ')) {
      at = line.find(action, at + 1);
    }
    if (at == std::string_view::npos || at == 0) {
      continue;
    }
    rule.to = base::Printable(base::Trim(line.substr(0, at)).substr(0, 128));
    rule.permit = std::string(action);
    auto rest = line.substr(at + action.size());
    if (rest.starts_with(" IN ") || rest.starts_with(" OUT ") || rest.starts_with(" FWD ")) {
      rule.outgoing = !rest.starts_with(" IN ");
      rest = rest.substr(rule.outgoing ? 5 : 4);
    }
    const auto comment = rest.find("  #");
    rule.from = base::Printable(
        base::Trim(rest.substr(0, comment == std::string_view::npos ? rest.size() : comment))
            .substr(0, 128));
    const bool to_v6 = CutV6(rule.to);
    const bool from_v6 = CutV6(rule.from);
    rule.v6 = to_v6 || from_v6;
    return !rule.to.empty() && !rule.from.empty();
  }
  return false;
}

bool PortsCover(std::string_view list, std::uint16_t port) {
  for (const auto part : base::Split(list, ',')) {
    const auto colon = part.find(':');
    unsigned low = 0;
    unsigned high = 0;
    if (!ReadPort(part.substr(0, colon), low)) {
      return false;
    }
    high = low;
    if (colon != std::string_view::npos && !ReadPort(part.substr(colon + 1), high)) {
      return false;
    }
    if (port >= low && port <= high) {
      return true;
    }
  }
  return false;
}

}  // namespace

base::Result<FirewallStatus> ReadFirewall(std::string_view text) {
  FirewallStatus out;
  bool told = false;
  bool table = false;
  for (const auto line : base::Lines(text)) {
    if (line.starts_with("Status: ")) {
      told = true;
      out.active = base::Trim(line.substr(8)) == "active";
    } else if (line.starts_with("Default: ")) {
      out.default_incoming = std::string(line.substr(9, line.find(' ', 9) - 9).substr(0, 16));
    } else if (line.starts_with("--")) {
      table = true;
    } else if (table && out.rules.size() < 2000) {
      FirewallRule rule;
      if (ReadRule(line, rule)) {
        out.rules.push_back(std::move(rule));
      }
    }
  }
  if (!told) {
    return base::Fail(base::ErrorKind::kInvalid, "ufw: no status in its answer");
  }
  return out;
}

bool Covers(const FirewallRule& rule, std::uint16_t port) {
  std::string_view to = rule.to;
  if (rule.outgoing || to.find(" on ") != std::string_view::npos) {
    return false;
  }
  // "192.0.2.1 80/tcp": an address of this host before the port.
  if (const auto space = to.rfind(' ');
      space != std::string_view::npos &&
      to.find_first_not_of("0123456789.:,/tcpud", space + 1) == std::string_view::npos) {
    to = to.substr(space + 1);
  }
  if (to == "Anywhere") {
    return true;
  }
  struct Profile {
    std::string_view name;
    std::string_view ports;
  };
  constexpr std::array kProfiles = {
      Profile{"Nginx Full", "80,443"}, Profile{"Nginx HTTP", "80"},
      Profile{"Nginx HTTPS", "443"},   Profile{"Apache Full", "80,443"},
      Profile{"Apache", "80"},         Profile{"Apache Secure", "443"},
      Profile{"WWW Full", "80,443"},   Profile{"WWW", "80"},
      Profile{"WWW Secure", "443"},    Profile{"OpenSSH", "22"},
  };
  for (const auto& profile : kProfiles) {
    if (to == profile.name) {
      return PortsCover(profile.ports, port);
    }
  }
  const auto slash = to.find('/');
  if (slash != std::string_view::npos && to.substr(slash + 1) != "tcp") {
    return false;
  }
  return PortsCover(to.substr(0, slash), port);
}

bool FromCovers(const FirewallRule& rule, std::string_view address) {
  if (rule.from == "Anywhere" || rule.from == address) {
    return true;
  }
  boost::system::error_code ec;
  const auto ours = boost::asio::ip::make_address(std::string(address), ec);
  if (ec) {
    return false;
  }
  const auto range = rule.from.find('/') == std::string::npos ? "" : rule.from;
  if (ours.is_v4()) {
    const auto net = boost::asio::ip::make_network_v4(range, ec);
    return !ec && boost::asio::ip::network_v4(ours.to_v4(), net.prefix_length()).canonical() ==
                      net.canonical();
  }
  const auto net = boost::asio::ip::make_network_v6(range, ec);
  return !ec && boost::asio::ip::network_v6(ours.to_v6(), net.prefix_length()).canonical() ==
                    net.canonical();
}

}  // namespace diagnosis::parse
