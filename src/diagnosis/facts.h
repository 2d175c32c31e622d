// Facts: what must be known of a host before anything is changed on it, by one command.
#pragma once

#include "base/result.h"
#include "diagnosis/parse/host.h"
#include "ssh/shell.h"

namespace diagnosis {

/// The command: a fixed script, no word of it comes from outside. It reads the machine-id, the boot
/// id, our own address as the host sees it, the clock, hold files (/etc/raksa.hold,
/// /run/raksa.hold), running package managers and people at terminals.
ssh::Command FactsCommand();

/// Runs it. Errors: as Shell::Run's; kInvalid when the machine-id is not told.
loop::Task<base::Result<parse::HostFacts>> GatherFacts(ssh::Shell* shell);

}  // namespace diagnosis
