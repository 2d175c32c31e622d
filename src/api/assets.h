// Assets: the files of the page, embedded in the program, and how they are served.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "api/http.h"

namespace api {

/// One file of the page. tools/web writes the list from what the page's build gave.
struct Asset {
  std::string_view path;          ///< "/index.html", "/app.4f3a91c2.js"
  std::string_view content_type;  ///< "text/javascript; charset=utf-8"
  std::string_view etag;          ///< in quotes
  std::span<const unsigned char> gzip;
};

/// Every embedded file; /index.html is among them.
std::span<const Asset> Assets();

/// Answers a request for a file of the page: ETag and 304, gzip as stored (unpacked for who does
/// not take it), names with a hash as immutable. Paths that are no file and look like none (no dot
/// in the last part) get /index.html, so that links into the page work; /api/… and files that are
/// not there get 404. `web_dir` not empty: files are read from there instead (development).
Response ServeAsset(const Request& request, const std::string& web_dir);

/// The content type of a file name by its ending; application/octet-stream when it is not known.
std::string_view ContentType(std::string_view path);
/// Whether a file name holds a hash of its content, as bundlers write it: "app.4f3a91c2.js",
/// "app-IZMAEPAF.js" (at least 8 letters and digits with a digit among them, or without small
/// letters).
bool HasHashedName(std::string_view path);

}  // namespace api
