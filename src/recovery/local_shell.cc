// Processes of this machine as command records.
#include "recovery/local_shell.h"

#include "base/text.h"
#include "loop/process.h"

namespace recovery {

loop::Task<base::Result<model::CommandRecord>> LocalShell::Run(ssh::Command command) {
  if (command.sudo || command.argv.empty() || command.argv[0].empty()) {
    co_return base::Fail(base::ErrorKind::kInvalid, "not a command for this machine");
  }
  model::CommandRecord record;
  record.argv = command.argv;
  record.changes = command.changes;
  record.started = base::Clock::Now();
  const auto begun = base::Clock::Steady();
  loop::ProcessOptions options;
  options.limit = command.limit;
  options.max_output = command.max_output;
  const auto ran = co_await loop::RunProcess(std::move(command.argv), options);
  if (!ran) {
    co_return base::Fail(ran.error());
  }
  record.took = base::Clock::Steady() - begun;
  if (ran->timed_out) {
    co_return base::Fail(base::ErrorKind::kDeadline, base::Printable(record.argv[0]) +
                                                         " did not end within " +
                                                         base::HumanDuration(command.limit));
  }
  record.exit_status = ran->exit_status;
  record.truncated = ran->truncated;
  record.output = base::Printable(ran->out, true) + base::Printable(ran->err, true);
  co_return record;
}

}  // namespace recovery
