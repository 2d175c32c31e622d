// The commands that work without a daemon: probe, enroll, diagnose, notify test.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <iostream>

#include "api/json.h"
#include "app/commands.h"
#include "app/lookup.h"
#include "app/wiring.h"
#include "base/text.h"
#include "notify/channel.h"
#include "probe/scheduler.h"
#include "ssh/enroll.h"

namespace app {
namespace {

namespace json = boost::json;

int Fault(const base::Error& error) {
  std::cerr << "raksa: " << base::Printable(error.message, true) << "\n";
  return 2;
}

/// What one-shot probing needs of the world, together.
struct ProbeBench {
  loop::Loop loop;
  loop::Resolver resolver{loop};
  loop::HttpClient http{loop};
  loop::Worker snmp{loop, "snmp"};
  [[nodiscard]] probe::World World() { return {&loop, &resolver, &http, &snmp}; }
};

loop::Task<> RunOne(probe::World world, probe::Request request, probe::Outcome* out) {
  const auto* kind = probe::Find(request.spec->kind);
  auto memory = kind->make_memory != nullptr ? kind->make_memory() : nullptr;
  *out = co_await kind->run(world, std::move(request), std::move(memory));
}

/// All probes of a target at once; outcomes in the order of its probes.
std::vector<probe::Outcome> ProbeAll(ProbeBench& bench, const model::Target& target) {
  std::vector<probe::Outcome> outcomes(target.probes.size());
  loop::Scope scope(bench.loop);
  const auto shared = std::make_shared<const model::Target>(target);
  for (std::size_t i = 0; i < target.probes.size(); ++i) {
    if (probe::Find(target.probes[i].kind) == nullptr) {
      outcomes[i].reason = "this program has no such kind of probe";
      continue;
    }
    const auto spec = std::make_shared<const model::ProbeSpec>(target.probes[i]);
    scope.Spawn("probe",
                RunOne(bench.World(), {.target = shared, .spec = spec, .log = true}, &outcomes[i]));
  }
  bench.loop.RunTask(scope.Join());
  return outcomes;
}

json::object OutcomeJson(const model::ProbeSpec& spec, const probe::Outcome& outcome) {
  json::array values;
  for (const auto& reading : outcome.readings) {
    json::object labels;
    for (const auto& [name, value] : reading.labels) {
      labels[name] = base::Printable(value);
    }
    values.push_back(
        json::object{{"name", reading.name}, {"labels", labels}, {"value", reading.value}});
  }
  json::array log;
  for (const auto& line : outcome.log) {
    log.push_back(json::string(base::Printable(line)));
  }
  return {{"probe", spec.name},
          {"kind", spec.kind},
          {"success", outcome.success},
          {"reason", base::Printable(outcome.reason)},
          {"took_seconds", base::ToSeconds(outcome.took)},
          {"log", log},
          {"values", values}};
}

void PrintKeys(const ssh::EnrollOffer& offer) {
  std::cout << fmt::format("{} shows these host keys:\n", offer.host);
  for (const auto& key : offer.keys) {
    const bool known = std::ranges::find(offer.known, key) != offer.known.end();
    std::cout << fmt::format("  {:<20} {}{}\n", key.type, key.fingerprint,
                             known ? "  (kept already)" : "");
  }
}

/// Asks on the terminal; without one the answer is no.
bool Agreed(bool yes) {
  if (yes) {
    return true;
  }
  if (isatty(STDIN_FILENO) == 0) {
    std::cerr << "raksa: nobody is there to compare the fingerprint; use --yes when you have "
                 "compared it\n";
    return false;
  }
  std::cout
      << "Compare with the server's console (ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub).\n"
      << "Keep them? [y/N] " << std::flush;
  std::string line;
  std::getline(std::cin, line);
  return line == "y" || line == "yes";
}

json::object EnrollJson(const ssh::EnrollOffer& offer, bool kept) {
  json::array keys;
  for (const auto& key : offer.keys) {
    keys.push_back(json::object{{"type", key.type}, {"fingerprint", key.fingerprint}});
  }
  return {{"target", offer.target},           {"host", offer.host},
          {"known_hosts", offer.known_hosts}, {"keys", keys},
          {"changed", offer.Changed()},       {"kept", kept}};
}

json::object DiagnoseJson(const model::Target& target, const incident::DiagnoseAnswer& answer) {
  json::array findings;
  for (const auto& finding : answer.findings) {
    findings.push_back(api::ToJson(finding));
  }
  return {{"target", target.name},
          {"cause", answer.cause},
          {"component", answer.component},
          {"error", base::Printable(answer.error)},
          {"findings", findings}};
}

/// The alerts that would fire on "http_code=502" or "cpu_percent".
std::vector<model::Alert> AlertsFor(const model::Target& target,
                                    const std::vector<std::string>& metrics) {
  std::vector<model::Alert> out;
  for (const auto& text : metrics) {
    const auto equals = text.find('=');
    model::Alert alert;
    alert.labels = target.SampleLabels();
    alert.labels.Set("metric", text.substr(0, equals));
    if (equals != std::string::npos) {
      alert.value = std::atof(text.c_str() + equals + 1);
    }
    out.push_back(std::move(alert));
  }
  return out;
}

}  // namespace

int RunProbe(const Common& common, const std::string& name) {
  auto target = FindOrMakeTarget(common, name);
  if (!target) {
    return Fault(target.error());
  }
  ProbeBench bench;
  const auto outcomes = ProbeAll(bench, *target);
  json::array list;
  bool good = true;
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    good = good && outcomes[i].success;
    if (common.json) {
      list.push_back(OutcomeJson(target->probes[i], outcomes[i]));
    } else {
      std::cout << probe::Account(*target, target->probes[i], outcomes[i]) << "\n";
    }
  }
  if (common.json) {
    std::cout << api::ToText(
                     json::object{{"target", target->name}, {"success", good}, {"probes", list}})
              << "\n";
  }
  return good ? 0 : 1;
}

int RunEnroll(const Common& common, const std::string& name, bool yes) {
  const auto target = FindTarget(common, name);
  if (!target) {
    return Fault(target.error());
  }
  loop::Loop loop;
  auto offer = loop.RunTask(ssh::ScanHostKeys(*target));
  if (!offer) {
    return Fault(offer.error());
  }
  if (!common.json) {
    PrintKeys(*offer);
  }
  bool kept = offer->Complete();
  if (offer->Changed()) {
    std::cerr << fmt::format(
        "raksa: a key kept in {} differs. Either the server was installed anew, or this is another "
        "machine.\n"
        "       When you are sure, remove the old one: ssh-keygen -f {} -R '{}'\n",
        offer->known_hosts, offer->known_hosts, offer->host);
  } else if (!kept && Agreed(yes)) {
    if (const auto stored = ssh::Store(*offer); !stored) {
      return Fault(stored.error());
    }
    kept = true;
  }
  if (common.json) {
    std::cout << api::ToText(EnrollJson(*offer, kept)) << "\n";
  } else if (kept) {
    std::cout << fmt::format("kept in {}\n", offer->known_hosts);
  }
  return kept ? 0 : 1;
}

int RunDiagnose(const Common& common, const std::string& name,
                const std::vector<std::string>& metrics) {
  const auto target = FindTarget(common, name);
  if (!target) {
    return Fault(target.error());
  }
  loop::Loop loop;
  const auto answer = DiagnoseOnce(loop, *target, AlertsFor(*target, metrics));
  if (common.json) {
    std::cout << api::ToText(DiagnoseJson(*target, answer)) << "\n";
  } else {
    if (!answer.error.empty()) {
      std::cout << fmt::format("{}: {}\n", target->name, answer.error);
    }
    for (const auto& finding : answer.findings) {
      const bool verdict = !finding.cause.empty() && finding.cause == answer.cause &&
                           finding.component == answer.component;
      std::cout << fmt::format(
          "{} {:<28} {}\n", verdict ? "=>" : "  ", finding.component,
          finding.cause.empty() ? "is well" : finding.cause + ": " + finding.title);
      if (!finding.evidence.empty()) {
        std::cout << fmt::format("   {:<28} {}\n", "", finding.evidence);
      }
    }
  }
  return answer.error.empty() && answer.cause.empty() ? 0 : 1;
}

int RunNotifyTest(const Common& common) {
  const auto settings = NeedSettings(common.config);
  if (!settings) {
    return Fault(settings.error());
  }
  if (settings->notify.empty()) {
    std::cerr << "raksa: the configuration has no `notify:`\n";
    return 2;
  }
  loop::Loop loop;
  loop::HttpClient http(loop);
  json::array list;
  bool good = true;
  for (const auto& channel : settings->notify) {
    const auto delivery = loop.RunTask(notify::SendTest(channel, settings->language, &http));
    const bool delivered = delivery.kind == notify::Delivery::Kind::kDelivered;
    good = good && delivered;
    list.push_back(json::object{{"channel", channel.name},
                                {"delivered", delivered},
                                {"detail", base::Printable(delivery.detail)}});
    if (!common.json) {
      std::cout << fmt::format("{:<12} {}  {}\n", channel.name,
                               delivered ? "delivered" : "NOT delivered",
                               base::Printable(delivery.detail));
    }
  }
  if (common.json) {
    std::cout << api::ToText(json::object{{"channels", list}}) << "\n";
  }
  return good ? 0 : 1;
}

}  // namespace app
