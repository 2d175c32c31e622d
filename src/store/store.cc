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

// A database that cannot be opened is renamed, never deleted.
base::Result<> MoveAway(const std::string& path) {
  const std::string to = path + ".unreadable-" + std::to_string(base::Clock::NowMs());
  for (const char* tail : {"", "-wal", "-shm"}) {
    if (std::rename((path + tail).c_str(), (to + tail).c_str()) != 0 && errno != ENOENT) {
      return base::Fail(ErrorKind::kUnavailable, path + tail + ": " + std::strerror(errno));
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
    if (auto moved = MoveAway(path); !moved) {
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
  for (const auto* number : {&merged, &tiered, &has_tiers}) {
    if (!*number) {
      return base::Fail(number->error());
    }
  }
  merged_until = *merged;
  tiered_until = *tiered;
  auto done = WindowsOf(db, "SELECT min(window) FROM chunk WHERE window > ?", &windows);
  if (done && *has_tiers > 0) {
    done = WindowsOf(db, "SELECT min(window) FROM tier WHERE window > ?", &tiers);
  }
  return done;
}

base::Result<> State::ReplayLog(Database* db) {
  auto rows = db->Prepare("SELECT window, seq, data FROM head ORDER BY window, seq");
  if (!rows) {
    return base::Fail(std::move(rows.error()));
  }
  struct Bad {
    Window window;
    std::uint64_t seq;
    std::string reason;
    std::string data;
  };
  std::vector<Bad> bad;
  while (true) {
    auto row = rows->Step();
    if (!row) {
      // A damaged page: what lies behind it in the log cannot be reached.
      ++rows_set_aside;
      if (read_only) {
        log_problems.push_back("head log: " + row.error().message + "; what lies behind is lost");
      } else {
        base::Log(base::Level::kError, "part of the store's head log cannot be read",
                  {{"err", row.error().message}});
      }
      break;
    }
    if (!*row) {
      break;
    }
    const Window window = rows->Int(0);
    const auto seq = static_cast<std::uint64_t>(rows->Int(1));
    next_seq = std::max(next_seq, seq + 1);
    auto decoded = DecodeRecord(rows->Blob(2), window);
    std::string reason = decoded ? "" : decoded.error().message;
    for (std::size_t i = 0; decoded && reason.empty() && i < decoded->size(); ++i) {
      Row& one = (*decoded)[i];
      one.target = one.series.empty() ? 0 : index.TargetOf(one.series.front());
      const auto stranger = [&](SeriesId id) { return index.TargetOf(id) != one.target; };
      if (one.target == 0 || std::ranges::any_of(one.series, stranger)) {
        reason = "log row: unknown series";
      } else if (one.t < 0 || WindowOf(one.t) != window) {
        reason = "log row: time outside its window";
      } else {
        IntoHead(one, window);
        replayed += one.series.size();
      }
    }
    if (reason.empty()) {
      logged[window] = std::max(logged[window], seq);
    } else {
      bad.push_back({window, seq, reason, rows->Text(2)});
    }
  }
  rows->Reset();
  for (const Bad& b : bad) {
    ++rows_set_aside;
    if (read_only) {
      log_problems.push_back("head log, window " + base::FormatRfc3339(base::FromMs(b.window)) +
                             ", record " + std::to_string(b.seq) + ": " + b.reason);
      continue;
    }
    base::Log(base::Level::kError, "a row of the store's head log is set aside",
              {{"err", b.reason}, {"window", base::FormatRfc3339(base::FromMs(b.window))}});
    const ChunkKey key{b.window, 0, static_cast<std::int64_t>(b.seq)};
    if (auto done = SetAside(key, b.reason, AsBytes(b.data), true); !done) {
      base::Log(base::Level::kWarn, "store", {{"err", done.error().message}});
    }
  }
  return {};
}

base::Result<> State::OpenFilesToRead() {
  read_only = true;
  path = options.dir + "/samples.db";
  auto reader = OpenPinned(path, &window_ms);
  if (!reader) {
    return base::Fail(std::move(reader.error()));
  }
  Database* db = &(*reader)->db;
  auto done = LoadDictionary(db);
  done = done ? LoadWindows(db) : done;
  done = done ? ReplayLog(db) : done;
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
  // The log of samples that are not columns yet has left room that only a running store needs.
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
  auto replayed = state->ReplayLog(&state->write.db);
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
