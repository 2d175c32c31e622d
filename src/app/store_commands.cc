// raksa store check, stats, export, snapshot.
#include "app/store_commands.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <iostream>

#include "api/json.h"
#include "api/number.h"
#include "app/client.h"
#include "app/lookup.h"
#include "app/store_export.h"
#include "base/id.h"
#include "base/text.h"
#include "promql/expr.h"
#include "store/store.h"

namespace app {
namespace {

namespace json = boost::json;

std::string Moment(model::Timestamp t) { return base::FormatRfc3339(base::FromMs(t)); }

std::string Size(std::uint64_t bytes) {
  const auto value = static_cast<double>(bytes);
  return bytes >= 10'000'000 ? fmt::format("{:.1f} MB", value / 1e6)
         : bytes >= 10'000   ? fmt::format("{:.1f} kB", value / 1e3)
                             : fmt::format("{} B", bytes);
}

double Each(std::uint64_t bytes, std::uint64_t samples) {
  return samples == 0 ? 0 : static_cast<double>(bytes) / static_cast<double>(samples);
}

json::array AsideJson(const store::CheckReport& report) {
  json::array out;
  for (const auto& row : report.aside) {
    out.push_back(
        json::object{{"at", Moment(row.at)},
                     {"source", row.source},
                     {"from", Moment(row.window)},
                     {"to", Moment(row.window + report.window / std::chrono::milliseconds(1))},
                     {"target", base::Printable(row.target)},
                     {"reason", row.reason},
                     {"bytes", row.bytes}});
  }
  return out;
}

void PrintCheck(const std::string& dir, const store::CheckReport& report) {
  std::cout << fmt::format(
      "{}: {} series; {} samples in {} chunks ({} columns, {}), {} in the head log\n", dir,
      report.series, report.samples, report.chunks, report.columns, Size(report.bytes),
      report.head_samples);
  if (report.aside_count > 0) {
    std::cout << fmt::format("{} set aside earlier{}:\n", report.aside_count,
                             report.aside_count > report.aside.size() ? " (the newest shown)" : "");
  }
  for (const auto& row : report.aside) {
    std::cout << fmt::format(
        "  {} .. {}  {}{}  {} bytes  {}\n", Moment(row.window),
        Moment(row.window + report.window / std::chrono::milliseconds(1)), row.source,
        row.target.empty() ? "" : " of " + base::Printable(row.target), row.bytes, row.reason);
  }
  for (const auto& problem : report.problems) {
    std::cout << "problem: " << base::Printable(problem) << "\n";
  }
  if (report.problem_count > report.problems.size()) {
    std::cout << fmt::format("and {} more\n", report.problem_count - report.problems.size());
  }
  std::cout << (report.problem_count == 0 ? "no problem\n"
                                          : fmt::format("{} problem{}\n", report.problem_count,
                                                        report.problem_count == 1 ? "" : "s"));
}

json::array UsageJson(const std::vector<store::Usage>& list, const char* columns) {
  json::array out;
  for (const auto& one : list) {
    out.push_back(json::object{{"name", base::Printable(one.name)},
                               {columns, one.columns},
                               {"samples", one.samples},
                               {"bytes", one.bytes}});
  }
  return out;
}

json::object CountsJson(const std::vector<std::pair<std::string, std::size_t>>& counts) {
  json::object out;
  for (const auto& [name, n] : counts) {
    out[base::Printable(name)] = n;
  }
  return out;
}

json::object StatsJson(const store::Inventory& all) {
  json::array windows;
  for (const auto& one : all.windows) {
    windows.push_back(json::object{{"from", Moment(one.window)},
                                   {"chunks", one.chunks},
                                   {"samples", one.samples},
                                   {"bytes", one.bytes}});
  }
  return {{"series", all.stats.series},
          {"targets", all.stats.targets},
          {"head_samples", all.stats.head_samples},
          {"database_bytes", all.stats.database_bytes},
          {"free_bytes", all.stats.free_bytes},
          {"wal_bytes", all.stats.wal_bytes},
          {"log_bytes", all.stats.log_bytes},
          {"window_seconds", base::ToSeconds(all.stats.window)},
          {"columns", UsageJson(all.codes, "columns")},
          {"by_target", UsageJson(all.targets, "series")},
          {"windows", std::move(windows)},
          {"label_values", CountsJson(all.labels)},
          {"metric_series", CountsJson(all.metrics)}};
}

void PrintCounts(const char* title, const std::vector<std::pair<std::string, std::size_t>>& counts,
                 std::size_t most) {
  std::cout << "\n" << title << "\n";
  for (std::size_t i = 0; i < std::min(most, counts.size()); ++i) {
    std::cout << fmt::format("  {:<32} {:>12}\n", base::Printable(counts[i].first),
                             counts[i].second);
  }
}

void PrintStats(const store::Inventory& all, std::size_t most) {
  std::uint64_t samples = all.stats.head_samples;
  for (const auto& one : all.windows) {
    samples += one.samples;
  }
  const auto used = all.stats.database_bytes - all.stats.free_bytes + all.stats.log_bytes;
  std::cout << fmt::format(
      "{} series of {} targets, {} samples ({} in memory), {} on disk: {:.3f} bytes a sample\n"
      "file {}, of it free {}; WAL {}; log {}; windows of {}\n",
      all.stats.series, all.stats.targets, samples, all.stats.head_samples, Size(used),
      Each(used, samples), Size(all.stats.database_bytes), Size(all.stats.free_bytes),
      Size(all.stats.wal_bytes), Size(all.stats.log_bytes), base::FormatDuration(all.stats.window));
  const char* const row = "  {:<32} {:>9} {:>12} {:>11} {:>9}\n";
  std::cout << "\n"
            << fmt::format(fmt::runtime(row), "columns by code", "columns", "samples", "bytes",
                           "B/sample");
  for (const auto& one : all.codes) {
    if (one.columns > 0) {
      std::cout << fmt::format(fmt::runtime(row), one.name, one.columns, one.samples,
                               Size(one.bytes),
                               fmt::format("{:.3f}", Each(one.bytes, one.samples)));
    }
  }
  std::cout << "\n"
            << fmt::format(fmt::runtime(row), "largest targets", "series", "samples", "bytes",
                           "B/sample");
  for (std::size_t i = 0; i < std::min(most, all.targets.size()); ++i) {
    const auto& one = all.targets[i];
    std::cout << fmt::format(fmt::runtime(row), base::Printable(one.name), one.columns, one.samples,
                             Size(one.bytes), fmt::format("{:.3f}", Each(one.bytes, one.samples)));
  }
  std::cout << "\n"
            << fmt::format(fmt::runtime(row), "newest windows", "chunks", "samples", "bytes",
                           "B/sample");
  for (std::size_t i = all.windows.size() - std::min(most, all.windows.size());
       i < all.windows.size(); ++i) {
    const auto& one = all.windows[i];
    std::cout << fmt::format(fmt::runtime(row), Moment(one.window), one.chunks, one.samples,
                             Size(one.bytes), fmt::format("{:.3f}", Each(one.bytes, one.samples)));
  }
  PrintCounts("values of each label", all.labels, most);
  PrintCounts("series of each metric", all.metrics, most);
}

base::Result<ExportRequest> ReadRequest(const StoreOptions& options) {
  ExportRequest out;
  out.stale = !options.no_stale;
  out.milliseconds = options.format == "prometheus";
  for (const auto& text : options.match) {
    auto matchers = promql::ParseSelector(text);
    if (!matchers) {
      return base::Fail(matchers.error().In("--match " + base::JsonQuote(text)));
    }
    out.any.push_back(std::move(*matchers));
  }
  for (const auto& [text, to] : {std::pair(&options.start, &out.from), {&options.end, &out.to}}) {
    if (!text->empty()) {
      const auto t = api::ParseApiTime(*text);
      if (!t) {
        return base::Fail(t.error());
      }
      *to = *t;
    }
  }
  if (out.to < out.from) {
    return base::Fail(base::ErrorKind::kInvalid, "--end lies before --start");
  }
  return out;
}

// Whether a daemon works on this directory.
bool DaemonRuns(const std::string& dir) {
  const int fd = open((dir + "/samples.lock").c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    return false;
  }
  const bool taken = flock(fd, LOCK_SH | LOCK_NB) != 0;
  close(fd);
  return taken;
}

}  // namespace

int StoreFault(const base::Error& error) {
  std::cerr << "raksa: " << base::Printable(error.message, true) << "\n";
  return 2;
}

base::Result<std::string> StoreDirectory(const Common& common, const StoreOptions& options) {
  if (!options.dir.empty()) {
    return options.dir;
  }
  const auto settings = NeedSettings(common.config);
  return settings ? base::Result<std::string>(settings->data_dir) : base::Fail(settings.error());
}

int RunStoreCheck(const Common& common, const StoreOptions& options) {
  const auto dir = StoreDirectory(common, options);
  if (!dir) {
    return StoreFault(dir.error());
  }
  store::CheckReport report;
  auto store = store::Store::OpenToRead(*dir);
  if (store) {
    auto checked = (*store)->Check();
    if (!checked) {
      return StoreFault(checked.error());
    }
    report = std::move(*checked);
  } else if (store.error().kind == base::ErrorKind::kCorrupt) {
    report.problem_count = 1;
    report.problems.push_back(store.error().message);
  } else {
    return StoreFault(store.error());
  }
  if (common.json) {
    json::array problems;
    for (const auto& problem : report.problems) {
      problems.push_back(json::string(base::Printable(problem)));
    }
    std::cout << api::ToText(json::object{{"series", report.series},
                                          {"chunks", report.chunks},
                                          {"columns", report.columns},
                                          {"samples", report.samples},
                                          {"bytes", report.bytes},
                                          {"head_samples", report.head_samples},
                                          {"problem_count", report.problem_count},
                                          {"problems", std::move(problems)},
                                          {"aside_count", report.aside_count},
                                          {"aside", AsideJson(report)}})
              << "\n";
  } else {
    PrintCheck(*dir, report);
  }
  return report.problem_count == 0 ? 0 : 1;
}

int RunStoreStats(const Common& common, const StoreOptions& options) {
  const auto dir = StoreDirectory(common, options);
  if (!dir) {
    return StoreFault(dir.error());
  }
  const auto store = store::Store::OpenToRead(*dir);
  if (!store) {
    return StoreFault(store.error());
  }
  const auto all = (*store)->TakeInventory();
  if (!all) {
    return StoreFault(all.error());
  }
  if (common.json) {
    std::cout << api::ToText(StatsJson(*all)) << "\n";
  } else {
    PrintStats(*all, options.largest);
  }
  return 0;
}

int RunStoreExport(const Common& common, const StoreOptions& options) {
  const auto request = ReadRequest(options);
  if (!request) {
    return StoreFault(request.error());
  }
  const auto dir = StoreDirectory(common, options);
  if (!dir) {
    return StoreFault(dir.error());
  }
  const auto store = store::Store::OpenToRead(*dir);
  if (!store) {
    return StoreFault(store.error());
  }
  std::FILE* out = options.output.empty() ? stdout : std::fopen(options.output.c_str(), "wxe");
  if (out == nullptr) {
    return StoreFault(
        {base::ErrorKind::kUnavailable, options.output + ": " + std::strerror(errno)});
  }
  const auto count = Export(**store, *request, [out](std::string_view text) {
    return std::fwrite(text.data(), 1, text.size(), out) == text.size();
  });
  bool written = std::fflush(out) == 0;
  if (out != stdout) {
    written = std::fclose(out) == 0 && written;
  }
  if (!count) {
    return StoreFault(count.error());
  }
  if (!written) {
    return StoreFault({base::ErrorKind::kUnavailable, "the text cannot be written"});
  }
  std::cerr << fmt::format("{} samples of {} series\n", count->samples, count->series);
  if (count->nameless > 0) {
    std::cerr << fmt::format("left out: {} series without a metric's name\n", count->nameless);
  }
  if ((*store)->stats().unreadable > 0) {
    return StoreFault({base::ErrorKind::kCorrupt,
                       "part of the store could not be read; `raksa store check` says what"});
  }
  return 0;
}

base::Result<std::string> MakeSnapshot(const std::string& data_dir) {
  const std::time_t now = base::ToMs(base::Clock::Now()) / 1000;
  std::tm utc{};
  gmtime_r(&now, &utc);
  char stamp[32];
  std::strftime(stamp, sizeof stamp, "%Y%m%dT%H%M%SZ", &utc);
  std::string name = std::string(stamp) + "-" + base::RandomHex(8);
  const std::string dir = data_dir + "/snapshots/" + name;
  std::error_code failed;
  std::filesystem::create_directories(dir, failed);
  if (failed) {
    return base::Fail(base::ErrorKind::kUnavailable, dir + ": " + failed.message());
  }
  std::filesystem::permissions(dir, std::filesystem::perms::owner_all, failed);
  auto done = store::CopyStore(data_dir, dir + "/samples.db");
  if (done && std::filesystem::exists(data_dir + "/journal.db", failed)) {
    done = store::CopyDatabase(data_dir + "/journal.db", dir + "/journal.db");
  }
  if (!done) {
    std::filesystem::remove_all(dir, failed);
    return base::Fail(done.error());
  }
  return name;
}

int RunStoreSnapshot(const Common& common, const StoreOptions& options) {
  const auto dir = StoreDirectory(common, options);
  if (!dir) {
    return StoreFault(dir.error());
  }
  std::string name;
  if (options.dir.empty() && DaemonRuns(*dir)) {
    const auto answer = Call(common, "/api/v1/admin/tsdb/snapshot", true, "{}");
    if (!answer) {
      return StoreFault(answer.error());
    }
    const auto* data = answer->is_object() ? answer->as_object().if_contains("data") : nullptr;
    const auto* text =
        data != nullptr && data->is_object() ? data->as_object().if_contains("name") : nullptr;
    if (text == nullptr || !text->is_string()) {
      return StoreFault({base::ErrorKind::kInvalid, "the daemon does not say the snapshot's name"});
    }
    name = std::string(text->as_string());
  } else {
    const auto made = MakeSnapshot(*dir);
    if (!made) {
      return StoreFault(made.error());
    }
    name = *made;
  }
  if (common.json) {
    std::cout << api::ToText(json::object{{"name", name}, {"path", *dir + "/snapshots/" + name}})
              << "\n";
  } else {
    std::cout << *dir << "/snapshots/" << name << "\n";
  }
  return 0;
}

}  // namespace app
