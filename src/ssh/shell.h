// Shell: how commands are run on a host; the real one speaks through OpenSSH, tests play recorded
// sessions.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "loop/loop.h"
#include "model/incident.h"

namespace ssh {

/// One command for a host: argv, never text. Quoted once, in ssh::QuoteArgv.
struct Command {
  std::vector<std::string> argv;
  bool sudo =
      false;  ///< run as root: `sudo -n --` is put before it (nothing when we log in as root)
  bool changes = false;  ///< true for what alters the host; recorded in the timeline
  base::Duration limit = std::chrono::seconds(10);
  std::size_t max_output = 64 * 1024;
};

/// A place to run commands. One at a time per object is enough; implementations may be called
/// concurrently.
class Shell {
 public:
  virtual ~Shell() = default;
  /// Runs a command and waits for its end. A command that ran, whatever its exit status, is a
  /// success; the record says all. Errors (the command may or may not have run): kUnavailable
  /// (unreachable, refused, closed), kDenied (host key, login), kDeadline. The record's `argv` is
  /// what was asked, with sudo when it was used.
  virtual loop::Task<base::Result<model::CommandRecord>> Run(Command command) = 0;
};

}  // namespace ssh
