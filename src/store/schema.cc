// The tables of samples.db, their version, and every statement that is used on them.
#include <unistd.h>

#include "store/state.h"

namespace store {
namespace {

using base::ErrorKind;

constexpr std::int64_t kApplication = 0x52616B73;  // "Raks"
constexpr std::int64_t kVersion = 2;
constexpr std::int64_t kOldest = 1;  // that is taken over: its head log is a table only

// Must be set before the first table is made. A chunk ends in a page of its own: small pages waste
// less behind it (a host of ten series: 4096 wastes 7 bytes in a hundred, 1024 less than 4.5), and
// a tick's rows dirty fewer bytes of the WAL; reading takes a few microseconds more.
constexpr const char* kBefore =
    "PRAGMA page_size=1024; PRAGMA auto_vacuum=INCREMENTAL; PRAGMA journal_mode=WAL;";
constexpr const char* kTierTable =
    "CREATE TABLE IF NOT EXISTS tier(window INTEGER, target INTEGER, part INTEGER,"
    " data BLOB NOT NULL, PRIMARY KEY(window, target, part)) WITHOUT ROWID";
// log_id: the segments of the head log belong to this database and no other.
constexpr const char* kNewer =
    "CREATE TABLE IF NOT EXISTS logged(window INTEGER PRIMARY KEY, seq INTEGER NOT NULL);"
    "INSERT OR REPLACE INTO meta VALUES('log_id', random() & 0x7fffffffffffffff);"
    "PRAGMA user_version=2;";
constexpr const char* kEachTime =
    "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA cache_size=-1024;"
    "PRAGMA temp_store=MEMORY; PRAGMA journal_size_limit=16777216; PRAGMA trusted_schema=OFF;";
constexpr const char* kTables =
    "CREATE TABLE meta(key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE string(id INTEGER PRIMARY KEY, text BLOB NOT NULL);"
    "CREATE TABLE target(id INTEGER PRIMARY KEY, name BLOB NOT NULL);"
    "CREATE TABLE series(id INTEGER PRIMARY KEY, target INTEGER NOT NULL, labels BLOB NOT NULL);"
    "CREATE TABLE head(window INTEGER, seq INTEGER, data BLOB NOT NULL,"
    " PRIMARY KEY(window, seq));"
    "CREATE TABLE chunk(window INTEGER, target INTEGER, part INTEGER, data BLOB NOT NULL,"
    " PRIMARY KEY(window, target, part));"
    "CREATE TABLE aside(id INTEGER PRIMARY KEY, at INTEGER NOT NULL, source TEXT NOT NULL,"
    " window INTEGER, target INTEGER, part INTEGER, reason TEXT NOT NULL, data BLOB NOT NULL);";

base::Result<> PrepareAll(WriterDb* w) {
  const std::pair<Statement*, const char*> all[] = {
      {&w->put_string, "INSERT INTO string(id, text) VALUES(?, ?)"},
      {&w->put_target, "INSERT INTO target(id, name) VALUES(?, ?)"},
      {&w->put_series, "INSERT INTO series(id, target, labels) VALUES(?, ?, ?)"},
      {&w->put_chunk, "INSERT INTO chunk(window, target, part, data) VALUES(?, ?, ?, ?)"},
      {&w->put_aside,
       "INSERT INTO aside(at, source, window, target, part, reason, data)"
       " VALUES(?, ?, ?, ?, ?, ?, ?)"},
      {&w->drop_string, "DELETE FROM string WHERE id = ?"},
      {&w->drop_target, "DELETE FROM target WHERE id = ?"},
      {&w->drop_series, "DELETE FROM series WHERE id = ?"},
      {&w->drop_rows, "DELETE FROM head WHERE window = ? AND seq <= ?"},
      {&w->drop_row, "DELETE FROM head WHERE window = ? AND seq = ?"},
      {&w->drop_chunks, "DELETE FROM chunk WHERE window = ? AND target = ?"},
      {&w->drop_chunk, "DELETE FROM chunk WHERE window = ? AND target = ? AND part = ?"},
      {&w->parts, "SELECT part, data FROM chunk WHERE window = ? AND target = ? ORDER BY part"},
      {&w->last_part, "SELECT max(part) FROM chunk WHERE window = ? AND target = ?"},
      {&w->oldest_chunks, "SELECT target, part, data FROM chunk WHERE window = ? LIMIT 64"},
      {&w->split_targets,
       "SELECT target FROM chunk WHERE window = ? GROUP BY target HAVING count(*) > 1"},
      {&w->put_tier, "INSERT INTO tier(window, target, part, data) VALUES(?, ?, ?, ?)"},
      {&w->drop_tier, "DELETE FROM tier WHERE window = ? AND target = ? AND part = ?"},
      {&w->drop_tiers, "DELETE FROM tier WHERE window = ? AND target = ?"},
      {&w->tier_parts, "SELECT part, data FROM tier WHERE window = ? AND target = ? ORDER BY part"},
      {&w->oldest_tiers, "SELECT target, part, data FROM tier WHERE window = ? LIMIT 64"},
      {&w->window_targets, "SELECT DISTINCT target FROM chunk WHERE window = ?"},
      {&w->put_logged, "INSERT OR REPLACE INTO logged(window, seq) VALUES(?, ?)"},
      {&w->set_meta, "INSERT OR REPLACE INTO meta(key, value) VALUES(?, ?)"},
  };
  for (const auto& [statement, sql] : all) {
    auto made = w->db.Prepare(sql);
    if (!made) {
      return base::Fail(std::move(made.error()));
    }
    *statement = std::move(*made);
  }
  return {};
}

base::Result<> Create(Database* db, std::int64_t window_ms) {
  Transaction t(db);
  auto done = t.Begin();
  if (done) {
    done = db->Exec(kTables);
  }
  if (done) {
    const std::string rest = "INSERT INTO meta VALUES('window_ms', " + std::to_string(window_ms) +
                             "), ('merged_until', 0);"
                             "PRAGMA application_id=" +
                             std::to_string(kApplication);
    done = db->Exec(rest.c_str());
  }
  done = done ? db->Exec(kNewer) : done;
  return done ? t.Commit() : done;
}

// A store of an older version becomes one of this.
base::Result<> TakeOver(Database* db) {
  Transaction t(db);
  auto done = t.Begin();
  done = done ? db->Exec(kNewer) : done;
  return done ? t.Commit() : done;
}

base::Result<> CheckVersion(Database* db, std::int64_t application, std::int64_t version) {
  if (application != kApplication) {
    return base::Fail(ErrorKind::kRefused,
                      "is not a Raksa store (application_id " + std::to_string(application) + ")");
  }
  if (version < kOldest || version > kVersion) {
    return base::Fail(ErrorKind::kRefused,
                      "has store version " + std::to_string(version) +
                          "; this Raksa reads versions " + std::to_string(kOldest) + " to " +
                          std::to_string(kVersion) +
                          ": use the Raksa that wrote it, or move the file away to begin anew");
  }
  auto window = db->Number("SELECT value FROM meta WHERE key = 'window_ms'");
  if (!window) {
    return base::Fail(std::move(window.error()));
  }
  if (*window < 1000 || *window > 366LL * 24 * 3600 * 1000) {
    return base::Fail(ErrorKind::kCorrupt, "has no sensible window length");
  }
  return {};
}

}  // namespace

base::Result<WriterDb> OpenWriter(const std::string& path, std::int64_t* window_ms) {
  auto db = Database::Open(path);
  if (!db) {
    return base::Fail(std::move(db.error()));
  }
  WriterDb out;
  out.db = std::move(*db);
  // application_id and version first: nothing may be changed in a file that is not ours.
  auto application = out.db.Number("PRAGMA application_id");
  auto version = out.db.Number("PRAGMA user_version");
  auto tables = out.db.Number("SELECT count(*) FROM sqlite_schema");
  for (const auto* number : {&application, &version, &tables}) {
    if (!*number) {
      return base::Fail(number->error().In(path));
    }
  }
  base::Result<> done;
  if (*application == 0 && *version == 0 && *tables == 0) {
    done = out.db.Exec(kBefore);
    done = done ? Create(&out.db, *window_ms) : done;
  } else {
    done = CheckVersion(&out.db, *application, *version);
    done = done && *version < kVersion ? TakeOver(&out.db) : done;
  }
  done = done ? out.db.Exec(kEachTime) : done;
  done = done ? out.db.Exec(kTierTable) : done;
  done = done ? PrepareAll(&out) : done;
  if (!done) {
    return base::Fail(done.error().In(path));
  }
  auto window = out.db.Number("SELECT value FROM meta WHERE key = 'window_ms'");
  if (!window) {
    return base::Fail(window.error().In(path));
  }
  auto page = out.db.Number("PRAGMA page_size");
  if (!page) {
    return base::Fail(page.error().In(path));
  }
  out.page_bytes = *page;
  *window_ms = *window;
  return out;
}

namespace {

base::Result<std::unique_ptr<ReaderDb>> MakeReader(Database db) {
  auto out = std::make_unique<ReaderDb>();
  out->db = std::move(db);
  sqlite3_db_config(out->db.raw(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  auto done = out->db.Exec(
      "PRAGMA query_only=ON; PRAGMA wal_autocheckpoint=0; PRAGMA cache_size=-1024;"
      "PRAGMA temp_store=MEMORY; PRAGMA trusted_schema=OFF");
  const auto tiers = out->db.Number("SELECT count(*) FROM sqlite_schema WHERE name = 'tier'");
  const std::pair<Statement*, const char*> all[] = {
      {&out->pin, "SELECT value FROM meta WHERE key = 'window_ms'"},
      {&out->parts, "SELECT part, data FROM chunk WHERE window = ? AND target = ? ORDER BY part"},
      {&out->window, "SELECT target, part, data FROM chunk WHERE window = ?"},
      {&out->tiers, "SELECT part, data FROM tier WHERE window = ? AND target = ? ORDER BY part"},
      {&out->tier_day, "SELECT target, part, data FROM tier WHERE window = ?"},
  };
  for (const auto& [statement, sql] : all) {
    const bool of_tiers = statement == &out->tiers || statement == &out->tier_day;
    if (!done || (of_tiers && tiers && *tiers == 0)) {
      break;
    }
    auto made = out->db.Prepare(sql);
    if (made) {
      *statement = std::move(*made);
    } else {
      done = base::Fail(std::move(made.error()));
    }
  }
  if (!done) {
    return base::Fail(std::move(done.error()));
  }
  return out;
}

// What must hold of a file before anything else of it is read.
base::Result<> CheckStore(Database* db) {
  const auto application = db->Number("PRAGMA application_id");
  const auto version = db->Number("PRAGMA user_version");
  if (!application || !version) {
    return base::Fail(!application ? application.error() : version.error());
  }
  return CheckVersion(db, *application, *version);
}

}  // namespace

base::Result<std::unique_ptr<ReaderDb>> OpenReader(const std::string& path) {
  auto db = Database::Open(path);
  return db ? MakeReader(std::move(*db)) : base::Fail(std::move(db.error()));
}

base::Result<std::unique_ptr<ReaderDb>> OpenPinned(const std::string& path,
                                                   std::int64_t* window_ms) {
  if (access(path.c_str(), F_OK) != 0) {
    return base::Fail(ErrorKind::kNotFound, path + ": there is no store");
  }
  auto db = Database::OpenReadOnly(path);
  if (!db) {
    return base::Fail(std::move(db.error()));
  }
  auto done = db->Exec("BEGIN");
  done = done ? CheckStore(&*db) : done;
  if (!done) {
    return base::Fail(done.error().In(path));
  }
  const auto window = db->Number("SELECT value FROM meta WHERE key = 'window_ms'");
  if (!window) {
    return base::Fail(window.error().In(path));
  }
  *window_ms = *window;
  auto out = MakeReader(std::move(*db));
  return out ? std::move(out) : base::Fail(out.error().In(path));
}

}  // namespace store
