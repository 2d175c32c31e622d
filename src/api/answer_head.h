// The head of an answer: status line and headers, as a connection sends them (inside the room).
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "api/http.h"

namespace api {

/// How the answer to one request is to be framed.
struct Framing {
  bool head = false;        ///< HEAD: headers only
  bool old = false;         ///< HTTP/1.0: no chunks
  bool keep_alive = false;  ///< and not Response::close
  bool gzip = false;        ///< the client takes it
  bool tls = false;
};

/// Whether a body of this type becomes smaller by gzip.
bool Compressible(std::string_view content_type);
/// The bytes of a head, to the empty line. `length`: of the body; nullopt: it comes in chunks, or
/// ends with the connection.
std::string WriteHead(const Response& response, const Framing& framing, bool gzip,
                      std::optional<std::size_t> length);

}  // namespace api
