// The scrape over HTTP: what is asked, what fails it, and what is reported of it.
#include "probe/prometheus/prometheus.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "loop/peer_testing.h"
#include "probe/probe_testing.h"

namespace probe::prometheus {
namespace {

using ::testing::HasSubstr;

std::string Answer(const std::string& type, const std::string& body, int status = 200) {
  return fmt::format("HTTP/1.1 {} X\r\nContent-Type: {}\r\nContent-Length: {}\r\n\r\n{}", status,
                     type, body.size(), body);
}

class PrometheusProbe : public ::testing::Test {
 protected:
  /// Scrapes a server that answers so.
  Outcome Scrape(const std::string& answer, const std::string& options = "") {
    const loop::testing::Peer peer([&](int fd) {
      asked_ = loop::testing::ReadHead(fd);
      loop::testing::SendAll(fd, answer);
      loop::testing::Linger(fd);
    });
    auto request = testing::MakeRequest(
        kKind, fmt::format("{{url: 'http://127.0.0.1:{}/metrics', instance: i{}{}}}", peer.port(),
                           options.empty() ? "" : ", ", options));
    request.slot = 1000;
    return world_.Run(kKind, request, memory_);
  }

  testing::TestWorld world_;
  std::shared_ptr<Memory> memory_ = kKind.make_memory();
  std::string asked_;
};

TEST_F(PrometheusProbe, WhatIsAskedIsWorkedOutAgainWhenTheSpecIsAnother) {
  const loop::testing::Peer peer([&](int fd) {
    while (!loop::testing::ReadHead(fd).empty() &&
           loop::testing::SendAll(fd, loop::testing::HttpAnswer(200, "a 1\n"))) {
    }
  });
  const auto url = fmt::format("{{url: 'http://127.0.0.1:{}/metrics'", peer.port());
  const Request first = testing::MakeRequest(kKind, url + ", job: one}");
  const Request second = testing::MakeRequest(kKind, url + ", job: two}");
  const auto job = [&](const Request& request) {
    const auto out = world_.Run(kKind, request, memory_);
    EXPECT_TRUE(out.success) << out.reason;
    EXPECT_EQ(out.readings.size(), 5U);
    return std::string(out.readings.at(0).labels.Get("job")) + "/" +
           std::string(out.tables.at(0).table->LabelsOf(0).Get("job"));
  };
  EXPECT_EQ(job(first), "one/one");
  EXPECT_EQ(job(first), "one/one");
  EXPECT_EQ(job(second), "two/two");
  EXPECT_EQ(job(first), "one/one");
  EXPECT_EQ(peer.accepted(), 1) << "one connection for all";
}

TEST_F(PrometheusProbe, AsksAsPrometheusDoesAndReportsTheScrape) {
  const auto out = Scrape(Answer("text/plain; version=0.0.4", "a 1\nb{job=\"own\"} 2\n"),
                          "params: {'m[]': 'a b'}, headers: {X-Own: y}, job: node");
  ASSERT_TRUE(out.success) << out.reason;
  EXPECT_THAT(asked_, HasSubstr("GET /metrics?m[]=a%20b HTTP/1.1"));
  EXPECT_THAT(asked_, HasSubstr("Accept: application/openmetrics-text;version=1.0.0,"));
  EXPECT_THAT(asked_, HasSubstr("X-Prometheus-Scrape-Timeout-Seconds: 1\r\n"));
  EXPECT_THAT(asked_, HasSubstr("X-Own: y"));
  EXPECT_THAT(asked_, HasSubstr("gzip"));
  EXPECT_EQ(testing::Value(out, "up", "instance", "i"), 1.0);
  EXPECT_EQ(testing::Value(out, "up", "job", "node"), 1.0);
  EXPECT_EQ(testing::Value(out, "scrape_samples_scraped"), 2.0);
  EXPECT_EQ(testing::Value(out, "scrape_samples_post_metric_relabeling"), 2.0);
  EXPECT_EQ(testing::Value(out, "scrape_series_added"), 2.0);
  ASSERT_EQ(out.tables.size(), 1U);
  EXPECT_EQ(out.tables[0].t, 1000);
  EXPECT_EQ(out.tables[0].target, "t1");
  EXPECT_EQ(out.tables[0].table->LabelsOf(1), (model::Labels{{"__name__", "b"},
                                                             {"exported_job", "own"},
                                                             {"instance", "i"},
                                                             {"ip", "127.0.0.1"},
                                                             {"job", "node"},
                                                             {"target", "t1"}}));
}

TEST_F(PrometheusProbe, TakesTheFormatFromTheContentType) {
  const std::string page = "a 1 2.5\n# EOF\n";
  const auto out = Scrape(Answer("application/openmetrics-text; version=1.0.0", page));
  ASSERT_TRUE(out.success) << out.reason;
  EXPECT_EQ(out.tables.at(0).t, 2500);
  EXPECT_EQ(Scrape(Answer("text/plain", page)).reason,
            "line 1, column 6: expected the end of the line, found \".5\"");
}

TEST_F(PrometheusProbe, AFailureEndsTheSeriesAndSaysWhy) {
  ASSERT_TRUE(Scrape(Answer("text/plain", "a 1\n")).success);
  const auto out = Scrape(Answer("text/plain", "a 1\n", 503));
  EXPECT_FALSE(out.success);
  EXPECT_EQ(out.reason, "the server returned HTTP status 503");
  EXPECT_EQ(testing::Value(out, "up"), 0.0);
  EXPECT_EQ(testing::Value(out, "scrape_samples_scraped"), 0.0);
  ASSERT_EQ(out.tables.size(), 1U);
  EXPECT_TRUE(model::IsStale(out.tables[0].values.at(0)));
  EXPECT_TRUE(Scrape(Answer("text/plain", "a 1\n", 503)).tables.empty());
}

TEST_F(PrometheusProbe, AnEmptyPageIsAGoodOne) {
  const auto out = Scrape(Answer("text/plain", ""));
  EXPECT_TRUE(out.success) << out.reason;
  EXPECT_EQ(testing::Value(out, "up"), 1.0);
  EXPECT_FALSE(Scrape(Answer("application/openmetrics-text", "")).success);
}

TEST_F(PrometheusProbe, LimitsFailTheScrape) {
  EXPECT_EQ(Scrape(Answer("text/plain", "a 1\nb 2\n"), "body_size_limit: 7").reason,
            "body size limit exceeded: more than 7 bytes");
  EXPECT_EQ(Scrape(Answer("text/plain", "a 1\nb 2\n"), "sample_limit: 1").reason,
            "sample limit exceeded: more than 1 samples");
  EXPECT_THAT(Scrape(Answer("text/plain", "a 1\nb 2\n"), "label_limit: 4").reason,
              HasSubstr("label_limit exceeded"));
}

TEST_F(PrometheusProbe, ANameThatCannotBeFoundIsAFailedScrape) {
  auto request = testing::MakeRequest(kKind, "{url: 'http://no.such.host.invalid:1/metrics'}");
  const auto out = world_.Run(kKind, request, memory_);
  EXPECT_FALSE(out.success);
  EXPECT_EQ(testing::Value(out, "up", "instance", "no.such.host.invalid:1"), 0.0);
}

}  // namespace
}  // namespace probe::prometheus
