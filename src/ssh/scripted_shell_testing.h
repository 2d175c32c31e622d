// ScriptedShell: a Shell for tests that plays recorded answers and remembers what was asked.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "ssh/quote.h"
#include "ssh/shell.h"

namespace ssh {

/// Answers by command line. A command with several answers gives them in turn and stays at the
/// last. What nobody recorded answers 127, as a shell does, and is in `unknown`.
class ScriptedShell : public Shell {
 public:
  struct Answer {
    std::string output;
    int exit_status = 0;
    base::ErrorKind error = base::ErrorKind::kInternal;  ///< with exit_status -1: ssh's own failure
  };

  /// `line`: argv as ShowArgv writes it; a sudo command begins with "sudo ". A line that ends in
  /// " …" is the beginning of any command.
  ScriptedShell& On(std::string line, std::string output, int exit_status = 0) {
    answers_[std::move(line)].push_back({std::move(output), exit_status});
    return *this;
  }
  /// That command loses the connection.
  ScriptedShell& Lose(std::string line, base::ErrorKind kind = base::ErrorKind::kUnavailable) {
    answers_[std::move(line)].push_back({"connection lost", -1, kind});
    return *this;
  }
  /// Forgets the answers of a command.
  ScriptedShell& Forget(const std::string& line) {
    answers_.erase(line);
    used_.erase(line);
    return *this;
  }

  loop::Task<base::Result<model::CommandRecord>> Run(Command command) override {
    model::CommandRecord record;
    record.changes = command.changes;
    record.argv = command.argv;
    record.started = base::Clock::Now();
    const auto line = (command.sudo ? "sudo " : "") + ShowArgv(command.argv);
    if (command.sudo) {
      as_root.push_back(command.argv);
      record.argv.insert(record.argv.begin(), {"sudo", "-n", "--"});
    }
    asked.push_back(line);
    if (command.changes) {
      changed.push_back(line);
    }
    if (before_answer) {
      before_answer(line);
    }
    const auto* answer = Find(line);
    if (answer == nullptr) {
      unknown.push_back(line);
      record.exit_status = 127;
      record.output = "sh: 1: " + command.argv[0] + ": not found\n";
      co_return record;
    }
    if (answer->exit_status < 0) {
      co_return base::Fail(answer->error, "ssh: " + answer->output);
    }
    record.exit_status = answer->exit_status;
    record.output = answer->output;
    co_return record;
  }

  std::vector<std::string> asked;
  std::vector<std::string> changed;
  std::vector<std::string> unknown;
  std::vector<std::vector<std::string>> as_root;  ///< what was asked to run as root, without sudo
  std::function<void(const std::string& line)> before_answer;

 private:
  const Answer* Find(const std::string& line) {
    auto at = answers_.find(line);
    if (at == answers_.end()) {
      for (auto it = answers_.begin(); it != answers_.end(); ++it) {
        const auto& pattern = it->first;
        constexpr std::string_view kRest = " …";
        if (pattern.ends_with(kRest) &&
            line.starts_with(pattern.substr(0, pattern.size() - kRest.size()))) {
          at = it;
          break;
        }
      }
    }
    if (at == answers_.end()) {
      return nullptr;
    }
    auto& used = used_[at->first];
    const auto index = std::min(used, at->second.size() - 1);
    ++used;
    return &at->second[index];
  }

  std::map<std::string, std::vector<Answer>> answers_;
  std::map<std::string, std::size_t> used_;
};

}  // namespace ssh
