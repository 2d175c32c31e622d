// Database and Statement: SQLite behind Result, the few calls that the store needs.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "store/bytes.h"

namespace store {

/// A prepared statement. Belongs to one thread at a time, as its Database does.
class Statement {
 public:
  Statement() = default;
  explicit Statement(sqlite3_stmt* raw) : raw_(raw) {}
  Statement& Bind(int at, std::int64_t v);
  /// The bytes must live until the next Reset.
  Statement& BindBlob(int at, std::string_view bytes);
  /// True: a row is there; false: done. Errors as Database has them; the statement is reset then.
  base::Result<bool> Step();
  /// Steps a statement that gives no rows and resets it.
  base::Result<> Run();
  void Reset();
  [[nodiscard]] bool prepared() const { return raw_ != nullptr; }
  [[nodiscard]] std::int64_t Int(int column) const;
  /// Valid until the next Step or Reset.
  [[nodiscard]] Bytes Blob(int column) const;
  [[nodiscard]] std::string Text(int column) const;

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* raw) const { sqlite3_finalize(raw); }
  };
  std::unique_ptr<sqlite3_stmt, Finalize> raw_;
};

/// Resets a statement at the end of a block.
class Resetting {
 public:
  explicit Resetting(Statement* statement) : statement_(statement) {}
  ~Resetting() { statement_->Reset(); }
  Resetting(const Resetting&) = delete;
  Resetting& operator=(const Resetting&) = delete;

 private:
  Statement* statement_;
};

/// Calls `take` at every row of a statement that is bound. Errors: Step's.
template <class F>
base::Result<> EachRow(Statement* statement, F take) {
  while (true) {
    auto row = statement->Step();
    if (!row) {
      return base::Fail(std::move(row.error()));
    }
    if (!*row) {
      return {};
    }
    take();
  }
}

/// A connection. Errors: kUnavailable when the disk is full, broken or busy; kCorrupt when the file
/// is not a database or a page does not hold together; kDenied; else kInternal.
class Database {
 public:
  Database() = default;
  /// Opens or creates the file.
  static base::Result<Database> Open(const std::string& path);
  /// Opens a file that is there, never writing to it.
  static base::Result<Database> OpenReadOnly(const std::string& path);
  base::Result<> Exec(const char* sql);
  base::Result<Statement> Prepare(std::string_view sql);
  /// The first column of the first row as a number.
  base::Result<std::int64_t> Number(std::string_view sql);
  [[nodiscard]] sqlite3* raw() const { return raw_.get(); }

 private:
  friend class Transaction;
  /// Runs a statement without parameters that is prepared when it is first needed.
  base::Result<> RunKept(Statement* kept, std::string_view sql);
  static base::Result<Database> OpenWith(const std::string& path, int flags);
  struct Close {
    void operator()(sqlite3* raw) const { sqlite3_close_v2(raw); }
  };
  std::unique_ptr<sqlite3, Close> raw_;
  Statement begin_;
  Statement commit_;
};

/// Ends a transaction with ROLLBACK unless Commit was called and worked. A connection that writes
/// often begins and ends by the same two statements, so they are read once.
class Transaction {
 public:
  explicit Transaction(Database* db) : db_(db) {}
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  base::Result<> Begin();
  base::Result<> Commit();

 private:
  Database* db_;
  bool open_ = false;
};

}  // namespace store
