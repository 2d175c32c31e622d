// Standby: the journal in memory, while the disk takes no writes.
#pragma once

#include <memory>
#include <vector>

#include "incident/journal_tables.h"

namespace incident {

/// A copy of the journal that goes on where the disk cannot, and what the disk does not have yet.
class Standby {
 public:
  /// Copies what the disk holds. Errors: those of Db::CopyInMemory.
  static base::Result<std::unique_ptr<Standby>> Make(Db& disk);

  [[nodiscard]] Db& db() { return *db_; }
  /// Writes here, and keeps it for the disk. Errors: those of tables::Write; kUnavailable also when
  /// more is kept than memory should hold.
  base::Result<> Write(Batch batch);
  /// Writes all that is kept to the disk, in one transaction. Errors: those of tables::Write.
  base::Result<> Return(Db& disk) { return tables::Write(disk, kept_); }

 private:
  explicit Standby(std::unique_ptr<Db> db) : db_(std::move(db)) {}
  std::unique_ptr<Db> db_;
  std::vector<Batch> kept_;
};

}  // namespace incident
