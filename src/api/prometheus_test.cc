// Tests of Prometheus's API: shapes and sentences of 2.42, over series made up here.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <bit>
#include <boost/json/parse.hpp>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <random>
#include <set>
#include <thread>

#include "api/answer_stream.h"
#include "api/gzip.h"
#include "api/number.h"
#include "api/server_testing.h"
#include "api/value_writer.h"
#include "promql/number.h"

namespace api {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::StartsWith;

/// A few series in memory.
class FakeStore final : public store::Querier {
 public:
  void Add(model::Labels labels, std::vector<model::Timestamp> t, std::vector<double> v) {
    all_.push_back(
        {std::make_shared<const model::Labels>(std::move(labels)), std::move(t), std::move(v)});
  }
  base::Result<std::vector<store::SeriesData>> Select(const std::vector<store::Matcher>& matchers,
                                                      model::Timestamp from,
                                                      model::Timestamp to) const override {
    std::vector<store::SeriesData> out;
    for (const auto& series : all_) {
      store::SeriesData part{series.labels, {}, {}};
      for (std::size_t i = 0; Fits(*series.labels, matchers) && i < series.t.size(); ++i) {
        if (series.t[i] >= from && series.t[i] <= to) {
          part.t.push_back(series.t[i]);
          part.v.push_back(series.v[i]);
        }
      }
      if (!part.t.empty()) {
        out.push_back(std::move(part));
      }
    }
    return out;
  }
  base::Result<std::vector<std::shared_ptr<const model::Labels>>> Series(
      const std::vector<store::Matcher>& matchers, model::Timestamp from,
      model::Timestamp to) const override {
    std::vector<std::shared_ptr<const model::Labels>> out;
    const auto some = Select(matchers, from, to);
    for (const auto& series : *some) {
      out.push_back(series.labels);
    }
    return out;
  }
  base::Result<std::vector<std::string>> LabelNames(const std::vector<store::Matcher>& matchers,
                                                    model::Timestamp from,
                                                    model::Timestamp to) const override {
    std::set<std::string> out;
    const auto some = Select(matchers, from, to);
    for (const auto& series : *some) {
      for (const auto& [name, value] : *series.labels) {
        out.insert(name);
      }
    }
    return std::vector(out.begin(), out.end());
  }
  base::Result<std::vector<std::string>> LabelValues(const std::string& name,
                                                     const std::vector<store::Matcher>& matchers,
                                                     model::Timestamp from,
                                                     model::Timestamp to) const override {
    std::set<std::string> out;
    const auto some = Select(matchers, from, to);
    for (const auto& series : *some) {
      if (series.labels->Has(name)) {
        out.insert(std::string(series.labels->Get(name)));
      }
    }
    return std::vector(out.begin(), out.end());
  }

 private:
  static bool Fits(const model::Labels& labels, const std::vector<store::Matcher>& matchers) {
    return std::ranges::all_of(
        matchers, [&](const auto& matcher) { return matcher.Matches(labels.Get(matcher.name)); });
  }
  std::vector<store::SeriesData> all_;
};

class Prometheus : public ::testing::Test {
 protected:
  Prometheus() {
    series_.Add({{"__name__", "ping"}, {"target", "web\"2"}}, {1000, 6000}, {1, 0.25});
    series_.Add({{"__name__", "ping"}, {"target", "web1"}}, {1000, 6000, 11'000}, {1, 1, 0});
    std::vector<model::Timestamp> t;
    std::vector<double> v;
    for (int i = 0; i < 10'000; ++i) {
      t.push_back(100'000'000 + i * 1000);
      v.push_back(i * 1.5);
    }
    for (int k = 0; k < 8; ++k) {
      series_.Add({{"__name__", "big"}, {"k", std::to_string(k)}}, t, v);
    }
    sources_ = std::make_shared<Sources>();
    sources_->querier = &series_;
    sources_->status = [] { return StatusView{.version = "0.1.0", .revision = "abc"}; };
    sources_->flags = {{"listen", "127.0.0.1:8001"}};
    sources_->rules = [] {
      RuleGroupView group{.name = "g", .file = "r.yaml", .interval = 5s};
      group.rules.push_back({.name = "Down",
                             .query = "ping != 1",
                             .hold = 10s,
                             .labels = {{"severity", "critical"}},
                             .health = "ok",
                             .state = "firing",
                             .alerts = {{.labels = {{"alertname", "Down"}},
                                         .state = "firing",
                                         .active_at = base::FromMs(1'700'000'000'000),
                                         .value = 0}}});
      group.rules.push_back({.recording = true, .name = "a:b", .query = "sum(ping)"});
      return std::vector{group};
    };
    server_.emplace(ServerOptions{}, sources_);
  }
  std::string Get(const std::string& path) { return server_->Get("/api/v1/" + path).body; }

  FakeStore series_;
  std::shared_ptr<Sources> sources_;
  std::optional<TestServer> server_;
};

TEST_F(Prometheus, InstantQueries) {
  EXPECT_EQ(
      Get("query?query=ping&time=6"),
      R"({"status":"success","data":{"resultType":"vector","result":[{"metric":{"__name__":"ping","target":"web\"2"},"value":[6,"0.25"]},{"metric":{"__name__":"ping","target":"web1"},"value":[6,"1"]}]}})");
  EXPECT_EQ(
      Get("query?query=1%2F0&time=1435781430.781"),
      R"({"status":"success","data":{"resultType":"scalar","result":[1435781430.781,"+Inf"]}})");
  EXPECT_EQ(Get("query?query=%22x%22&time=1970-01-01T00:00:01Z"),
            R"({"status":"success","data":{"resultType":"string","result":[1,"x"]}})");
  EXPECT_EQ(
      Get("query?query=ping%7Btarget%3D%22web1%22%7D%5B5s%5D&time=11"),
      R"({"status":"success","data":{"resultType":"matrix","result":[{"metric":{"__name__":"ping","target":"web1"},"values":[[6,"1"],[11,"0"]]}]}})");
  EXPECT_EQ(Get("query?query=nothing&time=1"),
            R"({"status":"success","data":{"resultType":"vector","result":[]}})");
}

TEST_F(Prometheus, RangeQueriesByGetAndPost) {
  const std::string want =
      R"({"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[1,"2"],[6,"1.25"],[11,"0.25"]]}]}})";
  EXPECT_EQ(Get("query_range?query=sum(ping)&start=1&end=11&step=5s"), want);
  EXPECT_EQ(server_
                ->Ask("POST", "/api/v1/query_range",
                      "Content-Type: application/x-www-form-urlencoded\r\n",
                      "query=sum(ping)&start=1&end=11&step=5")
                .body,
            want);
}

TEST_F(Prometheus, Errors) {
  const std::vector<std::tuple<std::string, int, std::string>> cases = {
      {"query?query=", 400,
       R"({"status":"error","errorType":"bad_data","error":"invalid parameter \"query\": )"},
      {"query?query=up&time=x", 400,
       R"({"status":"error","errorType":"bad_data","error":"invalid parameter \"time\": cannot parse \"x\" to a valid timestamp"})"},
      {"query?query=up&timeout=x", 400,
       R"({"status":"error","errorType":"bad_data","error":"invalid parameter \"timeout\": cannot parse \"x\" to a valid duration"})"},
      {"query_range?query=up&end=1&step=1", 400,
       R"({"status":"error","errorType":"bad_data","error":"invalid parameter \"start\": cannot parse \"\" to a valid timestamp"})"},
      {"query_range?query=up&start=2&end=1&step=1", 400,
       R"({"status":"error","errorType":"bad_data","error":"invalid parameter \"end\": end timestamp must not be before start time"})"},
      {"query_range?query=up&start=1&end=2&step=0", 400,
       R"({"status":"error","errorType":"bad_data","error":"invalid parameter \"step\": zero or negative query resolution step widths)"},
      {"query_range?query=up&start=0&end=100000&step=1", 400,
       R"({"status":"error","errorType":"bad_data","error":"exceeded maximum resolution of 11,000)"},
      {"query_range?query=up%5B5m%5D&start=0&end=1&step=1", 400,
       R"({"status":"error","errorType":"bad_data","error":"invalid parameter \"query\": invalid expression type \"range vector\" for range query)"},
      {"query_range?query=up&start=-9e15&end=9e15&step=1e-3", 400,
       R"({"status":"error","errorType":"bad_data","error":"exceeded)"},
      {"query?query=up&time=1e300", 400, R"({"status":"error","errorType":"bad_data")"},
      {"series", 400,
       R"({"status":"error","errorType":"bad_data","error":"no match[] parameter provided"})"},
      {"series?match%5B%5D=%7B%7D", 400, R"({"status":"error","errorType":"bad_data")"},
      {"label/a-b/values", 400,
       R"({"status":"error","errorType":"bad_data","error":"invalid label name: \"a-b\""})"},
      {"rules?type=x", 400, R"({"status":"error","errorType":"bad_data","error":"invalid param)"},
      {"metadata?limit=x", 400,
       R"({"status":"error","errorType":"bad_data","error":"limit must be a number"})"},
  };
  for (const auto& [path, status, begin] : cases) {
    const auto reply = server_->Get("/api/v1/" + path);
    EXPECT_EQ(reply.status, status) << path;
    EXPECT_THAT(reply.body, StartsWith(begin)) << path;
  }
}

TEST_F(Prometheus, SeriesAndLabels) {
  EXPECT_EQ(Get("series?match%5B%5D=ping%7Btarget%3D~%22web1%7Cx%22%7D"),
            R"({"status":"success","data":[{"__name__":"ping","target":"web1"}]})");
  EXPECT_EQ(Get("labels"), R"({"status":"success","data":["__name__","k","target"]})");
  EXPECT_EQ(Get("labels?start=1&end=2"), R"({"status":"success","data":["__name__","target"]})");
  EXPECT_EQ(Get("labels?match%5B%5D=big&match%5B%5D=nothing"),
            R"({"status":"success","data":["__name__","k"]})");
  EXPECT_EQ(Get("label/__name__/values"), R"({"status":"success","data":["big","ping"]})");
  EXPECT_EQ(Get("label/nope/values"), R"({"status":"success","data":[]})");
}

TEST_F(Prometheus, LargeAnswersStreamAndCompress) {
  const std::string path = "/api/v1/query_range?query=big&start=100000&end=109999&step=1";
  const auto plain = server_->Get(path);
  EXPECT_EQ(plain.headers.at("transfer-encoding"), "chunked");
  const auto value = boost::json::parse(plain.body);
  const auto& result = value.at("data").at("result").as_array();
  ASSERT_EQ(result.size(), 8U);
  for (const auto& one : result) {
    EXPECT_EQ(one.at("values").as_array().size(), 10'000U);
  }
  const auto squeezed = server_->Get(path, "Accept-Encoding: gzip\r\n");
  EXPECT_EQ(squeezed.headers.at("content-encoding"), "gzip");
  EXPECT_EQ(Gunzip(squeezed.body, 64 << 20).value(), plain.body);
}

TEST_F(Prometheus, RulesAlertsAndStatus) {
  EXPECT_EQ(
      Get("rules"),
      R"j({"status":"success","data":{"groups":[{"name":"g","file":"r.yaml","rules":[{"state":"firing","name":"Down","query":"ping != 1","duration":10,"keepFiringFor":0,"labels":{"severity":"critical"},"annotations":{},"alerts":[{"labels":{"alertname":"Down"},"annotations":{},"state":"firing","activeAt":"2023-11-14T22:13:20.000Z","value":"0e+00"}],"health":"ok","evaluationTime":0,"lastEvaluation":"0001-01-01T00:00:00Z","type":"alerting"},{"name":"a:b","query":"sum(ping)","health":"unknown","evaluationTime":0,"lastEvaluation":"0001-01-01T00:00:00Z","type":"recording"}],"interval":5,"limit":0,"evaluationTime":0,"lastEvaluation":"0001-01-01T00:00:00Z"}]}})j");
  EXPECT_THAT(Get("rules?type=record"), ::testing::Not(HasSubstr("alerting")));
  EXPECT_THAT(Get("alerts"), HasSubstr(R"("data":{"alerts":[{"labels":{"alertname":"Down"})"));
  EXPECT_THAT(Get("status/buildinfo"), HasSubstr(R"("version":"2.42.0","revision":"abc")"));
  EXPECT_EQ(Get("status/flags"), R"({"status":"success","data":{"listen":"127.0.0.1:8001"}})");
  EXPECT_EQ(Get("query_exemplars?query=up"), R"({"status":"success","data":[]})");
  EXPECT_EQ(Get("targets"),
            R"({"status":"success","data":{"activeTargets":[],"droppedTargets":[]}})");
}

TEST_F(Prometheus, PromtoolUnderstandsTheAnswers) {
  const auto tool = std::string(RAKSA_SOURCE_DIR) + "/build/tools/prometheus/usr/bin/promtool";
  if (!std::filesystem::exists(tool)) {
    GTEST_SKIP() << tool << " is not there";
  }
  const auto url = "http://" + server_->address();
  auto ask = [&](std::vector<std::string> words) {
    words.insert(words.begin(), {tool, "query"});
    return RunTool(std::move(words)).said;
  };
  EXPECT_EQ(ask({"instant", "--time=6", url, "ping{target=\"web1\"}"}),
            "ping{target=\"web1\"} => 1 @[6]\n");
  EXPECT_THAT(ask({"range", "--start=1", "--end=11", "--step=5s", url, "sum(ping)"}),
              HasSubstr("1.25 @[6]"));
  EXPECT_THAT(ask({"series", "--match=ping", "--start=1", "--end=20", url}),
              HasSubstr("target=\"web1\""));
  EXPECT_THAT(ask({"labels", "--start=1", "--end=20", url, "target"}), HasSubstr("web1\n"));
  EXPECT_THAT(ask({"instant", url, "sum("}), HasSubstr("bad_data"));
}

TEST(Numbers, AsGoWritesThem) {
  auto value = [](double v) {
    std::string out;
    AppendValue(out, v);
    return out;
  };
  auto exposed = [](double v) {
    std::string out;
    AppendExposed(out, v);
    return out;
  };
  EXPECT_EQ(value(0.1), "0.1");
  EXPECT_EQ(value(-0.0), "-0");
  EXPECT_EQ(value(1e21), "1000000000000000000000");
  EXPECT_EQ(value(1e-7), "0.0000001");
  EXPECT_EQ(value(std::numeric_limits<double>::quiet_NaN()), "NaN");
  EXPECT_EQ(value(-std::numeric_limits<double>::infinity()), "-Inf");
  EXPECT_EQ(value(1e23), "100000000000000000000000") << "zeros behind the shortest digits";
  const auto sample = [](double v) {
    char text[kNumberText];
    return std::string(text, WriteSample(text, v));
  };
  EXPECT_EQ(sample(1e-6), "0.000001");
  EXPECT_EQ(sample(9.5e-7), "9.5e-07");
  EXPECT_EQ(sample(-5e-324), "-5e-324");
  EXPECT_EQ(sample(0), "0");
  EXPECT_EQ(sample(999999999999999934463.0), "999999999999999900000");
  EXPECT_EQ(sample(1e21), "1e+21");
  EXPECT_EQ(sample(-1.5e300), "-1.5e+300");
  EXPECT_EQ(sample(std::numeric_limits<double>::infinity()), "+Inf");
  EXPECT_EQ(sample(std::numeric_limits<double>::quiet_NaN()), "NaN");
  EXPECT_EQ(exposed(1e-7), "1e-07");
  EXPECT_EQ(exposed(1e21), "1e+21");
  EXPECT_EQ(exposed(123456789), "123456789");
  EXPECT_EQ(exposed(100000), "100000");
  std::string time;
  AppendTime(time, 1435781430781);
  AppendTime(time += ' ', -1500);
  AppendTime(time += ' ', 2000);
  AppendTime(time += ' ', 2010);
  EXPECT_EQ(time, "1435781430.781 -1.5 2 2.01");
}

TEST(Numbers, TheQuickWaysWriteTheShortestDigits) {
  std::mt19937_64 rng(5);
  const auto expect = [](double v) {
    std::string out;
    AppendValue(out, v);
    ASSERT_EQ(out, promql::FormatFixed(v));
  };
  for (int i = 0; i < 200'000; ++i) {
    const double digits = static_cast<double>(rng() % 2'000'000'000'000'000) - 1e15;
    const double decimals = std::pow(10, static_cast<double>(rng() % 12));
    expect(digits / decimals);  // what measurements are
    expect(std::nextafter(digits / decimals, 0));
    const double any = std::bit_cast<double>(rng());
    if (std::isfinite(any)) {
      expect(any);
    }
    expect(std::ldexp(static_cast<double>(rng() >> 11), static_cast<int>(rng() % 56) - 70));
    expect(std::ldexp(static_cast<double>(rng() >> rng() % 64), -static_cast<int>(rng() % 40)));
  }
  for (const double v :
       {0.0, 1.0, 999999999.999999, 1e9, 1e15, 9999999999999.998, 0.0001, 1e-4, 5e-7,
        4.9406564584124654e-324, 1.7976931348623157e308, 9007199254740993.0}) {
    expect(v);
    expect(-v);
  }
}

TEST(Numbers, HostileTimesAreRefused) {
  for (const char* text : {"", "x", "nan", "inf", "1e400", "0x10", "1 ", " 1", "--1", "1e19"}) {
    EXPECT_FALSE(ParseApiTime(text)) << text;
    EXPECT_FALSE(ParseApiDuration(text)) << text;
  }
  EXPECT_EQ(ParseApiTime("1.5").value(), 1500);
  EXPECT_EQ(ParseApiTime("2015-07-01T20:10:51.781Z").value(), 1435781451781);
  EXPECT_EQ(ParseApiDuration("1h30m").value(), 5'400'000);
}

std::shared_ptr<const model::Labels> NoLabel() { return std::make_shared<const model::Labels>(); }

TEST(ValueWriter, PiecesMakeTheWhole) {
  promql::Matrix matrix;
  for (int k = 0; k < 5; ++k) {
    promql::MatrixSeries series{
        std::make_shared<const model::Labels>(model::Labels{{"k", std::to_string(k)}}), {}};
    for (int i = 0; i < k * 7; ++i) {
      series.points.push_back({i * 1000, i * 0.5});
    }
    matrix.push_back(std::move(series));
  }
  const promql::Answer answer{matrix, {"a warning"}};
  const ValueWriter whole(answer);
  ASSERT_EQ(whole.pieces(), 1U);
  const auto want = whole.Piece(0);
  EXPECT_THAT(want, HasSubstr(R"(]},"warnings":["a warning"]})"));
  for (const std::size_t points : {1, 2, 7, 8, 9, 20, 64, 200}) {
    const ValueWriter parts(answer, points);
    std::vector<std::string> pieces(parts.pieces());
    for (std::size_t i = pieces.size(); i-- > 0;) {  // in whatever order
      pieces[i] = parts.Piece(i);
      EXPECT_FALSE(pieces[i].empty());
    }
    std::string got;
    for (const std::string& piece : pieces) {
      got += piece;
    }
    EXPECT_EQ(got, want) << points;
  }
  EXPECT_GE(ValueWriter(answer, 1).pieces(), 70U);
  promql::Vector vector;
  for (int i = 0; i < 10; ++i) {
    vector.push_back({NoLabel(), i, 1.5});
  }
  for (const auto& value : {promql::Value(vector), promql::Value(promql::Vector()),
                            promql::Value(promql::Matrix()), promql::Value(promql::Scalar{1, 2})}) {
    const ValueWriter once({value, {}});
    const ValueWriter twice({value, {}}, 5);
    std::string got;
    for (std::size_t i = 0; i < twice.pieces(); ++i) {
      got += twice.Piece(i);
    }
    EXPECT_EQ(got, once.Piece(0));
    EXPECT_NO_THROW(boost::json::parse(got)) << got;
  }
}

TEST(AnswerPieces, ComeInOrderFromSeveralThreads) {
  promql::Matrix matrix;
  for (int k = 0; k < 40; ++k) {
    promql::MatrixSeries series{NoLabel(), {}};
    for (int i = 0; i < 2000; ++i) {
      series.points.push_back({i * 1000, i * 0.1 + k});
    }
    matrix.push_back(std::move(series));
  }
  const promql::Answer answer{matrix, {}};
  const auto want = ValueWriter(answer, SIZE_MAX).Piece(0);
  for (const bool gzip : {false, true}) {
    AnswerPieces pieces(std::make_unique<ValueWriter>(answer, 500), gzip);
    std::atomic<bool> over = false;
    std::vector<std::thread> makers;
    for (int i = 0; i < 3; ++i) {
      makers.emplace_back([&] {
        while (!over) {
          pieces.MakeAhead();
        }
      });
    }
    std::string got;
    int count = 0;
    while (true) {
      auto piece = pieces.TryTake();
      auto next = piece ? std::move(*piece) : pieces.Take();
      if (!next) {
        break;
      }
      got += *next;
      ++count;
    }
    over = true;
    for (auto& maker : makers) {
      maker.join();
    }
    EXPECT_GT(count, 100);
    EXPECT_EQ(gzip ? Gunzip(got, 64 << 20).value() : got, want);
    EXPECT_EQ(pieces.Take(), std::nullopt);
  }
}

}  // namespace
}  // namespace api
