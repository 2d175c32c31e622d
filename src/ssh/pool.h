// Pool: the sessions of all targets, with one limit over them.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "base/result.h"
#include "ssh/session.h"

namespace ssh {

struct PoolOptions {
  /// Where control sockets live: a directory of ours is made below it and removed by Close().
  /// "" = $RUNTIME_DIRECTORY, $XDG_RUNTIME_DIR, /tmp: the first that is there and short enough.
  std::string runtime_dir;
  std::string program = "ssh";
  base::Duration connect_timeout = std::chrono::seconds(5);
  base::Duration keep_warm = std::chrono::seconds(90);
  int parallel = 32;            ///< commands at once, over all targets
  int parallel_logins = 32;     ///< logins at once, over all targets
  int parallel_per_target = 6;  ///< sshd's MaxSessions is 10, and it counts ending ones
};

/// One session a target, made when first asked for and kept warm by its own master connection.
class Pool {
 public:
  Pool(loop::Loop& loop, PoolOptions options);
  /// Only forgets; Close() first.
  ~Pool();
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  /// The session of a target. When the target's address or credential is another than before, the
  /// old session is closed in the background. Errors: kInvalid when the target has no `ssh`;
  /// kUnavailable when no runtime directory can be made.
  base::Result<std::shared_ptr<Session>> Get(const model::Target& target);
  /// Ends every connection and removes the runtime directory. Call before the loop ends.
  loop::Task<> Close();
  [[nodiscard]] std::size_t size() const { return sessions_.size(); }

 private:
  base::Result<> MakeDirectory();

  loop::Loop& loop_;
  PoolOptions options_;
  std::string directory_;  ///< ours; "" = not made yet
  std::shared_ptr<Gate> all_;
  std::shared_ptr<Gate> logins_;
  std::map<std::string, std::shared_ptr<Session>> sessions_;
};

}  // namespace ssh
