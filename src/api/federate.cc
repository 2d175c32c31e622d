// /federate: the newest samples of chosen series, for another Prometheus (web/federate.go of 2.42).
#include <map>

#include "api/answers.h"
#include "api/exposition.h"
#include "api/prometheus.h"
#include "promql/expr.h"

namespace api {
namespace {

constexpr model::Timestamp kLookback = 5 * 60 * 1000;

/// The newest sample of each series that meets one of the selectors, by name and labels.
using Newest = std::map<std::pair<std::string, model::Labels>, model::Point>;

Response Write(const Newest& newest) {
  std::string out;
  std::string_view family;
  for (const auto& [series, point] : newest) {
    if (series.first != family) {
      family = series.first;
      out += "# TYPE " + series.first + " untyped\n";
    }
    AppendSample(out, series.first, series.second, point.v, point.t);
  }
  auto response = Text(200, std::move(out));
  response.content_type = Exposition::kTextType;
  return response;
}

Response Select(const Sources& s, const std::vector<std::vector<store::Matcher>>& sets,
                model::Timestamp now) {
  Newest newest;
  for (const auto& matchers : sets) {
    const auto found = s.querier->Select(matchers, now - kLookback, now);
    if (!found) {
      return JsonError(422, "execution", found.error().message);
    }
    for (const auto& series : *found) {
      const std::string name(series.labels->Get(model::kName));
      if (!series.t.empty() && !model::IsStale(series.v.back()) && model::IsMetricName(name)) {
        newest.insert_or_assign({name, *series.labels},
                                model::Point{series.t.back(), series.v.back()});
      }
    }
  }
  return Write(newest);
}

Answer Federate(Shared s, Request request) {
  std::vector<std::vector<store::Matcher>> sets;
  for (const auto& text : request.query.All("match[]")) {
    auto matchers = promql::ParseSelector(text);
    if (!matchers) {
      co_return Text(400, matchers.error().message + "\n");
    }
    sets.push_back(std::move(*matchers));
  }
  auto work = [s, sets = std::move(sets), now = base::Clock::NowMs()] {
    return Select(*s, sets, now);
  };
  if (s->worker == nullptr) {
    co_return work();
  }
  auto response = co_await s->worker->Run(std::move(work));
  co_return response;
}

}  // namespace

void AddFederate(Router& router, std::shared_ptr<const Sources> sources) {
  if (sources->querier != nullptr) {
    AddRoute(router, sources, "GET", "/federate", Needs::kRead, Federate);
  }
}

}  // namespace api
