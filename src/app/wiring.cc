// Putting parts together.
#include "app/wiring.h"

#include <fmt/format.h>
#include <signal.h>
#include <sys/time.h>
#include <unistd.h>

#include <charconv>
#include <cstdlib>
#include <fstream>
#include <string_view>

#include "base/id.h"
#include "base/log.h"
#include "diagnosis/examine.h"
#include "ssh/pool.h"

namespace app {
namespace {

loop::Task<> Examine(loop::Loop* loop, ssh::Pool* pool, model::Target target,
                     std::vector<model::Alert> alerts, incident::DiagnoseAnswer* out) {
  const auto session = pool->Get(target);
  if (!session) {
    out->error = session.error().message;
    co_return;
  }
  auto found =
      co_await diagnosis::Examine(loop, std::move(target), std::move(alerts), session->get());
  out->findings = std::move(found.findings);
  out->cause = found.cause;
  out->component = found.component;
  out->error = found.error;
}

}  // namespace

incident::Options IncidentOptions(const recovery::Policy& policy) {
  incident::Options options;
  options.settle = policy.settle;
  options.verify_passes = policy.verify_passes;
  options.verify_gap = policy.verify_spacing;
  options.hold = policy.hold;
  options.max_rounds = policy.max_rounds;
  return options;
}

std::string OwnerName(const std::string& data_dir) {
  const std::string path = data_dir + "/owner";
  std::string name;
  if (std::ifstream in(path); in && std::getline(in, name) && !name.empty()) {
    return name;
  }
  char host[256] = "raksa";
  gethostname(host, sizeof host - 1);
  name = fmt::format("{}-{}", host, base::RandomHex(4));
  std::ofstream(path) << name << "\n";
  return name;
}

incident::DiagnoseAnswer DiagnoseOnce(loop::Loop& loop, const model::Target& target,
                                      const std::vector<model::Alert>& alerts) {
  incident::DiagnoseAnswer answer;
  ssh::Pool pool(loop, {});
  loop.RunTask(Examine(&loop, &pool, target, alerts, &answer));
  loop.RunTask(pool.Close());
  return answer;
}

std::function<void(const model::Incident&)> KillAtState() {
  const char* text = std::getenv("RAKSA_TEST_KILL_AT");
  if (text == nullptr) {
    return {};
  }
  const std::string_view asked = text;
  const auto plus = asked.find('+');
  const std::string state(asked.substr(0, plus));
  int later = 0;
  if (plus != std::string_view::npos) {
    std::from_chars(asked.data() + plus + 1, asked.data() + asked.size(), later);
  }
  base::Log(base::Level::kWarn, "this process will kill itself", {{"state", state}});
  return [state, later](const model::Incident& incident) {
    if (model::ToString(incident.state) != state) {
      return;
    }
    if (later <= 0) {
      ::kill(::getpid(), SIGKILL);
    }
    // SIGALRM's default is a sudden end as well.
    const itimerval timer{.it_interval = {}, .it_value = {later / 1000, later % 1000 * 1000}};
    ::setitimer(ITIMER_REAL, &timer, nullptr);
  };
}

}  // namespace app
