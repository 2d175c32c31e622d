// What is asked of libcurl for one HTTP request, and what is read of its answer; every size that a
// peer chooses is bounded.
#include "loop/http_transfer.h"

#include <fmt/format.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <algorithm>
#include <ctime>
#include <system_error>

#include "base/text.h"
#include "loop/http_reader.h"

namespace loop {
namespace {

/// What is read from the socket at once when the body is long.
constexpr long kLongBuffer = 128L << 10;

void Append(CurlList& list, const std::string& line) {
  curl_slist* grown = TheCurl().slist_append(list.get(), line.c_str());
  if (grown == nullptr) {
    throw std::bad_alloc();
  }
  static_cast<void>(list.release());
  list.reset(grown);
}

/// The seconds since 1970 at which the first certificate of the peer's chain ends; 0 = unknown.
std::int64_t EarliestEnd(SSL* ssl) {
  std::int64_t earliest = 0;
  STACK_OF(X509)* chain = SSL_get_peer_cert_chain(ssl);
  for (int i = 0; chain != nullptr && i < sk_X509_num(chain); ++i) {
    std::tm tm{};
    if (ASN1_TIME_to_tm(X509_get0_notAfter(sk_X509_value(chain, i)), &tm) != 1) {
      continue;
    }
    const auto end = static_cast<std::int64_t>(timegm(&tm));
    earliest = earliest == 0 ? end : std::min(earliest, end);
  }
  return earliest;
}

base::ErrorKind KindOf(CURLcode code) {
  switch (code) {
    case CURLE_OPERATION_TIMEDOUT:
      return base::ErrorKind::kDeadline;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
      return base::ErrorKind::kNotFound;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_INVALIDCERTSTATUS:
    case CURLE_LOGIN_DENIED:
      return base::ErrorKind::kDenied;
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
    case CURLE_BAD_CONTENT_ENCODING:
    case CURLE_BAD_FUNCTION_ARGUMENT:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_WRITE_ERROR:
      return base::ErrorKind::kInvalid;
    default:
      return base::ErrorKind::kUnavailable;
  }
}

double Seconds(CURL* easy, CURLINFO info) {
  curl_off_t micros = 0;
  TheCurl().easy_getinfo(easy, info, &micros);
  return static_cast<double>(micros) / 1e6;
}

HttpPhases PhasesOf(CURL* easy) {
  const double name = Seconds(easy, CURLINFO_NAMELOOKUP_TIME_T);
  const double connect = Seconds(easy, CURLINFO_CONNECT_TIME_T);
  const double tls = Seconds(easy, CURLINFO_APPCONNECT_TIME_T);
  const double ready = Seconds(easy, CURLINFO_PRETRANSFER_TIME_T);
  const double first = Seconds(easy, CURLINFO_STARTTRANSFER_TIME_T);
  const double total = Seconds(easy, CURLINFO_TOTAL_TIME_T);
  HttpPhases out;
  out.resolve = name;
  out.connect = std::max(0.0, connect - name);
  out.tls = tls > 0 ? std::max(0.0, tls - connect) : 0.0;
  out.processing = std::max(0.0, first - ready);
  out.transfer = std::max(0.0, total - first);
  return out;
}

void NoteTls(Transfer& t) {
  curl_tlssessioninfo* info = nullptr;
  if (t.response.tls || TheCurl().easy_getinfo(t.easy, CURLINFO_TLS_SSL_PTR, &info) != CURLE_OK ||
      info == nullptr || info->backend != CURLSSLBACKEND_OPENSSL || info->internals == nullptr) {
    return;
  }
  auto* ssl = static_cast<SSL*>(info->internals);
  t.response.tls = true;
  t.response.tls_version = SSL_get_version(ssl);
  t.response.cert_not_after = EarliestEnd(ssl);
}

std::size_t OnHeader(char* data, std::size_t size, std::size_t count, void* user) {
  auto& t = *static_cast<Transfer*>(user);
  const std::size_t bytes = size * count;
  t.header_bytes += bytes;
  if (++t.header_lines > kMaxHeaderLines || t.header_bytes > kMaxHeaderBytes) {
    t.headers_bad = true;
    return 0;
  }
  const std::string_view line = base::Trim(std::string_view(data, bytes));
  if (line.starts_with("HTTP/") && line.find(':') > line.find(' ')) {
    t.response.headers.clear();  // only the last answer's are kept
    t.response.tls = false;
    NoteTls(t);
    return bytes;
  }
  const auto colon = line.find(':');
  if (colon != std::string_view::npos) {
    t.response.headers.emplace_back(base::LowerCase(base::Trim(line.substr(0, colon))),
                                    std::string(base::Trim(line.substr(colon + 1))));
  }
  return bytes;
}

std::size_t OnBody(char* data, std::size_t size, std::size_t count, void* user) {
  auto& t = *static_cast<Transfer*>(user);
  const std::size_t bytes = size * count;
  if (t.request.on_body) {
    long status = 0;
    TheCurl().easy_getinfo(t.easy, CURLINFO_RESPONSE_CODE, &status);
    t.response.status = static_cast<int>(status);
  }
  t.too_long = !TakeBody(t.request.on_body, t.request.max_body, &t.response, {data, bytes});
  return t.too_long ? 0 : bytes;
}

void SetMethod(Transfer& t) {
  CURL* e = t.easy;
  const auto& method = t.request.method;
  if (method == "HEAD") {
    TheCurl().easy_setopt(e, CURLOPT_NOBODY, 1L);
    return;
  }
  if (method == "POST" || !t.request.body.empty()) {
    TheCurl().easy_setopt(e, CURLOPT_POST, 1L);
    TheCurl().easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE,
                          static_cast<curl_off_t>(t.request.body.size()));
    TheCurl().easy_setopt(e, CURLOPT_POSTFIELDS, t.request.body.data());
    Append(t.headers, "Expect:");
  }
  if (method != "GET" || !t.request.body.empty()) {
    TheCurl().easy_setopt(e, CURLOPT_CUSTOMREQUEST, method.c_str());
  }
}

void SetConnection(Transfer& t) {
  CURL* e = t.easy;
  const auto& r = t.request;
  if (r.fresh) {
    TheCurl().easy_setopt(e, CURLOPT_FRESH_CONNECT, 1L);
    TheCurl().easy_setopt(e, CURLOPT_FORBID_REUSE, 1L);
    TheCurl().easy_setopt(e, CURLOPT_SSL_SESSIONID_CACHE, 0L);
    TheCurl().easy_setopt(e, CURLOPT_PROXY, "");  // a probe asks the host itself
  }
  if (!r.unix_socket.empty()) {
    TheCurl().easy_setopt(e, CURLOPT_UNIX_SOCKET_PATH, r.unix_socket.c_str());
  }
  if (r.ip_version != 0) {
    TheCurl().easy_setopt(
        e, CURLOPT_IPRESOLVE,
        static_cast<long>(r.ip_version == 4 ? CURL_IPRESOLVE_V4 : CURL_IPRESOLVE_V6));
  }
  if (!r.interface_name.empty()) {
    TheCurl().easy_setopt(e, CURLOPT_INTERFACE, r.interface_name.c_str());
  }
  for (const auto& pin : r.resolve) {
    Append(t.resolve, pin);
  }
  if (t.resolve) {
    TheCurl().easy_setopt(e, CURLOPT_RESOLVE, t.resolve.get());
  }
}

void SetTlsAndLogin(Transfer& t) {
  CURL* e = t.easy;
  const auto& r = t.request;
  TheCurl().easy_setopt(e, CURLOPT_SSL_VERIFYPEER, r.verify_tls ? 1L : 0L);
  TheCurl().easy_setopt(e, CURLOPT_SSL_VERIFYHOST, r.verify_tls ? 2L : 0L);
  if (!r.ca_file.empty()) {
    TheCurl().easy_setopt(e, CURLOPT_CAINFO, r.ca_file.c_str());
    TheCurl().easy_setopt(e, CURLOPT_CAPATH, nullptr);
  }
  if (!r.user.empty()) {
    TheCurl().easy_setopt(e, CURLOPT_HTTPAUTH, static_cast<long>(CURLAUTH_BASIC));
    TheCurl().easy_setopt(e, CURLOPT_USERNAME, r.user.c_str());
    TheCurl().easy_setopt(e, CURLOPT_PASSWORD, r.password.c_str());
  }
}

std::string Sentence(const Transfer& t) {
  if (t.headers_bad) {
    return kHeadersBad;
  }
  std::string text = t.error[0] != '\0' ? t.error.data() : TheCurl().easy_strerror(t.code);
  text = base::Printable(std::string(base::Trim(text)).substr(0, 300));
  long number = 0;
  if (t.code == CURLE_COULDNT_CONNECT &&
      TheCurl().easy_getinfo(t.easy, CURLINFO_OS_ERRNO, &number) == CURLE_OK && number != 0) {
    text += fmt::format(" ({})", std::generic_category().message(static_cast<int>(number)));
  }
  return text;
}

}  // namespace

std::string_view HttpResponse::Header(std::string_view lower_case_name) const {
  for (const auto& [name, value] : headers) {
    if (name == lower_case_name) {
      return value;
    }
  }
  return {};
}

std::string Faults(const HttpRequest& request) {
  if (!IsToken(request.method)) {
    return "the method is no HTTP token";
  }
  for (const auto& [name, value] : request.headers) {
    if (!IsToken(name) || value.find_first_of(std::string_view("\r\n\0", 3)) != std::string::npos) {
      return fmt::format("header \"{}\" is not fit to be sent", base::Printable(name));
    }
  }
  if (request.url.find('\0') != std::string::npos) {
    return "the URL holds a zero byte";
  }
  return "";
}

void Prepare(Transfer& t) {
  CURL* e = t.easy;
  const auto& r = t.request;
  TheCurl().easy_setopt(e, CURLOPT_PRIVATE, &t);
  TheCurl().easy_setopt(e, CURLOPT_ERRORBUFFER, t.error.data());
  TheCurl().easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
  // A look-up that hangs is left to itself when the time is over, instead of being waited for.
  TheCurl().easy_setopt(e, CURLOPT_QUICK_EXIT, 1L);
  TheCurl().easy_setopt(e, CURLOPT_URL, r.url.c_str());
  TheCurl().easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
  TheCurl().easy_setopt(e, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
  TheCurl().easy_setopt(e, CURLOPT_USERAGENT, "raksa");
  TheCurl().easy_setopt(e, CURLOPT_ACCEPT_ENCODING, "gzip, deflate");
  TheCurl().easy_setopt(
      e, CURLOPT_TIMEOUT_MS,
      static_cast<long>(std::chrono::ceil<std::chrono::milliseconds>(r.timeout).count()));
  TheCurl().easy_setopt(e, CURLOPT_FOLLOWLOCATION, r.max_redirects > 0 ? 1L : 0L);
  TheCurl().easy_setopt(e, CURLOPT_MAXREDIRS, static_cast<long>(std::max(0, r.max_redirects)));
  TheCurl().easy_setopt(e, CURLOPT_HEADERFUNCTION, &OnHeader);
  TheCurl().easy_setopt(e, CURLOPT_HEADERDATA, &t);
  TheCurl().easy_setopt(e, CURLOPT_WRITEFUNCTION, &OnBody);
  TheCurl().easy_setopt(e, CURLOPT_WRITEDATA, &t);
  for (const auto& [name, value] : r.headers) {
    Append(t.headers, value.empty() ? name + ";" : fmt::format("{}: {}", name, value));
  }
  if (r.on_body) {
    TheCurl().easy_setopt(e, CURLOPT_BUFFERSIZE, kLongBuffer);
  }
  SetMethod(t);
  SetConnection(t);
  SetTlsAndLogin(t);
  if (t.headers) {
    TheCurl().easy_setopt(e, CURLOPT_HTTPHEADER, t.headers.get());
  }
}

base::Result<HttpResponse> Conclude(Transfer& t) {
  if (t.cancelled) {
    return base::Fail(base::ErrorKind::kCancelled, "the HTTP client is shutting down");
  }
  // A redirect beyond the allowed number is the answer, and so is what came of an endless body.
  const bool answer = t.code == CURLE_OK || t.code == CURLE_TOO_MANY_REDIRECTS || t.too_long;
  if (!answer) {
    return base::Fail(KindOf(t.code), Sentence(t));
  }
  auto& out = t.response;
  long number = 0;
  TheCurl().easy_getinfo(t.easy, CURLINFO_RESPONSE_CODE, &number);
  out.status = static_cast<int>(number);
  if (out.status < 100 || out.status > 599) {
    return base::Fail(base::ErrorKind::kInvalid,
                      fmt::format("the answer's status {} is outside 100 to 599", out.status));
  }
  TheCurl().easy_getinfo(t.easy, CURLINFO_REDIRECT_COUNT, &number);
  out.redirects = static_cast<int>(number);
  TheCurl().easy_getinfo(t.easy, CURLINFO_HTTP_VERSION, &number);
  out.http_version = number == CURL_HTTP_VERSION_1_0   ? "1.0"
                     : number == CURL_HTTP_VERSION_1_1 ? "1.1"
                     : number == CURL_HTTP_VERSION_2_0 ? "2"
                                                       : "3";
  const char* text = nullptr;
  if (TheCurl().easy_getinfo(t.easy, CURLINFO_EFFECTIVE_URL, &text) == CURLE_OK &&
      text != nullptr) {
    out.final_url = text;
  }
  text = nullptr;
  if (TheCurl().easy_getinfo(t.easy, CURLINFO_PRIMARY_IP, &text) == CURLE_OK && text != nullptr) {
    out.remote_address = text;
  }
  out.phases = PhasesOf(t.easy);
  out.total_seconds = Seconds(t.easy, CURLINFO_TOTAL_TIME_T);
  return std::move(out);
}

}  // namespace loop
