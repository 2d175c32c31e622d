// Target: a server that is watched, with its probes, its credentials and the chain of its
// application.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/secret.h"
#include "model/kind.h"
#include "model/labels.h"

namespace model {

/// How to log in: the OpenSSH client's own words.
struct SshCredential {
  std::string name;  ///< as in `credentials:`
  std::string user;
  std::uint16_t port = 22;
  std::string key_file;     ///< private key; "" = the agent's or ssh_config's
  std::string known_hosts;  ///< file; `raksa enroll` adds to it
  std::string config_file;  ///< an ssh_config of the administrator's (-F), "" = none
  std::string jump;         ///< ProxyJump, "" = none
  bool operator==(const SshCredential&) const = default;
};

/// How to ask snmpd. Version 1 and 2c use `community`; 3 uses the user (RFC 3414, 3826, 7860).
struct SnmpCredential {
  std::string name;
  int version = 2;  ///< 1, 2 (2c) or 3
  std::uint16_t port = 161;
  base::Secret community;
  std::string user;
  std::string level;          ///< "noAuthNoPriv", "authNoPriv", "authPriv"
  std::string auth_protocol;  ///< "MD5", "SHA", "SHA-224", "SHA-256", "SHA-384", "SHA-512"
  base::Secret auth_password;
  std::string priv_protocol;  ///< "DES", "AES", "AES-192", "AES-256"
  base::Secret priv_password;
  std::string context;
  bool operator==(const SnmpCredential&) const = default;
};

/// One probe of a target: a kind's name, its checked options, its own interval and time-out.
struct ProbeSpec {
  std::string kind;  ///< a folder of probe/: "icmp", "tcp", "http", "snmp"
  std::string name;  ///< distinguishes probes of one kind in one target: "tcp:80"; label `probe`
  Options options;
  base::Duration interval{};
  base::Duration timeout{};
  bool operator==(const ProbeSpec&) const = default;
};

/// One component of an application's chain, in the order of the request's path.
struct ComponentSpec {
  std::string kind;  ///< a folder of diagnosis/: "firewall", "service", "container", "command"
  std::string name;  ///< "nginx", "web-application"; "" where the kind needs none
  Options options;
  bool operator==(const ComponentSpec&) const = default;
  /// "container:web-application", "firewall".
  [[nodiscard]] std::string Id() const { return name.empty() ? kind : kind + ":" + name; }
};

/// A server under watch, as the configuration has it, all checked.
struct Target {
  std::string name;
  std::string address;  ///< host name, IPv4 or IPv6 address
  std::string url;      ///< "" = no HTTP probe; also the label `url`
  std::vector<std::uint16_t> ports;
  Labels labels;  ///< the administrator's own
  std::vector<ProbeSpec> probes;
  std::optional<SnmpCredential> snmp;
  std::optional<SshCredential> ssh;
  std::vector<ComponentSpec> application;
  std::vector<std::string>
      depends_on;             ///< names of targets without which this one cannot be reached
  std::string recovery_mode;  ///< "", "observe", "approve", "auto": "" = the global one
  bool drill = false;
  bool operator==(const Target&) const = default;

  /// The labels of each of its samples: target, ip, url and the administrator's own (which may not
  /// replace the first three).
  [[nodiscard]] Labels SampleLabels() const {
    Labels out = labels;
    out.Set("target", name);
    out.Set("ip", address);
    out.Set("url", url);
    return out;
  }
};

}  // namespace model
