// TargetIndex: finds the target that somebody else's words (an address, a URL, a host name) mean.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/target.h"

namespace alert::inbound {

/// One value of an alert that may name a target.
struct Place {
  std::string label;  ///< where it stood: "ip", "instance", "monitor url"
  std::string value;
  /// Whether a loopback address may name a target. In an exporter's `instance` or a host's address
  /// it means the sender's own machine, never one of ours.
  bool loopback = false;
};

/// What a search came to.
struct Found {
  std::string target;          ///< name; "" when none, or more than one, is meant
  std::string port;            ///< of the value that found it, when that was host:port; "" when not
  std::size_t candidates = 0;  ///< 0 unknown, 1 found, more: not told apart
};

/// Names, addresses and URLs of all targets. Holds copies: may outlive the targets.
class TargetIndex {
 public:
  TargetIndex() = default;
  explicit TargetIndex(std::span<const model::Target> targets);
  void Add(const model::Target& target);
  [[nodiscard]] std::size_t size() const { return names_.size(); }

  /// Looks at the places in their order. The first that is known decides; when it fits several
  /// targets (one address, two sites), later places choose among these. A value fits a target by
  /// its name (exactly), its address, its URL or its URL's host; ports, case, a dot at the end, and
  /// spellings of IPv6 make no difference for hosts.
  [[nodiscard]] Found Find(std::span<const Place> places) const;

 private:
  using Ids = std::vector<std::uint32_t>;  ///< ascending
  [[nodiscard]] const Ids* Match(const Place& place, std::string& port) const;

  std::vector<std::string> names_;
  std::map<std::string, Ids, std::less<>> by_name_;
  std::map<std::string, Ids, std::less<>> by_address_;
  std::map<std::string, Ids, std::less<>> by_url_;
  std::map<std::string, Ids, std::less<>> by_url_host_;
};

/// `url` without user and password; other text as it is.
std::string WithoutUser(std::string_view url);

}  // namespace alert::inbound
