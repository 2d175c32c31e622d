// Reading the site's files.
#include "diagnosis/nginx/site.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/text.h"

namespace diagnosis::nginx {
namespace {

/// "/var/www" → "/", "/var", "/var/www".
std::vector<std::string> WayTo(const std::string& path) {
  std::vector<std::string> out = {"/"};
  for (std::size_t at = 1; at < path.size() && out.size() < 64;) {
    const auto slash = std::min(path.find('/', at), path.size());
    if (slash > at) {
      out.push_back(path.substr(0, slash));
    }
    at = slash + 1;
  }
  return out;
}

bool IsPlainPath(std::string_view path) {
  return path.starts_with('/') && path.size() < 1024 && path.find('$') == std::string_view::npos &&
         base::IsPrintable(path);
}

loop::Task<Reader> WhoReads(Look* look, std::string user) {
  Reader reader;
  reader.user = user;
  std::vector<std::string> argv = {"id", "-Gn", "--", std::move(user)};
  const auto answer = co_await look->Ask(std::move(argv), false);
  if (answer && answer->exit_status == 0) {
    for (const auto group : base::Split(LastLine(answer->output), ' ')) {
      reader.groups.emplace_back(group);
    }
  }
  co_return reader;
}

std::string Describe(const Entry& entry) {
  return entry.there
             ? fmt::format("{} is {:o} {}:{}", entry.path, entry.mode, entry.user, entry.group)
             : entry.path + " is not there";
}

}  // namespace

bool May(const Reader& reader, const Entry& entry, unsigned bit) {
  if (reader.user == "root") {
    return true;
  }
  if (entry.user == reader.user) {
    return (entry.mode >> 6 & bit) != 0;
  }
  if (std::find(reader.groups.begin(), reader.groups.end(), entry.group) != reader.groups.end()) {
    return (entry.mode >> 3 & bit) != 0;
  }
  return (entry.mode & bit) != 0;
}

std::vector<Entry> ReadStat(std::string_view text, const std::vector<std::string>& paths) {
  std::vector<Entry> out;
  for (const auto& path : paths) {
    Entry entry;
    entry.path = path;
    for (const auto line : base::Lines(text)) {
      // 755 root root directory//var/www
      const auto words = base::Split(line.substr(0, line.find('/')), ' ');
      const auto slash = line.find('/');
      if (line.starts_with("stat: ") && line.ends_with(": Permission denied") &&
          line.find("'" + path + "'") != std::string_view::npos) {
        entry.hidden = true;
      }
      if (words.size() < 4 || slash == std::string_view::npos || line.substr(slash + 1) != path) {
        continue;
      }
      const auto [end, ec] =
          std::from_chars(words[0].data(), words[0].data() + words[0].size(), entry.mode, 8);
      entry.there = ec == std::errc() && end == words[0].data() + words[0].size();
      entry.user = std::string(words[1]);
      entry.group = std::string(words[2]);
      entry.directory = words[3] == "directory";
    }
    out.push_back(std::move(entry));
  }
  return out;
}

Fault FindFault(const std::vector<Entry>& way, const std::vector<Entry>& index,
                const Reader& reader, bool index_needed) {
  const auto closed = std::find_if(way.begin(), way.end(), [&](const Entry& entry) {
    return entry.there && !May(reader, entry, 1);
  });
  const auto denied = [&] {
    const bool readable = closed + 1 == way.end() && May(reader, *closed, 4);
    return Fault{readable ? "nginx-no-execute-permission" : "nginx-directory-denied", closed->path};
  };
  if (!way.empty() && way.back().hidden) {
    // What is closed to us on the way may be closed to nginx too; that is all we can say.
    return closed == way.end() ? Fault{} : denied();
  }
  if (way.empty() || !way.back().there || !way.back().directory) {
    return {"nginx-root-wrong", way.empty() ? "" : way.back().path};
  }
  if (closed != way.end()) {
    return denied();
  }
  if (std::any_of(index.begin(), index.end(), [](const Entry& e) { return e.hidden; })) {
    return {};
  }
  const auto first =
      std::find_if(index.begin(), index.end(), [](const Entry& e) { return e.there; });
  if (first == index.end()) {
    return index_needed && !index.empty() ? Fault{"nginx-index-missing", index.front().path}
                                          : Fault{};
  }
  if (!May(reader, *first, 4)) {
    return {"nginx-no-read-permission", first->path};
  }
  return {};
}

Asked ReadAsked(std::string_view url) {
  Asked out;
  const auto scheme = url.find("://");
  out.tls = scheme != std::string_view::npos && url.starts_with("https");
  out.port = out.tls ? 443 : 80;
  auto rest = scheme == std::string_view::npos ? url : url.substr(scheme + 3);
  const auto end = rest.find_first_of("/?#");
  if (end != std::string_view::npos && rest[end] == '/') {
    const auto path = rest.substr(end, rest.find_first_of("?#", end) - end);
    // It goes into a request line: no space, no control characters.
    if (path.size() < 1024 && base::IsPrintable(path) && path.find(' ') == std::string_view::npos) {
      out.path = std::string(path);
    }
  }
  rest = rest.substr(0, end);
  if (const auto at = rest.rfind('@'); at != std::string_view::npos) {
    rest = rest.substr(at + 1);
  }
  const auto bracket = rest.rfind(']');
  const auto colon = rest.rfind(':');
  if (colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket)) {
    std::uint16_t port = 0;
    const auto digits = rest.substr(colon + 1);
    const auto [stop, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
    if (ec == std::errc() && stop == digits.data() + digits.size() && port != 0) {
      out.port = port;
    }
    rest = rest.substr(0, colon);
  }
  if (base::IsPrintable(rest) && rest.find(' ') == std::string_view::npos) {
    out.host = std::string(rest.substr(0, 255));
  }
  return out;
}

Asked AskedFor(const Request& request) {
  for (const auto& alert : request.alerts) {
    const auto url = alert.labels.Get("url");
    if (alert.Firing() && alert.Metric() == "http_code" && !url.empty()) {
      return ReadAsked(url);
    }
  }
  return ReadAsked(request.target.url.empty() ? request.target.address : request.target.url);
}

loop::Task<std::optional<model::Finding>> ExamineFiles(Look* look, parse::Site site) {
  if (site.passes_on || !IsPlainPath(site.root)) {
    co_return std::nullopt;
  }
  std::string root = site.root;
  while (root.size() > 1 && root.ends_with('/')) {
    root.pop_back();
  }
  const auto way = WayTo(root);
  std::vector<std::string> index;
  for (const auto& name : site.index) {
    const auto path = root + "/" + name;
    if (IsPlainPath(path) && index.size() < 16) {
      index.push_back(path);
    }
  }
  std::vector<std::string> argv = {"stat", "-L", "-c", "%a %U %G %F/%n", "--"};
  argv.insert(argv.end(), way.begin(), way.end());
  argv.insert(argv.end(), index.begin(), index.end());
  // Not as root: no path of the configuration's may reach a privileged command.
  const auto answer = co_await look->Ask(std::move(argv), false);
  if (!answer) {
    co_return std::nullopt;
  }
  const auto reader = co_await WhoReads(look, site.user);
  const auto directories = ReadStat(answer->output, way);
  const auto files = ReadStat(answer->output, index);
  const auto fault = FindFault(directories, files, reader, !site.tries_files);
  if (fault.cause.empty()) {
    co_return std::nullopt;
  }
  std::string evidence = "stat: " + fault.path;
  for (const auto* list : {&directories, &files}) {
    for (const auto& entry : *list) {
      if (entry.path == fault.path) {
        evidence = fmt::format("stat: {}; nginx runs as {}", Describe(entry), reader.user);
      }
    }
  }
  auto finding = look->Found(fault.cause, "State active", base::Printable(evidence));
  finding.details.emplace_back("Service Name", "nginx.service");
  finding.details.emplace_back("Path", fault.path);
  co_return finding;
}

}  // namespace diagnosis::nginx
