// Kind: what a kind of component is (firewall, service, container, …): its causes, and how it is
// examined.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "loop/loop.h"
#include "model/alert.h"
#include "model/incident.h"
#include "model/kind.h"
#include "model/target.h"
#include "ssh/privilege.h"
#include "ssh/shell.h"

namespace diagnosis {

/// One cause of the catalogue.
struct Cause {
  std::string_view id;  ///< "service-stopped": unique over all components
  std::string_view title;
  std::string_view title_th;
  model::CauseClass cause_class = model::CauseClass::kReport;
  std::string_view detected_by;  ///< what proves it, in words
  std::string_view remedy = "";  ///< id of the step kind that mends it; "" = people
};

/// What an examination is given. `shell` and `host` outlive the task.
struct Request {
  model::Target target;
  model::ComponentSpec component;
  int depth = 0;  ///< place in the chain
  std::vector<model::Alert> alerts;
  ssh::Shell* shell = nullptr;
};

/// A kind of component as data and one function.
struct Kind {
  model::KindSpec spec;
  std::vector<Cause> causes;
  /// Examines with read-only commands. One finding for each cause that is proved; a single finding
  /// with cause "" when the component is well; a finding with cause "not-examined" and the reason
  /// when it could not be looked at.
  loop::Task<std::vector<model::Finding>> (*examine)(Request request);
  /// Every command that `examine` may run as root for this component; nullptr = none. A test holds
  /// examinations to it, and `raksa sudoers` writes it down.
  std::vector<ssh::Privilege> (*as_root)(const model::Target& target,
                                         const model::ComponentSpec& component) = nullptr;
};

/// Every kind, from the folders of src/diagnosis.
std::span<const Kind* const> Catalogue();
const Kind* Find(std::string_view name);
/// The cause of that id in any kind, or nullptr.
const Cause* FindCause(std::string_view id);
/// Every command that an examination of the target may run as root: its application and the host.
std::vector<ssh::Privilege> Privileges(const model::Target& target);
/// A read-only command with a word of the host's own (the path of a certificate, a log, a mount,
/// the ids of all containers), which no sudoers file can name beforehand. An account that may not
/// run it gets no evidence from it, and nothing else is lost.
bool BeyondSudoers(const std::vector<std::string>& argv);

}  // namespace diagnosis
