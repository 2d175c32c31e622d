// Opening a store: lock, schema, dictionary, the head log; and its figures.
#include "store/store.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "base/log.h"
#include "store/maintain.h"
#include "store/state.h"

namespace store {
namespace {

using base::ErrorKind;

constexpr base::Duration kCloseBudget = std::chrono::milliseconds(200);

int CountWalPages(void* context, sqlite3* /*db*/, const char* /*name*/, int pages) {
  static_cast<std::atomic<int>*>(context)->store(pages);
  return SQLITE_OK;
}

base::Result<int> LockDirectory(const std::string& dir) {
  std::error_code failed;
  std::filesystem::create_directories(dir, failed);
  if (failed) {
    return base::Fail(ErrorKind::kUnavailable, dir + ": " + failed.message());
  }
  const std::string path = dir + "/samples.lock";
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) {
    return base::Fail(ErrorKind::kUnavailable, path + ": " + std::strerror(errno));
  }
  if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
    close(fd);
    return base::Fail(ErrorKind::kUnavailable, dir + ": another process has this store open");
  }
  return fd;
}

// A database that cannot be opened is renamed, never deleted, and the log of samples with it: its
// series are named by that database only.
base::Result<> MoveAway(const std::string& dir, const std::string& path) {
  const std::string mark = ".unreadable-" + std::to_string(base::Clock::NowMs());
  const std::string to = path + mark;
  std::vector<std::pair<std::string, std::string>> files;
  for (const char* tail : {"", "-wal", "-shm"}) {
    files.emplace_back(path + tail, to + tail);
  }
  const auto segments = ReadSegments(dir);
  for (std::size_t i = 0; segments && i < segments->size(); ++i) {
    files.emplace_back((*segments)[i].path, (*segments)[i].path + mark);
  }
  for (const auto& [before, after] : files) {
    if (std::rename(before.c_str(), after.c_str()) != 0 && errno != ENOENT) {
      return base::Fail(ErrorKind::kUnavailable, before + ": " + std::strerror(errno));
    }
  }
  base::Log(base::Level::kError, "the store could not be read and was put aside; a new one begins",
            {{"file", path}, {"now", to}});
  return {};
}

base::Result<> CheckOptions(const StoreOptions& o) {
  if (o.dir.empty()) {
    return base::Fail(ErrorKind::kInvalid, "store: no directory given");
  }
  if (o.window < std::chrono::minutes(1) || o.window > std::chrono::hours(24 * 31) ||
      o.window % std::chrono::milliseconds(1) != base::Duration{}) {
    return base::Fail(ErrorKind::kInvalid,
                      "store: window must be 1 minute to 31 days in whole milliseconds, not " +
                          base::FormatDuration(o.window));
  }
  if (o.retention_age.count() < 0 || o.tier_age.count() < 0 || o.tier_after.count() < 0 ||
      o.max_ahead.count() < 0 || o.grace.count() < 0) {
    return base::Fail(ErrorKind::kInvalid, "store: a duration below zero");
  }
  return {};
}

}  // namespace

State::~State() {
  readers.clear();
  write = WriterDb{};
  if (lock_fd >= 0) {
    close(lock_fd);
  }
}

base::Result<> State::OpenFiles() {
  auto lock = LockDirectory(options.dir);
  if (!lock) {
    return base::Fail(std::move(lock.error()));
  }
  lock_fd = *lock;
  path = options.dir + "/samples.db";
  const std::int64_t wanted = options.window / std::chrono::milliseconds(1);
  for (int attempt = 0;; ++attempt) {
    window_ms = wanted;
    index = Index();
    auto db = OpenWriter(path, &window_ms);
    base::Result<> done;
    if (db) {
      write = std::move(*db);
      done = LoadDictionary(&write.db);
      done = done ? LoadWindows(&write.db) : done;
    } else {
      done = base::Fail(std::move(db.error()));
    }
    if (done) {
      break;
    }
    if (done.error().kind != ErrorKind::kCorrupt || attempt > 0) {
      return done;
    }
    write = WriterDb{};
    windows.clear();
    tiers.clear();
    if (auto moved = MoveAway(options.dir, path); !moved) {
      return moved;
    }
    ++files_set_aside;
  }
  if (window_ms != wanted) {
    base::Log(base::Level::kWarn, "the store keeps the window it was made with",
              {{"asked", base::FormatDuration(options.window)},
               {"window", base::FormatDuration(std::chrono::milliseconds(window_ms))}});
  }
  sqlite3_wal_hook(write.db.raw(), CountWalPages, &wal_pages);
  return {};
}

base::Result<> State::LoadDictionary(Database* db) {
  const auto bad = [](const char* what) {
    return base::Fail(ErrorKind::kCorrupt, std::string("store: dictionary: bad row of ") + what);
  };
  auto strings = db->Prepare("SELECT id, text FROM string");
  auto targets = db->Prepare("SELECT id, name FROM target");
  auto series = db->Prepare("SELECT id, target, labels FROM series");
  for (auto* statement : {&strings, &targets, &series}) {
    if (!*statement) {
      return base::Fail(std::move(statement->error()));
    }
    while (true) {
      auto row = (*statement)->Step();
      if (!row) {
        return base::Fail(std::move(row.error()));
      }
      if (!*row) {
        break;
      }
      Statement& s = **statement;
      const auto id = static_cast<std::uint64_t>(s.Int(0));
      if (statement == &strings && !index.LoadString(id, s.Text(1))) {
        return bad("string");
      }
      if (statement == &targets && !index.LoadTarget(id, s.Text(1))) {
        return bad("target");
      }
      if (statement == &series &&
          !index.LoadSeries(id, static_cast<std::uint64_t>(s.Int(1)), s.Blob(2))) {
        return bad("series");
      }
    }
  }
  return {};
}

// The windows that a table has rows of.
base::Result<> WindowsOf(Database* db, const char* sql, std::set<Window>* out) {
  auto next = db->Prepare(sql);
  if (!next) {
    return base::Fail(next.error());
  }
  std::int64_t at = INT64_MIN;
  while (true) {
    next->Bind(1, at);
    auto row = next->Step();
    if (!row) {
      return base::Fail(std::move(row.error()));
    }
    if (next->Blob(0).empty()) {  // null: none left
      return {};
    }
    at = next->Int(0);
    out->insert(at);
    next->Reset();
  }
}

base::Result<> State::LoadWindows(Database* db) {
  const auto merged = db->Number("SELECT value FROM meta WHERE key = 'merged_until'");
  const auto tiered = db->Number("SELECT value FROM meta WHERE key = 'tiered_until'");
  const auto has_tiers = db->Number("SELECT count(*) FROM sqlite_schema WHERE name = 'tier'");
  const auto id = db->Number("SELECT value FROM meta WHERE key = 'log_id'");
  for (const auto* number : {&merged, &tiered, &has_tiers, &id}) {
    if (!*number) {
      return base::Fail(number->error());
    }
  }
  merged_until = *merged;
  tiered_until = *tiered;
  log_id = static_cast<std::uint64_t>(*id);
  auto done = WindowsOf(db, "SELECT min(window) FROM chunk WHERE window > ?", &windows);
  if (done && *has_tiers > 0) {
    done = WindowsOf(db, "SELECT min(window) FROM tier WHERE window > ?", &tiers);
  }
  return done;
}

base::Result<> State::OpenFilesToRead() {
  read_only = true;
  path = options.dir + "/samples.db";
  // Before the moment of the database: what it has by then is in the log or in chunks.
  auto segments =
      access(path.c_str(), F_OK) == 0 ? ReadSegments(options.dir) : std::vector<Segment>();
  if (!segments) {
    return base::Fail(std::move(segments.error()));
  }
  auto reader = OpenPinned(path, &window_ms);
  if (!reader) {
    return base::Fail(std::move(reader.error()));
  }
  Database* db = &(*reader)->db;
  auto done = LoadDictionary(db);
  done = done ? LoadWindows(db) : done;
  done = done ? ReplayLog(db, *segments) : done;
  if (!done) {
    return base::Fail(done.error().In(path));
  }
  readers.push_back(std::move(*reader));
  return {};
}

void State::SuspectAll() {
  const auto all = index.Match({});
  for (std::size_t i = 0; all && i < all->size(); ++i) {
    suspects[index.TargetOf((*all)[i])].insert((*all)[i]);
  }
}

Store::Store(std::unique_ptr<State> state) : state_(std::move(state)) {}
Store::~Store() {
  // Only a running store needs the room that merging and deleting have left.
  if (!state_->read_only) {
    GiveAllPages(state_.get(), base::Clock::Steady() + kCloseBudget);
  }
}

base::Result<std::unique_ptr<Store>> Store::Open(StoreOptions options) {
  if (auto good = CheckOptions(options); !good) {
    return base::Fail(std::move(good.error()));
  }
  auto state = std::make_unique<State>();
  state->options = std::move(options);
  auto opened = state->OpenFiles();
  if (!opened) {
    return base::Fail(std::move(opened.error()));
  }
  auto segments = ReadSegments(state->options.dir);
  auto replayed = segments ? state->ReplayLog(&state->write.db, *segments)
                           : base::Fail(std::move(segments.error()));
  if (!replayed) {
    return base::Fail(std::move(replayed.error()));
  }
  // A crash may have come between deleting samples and forgetting their series.
  state->SuspectAll();
  return std::unique_ptr<Store>(new Store(std::move(state)));
}

base::Result<std::unique_ptr<Store>> Store::OpenToRead(const std::string& dir) {
  auto state = std::make_unique<State>();
  state->options.dir = dir;
  auto opened = state->OpenFilesToRead();
  if (!opened) {
    return base::Fail(std::move(opened.error()));
  }
  return std::unique_ptr<Store>(new Store(std::move(state)));
}

base::Result<> Store::Append(const model::Batch& batch) { return AppendMany(std::span(&batch, 1)); }

base::Result<> Store::AppendMany(std::span<const model::Batch> batches,
                                 std::span<const model::TableBatch> tables) {
  return state_->read_only ? base::Fail(ErrorKind::kRefused, "store: it was opened to be read only")
                           : state_->AppendMany(batches, tables);
}

base::Result<> Store::Maintain(base::Time now) {
  return state_->read_only ? base::Fail(ErrorKind::kRefused, "store: it was opened to be read only")
                           : state_->Maintain(now);
}

void Store::SetLimits(const StoreLimits& limits) {
  const std::lock_guard lock(state_->writer);
  StoreOptions& options = state_->options;
  options.retention_age = limits.retention_age;
  options.retention_bytes = limits.retention_bytes;
  options.tier_age = limits.tier_age;
  options.head_samples = limits.head_samples;
  state_->unsettled = true;
}

bool Store::unsettled() const { return state_->unsettled; }

Stats Store::stats() const {
  const State& s = *state_;
  Stats out;
  {
    const std::shared_lock lock(s.shared);
    out.series = s.index.series_count();
    out.targets = s.index.target_count();
    out.strings = s.index.string_count();
    out.windows = s.windows.size();
    out.tier_days = s.tiers.size();
    out.head_samples = s.head.samples;
    out.oldest = s.windows.empty() ? 0 : *s.windows.begin();
    if (!s.head.windows.empty() &&
        (s.windows.empty() || s.head.windows.begin()->first < out.oldest)) {
      out.oldest = s.head.windows.begin()->first;
    }
  }
  struct stat file{};
  out.database_bytes =
      stat(s.path.c_str(), &file) == 0 ? static_cast<std::uint64_t>(file.st_size) : 0;
  out.wal_bytes =
      stat((s.path + "-wal").c_str(), &file) == 0 ? static_cast<std::uint64_t>(file.st_size) : 0;
  if (auto reader = s.TakeReader(); reader) {
    // Both as the WAL has them; the file may still be shorter than what is used.
    const auto pages = (*reader)->db.Number("PRAGMA page_count");
    const auto free = (*reader)->db.Number("PRAGMA freelist_count");
    const auto size = (*reader)->db.Number("PRAGMA page_size");
    const auto used = pages && free && size ? (*pages - *free) * *size : INT64_MAX;
    out.free_bytes =
        out.database_bytes - std::min(out.database_bytes, static_cast<std::uint64_t>(used));
    s.GiveReader(std::move(*reader));
  }
  out.log_bytes = s.log.bytes();
  out.pending_bytes = s.pending_bytes;
  out.samples_appended = s.appended;
  out.samples_overwritten = s.overwritten;
  out.samples_refused = s.refused;
  out.samples_lost = s.lost;
  out.replayed = s.replayed;
  out.chunks_written = s.chunks_written;
  out.chunks_deleted = s.chunks_deleted;
  out.series_deleted = s.series_deleted;
  out.chunks_set_aside = s.chunks_set_aside;
  out.rows_set_aside = s.rows_set_aside;
  out.unreadable = s.unreadable;
  out.files_set_aside = s.files_set_aside;
  out.window = std::chrono::milliseconds(s.window_ms);
  const std::lock_guard lock(s.error_mutex);
  out.error = s.error;
  return out;
}

}  // namespace store
