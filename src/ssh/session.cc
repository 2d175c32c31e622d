// The master connection and the commands over it.
#include "ssh/session.h"

#include <fmt/format.h>
#include <unistd.h>

#include "base/id.h"
#include "base/log.h"
#include "base/text.h"
#include "ssh/failure.h"
#include "ssh/quote.h"

namespace ssh {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// sockaddr_un holds 108 bytes, and ssh binds to the path with 17 more characters before it renames.
constexpr std::size_t kMaxControlPath = 90;
// How long the server is given to end sessions that it still counts.
constexpr int kBusyTries = 20;
constexpr auto kBusyGap = milliseconds(50);
// What the stand-in for a direct connection says when there is no master to speak to.
constexpr std::string_view kNoMaster = "raksa: no master connection";
// So much may the account's start-up files print before a command.
constexpr std::size_t kMaxNoise = 16 * 1024;

void AddOption(std::vector<std::string>& argv, std::string_view name, std::string_view value) {
  argv.emplace_back("-o");
  argv.push_back(fmt::format("{}={}", name, value));
}

int WholeSeconds(base::Duration d) {
  return std::max(1, static_cast<int>(std::chrono::ceil<seconds>(d).count()));
}

/// An address or user that can only be read as one.
bool IsPlainWord(std::string_view text) {
  if (text.empty() || text[0] == '-' || text.size() > 255) {
    return false;
  }
  for (const char c : text) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (!letter && std::string_view("._-:%").find(c) == std::string_view::npos) {
      return false;
    }
  }
  return true;
}

/// `%` begins a token in ssh's options; a path is taken as it is.
std::string PathOption(std::string_view path) {
  std::string out = "\"";
  for (const char c : path) {
    if (c == '%') {
      out += '%';
    }
    if (c == '"' || c == '\\') {
      out += '\\';
    }
    out += c;
  }
  return out + '"';
}

/// What comes after the line `begin`; nullopt when that line is not there.
std::optional<std::string_view> After(std::string_view text, std::string_view begin) {
  const auto at = text.find(begin);
  if (at == std::string_view::npos) {
    return std::nullopt;
  }
  text.remove_prefix(at + begin.size());
  return text.starts_with('\n') ? std::optional(text.substr(1)) : std::nullopt;
}

}  // namespace

Session::Session(loop::Loop& loop, model::Target target, SessionOptions options)
    : target_(std::move(target)),
      options_(std::move(options)),
      gate_(std::make_shared<Gate>(loop, options_.parallel)),
      connect_ended_(loop) {
  const auto& ssh = *target_.ssh;
  const auto key = fmt::format("{}\n{}\n{}\n{}\n{}", target_.name, target_.address, ssh.port,
                               ssh.user, base::NewId());
  begin_ = "raksa-" + base::RandomHex(8);
  control_path_ = fmt::format("{}/{}", options_.runtime_dir, base::Sha256Hex(key).substr(0, 12));
}

Session::~Session() {
  // Without its socket nobody reaches the master any more; it ends after keep_warm at the latest.
  if (connected_) {
    ::unlink(control_path_.c_str());
  }
}

base::Error Session::Named(const base::Error& error) const {
  return error.In("ssh " + target_.name);
}

std::vector<std::string> Session::MasterArgv() const {
  const auto& ssh = *target_.ssh;
  std::vector<std::string> argv = {options_.program, "-M", "-N", "-f", "-T", "-x", "-a"};
  if (!ssh.config_file.empty()) {
    argv.insert(argv.end(), {"-F", ssh.config_file});
  }
  argv.insert(argv.end(), {"-S", control_path_});
  const auto patience = std::to_string(WholeSeconds(options_.connect_timeout));
  AddOption(argv, "ControlMaster", "yes");
  AddOption(argv, "ControlPersist", std::to_string(WholeSeconds(options_.keep_warm)));
  AddOption(argv, "BatchMode", "yes");
  AddOption(argv, "StrictHostKeyChecking", "yes");
  AddOption(argv, "UpdateHostKeys", "no");
  AddOption(argv, "ConnectTimeout", patience);
  AddOption(argv, "ConnectionAttempts", "1");
  AddOption(argv, "ServerAliveInterval", "5");
  AddOption(argv, "ServerAliveCountMax", "2");
  AddOption(argv, "LogLevel", "ERROR");
  AddOption(argv, "ClearAllForwardings", "yes");
  AddOption(argv, "PermitLocalCommand", "no");
  AddOption(argv, "RemoteCommand", "none");
  if (!ssh.known_hosts.empty()) {
    AddOption(argv, "UserKnownHostsFile", PathOption(ssh.known_hosts));
  }
  if (!ssh.key_file.empty()) {
    AddOption(argv, "IdentitiesOnly", "yes");
    AddOption(argv, "IdentityFile", PathOption(ssh.key_file));
  }
  if (!ssh.jump.empty()) {
    AddOption(argv, "ProxyJump", ssh.jump);
  }
  if (!ssh.user.empty()) {
    argv.insert(argv.end(), {"-l", ssh.user});
  }
  argv.insert(argv.end(), {"-p", std::to_string(ssh.port), "--", target_.address});
  return argv;
}

std::vector<std::string> Session::CommandArgv(std::string line) const {
  // No configuration is read and nothing is connected directly: over the master or not at all.
  std::vector<std::string> argv = {options_.program, "-T", "-x",         "-a", "-F",
                                   "none",           "-S", control_path_};
  AddOption(argv, "ControlMaster", "no");
  AddOption(argv, "ProxyCommand", fmt::format("echo '{}' >&2", kNoMaster));
  AddOption(argv, "BatchMode", "yes");
  AddOption(argv, "LogLevel", "ERROR");
  AddOption(argv, "SetEnv", "LC_ALL=C");
  argv.insert(argv.end(), {"--", target_.address, std::move(line)});
  return argv;
}

loop::Task<base::Result<>> Session::StartMaster() {
  const auto& ssh = *target_.ssh;
  if (!IsPlainWord(target_.address) || (!ssh.user.empty() && !IsPlainWord(ssh.user))) {
    co_return base::Fail(base::ErrorKind::kInvalid, "the address or the user is not a plain word");
  }
  if (control_path_.size() > kMaxControlPath) {
    co_return base::Fail(
        base::ErrorKind::kInvalid,
        fmt::format("the path of the control socket is longer than {} characters: {}",
                    kMaxControlPath, control_path_));
  }
  ::unlink(control_path_.c_str());
  loop::ProcessOptions process;
  process.limit = options_.connect_timeout * 2 + seconds(1);
  process.max_output = 16 * 1024;
  const auto result = co_await loop::RunProcess(MasterArgv(), process);
  if (!result) {
    co_return base::Fail(result.error());
  }
  if (result->timed_out) {
    co_return base::Fail(base::ErrorKind::kDeadline,
                         fmt::format("no login within {}", base::HumanDuration(process.limit)));
  }
  if (result->exit_status != 0) {
    co_return base::Fail(ClassifyFailure(result->err));
  }
  co_return base::Result<>{};
}

loop::Task<base::Result<>> Session::Connect() {
  bool waited = false;
  while (connecting_) {
    waited = true;
    co_await connect_ended_.Wait();
  }
  if (connected_) {
    co_return base::Result<>{};
  }
  if (waited && connect_error_) {
    co_return base::Fail(*connect_error_);  // the try that we waited for was ours as well
  }
  struct Connecting {
    explicit Connecting(Session* s) : session(s) { session->connecting_ = true; }
    ~Connecting() {
      session->connecting_ = false;
      session->connect_ended_.Notify();
    }
    Session* session;
  } connecting(this);
  connect_error_.reset();
  Gate::Pass login;
  if (options_.logins) {
    const auto gate = options_.logins;
    login = co_await gate->Enter();
  }
  const auto begun = base::Clock::Steady();
  const auto started = co_await StartMaster();
  if (!started) {
    connect_error_ = Named(started.error());
    co_return base::Fail(*connect_error_);
  }
  connected_ = true;
  ++generation_;
  base::Log(
      base::Level::kDebug, "ssh connected",
      {{"target", target_.name}, {"seconds", base::ToSeconds(base::Clock::Steady() - begun)}});
  co_return base::Result<>{};
}

void Session::GiveUp(int generation) {
  if (generation == generation_) {
    connected_ = false;
  }
}

loop::Task<bool> Session::MasterLives() {
  std::vector<std::string> argv = {options_.program, "-F", "none", "-S", control_path_, "-O",
                                   "check",          "--", "x"};
  loop::ProcessOptions process;
  process.limit = seconds(2);
  const auto result = co_await loop::RunProcess(std::move(argv), process);
  co_return result && result->exit_status == 0;
}

loop::Task<Session::Try> Session::RunOnce(std::string line, base::Duration limit,
                                          std::size_t max_output) {
  Try out;
  const int generation = generation_;
  loop::ProcessOptions process;
  process.limit = limit;
  process.max_output = max_output + kMaxNoise;
  auto result = co_await loop::RunProcess(CommandArgv(std::move(line)), process);
  if (!result) {
    out.fate = Fate::kNotSent;
    out.error = result.error();
    co_return out;
  }
  out.process = std::move(*result);
  const auto& ran = out.process;
  if (ran.timed_out || ran.exit_status != 255) {
    out.fate = ran.exit_status >= 0 ? Fate::kRan : Fate::kLost;
    out.error = {base::ErrorKind::kUnavailable, "the ssh client was killed"};
    co_return out;
  }
  // 255 is ssh's own failure, unless the command itself ended so.
  if (ran.err.find("ession open refused") != std::string::npos) {
    out.fate = Fate::kBusy;
    out.error = {base::ErrorKind::kUnavailable, "the server allows no more sessions"};
    co_return out;
  }
  if (ran.err.find(kNoMaster) != std::string::npos ||
      ran.err.find("mux_client_request_session") != std::string::npos) {
    out.fate = Fate::kNotSent;
    out.error = ClassifyFailure(ran.err);
    GiveUp(generation);
    co_return out;
  }
  const bool lives = co_await MasterLives();
  if (lives) {
    out.fate = Fate::kRan;
    co_return out;
  }
  GiveUp(generation);
  out.fate = Fate::kLost;
  out.error = ClassifyFailure(ran.err);
  co_return out;
}

base::Result<> Session::Read(const Try& ran, std::size_t max_output,
                             model::CommandRecord& record) const {
  const auto& process = ran.process;
  const auto out = After(process.out, begin_);
  if (!out) {
    auto said = base::Trim(process.err.empty() ? process.out : process.err).substr(0, 200);
    return base::Fail(Named({base::ErrorKind::kUnavailable,
                             "the account's login shell ended before the command (its start-up "
                             "files, or no shell for it): " +
                                 base::Printable(said)}));
  }
  const auto err = After(process.err, begin_).value_or(process.err);
  record.exit_status = process.exit_status;
  record.truncated = process.truncated || out->size() > max_output || err.size() > max_output;
  record.output = base::Printable(out->substr(0, max_output), true) +
                  base::Printable(err.substr(0, max_output), true);
  return {};
}

loop::Task<base::Result<model::CommandRecord>> Session::Run(Command command) {
  model::CommandRecord record;
  if (command.sudo && target_.ssh->user != "root") {
    record.argv = {"sudo", "-n", "--"};
  }
  record.argv.insert(record.argv.end(), command.argv.begin(), command.argv.end());
  record.changes = command.changes;
  auto line = QuoteArgv(record.argv);
  if (!line) {
    co_return base::Fail(Named(line.error()));
  }
  const auto pass = co_await gate_->Enter();
  int attempt = 1;
  int busy = 0;
  while (true) {
    const auto connected = co_await Connect();
    if (!connected) {
      co_return base::Fail(connected.error());
    }
    // Only now: while a host is being logged in to, its commands keep nobody else waiting.
    Gate::Pass everywhere;
    if (options_.all) {
      const auto wide = options_.all;
      everywhere = co_await wide->Enter();
    }
    record.started = base::Clock::Now();
    const auto begun = base::Clock::Steady();
    auto ran = co_await RunOnce(fmt::format("echo {0}; echo {0} >&2; {1}", begin_, *line),
                                command.limit, command.max_output);
    record.took = base::Clock::Steady() - begun;
    if (ran.process.timed_out) {
      // The command may go on over there, and the link may be dead: begin anew next time.
      co_await Close();
      co_return base::Fail(
          Named({base::ErrorKind::kDeadline,
                 fmt::format("{} did not end within {}", base::Printable(command.argv[0]),
                             base::HumanDuration(command.limit))}));
    }
    if (ran.fate == Fate::kRan) {
      const auto read = Read(ran, command.max_output, record);
      if (!read) {
        co_return base::Fail(read.error());
      }
      co_return record;
    }
    if (ran.fate == Fate::kBusy && ++busy <= kBusyTries) {
      co_await loop::Sleep(kBusyGap);
      continue;
    }
    const bool again = attempt++ == 1 && (ran.fate == Fate::kNotSent || !command.changes);
    if (!again) {
      co_return base::Fail(Named(ran.error));
    }
  }
}

loop::Task<> Session::Close() {
  if (!connected_) {
    co_return;
  }
  connected_ = false;
  std::vector<std::string> argv = {options_.program, "-F", "none", "-S", control_path_, "-O",
                                   "exit",           "--", "x"};
  loop::ProcessOptions process;
  process.limit = seconds(2);
  const auto ended = co_await loop::RunProcess(std::move(argv), process);
  if (!ended || ended->exit_status != 0) {
    ::unlink(control_path_.c_str());
  }
}

}  // namespace ssh
