// LocalShell: commands on this machine, for the few steps that run here.
#pragma once

#include "ssh/shell.h"

namespace recovery {

/// Runs argv as the daemon's own user, without a shell. `sudo` is not known here: kInvalid.
class LocalShell : public ssh::Shell {
 public:
  loop::Task<base::Result<model::CommandRecord>> Run(ssh::Command command) override;
};

}  // namespace recovery
