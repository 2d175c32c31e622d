// Opens net-snmp sessions. Everything here runs on the worker that owns net-snmp.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "model/target.h"
#include "probe/snmp/discovery.h"

namespace probe::snmp {

/// What an SNMPv3 user's sessions need, kept between runs: the agent's engine and the keys made
/// from the pass phrases (RFC 3414 A.2: a megabyte is hashed for each).
struct V3State {
  std::optional<Engine> engine;
  bool engine_told = false;  ///< net-snmp keeps the engine's clock itself from then on
  std::vector<std::uint8_t> auth_key;
  std::vector<std::uint8_t> priv_key;
};

struct Opened {
  void* handle = nullptr;  ///< of snmp_sess_open; nullptr on failure
  int fd = -1;             ///< its socket, net-snmp's own
  std::string error;       ///< "" on success
};

/// Opens a session to `peer` ("udp:192.0.2.1:161"). Version 3 needs `v3` with its engine known, so
/// that net-snmp does not look for it and block.
Opened OpenOnWorker(const std::string& peer, const model::SnmpCredential& credential,
                    const std::shared_ptr<V3State>& v3, base::Duration resend);

}  // namespace probe::snmp
