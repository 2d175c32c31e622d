// OnceShell: runs each read-only command once and gives everybody its answer.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "ssh/shell.h"

namespace diagnosis {

/// For the time of one examination: components ask alone and yet the host is asked little. Commands
/// that change something go through untouched.
class OnceShell : public ssh::Shell {
 public:
  OnceShell(loop::Loop* loop, ssh::Shell* under) : loop_(loop), under_(under) {}
  loop::Task<base::Result<model::CommandRecord>> Run(ssh::Command command) override;

 private:
  struct Entry {
    explicit Entry(loop::Loop& loop) : done(loop) {}
    loop::Event done;
    std::optional<base::Result<model::CommandRecord>> answer;
    bool given_up = false;  ///< the one who asked was cancelled
  };
  loop::Loop* loop_;
  ssh::Shell* under_;
  std::map<std::string, std::shared_ptr<Entry>> entries_;
};

}  // namespace diagnosis
