// What the page shows of the daemon itself: the configuration as loaded, the channels and what they
// have sent.
#include <algorithm>

#include "app/daemon.h"
#include "notify/channel.h"

namespace app {
namespace {

api::ChannelView ViewOf(const notify::ChannelStats& stats) {
  api::ChannelView out;
  out.name = stats.name;
  out.kind = stats.kind;
  if (stats.quota_used >= 0) {
    out.quota_used = stats.quota_used;
    out.quota_limit = stats.quota_limit >= 0 ? std::optional(stats.quota_limit) : std::nullopt;
  }
  out.delivered = stats.delivered;
  out.failed = stats.failed;
  out.waiting = stats.waiting;
  out.last_error = stats.last_error;
  out.last_delivered = stats.last_delivered;
  return out;
}

/// The language that a channel's messages are written in.
std::string LanguageOf(const Settings& settings, const std::string& channel) {
  const auto at = std::ranges::find(settings.notify, channel, &notify::Channel::name);
  return at == settings.notify.end() || at->language.empty() ? settings.language : at->language;
}

}  // namespace

api::SettingsView Daemon::ShowConfiguration() const {
  api::SettingsView out;
  out.config = settings_.shown.lines;
  out.file = settings_.file;
  out.loaded = loaded_;
  out.error = config_error_;
  for (const auto& stats : outbox_->stats()) {
    out.channels.push_back(ViewOf(stats));
  }
  return out;
}

loop::Task<base::Result<std::vector<api::MessageView>>> Daemon::Messages(std::string incident) {
  auto deliveries = co_await journal_->Deliveries(incident, 1000);
  if (!deliveries) {
    co_return base::Fail(deliveries.error());
  }
  std::vector<api::MessageView> out;
  std::ranges::reverse(*deliveries);
  for (auto& delivery : *deliveries) {
    const auto message = co_await journal_->GetMessage(delivery.message);
    api::MessageView view;
    if (message) {
      view.event = message->event;
      view.text = notify::Compose(message->id, message->event, message->incident,
                                  LanguageOf(settings_, delivery.channel))
                      .text;
    }
    view.id = delivery.message;
    view.channel = std::move(delivery.channel);
    view.at = delivery.created;
    view.finished = delivery.finished;
    view.attempts = delivery.tries;
    view.error = delivery.state == "delivered" ? "" : std::move(delivery.detail);
    view.state = std::move(delivery.state);
    out.push_back(std::move(view));
  }
  co_return out;
}

void Daemon::AddChannelMetrics(api::Exposition& out) const {
  for (const auto& stats : outbox_->stats()) {
    const model::Labels labels{{"channel", stats.name}, {"kind", stats.kind}};
    const auto add = [&](const char* name, const char* type, const char* help, auto value) {
      out.Add(name, type, help, static_cast<double>(value), labels);
    };
    add("raksa_notify_delivered_total", "counter", "Messages that arrived.", stats.delivered);
    add("raksa_notify_failed_total", "counter", "Messages that a channel did not take.",
        stats.failed);
    add("raksa_notify_retries_total", "counter", "Tries that have to be made again.",
        stats.retries);
    add("raksa_notify_waiting", "gauge", "Messages that wait for a channel.", stats.waiting);
    if (stats.kind == "line" && stats.quota_used >= 0) {
      add("raksa_line_quota_used", "gauge", "Messages of this month, as LINE counts them.",
          stats.quota_used);
      if (stats.quota_limit >= 0) {
        add("raksa_line_quota_limit", "gauge", "Messages that the plan allows in a month.",
            stats.quota_limit);
      }
    }
  }
}

}  // namespace app
