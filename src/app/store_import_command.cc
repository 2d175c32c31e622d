// raksa store import.
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <iostream>
#include <memory>

#include "app/lookup.h"
#include "app/store_commands.h"
#include "app/store_import.h"
#include "base/text.h"

namespace app {
namespace {

using base::ErrorKind;

struct Close {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, Close>;

// A file that can be read twice: what is a pipe is copied to a temporary file first.
base::Result<File> OpenTwice(const std::string& name) {
  File in(name == "-" ? fdopen(dup(STDIN_FILENO), "re") : std::fopen(name.c_str(), "re"));
  struct stat what{};
  if (in == nullptr || fstat(fileno(in.get()), &what) != 0) {
    return base::Fail(ErrorKind::kUnavailable, name + ": " + std::strerror(errno));
  }
  if (S_ISREG(what.st_mode)) {
    return in;
  }
  if (S_ISDIR(what.st_mode)) {
    return base::Fail(ErrorKind::kInvalid, name + " is a folder");
  }
  File copy(std::tmpfile());
  if (copy == nullptr) {
    return base::Fail(ErrorKind::kUnavailable,
                      std::string("no temporary file can be made: ") + std::strerror(errno));
  }
  char buffer[65536];
  for (std::size_t n = 0; (n = std::fread(buffer, 1, sizeof buffer, in.get())) > 0;) {
    if (std::fwrite(buffer, 1, n, copy.get()) != n) {
      return base::Fail(
          ErrorKind::kUnavailable,
          std::string("the temporary file cannot be written: ") + std::strerror(errno));
    }
  }
  return copy;
}

base::Result<store::StoreOptions> OptionsFor(const Common& common, const StoreOptions& options) {
  store::StoreOptions out;
  if (!options.dir.empty()) {
    out.dir = options.dir;
    out.retention_age = {};
  } else {
    const auto settings = NeedSettings(common.config);
    if (!settings) {
      return base::Fail(settings.error());
    }
    out.dir = settings->data_dir;
    out.retention_age = settings->retention.age;
    out.retention_bytes = settings->retention.size;
  }
  out.maintain_budget = std::chrono::seconds(1);
  return out;
}

// Opens the store, saying what a person can do when a daemon has it.
base::Result<std::unique_ptr<store::Store>> OpenToImport(const Common& common,
                                                         const StoreOptions& options) {
  const auto wanted = OptionsFor(common, options);
  if (!wanted) {
    return base::Fail(wanted.error());
  }
  auto opened = store::Store::Open(*wanted);
  if (!opened && opened.error().message.ends_with("another process has this store open")) {
    return base::Fail(ErrorKind::kRefused,
                      "a daemon runs on " + wanted->dir +
                          ": stop it first (systemctl stop raksa), or import into another "
                          "directory with --dir");
  }
  return opened;
}

}  // namespace

int RunStoreImport(const Common& common, const StoreOptions& options) {
  auto file = OpenTwice(options.input);
  if (!file) {
    return StoreFault(file.error());
  }
  ImportText text{.file = file->get(), .name = options.input == "-" ? "stdin" : options.input};
  text.format = options.format == "openmetrics"  ? probe::prometheus::Format::kOpenMetrics
                : options.format == "prometheus" ? probe::prometheus::Format::kText
                                                 : GuessFormat(text.file);
  auto store = OpenToImport(common, options);
  if (!store) {
    return StoreFault(store.error());
  }
  const auto problems = CheckImport(text);
  if (!problems) {
    return StoreFault(problems.error());
  }
  if (problems->count > 0) {
    for (const auto& one : problems->shown) {
      std::cerr << one << "\n";
    }
    std::cerr << fmt::format("{} mistake{}; nothing was stored\n", problems->count,
                             problems->count == 1 ? "" : "s");
    return 1;
  }
  const auto count = Import(text, store->get());
  if (!count) {
    return StoreFault(count.error());
  }
  std::cout << fmt::format("{} samples of {} series\n", count->samples, count->series);
  if (count->refused > 0) {
    std::cout << fmt::format("{} left out; the first: {}\n", count->refused,
                             base::Printable(count->why));
  }
  return 0;
}

}  // namespace app
