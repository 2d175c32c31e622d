// Writing OpenMetrics text (https://openmetrics.io, 1.0): one line a sample, seconds since 1970.
#include "app/store_export.h"

#include <algorithm>

#include "api/number.h"
#include "base/clock.h"

namespace app {
namespace {

using LabelsPtr = std::shared_ptr<const model::Labels>;

constexpr std::size_t kPiece = 1U << 20;            // bytes written at once
constexpr std::int64_t kWindowsAtOnce = 16;         // of one series
constexpr std::int64_t kAhead = 3 * 3600LL * 1000;  // no sample is later than this from now

// By name, then by the other labels: the samples of a metric stand together, as the format asks.
bool Before(const LabelsPtr& a, const LabelsPtr& b) {
  const auto name_a = a->Get(model::kName);
  const auto name_b = b->Get(model::kName);
  return name_a != name_b ? name_a < name_b : *a < *b;
}

base::Result<std::vector<LabelsPtr>> FindSeries(const store::Store& store,
                                                const ExportRequest& request) {
  std::vector<LabelsPtr> out;
  auto any = request.any;
  if (any.empty()) {
    any.emplace_back();
  }
  for (const auto& matchers : any) {
    auto found = store.Series(matchers, request.from, request.to);
    if (!found) {
      return base::Fail(found.error());
    }
    out.insert(out.end(), found->begin(), found->end());
  }
  std::ranges::sort(out, Before);
  const auto same = [](const LabelsPtr& a, const LabelsPtr& b) { return *a == *b; };
  out.erase(std::unique(out.begin(), out.end(), same), out.end());
  return out;
}

std::string SeriesText(const model::Labels& labels) {
  std::string out(labels.Get(model::kName));
  char before = '{';
  for (const auto& [name, value] : labels) {
    if (name != model::kName) {
      out += before;
      out += name + "=" + model::QuoteValue(value);
      before = ',';
    }
  }
  if (before == ',') {
    out += '}';
  }
  return out + " ";
}

class Exporter {
 public:
  Exporter(const store::Store& store, const ExportRequest& request,
           const std::function<bool(std::string_view)>& write)
      : store_(store), request_(request), write_(write) {}

  base::Result<> One(const model::Labels& labels) {
    const std::string head = SeriesText(labels);
    std::vector<store::Matcher> matchers;
    for (const auto& [name, value] : labels) {
      matchers.push_back(
          {.op = store::Matcher::Op::kEqual, .name = name, .value = value, .regex = nullptr});
    }
    const std::int64_t step = slice_;
    for (model::Timestamp from = from_; from <= to_; from += step) {
      const auto found = store_.Select(matchers, from, std::min(to_, from + step - 1));
      if (!found) {
        return base::Fail(found.error());
      }
      for (const store::SeriesData& one : *found) {
        if (*one.labels == labels) {
          if (auto done = Samples(head, one); !done) {
            return done;
          }
        }
      }
    }
    return {};
  }

  base::Result<ExportCount> Run() {
    const auto stats = store_.stats();
    slice_ = kWindowsAtOnce * (stats.window / std::chrono::milliseconds(1));
    from_ = std::max(request_.from, stats.oldest);
    to_ = std::min(request_.to, base::Clock::NowMs() + kAhead);
    const auto series = FindSeries(store_, request_);
    if (!series) {
      return base::Fail(series.error());
    }
    for (const LabelsPtr& labels : *series) {
      if (!model::IsMetricName(labels->Get(model::kName))) {
        ++count_.nameless;
        continue;
      }
      const std::uint64_t before = count_.samples;
      if (auto done = One(*labels); !done) {
        return base::Fail(done.error());
      }
      count_.series += count_.samples > before ? 1 : 0;
    }
    text_ += request_.milliseconds ? "" : "# EOF\n";
    if (auto done = Flush(); !done) {
      return base::Fail(done.error());
    }
    return count_;
  }

 private:
  base::Result<> Samples(const std::string& head, const store::SeriesData& one) {
    for (std::size_t i = 0; i < one.t.size(); ++i) {
      const bool stale = model::IsStale(one.v[i]);
      if (stale && !request_.stale) {
        continue;
      }
      text_ += head;
      if (stale) {
        text_ += "nan";
      } else {
        api::AppendExposed(text_, one.v[i]);
      }
      text_ += ' ';
      if (request_.milliseconds) {
        text_ += std::to_string(one.t[i]);
      } else {
        api::AppendTime(text_, one.t[i]);
      }
      text_ += '\n';
      ++count_.samples;
      if (text_.size() >= kPiece) {
        if (auto done = Flush(); !done) {
          return done;
        }
      }
    }
    return {};
  }

  base::Result<> Flush() {
    if (!write_(text_)) {
      return base::Fail(base::ErrorKind::kUnavailable, "the text cannot be written");
    }
    text_.clear();
    return {};
  }

  const store::Store& store_;
  const ExportRequest& request_;
  const std::function<bool(std::string_view)>& write_;
  std::int64_t slice_ = 0;
  model::Timestamp from_ = 0;
  model::Timestamp to_ = 0;
  std::string text_;
  ExportCount count_;
};

}  // namespace

base::Result<ExportCount> Export(const store::Store& store, const ExportRequest& request,
                                 const std::function<bool(std::string_view)>& write) {
  return Exporter(store, request, write).Run();
}

}  // namespace app
