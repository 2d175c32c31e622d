// HttpReader: the answer to one plain HTTP/1 GET, read as its bytes come; what is unusual is left
// to libcurl. Used by the HTTP client only.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "loop/http_client.h"

namespace loop {

/// Header lines and bytes of all answers of one request together, interim answers included.
constexpr std::size_t kMaxHeaderLines = 1'000;
constexpr std::size_t kMaxHeaderBytes = 256U << 10;
constexpr const char* kHeadersBad = "the answer's headers are too many or too long";

/// Gives a piece of the body to `taker`, or, when there is none, keeps what is within `max_body` in
/// `out`. False: that was enough, the answer is then cut off (`out->truncated`).
bool TakeBody(const HttpTaker& taker, std::size_t max_body, HttpResponse* out,
              std::string_view piece);

/// Whether `text` is a token of RFC 9110, 5.6.2, as methods and names of headers are.
bool IsToken(std::string_view text);

class HttpReader {
 public:
  enum class Next {
    kMore,       ///< there is more to come
    kDone,       ///< the answer is whole
    kEnough,     ///< the taker of the body wants no more
    kElsewhere,  ///< nothing of the body was given: libcurl must ask again and read it
    kBad,        ///< see error()
  };
  /// All outlive the reader. `taker` instead of the request's.
  HttpReader(const HttpRequest* request, const HttpTaker* taker, HttpResponse* out);
  ~HttpReader();
  HttpReader(const HttpReader&) = delete;
  HttpReader& operator=(const HttpReader&) = delete;

  /// Takes the next bytes, at least one. Nothing more may be fed after anything but kMore.
  Next Feed(std::string_view bytes);
  /// The peer has closed.
  Next End();
  /// Bytes of the body that are still to come, as far as the answer has said; 0: unknown.
  [[nodiscard]] std::size_t missing() const;
  /// After kDone: whether the connection may be used again.
  [[nodiscard]] bool keeps() const { return keeps_; }
  /// Why the answer is kBad.
  [[nodiscard]] const base::Error& error() const { return error_; }

 private:
  class Inflater;
  enum class At { kStatus, kField, kLength, kToEnd, kSize, kChunk, kChunkEnd, kTrailer };
  struct Framing;

  Next Line(std::string_view line);
  Next StatusLine(std::string_view line);
  Next Field(std::string_view line);
  Next HeadEnd();
  static bool Note(const std::string& name, std::string_view value, Framing* framing);
  Next SizeLine(std::string_view line);
  Next Piece(std::string_view piece);
  Next Done();
  Next Bad(base::ErrorKind kind, std::string message);

  const HttpRequest& request_;
  const HttpTaker& taker_;
  HttpResponse& out_;
  At at_ = At::kStatus;
  std::string line_;              ///< of which the end has not come
  std::size_t left_ = 0;          ///< of the body or chunk
  std::size_t header_lines_ = 0;  ///< so far
  std::size_t header_bytes_ = 0;
  bool keeps_ = false;
  std::unique_ptr<Inflater> inflater_;  ///< set: the body is compressed
  base::Error error_;
};

}  // namespace loop
