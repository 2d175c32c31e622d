// The snmp probe: a GET and two GETBULKs at once, then what is left of the tables and the
// fall-backs, until the time is over.
#include "probe/snmp/snmp.h"

#include <fmt/format.h>

#include "probe/common.h"
#include "probe/snmp/formulas.h"
#include "probe/snmp/session.h"

namespace probe::snmp {
namespace {

/// What one configured probe keeps.
struct Kept : Memory {
  std::shared_ptr<V3State> v3 = std::make_shared<V3State>();
  Counters counters;
  std::vector<Oid> missing;  ///< scalars that a version 1 agent has refused
  bool busy = false;
};

/// Asks what the parts want, in rounds, until none wants more. "" = all was answered.
template <class... Parts>
loop::Task<std::string> AskAll(std::shared_ptr<Session> session, base::Instant deadline,
                               base::Duration timeout, int* packets, Parts*... parts) {
  for (;;) {
    std::vector<Question> questions;
    (
        [&] {
          if (auto question = parts->Next()) {
            questions.push_back(std::move(*question));
          }
        }(),
        ...);
    if (questions.empty()) {
      co_return "";
    }
    *packets += static_cast<int>(questions.size());
    const auto replies = co_await session->Ask(std::move(questions), deadline);
    std::size_t at = 0;
    std::string failure;
    (
        [&] {
          if (parts->Next()) {
            const Reply& reply = replies[at++];
            if (!reply.answered && failure.empty()) {
              failure = reply.failure.empty() ? Within(timeout) : reply.failure;
            }
            if (reply.answered && (reply.error_status == 6 || reply.error_status == 16)) {
              failure = "the agent does not allow access";
            }
            parts->Accept(reply);
          }
        }(),
        ...);
    if (!failure.empty()) {
      co_return failure;
    }
  }
}

/// The engine for version 3: known from before or discovered. "" = there.
loop::Task<std::string> NeedEngine(World world, boost::asio::ip::address to,
                                   model::SnmpCredential credential, std::shared_ptr<V3State> v3,
                                   base::Instant deadline, base::Duration timeout) {
  if (credential.version != 3 || v3->engine) {
    co_return "";
  }
  const auto found = co_await Discover(world.loop, to, credential.port, deadline, timeout / 3);
  if (!found) {
    co_return found.error().kind == base::ErrorKind::kDeadline ? Within(timeout)
                                                               : found.error().message;
  }
  v3->engine = *found;
  co_return "";
}

loop::Task<std::string> Gather(std::shared_ptr<Session> session, Answers* a, base::Instant deadline,
                               base::Duration timeout, int* packets) {
  auto failure =
      co_await AskAll(session, deadline, timeout, packets, &a->scalars, &a->interfaces, &a->disks);
  if (failure.empty() && a->interfaces.rows().empty()) {
    failure = co_await AskAll(session, deadline, timeout, packets, &a->interfaces32);
  }
  if (failure.empty() && (a->disks.rows().empty() || !a->HasMemory())) {
    failure = co_await AskAll(session, deadline, timeout, packets, &a->storage);
  }
  if (failure.empty() && !a->HasCpu()) {
    failure = co_await AskAll(session, deadline, timeout, packets, &a->processors);
  }
  co_return failure;
}

/// Sets the readings and the verdict.
void Conclude(const Answers& answers, Counters& counters, const std::string& failure, int packets,
              Outcome& out) {
  out.readings = Evaluate(answers, counters);
  out.log.push_back(fmt::format("{} requests, {} values", packets, out.readings.size()));
  out.reason = failure;
  if (failure.empty() && out.readings.empty()) {
    out.reason = "the agent answers but shows none of these values (check its view)";
  } else if (!failure.empty() && !out.readings.empty()) {
    out.reason = "only a part was answered: " + failure;
  }
  out.success = out.reason.empty();
}

loop::Task<Outcome> Run(World world, Request request, std::shared_ptr<Memory> memory) {
  const auto begin = base::Clock::Steady();
  const auto timeout = request.spec->timeout;
  const auto deadline = begin + timeout;
  Outcome out;
  if (!request.target->snmp) {
    out.reason = "the target has no snmp credentials";
    co_return Finish(std::move(out), begin);
  }
  const auto& credential = *request.target->snmp;
  // A run beside the schedule must not disturb the differences of the one that goes on.
  auto kept = std::dynamic_pointer_cast<Kept>(memory);
  if (!kept || kept->busy) {
    kept = std::make_shared<Kept>();
  }
  kept->busy = true;
  const std::shared_ptr<void> free(nullptr, [kept](void*) { kept->busy = false; });
  const auto found =
      co_await LookUp(world, request.target->address, IpVersion(request.spec->options), timeout);
  if (!found) {
    out.reason = found.error().message;
    co_return Finish(std::move(out), begin);
  }
  const auto to = found->front();
  out.reason = co_await NeedEngine(world, to, credential, kept->v3, deadline, timeout);
  if (!out.reason.empty()) {
    co_return Finish(std::move(out), begin);
  }
  const auto opened = co_await Session::Open(world.loop, world.snmp, to, credential,
                                             credential.version == 3 ? kept->v3 : nullptr, timeout);
  if (!opened) {
    out.reason = opened.error().message;
    co_return Finish(std::move(out), begin);
  }
  Answers answers(credential.version, kept->missing);
  int packets = 0;
  const auto failure = co_await Gather(*opened, &answers, deadline, timeout, &packets);
  if (!failure.empty() && credential.version == 3) {
    kept->v3->engine.reset();  // a reinstalled agent has another engine
    kept->v3->engine_told = false;
  }
  for (const auto& oid : answers.scalars.missing()) {
    kept->missing.push_back(oid);
  }
  out.log.push_back(
      fmt::format("{} port {}, version {}", to.to_string(), credential.port,
                  credential.version == 2 ? "2c" : std::to_string(credential.version)));
  Conclude(answers, kept->counters, failure, packets, out);
  co_return Finish(std::move(out), begin);
}

std::shared_ptr<Memory> MakeMemory() { return std::make_shared<Kept>(); }

std::vector<model::MetricSpec> MetricList() {
  return {{"cpu_percent", "gauge", "percent",
           "time that the CPUs were not idle since the last run, 0 to 100"},
          {"cpu_core", "gauge", "", "number of CPUs"},
          {"mem_total", "gauge", "bytes", "memory"},
          {"mem_used", "gauge", "bytes", "memory that is not available to new work"},
          {"mem_percent", "gauge", "percent", "mem_used of mem_total, 0 to 100"},
          {"disk_total", "gauge", "bytes", "used and available together", {"path"}},
          {"disk_used", "gauge", "bytes", "used", {"path"}},
          {"disk_available", "gauge", "bytes", "available to users", {"path"}},
          {"disk_percent", "gauge", "percent", "disk_used of disk_total, 0 to 100", {"path"}},
          {"bits_received", "counter", "bits", "received since the start", {"interface"}},
          {"bits_sent", "counter", "bits", "sent since the start", {"interface"}}};
}

}  // namespace

const Kind kKind = {.spec = {.name = "snmp",
                             .title = "SNMP: CPU, memory, disks and traffic of a host",
                             .options = {IpVersionOption()},
                             .metrics = MetricList()},
                    .run = &Run,
                    .make_memory = &MakeMemory};

}  // namespace probe::snmp
