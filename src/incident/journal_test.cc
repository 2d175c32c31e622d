// Tests of the journal: what is written is there again, whole or not at all, and a broken file
// stops nobody.
#include "incident/journal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <random>

#include "base/full_disk_testing.h"
#include "base/id.h"
#include "base/log.h"

namespace incident {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

/// A folder of its own, removed at the end.
struct Folder {
  Folder() {
    std::string pattern = (fs::temp_directory_path() / "raksa-journal-XXXXXX").string();
    path = mkdtemp(pattern.data());
  }
  ~Folder() { fs::remove_all(path); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  [[nodiscard]] std::string File() const { return path + "/journal.db"; }
  std::string path;
};

model::Incident Make(const std::string& id) {
  model::Incident out;
  out.id = id;
  out.target = "web1";
  out.title = "web1: http_code 500";
  out.opened = base::Time(1'700'000'000'123'456'789ns);
  out.alerts.push_back({.labels = {{"alertname", "HttpCode"}, {"target", "web1"}},
                        .value = 500,
                        .starts_at = out.opened,
                        .source = "rule"});
  out.findings.push_back(
      {.component = "container:web-database",
       .cause = "container-killed",
       .title = "Container was killed",
       .title_th = "คอนเทนเนอร์ถูกฆ่า",
       .cause_class = model::CauseClass::kRepair,
       .state = "Running false, Error 137",
       .remedy = "container-restart",
       .remedy_args = {"web-database"},
       .depth = 4,
       .details = {{"Using Command", "python3"}},
       .commands = {{.argv = {"docker", "inspect"}, .exit_status = 0, .output = "a\xff\nb"}}});
  return out;
}

model::TimelineEntry Line(std::int64_t seq, std::string text) {
  return {.seq = seq, .at = base::Time(1s), .kind = "note", .text = std::move(text), .data = "{}"};
}

struct Opened {
  explicit Opened(const std::string& file) : journal(Journal::Open(loop, file).value()) {}
  template <class T>
  T Run(loop::Task<T> task) {
    return loop.RunTask(std::move(task));
  }
  loop::Loop loop;
  std::unique_ptr<Journal> journal;
};

TEST(Journal, KeepsAnIncidentExactly) {
  Folder folder;
  const auto incident = Make("A");
  {
    Opened o(folder.File());
    Batch batch{.incident = incident, .entries = {Line(1, "one"), Line(2, "two")}};
    ASSERT_TRUE(o.Run(o.journal->Write(batch)));
  }
  Opened o(folder.File());
  const auto got = o.Run(o.journal->Get("A"));
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ(got->opened, incident.opened);
  EXPECT_EQ(got->alerts[0].labels, incident.alerts[0].labels);
  EXPECT_EQ(got->findings[0].title_th, "คอนเทนเนอร์ถูกฆ่า");
  EXPECT_EQ(got->findings[0].remedy_args, incident.findings[0].remedy_args);
  EXPECT_EQ(got->findings[0].commands[0].output, "a\xEF\xBF\xBD\nb");
  ASSERT_EQ(got->timeline.size(), 2U);
  EXPECT_EQ(got->timeline[1].text, "two");
  EXPECT_EQ(o.Run(o.journal->Get("B")).error().kind, base::ErrorKind::kNotFound);
  EXPECT_EQ(o.Run(o.journal->OpenIncidents())->size(), 1U);
}

TEST(Journal, AFullDiskStopsNothingAndTakesAllLater) {
  Folder folder;
  base::FrozenClock clock(base::Time(1'700'000'000s));
  {
    Opened o(folder.File());
    ASSERT_TRUE(o.Run(o.journal->Write({.incident = Make("A"), .entries = {Line(1, "on disk")}})));
    int messages = 0;
    o.journal->SetOnMessage([&] { ++messages; });
    {
      const base::FullDisk full(4096);
      Batch batch{.incident = Make("A"), .entries = {Line(2, "in memory")}};
      batch.intents.push_back({.key = "A/1", .incident = "A"});
      batch.messages.push_back({.id = "M", .event = "opened", .incident = Make("A")});
      ASSERT_TRUE(o.Run(o.journal->Write(batch)));
      EXPECT_TRUE(o.journal->in_memory());
      EXPECT_EQ(messages, 1);
      EXPECT_FALSE(o.Run(o.journal->Write({.intents = {{.key = "A/1", .incident = "A"}}})))
          << "the same intent twice";
      o.journal->Post({.incident = Make("B")});
      for (int i = 0; i < 100; ++i) {
        ASSERT_TRUE(o.Run(o.journal->PutState("alerts", std::to_string(i))));
      }
      EXPECT_EQ(o.Run(o.journal->Get("A"))->timeline.size(), 2U);
      EXPECT_EQ(o.Run(o.journal->NewMessages())->size(), 1U);
      EXPECT_EQ(o.Run(o.journal->Unfinished("A"))->size(), 1U);
      EXPECT_EQ(o.Run(o.journal->OpenIncidents())->size(), 2U);
      EXPECT_EQ(*o.Run(o.journal->GetState("alerts")), "99");
      EXPECT_TRUE(o.journal->in_memory());
    }
    // There is room; the disk is asked once a second at most, by the steady clock.
    while (o.journal->in_memory()) {
      clock.Advance(500ms);
      EXPECT_EQ(o.Run(o.journal->OpenIncidents())->size(), 2U);
    }
    ASSERT_TRUE(o.Run(o.journal->Write({.incident = Make("C")})));
  }
  Opened o(folder.File());
  EXPECT_EQ(o.Run(o.journal->Get("A"))->timeline.size(), 2U);
  EXPECT_EQ(o.Run(o.journal->OpenIncidents())->size(), 3U);
  EXPECT_EQ(o.Run(o.journal->NewMessages())->size(), 1U);
  EXPECT_EQ(o.Run(o.journal->Unfinished("A"))->size(), 1U);
  EXPECT_EQ(*o.Run(o.journal->GetState("alerts")), "99");
}

TEST(Journal, WhatAFullDiskDidNotTakeByTheEndIsTriedOnceMore) {
  Folder folder;
  {
    Opened o(folder.File());
    const base::FullDisk full(4096);
    ASSERT_TRUE(o.Run(o.journal->Write({.incident = Make("A")})));
    ASSERT_TRUE(o.journal->in_memory());
    o.journal.reset();  // still full: lost, and said so
  }
  {
    Opened o(folder.File());
    EXPECT_TRUE(o.Run(o.journal->OpenIncidents())->empty());
    {
      const base::FullDisk full(4096);
      ASSERT_TRUE(o.Run(o.journal->Write({.incident = Make("B")})));
    }
    o.journal.reset();
  }
  Opened o(folder.File());
  EXPECT_EQ(o.Run(o.journal->OpenIncidents())->size(), 1U);
}

TEST(Journal, ABatchStandsOrFallsTogether) {
  Folder folder;
  Opened o(folder.File());
  Batch batch{.incident = Make("A"), .intents = {{.key = "A/1", .incident = "A"}}};
  ASSERT_TRUE(o.Run(o.journal->Write(batch)));
  Batch again{.incident = Make("B"), .intents = {{.key = "A/1", .incident = "B"}}};
  EXPECT_FALSE(o.Run(o.journal->Write(again))) << "the same intent twice";
  EXPECT_FALSE(o.Run(o.journal->Get("B")));
  EXPECT_EQ(o.Run(o.journal->Unfinished("A"))->size(), 1U);
  Batch result{.results = {{"A/1", {.step = "x", .finished = base::Time(5s)}}}};
  ASSERT_TRUE(o.Run(o.journal->Write(result)));
  EXPECT_TRUE(o.Run(o.journal->Unfinished("A"))->empty());
}

TEST(Journal, TheTimelineCannotBeRewritten) {
  Folder folder;
  {
    Opened o(folder.File());
    ASSERT_TRUE(o.Run(o.journal->Write({.incident = Make("A"), .entries = {Line(1, "truth")}})));
    EXPECT_FALSE(o.Run(o.journal->Write({.incident = Make("A"), .entries = {Line(1, "lie")}})));
  }
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open(folder.File().c_str(), &db), SQLITE_OK);
  EXPECT_NE(sqlite3_exec(db, "UPDATE timeline SET text='lie'", nullptr, nullptr, nullptr),
            SQLITE_OK);
  sqlite3_close(db);
}

TEST(Journal, ListsByFilterAndPage) {
  Folder folder;
  Opened o(folder.File());
  for (int i = 0; i < 10; ++i) {
    auto incident = Make(fmt::format("I{}", i));
    incident.target = i % 2 == 0 ? "web1" : "web2";
    incident.opened = base::Time(std::chrono::seconds(100 + i));
    incident.state = i == 7 ? model::IncidentState::kNeedsHuman : model::IncidentState::kConfirming;
    if (i < 5) {
      incident.closed = base::Time(9s);
      incident.outcome = model::Outcome::kFixed;
    }
    o.journal->Post({.incident = incident});
  }
  EXPECT_EQ(o.Run(o.journal->List({}))->size(), 10U);
  EXPECT_EQ(o.Run(o.journal->List({}))->front().id, "I9");
  EXPECT_EQ(o.Run(o.journal->List({.open = true}))->size(), 5U);
  EXPECT_EQ(o.Run(o.journal->List({.open = false}))->front().id, "I4");
  using enum model::IncidentState;
  EXPECT_EQ(o.Run(o.journal->List({.states = {kDiagnosing, kNeedsHuman}}))->front().id, "I7");
  EXPECT_EQ(o.Run(o.journal->List({.states = {kHolding}}))->size(), 0U);
  EXPECT_EQ(o.Run(o.journal->List({.since = base::Time(103s), .until = base::Time(106s)}))->size(),
            3U);
  EXPECT_EQ(o.Run(o.journal->Count({.before = "I1", .limit = 1})).value(), 10U);
  EXPECT_EQ(o.Run(o.journal->Count({.open = false, .target = "web2"})).value(), 2U);
  EXPECT_EQ(o.Run(o.journal->List({.target = "web1"}))->size(), 5U);
  EXPECT_EQ(o.Run(o.journal->List({.outcome = "fixed", .limit = 2}))->size(), 2U);
  EXPECT_EQ(o.Run(o.journal->List({.before = "I3"}))->front().id, "I2");
  EXPECT_EQ(o.Run(o.journal->List({.target = "x' OR 1=1 --"}))->size(), 0U);
  EXPECT_EQ(o.Run(o.journal->Prune(base::Time(10s))).value(), 5);
  EXPECT_EQ(o.Run(o.journal->List({}))->size(), 5U);
}

TEST(Journal, StateAuditAndOutbox) {
  Folder folder;
  Opened o(folder.File());
  EXPECT_EQ(o.Run(o.journal->GetState("alerts")).value(), "");
  ASSERT_TRUE(o.Run(o.journal->PutState("alerts", R"({"version":1})")));
  EXPECT_EQ(o.Run(o.journal->GetState("alerts")).value(), R"({"version":1})");
  o.journal->Post({.audit = {{base::Time(1s), "ann", "approve", "A", "x\ny"}}});
  EXPECT_EQ(o.Run(o.journal->Audit(10))->front().who, "ann");
  int woken = 0;
  o.journal->SetOnMessage([&] { ++woken; });
  OutboxRecord message{.id = "M1", .event = "ended", .created = base::Time(2s)};
  message.incident = Make("A");
  o.journal->Post({.messages = {message}});
  ASSERT_TRUE(o.Run(o.journal->Write({.messages = {message}}))) << "the same message again: once";
  o.loop.RunUntil([&] { return woken == 2; }, 1000ms);
  EXPECT_EQ(woken, 2);
  ASSERT_EQ(o.Run(o.journal->NewMessages())->size(), 1U);
  DeliveryRecord d{.message = "M1", .channel = "line", .retry_key = base::NewUuid()};
  o.journal->Post({.deliveries = {d}, .expanded = {"M1"}});
  EXPECT_TRUE(o.Run(o.journal->NewMessages())->empty());
  EXPECT_EQ(o.Run(o.journal->Pending())->front().retry_key, d.retry_key);
  d.state = "delivered";
  d.retry_key = "another";
  o.journal->Post({.deliveries = {d}});
  EXPECT_TRUE(o.Run(o.journal->Pending())->empty());
  EXPECT_NE(o.Run(o.journal->Deliveries("A", 10))->front().retry_key, "another");
}

TEST(Journal, ABrokenFileIsSetAside) {
  base::SetLogSink([](std::string_view) {});
  Folder folder;
  std::ofstream(folder.File()) << std::string(8192, 'x');
  {
    Opened o(folder.File());
    EXPECT_TRUE(o.Run(o.journal->List({}))->empty());
    ASSERT_TRUE(o.Run(o.journal->Write({.incident = Make("A")})));
  }
  std::size_t aside = 0;
  for (const auto& entry : fs::directory_iterator(folder.path)) {
    aside += entry.path().string().find("corrupt") != std::string::npos ? 1U : 0U;
  }
  EXPECT_EQ(aside, 1U);
  base::SetLogSink(nullptr);
}

TEST(Journal, RandomDamageNeverCrashesIt) {
  base::SetLogSink([](std::string_view) {});
  std::mt19937 random(7);
  for (int round = 0; round < 12; ++round) {
    Folder folder;
    {
      Opened o(folder.File());
      for (int i = 0; i < 20; ++i) {
        o.journal->Post({.incident = Make(fmt::format("I{}", i)), .entries = {Line(1, "x")}});
      }
    }
    std::fstream file(folder.File(), std::ios::in | std::ios::out | std::ios::binary);
    const auto size = fs::file_size(folder.File());
    for (int i = 0; i < 40; ++i) {
      file.seekp(static_cast<std::streamoff>(random() % size));
      file.put(static_cast<char>(random()));
    }
    file.close();
    loop::Loop loop;
    auto journal = Journal::Open(loop, folder.File());
    if (!journal) {
      continue;  // an unreadable version number, say: told, not crashed
    }
    (void)loop.RunTask((*journal)->List({}));
    (void)loop.RunTask((*journal)->OpenIncidents());
    (void)loop.RunTask((*journal)->Get("I3"));
    (void)loop.RunTask((*journal)->Write({.incident = Make("new")}));
  }
  base::SetLogSink(nullptr);
}

TEST(Journal, RefusesANewerVersionAndAMissingFolder) {
  Folder folder;
  {
    Opened o(folder.File());
  }
  sqlite3* db = nullptr;
  sqlite3_open(folder.File().c_str(), &db);
  sqlite3_exec(db, "PRAGMA user_version=99", nullptr, nullptr, nullptr);
  sqlite3_close(db);
  loop::Loop loop;
  const auto newer = Journal::Open(loop, folder.File());
  ASSERT_FALSE(newer);
  EXPECT_EQ(newer.error().kind, base::ErrorKind::kInvalid);
  EXPECT_FALSE(Journal::Open(loop, folder.path + "/no/such/journal.db"));
}

/// Writes incidents with one line each, telling every finished one through the pipe.
[[noreturn]] void WriteForEver(const std::string& file, int pipe) {
  Opened o(file);
  for (int i = 0;; ++i) {
    const auto id = fmt::format("{:08}", i);
    const auto done = o.Run(o.journal->Write({.incident = Make(id), .entries = {Line(1, id)}}));
    if (!done || write(pipe, &i, sizeof i) != sizeof i) {
      _exit(1);
    }
  }
}

TEST(Journal, WhatWasWrittenSurvivesKill9) {
  for (int round = 0; round < 8; ++round) {
    Folder folder;
    int pipes[2];
    ASSERT_EQ(pipe(pipes), 0);
    const auto child = fork();
    if (child == 0) {
      close(pipes[0]);
      WriteForEver(folder.File(), pipes[1]);
    }
    close(pipes[1]);
    int last = -1;
    for (int i = 0; i < 10 + round * 7; ++i) {
      ASSERT_EQ(read(pipes[0], &last, sizeof last), static_cast<ssize_t>(sizeof last));
    }
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    int more = 0;
    while (read(pipes[0], &more, sizeof more) == static_cast<ssize_t>(sizeof more)) {
      last = more;
    }
    close(pipes[0]);
    Opened o(folder.File());
    const auto all = o.Run(o.journal->List({.limit = 1000}));
    ASSERT_TRUE(all);
    EXPECT_GE(static_cast<int>(all->size()), last + 1);
    for (const auto& incident : *all) {
      EXPECT_EQ(o.Run(o.journal->Get(incident.id))->timeline.size(), 1U);
    }
  }
}

}  // namespace
}  // namespace incident
