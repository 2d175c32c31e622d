// Authentic: checks the signature that Grafana puts on its webhooks.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "base/secret.h"

namespace alert::inbound {

/// Gives a header's value by its name in lower case, "" when it was not sent.
using HeaderLookup = std::function<std::string_view(std::string_view lower_case_name)>;

/// How a Grafana contact point signs (its HMAC settings, Grafana 12 and later).
struct Signing {
  base::Secret secret;
  /// Header of the signature. "" = "X-Grafana-Alerting-Signature" as the documentation has it, or
  /// "X-Grafana-Alert-Signature" as the program's own fallback has it, whichever was sent.
  std::string header;
  /// Header of the time, in Unix seconds. "" = the contact point sends none: then the signature
  /// covers the body alone and a recorded message can be sent again by whoever has it.
  std::string timestamp_header;
  /// How far the time may be from ours, either way.
  base::Duration freshness = std::chrono::minutes(5);
};

/// Checks the HMAC-SHA256 of the body as received, in hexadecimal (with a time header: of
/// "<unix seconds>:" and the body). Source: grafana/alerting http/hmac.go. Compares in constant
/// time. Errors: kDenied with what is missing or wrong; also when `signing.secret` is empty.
base::Result<> Authentic(const Signing& signing, const HeaderLookup& headers, std::string_view body,
                         base::Time now);

}  // namespace alert::inbound
