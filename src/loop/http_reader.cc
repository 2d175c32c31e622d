// The grammar of HTTP/1 answers (RFC 9112), strictly: everything that can be read in two ways is
// libcurl's.
#include "loop/http_reader.h"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <new>

#include "base/text.h"

namespace loop {
namespace {

/// What is read (after decompression) before a transfer is cut off, when nobody takes it in pieces.
constexpr std::size_t kReadLimit = 8U << 20;
/// Bytes of the line that begins a chunk.
constexpr std::size_t kMaxSizeLine = 1'024;
constexpr int kGzipWindow = 16 + MAX_WBITS;
constexpr std::size_t kInflated = 32U << 10;

/// A whole number, digits only.
template <class T>
bool ReadWhole(std::string_view text, int base, T* out) {
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), *out, base);
  return ec == std::errc() && end == text.data() + text.size() && text[0] != '-';
}

}  // namespace

bool TakeBody(const HttpTaker& taker, std::size_t max_body, HttpResponse* out,
              std::string_view piece) {
  if (taker) {
    out->body_bytes += piece.size();
    out->truncated = !taker(*out, piece);
    return !out->truncated;
  }
  const std::size_t room = max_body - std::min(max_body, out->body.size());
  out->body.append(piece.substr(0, room));
  out->truncated = out->truncated || piece.size() > room;
  out->body_bytes += piece.size();
  return out->body_bytes <= kReadLimit;
}

bool IsToken(std::string_view text) {
  constexpr std::string_view kOthers = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           kOthers.find(c) != std::string_view::npos;
  });
}

/// A gzip body, piece by piece.
class HttpReader::Inflater {
 public:
  Inflater() {
    if (inflateInit2(&z_, kGzipWindow) != Z_OK) {
      throw std::bad_alloc();
    }
  }
  ~Inflater() { inflateEnd(&z_); }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  /// False: the data are broken. `*enough`: `give` wanted no more.
  template <class Give>
  bool Take(std::string_view piece, const Give& give, bool* enough) {
    z_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(piece.data()));
    z_.avail_in = static_cast<uInt>(piece.size());
    std::array<char, kInflated> out;  // NOLINT: filled by zlib
    do {
      if (ended_ && z_.avail_in > 0) {  // one member behind the other (RFC 1952, 2.2)
        inflateReset(&z_);
        ended_ = false;
      }
      z_.next_out = reinterpret_cast<Bytef*>(out.data());
      z_.avail_out = static_cast<uInt>(out.size());
      const int status = inflate(&z_, Z_NO_FLUSH);
      if (status != Z_OK && status != Z_STREAM_END && status != Z_BUF_ERROR) {
        return false;
      }
      ended_ = status == Z_STREAM_END;
      const std::size_t made = out.size() - z_.avail_out;
      if (made > 0 && !give(std::string_view(out.data(), made))) {
        *enough = true;
        return true;
      }
    } while (z_.avail_in > 0 || z_.avail_out == 0);
    return true;
  }
  [[nodiscard]] bool ended() const { return ended_; }

 private:
  z_stream z_{};
  bool ended_ = false;
};

/// What the headers say of how the body comes.
struct HttpReader::Framing {
  bool has_length = false;
  std::size_t length = 0;
  bool chunked = false;
  bool gzip = false;
  bool close = false;
  bool keep_alive = false;
  bool location = false;
};

HttpReader::HttpReader(const HttpRequest* request, const HttpTaker* taker, HttpResponse* out)
    : request_(*request), taker_(*taker), out_(*out) {}
HttpReader::~HttpReader() = default;

HttpReader::Next HttpReader::Feed(std::string_view bytes) {
  Next next = Next::kMore;
  while (next == Next::kMore && !bytes.empty()) {
    if (at_ == At::kLength || at_ == At::kToEnd || at_ == At::kChunk) {
      const auto piece = at_ == At::kToEnd ? bytes : bytes.substr(0, left_);
      bytes.remove_prefix(piece.size());
      left_ -= at_ == At::kToEnd ? 0 : piece.size();
      next = Piece(piece);
      if (next == Next::kMore && left_ == 0 && at_ != At::kToEnd) {
        next = at_ == At::kLength ? Done() : Next::kMore;
        at_ = At::kChunkEnd;
      }
      continue;
    }
    const auto end = bytes.find('\n');
    const auto taken = end == std::string_view::npos ? bytes : bytes.substr(0, end + 1);
    bytes.remove_prefix(taken.size());
    const bool size_line = at_ == At::kSize || at_ == At::kChunkEnd;
    header_bytes_ += size_line ? 0 : taken.size();
    if (header_bytes_ > kMaxHeaderBytes) {
      return Bad(base::ErrorKind::kInvalid, kHeadersBad);
    }
    if (size_line && line_.size() + taken.size() > kMaxSizeLine) {
      return Bad(base::ErrorKind::kInvalid, "the answer's chunks are broken");
    }
    if (end == std::string_view::npos) {
      line_ += taken;
      return Next::kMore;
    }
    if (line_.empty()) {
      next = Line(taken.substr(0, end));
    } else {
      line_ += taken.substr(0, end);
      const std::string whole = std::exchange(line_, {});
      next = Line(whole);
    }
  }
  keeps_ = keeps_ && bytes.empty();  // more than was asked for
  return next;
}

HttpReader::Next HttpReader::Line(std::string_view line) {
  if (line.ends_with('\r')) {
    line.remove_suffix(1);
  }
  switch (at_) {
    case At::kStatus:
      return StatusLine(line);
    case At::kField:
    case At::kTrailer:
      return Field(line);
    case At::kSize:
      return SizeLine(line);
    default:
      at_ = At::kSize;
      return line.empty() ? Next::kMore
                          : Bad(base::ErrorKind::kInvalid, "the answer's chunks are broken");
  }
}

/// `HTTP/1.1 200 OK`
HttpReader::Next HttpReader::StatusLine(std::string_view line) {
  ++header_lines_;
  const bool good = line.size() >= 12 && line.starts_with("HTTP/1.") &&
                    (line[7] == '0' || line[7] == '1') && line[8] == ' ' &&
                    (line.size() == 12 || line[12] == ' ') &&
                    ReadWhole(line.substr(9, 3), 10, &out_.status) && out_.status >= 100 &&
                    out_.status <= 599 && out_.status != 101;
  if (!good) {
    return Next::kElsewhere;
  }
  out_.http_version = line.substr(5, 3);
  out_.headers.clear();
  at_ = At::kField;
  return Next::kMore;
}

HttpReader::Next HttpReader::Field(std::string_view line) {
  if (++header_lines_ > kMaxHeaderLines) {
    return Bad(base::ErrorKind::kInvalid, kHeadersBad);
  }
  if (at_ == At::kTrailer) {  // nobody asks for what they say
    return line.empty() ? Done() : Next::kMore;
  }
  if (line.empty()) {
    if (out_.status >= 200) {
      return HeadEnd();
    }
    at_ = At::kStatus;
    return Next::kMore;
  }
  const auto colon = line.find(':');
  if (colon == std::string_view::npos || !IsToken(line.substr(0, colon)) ||
      line.find('\0') != std::string_view::npos) {
    return Next::kElsewhere;
  }
  out_.headers.emplace_back(base::LowerCase(line.substr(0, colon)),
                            base::Trim(line.substr(colon + 1)));
  return Next::kMore;
}

/// False: what this header says is not for this reader.
bool HttpReader::Note(const std::string& name, std::string_view value, Framing* framing) {
  if (name == "content-length") {
    const bool again = std::exchange(framing->has_length, true);
    return !again && !value.empty() && value.size() < 18 && ReadWhole(value, 10, &framing->length);
  }
  if (name == "transfer-encoding") {
    return !std::exchange(framing->chunked, true) && base::EqualIgnoringCase(value, "chunked");
  }
  if (name == "content-encoding") {
    const auto coding = base::LowerCase(value);
    const bool again = std::exchange(framing->gzip, coding == "gzip" || coding == "x-gzip");
    return !again && (framing->gzip || coding == "identity");
  }
  if (name == "connection") {
    const auto options = base::LowerCase(value);
    framing->close = framing->close || options.contains("close");
    framing->keep_alive = framing->keep_alive || options.contains("keep-alive");
  }
  framing->location = framing->location || name == "location";
  return true;
}

HttpReader::Next HttpReader::HeadEnd() {
  Framing framing;
  for (const auto& [name, value] : out_.headers) {
    if (!Note(name, value, &framing)) {
      return Next::kElsewhere;
    }
  }
  const bool old = out_.http_version == "1.0";
  const bool follow = request_.max_redirects > 0 && out_.status / 100 == 3 && framing.location;
  if (follow || (framing.chunked && (old || framing.has_length))) {
    return Next::kElsewhere;
  }
  keeps_ = !framing.close && (!old || framing.keep_alive);
  if (out_.status == 204 || out_.status == 304 || (framing.has_length && framing.length == 0)) {
    return Done();
  }
  if (framing.gzip) {
    inflater_ = std::make_unique<Inflater>();
  }
  at_ = framing.chunked ? At::kSize : framing.has_length ? At::kLength : At::kToEnd;
  left_ = framing.length;
  keeps_ = keeps_ && at_ != At::kToEnd;
  return Next::kMore;
}

/// `1a2b;extension`
HttpReader::Next HttpReader::SizeLine(std::string_view line) {
  const auto digits = base::Trim(line.substr(0, line.find(';')));
  if (digits.empty() || digits.size() > 15 || !ReadWhole(digits, 16, &left_)) {
    return Bad(base::ErrorKind::kInvalid, "the answer's chunks are broken");
  }
  at_ = left_ > 0 ? At::kChunk : At::kTrailer;
  return Next::kMore;
}

HttpReader::Next HttpReader::Piece(std::string_view piece) {
  if (inflater_ == nullptr) {
    return TakeBody(taker_, request_.max_body, &out_, piece) ? Next::kMore : Next::kEnough;
  }
  bool enough = false;
  const auto give = [this](std::string_view part) {
    return TakeBody(taker_, request_.max_body, &out_, part);
  };
  if (!inflater_->Take(piece, give, &enough)) {
    return Bad(base::ErrorKind::kInvalid, "the compressed body is broken");
  }
  return enough ? Next::kEnough : Next::kMore;
}

HttpReader::Next HttpReader::Done() {
  if (inflater_ != nullptr && !inflater_->ended()) {
    return Bad(base::ErrorKind::kInvalid, "the compressed body is cut off");
  }
  return Next::kDone;
}

HttpReader::Next HttpReader::End() {
  keeps_ = false;
  if (at_ == At::kToEnd) {
    return Done();
  }
  if (at_ == At::kStatus || at_ == At::kField) {
    return Bad(base::ErrorKind::kUnavailable, header_bytes_ == 0
                                                  ? "Empty reply from server"
                                                  : "the connection was closed within the head");
  }
  return Bad(base::ErrorKind::kUnavailable,
             at_ == At::kLength
                 ? fmt::format("transfer closed with {} bytes remaining to read", left_)
                 : "transfer closed with outstanding read data remaining");
}

HttpReader::Next HttpReader::Bad(base::ErrorKind kind, std::string message) {
  keeps_ = false;
  error_ = {kind, std::move(message)};
  return Next::kBad;
}

std::size_t HttpReader::missing() const {
  return at_ == At::kLength || at_ == At::kChunk ? left_ : 0;
}

}  // namespace loop
