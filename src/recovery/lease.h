// Lease: the lock on the host itself, so that two Raksas cannot act there at once, taken together
// with a check that it is the right machine.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "ssh/shell.h"

namespace recovery {

/// Where the lease and the machine's name are on a host; tests use others.
struct LeasePlace {
  std::string directory = "/run/lock";
  std::string machine_file = "/etc/machine-id";
};

/// Takes the lease /run/lock/raksa.lease for `owner` and `time`, in one command that first compares
/// the machine-id. The lease is a symbolic link "OWNER,EXPIRY", changed under flock; one that has
/// expired, or that is our own, is taken over. Every command goes to `records`. Errors: kDenied:
/// another machine; kRefused: somebody else holds it (who and for how long is in the message, and
/// the rest of its time in `held`, zero when it is not known); kUnavailable: it could not be taken;
/// and Shell::Run's.
loop::Task<base::Result<>> TakeLease(ssh::Shell* shell, std::string machine, std::string owner,
                                     base::Duration time,
                                     std::vector<model::CommandRecord>* records,
                                     LeasePlace place = LeasePlace(),
                                     base::Duration* held = nullptr);

/// Gives it back when it is ours. What goes wrong is only recorded: the lease expires by itself.
loop::Task<> ReleaseLease(ssh::Shell* shell, std::string owner,
                          std::vector<model::CommandRecord>* records,
                          LeasePlace place = LeasePlace());

/// A name that can stand in a lease: other characters become '-'.
std::string OwnerName(std::string_view text);

}  // namespace recovery
