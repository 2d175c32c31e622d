// Who listens where, and who a process is: `ss -ltnpH`, /proc/PID/stat, /proc/PID/cgroup.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace diagnosis::parse {

/// A process behind a listening socket.
struct Owner {
  std::string command;  ///< the kernel's name of it, at most 15 characters
  int pid = 0;
  bool operator==(const Owner&) const = default;
};

/// A listening TCP socket.
struct Listener {
  std::string address;  ///< "0.0.0.0", "*", "::", "127.0.0.1", "127.0.0.1%lo"
  std::uint16_t port = 0;
  std::vector<Owner> owners;  ///< none when we may not see them
};

/// Reads `ss -ltnpH`. Lines that are no listening socket are left out. Errors: kInvalid for a
/// LISTEN line that does not hold together.
base::Result<std::vector<Listener>> ReadListeners(std::string_view text);

/// Who a process is, so that it is never mistaken for another.
struct ProcessIdentity {
  int pid = 0;
  std::string command;           ///< from stat, without parentheses
  char state = '?';              ///< R S D Z T …
  std::uint64_t start_time = 0;  ///< clock ticks after boot (proc(5), field 22)
  std::string unit;              ///< "nginx.service", "session-3.scope"; "" = none
  std::string container;         ///< docker's id (64 hexadecimal digits); "" = none
};

/// Reads the text of /proc/PID/stat followed by that of /proc/PID/cgroup (proc(5), cgroups(7)).
/// Errors: kInvalid.
base::Result<ProcessIdentity> ReadIdentity(std::string_view text);

}  // namespace diagnosis::parse
