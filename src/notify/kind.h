// Kind: what a channel of messages is (line, webhook, …). One folder a kind.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "loop/http_client.h"
#include "loop/loop.h"
#include "model/incident.h"
#include "model/kind.h"

namespace notify {

/// A message to people about one event of an incident, ready in words and in data.
struct Message {
  std::string id;       ///< base::NewId; a retry keeps it
  std::string event;    ///< "opened", "ended", "approval", "test"
  std::string subject;  ///< one line: "[FIXED] web1: container web-database was killed (137)"
  std::string text;     ///< the whole text, lines, in the configured language
  model::Incident incident;
  std::string language;  ///< "en" or "th"
};

/// How one try to deliver went.
struct Delivery {
  enum class Kind {
    kDelivered,
    kRetry,      ///< try again later (time-out, 5xx, rate limit)
    kExhausted,  ///< this channel will not take it (monthly limit): the next channel should
    kRejected    ///< the message or the credentials are wrong: no retry helps
  };
  Kind kind = Kind::kRetry;
  std::string detail;            ///< status, request id, the peer's sentence
  base::Duration retry_after{};  ///< what the peer asked for; zero = our own backoff
};

/// What a try is given. `retry_key` is the same for every try of one message on one channel (a
/// UUID).
struct Request {
  model::Options options;
  Message message;
  std::string retry_key;
  loop::HttpClient* http = nullptr;
};

/// How many messages a channel's plan still allows in this month.
struct Quota {
  std::int64_t limit = -1;  ///< -1 = no limit
  std::int64_t used = 0;
};

struct Kind {
  model::KindSpec spec;
  loop::Task<Delivery> (*send)(Request request);
  /// Reads the quota; nullptr when the kind has none.
  loop::Task<base::Result<Quota>> (*quota)(model::Options options,
                                           loop::HttpClient* http) = nullptr;
};

/// Every kind, from the folders of src/notify.
std::span<const Kind* const> Catalogue();
const Kind* Find(std::string_view name);

}  // namespace notify
