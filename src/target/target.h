// target: the servers under watch, read from the configuration and checked; what a reload changes.
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "config/node.h"
#include "model/target.h"

namespace target {

/// Shortest and longest interval between two runs of a probe.
inline constexpr base::Duration kMinInterval = std::chrono::seconds(1);
inline constexpr base::Duration kMaxInterval = std::chrono::hours(24);
/// Shortest time-out of a probe; the longest is its interval.
inline constexpr base::Duration kMinTimeout = std::chrono::milliseconds(10);

/// What may be configured: the kinds of probes and of components that this program has. This room
/// may not include theirs, so app hands them over.
struct Kinds {
  std::vector<const model::KindSpec*> probes;
  std::vector<const model::KindSpec*> components;
};

/// What holds for each target that says nothing else.
struct Defaults {
  base::Duration interval = std::chrono::seconds(5);
  base::Duration timeout = std::chrono::seconds(1);
  model::Labels labels;
  bool operator==(const Defaults&) const = default;
};

/// The credentials by their names. One name may hold both.
struct Credentials {
  std::map<std::string, model::SshCredential> ssh;
  std::map<std::string, model::SnmpCredential> snmp;
  bool operator==(const Credentials&) const = default;
};

/// Everything that the keys `defaults`, `credentials` and `targets` say.
struct Fleet {
  Defaults defaults;
  Credentials credentials;
  std::vector<model::Target> targets;  ///< in the file's order
};

/// Reads `defaults:`; a false node gives the built-in ones. Mistakes go to the node's document.
Defaults ReadDefaults(config::Node node);
/// Reads `credentials:`. Secret files are read now.
Credentials ReadCredentials(config::Node node);
/// Reads the three keys of the top map (any but `targets` may be missing) and checks what concerns
/// several targets: unique names, known and acyclic depends_on. A target with a mistake may be
/// missing from the result; the caller looks at the document's problems before using it.
Fleet ReadTargets(config::Node defaults, config::Node credentials, config::Node targets,
                  const Kinds& kinds);

/// What distinguishes two lists of targets, by name, each sorted.
struct Difference {
  std::vector<std::string> added;
  std::vector<std::string> removed;
  std::vector<std::string> changed;  ///< in both, but not equal
  [[nodiscard]] bool empty() const { return added.empty() && removed.empty() && changed.empty(); }
};
Difference Diff(std::span<const model::Target> before, std::span<const model::Target> after);

}  // namespace target
