// Holder: who holds a port that a service or container needs.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "diagnosis/look.h"

namespace diagnosis {

/// A process that listens on a port, known so well that it cannot be mistaken for another later.
struct Holder {
  std::uint16_t port = 0;
  int pid = 0;
  std::uint64_t start_time = 0;  ///< clock ticks after boot
  std::string command;
  std::string exe;  ///< path of the program; "" when it could not be read
  std::string user;
  std::string unit;       ///< its systemd unit; "" = none
  std::string container;  ///< its docker container: id or name; "" = none

  /// Whether it belongs to nobody: a process of a login session or of none, which may be ended. A
  /// unit's, a container's, and those that carry the system, may not.
  [[nodiscard]] bool Stray() const;
  /// "python3 (pid 4711, user ops, /usr/bin/python3.11)"; with the unit or container it belongs to.
  [[nodiscard]] std::string ToString() const;
};

/// The first process that listens on one of `ports` and belongs not to `own_unit` ("" = none is
/// ours). Of several processes behind one socket the oldest number stands for all: the master, not
/// a worker. No holder: the ports are free, or only our own unit holds them. One command, four more
/// when there is a holder.
loop::Task<std::optional<Holder>> FindHolder(Look* look, std::vector<std::uint16_t> ports,
                                             std::string own_unit);

/// What FindHolder runs as root.
std::vector<ssh::Privilege> HolderPrivileges();

/// Puts the holder into a finding: the source's words as details, and the parameters of the step
/// `free-port`: port, pid, start time, `kind` and `name` of what is to be started after it, and
/// exe. A holder that is not stray makes the finding one that is only reported.
void NameHolder(model::Finding& finding, const Holder& holder, std::string_view kind,
                std::string_view name);

}  // namespace diagnosis
