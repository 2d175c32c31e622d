// The journal's reads.
#include <boost/json/array.hpp>

#include "alert/json.h"
#include "base/log.h"
#include "incident/journal_tables.h"
#include "incident/json.h"

namespace incident::tables {
namespace {

using alert::FromNs;
using alert::ToNs;

base::Result<model::Incident> ReadBody(const std::string& text) {
  const auto value = ParseJson(text);
  if (!value) {
    return base::Fail(value.error());
  }
  return IncidentFromJson(*value);
}

base::Result<> ReadTimeline(Db& db, model::Incident& incident) {
  auto rows = db.Query("SELECT seq,at,kind,text,data FROM timeline WHERE incident=? ORDER BY seq");
  rows.Bind(incident.id);
  for (;;) {
    const auto more = rows.Step();
    if (!more) {
      return base::Fail(more.error());
    }
    if (!*more) {
      return {};
    }
    incident.timeline.push_back({.seq = rows.Int(0),
                                 .at = FromNs(rows.Int(1)),
                                 .kind = rows.Text(2),
                                 .text = rows.Text(3),
                                 .data = rows.Text(4)});
  }
}

/// Without what makes a list heavy.
void Lighten(model::Incident& incident) {
  for (auto& finding : incident.findings) {
    finding.commands.clear();
  }
  for (auto& step : incident.steps) {
    step.commands.clear();
  }
}

/// Reads every row by `read(row)`; rows that it cannot read are logged and left out.
template <class T, class F>
base::Result<std::vector<T>> ReadAll(Statement& rows, F read) {
  std::vector<T> out;
  for (;;) {
    const auto more = rows.Step();
    if (!more) {
      return base::Fail(more.error());
    }
    if (!*more) {
      return out;
    }
    base::Result<T> item = read(rows);
    if (item) {
      out.push_back(std::move(*item));
    } else {
      base::Log(base::Level::kError, "a row of the journal cannot be read and is left out",
                {{"err", item.error().message}});
    }
  }
}

base::Result<OutboxRecord> ReadMessage(Statement& row) {
  auto incident = ReadBody(row.Text(3));
  if (!incident) {
    return base::Fail(incident.error().In("message " + row.Text(0)));
  }
  return OutboxRecord{.id = row.Text(0),
                      .event = row.Text(1),
                      .created = FromNs(row.Int(2)),
                      .incident = std::move(*incident)};
}

base::Result<DeliveryRecord> ReadDelivery(Statement& row) {
  return DeliveryRecord{.message = row.Text(0),
                        .channel = row.Text(1),
                        .retry_key = row.Text(2),
                        .state = row.Text(3),
                        .tries = row.Int(4),
                        .created = FromNs(row.Int(5)),
                        .next = FromNs(row.Int(6)),
                        .finished = FromNs(row.Int(7)),
                        .detail = row.Text(8)};
}

}  // namespace

namespace {

const std::string kWanted =
    " FROM incident WHERE (?1<0 OR (closed=0)=?1) AND (?2='' OR instr(?2, ','||state||',')>0) "
    "AND (?3='' OR target=?3) AND (?4='' OR outcome=?4) AND (?5=0 OR opened>=?5) "
    "AND (?6=0 OR opened<?6)";
const std::string kCount = "SELECT count(*)" + kWanted;
const std::string kList =
    "SELECT body" + kWanted + " AND (?7='' OR id<?7) ORDER BY id DESC LIMIT ?8";

void BindWanted(Statement& rows, const Filter& filter) {
  std::string states;
  for (const auto state : filter.states) {
    states += (states.empty() ? "," : "") + std::string(model::ToString(state)) + ",";
  }
  rows.Bind(std::int64_t{filter.open ? static_cast<int>(*filter.open) : -1})
      .Bind(states)
      .Bind(filter.target)
      .Bind(filter.outcome)
      .Bind(ToNs(filter.since))
      .Bind(ToNs(filter.until));
}

}  // namespace

base::Result<std::size_t> Count(Db& db, const Filter& filter) {
  auto rows = db.Query(kCount.c_str());
  BindWanted(rows, filter);
  const auto row = rows.Step();
  if (!row) {
    return base::Fail(row.error());
  }
  return static_cast<std::size_t>(rows.Int(0));
}

base::Result<std::vector<model::Incident>> List(Db& db, const Filter& filter) {
  auto rows = db.Query(kList.c_str());
  BindWanted(rows, filter);
  const auto limit = std::clamp<std::size_t>(filter.limit, 1, 1000);
  rows.Bind(filter.before).Bind(static_cast<std::int64_t>(limit));
  return ReadAll<model::Incident>(rows, [](Statement& row) {
    auto incident = ReadBody(row.Text(0));
    if (incident) {
      Lighten(*incident);
    }
    return incident;
  });
}

base::Result<model::Incident> Get(Db& db, const std::string& id) {
  auto rows = db.Query("SELECT body FROM incident WHERE id=?");
  rows.Bind(id);
  const auto row = rows.Step();
  if (!row) {
    return base::Fail(row.error());
  }
  if (!*row) {
    return base::Fail(base::ErrorKind::kNotFound, "no incident has that id");
  }
  auto incident = ReadBody(rows.Text(0));
  if (!incident) {
    return incident;
  }
  if (const auto read = ReadTimeline(db, *incident); !read) {
    return base::Fail(read.error());
  }
  return incident;
}

base::Result<std::vector<model::Incident>> Open(Db& db) {
  auto rows = db.Query("SELECT body FROM incident WHERE closed=0 ORDER BY id");
  return ReadAll<model::Incident>(rows, [&db](Statement& row) -> base::Result<model::Incident> {
    auto incident = ReadBody(row.Text(0));
    if (!incident) {
      return incident;
    }
    if (const auto read = ReadTimeline(db, *incident); !read) {
      return base::Fail(read.error());
    }
    return incident;
  });
}

base::Result<std::vector<StepIntent>> Unfinished(Db& db, const std::string& incident) {
  auto rows = db.Query(
      "SELECT key,incident,target,component,step,intended FROM step WHERE incident=? AND finished "
      "IS NULL ORDER BY intended");
  rows.Bind(incident);
  return ReadAll<StepIntent>(rows, [](Statement& row) -> base::Result<StepIntent> {
    return StepIntent{.key = row.Text(0),
                      .incident = row.Text(1),
                      .target = row.Text(2),
                      .component = row.Text(3),
                      .step = row.Text(4),
                      .at = FromNs(row.Int(5))};
  });
}

base::Result<std::string> GetState(Db& db, const std::string& key) {
  auto rows = db.Query("SELECT value FROM state WHERE key=?");
  rows.Bind(key);
  const auto row = rows.Step();
  if (!row) {
    return base::Fail(row.error());
  }
  return *row ? rows.Text(0) : std::string();
}

base::Result<std::vector<AuditRecord>> Audit(Db& db, std::size_t limit) {
  auto rows = db.Query("SELECT at,who,action,object,detail FROM audit ORDER BY seq DESC LIMIT ?");
  rows.Bind(static_cast<std::int64_t>(std::clamp<std::size_t>(limit, 1, 1000)));
  return ReadAll<AuditRecord>(rows, [](Statement& row) -> base::Result<AuditRecord> {
    return AuditRecord{.at = FromNs(row.Int(0)),
                       .who = row.Text(1),
                       .action = row.Text(2),
                       .object = row.Text(3),
                       .detail = row.Text(4)};
  });
}

base::Result<std::vector<OutboxRecord>> NewMessages(Db& db) {
  auto rows =
      db.Query("SELECT id,event,created,body FROM message WHERE expanded=0 ORDER BY id LIMIT 1000");
  return ReadAll<OutboxRecord>(rows, ReadMessage);
}

base::Result<OutboxRecord> GetMessage(Db& db, const std::string& id) {
  auto rows = db.Query("SELECT id,event,created,body FROM message WHERE id=?");
  rows.Bind(id);
  const auto row = rows.Step();
  if (!row) {
    return base::Fail(row.error());
  }
  if (!*row) {
    return base::Fail(base::ErrorKind::kNotFound, "no message has that id");
  }
  return ReadMessage(rows);
}

base::Result<std::vector<DeliveryRecord>> Pending(Db& db) {
  auto rows = db.Query(
      "SELECT message,channel,retry_key,state,tries,created,next,finished,detail FROM outbox "
      "WHERE state='pending' ORDER BY message");
  return ReadAll<DeliveryRecord>(rows, ReadDelivery);
}

base::Result<std::vector<DeliveryRecord>> Deliveries(Db& db, const std::string& incident,
                                                     std::size_t limit) {
  auto rows = db.Query(
      "SELECT o.message,o.channel,o.retry_key,o.state,o.tries,o.created,o.next,o.finished,o.detail "
      "FROM outbox o JOIN message m ON m.id=o.message WHERE (?1='' OR m.incident=?1) "
      "ORDER BY o.message DESC LIMIT ?2");
  rows.Bind(incident).Bind(static_cast<std::int64_t>(std::clamp<std::size_t>(limit, 1, 1000)));
  return ReadAll<DeliveryRecord>(rows, ReadDelivery);
}

}  // namespace incident::tables
