// What the daemon has to do with other stores: samples that are pushed into it, samples that go
// out, queries that are answered elsewhere.
#include "app/daemon.h"
#include "base/log.h"
#include "probe/kind.h"

namespace app {
namespace {

/// The engine's answer as it is, or why there is none.
loop::Task<api::Response> Forward(std::shared_ptr<remote::Elsewhere> elsewhere,
                                  api::Request request) {
  const bool post = request.captures.empty();  // /label/NAME/values takes GET only
  auto answer = co_await elsewhere->Ask(post, request.path, request.query.pairs());
  if (!answer) {
    const auto kind = answer.error().kind;
    co_return api::JsonError(kind == base::ErrorKind::kRefused ? 422 : 503,
                             kind == base::ErrorKind::kDeadline ? "timeout" : "unavailable",
                             answer.error().message);
  }
  if (!answer->Header("content-type").starts_with("application/json")) {
    co_return api::JsonError(502, "unavailable",
                             "store " + remote::ShownUrl(elsewhere->endpoint().url) + ": HTTP " +
                                 std::to_string(answer->status) + " without JSON");
  }
  co_return api::JsonText(answer->status, std::move(answer->body));
}

}  // namespace

loop::Task<base::Result<>> Daemon::Push(std::vector<model::Batch> batches,
                                        std::vector<remote::Metadata> metadata) {
  if (!settings_.remote_write_receiver) {
    co_return base::Fail(base::ErrorKind::kNotFound,
                         "the remote write receiver is off (remote_write_receiver: true)");
  }
  for (const auto& batch : batches) {
    pushed_samples_ += batch.samples.size();
  }
  if (!metadata.empty()) {
    pushed_.Learn(std::move(metadata));
  }
  if (batches.empty()) {
    co_return base::Result<>();
  }
  auto done = co_await ingest_->Take(std::move(batches));
  co_return done;
}

void Daemon::AddRemoteSources(api::Sources& sources) {
  sources.push = [this](std::vector<model::Batch> batches, std::vector<remote::Metadata> metadata) {
    return Push(std::move(batches), std::move(metadata));
  };
  sources.metadata = [this](std::string_view metric) {
    std::vector<remote::Metadata> out;
    for (const auto& [name, one] : pushed_.known()) {
      if (metric.empty() || name == metric) {
        out.push_back(one);
      }
    }
    return out;
  };
  if (elsewhere_) {
    sources.elsewhere = [elsewhere = elsewhere_](api::Request request) {
      return Forward(elsewhere, std::move(request));
    };
  }
}

void Daemon::ApplyRemote() {
  outbound_->Apply(settings_.remote_write, settings_.data_dir);
  std::vector<remote::Metadata> metadata;
  for (const auto* kind : probe::Catalogue()) {
    for (const auto& metric : kind->spec.metrics) {
      metadata.push_back({std::string(metric.name), std::string(metric.type),
                          std::string(metric.help), std::string(metric.unit)});
    }
  }
  outbound_->SetMetadata(metadata);
}

rule::QueryFunc Daemon::RuleQuery() {
  if (elsewhere_) {
    return [elsewhere = elsewhere_](const promql::Expr& expr, model::Timestamp at) {
      return elsewhere->Instant(expr, at);
    };
  }
  return [engine = engine_.get()](const promql::Expr& expr,
                                  model::Timestamp at) -> base::Result<promql::Value> {
    auto answer = engine->Instant(expr, at);
    if (!answer) {
      return base::Fail(answer.error());
    }
    return std::move(answer->value);
  };
}

std::function<void(model::Batch)> Daemon::RuleRecord() {
  if (elsewhere_) {
    return {};  // another store shows samples when it likes
  }
  return [ingest = ingest_.get()](const model::Batch& batch) { ingest->TakeNow(batch); };
}

void Daemon::AddRemoteMetrics(api::Exposition& out) const {
  const auto now = base::Clock::NowMs();
  out.Add("raksa_remote_write_received_samples_total", "counter",
          "Samples that others pushed here.", static_cast<double>(pushed_samples_));
  for (const auto& stats : outbound_->stats()) {
    const model::Labels labels{{"remote_name", stats.name}, {"url", stats.url}};
    const auto add = [&](const char* name, const char* type, const char* help, auto value,
                         const char* reason = "") {
      auto with = labels;
      with.Set("reason", reason);
      out.Add(name, type, help, static_cast<double>(value), std::move(with));
    };
    constexpr auto* kDropped = "raksa_remote_write_dropped_samples_total";
    constexpr auto* kDroppedHelp = "Samples that will not arrive, by reason.";
    add("raksa_remote_write_pending_samples", "gauge", "Samples that wait on disk.",
        stats.queue.samples);
    add("raksa_remote_write_pending_bytes", "gauge", "Bytes that they take.", stats.queue.bytes);
    add("raksa_remote_write_lag_seconds", "gauge", "How long the oldest of them has waited.",
        stats.queue.oldest == 0 ? 0 : static_cast<double>(now - stats.queue.oldest) / 1000);
    add("raksa_remote_write_samples_total", "counter", "Samples that arrived.", stats.sent);
    add("raksa_remote_write_known_samples_total", "counter",
        "Samples sent again that the receiver had already.", stats.known);
    add("raksa_remote_write_unwanted_samples_total", "counter",
        "Samples that write_relabel_configs dropped.", stats.unwanted);
    add(kDropped, "counter", kDroppedHelp, stats.refused, "refused");
    add(kDropped, "counter", kDroppedHelp, stats.queue.too_old, "age");
    add(kDropped, "counter", kDroppedHelp, stats.queue.too_many, "size");
    add(kDropped, "counter", kDroppedHelp, stats.queue.failed, "disk");
    add("raksa_remote_write_requests_total", "counter", "Requests that arrived.", stats.requests);
    add("raksa_remote_write_retries_total", "counter", "Requests that had to be made again.",
        stats.retries);
    add("raksa_remote_write_bytes_total", "counter", "Bytes of requests that arrived.",
        stats.bytes);
    add("raksa_remote_write_metadata_total", "counter", "Metrics whose metadata arrived.",
        stats.metadata);
    add("raksa_remote_write_shards", "gauge", "Requests at the same time.", stats.shards);
    add("raksa_remote_write_up", "gauge", "1 when the last answer was a success.",
        stats.error.empty() ? 1 : 0);
  }
}

}  // namespace app
