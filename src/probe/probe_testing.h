// What the tests of several kinds of probe need: a world on a loop of its own, and requests.
#pragma once

#include <memory>
#include <string>

#include "config/node.h"
#include "probe/kind.h"

namespace probe::testing {

/// A world of real parts.
struct TestWorld {
  loop::Loop loop;
  loop::Resolver resolver{loop};
  loop::HttpClient http{loop};
  loop::Worker snmp{loop, "snmp"};
  [[nodiscard]] World world() { return World{&loop, &resolver, &http, &snmp}; }

  Outcome Run(const Kind& kind, Request request, std::shared_ptr<Memory> memory = nullptr) {
    return loop.RunTask(kind.run(world(), std::move(request), std::move(memory)));
  }
};

/// A request while it is put together.
struct Draft {
  model::Target target;
  model::ProbeSpec spec;
  model::Timestamp slot = 0;
  operator Request() const {  // NOLINT(google-explicit-constructor): it stands for one
    return {std::make_shared<const model::Target>(target),
            std::make_shared<const model::ProbeSpec>(spec), slot, nullptr};
  }
};

/// A request with every option at its fallback but those of `yaml` (a map of options).
inline Draft MakeRequest(const Kind& kind, const std::string& yaml = "",
                         base::Duration timeout = std::chrono::seconds(1)) {
  Draft out;
  out.target.name = "t1";
  out.target.address = "127.0.0.1";
  out.spec.kind = kind.spec.name;
  out.spec.name = kind.spec.name;
  out.spec.interval = std::chrono::seconds(5);
  out.spec.timeout = timeout;
  if (yaml.empty()) {
    out.spec.options = config::DefaultOptions(kind.spec.options);
    return out;
  }
  const auto document = config::Document::Parse(yaml, "test.yaml");
  out.spec.options = config::ReadOptions(document->Root(), kind.spec.options, "a probe");
  if (!document->ok()) {
    throw std::runtime_error("bad options in a test: " + document->problems()[0].ToString());
  }
  return out;
}

/// The value of the reading of that name whose labels hold `label`=`value` (or any).
inline std::optional<double> Value(const Outcome& outcome, std::string_view name,
                                   std::string_view label = "", std::string_view value = "") {
  for (const auto& reading : outcome.readings) {
    if (reading.name == name && (label.empty() || reading.labels.Get(label) == value)) {
      return reading.value;
    }
  }
  return std::nullopt;
}

}  // namespace probe::testing
