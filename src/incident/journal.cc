// The journal: opening, setting aside what is broken, and the way to its thread.
#include "incident/journal.h"

#include <fmt/format.h>

#include <atomic>
#include <filesystem>

#include "base/log.h"
#include "incident/standby.h"

namespace incident {

struct Journal::State {
  std::unique_ptr<Db> disk;
  std::unique_ptr<Standby> standby;  ///< while the disk takes no writes
  base::Instant tried{};             ///< when the disk was last asked whether it does
  std::atomic<bool> in_memory = false;
  loop::Loop* loop = nullptr;
  std::function<void()> on_message;

  /// Where everything is; once a second it is tried whether that can be the disk again.
  Db& Now();
  base::Result<> Write(Batch batch);
  void Return();
};

Db& Journal::State::Now() {
  if (standby && base::Clock::Steady() - tried >= std::chrono::seconds(1)) {
    Return();
  }
  return standby ? standby->db() : *disk;
}

void Journal::State::Return() {
  tried = base::Clock::Steady();
  if (standby->Return(*disk)) {
    standby.reset();
    in_memory = false;
    base::Log(base::Level::kInfo, "the journal is on the disk again, and all that it was to hold");
  }
}

base::Result<> Journal::State::Write(Batch batch) {
  (void)Now();
  if (!standby) {
    auto done = tables::Write(*disk, {&batch, 1});
    if (done || done.error().kind != base::ErrorKind::kUnavailable) {
      return done;
    }
    auto made = Standby::Make(*disk);
    if (!made) {
      return base::Fail(std::move(made.error()));
    }
    standby = std::move(*made);
    in_memory = true;
    tried = base::Clock::Steady();
    base::Log(base::Level::kError,
              "the journal cannot be written; it goes on in memory until the disk takes it",
              {{"err", done.error().message}});
  }
  return standby->Write(std::move(batch));
}

namespace {

namespace fs = std::filesystem;

base::Result<std::unique_ptr<Db>> OpenSound(const std::string& path) {
  auto db = Db::Open(path);
  if (!db) {
    return db;
  }
  if (const auto prepared = tables::Prepare(**db); !prepared) {
    return base::Fail(prepared.error().In(path));
  }
  return db;
}

/// Renames the file and its companions out of the way.
base::Result<> SetAside(const std::string& path, const std::string& why) {
  const auto stamp = base::ToMs(base::Clock::Now());
  auto aside = fmt::format("{}.corrupt-{}", path, stamp);
  std::error_code ec;
  fs::rename(path, aside, ec);
  if (ec) {
    return base::Fail(base::ErrorKind::kUnavailable,
                      fmt::format("{}: cannot be set aside: {}", path, ec.message()));
  }
  for (const auto* suffix : {"-wal", "-shm"}) {
    std::error_code ignored;
    fs::rename(path + suffix, aside + suffix, ignored);
  }
  base::Log(base::Level::kError,
            "THE JOURNAL IS DAMAGED: it was set aside and a new one is begun; open incidents, "
            "silences and unsent messages of before are only in the old file",
            {{"file", path}, {"kept_as", aside}, {"err", why}});
  return {};
}

}  // namespace

base::Result<std::unique_ptr<Journal>> Journal::Open(loop::Loop& loop, const std::string& path) {
  auto db = OpenSound(path);
  if (!db && db.error().kind == base::ErrorKind::kCorrupt) {
    if (const auto aside = SetAside(path, db.error().message); !aside) {
      return base::Fail(aside.error());
    }
    db = OpenSound(path);
  }
  if (!db) {
    return base::Fail(db.error());
  }
  std::error_code ignored;
  fs::permissions(path, fs::perms::owner_read | fs::perms::owner_write | fs::perms::group_read,
                  ignored);
  auto state = std::make_shared<State>();
  state->disk = std::move(*db);
  state->loop = &loop;
  return std::unique_ptr<Journal>(new Journal(loop, std::move(state)));
}

Journal::Journal(loop::Loop& loop, std::shared_ptr<State> state)
    : state_(std::move(state)), worker_(loop, "journal") {}

Journal::~Journal() {
  worker_.Post([state = state_] {
    if (state->standby) {
      state->Return();
    }
    if (state->standby) {
      base::Log(base::Level::kError,
                "the journal ends in memory: what the disk did not take since is lost");
    }
  });
}

bool Journal::in_memory() const { return state_->in_memory; }

void Journal::SetOnMessage(std::function<void()> callback) {
  state_->on_message = std::move(callback);
}

loop::Task<base::Result<>> Journal::Write(Batch batch) {
  const auto state = state_;
  const bool messages = !batch.messages.empty();
  auto job = [state, b = std::move(batch)]() mutable { return state->Write(std::move(b)); };
  auto result = co_await worker_.Run(std::move(job));
  if (!result) {
    base::Log(base::Level::kError, "the journal cannot be written",
              {{"err", result.error().message}});
  } else if (messages && state->on_message) {
    state->on_message();
  }
  co_return result;
}

void Journal::Post(Batch batch) {
  const auto state = state_;
  worker_.Post([state, b = std::move(batch)]() mutable {
    const bool messages = !b.messages.empty();
    const auto result = state->Write(std::move(b));
    if (!result) {
      base::Log(base::Level::kError, "the journal cannot be written",
                {{"err", result.error().message}});
    } else if (messages) {
      state->loop->Post([state] {
        if (state->on_message) {
          state->on_message();
        }
      });
    }
  });
}

loop::Task<base::Result<std::vector<model::Incident>>> Journal::List(Filter filter) {
  auto job = [state = state_, f = std::move(filter)] { return tables::List(state->Now(), f); };
  auto result = co_await worker_.Run(std::move(job));
  co_return result;
}

loop::Task<base::Result<std::size_t>> Journal::Count(Filter filter) {
  auto job = [state = state_, f = std::move(filter)] { return tables::Count(state->Now(), f); };
  auto result = co_await worker_.Run(std::move(job));
  co_return result;
}

loop::Task<base::Result<model::Incident>> Journal::Get(std::string id) {
  auto job = [state = state_, i = std::move(id)] { return tables::Get(state->Now(), i); };
  auto result = co_await worker_.Run(std::move(job));
  co_return result;
}

loop::Task<base::Result<std::vector<model::Incident>>> Journal::OpenIncidents() {
  auto job = [state = state_] { return tables::Open(state->Now()); };
  auto result = co_await worker_.Run(std::move(job));
  co_return result;
}

loop::Task<base::Result<std::vector<StepIntent>>> Journal::Unfinished(std::string incident) {
  auto job = [state = state_, i = std::move(incident)] {
    return tables::Unfinished(state->Now(), i);
  };
  auto result = co_await worker_.Run(std::move(job));
  co_return result;
}

loop::Task<base::Result<std::string>> Journal::GetState(std::string key) {
  auto job = [state = state_, k = std::move(key)] { return tables::GetState(state->Now(), k); };
  auto result = co_await worker_.Run(std::move(job));
  co_return result;
}

loop::Task<base::Result<>> Journal::PutState(std::string key, std::string json) {
  Batch batch;
  batch.state.emplace_back(std::move(key), std::move(json));
  auto result = co_await Write(std::move(batch));
  co_return result;
}

loop::Task<base::Result<std::vector<AuditRecord>>> Journal::Audit(std::size_t limit) {
  auto job = [state = state_, limit] { return tables::Audit(state->Now(), limit); };
  auto result = co_await worker_.Run(std::move(job));
  co_return result;
}

loop::Task<base::Result<std::vector<OutboxRecord>>> Journal::NewMessages() {
  auto job = [state = state_] { return tables::NewMessages(state->Now()); };
  auto result = co_await worker_.Run(std::move(job));
  co_return result;
}

loop::Task<base::Result<OutboxRecord>> Journal::GetMessage(std::string id) {
  auto job = [state = state_, i = std::move(id)] { return tables::GetMessage(state->Now(), i); };
  auto result = co_await worker_.Run(std::move(job));
  co_return result;
}

loop::Task<base::Result<std::vector<DeliveryRecord>>> Journal::Pending() {
  auto job = [state = state_] { return tables::Pending(state->Now()); };
  auto result = co_await worker_.Run(std::move(job));
  co_return result;
}

loop::Task<base::Result<std::vector<DeliveryRecord>>> Journal::Deliveries(std::string incident,
                                                                          std::size_t limit) {
  auto job = [state = state_, i = std::move(incident), limit] {
    return tables::Deliveries(state->Now(), i, limit);
  };
  auto result = co_await worker_.Run(std::move(job));
  co_return result;
}

loop::Task<base::Result<std::int64_t>> Journal::Prune(base::Time before) {
  auto job = [state = state_, before] { return tables::Prune(state->Now(), before); };
  auto result = co_await worker_.Run(std::move(job));
  co_return result;
}

}  // namespace incident
