// Curl: the functions of libcurl that are used here. It is loaded when the first request needs it:
// two dozen libraries come with it, which cost a quarter of the time that starting takes, and a
// Raksa that asks plain pages only never needs them.
#pragma once

#include <curl/curl.h>

#include "base/result.h"

namespace loop {

struct Curl {
  decltype(&curl_global_init) global_init = nullptr;
  decltype(&curl_easy_init) easy_init = nullptr;
  decltype(&curl_easy_cleanup) easy_cleanup = nullptr;
  decltype(&curl_easy_setopt) easy_setopt = nullptr;
  decltype(&curl_easy_getinfo) easy_getinfo = nullptr;
  decltype(&curl_easy_strerror) easy_strerror = nullptr;
  decltype(&curl_multi_init) multi_init = nullptr;
  decltype(&curl_multi_cleanup) multi_cleanup = nullptr;
  decltype(&curl_multi_setopt) multi_setopt = nullptr;
  decltype(&curl_multi_add_handle) multi_add_handle = nullptr;
  decltype(&curl_multi_remove_handle) multi_remove_handle = nullptr;
  decltype(&curl_multi_info_read) multi_info_read = nullptr;
  decltype(&curl_multi_socket_action) multi_socket_action = nullptr;
  decltype(&curl_multi_strerror) multi_strerror = nullptr;
  decltype(&curl_slist_append) slist_append = nullptr;
  decltype(&curl_slist_free_all) slist_free_all = nullptr;
};

/// Loads libcurl once and lets it prepare itself; on the loop's thread. Errors: kUnavailable, the
/// same each time.
const base::Result<Curl>& LoadCurl();

/// What LoadCurl gave; for whoever has seen that it is there.
inline const Curl& TheCurl() { return *LoadCurl(); }

}  // namespace loop
