// The prometheus probe: one GET of a metrics page, read as it arrives, and what Prometheus reports
// of each scrape.
#include "probe/prometheus/prometheus.h"

#include <fmt/format.h>

#include <boost/url/parse.hpp>
#include <boost/url/url.hpp>

#include "base/text.h"
#include "probe/common.h"
#include "probe/prometheus/scraper.h"
#include "probe/web.h"

namespace probe::prometheus {
namespace {

using model::OptionType;

/// What Prometheus 2.42 asks for.
constexpr const char* kAccept =
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1";

std::size_t Number(const model::Options& options, std::string_view name) {
  return static_cast<std::size_t>(options.Get<std::int64_t>(name));
}

Taking TakingOf(const Request& request, const base::Site& site) {
  const auto& options = request.spec->options;
  Taking out;
  out.joining.target = request.labels ? *request.labels : request.target->SampleLabels();
  out.joining.target.Set("job", options.Get<std::string>("job"));
  const auto instance = options.Get<std::string>("instance");
  out.joining.target.Set("instance", instance.empty() ? site.ToString() : instance);
  out.joining.honor_labels = options.Get<bool>("honor_labels");
  out.joining.relabeling = options.Get<std::vector<model::RelabelRule>>("metric_relabel_configs");
  out.honor_timestamps = options.Get<bool>("honor_timestamps", true);
  out.limits = {Number(options, "sample_limit"), Number(options, "label_limit"),
                Number(options, "label_name_length_limit"),
                Number(options, "label_value_length_limit")};
  return out;
}

/// The URL with the parameters behind it.
std::string UrlOf(const model::Options& options) {
  auto text = options.Get<std::string>("url");
  const auto params = options.Get<std::map<std::string, std::string>>("params");
  const auto parsed = boost::urls::parse_uri(text);
  if (params.empty() || !parsed) {
    return text;
  }
  boost::urls::url url(*parsed);
  for (const auto& [name, value] : params) {
    url.params().append({name, value});
  }
  return std::string(url.buffer());
}

loop::HttpRequest RequestOf(const Request& request) {
  const auto& options = request.spec->options;
  loop::HttpRequest out;
  out.url = UrlOf(options);
  out.headers = {{"Accept", kAccept},
                 {"X-Prometheus-Scrape-Timeout-Seconds",
                  fmt::format("{}", base::ToSeconds(request.spec->timeout))}};
  SetWebOptions(options, &out);
  const auto token = options.Get<base::Secret>("bearer_token_file").Reveal();
  if (!token.empty()) {
    out.headers.emplace_back("Authorization", "Bearer " + token);
  }
  out.max_redirects = options.Get<bool>("follow_redirects", true) ? 10 : 0;
  return out;
}

/// What a probe asks and how it takes the answer, worked out once as long as its spec and labels
/// are the same.
struct Plan {
  Request made_for;
  std::string url;
  std::optional<base::Site> site;  ///< nullopt: the URL is none
  Taking taking;
  loop::HttpRequest asked;
  std::shared_ptr<const loop::HttpPlan> literal;  ///< what is asked of a URL with an address
  std::size_t limit = 0;                          ///< bytes of the body
  std::vector<Reading> readings;  ///< what is reported of each scrape, without values
};

std::vector<model::MetricSpec> MetricList() {
  const std::vector<std::string_view> own = {"instance", "job"};
  return {{"up", "gauge", "", "1: the page could be scraped, 0: not", own},
          {"scrape_duration_seconds", "gauge", "seconds", "how long the scrape took", own},
          {"scrape_samples_scraped", "gauge", "", "samples on the page", own},
          {"scrape_samples_post_metric_relabeling", "gauge", "", "those that relabeling left", own},
          {"scrape_series_added", "gauge", "", "series that the page before did not have", own}};
}

std::vector<Reading> ReadingsOf(const model::Labels& target) {
  const model::Labels own = {{"job", std::string(target.Get("job"))},
                             {"instance", std::string(target.Get("instance"))}};
  std::vector<Reading> out;
  for (const auto& metric : MetricList()) {
    out.push_back({std::string(metric.name), own, 0});
  }
  return out;
}

std::shared_ptr<const Plan> PlanOf(const Request& request) {
  auto out = std::make_shared<Plan>();
  out->made_for = request;
  out->url = request.spec->options.Get<std::string>("url");
  out->site = base::SiteOf(out->url);
  if (out->site) {
    out->taking = TakingOf(request, *out->site);
    out->asked = RequestOf(request);
    if (out->site->literal) {
      out->literal = loop::HttpClient::Plan(out->asked);
    }
    out->limit = Number(request.spec->options, "body_size_limit");
    out->readings = ReadingsOf(out->taking.joining.target);
  }
  return out;
}

std::shared_ptr<const loop::HttpPlan> PinnedPlan(const Plan& plan, const std::string& pin) {
  auto asked = plan.asked;
  asked.resolve.push_back(pin);
  return loop::HttpClient::Plan(std::move(asked));
}

/// What a configured probe keeps between its scrapes.
class Kept : public Scraper {
 public:
  std::shared_ptr<const Plan> PlanFor(const Request& request) {
    if (!plan_ || plan_->made_for.spec != request.spec ||
        plan_->made_for.target != request.target || plan_->made_for.labels != request.labels) {
      plan_ = PlanOf(request);
      pinned_ = nullptr;
    }
    return plan_;
  }
  /// What is asked at the addresses of `pin`; worked out anew when they are others.
  std::shared_ptr<const loop::HttpPlan> Pinned(const Plan& plan, std::string pin) {
    if (!pinned_ || pin_ != pin) {
      pin_ = std::move(pin);
      pinned_ = PinnedPlan(plan, pin_);
    }
    return pinned_;
  }

 private:
  std::shared_ptr<const Plan> plan_;
  std::string pin_;
  std::shared_ptr<const loop::HttpPlan> pinned_;  ///< of plan_
};

/// One scrape while it goes on.
struct Scrape {
  Scraper* scraper = nullptr;
  std::unique_ptr<Scraper> own;  ///< when another run of the same probe is going on
  std::optional<Scraper::Page> page;
  std::optional<Parser> parser;
  std::size_t bytes = 0;
  std::size_t limit = 0;
  std::string reason;

  /// Takes a piece of the body; false: enough.
  bool Take(const loop::HttpResponse& head, std::string_view piece) {
    if (head.status != 200) {
      return false;
    }
    if (!parser) {
      parser.emplace(FormatOf(head.Header("content-type")), &*page);
    }
    bytes += piece.size();
    if (bytes > limit) {
      reason = fmt::format("body size limit exceeded: more than {} bytes", limit);
      return false;
    }
    if (!parser->Feed(piece)) {
      reason = Fault();
      return false;
    }
    return true;
  }
  [[nodiscard]] std::string Fault() const {
    return parser->fault().message.empty() ? page->refusal() : parser->fault().ToString();
  }
  /// After the last piece.
  void Conclude(const loop::HttpResponse& got) {
    if (got.status != 200) {
      reason = fmt::format("the server returned HTTP status {}", got.status);
    } else if (reason.empty() && !parser) {
      parser.emplace(FormatOf(got.Header("content-type")), &*page);
    }
    if (reason.empty() && !parser->Finish()) {
      reason = Fault();
    }
    if (reason.empty()) {
      reason = page->refusal();
    }
  }
};

/// In the order of MetricList.
void Report(const Scrape& scrape, const Plan& plan, base::Duration took, Outcome* out) {
  const auto counts = scrape.page ? scrape.page->counts() : Counts{};
  const double values[] = {out->success ? 1.0 : 0.0, RoundSeconds(took),
                           static_cast<double>(counts.scraped), static_cast<double>(counts.kept),
                           static_cast<double>(counts.added)};
  out->readings = plan.readings;
  for (std::size_t i = 0; i < std::size(values); ++i) {
    out->readings[i].value = values[i];
  }
}

loop::Task<Outcome> Run(World world, Request request, std::shared_ptr<Memory> memory) {
  const auto begin = base::Clock::Steady();
  Outcome out;
  auto* kept = static_cast<Kept*>(memory.get());
  const auto plan = kept == nullptr ? PlanOf(request) : kept->PlanFor(request);
  const auto& site = plan->site;
  if (!site) {
    out.reason = fmt::format("\"{}\" is no http or https URL", plan->url);
    co_return Finish(std::move(out), begin);
  }
  auto asked = plan->literal;
  Scrape scrape;
  scrape.limit = plan->limit;
  scrape.scraper = kept;
  if (!site->literal) {
    const auto found =
        co_await LookUp(world, site->host, plan->asked.ip_version, request.spec->timeout);
    if (found) {
      auto pin = Pin(*site, *found);
      asked = kept == nullptr ? PinnedPlan(*plan, pin) : kept->Pinned(*plan, std::move(pin));
    } else {
      scrape.reason = found.error().message;
    }
  }
  if (scrape.scraper == nullptr || scrape.scraper->busy()) {
    scrape.own = std::make_unique<Scraper>();
    scrape.scraper = scrape.own.get();
  }
  if (scrape.reason.empty()) {
    scrape.page.emplace(scrape.scraper, &plan->taking);
    const auto timeout = begin + request.spec->timeout - base::Clock::Steady();
    const auto take = [&scrape](const loop::HttpResponse& head, std::string_view piece) {
      return scrape.Take(head, piece);
    };
    const auto got = co_await world.http->Send(asked, timeout, take);
    if (got) {
      scrape.Conclude(*got);
      if (request.log) {
        out.log.push_back(fmt::format("GET {}: status {} from {}, {} bytes, {:.1f} ms", plan->url,
                                      got->status, got->remote_address, got->body_bytes,
                                      got->total_seconds * 1e3));
      }
    } else {
      scrape.reason = got.error().kind == base::ErrorKind::kDeadline ? Within(request.spec->timeout)
                                                                     : got.error().message;
    }
  }
  out.reason = scrape.reason;
  out.success = out.reason.empty();
  Report(scrape, *plan, base::Clock::Steady() - begin, &out);
  const auto& name = request.target->name;
  if (out.success) {
    out.tables = scrape.scraper->Commit(&*scrape.page, name, request.slot);
  }
  scrape.page.reset();
  if (!out.success) {
    out.tables = scrape.scraper->End(name, request.slot);
  }
  if (scrape.own) {
    out.tables.clear();  // the other run gives them
  }
  co_return Finish(std::move(out), begin);
}

/// A limit on what is taken.
model::OptionSpec Limit(std::string_view name, std::string_view help, std::string_view fallback,
                        double min, double max) {
  return {.name = name,
          .type = OptionType::kInteger,
          .help = help,
          .fallback = fallback,
          .min = min,
          .max = max};
}

std::vector<model::OptionSpec> OptionList() {
  std::vector<model::OptionSpec> out = {
      {.name = "url",
       .type = OptionType::kUrl,
       .help = "the page; `prometheus: URL` stands for it alone",
       .required = true},
      {.name = "params", .type = OptionType::kMap, .help = "parameters put behind the URL"},
      {.name = "job",
       .type = OptionType::kString,
       .help = "label job of every sample",
       .fallback = "prometheus"},
      {.name = "instance",
       .type = OptionType::kString,
       .help = "label instance; the URL's host:port when not given"},
      {.name = "honor_labels",
       .type = OptionType::kBool,
       .help = "true: where the page and the target have a label of one name, the page's counts; "
               "false: it becomes exported_NAME",
       .fallback = "false"},
      {.name = "honor_timestamps",
       .type = OptionType::kBool,
       .help = "whether times that the page says count",
       .fallback = "true"},
      {.name = "metric_relabel_configs",
       .type = OptionType::kRelabeling,
       .help = "rules as Prometheus's that rename or drop what a page has"},
      Limit("sample_limit", "samples of a page, after relabeling; with more the scrape fails",
            "1000000", 1, 10'000'000),
      Limit("label_limit",
            "labels of a sample, the target's counted; with more the scrape fails; 0: no limit",
            "0", 0, 128),
      Limit("label_name_length_limit", "bytes of a label's name; 0: no limit", "0", 0, 65'536),
      Limit("label_value_length_limit", "bytes of a label's value; 0: no limit", "0", 0, 65'536),
      Limit("body_size_limit", "bytes of the page after decompression; with more the scrape fails",
            "268435456", 1, 1'073'741'824),
      {.name = "bearer_token_file",
       .type = OptionType::kSecretFile,
       .help = "file that holds a token for the header Authorization"},
      {.name = "follow_redirects",
       .type = OptionType::kBool,
       .help = "whether up to 10 redirects are followed",
       .fallback = "true"}};
  const auto shared = WebOptions("whether the TLS certificate must be trusted");
  out.insert(out.end(), shared.begin(), shared.end());
  return out;
}

std::shared_ptr<Memory> MakeMemory() { return std::make_shared<Kept>(); }

}  // namespace

const Kind kKind = {.spec = {.name = "prometheus",
                             .title = "scrape of a metrics page, as Prometheus does",
                             .options = OptionList(),
                             .metrics = MetricList()},
                    .run = &Run,
                    .make_memory = &MakeMemory};

}  // namespace probe::prometheus
