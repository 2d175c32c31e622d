// Sharing of answers.
#include "diagnosis/once_shell.h"

namespace diagnosis {

loop::Task<base::Result<model::CommandRecord>> OnceShell::Run(ssh::Command command) {
  if (command.changes) {
    auto result = co_await under_->Run(std::move(command));
    co_return result;
  }
  std::string key = command.sudo ? "1" : "0";
  for (const auto& word : command.argv) {
    key += '\0';
    key += word;
  }
  const auto at = entries_.find(key);
  if (at != entries_.end()) {
    const auto entry = at->second;
    while (!entry->answer && !entry->given_up) {
      co_await entry->done.Wait();
    }
    if (entry->answer) {
      co_return *entry->answer;
    }
  }
  const auto entry = std::make_shared<Entry>(*loop_);
  entries_[key] = entry;
  struct Finish {
    std::shared_ptr<Entry> entry;
    ~Finish() {
      entry->given_up = !entry->answer;
      entry->done.Notify();
    }
  } finish{entry};
  auto result = co_await under_->Run(std::move(command));
  entry->answer = result;
  co_return result;
}

}  // namespace diagnosis
