// The command sudoers: the least that a target's account must be allowed.
#include <fmt/format.h>

#include <algorithm>
#include <iostream>
#include <iterator>

#include "api/json.h"
#include "app/commands.h"
#include "app/lookup.h"
#include "base/text.h"
#include "diagnosis/kind.h"
#include "drill/kind.h"
#include "recovery/step/kind.h"

namespace app {
namespace {

namespace json = boost::json;

int Fault(const std::string& message) {
  std::cerr << "raksa: " << base::Printable(message, true) << "\n";
  return 2;
}

/// A name that sudoers(5) takes for a user and nothing else: no %group, #id, alias or netgroup.
bool IsUserName(const std::string& name) {
  const bool lower = !name.empty() && ((name[0] >= 'a' && name[0] <= 'z') || name[0] == '_');
  return lower && name.size() <= 32 && std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
         });
}

/// What drills run as root there; nothing unless the target allows them. The one pattern among
/// their words stands for a port.
std::vector<ssh::Privilege> Drills(const model::Target& target) {
  std::vector<ssh::Privilege> out;
  if (!target.drill) {
    return out;
  }
  for (const auto& argv : drill::Commands(target)) {
    ssh::Privilege privilege{.argv = {}, .why = "drills, since the target says `drill: allowed`"};
    for (const auto& word : argv) {
      privilege.argv.push_back(word == drill::kAnyPort ? ssh::Word("", 5) : ssh::Word(word));
    }
    out.push_back(std::move(privilege));
  }
  return out;
}

}  // namespace

int RunSudoers(const Common& common, const std::string& name) {
  const auto settings = NeedSettings(common.config);
  if (!settings) {
    return Fault(settings.error().message);
  }
  const auto target = FindTarget(common, name);
  if (!target) {
    return Fault(target.error().message);
  }
  if (!target->ssh) {
    return Fault(target->name + " has no `ssh`: nobody logs in there");
  }
  const auto user = target->ssh->user;
  if (user == "root") {
    return Fault(target->name + " is logged in to as root, who needs no sudo");
  }
  if (!IsUserName(user)) {
    return Fault("the user's name must be given, and be of a-z, 0-9, _ and -: '" + user + "'");
  }
  auto privileges = diagnosis::Privileges(*target);
  auto repair = recovery::step::Privileges(*target, settings->recovery);
  std::move(repair.begin(), repair.end(), std::back_inserter(privileges));
  auto drills = Drills(*target);
  std::move(drills.begin(), drills.end(), std::back_inserter(privileges));
  const auto file = ssh::SudoersFile(
      user,
      {fmt::format("What Raksa runs as root on {}: diagnosis and repair of its application.",
                   target->name),
       fmt::format("Made by `raksa sudoers {}`; make it anew when the application changes or Raksa",
                   target->name),
       "is upgraded. Check it with `visudo -c -f FILE` and keep it as /etc/sudoers.d/raksa (mode "
       "440)."},
      privileges);
  if (!common.json) {
    std::cout << file;
    return 0;
  }
  json::array commands;
  for (const auto& privilege : privileges) {
    for (const auto& command : ssh::SudoersCommands(privilege)) {
      commands.push_back(json::object{{"command", base::Printable(command)},
                                      {"why", base::Printable(privilege.why)}});
    }
  }
  std::cout << api::ToText(json::object{{"target", target->name},
                                        {"user", user},
                                        {"commands", commands},
                                        {"file", file}})
            << "\n";
  return 0;
}

}  // namespace app
