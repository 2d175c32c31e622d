// Tests the sender against small real servers: what they answer decides what comes again, what is
// dropped, and in which order.
#include "remote/sender.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <mutex>
#include <set>

#include "loop/peer_testing.h"
#include "remote/outbound.h"
#include "store/store_testing.h"

namespace remote {
namespace {

using namespace std::chrono_literals;
using loop::testing::HttpAnswer;
using loop::testing::Peer;
using store::testing::MakeBatch;
using store::testing::TempDir;

/// A receiver that answers as it is told, and remembers what it took.
class Receiver {
 public:
  /// `answer` is asked with the number of the request (from 0); "" = take it and answer 204.
  explicit Receiver(std::function<std::string(int)> answer)
      : answer_(std::move(answer)), peer_([this](int fd) { Serve(fd); }) {}

  [[nodiscard]] std::string Url() const { return peer_.Url("/api/v1/write"); }
  [[nodiscard]] int requests() {
    const std::scoped_lock lock(mutex_);
    return requests_;
  }
  std::vector<double> values() {
    const std::scoped_lock lock(mutex_);
    return values_;
  }
  std::set<std::string> series() {
    const std::scoped_lock lock(mutex_);
    return series_;
  }
  std::string head() {
    const std::scoped_lock lock(mutex_);
    return head_;
  }
  std::size_t metadata() {
    const std::scoped_lock lock(mutex_);
    return metadata_;
  }

 private:
  void Serve(int fd) {
    for (;;) {
      const auto head = loop::testing::ReadHead(fd);
      const auto at = head.find("Content-Length: ");
      if (at == std::string::npos) {
        return;
      }
      std::string body(std::stoul(head.substr(at + 16)), '\0');
      for (std::size_t got = 0; got < body.size();) {
        const auto n = ::recv(fd, body.data() + got, body.size() - got, 0);
        if (n <= 0) {
          return;
        }
        got += static_cast<std::size_t>(n);
      }
      const auto request = DecodeWrite(body);
      std::string answer;
      {
        const std::scoped_lock lock(mutex_);
        head_ = head;
        if (request && request->series.empty()) {
          metadata_ += request->metadata.size();
        } else {
          answer = answer_(requests_++);
        }
        if (request && answer.empty()) {
          for (const auto& series : request->series) {
            for (const auto& point : series.points) {
              values_.push_back(point.v);
            }
            series_.insert(series.labels->ToString());
          }
        }
      }
      if (answer == "reset") {
        loop::testing::ResetOnClose(fd);
        return;
      }
      if (!loop::testing::SendAll(fd, answer.empty() ? HttpAnswer(204, "") : answer)) {
        return;
      }
    }
  }

  std::mutex mutex_;
  std::function<std::string(int)> answer_;
  int requests_ = 0;
  std::vector<double> values_;
  std::set<std::string> series_;
  std::string head_;
  std::size_t metadata_ = 0;
  Peer peer_;
};

class SenderTest : public ::testing::Test {
 protected:
  SenderTest() { std::signal(SIGPIPE, SIG_IGN); }
  ~SenderTest() override {
    if (outbound_) {
      loop_.RunTask(outbound_->Stop());
    }
  }
  void Start(
      const std::string& url, const std::function<void(WriteTo&)>& change = [](WriteTo&) {}) {
    WriteTo to;
    to.name = "there";
    to.endpoint.url = url;
    to.endpoint.timeout = 2s;
    to.min_backoff = 1ms;
    to.max_backoff = 10ms;
    to.metadata = 0s;
    to.batch = 2;
    to.shards = 1;
    change(to);
    if (!outbound_) {
      outbound_ = std::make_unique<Outbound>(loop_, worker_, http_);
    }
    outbound_->Apply({to}, dir_.path());
  }
  void Put(double v) {
    const auto batch = MakeBatch("web1", static_cast<model::Timestamp>(v), {{"m", v}});
    outbound_->Put({&batch, 1});
  }
  bool Until(const std::function<bool()>& done) { return loop_.RunUntil(done, 5000ms); }
  SenderStats Stats() { return outbound_->stats().at(0); }

  loop::Loop loop_;
  loop::Worker worker_{loop_, "remote"};
  loop::HttpClient http_{loop_};
  TempDir dir_;
  std::unique_ptr<Outbound> outbound_;
};

TEST_F(SenderTest, SendsInOrderWithTheHeadersOfRemoteWrite) {
  Receiver receiver([](int) { return ""; });
  Start(receiver.Url(), [](WriteTo& to) {
    to.endpoint.headers = {{"X-Scope-OrgID", "ops"}};
    to.endpoint.bearer = base::Secret("abc");
  });
  for (int i = 1; i <= 9; ++i) {
    Put(i);
  }
  ASSERT_TRUE(Until([&] { return receiver.values().size() == 9; }));
  EXPECT_EQ(receiver.values(), (std::vector<double>{1, 2, 3, 4, 5, 6, 7, 8, 9}));
  for (const char* line :
       {"POST /api/v1/write ", "Content-Encoding: snappy\r\n",
        "Content-Type: application/x-protobuf\r\n", "X-Prometheus-Remote-Write-Version: 0.1.0\r\n",
        "X-Scope-OrgID: ops\r\n", "Authorization: Bearer abc\r\n"}) {
    EXPECT_THAT(receiver.head(), testing::HasSubstr(line));
  }
  ASSERT_TRUE(Until([&] { return Stats().queue.samples == 0; }));
  EXPECT_EQ(Stats().sent, 9U);
}

TEST_F(SenderTest, TriesAgainWhatMayYetBeTaken) {
  Receiver receiver([](int n) -> std::string {
    const std::string answers[] = {HttpAnswer(500, "x"), HttpAnswer(503, "x", "Retry-After: 0\r\n"),
                                   HttpAnswer(429, "x"), "reset"};
    return n < 4 ? answers[n] : "";
  });
  Start(receiver.Url());
  Put(1);
  Put(2);
  ASSERT_TRUE(Until([&] { return receiver.values().size() == 2; }));
  EXPECT_EQ(receiver.values(), (std::vector<double>{1, 2}));
  EXPECT_EQ(Stats().retries, 3U) << "the fourth time curl itself asks again";
  EXPECT_EQ(Stats().refused, 0U);
}

TEST_F(SenderTest, DropsWhatIsRefusedForGoodAndGoesOn) {
  Receiver receiver([](int n) { return n == 0 ? HttpAnswer(400, "no such tenant") : ""; });
  Start(receiver.Url(), [](WriteTo& to) { to.batch = 1; });
  Put(1);
  Put(2);
  ASSERT_TRUE(Until([&] { return receiver.values().size() == 1; }));
  EXPECT_EQ(receiver.values(), (std::vector<double>{2}));
  ASSERT_TRUE(Until([&] { return Stats().queue.samples == 0; }));
  EXPECT_EQ(Stats().refused, 1U);
  EXPECT_EQ(Stats().retries, 0U);
}

TEST_F(SenderTest, AResetLosesNothingThatWasConfirmedShortlyBefore) {
  // Request 2 meets a receiver that was killed: what it confirmed before comes again, first.
  Receiver receiver([](int n) { return n == 2 ? "reset" : ""; });
  Start(receiver.Url(), [](WriteTo& to) { to.batch = 1; });
  Put(1);
  ASSERT_TRUE(Until([&] { return receiver.values().size() == 1 && Stats().queue.samples == 0; }));
  Put(2);
  ASSERT_TRUE(Until([&] { return receiver.values().size() == 2 && Stats().queue.samples == 0; }));
  Put(3);
  // curl asks again by itself where a kept connection is dead: 3 arrives, then all comes again.
  ASSERT_TRUE(Until([&] { return receiver.values().size() == 6; }));
  EXPECT_EQ(receiver.values(), (std::vector<double>{1, 2, 3, 1, 2, 3}));
}

TEST_F(SenderTest, AReceiverThatIsNotThereLosesNothingEither) {
  std::string url;
  {
    Receiver receiver([](int) { return ""; });
    url = receiver.Url();
    Start(url, [](WriteTo& to) { to.batch = 1; });
    Put(1);
    ASSERT_TRUE(Until([&] { return receiver.values().size() == 1 && Stats().queue.samples == 0; }));
  }
  Put(2);
  ASSERT_TRUE(Until([&] { return Stats().retries >= 3; }));
  EXPECT_EQ(Stats().queue.samples, 2U) << "what it confirmed shortly before waits again";
  EXPECT_NE(Stats().error, "");
}

TEST_F(SenderTest, MetadataLabelsAndAnotherConfiguration) {
  Receiver receiver([](int) { return ""; });
  Receiver other([](int) { return ""; });
  const auto configure = [](WriteTo& to) {
    to.metadata = 1h;
    to.labels = model::Labels{{"site", "bangkok"}, {"target", "not this"}};
  };
  Start(receiver.Url(), configure);
  outbound_->SetMetadata({{"m", "gauge", "help", ""}});
  Put(1);
  ASSERT_TRUE(Until([&] { return receiver.metadata() == 1 && receiver.values().size() == 1; }));
  Start(other.Url(), configure);
  Put(2);
  ASSERT_TRUE(Until([&] { return other.values().size() == 1; }));
  EXPECT_EQ(other.values(), (std::vector<double>{2}));
  // A remote that is gone takes its queue along.
  const auto path = dir_.path() + "/remote-there.db";
  EXPECT_TRUE(std::filesystem::exists(path));
  outbound_->Apply({}, dir_.path());
  ASSERT_TRUE(Until([&] { return !std::filesystem::exists(path); }));
}

TEST_F(SenderTest, RelabelingComesBehindTheLabelsAndWhatItDropsDoesNotWait) {
  Receiver receiver([](int) { return ""; });
  Start(receiver.Url(), [](WriteTo& to) {
    to.labels = model::Labels{{"site", "bangkok"}};
    to.relabeling = {{.action = model::RelabelAction::kDrop,
                      .source_labels = {"site", "__name__"},
                      .regex = "bangkok;go_.*"},
                     {.source_labels = {"site"}, .target_label = "city"},
                     {.action = model::RelabelAction::kLabelDrop, .regex = "site"}};
    for (auto& rule : to.relabeling) {
      ASSERT_TRUE(rule.Compile());
    }
  });
  const auto batch = MakeBatch("web1", 1, {{"go_a", 1}, {"go_b", 2}, {"m", 3}});
  outbound_->Put({&batch, 1});
  ASSERT_TRUE(Until([&] { return Stats().queue.samples == 0 && Stats().sent == 1; }));
  EXPECT_EQ(receiver.values(), std::vector<double>{3});
  EXPECT_EQ(receiver.series(), std::set<std::string>{R"(m{city="bangkok",target="web1"})"});
  const auto gone = MakeBatch("web1", 2, {{"go_a", 4}, {"go_b", 5}});
  outbound_->Put({&gone, 1});
  ASSERT_TRUE(Until([&] { return Stats().unwanted == 4 && Stats().queue.samples == 0; }));
  EXPECT_EQ(receiver.requests(), 1) << "a request without a series is not made";
}

TEST(Judge, StatusesMeanWhatSendersMakeOfThem) {
  const auto answer = [](int status, std::string body = "") {
    loop::HttpResponse out;
    out.status = status;
    out.body = std::move(body);
    return base::Result<loop::HttpResponse>(std::move(out));
  };
  EXPECT_EQ(Judge(answer(200), false), Verdict::kArrived);
  EXPECT_EQ(Judge(answer(204), true), Verdict::kArrived);
  for (const int status : {429, 500, 502, 503}) {
    EXPECT_EQ(Judge(answer(status), false), Verdict::kAgain) << status;
  }
  for (const int status : {301, 400, 401, 404, 413}) {
    EXPECT_EQ(Judge(answer(status), true), Verdict::kRefused) << status;
  }
  EXPECT_EQ(Judge(base::Fail(base::ErrorKind::kUnavailable, ""), false), Verdict::kAgain);
  EXPECT_EQ(Judge(answer(400, "out of order sample\n"), true), Verdict::kKnown);
  EXPECT_EQ(Judge(answer(400, "out of order sample\n"), false), Verdict::kRefused);
}

TEST(Judge, RetryAfterIsSecondsAndBounded) {
  const auto after = [](std::string text) {
    loop::HttpResponse answer;
    answer.headers = {{"retry-after", std::move(text)}};
    return RetryAfter(answer);
  };
  EXPECT_EQ(after("7"), 7s);
  EXPECT_EQ(after("100000"), 300s);
  EXPECT_EQ(after("-1"), 0s);
  EXPECT_EQ(after("soon"), 0s);
}

}  // namespace
}  // namespace remote
