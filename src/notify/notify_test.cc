// Tests of channels and outbox against a server that answers as LINE and webhooks do, and worse.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <filesystem>

#include "base/id.h"
#include "base/log.h"
#include "base/text.h"
#include "incident/json.h"
#include "notify/http.h"
#include "notify/line/line.h"
#include "notify/outbox.h"
#include "notify/server_testing.h"
#include "notify/webhook/webhook.h"

namespace notify {
namespace {

using namespace std::chrono_literals;
using notify::testing::Server;
using ::testing::HasSubstr;
namespace json = boost::json;

model::Incident Make(const std::string& words = "x") {
  model::Incident out;
  out.id = base::NewId();
  out.target = words;
  out.title = words;
  out.opened = base::Clock::Now();
  out.outcome = model::Outcome::kFixed;
  out.alerts.push_back({.labels = {{"alertname", words}, {"target", words}, {"ip", words}}});
  out.findings.push_back({.component = "container:" + words,
                          .cause = "container-killed",
                          .title = words,
                          .title_th = "คอนเทนเนอร์ถูกฆ่า",
                          .state = words,
                          .evidence = words,
                          .details = {{words, words}}});
  out.cause = "container-killed";
  out.steps.push_back({.step = words, .component = "container:" + words, .error = words});
  return out;
}

Channel Line(const std::string& url, base::Duration timeout = 10s) {
  Channel out{.kind = "line", .name = "line"};
  out.options = config::DefaultOptions(line::kKind.spec.options);
  out.options.Set("token_file", base::Secret("TOKEN"));
  out.options.Set("to", std::string("C0123"));
  out.options.Set("base_url", url + "/");
  out.options.Set("timeout", timeout);
  return out;
}

Channel Hook(const std::string& url, const std::string& name = "webhook") {
  Channel out{.kind = "webhook", .name = name};
  out.options = config::DefaultOptions(webhook::kKind.spec.options);
  out.options.Set("url", url + "/hook");
  out.options.Set("secret_file", base::Secret("s3cret"));
  return out;
}

struct Sender {
  loop::Loop loop;
  loop::HttpClient http{loop};
  Server server;
  Delivery Send(const Channel& channel, const model::Incident& incident = Make()) {
    Request request{.options = channel.options,
                    .message = Compose(base::NewId(), "ended", incident, "en"),
                    .retry_key = base::NewUuid(),
                    .http = &http};
    return loop.RunTask(Find(channel.kind)->send(std::move(request)));
  }
};

TEST(Line, PushesACardWithARetryKey) {
  Sender s;
  s.server.Script({{.headers = "x-line-request-id: R1\r\n"}});
  const auto delivery = s.Send(Line(s.server.url()));
  EXPECT_EQ(delivery.kind, Delivery::Kind::kDelivered);
  EXPECT_THAT(delivery.detail, HasSubstr("R1"));
  const auto seen = s.server.seen().at(0);
  EXPECT_EQ(seen.line, "POST /v2/bot/message/push HTTP/1.1");
  EXPECT_EQ(seen.headers.at("authorization"), "Bearer TOKEN");
  EXPECT_EQ(seen.headers.at("x-line-retry-key").size(), 36U);
  const auto body = json::parse(seen.body).as_object();
  EXPECT_EQ(body.at("to"), "C0123");
  EXPECT_EQ(body.at("messages").at(0).at("type"), "flex");
  EXPECT_EQ(body.at("messages").as_array().size(), 1U);
}

TEST(Line, KnowsWhatAnswersMean) {
  struct Case {
    testing::Answer answer;
    Delivery::Kind kind;
    base::Duration after = base::Duration::zero();
  };
  const std::vector<Case> cases = {
      {{409, "{}", "x-line-accepted-request-id: R0\r\n"}, Delivery::Kind::kDelivered},
      {{429, R"({"message":"The API rate limit has been exceeded. Try again later."})",
        "Retry-After: 7\r\n"},
       Delivery::Kind::kRetry,
       7s},
      {{429, R"({"message":"You have reached your monthly limit."})"}, Delivery::Kind::kExhausted},
      {{500, "oops"}, Delivery::Kind::kRetry},
      {{503, ""}, Delivery::Kind::kRetry},
      {{401, "{}"}, Delivery::Kind::kRejected},
      {{413, "{}"}, Delivery::Kind::kRejected},
      {{302, "", "Location: http://127.0.0.1:1/\r\n"}, Delivery::Kind::kRejected},
      {{0, ""}, Delivery::Kind::kRetry},
      {{-1, ""}, Delivery::Kind::kRetry},
  };
  Sender s;
  for (const auto& c : cases) {
    SCOPED_TRACE(c.answer.status);
    s.server.Script({c.answer});
    const auto delivery = s.Send(Line(s.server.url(), c.answer.status < 0 ? 200ms : 5s));
    EXPECT_EQ(delivery.kind, c.kind) << delivery.detail;
    EXPECT_EQ(delivery.retry_after, c.after);
    EXPECT_THAT(delivery.detail, ::testing::Not(HasSubstr("TOKEN")));
  }
  EXPECT_EQ(s.Send(Line("http://127.0.0.1:1")).kind, Delivery::Kind::kRetry);
}

TEST(Line, ARefusedCardIsSentAsText) {
  Sender s;
  s.server.Script({{400, R"({"message":"The request body has an error"})"}, {}});
  EXPECT_EQ(s.Send(Line(s.server.url())).kind, Delivery::Kind::kDelivered);
  const auto second = json::parse(s.server.seen().at(1).body).as_object();
  EXPECT_EQ(second.at("messages").at(0).at("type"), "text");
  s.server.Script({{400, "{}"}, {400, "{}"}});
  EXPECT_EQ(s.Send(Line(s.server.url())).kind, Delivery::Kind::kRejected);
}

TEST(Line, KeepsItsLimitsWhateverIsInTheIncident) {
  const std::string apples = [] {
    std::string out;
    for (int i = 0; i < 4000; ++i) {
      out += "🍎";
    }
    return out;
  }();
  for (const auto& words :
       {apples, std::string(20'000, 'x'), std::string("\0\n\r\x1b[31m\xff\xfe", 9),
        std::string("\"}],\"to\":\"U666\",[{\""), std::string("ก์ำ้") + apples,
        std::string("<script>alert(1)</script>$(reboot)`id`'; DROP TABLE x")}) {
    auto incident = Make(words);
    for (int i = 0; i < 50; ++i) {
      incident.findings.push_back(incident.findings[0]);
      incident.findings.back().component = fmt::format("c{}", i);
      incident.findings.back().details.assign(100, {words, words});
    }
    auto message = Compose("M", "opened", incident, "th");
    message.text += apples;
    const auto body = line::PushBody("C0123", message, "both");
    const auto text = json::serialize(body);
    const auto back = json::parse(text).as_object();
    EXPECT_EQ(back.at("to"), "C0123");
    ASSERT_EQ(back.at("messages").as_array().size(), 2U);
    const auto& flex = back.at("messages").at(0);
    EXPECT_LE(Utf16Units(std::string_view(flex.at("altText").as_string())), 400U);
    EXPECT_LE(json::serialize(flex.at("contents")).size(), 30'000U);
    EXPECT_LE(Utf16Units(std::string_view(back.at("messages").at(1).at("text").as_string())),
              5000U);
    EXPECT_EQ(message.subject.find('\n'), std::string::npos);
  }
}

TEST(Line, ReadsItsQuota) {
  Sender s;
  const auto read = [&] {
    return s.loop.RunTask(line::kKind.quota(Line(s.server.url()).options, &s.http));
  };
  s.server.Script({{200, R"({"type":"limited","value":200})"}, {200, R"({"totalUsage":150})"}});
  const auto quota = read();
  ASSERT_TRUE(quota) << quota.error().message;
  EXPECT_EQ(quota->limit, 200);
  EXPECT_EQ(quota->used, 150);
  s.server.Script({{200, R"({"type":"none"})"}, {200, R"({"totalUsage":5})"}});
  EXPECT_EQ(read()->limit, -1);
  for (const auto* bad : {"", "[]", "{\"value\":\"many\"}", "{\"value\":-1}", "\xff"}) {
    s.server.Script({{200, bad}});
    EXPECT_FALSE(read()) << bad;
  }
}

TEST(Utf16, CountsAndCutsAsJavaScriptDoes) {
  EXPECT_EQ(Utf16Units("abc"), 3U);
  EXPECT_EQ(Utf16Units("รักษา"), 5U);
  EXPECT_EQ(Utf16Units("🍎"), 2U);
  EXPECT_EQ(TruncateUtf16("abc", 3), "abc");
  EXPECT_EQ(TruncateUtf16("abcd", 3), "ab…");
  EXPECT_EQ(TruncateUtf16("🍎🍎", 4), "🍎🍎");
  EXPECT_EQ(TruncateUtf16("🍎🍎", 3), "🍎…");
  EXPECT_EQ(TruncateUtf16("a🍎🍎", 3), "a…") << "no half of an apple";
  EXPECT_EQ(TruncateUtf16("abc", 0), "");
  for (std::size_t max = 0; max < 20; ++max) {
    const auto cut = TruncateUtf16("ก🍎ข\xff🍎ค🍎ง🍎x", max);
    EXPECT_LE(Utf16Units(cut), max);
    EXPECT_EQ(base::Printable(cut), cut);
  }
}

TEST(Webhook, IsSignedAndWhole) {
  Sender s;
  auto channel = Hook(s.server.url());
  channel.options.Set("headers", std::map<std::string, std::string>{{"Authorization", "Bearer x"},
                                                                    {"Bad\r\nName", "x"},
                                                                    {"X-Evil", "a\r\nHost: b"}});
  EXPECT_EQ(s.Send(channel, Make("รักษา\n\xff\"")).kind, Delivery::Kind::kDelivered);
  const auto seen = s.server.seen().at(0);
  EXPECT_EQ(seen.headers.at("x-raksa-signature"),
            webhook::Sign("s3cret", std::stoll(seen.headers.at("x-raksa-timestamp")), seen.body));
  EXPECT_EQ(seen.headers.at("authorization"), "Bearer x");
  EXPECT_FALSE(seen.headers.contains("x-evil"));
  const auto body = json::parse(seen.body).as_object();
  EXPECT_EQ(body.at("event"), "ended");
  EXPECT_TRUE(incident::IncidentFromJson(body.at("incident")));
  s.server.Script({{404, "no"}});
  EXPECT_EQ(s.Send(channel).kind, Delivery::Kind::kRejected);
  s.server.Script({{429, "", "Retry-After: 99999999\r\n"}});
  EXPECT_EQ(s.Send(channel).retry_after, 1h);
}

TEST(Channels, MistakesAreNamed) {
  const auto problems = [](const std::string& yaml) {
    const auto document = config::Document::Parse(yaml, "raksa.yaml");
    ReadChannels(document->Root());
    std::string out;
    for (const auto& problem : document->problems()) {
      out += problem.ToString() + "\n";
    }
    return out;
  };
  EXPECT_THAT(problems("- webhok: {url: http://x/}"), HasSubstr("did you mean \"webhook\"?"));
  EXPECT_THAT(problems("- webhook: {url: http://x/}\n  line: {}"), HasSubstr("one key"));
  EXPECT_THAT(problems("- webhook: {}"), HasSubstr("url"));
  EXPECT_THAT(problems("- webhook: {url: http://x/, backup: true}"), HasSubstr("backup"));
  EXPECT_THAT(
      problems("- webhook: {url: http://x/, name: a}\n- webhook: {url: http://y/, name: a}"),
      HasSubstr("already"));
  EXPECT_THAT(problems("webhook: {url: http://x/}"), HasSubstr("list"));
  EXPECT_EQ(problems("- webhook: {url: http://x/}\n- webhook: {url: http://y/, backup: true}"), "");
}

/// A journal, a server for each of two channels, and the outbox between; real time, short waits.
struct Post {
  explicit Post(std::vector<Channel> channels = {}) {
    std::string pattern = (std::filesystem::temp_directory_path() / "raksa-outbox-XXXXXX").string();
    folder = mkdtemp(pattern.data());
    options = {.first_backoff = 20ms, .max_backoff = 100ms};
    Start(std::move(channels));
  }
  ~Post() {
    Stop();
    std::filesystem::remove_all(folder);
  }
  Post(const Post&) = delete;
  Post& operator=(const Post&) = delete;
  void Start(std::vector<Channel> channels) {
    journal = incident::Journal::Open(loop, folder + "/journal.db").value();
    outbox = std::make_unique<Outbox>(loop, http, *journal, std::move(channels), "en", options);
    outbox->Start();
  }
  void Stop() {
    loop.RunTask(outbox->Stop());
    outbox.reset();
    journal.reset();
    loop.Drain();
  }
  std::string Put(const std::string& words) {
    incident::OutboxRecord record{.id = base::NewId(), .event = "ended"};
    record.created = base::Clock::Now();
    record.incident = Make(words);
    const auto id = record.id;
    journal->Post({.messages = {record}});
    return id;
  }
  bool Until(const std::function<bool()>& done, std::chrono::milliseconds limit = 5000ms) {
    return loop.RunUntil(done, limit);
  }
  std::vector<std::string> States() {
    std::vector<std::string> out;
    for (const auto& d : loop.RunTask(journal->Deliveries("", 100)).value()) {
      out.push_back(d.channel + " " + d.state);
    }
    return out;
  }
  std::string folder;
  loop::Loop loop;
  loop::HttpClient http{loop};
  Server one;
  Server two;
  OutboxOptions options;
  std::unique_ptr<incident::Journal> journal;
  std::unique_ptr<Outbox> outbox;
};

std::string TitleOf(const testing::Seen& seen) {
  return std::string(json::parse(seen.body).at("incident").at("title").as_string());
}

TEST(Outbox, BringsEveryMessageToEveryChannelOnce) {
  Post p;
  p.outbox->Configure({Hook(p.one.url(), "a"), Hook(p.two.url(), "b")}, "en");
  p.Put("m1");
  p.Put("m2");
  ASSERT_TRUE(p.Until([&] { return p.one.seen().size() == 2 && p.two.seen().size() == 2; }));
  EXPECT_EQ(TitleOf(p.one.seen()[0]), "m1");
  EXPECT_EQ(TitleOf(p.one.seen()[1]), "m2");
  ASSERT_TRUE(p.Until([&] { return p.outbox->stats()[1].delivered == 2; }));
  p.outbox->Wake();
  p.Until([] { return false; }, 100ms);
  EXPECT_EQ(p.one.seen().size(), 2U);
}

TEST(Outbox, RetriesInOrderWithTheSameKey) {
  Post p;
  p.one.Script({{500, ""}, {0, ""}, {503, ""}});
  p.outbox->Configure({Hook(p.one.url())}, "en");
  p.Put("m1");
  p.Put("m2");
  ASSERT_TRUE(p.Until([&] { return p.one.seen().size() >= 5; }));
  const auto seen = p.one.seen();
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(TitleOf(seen.at(i)), "m1");
    EXPECT_EQ(seen.at(i).headers.at("x-raksa-delivery"), seen[0].headers.at("x-raksa-delivery"));
  }
  EXPECT_EQ(TitleOf(seen.at(4)), "m2");
}

TEST(Outbox, GoesOnWithTheSameKeyAfterARestart) {
  Post p;
  p.one.Script(std::deque<testing::Answer>(1000, {500, ""}));
  p.outbox->Configure({Hook(p.one.url())}, "en");
  p.Put("m1");
  ASSERT_TRUE(p.Until([&] { return p.one.seen().size() >= 2; }));
  p.Stop();
  p.one.Script({});
  const auto before = p.one.seen();
  p.Start({Hook(p.one.url())});
  ASSERT_TRUE(p.Until([&] { return p.outbox->stats()[0].delivered == 1; }));
  EXPECT_EQ(p.one.seen().back().headers.at("x-raksa-delivery"),
            before.front().headers.at("x-raksa-delivery"));
  p.Stop();
  p.Start({Hook(p.one.url())});
  const auto count = p.one.seen().size();
  p.Until([] { return false; }, 150ms);
  EXPECT_EQ(p.one.seen().size(), count) << "delivered is delivered";
}

TEST(Outbox, MessagesWaitUntilThereIsAChannel) {
  Post p;
  p.Put("m1");
  p.Until([] { return false; }, 50ms);
  p.outbox->Configure({Hook(p.one.url())}, "en");
  ASSERT_TRUE(p.Until([&] { return p.one.seen().size() == 1; }));
}

TEST(Outbox, TheMonthlyLimitFailsOverAtOnce) {
  base::SetLogSink([](std::string_view) {});
  Post p;
  // The quota's two questions may come before, between or after: every answer is the limit.
  p.one.Script(std::deque<testing::Answer>(
      10, {429, R"({"message":"You have reached your monthly limit."})"}));
  auto backup = Hook(p.two.url(), "spare");
  backup.backup = true;
  p.outbox->Configure({Line(p.one.url()), backup}, "en");
  p.Put("m1");
  ASSERT_TRUE(p.Until([&] { return p.two.seen().size() == 1; }));
  p.Until([&] { return p.outbox->stats()[1].delivered == 1; });
  EXPECT_THAT(p.States(), ::testing::UnorderedElementsAre("line failed over", "spare delivered"));
  const auto seen = p.one.seen();
  EXPECT_EQ(std::count_if(seen.begin(), seen.end(),
                          [](const auto& s) { return s.line.starts_with("POST"); }),
            1);
  base::SetLogSink(nullptr);
}

TEST(Outbox, GivesUpLoudlyInTheEnd) {
  std::string log;
  base::SetLogSink([&](std::string_view line) { log += line; });
  {
    Post p;
    p.Stop();
    p.options.give_up = 100ms;
    p.one.Script(std::deque<testing::Answer>(1000, {500, ""}));
    p.Start({Hook(p.one.url())});
    p.Put("m1");
    ASSERT_TRUE(p.Until([&] { return p.outbox->stats()[0].failed == 1; }));
    p.Until([] { return false; }, 50ms);
    EXPECT_THAT(p.States(), ::testing::ElementsAre("webhook gave up"));
  }
  EXPECT_THAT(log, HasSubstr("A MESSAGE WAS NOT DELIVERED"));
  base::SetLogSink(nullptr);
}

TEST(Outbox, APoisonedMessageLetsOthersPass) {
  Post p;
  p.Stop();
  p.options.step_aside = 3;
  p.one.Script(std::deque<testing::Answer>(3, {500, ""}));
  p.Start({Hook(p.one.url())});
  p.Put("m1");
  ASSERT_TRUE(p.Until([&] { return p.one.seen().size() == 3; }));
  p.Put("m2");
  ASSERT_TRUE(p.Until([&] { return p.one.seen().size() == 5; }));
  EXPECT_EQ(TitleOf(p.one.seen()[3]), "m2");
}

TEST(Outbox, AChannelThatIsGoneHandsOverWhatWaits) {
  base::SetLogSink([](std::string_view) {});
  Post p;
  p.one.Script(std::deque<testing::Answer>(1000, {500, ""}));
  p.outbox->Configure({Hook(p.one.url(), "a")}, "en");
  p.Put("m1");
  ASSERT_TRUE(p.Until([&] { return !p.one.seen().empty(); }));
  p.outbox->Configure({Hook(p.two.url(), "b")}, "th");
  ASSERT_TRUE(p.Until([&] { return p.two.seen().size() == 1; }));
  EXPECT_EQ(json::parse(p.two.seen()[0].body).at("language"), "th");
  base::SetLogSink(nullptr);
}

}  // namespace
}  // namespace notify
