// Prometheus's endpoints about series and labels, and format_query. Shapes and sentences of 2.42
// (web/api/v1/api.go).
#include <fmt/format.h>

#include <algorithm>
#include <boost/json/object.hpp>
#include <iterator>
#include <limits>
#include <set>

#include "api/api.h"
#include "api/json.h"
#include "api/prometheus.h"
#include "base/text.h"
#include "promql/expr.h"

namespace api {
namespace json = boost::json;
namespace {

using Shared = std::shared_ptr<const Sources>;
using Answer = loop::Task<Response>;
using MatcherSets = std::vector<std::vector<store::Matcher>>;

/// The bounds and selectors that all three endpoints have.
struct Ask {
  model::Timestamp from = 0;
  model::Timestamp to = 0;
  MatcherSets sets;
};

std::variant<Ask, Response> ReadAsk(const Params& params) {
  Ask out;
  // Far enough for every sample, far from an overflow of sums with it.
  out.from = std::numeric_limits<model::Timestamp>::min() / 4;
  out.to = std::numeric_limits<model::Timestamp>::max() / 4;
  for (const auto& [name, bound] : {std::pair("start", &out.from), std::pair("end", &out.to)}) {
    if (const auto text = params.Get(name); !text.empty()) {
      const auto time = ParseApiTime(text);
      if (!time) {
        return BadParam(name, time.error().message);
      }
      *bound = std::clamp(*time, std::numeric_limits<model::Timestamp>::min() / 4,
                          std::numeric_limits<model::Timestamp>::max() / 4);
    }
  }
  for (const auto& text : params.All("match[]")) {
    auto matchers = promql::ParseSelector(text);
    if (!matchers) {
      return BadParam("match[]", matchers.error().message);
    }
    const bool all = std::ranges::all_of(
        *matchers, [](const store::Matcher& matcher) { return matcher.Matches(""); });
    if (all) {
      return BadParam("match[]", "match[] must contain at least one non-empty matcher");
    }
    out.sets.push_back(std::move(*matchers));
  }
  return out;
}

Response List(std::set<std::string> names) {
  return Success(json::array(names.begin(), names.end()));
}

Answer OnWorker(Shared s, std::function<Response()> work) {
  if (s->worker == nullptr) {
    co_return work();
  }
  auto response = co_await s->worker->Run(std::move(work));
  co_return response;
}

/// The union over the selectors of what `read` gives for each.
Response Collect(const Ask& ask, const std::function<base::Result<std::vector<std::string>>(
                                     const std::vector<store::Matcher>&)>& read) {
  std::set<std::string> out;
  for (const auto& matchers : ask.sets.empty() ? MatcherSets(1) : ask.sets) {
    auto some = read(matchers);
    if (!some) {
      return JsonError(422, "execution", some.error().message);
    }
    out.insert(std::make_move_iterator(some->begin()), std::make_move_iterator(some->end()));
  }
  return List(std::move(out));
}

Answer LabelNames(Shared s, Request request) {
  auto asked = ReadAsk(request.query);
  if (auto* refusal = std::get_if<Response>(&asked)) {
    co_return std::move(*refusal);
  }
  co_return co_await OnWorker(s, [s, ask = std::get<Ask>(std::move(asked))] {
    return Collect(ask, [&](const auto& matchers) {
      return s->querier->LabelNames(matchers, ask.from, ask.to);
    });
  });
}

Answer LabelValues(Shared s, Request request) {
  const auto name = request.captures.at(0);
  if (!model::IsLabelName(name)) {
    co_return JsonError(400, "bad_data", "invalid label name: " + base::JsonQuote(name));
  }
  auto asked = ReadAsk(request.query);
  if (auto* refusal = std::get_if<Response>(&asked)) {
    co_return std::move(*refusal);
  }
  co_return co_await OnWorker(s, [s, name, ask = std::get<Ask>(std::move(asked))] {
    return Collect(ask, [&](const auto& matchers) {
      return s->querier->LabelValues(name, matchers, ask.from, ask.to);
    });
  });
}

Response SeriesOf(const Sources& s, const Ask& ask) {
  std::set<model::Labels> all;
  for (const auto& matchers : ask.sets) {
    const auto some = s.querier->Series(matchers, ask.from, ask.to);
    if (!some) {
      return JsonError(422, "execution", some.error().message);
    }
    for (const auto& labels : *some) {
      all.insert(*labels);
    }
  }
  json::array data;
  data.reserve(all.size());
  for (const auto& labels : all) {
    data.push_back(ToJson(labels));
  }
  return Success(std::move(data));
}

Answer Series(Shared s, Request request) {
  if (!request.query.Has("match[]")) {
    co_return JsonError(400, "bad_data", "no match[] parameter provided");
  }
  auto asked = ReadAsk(request.query);
  if (auto* refusal = std::get_if<Response>(&asked)) {
    co_return std::move(*refusal);
  }
  co_return co_await OnWorker(
      s, [s, ask = std::get<Ask>(std::move(asked))] { return SeriesOf(*s, ask); });
}

Answer FormatQuery(Shared, Request request) {
  const auto expr = promql::ParseExpr(request.query.Get("query"));
  if (!expr) {
    co_return BadParam("query", expr.error().message);
  }
  co_return Success(json::value((*expr)->ToString()));
}

Answer Exemplars(Shared, Request request) {
  for (const char* name : {"start", "end"}) {
    if (const auto text = request.query.Get(name); !text.empty()) {
      if (const auto time = ParseApiTime(text); !time) {
        co_return BadParam(name, time.error().message);
      }
    }
  }
  if (const auto expr = promql::ParseExpr(request.query.Get("query")); !expr) {
    co_return JsonError(400, "bad_data", expr.error().message);
  }
  co_return Success(json::array());
}

}  // namespace

Response Success(const json::value& data) {
  return JsonText(200, R"({"status":"success","data":)" + ToText(data) + "}");
}

Response BadParam(std::string_view name, std::string_view why) {
  return JsonError(400, "bad_data", fmt::format("invalid parameter \"{}\": {}", name, why));
}

void AddPrometheusLabels(Router& router, Shared sources) {
  auto add = [&](const char* path, Answer (*fn)(Shared, Request), bool post, bool store) {
    if (store && sources->querier == nullptr) {
      return;
    }
    for (const char* method : {"GET", "POST"}) {
      if (post || std::string_view(method) == "GET") {
        router.Add(method, path, Needs::kRead, [sources, fn](Request request) {
          return sources->elsewhere ? sources->elsewhere(std::move(request))
                                    : fn(sources, std::move(request));
        });
      }
    }
  };
  add("/api/v1/labels", LabelNames, true, true);
  add("/api/v1/label/*/values", LabelValues, false, true);
  add("/api/v1/series", Series, true, true);
  add("/api/v1/query_exemplars", Exemplars, true, false);
  for (const char* method : {"GET", "POST"}) {
    router.Add(method, "/api/v1/format_query", Needs::kRead,
               [sources](Request request) { return FormatQuery(sources, std::move(request)); });
  }
}

void AddPrometheus(Router& router, Shared sources) {
  AddPrometheusQuery(router, sources);
  AddPrometheusLabels(router, sources);
  AddPrometheusStatus(router, sources);
  AddFederate(router, sources);
  AddRemote(router, sources);
}

}  // namespace api
