// EventHub: one text an event, shared by the queues of all clients.
#include "api/events.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>

#include "base/text.h"

namespace api {
namespace {

using Piece = std::shared_ptr<const std::string>;

std::string Frame(std::uint64_t id, std::string_view name, std::string_view json) {
  std::string out = fmt::format("id: {}\nevent: {}\ndata: {}\n\n", id, name, json);
  // JSON needs no raw line ends; one inside the data would begin a field of its own.
  const auto begin = out.size() - json.size() - 2;
  std::replace_if(
      out.begin() + static_cast<std::ptrdiff_t>(begin), out.end() - 2,
      [](char c) { return c == '\n' || c == '\r'; }, ' ');
  return out;
}

}  // namespace

struct EventHub::State {
  class Client;

  State(loop::Loop& l, std::string v, Limits limits_)
      : loop(l), version(std::move(v)), limits(limits_) {}
  loop::Loop& loop;
  std::string version;
  Limits limits;
  std::vector<std::weak_ptr<Client>> clients;
  std::uint64_t id = 0;
  std::uint64_t dropped = 0;
  bool closed = false;
};

/// One subscriber's queue.
class EventHub::State::Client final : public BodyStream {
 public:
  Client(std::shared_ptr<State> hub, std::vector<std::string> names)
      : hub_(std::move(hub)), names_(std::move(names)), wake_(hub_->loop) {}

  bool Wants(std::string_view name) const {
    return names_.empty() || std::ranges::find(names_, name) != names_.end();
  }

  /// `later`: it may wait a little for more of its kind.
  void Push(const Piece& piece, bool later) {
    if (ended_) {
      return;
    }
    if (queue_.size() >= hub_->limits.events || bytes_ + piece->size() > hub_->limits.bytes) {
      ++hub_->dropped;
      End();
      return;
    }
    bytes_ += piece->size();
    urgent_ = urgent_ || !later;
    queue_.push_back(piece);
    if (urgent_ || queue_.size() == 1) {
      wake_.Notify();
    }
  }

  void End() {
    ended_ = true;
    queue_.clear();
    wake_.Notify();
  }

  loop::Task<std::optional<std::string>> Next() override {
    if (queue_.empty() && !ended_) {
      const bool woken = co_await wake_.WaitFor(hub_->limits.heartbeat);
      if (!woken && queue_.empty() && !ended_) {
        co_return std::string(": heartbeat\n\n");
      }
    }
    if (!urgent_ && !ended_) {
      co_await wake_.WaitFor(hub_->limits.gather);
    }
    if (ended_) {
      co_return std::nullopt;
    }
    urgent_ = false;
    std::string out;
    while (!queue_.empty()) {
      out += *queue_.front();
      queue_.pop_front();
    }
    bytes_ = 0;
    if (out.empty()) {
      out = ": heartbeat\n\n";
    }
    co_return out;
  }

 private:
  std::shared_ptr<State> hub_;
  std::vector<std::string> names_;
  loop::Event wake_;
  std::deque<Piece> queue_;
  std::size_t bytes_ = 0;
  bool urgent_ = false;  ///< something in the queue has to go out at once
  bool ended_ = false;
};

EventHub::EventHub(loop::Loop& loop, std::string version)
    : EventHub(loop, std::move(version), Limits{}) {}
EventHub::EventHub(loop::Loop& loop, std::string version, Limits limits)
    : state_(std::make_shared<State>(loop, std::move(version), limits)) {}
EventHub::~EventHub() { Close(); }

void EventHub::Publish(std::string_view name, std::string_view json) {
  auto& s = *state_;
  ++s.id;
  std::erase_if(s.clients, [](const auto& client) { return client.expired(); });
  if (s.clients.empty()) {
    return;
  }
  const auto piece = std::make_shared<const std::string>(Frame(s.id, name, json));
  for (const auto& weak : s.clients) {
    if (const auto client = weak.lock(); client && client->Wants(name)) {
      client->Push(piece, name == "sample");
    }
  }
}

Response EventHub::Subscribe(std::vector<std::string> names) {
  auto& s = *state_;
  if (s.closed || clients() >= s.limits.clients) {
    return JsonError(503, "unavailable", s.closed ? "stopping" : "too many event streams");
  }
  auto client = std::make_shared<State::Client>(state_, std::move(names));
  client->Push(
      std::make_shared<const std::string>(
          "retry: 2000\n\n" + Frame(s.id, "hello",
                                    R"({"version":)" + base::JsonQuote(s.version) + R"(,"time":")" +
                                        base::FormatRfc3339(base::Clock::Now()) + "\"}")),
      false);
  s.clients.push_back(client);
  Response out;
  out.content_type = "text/event-stream";
  out.headers.emplace_back("X-Accel-Buffering", "no");
  out.stream = std::move(client);
  out.live = true;
  out.close = true;
  return out;
}

void EventHub::Close() {
  state_->closed = true;
  for (const auto& weak : state_->clients) {
    if (const auto client = weak.lock()) {
      client->End();
    }
  }
  state_->clients.clear();
}

std::size_t EventHub::clients() const {
  return static_cast<std::size_t>(
      std::ranges::count_if(state_->clients, [](const auto& client) { return !client.expired(); }));
}
std::uint64_t EventHub::published() const { return state_->id; }
std::uint64_t EventHub::dropped_clients() const { return state_->dropped; }

}  // namespace api
