// line: messages to a LINE user, group or room by the Messaging API.
#pragma once

#include <boost/json/object.hpp>

#include "notify/kind.h"

namespace notify::line {

extern const Kind kKind;

/// The body of a push: one Flex card, or text, or both, as `style` says. Within LINE's limits:
/// altText 400, text 5000 UTF-16 units, a bubble 30 KB.
/// Source: https://developers.line.biz/en/reference/messaging-api/#send-push-message
boost::json::object PushBody(const std::string& to, const Message& message,
                             const std::string& style);

}  // namespace notify::line
