// SQLite's C functions and their errors.
#include "store/database.h"

namespace store {
namespace {

base::Error ErrorOf(sqlite3* db, int code) {
  base::ErrorKind kind = base::ErrorKind::kInternal;
  switch (code & 0xFF) {
    case SQLITE_FULL:
    case SQLITE_IOERR:
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_NOMEM:
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PROTOCOL:
      kind = base::ErrorKind::kUnavailable;
      break;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      kind = base::ErrorKind::kCorrupt;
      break;
    case SQLITE_PERM:
    case SQLITE_AUTH:
      kind = base::ErrorKind::kDenied;
      break;
    default:
      break;
  }
  return {kind,
          std::string("store: ") + (db != nullptr ? sqlite3_errmsg(db) : sqlite3_errstr(code))};
}

}  // namespace

Statement& Statement::Bind(int at, std::int64_t v) {
  sqlite3_bind_int64(raw_.get(), at, v);
  return *this;
}

Statement& Statement::BindBlob(int at, std::string_view bytes) {
  sqlite3_bind_blob64(raw_.get(), at, bytes.empty() ? "" : bytes.data(), bytes.size(),
                      SQLITE_STATIC);
  return *this;
}

base::Result<bool> Statement::Step() {
  const int code = sqlite3_step(raw_.get());
  if (code == SQLITE_ROW) {
    return true;
  }
  if (code == SQLITE_DONE) {
    return false;
  }
  base::Error error = ErrorOf(sqlite3_db_handle(raw_.get()), code);
  sqlite3_reset(raw_.get());
  return base::Fail(std::move(error));
}

base::Result<> Statement::Run() {
  auto step = Step();
  if (!step) {
    return base::Fail(std::move(step.error()));
  }
  Reset();
  return {};
}

void Statement::Reset() { sqlite3_reset(raw_.get()); }

std::int64_t Statement::Int(int column) const { return sqlite3_column_int64(raw_.get(), column); }

Bytes Statement::Blob(int column) const {
  const auto* data = static_cast<const std::uint8_t*>(sqlite3_column_blob(raw_.get(), column));
  const int n = sqlite3_column_bytes(raw_.get(), column);
  return data == nullptr ? Bytes{} : Bytes{data, static_cast<std::size_t>(n)};
}

std::string Statement::Text(int column) const {
  const Bytes bytes = Blob(column);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

base::Result<Database> Database::Open(const std::string& path) {
  return OpenWith(path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
}

base::Result<Database> Database::OpenReadOnly(const std::string& path) {
  return OpenWith(path, SQLITE_OPEN_READONLY);
}

base::Result<Database> Database::OpenWith(const std::string& path, int flags) {
  Database out;
  sqlite3* raw = nullptr;
  const int code = sqlite3_open_v2(path.c_str(), &raw, flags | SQLITE_OPEN_NOMUTEX, nullptr);
  out.raw_.reset(raw);
  if (code != SQLITE_OK) {
    return base::Fail(ErrorOf(raw, code).In(path));
  }
  sqlite3_extended_result_codes(raw, 1);
  // WAL and shared memory stay when the store is closed: on a full disk they could not be made
  // anew.
  int keep = 1;
  sqlite3_file_control(raw, "main", SQLITE_FCNTL_PERSIST_WAL, &keep);
  sqlite3_busy_timeout(raw, 5000);
  return out;
}

base::Result<> Database::Exec(const char* sql) {
  const int code = sqlite3_exec(raw(), sql, nullptr, nullptr, nullptr);
  return code == SQLITE_OK ? base::Result<>{} : base::Fail(ErrorOf(raw(), code));
}

base::Result<Statement> Database::Prepare(std::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  const int code = sqlite3_prepare_v3(raw(), sql.data(), static_cast<int>(sql.size()),
                                      SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  if (code != SQLITE_OK) {
    return base::Fail(ErrorOf(raw(), code));
  }
  return Statement(statement);
}

base::Result<> Database::RunKept(Statement* kept, std::string_view sql) {
  if (!kept->prepared()) {
    auto made = Prepare(sql);
    if (!made) {
      return base::Fail(std::move(made.error()));
    }
    *kept = std::move(*made);
  }
  return kept->Run();
}

base::Result<std::int64_t> Database::Number(std::string_view sql) {
  auto statement = Prepare(sql);
  if (!statement) {
    return base::Fail(std::move(statement.error()));
  }
  auto row = statement->Step();
  if (!row) {
    return base::Fail(std::move(row.error()));
  }
  return *row ? statement->Int(0) : 0;
}

Transaction::~Transaction() {
  // SQLite has rolled back by itself after some errors.
  if (open_ && sqlite3_get_autocommit(db_->raw()) == 0) {
    (void)db_->Exec("ROLLBACK");
  }
}

base::Result<> Transaction::Begin() {
  auto begun = db_->RunKept(&db_->begin_, "BEGIN IMMEDIATE");
  open_ = begun.has_value();
  return begun;
}

base::Result<> Transaction::Commit() {
  auto done = db_->RunKept(&db_->commit_, "COMMIT");
  open_ = !done.has_value();
  return done;
}

}  // namespace store
