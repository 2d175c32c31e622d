// One task an entry: look, compare, sleep.
#include "app/discoverer.h"

#include <fmt/format.h>
#include <glob.h>
#include <sys/stat.h>

#include <algorithm>
#include <utility>

#include "base/log.h"

namespace app {
namespace {

constexpr std::size_t kMaxFiles = 1'000;
constexpr std::size_t kMaxAnswer = 8U << 20;

/// Time of change and size of a file; "" when it cannot be seen.
std::string StampOf(const std::string& path) {
  struct stat info{};
  if (stat(path.c_str(), &info) != 0) {
    return "";
  }
  return fmt::format("{}.{}/{}/{}", info.st_mtim.tv_sec, info.st_mtim.tv_nsec, info.st_size,
                     info.st_ino);
}

std::vector<std::string> FilesOf(const target::Discovery& discovery) {
  std::vector<std::string> out;
  for (const auto& pattern : discovery.files) {
    glob_t found{};
    if (glob(pattern.c_str(), 0, nullptr, &found) == 0) {
      for (std::size_t i = 0; i < found.gl_pathc && out.size() < kMaxFiles; ++i) {
        out.emplace_back(found.gl_pathv[i]);
      }
    }
    globfree(&found);
  }
  return out;
}

}  // namespace

Discoverer::Discoverer(loop::Loop& loop, loop::Worker& worker, loop::HttpClient& http,
                       std::function<void()> changed)
    : worker_(worker), http_(http), changed_(std::move(changed)), scope_(loop) {}

void Discoverer::Configure(std::vector<target::Discovery> entries) {
  auto before = std::exchange(entries_, {});
  for (auto& discovery : entries) {
    const auto same = std::ranges::find_if(
        before, [&](const auto& entry) { return entry && entry->discovery == discovery; });
    if (same != before.end()) {
      entries_.push_back(std::exchange(*same, nullptr));
      continue;
    }
    auto entry = std::make_shared<Entry>();
    entry->discovery = std::move(discovery);
    entries_.push_back(entry);
    scope_.Spawn("discovery", Run(entry));
  }
  for (const auto& entry : before) {
    if (entry) {
      entry->removed = true;
    }
  }
}

std::vector<std::vector<model::Target>> Discoverer::found() const {
  std::vector<std::vector<model::Target>> out;
  for (const auto& entry : entries_) {
    for (const auto& [name, source] : entry->sources) {
      out.push_back(source.targets);
    }
  }
  return out;
}

loop::Task<> Discoverer::Stop() {
  scope_.Cancel();
  co_await scope_.Join();
}

/// What a document says; with a mistake in it, what was known before.
Discoverer::Source Discoverer::Read(const std::shared_ptr<config::Document>& document,
                                    const target::Discovery& discovery, const Source& before) {
  Source out;
  out.targets = target::ReadGroups(*document, discovery);
  for (const auto& problem : document->problems()) {
    out.problem += (out.problem.empty() ? "" : "\n") + problem.ToString();
  }
  if (!out.problem.empty()) {
    out.targets = before.targets;
  }
  return out;
}

Discoverer::Sources Discoverer::LookAtFiles(const target::Discovery& discovery, Sources before) {
  Sources out;
  for (const auto& path : FilesOf(discovery)) {
    auto& old = before[path];
    const auto stamp = StampOf(path);
    if (!stamp.empty() && stamp == old.stamp) {
      out[path] = std::move(old);
      continue;
    }
    const auto document = config::Document::Load(path);
    if (document) {
      out[path] = Read(*document, discovery, old);
      out[path].stamp = stamp;
    } else {
      out[path] = {"", old.targets, document.error().message};
    }
  }
  return out;
}

/// Puts what was found in place of what was there, and says so when it differs.
void Discoverer::Take(Entry& entry, Sources sources) {
  bool differs = false;
  for (const auto& [name, source] : sources) {
    const auto old = entry.sources.find(name);
    const bool known = old != entry.sources.end();
    differs = differs || !known || old->second.targets != source.targets;
    if (source.problem != (known ? old->second.problem : "")) {
      base::Log(source.problem.empty() ? base::Level::kInfo : base::Level::kError,
                source.problem.empty() ? "targets can be read again"
                                       : "targets cannot be read; those found before stay",
                {{"source", name}, {"err", source.problem}});
    }
  }
  differs = differs || sources.size() != entry.sources.size();
  entry.sources = std::move(sources);
  if (differs && !entry.removed) {
    changed_();
  }
}

loop::Task<> Discoverer::Look(std::shared_ptr<Entry> entry) {
  auto before = std::make_shared<Sources>(entry->sources);
  auto work = [entry_discovery = entry->discovery, before] {
    *before = LookAtFiles(entry_discovery, std::move(*before));
  };
  co_await worker_.Run(std::move(work));
  Take(*entry, std::move(*before));
}

loop::Task<> Discoverer::Ask(std::shared_ptr<Entry> entry) {
  loop::HttpRequest request;
  request.url = entry->discovery.url;
  request.headers = {{"Accept", "application/json"},
                     {"X-Prometheus-Refresh-Interval-Seconds",
                      fmt::format("{}", base::ToSeconds(entry->discovery.refresh))}};
  request.max_body = kMaxAnswer;
  const auto answer = co_await http_.Send(std::move(request));
  const auto& url = entry->discovery.url;
  const auto old = entry->sources.contains(url) ? entry->sources.at(url) : Source{};
  Sources sources;
  if (!answer) {
    sources[url] = {"", old.targets, answer.error().message};
  } else if (answer->status != 200 || answer->truncated) {
    sources[url] = {"", old.targets,
                    answer->truncated ? "the answer is longer than 8 MiB"
                                      : fmt::format("HTTP status {}", answer->status)};
  } else {
    sources[url] = Read(config::Document::Parse(answer->body, url), entry->discovery, old);
  }
  Take(*entry, std::move(sources));
}

loop::Task<> Discoverer::Run(std::shared_ptr<Entry> entry) {
  while (!entry->removed) {
    if (entry->discovery.url.empty()) {
      co_await Look(entry);
    } else {
      co_await Ask(entry);
    }
    co_await loop::Sleep(entry->discovery.refresh);
  }
}

}  // namespace app
