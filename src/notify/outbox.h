// Outbox: brings every message of the journal to every channel, at least once, whatever fails on
// the way.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "incident/journal.h"
#include "loop/loop.h"
#include "notify/channel.h"

namespace notify {

/// When to try again and when to stop.
struct OutboxOptions {
  base::Duration first_backoff = std::chrono::seconds(2);  ///< doubles, with a quarter of jitter
  base::Duration max_backoff = std::chrono::minutes(10);
  base::Duration give_up = std::chrono::hours(24);  ///< after the message was made
  std::int64_t step_aside = 8;  ///< after so many tries a message lets later ones pass
  base::Duration quota_every = std::chrono::hours(1);
};

/// What one channel has done, for pages and `raksa_notify_*`.
struct ChannelStats {
  std::string name;
  std::string kind;
  std::uint64_t delivered = 0;
  std::uint64_t retries = 0;
  std::uint64_t failed = 0;  ///< rejected, failed over or given up
  std::size_t waiting = 0;
  std::string last_error;
  base::Time last_delivered{};
  std::int64_t quota_limit = -1;  ///< -1: none, or not known
  std::int64_t quota_used = -1;   ///< -1: not known
};

/// One task a channel takes its deliveries in order. Belongs to the loop. Everything it knows is in
/// the journal: after a crash it goes on with the same retry keys.
class Outbox {
 public:
  /// `language` is that of channels which name none.
  Outbox(loop::Loop& loop, loop::HttpClient& http, incident::Journal& journal,
         std::vector<Channel> channels, std::string language = "en", OutboxOptions options = {});
  ~Outbox();
  Outbox(const Outbox&) = delete;
  Outbox& operator=(const Outbox&) = delete;

  /// Takes up what the journal holds, and from then on every new message.
  void Start();
  loop::Task<> Stop();
  /// Other channels, after a reload. What waits for a channel that is gone goes to the first one.
  void Configure(std::vector<Channel> channels, std::string language);
  /// New messages may be in the journal (incident::Journal::SetOnMessage calls this).
  void Wake();

  [[nodiscard]] std::vector<ChannelStats> stats() const;

 private:
  struct Lane;
  static loop::Task<> Expand(Outbox* self);
  static loop::Task<> Deliver(Outbox* self, std::shared_ptr<Lane> lane);
  static loop::Task<> WatchQuota(Outbox* self, std::shared_ptr<Lane> lane);
  loop::Task<> ExpandNow();
  loop::Task<> Try(std::shared_ptr<Lane> lane, incident::DeliveryRecord delivery);
  loop::Task<> Finish(std::shared_ptr<Lane> lane, incident::DeliveryRecord delivery,
                      Delivery result);
  void FailOver(const Lane& lane, const incident::DeliveryRecord& delivery, incident::Batch& batch);
  void Enqueue(incident::DeliveryRecord delivery);
  void MakeLanes(std::vector<Channel> channels);
  [[nodiscard]] base::Duration Backoff(std::int64_t tries);
  [[nodiscard]] std::shared_ptr<Lane> LaneOf(const std::string& channel) const;

  loop::Loop& loop_;
  loop::HttpClient& http_;
  incident::Journal& journal_;
  std::string language_;
  OutboxOptions options_;
  std::vector<std::shared_ptr<Lane>> lanes_;
  loop::Event wake_;
  std::uint64_t wakes_ = 0;
  bool started_ = false;
  std::minstd_rand random_;
  loop::Scope scope_;
};

}  // namespace notify
