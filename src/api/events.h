// EventHub: server-sent events (WHATWG HTML, 9.2) to every page that is open.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "api/http.h"
#include "loop/loop.h"

namespace api {

/// Hands events to all subscribers. A slow subscriber is dropped, never waited for. Belongs to the
/// loop's thread.
class EventHub {
 public:
  struct Limits {
    std::size_t events = 256;         ///< waiting for one client
    std::size_t bytes = 1024 * 1024;  ///< waiting for one client
    std::size_t clients = 128;
    base::Duration heartbeat = std::chrono::seconds(15);
    base::Duration gather = std::chrono::milliseconds(100);  ///< samples of so long go out together
  };

  /// `version` goes out in the first event of every stream.
  EventHub(loop::Loop& loop, std::string version);
  EventHub(loop::Loop& loop, std::string version, Limits limits);
  ~EventHub();
  EventHub(const EventHub&) = delete;
  EventHub& operator=(const EventHub&) = delete;

  /// Sends an event to all who want its name. `json` is one JSON text (line ends in it are made
  /// harmless). Costs nothing when nobody listens.
  void Publish(std::string_view name, std::string_view json);
  /// A stream for one client; `names` empty = every event. 503 when there are too many.
  [[nodiscard]] Response Subscribe(std::vector<std::string> names);
  /// Ends every stream (before the server stops).
  void Close();

  [[nodiscard]] std::size_t clients() const;
  [[nodiscard]] std::uint64_t published() const;
  [[nodiscard]] std::uint64_t dropped_clients() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace api
