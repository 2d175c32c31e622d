// The journal's schema and its writes.
#include <fmt/format.h>

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>

#include "alert/json.h"
#include "base/text.h"
#include "incident/journal_tables.h"
#include "incident/json.h"

namespace incident::tables {
namespace {

namespace json = boost::json;
using alert::ToNs;

constexpr std::int64_t kVersion = 1;
constexpr auto kSchema = R"sql(
CREATE TABLE incident(
  id TEXT PRIMARY KEY, target TEXT NOT NULL, state TEXT NOT NULL, outcome TEXT NOT NULL,
  opened INTEGER NOT NULL, closed INTEGER NOT NULL, body TEXT NOT NULL) WITHOUT ROWID;
CREATE INDEX incident_open ON incident(closed, id);
CREATE INDEX incident_target ON incident(target, id);
CREATE TABLE timeline(
  incident TEXT NOT NULL, seq INTEGER NOT NULL, at INTEGER NOT NULL, kind TEXT NOT NULL,
  text TEXT NOT NULL, data TEXT NOT NULL, PRIMARY KEY(incident, seq)) WITHOUT ROWID;
CREATE TRIGGER timeline_is_history BEFORE UPDATE ON timeline
  BEGIN SELECT RAISE(ABORT, 'the timeline is append-only'); END;
CREATE TABLE step(
  key TEXT PRIMARY KEY, incident TEXT NOT NULL, target TEXT NOT NULL, component TEXT NOT NULL,
  step TEXT NOT NULL, args TEXT NOT NULL, intended INTEGER NOT NULL,
  finished INTEGER, result TEXT) WITHOUT ROWID;
CREATE INDEX step_incident ON step(incident);
CREATE TABLE message(
  id TEXT PRIMARY KEY, incident TEXT NOT NULL, event TEXT NOT NULL, created INTEGER NOT NULL,
  expanded INTEGER NOT NULL, body TEXT NOT NULL) WITHOUT ROWID;
CREATE INDEX message_incident ON message(incident);
CREATE INDEX message_new ON message(expanded, id);
CREATE TABLE outbox(
  message TEXT NOT NULL, channel TEXT NOT NULL, retry_key TEXT NOT NULL, state TEXT NOT NULL,
  tries INTEGER NOT NULL, created INTEGER NOT NULL, next INTEGER NOT NULL,
  finished INTEGER NOT NULL, detail TEXT NOT NULL, PRIMARY KEY(message, channel)) WITHOUT ROWID;
CREATE INDEX outbox_state ON outbox(state, message);
CREATE TABLE state(key TEXT PRIMARY KEY, at INTEGER NOT NULL, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE audit(
  seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, who TEXT NOT NULL, action TEXT NOT NULL,
  object TEXT NOT NULL, detail TEXT NOT NULL);
PRAGMA application_id=1380012875;
PRAGMA user_version=1;
)sql";

/// Stops at the first write that fails.
class Writer {
 public:
  explicit Writer(Db& db) : db_(db) {}
  template <class... A>
  void Put(const char* sql, const A&... values) {
    if (!result_) {
      return;
    }
    auto statement = db_.Query(sql);
    (statement.Bind(values), ...);
    result_ = statement.Run();
  }
  [[nodiscard]] const base::Result<>& result() const { return result_; }

 private:
  Db& db_;
  base::Result<> result_;
};

void PutIncident(Writer& out, const Batch& batch) {
  if (!batch.incident) {
    return;
  }
  const auto& incident = *batch.incident;
  out.Put(
      "INSERT INTO incident(id,target,state,outcome,opened,closed,body) VALUES(?,?,?,?,?,?,?) "
      "ON CONFLICT(id) DO UPDATE SET target=excluded.target,state=excluded.state,"
      "outcome=excluded.outcome,opened=excluded.opened,closed=excluded.closed,body=excluded.body",
      incident.id, incident.target, model::ToString(incident.state),
      model::ToString(incident.outcome), ToNs(incident.opened), ToNs(incident.closed),
      json::serialize(ToJson(incident, false)));
  for (const auto& entry : batch.entries) {
    out.Put("INSERT INTO timeline(incident,seq,at,kind,text,data) VALUES(?,?,?,?,?,?)", incident.id,
            entry.seq, ToNs(entry.at), entry.kind, entry.text, entry.data);
  }
}

void PutSteps(Writer& out, const Batch& batch) {
  for (const auto& intent : batch.intents) {
    json::array args;
    for (const auto& arg : intent.args) {
      args.push_back(json::value(base::Printable(arg)));
    }
    // No "OR REPLACE": the same intent twice is an error, and then nothing is done.
    out.Put(
        "INSERT INTO step(key,incident,target,component,step,args,intended) VALUES(?,?,?,?,?,?,?)",
        intent.key, intent.incident, intent.target, intent.component, intent.step,
        json::serialize(args), ToNs(intent.at));
  }
  for (const auto& result : batch.results) {
    out.Put("UPDATE step SET finished=?, result=? WHERE key=?", ToNs(result.outcome.finished),
            json::serialize(ToJson(result.outcome)), result.key);
  }
}

void PutMessages(Writer& out, const Batch& batch) {
  for (const auto& message : batch.messages) {
    out.Put(
        "INSERT INTO message(id,incident,event,created,expanded,body) VALUES(?,?,?,?,0,?) "
        "ON CONFLICT(id) DO NOTHING",
        message.id, message.incident.id, message.event, ToNs(message.created),
        json::serialize(ToJson(message.incident, true)));
  }
  for (const auto& d : batch.deliveries) {
    out.Put(
        "INSERT INTO outbox(message,channel,retry_key,state,tries,created,next,finished,detail) "
        "VALUES(?,?,?,?,?,?,?,?,?) ON CONFLICT(message,channel) DO UPDATE SET "
        "state=excluded.state,tries=excluded.tries,next=excluded.next,"
        "finished=excluded.finished,detail=excluded.detail",
        d.message, d.channel, d.retry_key, d.state, d.tries, ToNs(d.created), ToNs(d.next),
        ToNs(d.finished), base::Printable(d.detail, true));
  }
  for (const auto& id : batch.expanded) {
    out.Put("UPDATE message SET expanded=1 WHERE id=?", id);
  }
}

void PutRest(Writer& out, const Batch& batch) {
  for (const auto& [key, value] : batch.state) {
    if (value.empty()) {
      out.Put("DELETE FROM state WHERE key=?", key);
    } else {
      out.Put(
          "INSERT INTO state(key,at,value) VALUES(?,?,?) ON CONFLICT(key) DO UPDATE SET "
          "at=excluded.at,value=excluded.value",
          key, ToNs(base::Clock::Now()), value);
    }
  }
  for (const auto& a : batch.audit) {
    out.Put("INSERT INTO audit(at,who,action,object,detail) VALUES(?,?,?,?,?)", ToNs(a.at),
            base::Printable(a.who), base::Printable(a.action), base::Printable(a.object),
            base::Printable(a.detail, true));
  }
}

}  // namespace

base::Result<> Prepare(Db& db) {
  auto version = db.Query("PRAGMA user_version");
  const auto row = version.Step();
  if (!row) {
    return base::Fail(row.error());
  }
  const auto found = version.Int(0);
  while (version.Step().value_or(false)) {
  }
  if (found > kVersion) {
    return base::Fail(base::ErrorKind::kInvalid,
                      fmt::format("the journal has version {}, this program knows {}: it was "
                                  "written by a newer Raksa",
                                  found, kVersion));
  }
  if (found == kVersion) {
    auto check = db.Query("PRAGMA quick_check(1)");
    const auto checked = check.Step();
    if (!checked || !*checked || check.Text(0) != "ok") {
      return base::Fail(base::ErrorKind::kCorrupt,
                        checked && *checked ? check.Text(0) : "the check cannot run");
    }
    return {};
  }
  Transaction transaction(db);
  if (!transaction.begun()) {
    return transaction.begun();
  }
  if (const auto made = db.Exec(kSchema); !made) {
    // Tables of somebody else under a version 0: not ours.
    return base::Fail(base::ErrorKind::kCorrupt, made.error().message);
  }
  return transaction.Commit();
}

base::Result<> Write(Db& db, std::span<const Batch> batches) {
  Transaction transaction(db);
  if (!transaction.begun()) {
    return transaction.begun();
  }
  Writer out(db);
  for (const auto& batch : batches) {
    PutIncident(out, batch);
    PutSteps(out, batch);
    PutMessages(out, batch);
    PutRest(out, batch);
  }
  if (!out.result()) {
    return out.result();
  }
  return transaction.Commit();
}

base::Result<std::int64_t> Prune(Db& db, base::Time before) {
  Transaction transaction(db);
  if (!transaction.begun()) {
    return base::Fail(transaction.begun().error());
  }
  Writer out(db);
  const auto limit = ToNs(before);
  auto count = db.Query("SELECT count(*) FROM incident WHERE closed>0 AND closed<?");
  count.Bind(limit);
  const auto row = count.Step();
  if (!row) {
    return base::Fail(row.error());
  }
  const auto removed = count.Int(0);
  while (count.Step().value_or(false)) {
  }
  out.Put(
      "DELETE FROM timeline WHERE incident IN "
      "(SELECT id FROM incident WHERE closed>0 AND closed<?)",
      limit);
  out.Put(
      "DELETE FROM step WHERE incident IN (SELECT id FROM incident WHERE closed>0 AND closed<?)",
      limit);
  out.Put(
      "DELETE FROM outbox WHERE state<>'pending' AND message IN "
      "(SELECT id FROM message WHERE created<?)",
      limit);
  out.Put(
      "DELETE FROM message WHERE created<? AND expanded=1 AND NOT EXISTS "
      "(SELECT 1 FROM outbox WHERE outbox.message=message.id)",
      limit);
  out.Put("DELETE FROM audit WHERE at<?", limit);
  out.Put("DELETE FROM incident WHERE closed>0 AND closed<?", limit);
  if (!out.result()) {
    return base::Fail(out.result().error());
  }
  if (const auto done = transaction.Commit(); !done) {
    return base::Fail(done.error());
  }
  return removed;
}

}  // namespace incident::tables
