// Requests and pinned addresses.
#include "probe/web.h"

#include "probe/common.h"

namespace probe {

using model::OptionType;

std::string Pin(const base::Site& site, const std::vector<boost::asio::ip::address>& addresses) {
  std::string out = site.host + ":" + site.port + ":";
  for (std::size_t i = 0; i < addresses.size() && i < 8; ++i) {
    const auto text = addresses[i].to_string();
    out += (i > 0 ? "," : "") + (addresses[i].is_v6() ? "[" + text + "]" : text);
  }
  return out;
}

std::vector<model::OptionSpec> WebOptions(std::string_view verify) {
  return {
      {.name = "headers", .type = OptionType::kMap, .help = "request headers, name to value"},
      {.name = "user", .type = OptionType::kString, .help = "user name for basic authentication"},
      {.name = "password_file",
       .type = OptionType::kSecretFile,
       .help = "file that holds the password for basic authentication"},
      {.name = "verify", .type = OptionType::kBool, .help = verify, .fallback = "true"},
      {.name = "ca_file",
       .type = OptionType::kFile,
       .help = "certificates to trust instead of the system's, PEM"},
      IpVersionOption()};
}

void SetWebOptions(const model::Options& options, loop::HttpRequest* request) {
  for (const auto& [name, value] : options.Get<std::map<std::string, std::string>>("headers")) {
    request->headers.emplace_back(name, value);
  }
  request->verify_tls = options.Get<bool>("verify", true);
  request->ca_file = options.Get<std::string>("ca_file");
  request->ip_version = IpVersion(options);
  request->user = options.Get<std::string>("user");
  request->password = options.Get<base::Secret>("password_file").Reveal();
}

}  // namespace probe
