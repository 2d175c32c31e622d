// Channel: one configured way to reach people.
#pragma once

#include <string>
#include <vector>

#include "config/node.h"
#include "notify/kind.h"

namespace notify {

/// One item of `notify:`.
struct Channel {
  std::string kind;        ///< "line", "webhook", …
  model::Options options;  ///< checked, of that kind
  std::string name;        ///< unique; the kind's name, with a number when there are several
  std::string language;    ///< "en", "th"; "" = the configuration's
  bool backup = false;     ///< takes only what a channel before it gave up
  bool operator==(const Channel&) const = default;
};

/// Reads `notify:`, a list of maps with one key each: `- line: {to: C0123, token_file: …}`. Beside
/// its kind's options each has `name`, `language` and `backup`. Mistakes become problems of the
/// document; a node that is not there gives no channels.
std::vector<Channel> ReadChannels(config::Node node);

/// Makes the message of an incident's event in a language.
Message Compose(const std::string& id, const std::string& event, const model::Incident& incident,
                const std::string& language);

/// Sends a test message over one channel, once, without the outbox.
loop::Task<Delivery> SendTest(Channel channel, std::string language, loop::HttpClient* http);

}  // namespace notify
