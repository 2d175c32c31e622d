// Journal: the file that remembers incidents, what was about to be done and what came of it,
// messages, silences and who did what; every write is on the disk before it counts.
// The format: docs/formats/journal.md.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "loop/worker.h"
#include "model/incident.h"

namespace incident {

/// A change that is about to be made on a host. Written before it is made.
struct StepIntent {
  std::string key;  ///< idempotency key, unique for ever: "INCIDENT/ROUND"
  std::string incident;
  std::string target;
  std::string component;
  std::string step;
  std::vector<std::string> args;
  base::Time at{};
};

/// What came of it.
struct StepResult {
  std::string key;
  model::StepOutcome outcome;
};

/// A message for people, to be made into words when it is sent.
struct OutboxRecord {
  std::string id;     ///< base::NewId
  std::string event;  ///< "opened", "ended", "approval"
  base::Time created{};
  model::Incident incident;  ///< as it was then, without its timeline's command outputs
};

/// One message on one channel.
struct DeliveryRecord {
  std::string message;
  std::string channel;            ///< the channel's name in the configuration
  std::string retry_key;          ///< UUID, the same for every try
  std::string state = "pending";  ///< "pending", "delivered", "failed over", "rejected", "gave up"
  std::int64_t tries = 0;
  base::Time created{};
  base::Time next{};      ///< when to try (again)
  base::Time finished{};  ///< zero while pending
  std::string detail;     ///< of the last try
};

/// Who did what: approvals, silences, reloads.
struct AuditRecord {
  base::Time at{};
  std::string who;
  std::string action;  ///< "approve", "silence", …
  std::string object;  ///< id of what it was done to
  std::string detail;
};

/// Writes that stand or fall together.
struct Batch {
  std::optional<model::Incident> incident;  ///< row to insert or replace (its timeline is ignored)
  std::vector<model::TimelineEntry> entries;  ///< new lines of `incident`'s history
  std::vector<StepIntent> intents;
  std::vector<StepResult> results;
  std::vector<OutboxRecord> messages;
  std::vector<DeliveryRecord> deliveries;  ///< inserted, or replaced by (message, channel)
  std::vector<std::string> expanded;       ///< ids of messages that have their deliveries now
  std::vector<std::pair<std::string, std::string>> state;  ///< key → JSON; "" removes the key
  std::vector<AuditRecord> audit;
};

/// Which incidents to list.
struct Filter {
  std::vector<model::IncidentState> states;  ///< empty = any
  std::optional<bool> open;                  ///< only open ones, only closed ones
  std::string target;                        ///< "" = all
  std::string outcome;                       ///< as model::ToString has it; "" = all
  base::Time since{};                        ///< opened then or later; zero = ever
  base::Time until{};                        ///< opened before; zero = ever
  std::string before;                        ///< id: only older ones (paging); "" = from the newest
  std::size_t limit = 50;                    ///< 1 to 1000
};

/// The journal. Its own thread does the work, in the order asked; calls belong to the loop. While
/// the disk takes no writes it goes on in memory, and brings all to the disk when it can.
class Journal {
 public:
  /// Opens or makes `path`. A file that is no sound journal is set aside as
  /// `path.corrupt-YYYYmmddTHHMMSS` with a loud log line, and a new one is begun. Errors:
  /// kUnavailable (folder missing, no permission), kInvalid (made by a newer version of Raksa).
  static base::Result<std::unique_ptr<Journal>> Open(loop::Loop& loop, const std::string& path);
  ~Journal();

  /// Writes; on the disk when it returns, or in memory (see in_memory). Errors: kUnavailable,
  /// kCorrupt, kInvalid (the same intent twice); then nothing of the batch is there.
  loop::Task<base::Result<>> Write(Batch batch);
  /// The same without waiting; a failure is logged.
  void Post(Batch batch);
  /// Called on the loop after messages were committed (the outbox wakes by it).
  void SetOnMessage(std::function<void()> callback);

  /// Newest first, without timelines and without the commands' outputs.
  loop::Task<base::Result<std::vector<model::Incident>>> List(Filter filter);
  /// How many meet the filter, whatever `before` and `limit` say.
  loop::Task<base::Result<std::size_t>> Count(Filter filter);
  /// One with its timeline. Errors: kNotFound.
  loop::Task<base::Result<model::Incident>> Get(std::string id);
  /// Open ones with their timelines, oldest first: for the restart. One that cannot be read is
  /// logged and left out.
  loop::Task<base::Result<std::vector<model::Incident>>> OpenIncidents();
  /// Intents of an incident without a result.
  loop::Task<base::Result<std::vector<StepIntent>>> Unfinished(std::string incident);

  /// The JSON kept under `key`, "" when there is none. Keys in use: "alerts", "guard".
  loop::Task<base::Result<std::string>> GetState(std::string key);
  loop::Task<base::Result<>> PutState(std::string key, std::string json);
  loop::Task<base::Result<std::vector<AuditRecord>>> Audit(std::size_t limit);

  /// Messages that have no deliveries yet, oldest first.
  loop::Task<base::Result<std::vector<OutboxRecord>>> NewMessages();
  loop::Task<base::Result<OutboxRecord>> GetMessage(std::string id);
  /// Deliveries still pending, in the order in which their messages were made.
  loop::Task<base::Result<std::vector<DeliveryRecord>>> Pending();
  /// All deliveries of an incident's messages, or the newest `limit` of all when it is "".
  loop::Task<base::Result<std::vector<DeliveryRecord>>> Deliveries(std::string incident,
                                                                   std::size_t limit);

  /// Removes incidents closed before `before` with all that belongs to them, and finished messages
  /// and audit lines of that age. Gives the number of incidents removed.
  loop::Task<base::Result<std::int64_t>> Prune(base::Time before);

  /// Whether the disk takes no writes now: what is written is lost if the program is killed.
  [[nodiscard]] bool in_memory() const;
  /// Writes and reads that wait or run now.
  [[nodiscard]] std::size_t backlog() const { return worker_.backlog(); }

  struct State;

 private:
  Journal(loop::Loop& loop, std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
  loop::Worker worker_;
};

}  // namespace incident
