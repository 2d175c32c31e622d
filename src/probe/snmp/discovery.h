// Discovery: finds an agent's engine (RFC 3414 4) without blocking, as net-snmp's own does.
#pragma once

#include <boost/asio/ip/address.hpp>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/result.h"
#include "loop/loop.h"

namespace probe::snmp {

/// What an SNMPv3 agent says of its engine.
struct Engine {
  std::vector<std::uint8_t> id;  ///< 5 to 32 bytes
  std::uint32_t boots = 0;
  std::uint32_t time = 0;  ///< seconds since the last boot
};

/// The request that makes an agent report its engine: an empty GET without user.
std::vector<std::uint8_t> DiscoveryRequest(std::uint32_t message_id);
/// Reads the report to `message_id`; nullopt for anything else.
std::optional<Engine> ParseReport(std::span<const std::uint8_t> packet, std::uint32_t message_id);

/// Asks `address` until `deadline`, again every `resend`. Errors: kDeadline, kUnavailable (refused,
/// unreachable).
loop::Task<base::Result<Engine>> Discover(loop::Loop* loop, boost::asio::ip::address address,
                                          std::uint16_t port, base::Instant deadline,
                                          base::Duration resend);

}  // namespace probe::snmp
