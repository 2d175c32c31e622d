// webhook: the incident's event as JSON to a URL, signed.
#pragma once

#include "notify/kind.h"

namespace notify::webhook {

extern const Kind kKind;

/// "sha256=" and the lower-case HMAC-SHA256 of "TIMESTAMP:BODY" (the shape of Grafana's webhook
/// signature with a timestamp header; the prefix as GitHub has it).
std::string Sign(std::string_view secret, std::int64_t unix_seconds, std::string_view body);

}  // namespace notify::webhook
