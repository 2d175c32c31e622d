// SQLite, wrapped thinly.
#include "incident/sqlite.h"

#include <fmt/format.h>

#include <stdexcept>

namespace incident {

namespace {
base::Error ErrorOf(sqlite3* db) {
  const int code = sqlite3_errcode(db) & 0xff;
  const bool corrupt = code == SQLITE_CORRUPT || code == SQLITE_NOTADB;
  const auto kind = corrupt                     ? base::ErrorKind::kCorrupt
                    : code == SQLITE_CONSTRAINT ? base::ErrorKind::kInvalid
                                                : base::ErrorKind::kUnavailable;
  return {kind, fmt::format("journal: {}", sqlite3_errmsg(db))};
}
}  // namespace

Statement::~Statement() {
  if (raw_ != nullptr) {
    sqlite3_reset(raw_);
    sqlite3_clear_bindings(raw_);
  }
}

Statement& Statement::Bind(std::string_view text) {
  sqlite3_bind_text(raw_, next_++, text.data(), static_cast<int>(text.size()), SQLITE_TRANSIENT);
  return *this;
}

Statement& Statement::Bind(std::int64_t value) {
  sqlite3_bind_int64(raw_, next_++, value);
  return *this;
}

base::Result<bool> Statement::Step() {
  if (raw_ == nullptr) {
    return base::Fail(error_);
  }
  const int code = sqlite3_step(raw_);
  if (code == SQLITE_ROW) {
    return true;
  }
  if (code == SQLITE_DONE) {
    return false;
  }
  return base::Fail(ErrorOf(sqlite3_db_handle(raw_)));
}

base::Result<> Statement::Run() {
  for (;;) {
    const auto more = Step();
    if (!more) {
      return base::Fail(more.error());
    }
    if (!*more) {
      return {};
    }
  }
}

std::string Statement::Text(int column) const {
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(raw_, column));
  const auto size = static_cast<std::size_t>(sqlite3_column_bytes(raw_, column));
  return text == nullptr ? std::string() : std::string(text, size);
}

std::int64_t Statement::Int(int column) const { return sqlite3_column_int64(raw_, column); }

base::Result<std::unique_ptr<Db>> Db::Open(const std::string& path) {
  auto db = std::unique_ptr<Db>(new Db);
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
  if (sqlite3_open_v2(path.c_str(), &db->raw_, flags, nullptr) != SQLITE_OK) {
    return base::Fail(db->raw_ == nullptr
                          ? base::Error{base::ErrorKind::kUnavailable, "journal: out of memory"}
                          : ErrorOf(db->raw_).In(path));
  }
  sqlite3_busy_timeout(db->raw_, 5000);
  sqlite3_extended_result_codes(db->raw_, 1);
  // WAL and shared memory stay when it is closed: on a full disk they could not be made anew.
  int keep = 1;
  sqlite3_file_control(db->raw_, "main", SQLITE_FCNTL_PERSIST_WAL, &keep);
  for (const auto* sql : {"PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL",
                          "PRAGMA foreign_keys=ON", "PRAGMA trusted_schema=OFF"}) {
    if (const auto done = db->Exec(sql); !done) {
      return base::Fail(done.error().In(path));
    }
  }
  return db;
}

base::Result<std::unique_ptr<Db>> Db::CopyInMemory(Db& from, std::int64_t max_bytes) {
  auto pages = from.Query("PRAGMA page_count");
  const auto counted = pages.Step();
  auto page = from.Query("PRAGMA page_size");
  const auto sized = page.Step();
  if (!counted || !sized) {
    return base::Fail(from.LastError());
  }
  const auto bytes = pages.Int(0) * page.Int(0);
  if (bytes > max_bytes) {
    return base::Fail(base::ErrorKind::kRefused,
                      fmt::format("journal: its {} bytes are too many for memory", bytes));
  }
  auto db = std::unique_ptr<Db>(new Db);
  if (sqlite3_open_v2(":memory:", &db->raw_, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX,
                      nullptr) != SQLITE_OK) {
    return base::Fail(base::ErrorKind::kUnavailable, "journal: out of memory");
  }
  sqlite3_backup* copy = sqlite3_backup_init(db->raw_, "main", from.raw_, "main");
  if (copy == nullptr || sqlite3_backup_step(copy, -1) != SQLITE_DONE) {
    sqlite3_backup_finish(copy);
    return base::Fail(ErrorOf(db->raw_));
  }
  sqlite3_backup_finish(copy);
  return db;
}

Db::~Db() {
  for (const auto& [sql, statement] : prepared_) {
    sqlite3_finalize(statement);
  }
  sqlite3_close(raw_);
}

base::Result<> Db::Exec(const std::string& sql) {
  if (sqlite3_exec(raw_, sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) {
    return base::Fail(LastError());
  }
  return {};
}

base::Error Db::LastError() const { return ErrorOf(raw_); }

Statement Db::Query(const char* sql) {
  for (const auto& [known, statement] : prepared_) {
    if (known == sql) {
      return Statement(statement);
    }
  }
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v3(raw_, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr) !=
      SQLITE_OK) {
    if ((sqlite3_errcode(raw_) & 0xff) != SQLITE_ERROR) {
      return Statement(LastError());
    }
    throw std::logic_error(fmt::format("BUG: {}: {}", sqlite3_errmsg(raw_), sql));
  }
  prepared_.emplace_back(sql, statement);
  return Statement(statement);
}

Transaction::~Transaction() {
  if (begun_ && !done_) {
    (void)db_.Exec("ROLLBACK");
  }
}

base::Result<> Transaction::Commit() {
  auto result = db_.Exec("COMMIT");
  done_ = result.has_value();
  return result;
}

}  // namespace incident
