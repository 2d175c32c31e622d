// Examination of a chain and the verdict over it.
#include "diagnosis/examine.h"

#include <algorithm>
#include <set>

#include "base/log.h"
#include "diagnosis/facts.h"
#include "diagnosis/host/host.h"
#include "diagnosis/look.h"
#include "diagnosis/once_shell.h"

namespace diagnosis {
namespace {

bool IsLoad(std::string_view metric) {
  return metric == "cpu_percent" || metric == "mem_percent" || metric == "disk_percent";
}

/// What the tasks of one examination share; it lives until the last of them has ended.
struct Work {
  Work(loop::Loop* l, ssh::Shell* s) : shell(l, s), scope(*l) {}
  OnceShell shell;
  std::vector<std::vector<model::Finding>> findings;
  loop::Scope scope;
};

loop::Task<> ExamineOne(std::shared_ptr<Work> work, std::size_t index, const Kind* kind,
                        Request request) {
  auto found = co_await kind->examine(std::move(request));
  work->findings[index] = std::move(found);
}

bool IsCause(const model::Finding& finding) {
  return !finding.cause.empty() && finding.cause != kNotExamined;
}

/// Causes by which a program fails because something that it needs is not there.
bool MayFollow(std::string_view cause) {
  return cause == "container-application-error" || cause == "container-network-owner-down" ||
         cause == "service-dependency-failed" || cause.starts_with("nginx-upstream-") ||
         cause == "container-restart-loop" || cause == "container-unhealthy" ||
         cause == "service-failed" || cause == "service-restart-loop" ||
         cause == "service-start-limit" || cause == "command-check-failed" ||
         cause == "command-check-failed-no-fix";
}

bool IsFullDisk(std::string_view cause) {
  return cause == "host-disk-full" || cause == "host-inodes-full" || cause == "host-read-only";
}

/// Causes that a full or read-only disk explains, besides those.
bool NeedsDisk(std::string_view cause) {
  return cause == "container-no-space" || cause == "container-start-failed" ||
         cause == "nginx-log-unwritable" || cause == "engine-not-running";
}

/// The places of the findings, with what a component needs below it: docker's own word about who
/// needs whom ("needs") counts for more than the order of the configuration.
std::vector<int> Depths(const std::vector<model::Finding>& findings) {
  std::vector<int> out;
  out.reserve(findings.size());
  for (const auto& finding : findings) {
    out.push_back(finding.depth);
  }
  for (std::size_t round = 0; round < findings.size(); ++round) {
    for (std::size_t i = 0; i < findings.size(); ++i) {
      for (const auto& [name, value] : findings[i].details) {
        for (std::size_t k = 0; name == "needs" && k < findings.size(); ++k) {
          if (k != i && findings[k].component == "container:" + value && out[k] <= out[i] &&
              out[i] < 1000) {
            out[k] = out[i] + 1;
          }
        }
      }
    }
  }
  return out;
}

/// The engine's own finding, or the deepest container that says it for the engine.
const model::Finding* EngineCause(const std::vector<model::Finding>& findings) {
  const model::Finding* said = nullptr;
  for (const auto& finding : findings) {
    if (finding.component == "docker" || finding.component == "service:docker" ||
        finding.component == "service:docker.service") {
      if (IsCause(finding)) {
        return &finding;
      }
    } else if (finding.cause == "container-engine-not-running") {
      said = &finding;
    }
  }
  return said;
}

}  // namespace

std::vector<Place> ComponentsFor(const model::Target& target,
                                 const std::vector<model::Alert>& alerts) {
  bool chain = true;
  for (const auto& alert : alerts) {
    if (!alert.Firing()) {
      continue;
    }
    const auto metric = alert.Metric();
    if (!IsLoad(metric) && metric != "ping") {
      chain = true;
      break;
    }
    chain = false;
  }
  std::vector<Place> out;
  bool host = false;
  for (std::size_t i = 0; i < target.application.size(); ++i) {
    host = host || target.application[i].kind == "host";
    if (chain || target.application[i].kind == "host") {
      out.push_back({target.application[i], static_cast<int>(i)});
    }
  }
  if (!host) {
    out.push_back({{.kind = "host"}, static_cast<int>(target.application.size())});
  }
  return out;
}

void Judge(Examination& examination) {
  auto& findings = examination.findings;
  const auto* engine = EngineCause(findings);
  for (auto& finding : findings) {
    if (finding.cause == "container-engine-not-running" && engine != &finding) {
      finding.consequence_of = engine->component;
    }
  }
  const auto depths = Depths(findings);
  // A program that fails by itself while something deeper is broken fails because of that.
  for (std::size_t i = 0; i < findings.size(); ++i) {
    auto& finding = findings[i];
    const bool follows = MayFollow(finding.cause);
    if (!follows && !NeedsDisk(finding.cause)) {
      continue;
    }
    const model::Finding* deeper = nullptr;
    int depth = 0;
    for (std::size_t k = 0; k < findings.size(); ++k) {
      const auto& other = findings[k];
      const bool below = (follows && depths[k] > depths[i]) || IsFullDisk(other.cause);
      if (k != i && IsCause(other) && below && (deeper == nullptr || depths[k] > depth)) {
        deeper = &other;
        depth = depths[k];
      }
    }
    if (deeper != nullptr) {
      finding.consequence_of =
          deeper->consequence_of.empty() ? deeper->component : deeper->consequence_of;
    }
  }
  const model::Finding* deepest = nullptr;
  int depth = 0;
  for (std::size_t i = 0; i < findings.size(); ++i) {
    if (IsCause(findings[i]) && findings[i].consequence_of.empty() &&
        (deepest == nullptr || depths[i] > depth)) {
      deepest = &findings[i];
      depth = depths[i];
    }
  }
  examination.cause = deepest == nullptr ? "" : deepest->cause;
  examination.component = deepest == nullptr ? "" : deepest->component;
}

loop::Task<Examination> Examine(loop::Loop* loop, model::Target target,
                                std::vector<model::Alert> alerts, ssh::Shell* shell) {
  Examination out;
  const auto work = std::make_shared<Work>(loop, shell);
  auto facts = co_await GatherFacts(&work->shell);
  if (!facts && facts.error().kind != base::ErrorKind::kInvalid) {
    out.error = facts.error().message;
    out.findings.push_back(host::NotReached(target, alerts, facts.error()));
    Judge(out);
    co_return out;
  }
  if (facts) {
    out.facts = std::move(*facts);
  }
  const auto places = ComponentsFor(target, alerts);
  work->findings.resize(places.size());
  for (std::size_t i = 0; i < places.size(); ++i) {
    const Kind* kind = Find(places[i].component.kind);
    Request request;
    request.target = target;
    request.component = places[i].component;
    request.depth = places[i].depth;
    request.alerts = alerts;
    request.shell = &work->shell;
    if (kind == nullptr) {
      Look look(request);
      work->findings[i] = Only(look.Blind("no kind of component has this name"));
      continue;
    }
    std::string name = "examine " + request.component.Id();
    work->scope.Spawn(std::move(name), ExamineOne(work, i, kind, std::move(request)));
  }
  co_await work->scope.Join();
  for (auto& found : work->findings) {
    std::move(found.begin(), found.end(), std::back_inserter(out.findings));
  }
  Judge(out);
  co_return out;
}

}  // namespace diagnosis
