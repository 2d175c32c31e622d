// Shows what LoadSettings found, to people or to programs.
#include "app/check_command.h"

#include <fmt/format.h>
#include <unistd.h>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <cstdlib>
#include <iostream>
#include <set>

#include "app/settings.h"
#include "base/text.h"

namespace app {
namespace {

std::string Count(std::size_t n, std::string_view one, std::string_view many) {
  return fmt::format("{} {}", n, n == 1 ? one : many);
}

bool Colours(const std::ostream& out) {
  const char* no_color = std::getenv("NO_COLOR");
  return &out == &std::cout && isatty(STDOUT_FILENO) == 1 &&
         (no_color == nullptr || *no_color == '\0');
}

/// A problem as text; on a terminal the message is bold and the caret's line is red.
std::string Shown(const config::Problem& problem, bool colours) {
  std::string text = base::Printable(problem.ToString(), true);
  if (!colours) {
    return text;
  }
  const auto first = text.find('\n');
  std::string out = "\x1b[1m" + text.substr(0, first) + "\x1b[0m";
  if (first == std::string::npos) {
    return out;
  }
  const auto last = text.rfind('\n');
  if (last != first) {
    out += text.substr(first, last - first);
  }
  return out + "\n\x1b[31m" + text.substr(last + 1) + "\x1b[0m";
}

std::size_t ProbeCount(const Settings& settings) {
  std::size_t n = 0;
  for (const auto& target : settings.targets) {
    n += target.probes.size();
  }
  return n;
}

std::size_t FilesWithMistakes(const Loaded& loaded) {
  std::set<std::string> files;
  for (const auto& problem : loaded.problems) {
    files.insert(problem.place.file);
  }
  return files.size();
}

void PrintText(const std::string& file, const Loaded& loaded, std::ostream& out) {
  const bool colours = Colours(out);
  for (const auto& problem : loaded.problems) {
    out << Shown(problem, colours) << "\n";
  }
  if (!loaded.problems.empty()) {
    out << Count(loaded.problems.size(), "mistake", "mistakes") << " in "
        << Count(FilesWithMistakes(loaded), "file", "files") << "\n";
    return;
  }
  const Settings& settings = *loaded.settings;
  out << fmt::format("{}: {}, {}, {}, {}: good\n", base::Printable(file),
                     Count(settings.targets.size(), "target", "targets"),
                     Count(ProbeCount(settings), "probe", "probes"),
                     Count(CountRules(settings.rules), "rule", "rules"),
                     Count(settings.notify.size(), "channel", "channels"));
}

boost::json::object Account(const std::string& file, const Loaded& loaded) {
  boost::json::object out;
  out["file"] = base::Printable(file);
  out["ok"] = loaded.settings.has_value();
  auto& problems = out["problems"].emplace_array();
  for (const auto& problem : loaded.problems) {
    problems.push_back(boost::json::object{{"file", base::Printable(problem.place.file)},
                                           {"line", problem.place.line},
                                           {"column", problem.place.column},
                                           {"message", base::Printable(problem.message)},
                                           {"hint", base::Printable(problem.hint)},
                                           {"snippet", base::Printable(problem.snippet, true)}});
  }
  auto& files = out["files"].emplace_array();
  for (const auto& read : loaded.files) {
    files.emplace_back(base::Printable(read));
  }
  if (loaded.unreadable) {
    out["error"] = base::Printable(loaded.unreadable->message);
  }
  if (loaded.settings) {
    out["targets"] = loaded.settings->targets.size();
    out["probes"] = ProbeCount(*loaded.settings);
    out["rules"] = CountRules(loaded.settings->rules);
    out["channels"] = loaded.settings->notify.size();
  }
  return out;
}

}  // namespace

int RunCheck(const std::string& file, bool json, std::ostream& out) {
  const Loaded loaded = LoadSettings(file);
  if (json) {
    out << boost::json::serialize(Account(file, loaded)) << "\n";
  } else if (loaded.unreadable) {
    out << "raksa: " << base::Printable(loaded.unreadable->message) << "\n";
  } else {
    PrintText(file, loaded, out);
  }
  if (loaded.unreadable) {
    return 2;
  }
  return loaded.problems.empty() ? 0 : 1;
}

}  // namespace app
