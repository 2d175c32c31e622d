// The journal's tables and what is written to and read from them; everything here runs on the
// journal's own thread.
#pragma once

#include <memory>
#include <span>
#include <string>

#include "incident/journal.h"
#include "incident/sqlite.h"

namespace incident::tables {

/// Makes the tables, or checks that they are ours. Errors: kInvalid (newer version), kCorrupt.
base::Result<> Prepare(Db& db);
/// Writes all in one transaction. Errors: kUnavailable (disk full, locked), kCorrupt, kInvalid (the
/// same intent or line twice).
base::Result<> Write(Db& db, std::span<const Batch> batches);
base::Result<std::vector<model::Incident>> List(Db& db, const Filter& filter);
base::Result<std::size_t> Count(Db& db, const Filter& filter);
base::Result<model::Incident> Get(Db& db, const std::string& id);
base::Result<std::vector<model::Incident>> Open(Db& db);
base::Result<std::vector<StepIntent>> Unfinished(Db& db, const std::string& incident);
base::Result<std::string> GetState(Db& db, const std::string& key);
base::Result<std::vector<AuditRecord>> Audit(Db& db, std::size_t limit);
base::Result<std::vector<OutboxRecord>> NewMessages(Db& db);
base::Result<OutboxRecord> GetMessage(Db& db, const std::string& id);
base::Result<std::vector<DeliveryRecord>> Pending(Db& db);
base::Result<std::vector<DeliveryRecord>> Deliveries(Db& db, const std::string& incident,
                                                     std::size_t limit);
base::Result<std::int64_t> Prune(Db& db, base::Time before);

}  // namespace incident::tables
