// Classification of ssh's messages (OpenSSH 7.x to 9.x: ssh.c, sshconnect.c, readconf.c).
#include "ssh/failure.h"

#include <array>
#include <string>

#include "base/text.h"

namespace ssh {
namespace {

struct Rule {
  std::string_view sign;
  base::ErrorKind kind;
  std::string_view sentence;  ///< "" = ssh's own line
};

// In this order: the first sign that is found decides. A changed key also says "verification
// failed".
constexpr std::array kRules = {
    Rule{"REMOTE HOST IDENTIFICATION HAS CHANGED", base::ErrorKind::kDenied,
         "the host key is not the enrolled one; if that was intended, enroll the host again"},
    Rule{"host key is known for", base::ErrorKind::kDenied,
         "the host key is not known; enroll the host first"},
    Rule{"Host key verification failed", base::ErrorKind::kDenied, "host key verification failed"},
    Rule{"REVOKED HOST KEY", base::ErrorKind::kDenied, "the host key is revoked"},
    Rule{"UNPROTECTED PRIVATE KEY FILE", base::ErrorKind::kDenied,
         "the private key file is readable by others"},
    Rule{"Permission denied (", base::ErrorKind::kDenied, ""},
    Rule{"Too many authentication failures", base::ErrorKind::kDenied, ""},
    Rule{"Connection refused", base::ErrorKind::kUnavailable, "connection refused"},
    Rule{"timed out", base::ErrorKind::kDeadline, "no answer in time"},
    Rule{"not responding", base::ErrorKind::kDeadline, "the host stopped answering"},
    Rule{"No route to host", base::ErrorKind::kUnavailable, "no route to host"},
    Rule{"Network is unreachable", base::ErrorKind::kUnavailable, "network is unreachable"},
    Rule{"Could not resolve hostname", base::ErrorKind::kUnavailable, ""},
    Rule{"Connection reset", base::ErrorKind::kUnavailable, "connection reset"},
    Rule{"Connection closed", base::ErrorKind::kUnavailable, "connection closed"},
    Rule{"Broken pipe", base::ErrorKind::kUnavailable, "connection lost"},
};

/// The line that holds `sign`.
std::string LineWith(std::string_view text, std::string_view sign) {
  for (const auto line : base::Lines(text)) {
    if (line.find(sign) != std::string_view::npos) {
      return base::Printable(base::Trim(line)).substr(0, 300);
    }
  }
  return "";
}

}  // namespace

base::Error ClassifyFailure(std::string_view standard_error) {
  for (const auto& rule : kRules) {
    if (standard_error.find(rule.sign) != std::string_view::npos) {
      return {rule.kind, rule.sentence.empty() ? LineWith(standard_error, rule.sign)
                                               : std::string(rule.sentence)};
    }
  }
  std::string last;
  for (const auto line : base::Lines(standard_error)) {
    if (!base::Trim(line).empty()) {
      last = base::Printable(base::Trim(line)).substr(0, 300);
    }
  }
  return {base::ErrorKind::kUnavailable, last.empty() ? "connection lost" : last};
}

}  // namespace ssh
