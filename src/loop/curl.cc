// Loading libcurl.
#include "loop/curl.h"

#include <dlfcn.h>

#include <string>

namespace loop {
namespace {

constexpr const char* kLibrary = "libcurl.so.4";

base::Result<Curl> Load() {
  void* const library = dlopen(kLibrary, RTLD_NOW | RTLD_LOCAL);  // for good: it is never closed
  const char* missing = nullptr;
  Curl out;
  const auto find = [&](const char* name, auto& function) {
    void* const at = library == nullptr ? nullptr : dlsym(library, name);
    function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(at);
    missing = at == nullptr && missing == nullptr ? name : missing;
  };
  find("curl_global_init", out.global_init);
  find("curl_easy_init", out.easy_init);
  find("curl_easy_cleanup", out.easy_cleanup);
  find("curl_easy_setopt", out.easy_setopt);
  find("curl_easy_getinfo", out.easy_getinfo);
  find("curl_easy_strerror", out.easy_strerror);
  find("curl_multi_init", out.multi_init);
  find("curl_multi_cleanup", out.multi_cleanup);
  find("curl_multi_setopt", out.multi_setopt);
  find("curl_multi_add_handle", out.multi_add_handle);
  find("curl_multi_remove_handle", out.multi_remove_handle);
  find("curl_multi_info_read", out.multi_info_read);
  find("curl_multi_socket_action", out.multi_socket_action);
  find("curl_multi_strerror", out.multi_strerror);
  find("curl_slist_append", out.slist_append);
  find("curl_slist_free_all", out.slist_free_all);
  if (library == nullptr) {
    return base::Fail(base::ErrorKind::kUnavailable,
                      std::string("libcurl cannot be loaded (package libcurl4): ") + dlerror());
  }
  if (missing != nullptr) {
    return base::Fail(base::ErrorKind::kUnavailable,
                      std::string(kLibrary) + " has no function " + missing);
  }
  if (const CURLcode code = out.global_init(CURL_GLOBAL_DEFAULT); code != CURLE_OK) {
    return base::Fail(base::ErrorKind::kUnavailable,
                      std::string("libcurl does not begin: ") + out.easy_strerror(code));
  }
  return out;
}

}  // namespace

const base::Result<Curl>& LoadCurl() {
  static const base::Result<Curl> loaded = Load();
  return loaded;
}

}  // namespace loop
