// Session: a Shell over one master connection of the OpenSSH client, started and ended by us.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "loop/process.h"
#include "model/target.h"
#include "ssh/gate.h"
#include "ssh/shell.h"

namespace ssh {

/// How sessions are made; the same for all of a pool.
struct SessionOptions {
  std::string runtime_dir;      ///< where control sockets live: ours alone, mode 700, short
  std::string program = "ssh";  ///< found by PATH
  base::Duration connect_timeout = std::chrono::seconds(5);  ///< name, TCP, key exchange, login
  base::Duration keep_warm = std::chrono::seconds(90);       ///< an unused master ends by itself
  int parallel = 8;           ///< commands at once; sshd's MaxSessions is 10
  std::shared_ptr<Gate> all;  ///< a limit over the commands of all sessions, may be null
  /// The same over logging in: a host that hangs while it is logged in to takes no place from the
  /// commands of others.
  std::shared_ptr<Gate> logins;
};

/// One host's master connection, and commands over it (about 10 ms each). The first command
/// connects; a master that ended is started again before the next command. When the connection is
/// lost while a command runs, a read-only command is tried once more, a changing one never: whether
/// it ran is not known. Must be closed before the loop ends; a master that was left over (after a
/// crash of ours) ends by itself after `keep_warm`. What the account's start-up files print before
/// a command is no part of its output.
class Session : public Shell {
 public:
  /// `target.ssh` must be there.
  Session(loop::Loop& loop, model::Target target, SessionOptions options);
  ~Session() override;
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  loop::Task<base::Result<model::CommandRecord>> Run(Command command) override;
  /// Connects unless connected. Errors as Run's.
  loop::Task<base::Result<>> Connect();
  /// Ends the master connection, if there is one.
  loop::Task<> Close();
  /// Whether the last that we know is a living master.
  [[nodiscard]] bool connected() const { return connected_; }
  [[nodiscard]] const model::Target& target() const { return target_; }

  /// The command lines that are run, without the program's own argv[0] being looked up: for tests
  /// and `--verbose`.
  [[nodiscard]] std::vector<std::string> MasterArgv() const;
  [[nodiscard]] std::vector<std::string> CommandArgv(std::string line) const;

 private:
  enum class Fate { kRan, kNotSent, kLost, kBusy };
  struct Try {
    Fate fate = Fate::kLost;
    loop::ProcessResult process;
    base::Error error;
  };
  loop::Task<Try> RunOnce(std::string line, base::Duration limit, std::size_t max_output);
  loop::Task<bool> MasterLives();
  void GiveUp(int generation);
  base::Result<> Read(const Try& ran, std::size_t max_output, model::CommandRecord& record) const;
  loop::Task<base::Result<>> StartMaster();
  [[nodiscard]] base::Error Named(const base::Error& error) const;

  model::Target target_;
  SessionOptions options_;
  std::string control_path_;
  std::string begin_;  ///< the line that stands before a command's own output
  std::shared_ptr<Gate> gate_;
  loop::Event connect_ended_;
  bool connecting_ = false;
  bool connected_ = false;
  int generation_ = 0;  ///< counts masters, so that only the present one is given up
  std::optional<base::Error> connect_error_;  ///< of the newest try
};

}  // namespace ssh
