// Sessions by target name, and the directory of their sockets.
#include "ssh/pool.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <vector>

namespace ssh {
namespace {

// With "/raksa-XXXXXX/" and twelve characters the socket's path stays below ssh's limit.
constexpr std::size_t kMaxBase = 60;

std::vector<std::string> Candidates(const std::string& configured) {
  std::vector<std::string> out;
  if (!configured.empty()) {
    return {configured};
  }
  for (const char* name : {"RUNTIME_DIRECTORY", "XDG_RUNTIME_DIR"}) {
    const char* value = std::getenv(name);
    if (value != nullptr && value[0] == '/') {
      out.emplace_back(value);
    }
  }
  out.emplace_back("/tmp");
  return out;
}

bool SamePlace(const model::Target& a, const model::Target& b) {
  return a.address == b.address && a.ssh == b.ssh;
}

loop::Task<> CloseSession(std::shared_ptr<Session> session) { co_await session->Close(); }

}  // namespace

Pool::Pool(loop::Loop& loop, PoolOptions options)
    : loop_(loop),
      options_(std::move(options)),
      all_(std::make_shared<Gate>(loop, options_.parallel)),
      logins_(std::make_shared<Gate>(loop, options_.parallel_logins)) {}

Pool::~Pool() = default;

base::Result<> Pool::MakeDirectory() {
  if (!directory_.empty()) {
    return {};
  }
  std::string why = "no place for the control sockets";
  for (const auto& base_dir : Candidates(options_.runtime_dir)) {
    if (base_dir.size() > kMaxBase) {
      why = fmt::format("{}: longer than {} characters, too long for control sockets", base_dir,
                        kMaxBase);
      continue;
    }
    std::string pattern = base_dir + "/raksa-XXXXXX";
    if (::mkdtemp(pattern.data()) != nullptr) {
      directory_ = pattern;
      return {};
    }
    why = fmt::format("{}: {}", base_dir, std::strerror(errno));
  }
  return base::Fail(base::ErrorKind::kUnavailable, why);
}

base::Result<std::shared_ptr<Session>> Pool::Get(const model::Target& target) {
  if (!target.ssh) {
    return base::Fail(
        base::ErrorKind::kInvalid,
        fmt::format("{} has no ssh credential: nobody may log in there", target.name));
  }
  const auto at = sessions_.find(target.name);
  if (at != sessions_.end()) {
    if (SamePlace(at->second->target(), target)) {
      return at->second;
    }
    loop_.Spawn("ssh close", CloseSession(at->second));
    sessions_.erase(at);
  }
  if (auto made = MakeDirectory(); !made) {
    return base::Fail(made.error());
  }
  SessionOptions options;
  options.runtime_dir = directory_;
  options.program = options_.program;
  options.connect_timeout = options_.connect_timeout;
  options.keep_warm = options_.keep_warm;
  options.parallel = options_.parallel_per_target;
  options.all = all_;
  options.logins = logins_;
  auto session = std::make_shared<Session>(loop_, target, options);
  sessions_[target.name] = session;
  return session;
}

loop::Task<> Pool::Close() {
  auto sessions = std::move(sessions_);
  sessions_.clear();
  for (const auto& [name, session] : sessions) {
    co_await session->Close();
  }
  if (!directory_.empty()) {
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
    directory_.clear();
  }
}

}  // namespace ssh
