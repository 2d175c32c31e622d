// One HTTP request on its way through libcurl: what is set on its handle, what has come so far, and
// what comes of it. Used by http_client.cc only.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <string>

#include "loop/curl.h"
#include "loop/http_client.h"

namespace loop {

struct FreeCurlList {
  void operator()(curl_slist* list) const { TheCurl().slist_free_all(list); }
};
using CurlList = std::unique_ptr<curl_slist, FreeCurlList>;

/// One request on its way: its easy handle and what has come so far.
struct Transfer {
  explicit Transfer(Loop& loop) : done(loop), easy(TheCurl().easy_init()) {
    if (easy == nullptr) {
      throw std::bad_alloc();
    }
  }
  ~Transfer() { TheCurl().easy_cleanup(easy); }
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;

  Event done;
  bool finished = false;
  bool cancelled = false;    ///< the client went away
  bool too_long = false;     ///< cut off at kReadLimit, or by on_body
  bool headers_bad = false;  ///< cut off at the headers' bounds
  CURLcode code = CURLE_OK;
  CURL* easy;
  HttpRequest request;
  HttpResponse response;
  std::size_t header_lines = 0;
  std::size_t header_bytes = 0;
  CurlList headers;
  CurlList resolve;
  std::array<char, CURL_ERROR_SIZE> error{};
};

/// Checks what curl would pass on as it is; "" = all good.
std::string Faults(const HttpRequest& request);

/// Sets everything that `transfer.request` asks for on its handle. Throws std::bad_alloc.
void Prepare(Transfer& transfer);

/// The answer of a finished transfer, moved out of it; errors as HttpClient::Send has them.
base::Result<HttpResponse> Conclude(Transfer& transfer);

}  // namespace loop
