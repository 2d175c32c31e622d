// Gzip: RFC 1952 by zlib, whole texts and streams.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace api {

/// `text` compressed at zlib's level 6 (or `level`).
std::string Gzip(std::string_view text, int level = 6);
/// The text of a gzip member. Errors: kInvalid when it is none, or larger than `limit` bytes.
base::Result<std::string> Gunzip(std::string_view data, std::size_t limit);

/// Compresses piece by piece; every piece is flushed so that it can be sent.
class GzipStream {
 public:
  GzipStream();
  ~GzipStream();
  GzipStream(const GzipStream&) = delete;
  GzipStream& operator=(const GzipStream&) = delete;
  /// The compressed bytes of one piece; may be empty. With `last` the end of the member too.
  std::string Write(std::string_view piece, bool last);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Whether an Accept-Encoding header takes gzip (q=0 refuses it).
bool AcceptsGzip(std::string_view accept_encoding);

}  // namespace api
