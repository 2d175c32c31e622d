// Tests the answers of another engine: good ones, its errors, and what is no answer at all.
#include "remote/elsewhere.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <csignal>

#include "loop/peer_testing.h"
#include "loop/worker.h"
#include "promql/expr.h"

namespace remote {
namespace {

using namespace std::chrono_literals;
using loop::testing::HttpAnswer;
using loop::testing::Peer;
using testing::HasSubstr;

TEST(ParseAnswer, EveryType) {
  const auto scalar =
      ParseAnswer(R"({"status":"success","data":{"resultType":"scalar","result":[1.5,"+Inf"]}})");
  ASSERT_TRUE(scalar.has_value()) << scalar.error().message;
  EXPECT_EQ(std::get<promql::Scalar>(*scalar).t, 1500);
  EXPECT_TRUE(std::isinf(std::get<promql::Scalar>(*scalar).v));
  const auto vector = ParseAnswer(R"({"status":"success","data":{"resultType":"vector","result":[
      {"metric":{"__name__":"up","job":"a"},"value":[1700000000.123,"NaN"]}]},"warnings":["w"]})");
  ASSERT_TRUE(vector.has_value()) << vector.error().message;
  const auto& sample = std::get<promql::Vector>(*vector).at(0);
  EXPECT_EQ(sample.labels->ToString(), R"(up{job="a"})");
  EXPECT_EQ(sample.t, 1'700'000'000'123);
  EXPECT_TRUE(std::isnan(sample.v));
  const auto matrix = ParseAnswer(R"({"status":"success","data":{"resultType":"matrix","result":[
      {"metric":{},"values":[[1,"1"],[2,"-2.5e-7"]]}]}})");
  ASSERT_TRUE(matrix.has_value()) << matrix.error().message;
  EXPECT_EQ(std::get<promql::Matrix>(*matrix).at(0).points.at(1), (model::Point{2000, -2.5e-7}));
  const auto text =
      ParseAnswer(R"({"status":"success","data":{"resultType":"string","result":[1,"x"]}})");
  EXPECT_EQ(std::get<promql::String>(*text).v, "x");
}

TEST(ParseAnswer, ErrorsKeepTheirSentence) {
  const auto bad =
      ParseAnswer(R"({"status":"error","errorType":"bad_data","error":"parse error: x"})");
  EXPECT_EQ(bad.error().kind, base::ErrorKind::kInvalid);
  EXPECT_EQ(bad.error().message, "parse error: x");
  EXPECT_EQ(ParseAnswer(R"({"status":"error","errorType":"timeout","error":"t"})").error().kind,
            base::ErrorKind::kDeadline);
}

TEST(ParseAnswer, WhatIsNoAnswerIsAnError) {
  for (
      const char* text :
      {"", "<html>", "[]", "{}", R"({"status":1})", R"({"status":"success"})",
       R"({"status":"success","data":{"resultType":"vector","result":{}}})",
       R"({"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1]}]}})",
       R"({"status":"success","data":{"resultType":"vector","result":[{"metric":{"a":1},"value":[1,"1"]}]}})",
       R"({"status":"success","data":{"resultType":"scalar","result":[1,"one"]}})",
       R"({"status":"success","data":{"resultType":"cube","result":[]}})"}) {
    EXPECT_FALSE(ParseAnswer(text).has_value()) << text;
  }
}

TEST(Form, IsEncoded) {
  EXPECT_EQ(EncodeForm({{"query", "a{b=\"c d\"} + 1&2"}, {"match[]", "ü"}}),
            "query=a%7Bb%3D%22c%20d%22%7D%20%2B%201%262&match%5B%5D=%C3%BC");
}

class ElsewhereTest : public ::testing::Test {
 protected:
  ElsewhereTest() { std::signal(SIGPIPE, SIG_IGN); }
  base::Result<promql::Value> Instant(const std::shared_ptr<Elsewhere>& there,
                                      const std::string& text) {
    const std::shared_ptr<const promql::Expr> expr = *promql::ParseExpr(text);
    auto work = [there, expr] { return there->Instant(*expr, 1500); };
    return loop_.RunTask(worker_.Run(std::move(work)));
  }
  loop::Loop loop_;
  loop::Worker worker_{loop_, "rules"};
  loop::HttpClient http_{loop_};
};

TEST_F(ElsewhereTest, AWorkerAsksByTheLoop) {
  std::string head;
  const Peer peer([&](int fd) {
    head = loop::testing::ReadHead(fd);
    char body[512];
    const auto n = ::recv(fd, body, sizeof body, 0);
    head.append(body, static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
    loop::testing::SendAll(
        fd, HttpAnswer(200, R"({"status":"success","data":{"resultType":"vector","result":[]}})"));
  });
  Endpoint endpoint;
  endpoint.url = peer.Url("/prometheus/");
  const auto there = std::make_shared<Elsewhere>(loop_, http_, endpoint);
  const auto value = Instant(there, "sum(up) > 1");
  ASSERT_TRUE(value.has_value()) << value.error().message;
  EXPECT_THAT(head, HasSubstr("POST /prometheus/api/v1/query "));
  EXPECT_THAT(head, HasSubstr("query=sum%28up%29%20%3E%201&time=1.500&timeout=30000ms"));
}

TEST_F(ElsewhereTest, WhenItCannotBeReachedFurtherCallsFailAtOnce) {
  std::string url;
  {
    const Peer peer([](int) {});
    url = peer.Url("/");
  }
  Endpoint endpoint;
  endpoint.url = url;
  const auto there = std::make_shared<Elsewhere>(loop_, http_, endpoint);
  const auto first = Instant(there, "up");
  ASSERT_FALSE(first.has_value());
  EXPECT_EQ(first.error().kind, base::ErrorKind::kUnavailable);
  EXPECT_THAT(first.error().message, HasSubstr("store " + url + ": "));
  EXPECT_EQ(Instant(there, "up").error(), first.error());
}

TEST_F(ElsewhereTest, CloseEndsWhatWaits) {
  const Peer peer([](int fd) { loop::testing::Linger(fd); });
  Endpoint endpoint;
  endpoint.url = peer.Url("/");
  const auto there = std::make_shared<Elsewhere>(loop_, http_, endpoint);
  std::thread closer([&] {
    std::this_thread::sleep_for(100ms);
    there->Close();
  });
  EXPECT_EQ(Instant(there, "up").error().kind, base::ErrorKind::kCancelled);
  closer.join();
}

}  // namespace
}  // namespace remote
