// The step free-port.
#include "recovery/step/free_port/free_port.h"

#include <charconv>

#include "base/text.h"
#include "diagnosis/holder.h"
#include "diagnosis/parse/listeners.h"
#include "recovery/step/doing.h"

namespace recovery::step::free_port {
namespace {

using namespace std::chrono_literals;

// $1 pid, $2 its start time: TERM, two seconds, KILL; the start time is read again right before
// each signal, so that another process with the same number is never hit. Status 3: it was gone.
constexpr std::string_view kEnd = R"sh(same() {
  [ -r "/proc/$1/stat" ] || return 1
  stat=$(cat "/proc/$1/stat") || return 1
  want=$2
  set -- ${stat##*) }
  [ "$1" != Z ] && [ "${20}" = "$want" ]
}
same "$1" "$2" || { echo gone; exit 3; }
kill -TERM "$1"
i=0
while [ "$i" -lt 20 ]; do
  same "$1" "$2" || { echo "ended by TERM"; exit 0; }
  sleep 0.1
  i=$((i + 1))
done
same "$1" "$2" && kill -KILL "$1"
sleep 0.1
if same "$1" "$2"; then echo "still there"; exit 1; fi
echo "ended by KILL")sh";

struct Parameters {
  int pid = 0;
  std::uint64_t start_time = 0;
  std::string kind;
  std::string name;
};

bool Read(const std::vector<std::string>& args, Parameters& out) {
  if (args.size() != 5) {
    return false;
  }
  const auto number = [](const std::string& text, auto& to) {
    const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), to);
    return ec == std::errc() && end == text.data() + text.size();
  };
  out.kind = args[3];
  out.name = args[4];
  return number(args[1], out.pid) && number(args[2], out.start_time) && out.pid > 1 &&
         (out.kind == "service" || out.kind == "container");
}

/// Whether the process is still the one that was found, and still nobody's. "" = yes; "gone" = it
/// has ended; else why it is left alone.
loop::Task<std::string> StillStray(Doing* doing, Parameters parameters) {
  const auto proc = "/proc/" + std::to_string(parameters.pid);
  std::vector<std::string> argv = {"cat", proc + "/stat", proc + "/cgroup"};
  const auto answer = co_await doing->Run(std::move(argv), false, 10s);
  if (!answer) {
    co_return answer.error().message;
  }
  if (answer->exit_status != 0) {
    co_return "gone";
  }
  const auto identity = diagnosis::parse::ReadIdentity(answer->output);
  if (!identity) {
    co_return identity.error().message;
  }
  if (identity->pid != parameters.pid || identity->start_time != parameters.start_time) {
    co_return "gone";
  }
  diagnosis::Holder holder;
  holder.pid = identity->pid;
  holder.command = identity->command;
  holder.unit = identity->unit;
  holder.container = identity->container;
  co_return holder.Stray() ? "" : "not ended, it is not a stray process: " + holder.ToString();
}

loop::Task<model::StepOutcome> Run(Request request) {
  Doing doing(request);
  Parameters parameters;
  if (!Read(request.args, parameters)) {
    co_return doing.Failed("the parameters are not: port, pid, start time, kind, name");
  }
  const auto why = co_await StillStray(&doing, parameters);
  if (!why.empty() && why != "gone") {
    co_return doing.Failed(why);
  }
  if (why.empty()) {
    std::vector<std::string> end = {"sh",           "-c", std::string(kEnd), "sh", request.args[1],
                                    request.args[2]};
    const auto ended = co_await doing.Run(std::move(end), true, 10s);
    if (!ended) {
      co_return doing.Failed(ended.error().message);
    }
    if (ended->exit_status != 0 && ended->exit_status != 3) {
      co_return doing.Failed("the process that holds port " + request.args[0] +
                             " could not be ended: " + base::Printable(base::Trim(ended->output)));
    }
  }
  auto state = base::Result<std::string>(std::string());
  if (parameters.kind == "service") {
    state = co_await doing.StartUnit(parameters.name);
  } else {
    state = co_await doing.BringUp("start", parameters.name);
  }
  if (!state) {
    co_return doing.Failed(state.error().message);
  }
  co_return doing.Done(*state);
}

}  // namespace

const Kind kKind = {
    .spec = {.name = "free-port",
             .title = "End a stray process that holds a port, then start what needs it"},
    .run = &Run,
};

}  // namespace recovery::step::free_port
