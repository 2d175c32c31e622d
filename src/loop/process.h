// Process: runs a program by argv, with bounded output and time, without fork() and without a
// shell.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "loop/loop.h"

namespace loop {

struct ProcessOptions {
  base::Duration limit = std::chrono::seconds(30);  ///< then the whole process group is killed
  std::size_t max_output = 64 * 1024;               ///< bytes kept of each of the two outputs
  std::string input;                   ///< written to standard input, which is then closed
  std::vector<std::string> extra_env;  ///< "NAME=value", over the daemon's own
};

struct ProcessResult {
  int exit_status = -1;  ///< 0–255; -1 when it ended by a signal
  int signal = 0;        ///< the signal that ended it, 0 = none
  bool timed_out = false;
  bool truncated = false;  ///< more output came than was kept
  std::string out;
  std::string err;
  base::Duration took{};
};

/// Runs argv[0] (found by PATH) in a process group of its own, with no terminal; waits for the
/// process, not for its pipes (a grandchild that keeps them open does not hang us). When the caller
/// is cancelled the group is killed. Errors: kUnavailable when it cannot be started, with the
/// system's reason.
Task<base::Result<ProcessResult>> RunProcess(std::vector<std::string> argv,
                                             ProcessOptions options = {});

}  // namespace loop
