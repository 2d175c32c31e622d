// Reader of `nginx -t`.
#include "diagnosis/parse/nginx_check.h"

#include "base/text.h"

namespace diagnosis::parse {
namespace {

bool Has(std::string_view line, std::string_view sign) {
  return line.find(sign) != std::string_view::npos;
}

std::string_view CauseOf(std::string_view line) {
  if (Has(line, "host not found in upstream")) {
    return "nginx-upstream-unresolved";
  }
  if (Has(line, "cannot load certificate") || Has(line, "SSL_CTX_use_PrivateKey") ||
      Has(line, "SSL_CTX_use_certificate") || Has(line, "PEM_read_bio")) {
    return "nginx-certificate-unusable";
  }
  const bool log = Has(line, "open() \"") && (Has(line, ".log\" failed") || Has(line, "/log/"));
  if (log || Has(line, "mkdir() \"")) {
    return "nginx-log-unwritable";
  }
  return "nginx-config-invalid";
}

}  // namespace

NginxCheck ReadNginxCheck(std::string_view text) {
  NginxCheck out;
  std::string_view emerg;
  std::string_view last;
  for (const auto line : base::Lines(text)) {
    if (Has(line, "test failed")) {
      out.failed = true;
    }
    if (Has(line, "[emerg]")) {
      emerg = line.substr(line.find("[emerg]"));
    }
    if (!base::Trim(line).empty()) {
      last = base::Trim(line);
    }
  }
  if (out.failed) {
    const auto words = emerg.empty() ? last : emerg;
    out.line = base::Printable(words.substr(0, 300));
    out.cause = CauseOf(words);
  }
  return out;
}

}  // namespace diagnosis::parse
