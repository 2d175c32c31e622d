// posix_spawn and a pidfd: no fork() in a threaded process, no SIGCHLD handler, cancellable.
#include "loop/process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <cerrno>
#include <cstring>

extern "C" {
#include <sys/pidfd.h>  // glibc 2.36 lacks the extern "C" itself
}

extern char** environ;

namespace loop {
namespace {

namespace asio = boost::asio;
using asio::posix::stream_descriptor;

struct Pipe {
  int read = -1;
  int write = -1;
  bool Open() {
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) != 0) {
      return false;
    }
    read = fds[0];
    write = fds[1];
    return true;
  }
  void CloseBoth() {
    for (int* fd : {&read, &write}) {
      if (*fd >= 0) {
        close(*fd);
        *fd = -1;
      }
    }
  }
};

/// One output pipe being read to its end or until nobody cares any more; owns itself.
struct Reader : std::enable_shared_from_this<Reader> {
  Reader(const asio::any_io_executor& executor, int fd, std::size_t cap)
      : descriptor(executor, fd), limit(cap) {}
  stream_descriptor descriptor;
  std::size_t limit;
  std::array<char, 8192> buffer{};
  std::string text;
  bool truncated = false;
  bool ended = false;

  void Start() {
    descriptor.async_read_some(
        asio::buffer(buffer),
        [self = shared_from_this()](const boost::system::error_code& ec, std::size_t n) {
          const std::size_t room = self->limit - std::min(self->limit, self->text.size());
          self->text.append(self->buffer.data(), std::min(n, room));
          self->truncated = self->truncated || n > room;
          if (ec) {
            self->ended = true;
          } else {
            self->Start();
          }
        });
  }
};

/// Kills the group unless told that the process has ended.
struct GroupGuard {
  pid_t pid = -1;
  ~GroupGuard() {
    if (pid > 0) {
      kill(-pid, SIGKILL);
      int status = 0;
      waitpid(pid, &status, 0);
    }
  }
};

void FeedInput(const asio::any_io_executor& executor, int fd, std::string input) {
  auto pipe = std::make_shared<stream_descriptor>(executor, fd);
  auto data = std::make_shared<std::string>(std::move(input));
  asio::async_write(*pipe, asio::buffer(*data),
                    [pipe, data](const boost::system::error_code&, std::size_t) {});
}

base::Result<pid_t> Start(std::vector<std::string>& argv, const ProcessOptions& options,
                          const Pipe& in, const Pipe& out, const Pipe& err) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  if (in.read >= 0) {
    posix_spawn_file_actions_adddup2(&actions, in.read, 0);
  } else {
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  }
  posix_spawn_file_actions_adddup2(&actions, out.write, 1);
  posix_spawn_file_actions_adddup2(&actions, err.write, 2);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes,
                           POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  posix_spawnattr_setpgroup(&attributes, 0);
  sigset_t none;
  sigemptyset(&none);
  posix_spawnattr_setsigmask(&attributes, &none);
  sigset_t defaults;
  sigemptyset(&defaults);
  sigaddset(&defaults, SIGPIPE);
  posix_spawnattr_setsigdefault(&attributes, &defaults);

  std::vector<char*> args;
  args.reserve(argv.size() + 1);
  for (auto& arg : argv) {
    args.push_back(arg.data());
  }
  args.push_back(nullptr);
  auto extra = options.extra_env;
  std::vector<char*> env;
  env.reserve(extra.size());
  for (auto& pair : extra) {
    env.push_back(pair.data());
  }
  for (char** at = environ; *at != nullptr; ++at) {
    env.push_back(*at);
  }
  env.push_back(nullptr);
  pid_t pid = -1;
  const int rc = posix_spawnp(&pid, args[0], &actions, &attributes, args.data(), env.data());
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (rc != 0) {
    return base::Fail(base::ErrorKind::kUnavailable,
                      fmt::format("{}: {}", argv[0], std::strerror(rc)));
  }
  return pid;
}

}  // namespace

Task<base::Result<ProcessResult>> RunProcess(std::vector<std::string> argv,
                                             ProcessOptions options) {
  const auto executor = co_await asio::this_coro::executor;
  const auto begun = base::Clock::Steady();
  Pipe in;
  Pipe out;
  Pipe err;
  if (argv.empty() || !out.Open() || !err.Open() || (!options.input.empty() && !in.Open())) {
    out.CloseBoth();
    err.CloseBoth();
    in.CloseBoth();
    co_return base::Fail(base::ErrorKind::kUnavailable,
                         fmt::format("cannot make pipes: {}", std::strerror(errno)));
  }
  const auto pid = Start(argv, options, in, out, err);
  close(out.write);
  close(err.write);
  if (in.read >= 0) {
    close(in.read);
  }
  auto reader_out = std::make_shared<Reader>(executor, out.read, options.max_output);
  auto reader_err = std::make_shared<Reader>(executor, err.read, options.max_output);
  if (!pid) {
    if (in.write >= 0) {
      close(in.write);
    }
    co_return base::Fail(pid.error());
  }
  GroupGuard guard{*pid};
  if (in.write >= 0) {
    FeedInput(executor, in.write, std::move(options.input));
  }
  reader_out->Start();
  reader_err->Start();
  // When this frame goes (also by cancellation) the readers end: their descriptors are closed below
  // or here.
  struct CloseReaders {
    std::shared_ptr<Reader> a, b;
    ~CloseReaders() {
      boost::system::error_code ignored;
      a->descriptor.close(ignored);
      b->descriptor.close(ignored);
    }
  } closer{reader_out, reader_err};

  stream_descriptor ended(executor, pidfd_open(*pid, 0));
  const auto timed_out = std::make_shared<bool>(false);
  Timer limit(executor, begun + options.limit);
  limit.async_wait([timed_out, group = *pid](const boost::system::error_code& ec) {
    if (!ec) {
      *timed_out = true;
      kill(-group, SIGKILL);
    }
  });
  co_await ended.async_wait(stream_descriptor::wait_read, asio::use_awaitable);
  limit.cancel();
  siginfo_t info{};
  waitid(P_PIDFD, static_cast<id_t>(ended.native_handle()), &info, WEXITED);
  guard.pid = -1;
  // What the process wrote before it ended is in the pipes; a grandchild may keep them open longer
  // than we wait.
  for (int i = 0; i < 50 && !(reader_out->ended && reader_err->ended); ++i) {
    Timer grace(executor, base::Clock::Steady() + std::chrono::milliseconds(i == 0 ? 0 : 2));
    co_await grace.async_wait(asio::use_awaitable);
  }
  ProcessResult result;
  result.exit_status = info.si_code == CLD_EXITED ? info.si_status : -1;
  result.signal = info.si_code == CLD_EXITED ? 0 : info.si_status;
  result.timed_out = *timed_out;
  result.truncated = reader_out->truncated || reader_err->truncated;
  result.out = std::move(reader_out->text);
  result.err = std::move(reader_err->text);
  result.took = base::Clock::Steady() - begun;
  co_return result;
}

}  // namespace loop
