// The outbox's tasks: one that turns messages into deliveries, one a channel that makes them.
#include "notify/outbox.h"

#include "base/id.h"
#include "base/log.h"
#include "base/text.h"

namespace notify {

using incident::DeliveryRecord;
using namespace std::chrono_literals;

/// A channel with what waits for it.
struct Outbox::Lane {
  Lane(loop::Loop& loop, Channel c) : channel(std::move(c)), changed(loop) {
    stats.name = channel.name;
    stats.kind = channel.kind;
  }
  Channel channel;
  std::map<std::string, DeliveryRecord> waiting;  ///< by message: ids sort by time
  loop::Event changed;
  std::uint64_t changes = 0;
  bool closed = false;  ///< dropped by a reload: its task ends
  bool warned = false;  ///< about the quota
  ChannelStats stats;
};

Outbox::Outbox(loop::Loop& loop, loop::HttpClient& http, incident::Journal& journal,
               std::vector<Channel> channels, std::string language, OutboxOptions options)
    : loop_(loop),
      http_(http),
      journal_(journal),
      language_(std::move(language)),
      options_(options),
      wake_(loop),
      random_(std::random_device{}()),
      scope_(loop) {
  MakeLanes(std::move(channels));
}

Outbox::~Outbox() = default;

void Outbox::MakeLanes(std::vector<Channel> channels) {
  for (auto& channel : channels) {
    lanes_.push_back(std::make_shared<Lane>(loop_, std::move(channel)));
  }
}

void Outbox::Start() {
  started_ = true;
  journal_.SetOnMessage([this] { Wake(); });
  scope_.Spawn("outbox", Expand(this));
  for (const auto& lane : lanes_) {
    scope_.Spawn("outbox " + lane->channel.name, Deliver(this, lane));
    scope_.Spawn("quota " + lane->channel.name, WatchQuota(this, lane));
  }
}

loop::Task<> Outbox::Stop() {
  journal_.SetOnMessage({});
  scope_.Cancel();
  co_await scope_.Join();
}

void Outbox::Wake() {
  ++wakes_;
  wake_.Notify();
}

void Outbox::Configure(std::vector<Channel> channels, std::string language) {
  language_ = std::move(language);
  std::vector<DeliveryRecord> moved;
  std::vector<std::shared_ptr<Lane>> fresh;
  for (auto& channel : channels) {
    const auto old = LaneOf(channel.name);
    if (old && old->channel == channel) {
      fresh.push_back(old);
      continue;
    }
    auto lane = std::make_shared<Lane>(loop_, std::move(channel));
    fresh.push_back(lane);
    if (started_) {
      scope_.Spawn("outbox " + lane->channel.name, Deliver(this, lane));
      scope_.Spawn("quota " + lane->channel.name, WatchQuota(this, lane));
    }
  }
  for (const auto& lane : lanes_) {
    if (std::find(fresh.begin(), fresh.end(), lane) == fresh.end()) {
      lane->closed = true;
      for (auto& [id, delivery] : lane->waiting) {
        moved.push_back(delivery);
      }
      lane->waiting.clear();
      ++lane->changes;
      lane->changed.Notify();
    }
  }
  lanes_ = std::move(fresh);
  for (auto& delivery : moved) {
    Enqueue(std::move(delivery));
  }
  Wake();
}

std::shared_ptr<Outbox::Lane> Outbox::LaneOf(const std::string& channel) const {
  for (const auto& lane : lanes_) {
    if (lane->channel.name == channel) {
      return lane;
    }
  }
  return nullptr;
}

void Outbox::Enqueue(DeliveryRecord delivery) {
  auto lane = LaneOf(delivery.channel);
  if (!lane) {
    if (lanes_.empty()) {
      base::Log(base::Level::kError,
                "a message waits for a channel that is gone, and there is none",
                {{"channel", delivery.channel}, {"message", delivery.message}});
      return;
    }
    incident::Batch batch;
    auto gone = delivery;
    gone.state = "failed over";
    gone.finished = base::Clock::Now();
    gone.detail = "the channel is not configured any more";
    batch.deliveries.push_back(gone);
    lane = lanes_.front();
    const bool again = lane->waiting.contains(delivery.message);
    delivery.channel = lane->channel.name;
    delivery.retry_key = base::NewUuid();
    delivery.tries = 0;
    if (!again) {
      batch.deliveries.push_back(delivery);
    }
    journal_.Post(std::move(batch));
  }
  lane->waiting.try_emplace(delivery.message, std::move(delivery));
  lane->stats.waiting = lane->waiting.size();
  ++lane->changes;
  lane->changed.Notify();
}

loop::Task<> Outbox::Expand(Outbox* self) {
  auto pending = co_await self->journal_.Pending();
  if (pending) {
    for (auto& delivery : *pending) {
      self->Enqueue(std::move(delivery));
    }
  }
  std::uint64_t seen = 0;
  for (;;) {
    seen = self->wakes_;
    co_await self->ExpandNow();
    while (self->wakes_ == seen) {
      co_await self->wake_.Wait();
    }
  }
}

loop::Task<> Outbox::ExpandNow() {
  if (lanes_.empty()) {
    co_return;  // messages stay in the journal until there is a channel
  }
  const auto messages = co_await journal_.NewMessages();
  if (!messages) {
    co_return;
  }
  for (const auto& message : *messages) {
    incident::Batch batch;
    batch.expanded.push_back(message.id);
    for (const auto& lane : lanes_) {
      if (!lane->channel.backup) {
        batch.deliveries.push_back({.message = message.id,
                                    .channel = lane->channel.name,
                                    .retry_key = base::NewUuid(),
                                    .created = message.created,
                                    .next = message.created});
      }
    }
    const auto deliveries = batch.deliveries;
    const auto written = co_await journal_.Write(std::move(batch));
    if (written) {
      for (const auto& delivery : deliveries) {
        Enqueue(delivery);
      }
    }
  }
}

loop::Task<> Outbox::Deliver(Outbox* self, std::shared_ptr<Lane> lane) {
  while (!lane->closed) {
    const auto now = base::Clock::Now();
    const auto seen = lane->changes;
    const DeliveryRecord* due = nullptr;
    base::Time next = base::Time::max();
    for (const auto& [id, delivery] : lane->waiting) {
      // What was never tried waits for nothing, also when somebody sets the clock back.
      if (delivery.tries == 0 || delivery.next <= now) {
        due = &delivery;
        break;
      }
      next = std::min(next, delivery.next);
      if (delivery.tries < self->options_.step_aside) {
        break;  // in order: later ones wait for it
      }
    }
    if (due != nullptr) {
      co_await self->Try(lane, *due);
      continue;
    }
    while (lane->changes == seen) {
      if (next == base::Time::max()) {
        co_await lane->changed.Wait();
        continue;
      }
      const bool woken =
          co_await lane->changed.WaitFor(std::max<base::Duration>(next - base::Clock::Now(), 1ms));
      if (!woken) {
        break;
      }
    }
  }
}

loop::Task<> Outbox::Try(std::shared_ptr<Lane> lane, DeliveryRecord delivery) {
  const auto message = co_await journal_.GetMessage(delivery.message);
  const auto* kind = Find(lane->channel.kind);
  Delivery result;
  if (!message || kind == nullptr) {
    result = {Delivery::Kind::kRejected,
              message ? "there is no channel of that kind" : message.error().message,
              {}};
  } else {
    const auto& language = lane->channel.language.empty() ? language_ : lane->channel.language;
    Request request{.options = lane->channel.options,
                    .message = Compose(message->id, message->event, message->incident, language),
                    .retry_key = delivery.retry_key,
                    .http = &http_};
    result = co_await kind->send(std::move(request));
  }
  co_await Finish(lane, std::move(delivery), std::move(result));
}

loop::Task<> Outbox::Finish(std::shared_ptr<Lane> lane, DeliveryRecord delivery, Delivery result) {
  const auto now = base::Clock::Now();
  ++delivery.tries;
  delivery.detail = result.detail;
  incident::Batch batch;
  const bool late =
      result.kind == Delivery::Kind::kRetry && now - delivery.created >= options_.give_up;
  if (result.kind == Delivery::Kind::kDelivered) {
    delivery.state = "delivered";
    delivery.finished = now;
    ++lane->stats.delivered;
    lane->stats.last_delivered = now;
    lane->stats.last_error.clear();
  } else if (result.kind == Delivery::Kind::kRetry && !late) {
    ++lane->stats.retries;
    lane->stats.last_error = result.detail;
    delivery.next = now + std::max(result.retry_after, Backoff(delivery.tries));
  } else {
    ++lane->stats.failed;
    lane->stats.last_error = result.detail;
    delivery.state = late ? "gave up" : "failed over";
    if (result.kind == Delivery::Kind::kRejected) {
      delivery.state = "rejected";
    }
    delivery.finished = now;
    FailOver(*lane, delivery, batch);
  }
  batch.deliveries.insert(batch.deliveries.begin(), delivery);
  if (lane->closed) {
    // A reload moved it to another channel while it was under way; only a success counts here.
    if (delivery.state == "delivered") {
      journal_.Post({.deliveries = {delivery}});
    }
    co_return;
  }
  if (delivery.state == "pending") {
    lane->waiting[delivery.message] = delivery;
  } else {
    lane->waiting.erase(delivery.message);
  }
  lane->stats.waiting = lane->waiting.size();
  const std::vector<DeliveryRecord> more(batch.deliveries.begin() + 1, batch.deliveries.end());
  const auto written = co_await journal_.Write(std::move(batch));
  (void)written;  // logged there; at worst the same retry key is used again after a crash
  for (const auto& next : more) {
    Enqueue(next);
  }
}

void Outbox::FailOver(const Lane& lane, const DeliveryRecord& delivery, incident::Batch& batch) {
  bool after = false;
  for (const auto& next : lanes_) {
    if (next.get() == &lane) {
      after = true;
    } else if (after && next->channel.backup && !next->waiting.contains(delivery.message)) {
      base::Log(base::Level::kError, "a message could not be delivered: the next channel takes it",
                {{"channel", lane.channel.name},
                 {"next", next->channel.name},
                 {"message", delivery.message},
                 {"err", delivery.detail}});
      batch.deliveries.push_back({.message = delivery.message,
                                  .channel = next->channel.name,
                                  .retry_key = base::NewUuid(),
                                  .created = delivery.created,
                                  .next = base::Clock::Now()});
      return;
    }
  }
  base::Log(base::Level::kError, "A MESSAGE WAS NOT DELIVERED and no channel is left to take it",
            {{"channel", lane.channel.name},
             {"message", delivery.message},
             {"tries", delivery.tries},
             {"err", delivery.detail}});
}

base::Duration Outbox::Backoff(std::int64_t tries) {
  auto wait = options_.first_backoff;
  for (std::int64_t i = 1; i < tries && wait < options_.max_backoff; ++i) {
    wait *= 2;
  }
  wait = std::min(wait, options_.max_backoff);
  const auto quarter = std::max<std::int64_t>(1, wait.count() / 4);
  return wait + base::Duration(static_cast<std::int64_t>(random_()) % quarter);
}

loop::Task<> Outbox::WatchQuota(Outbox* self, std::shared_ptr<Lane> lane) {
  const auto* kind = Find(lane->channel.kind);
  if (kind == nullptr || kind->quota == nullptr) {
    co_return;
  }
  while (!lane->closed) {
    const auto quota = co_await kind->quota(lane->channel.options, &self->http_);
    if (quota) {
      lane->stats.quota_limit = quota->limit;
      lane->stats.quota_used = quota->used;
      const bool high = quota->limit > 0 && quota->used * 5 >= quota->limit * 4;
      if (high && !lane->warned) {
        base::Log(
            base::Level::kWarn, "four fifths of the month's messages are used",
            {{"channel", lane->channel.name}, {"used", quota->used}, {"limit", quota->limit}});
      }
      lane->warned = high;
    } else {
      base::Log(base::Level::kDebug, "the quota cannot be read",
                {{"channel", lane->channel.name}, {"err", quota.error().message}});
    }
    co_await loop::Sleep(self->options_.quota_every);
  }
}

std::vector<ChannelStats> Outbox::stats() const {
  std::vector<ChannelStats> out;
  out.reserve(lanes_.size());
  for (const auto& lane : lanes_) {
    out.push_back(lane->stats);
    out.back().waiting = lane->waiting.size();
  }
  return out;
}

}  // namespace notify
