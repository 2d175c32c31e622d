// Tests the receiver of remote write and remote read over HTTP: who may, and which status says
// what.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/server_testing.h"
#include "remote/wire.h"

namespace api {
namespace {

using testing::HasSubstr;

constexpr const char* kSnappy = "Content-Encoding: snappy\r\n";

std::string Pushed(double v) {
  remote::WriteRequest request;
  request.series.push_back(
      {std::make_shared<const model::Labels>(model::Labels{{"__name__", "m"}, {"job", "j"}}),
       {{1000, v}}});
  request.metadata.push_back({"m", "counter", "help", ""});
  return remote::EncodeWrite(request);
}

/// A store with one series.
class OneSeries : public store::Querier {
 public:
  base::Result<std::vector<store::SeriesData>> Select(const std::vector<store::Matcher>& matchers,
                                                      model::Timestamp from,
                                                      model::Timestamp to) const override {
    if (matchers.empty()) {
      return base::Fail(base::ErrorKind::kInvalid, "no matcher");
    }
    if (!matchers[0].Matches("m") || from > 5 || to < 5) {
      return std::vector<store::SeriesData>();
    }
    return std::vector<store::SeriesData>{
        {std::make_shared<const model::Labels>(model::Labels{{"__name__", "m"}}), {5}, {1.5}}};
  }
  base::Result<std::vector<std::shared_ptr<const model::Labels>>> Series(
      const std::vector<store::Matcher>&, model::Timestamp, model::Timestamp) const override {
    return std::vector<std::shared_ptr<const model::Labels>>();
  }
  base::Result<std::vector<std::string>> LabelNames(const std::vector<store::Matcher>&,
                                                    model::Timestamp,
                                                    model::Timestamp) const override {
    return std::vector<std::string>();
  }
  base::Result<std::vector<std::string>> LabelValues(const std::string&,
                                                     const std::vector<store::Matcher>&,
                                                     model::Timestamp,
                                                     model::Timestamp) const override {
    return std::vector<std::string>();
  }
};

loop::Task<base::Result<>> Answering(base::Result<> answer) { co_return answer; }

TEST(RemoteWrite, StatusesSayWhatTheSenderIsToDo) {
  auto sources = std::make_shared<Sources>();
  auto answer = std::make_shared<base::Result<>>();
  auto taken = std::make_shared<std::vector<model::Batch>>();
  sources->push = [=](std::vector<model::Batch> batches, std::vector<remote::Metadata>) {
    *taken = std::move(batches);
    return Answering(*answer);
  };
  TestServer server({}, sources);
  const auto post = [&](const std::string& body, const std::string& headers = kSnappy) {
    return server.Ask("POST", "/api/v1/write", headers, body);
  };
  EXPECT_EQ(post(Pushed(7)).status, 204);
  ASSERT_EQ(taken->size(), 1U);
  EXPECT_EQ(taken->at(0).target, ":push/j/");
  EXPECT_EQ(taken->at(0).samples.at(0).value, 7);
  *answer = base::Fail(base::ErrorKind::kUnavailable, "the disk is full");
  const auto full = post(Pushed(7));
  EXPECT_EQ(full.status, 503);
  EXPECT_EQ(full.headers.at("retry-after"), "1");
  *answer = base::Fail(base::ErrorKind::kRefused, "too old");
  EXPECT_EQ(post(Pushed(7)).status, 400);
  *answer = base::Fail(base::ErrorKind::kNotFound, "it is off");
  EXPECT_EQ(post(Pushed(7)).status, 404);
  EXPECT_EQ(post("garbage").status, 400);
  EXPECT_EQ(post(std::string("\xff\xff\xff\xff\x0f\x00", 6)).status, 413);
  EXPECT_EQ(post(Pushed(7), "Content-Encoding: zstd\r\n").status, 415);
  EXPECT_EQ(
      post(Pushed(7), std::string(kSnappy) + "Content-Type: application/"
                                             "x-protobuf;proto=io.prometheus.write.v2.Request\r\n")
          .status,
      415);
}

TEST(RemoteWrite, OnlyWhoMayPush) {
  ServerOptions options;
  options.auth.tokens =
      *ParseTokens(TokenLine("agent", Role::kPush, "p") + TokenLine("grafana", Role::kRead, "r") +
                       TokenLine("ann", Role::kOperate, "o"),
                   "tokens");
  options.auth.always = true;
  auto sources = std::make_shared<Sources>();
  sources->push = [](std::vector<model::Batch>, std::vector<remote::Metadata>) {
    return Answering({});
  };
  TestServer server(options, sources);
  const auto post = [&](const std::string& token) {
    return server
        .Ask("POST", "/api/v1/write", kSnappy + ("Authorization: Bearer " + token + "\r\n"),
             Pushed(1))
        .status;
  };
  EXPECT_EQ(post("p"), 204);
  EXPECT_EQ(post("o"), 204);
  EXPECT_EQ(post("r"), 403);
  EXPECT_EQ(post("x"), 401);
  EXPECT_EQ(server.Get("/metrics", "Authorization: Bearer p\r\n").status, 403);
}

TEST(RemoteRead, AnswersEachQuery) {
  const OneSeries querier;
  auto sources = std::make_shared<Sources>();
  sources->querier = &querier;
  TestServer server({}, sources);
  remote::ReadRequest request;
  const auto name = [](const char* value) {
    return store::MakeMatcher(store::Matcher::Op::kEqual, "__name__", value).value();
  };
  request.queries = {{0, 10, {name("m")}}, {0, 10, {name("other")}}};
  const auto reply = server.Ask("POST", "/api/v1/read", kSnappy, remote::EncodeRead(request));
  ASSERT_EQ(reply.status, 200);
  EXPECT_EQ(reply.headers.at("content-encoding"), "snappy");
  EXPECT_EQ(reply.headers.at("content-type"), "application/x-protobuf");
  const auto read = remote::DecodeReadResponse(reply.body);
  ASSERT_TRUE(read) << read.error().message;
  ASSERT_EQ(read->size(), 2U);
  EXPECT_EQ((*read)[0].at(0).points, (std::vector<model::Point>{{5, 1.5}}));
  EXPECT_TRUE((*read)[1].empty());
  request.queries = {{0, 10, {}}};
  const auto refused = server.Ask("POST", "/api/v1/read", kSnappy, remote::EncodeRead(request));
  EXPECT_EQ(refused.status, 400);
  EXPECT_THAT(refused.body, HasSubstr("no matcher"));
}

TEST(Elsewhere, QueriesPassToTheEngineThere) {
  const OneSeries querier;
  auto sources = std::make_shared<Sources>();
  sources->querier = &querier;
  sources->elsewhere = [](Request request) {
    return Ready(JsonText(200, "{\"asked\":\"" + request.path + "\"}"));
  };
  TestServer server({}, sources);
  for (const char* path : {"/api/v1/query", "/api/v1/query_range", "/api/v1/series",
                           "/api/v1/labels", "/api/v1/label/job/values"}) {
    EXPECT_THAT(server.Get(std::string(path) + "?query=up").body, HasSubstr("asked")) << path;
  }
  EXPECT_THAT(server.Get("/api/v1/format_query?query=up").body, HasSubstr("\"up\""));
}

}  // namespace
}  // namespace api
