// The tables of samples.db, their version, and every statement that is used on them.
#include "store/state.h"

namespace store {
namespace {

using base::ErrorKind;

constexpr std::int64_t kApplication = 0x52616B73;  // "Raks"
constexpr std::int64_t kVersion = 1;

// Must be set before the first table is made.
constexpr const char* kBefore =
    "PRAGMA page_size=4096; PRAGMA auto_vacuum=INCREMENTAL; PRAGMA journal_mode=WAL;";
constexpr const char* kEachTime =
    "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA cache_size=-1024;"
    "PRAGMA temp_store=MEMORY; PRAGMA journal_size_limit=16777216; PRAGMA trusted_schema=OFF;";
constexpr const char* kTables =
    "CREATE TABLE meta(key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE string(id INTEGER PRIMARY KEY, text BLOB NOT NULL);"
    "CREATE TABLE target(id INTEGER PRIMARY KEY, name BLOB NOT NULL);"
    "CREATE TABLE series(id INTEGER PRIMARY KEY, target INTEGER NOT NULL, labels BLOB NOT NULL);"
    "CREATE TABLE head(window INTEGER, seq INTEGER, data BLOB NOT NULL,"
    " PRIMARY KEY(window, seq)) WITHOUT ROWID;"
    "CREATE TABLE chunk(window INTEGER, target INTEGER, part INTEGER, data BLOB NOT NULL,"
    " PRIMARY KEY(window, target, part)) WITHOUT ROWID;"
    "CREATE TABLE aside(id INTEGER PRIMARY KEY, at INTEGER NOT NULL, source TEXT NOT NULL,"
    " window INTEGER, target INTEGER, part INTEGER, reason TEXT NOT NULL, data BLOB NOT NULL);";

base::Result<> PrepareAll(WriterDb* w) {
  const std::pair<Statement*, const char*> all[] = {
      {&w->put_string, "INSERT INTO string(id, text) VALUES(?, ?)"},
      {&w->put_target, "INSERT INTO target(id, name) VALUES(?, ?)"},
      {&w->put_series, "INSERT INTO series(id, target, labels) VALUES(?, ?, ?)"},
      {&w->put_row, "INSERT INTO head(window, seq, data) VALUES(?, ?, ?)"},
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
                             std::to_string(kApplication) +
                             "; PRAGMA user_version=" + std::to_string(kVersion);
    done = db->Exec(rest.c_str());
  }
  return done ? t.Commit() : done;
}

base::Result<> CheckVersion(Database* db, std::int64_t application, std::int64_t version) {
  if (application != kApplication) {
    return base::Fail(ErrorKind::kRefused,
                      "is not a Raksa store (application_id " + std::to_string(application) + ")");
  }
  if (version != kVersion) {
    return base::Fail(ErrorKind::kRefused,
                      "has store version " + std::to_string(version) +
                          "; this Raksa reads version " + std::to_string(kVersion) +
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
  }
  done = done ? out.db.Exec(kEachTime) : done;
  done = done ? PrepareAll(&out) : done;
  if (!done) {
    return base::Fail(done.error().In(path));
  }
  auto window = out.db.Number("SELECT value FROM meta WHERE key = 'window_ms'");
  if (!window) {
    return base::Fail(window.error().In(path));
  }
  *window_ms = *window;
  return out;
}

base::Result<std::unique_ptr<ReaderDb>> OpenReader(const std::string& path) {
  auto db = Database::Open(path);
  if (!db) {
    return base::Fail(std::move(db.error()));
  }
  auto out = std::make_unique<ReaderDb>();
  out->db = std::move(*db);
  sqlite3_db_config(out->db.raw(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  auto done = out->db.Exec(
      "PRAGMA query_only=ON; PRAGMA wal_autocheckpoint=0; PRAGMA cache_size=-1024;"
      "PRAGMA temp_store=MEMORY; PRAGMA trusted_schema=OFF");
  const std::pair<Statement*, const char*> all[] = {
      {&out->pin, "SELECT value FROM meta WHERE key = 'window_ms'"},
      {&out->parts, "SELECT part, data FROM chunk WHERE window = ? AND target = ? ORDER BY part"},
      {&out->window, "SELECT target, part, data FROM chunk WHERE window = ?"},
  };
  for (const auto& [statement, sql] : all) {
    if (!done) {
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

}  // namespace store
