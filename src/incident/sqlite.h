// Db and Statement: the little of SQLite's C interface that the journal needs.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace incident {

/// A prepared statement in use: bind, step, read. Reset when it goes away.
class Statement {
 public:
  explicit Statement(sqlite3_stmt* raw) : raw_(raw) {}
  /// One that could not be prepared: every Step gives `error`.
  explicit Statement(base::Error error) : error_(std::move(error)) {}
  ~Statement();
  Statement(Statement&& other) noexcept
      : raw_(std::exchange(other.raw_, nullptr)), error_(std::move(other.error_)) {}
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  /// Binds the next parameter.
  Statement& Bind(std::string_view text);
  Statement& Bind(std::int64_t value);
  /// True while there is a row; errors: kUnavailable (disk full, locked), kCorrupt, kInvalid (a
  /// constraint forbids it).
  base::Result<bool> Step();
  /// Steps to the end.
  base::Result<> Run();
  [[nodiscard]] std::string Text(int column) const;
  [[nodiscard]] std::int64_t Int(int column) const;

 private:
  sqlite3_stmt* raw_ = nullptr;
  base::Error error_;
  int next_ = 1;
};

/// One connection, for one thread.
class Db {
 public:
  /// Errors: kUnavailable, kCorrupt (the file is no sound database).
  static base::Result<std::unique_ptr<Db>> Open(const std::string& path);
  /// A copy of `from`, in memory. Errors: those of Open, kRefused (more than `max_bytes`).
  static base::Result<std::unique_ptr<Db>> CopyInMemory(Db& from, std::int64_t max_bytes);
  ~Db();
  Db(const Db&) = delete;
  Db& operator=(const Db&) = delete;

  /// Runs statements without parameters.
  base::Result<> Exec(const std::string& sql);
  /// Prepares (and keeps) a statement; sql must be a constant of the program. A mistake in it is a
  /// BUG and throws; a damaged file shows at the first Step.
  Statement Query(const char* sql);
  [[nodiscard]] base::Error LastError() const;

 private:
  Db() = default;
  sqlite3* raw_ = nullptr;
  std::vector<std::pair<const char*, sqlite3_stmt*>> prepared_;
};

/// Begins a transaction; rolls it back unless Commit was called.
class Transaction {
 public:
  explicit Transaction(Db& db) : db_(db), begun_(db.Exec("BEGIN IMMEDIATE")) {}
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  [[nodiscard]] const base::Result<>& begun() const { return begun_; }
  base::Result<> Commit();

 private:
  Db& db_;
  base::Result<> begun_;
  bool done_ = false;
};

}  // namespace incident
