// The step free-port.
#include "recovery/step/free_port/free_port.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <iterator>

#include "base/text.h"
#include "diagnosis/holder.h"
#include "diagnosis/look.h"
#include "diagnosis/parse/listeners.h"
#include "recovery/step/doing.h"

namespace recovery::step::free_port {
namespace {

using namespace std::chrono_literals;

// $1 pid, $2 its start time: TERM, two seconds, KILL; the start time is read again right before
// each signal, so that another process with the same number is never hit. Only the signal itself is
// root's. Status 3: it was gone.
constexpr std::string_view kEnd = R"sh(same() {
  [ -r "/proc/$1/stat" ] || return 1
  stat=$(cat "/proc/$1/stat") || return 1
  want=$2
  set -- ${stat##*) }
  [ "$1" != Z ] && [ "${20}" = "$want" ]
}
if [ "$(id -u)" = 0 ]; then as_root=; else as_root="sudo -n --"; fi
same "$1" "$2" || { echo gone; exit 3; }
$as_root kill -TERM "$1" || exit 1
i=0
while [ "$i" -lt 20 ]; do
  same "$1" "$2" || { echo "ended by TERM"; exit 0; }
  sleep 0.1
  i=$((i + 1))
done
same "$1" "$2" && $as_root kill -KILL "$1"
sleep 0.1
if same "$1" "$2"; then echo "still there"; exit 1; fi
echo "ended by KILL")sh";

struct Parameters {
  std::uint16_t port = 0;
  int pid = 0;
  std::uint64_t start_time = 0;
  std::string kind;
  std::string name;
  std::string exe;  ///< "" = it could not be read
};

bool Read(const std::vector<std::string>& args, Parameters& out) {
  if (args.size() != 6) {
    return false;
  }
  const auto number = [](const std::string& text, auto& to) {
    const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), to);
    return ec == std::errc() && end == text.data() + text.size();
  };
  out.kind = args[3];
  out.name = args[4];
  out.exe = args[5];
  return number(args[0], out.port) && number(args[1], out.pid) && number(args[2], out.start_time) &&
         out.pid > 1 && (out.kind == "service" || out.kind == "container");
}

constexpr std::string_view kGone = "gone";

std::vector<std::string> ExeArgv(const std::string& pid) {
  return {"readlink", "/proc/" + pid + "/exe"};
}

/// Whether the process is still the one that was found, and still nobody's. "" = yes; kGone = it
/// has ended; else why it is left alone.
loop::Task<std::string> StillStray(Doing* doing, Parameters parameters) {
  const auto pid = std::to_string(parameters.pid);
  std::vector<std::string> argv = {"cat", "/proc/" + pid + "/stat", "/proc/" + pid + "/cgroup"};
  const auto answer = co_await doing->Run(std::move(argv), false, 10s, false);
  if (!answer) {
    co_return answer.error().message;
  }
  if (answer->exit_status != 0) {
    co_return std::string(kGone);
  }
  const auto identity = diagnosis::parse::ReadIdentity(answer->output);
  if (!identity) {
    co_return identity.error().message;
  }
  if (identity->pid != parameters.pid || identity->start_time != parameters.start_time) {
    co_return std::string(kGone);
  }
  const auto exe = co_await doing->Run(ExeArgv(pid), false, 10s);
  if (!exe) {
    co_return exe.error().message;
  }
  diagnosis::Holder holder;
  holder.pid = identity->pid;
  holder.command = identity->command;
  holder.unit = identity->unit;
  holder.container = identity->container;
  holder.exe = exe->exit_status == 0 ? diagnosis::LastLine(exe->output) : "";
  if (holder.exe != parameters.exe) {
    co_return "not ended, it runs another program now: " + holder.ToString();
  }
  co_return holder.Stray() ? "" : "not ended, it is not a stray process: " + holder.ToString();
}

/// Whether the process still holds the port. Errors: as Doing::Listeners.
loop::Task<base::Result<bool>> StillHolds(Doing* doing, Parameters parameters) {
  const auto listeners = co_await doing->Listeners();
  if (!listeners) {
    co_return base::Fail(listeners.error());
  }
  for (const auto& listener : *listeners) {
    for (const auto& owner : listener.owners) {
      if (listener.port == parameters.port && owner.pid == parameters.pid) {
        co_return true;
      }
    }
  }
  co_return false;
}

/// Ends the process. "" = it is gone; else what went wrong.
loop::Task<std::string> End(Doing* doing, Parameters parameters) {
  const auto holds = co_await StillHolds(doing, parameters);
  if (!holds) {
    co_return holds.error().message;
  }
  if (!*holds) {
    co_return "";  // the port is free without anybody's end
  }
  std::vector<std::string> end = {"sh",
                                  "-c",
                                  std::string(kEnd),
                                  "sh",
                                  std::to_string(parameters.pid),
                                  std::to_string(parameters.start_time)};
  const auto ended = co_await doing->Run(std::move(end), true, 10s, false);
  if (!ended) {
    co_return ended.error().message;
  }
  if (ended->exit_status != 0 && ended->exit_status != 3) {
    co_return fmt::format("the process that holds port {} could not be ended: {}", parameters.port,
                          base::Printable(base::Trim(ended->output)));
  }
  co_return "";
}

loop::Task<model::StepOutcome> Run(Request request) {
  Doing doing(request);
  Parameters parameters;
  if (!Read(request.args, parameters)) {
    co_return doing.Failed("the parameters are not: port, pid, start time, kind, name, program");
  }
  const auto why = co_await StillStray(&doing, parameters);
  if (!why.empty() && why != kGone) {
    co_return doing.Failed(why);
  }
  if (why.empty()) {
    const auto failure = co_await End(&doing, parameters);
    if (!failure.empty()) {
      co_return doing.Failed(failure);
    }
  }
  auto state = base::Result<std::string>(std::string());
  if (parameters.kind == "service") {
    state = co_await doing.StartUnit(parameters.name);
  } else {
    state = co_await doing.BringUpWithDependants("start", parameters.name);
  }
  if (!state) {
    co_return doing.Failed(state.error().message);
  }
  co_return doing.Done(*state);
}

std::vector<ssh::Privilege> AsRoot(const model::Target& target,
                                   const model::ComponentSpec& component,
                                   const Policy& /*policy*/) {
  const auto unit = UnitOf(component);
  std::vector<ssh::Privilege> out;
  if (component.kind == "container") {
    out = BringUpPrivileges(target, "start", component.name);
  } else if (!unit.empty() && unit != "docker.service") {
    out = StartUnitPrivileges(unit);
  } else {
    return out;
  }
  auto look = diagnosis::HolderPrivileges();
  std::move(look.begin(), look.end(), std::back_inserter(out));
  for (const auto* signal : {"-TERM", "-KILL"}) {
    out.push_back({.argv = {"kill", signal, {"", 7}},
                   .why = "ends a stray process that holds a port: the number of the process "
                          "varies; which one it may be is proved before, see docs/recovery.md"});
  }
  return out;
}

}  // namespace

const Kind kKind = {
    .spec = {.name = "free-port",
             .title = "End a stray process that holds a port, then start what needs it"},
    .run = &Run,
    .as_root = &AsRoot,
};

}  // namespace recovery::step::free_port
