// Fuzzes what the API reads of a request before anything is known of its sender: target, form,
// token header, Host, times, patterns of paths.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "api/auth.h"
#include "api/gzip.h"
#include "api/http.h"
#include "api/listen.h"
#include "api/number.h"
#include "api/router.h"

namespace {

void Require(bool holds) {
  if (!holds) {
    std::abort();
  }
}

const api::Auth& Tokens() {
  static const api::Auth kAuth{
      .tokens = *api::ParseTokens(api::TokenLine("a", api::Role::kRead, "secret"), "tokens"),
      .host_names = {"raksa.example"}};
  return kAuth;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto target = api::ParseTarget(text)) {
    Require(target->path.starts_with('/'));
    Require(!target->path.contains("/../") && !target->path.contains('\0'));
    api::Router router;
    router.Add("GET", "/api/v1/label/*/values", api::Needs::kRead, {});
    router.Add("GET", "/files/**", api::Needs::kRead, {});
    const auto match = router.Find("GET", target->path);
    Require(match.route == nullptr || match.captures.size() == 1);
  }
  (void)api::ParseForm(text);
  (void)Tokens().Find(text);
  (void)api::IsOwnHost(text, Tokens().host_names);
  (void)api::IsSameOrigin(text, "localhost:8001", false);
  (void)api::ParseTokens(text, "tokens");
  (void)api::ParseListen(std::string(text));
  (void)api::ParseApiTime(text);
  (void)api::ParseApiDuration(text);
  (void)api::AcceptsGzip(text);
  (void)api::Gunzip(text, 1 << 20);
  const auto packed = api::Gzip(text, 1);
  Require(api::Gunzip(packed, size + 1).value_or("?") == text || size == 0);
  return 0;
}
