// Causing: carries out one drill on a host: arms the undo there, causes the fault, takes it back.
#pragma once

#include <string>
#include <vector>

#include "drill/kind.h"
#include "loop/loop.h"
#include "model/incident.h"
#include "ssh/shell.h"

namespace drill {

/// systemd's timer that runs an undo when kUndoAfter is over: the dead man's hand on the host.
/// `number` counts the plan's undo commands from 0.
Argv ArmArgv(std::size_t number, const Argv& undo);
/// Stops that timer.
Argv DisarmArgv(std::size_t number);

/// What one part of it came to.
struct Done {
  std::vector<model::CommandRecord> commands;
  std::string error;  ///< "" = all of it ran well
};

/// The component's port: its option `ports`, else the target's first; of a container the first that
/// it publishes, asked of docker. Errors: kNotFound when there is none; the shell's.
loop::Task<base::Result<std::string>> PortOf(ssh::Shell* shell, model::Target target,
                                             Scenario scenario);
/// Arms the undo to run kUndoAfter from now, then causes the fault. When arming fails nothing was
/// caused; when causing fails the caller undoes.
loop::Task<Done> Cause(ssh::Shell* shell, Plan plan);
/// Undoes now; then takes the armed undo away. Every command is tried, whatever the others say.
loop::Task<Done> Undo(ssh::Shell* shell, Plan plan);
/// Only takes the armed undo away, and lets a held port go: the fault was repaired.
loop::Task<Done> Disarm(ssh::Shell* shell, Plan plan);

}  // namespace drill
