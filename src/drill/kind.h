// Kind: what a kind of drill is: a fault that is caused on purpose, its undo, and what the watch
// has to make of it.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/kind.h"
#include "model/target.h"

namespace drill {

using Argv = std::vector<std::string>;

/// After so long a fault ends by itself where it can (load, a held port).
inline constexpr base::Duration kSpan = std::chrono::seconds(120);
/// So long after its begin the undo runs on the host, if nobody has taken it away. Both are fixed,
/// so that a sudoers file can name the very commands.
inline constexpr base::Duration kUndoAfter = std::chrono::seconds(150);

/// Where a fault is caused.
struct Place {
  model::Target target;
  model::ComponentSpec component;  ///< of the application's chain; kind "host" for load
  /// TCP port of the component, for kinds that need one; decimal digits. (The sudoers file may
  /// hold a pattern in its place.)
  std::string port;
};

/// What is done, as root; every command is a fixed list of words.
struct Plan {
  std::vector<Argv> cause;  ///< in this order; the first that fails ends it
  /// Brings back what `cause` took away; does no harm where nothing is broken. Also armed on the
  /// host before the fault, so that it is undone although nobody is left to do it.
  std::vector<Argv> undo;
};

/// A kind of drill as data and two functions.
struct Kind {
  model::KindSpec spec;  ///< its name is the first word of the scenario: "container-stopped"
  bool repaired = true;  ///< false: it is only to be told, with its evidence
  bool needs_port = false;
  std::string_view cause;         ///< id of the cause that must be found
  std::string_view remedy;        ///< step kind that mends it; "" = none
  std::string_view subject = "";  ///< metric whose incident it is; "" = the application's
  /// Whether a target's component (or its host, kind "host") can be broken so.
  bool (*fits)(const model::ComponentSpec& component);
  /// What to do there.
  Plan (*plan)(const Place& place);
};

/// Every kind, from the folders of src/drill.
std::span<const Kind* const> Catalogue();
const Kind* Find(std::string_view name);

/// One drill that a target offers.
struct Scenario {
  const Kind* kind = nullptr;
  model::ComponentSpec component;
  /// "container-stopped:web-database"; for what a target has once, the kind alone.
  [[nodiscard]] std::string Name() const;
  /// The component as incidents name it: "nginx", "service:redis", "host".
  [[nodiscard]] std::string Component() const;
};

/// Every scenario that a target's chain and host offer, in the order of the chain, load last.
std::vector<Scenario> Offers(const model::Target& target);
/// The scenario of that name. Errors: kNotFound with the nearest name.
base::Result<Scenario> FindScenario(const model::Target& target, std::string_view name);

/// The systemd unit of a service-like component: "nginx.service"; "" for others.
std::string UnitOf(const model::ComponentSpec& component);
/// Stands for a port in Commands().
inline constexpr std::string_view kAnyPort = "[0-9]*";
/// Every command that drills run as root on a target, for its sudoers file; a container's port,
/// which is asked of docker, as kAnyPort.
std::vector<Argv> Commands(const model::Target& target);

}  // namespace drill
