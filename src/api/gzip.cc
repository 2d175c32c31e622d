// Gzip: windowBits 15 + 16 makes zlib write and read gzip instead of its own frame.
#include "api/gzip.h"

#include <zlib.h>

#include <stdexcept>

#include "base/text.h"

namespace api {
namespace {

constexpr int kGzipWindow = 15 + 16;
constexpr std::size_t kBlock = 32 * 1024;

std::string Deflate(z_stream& z, std::string_view piece, int flush) {
  std::string out;
  // zlib's next_in is not const by history only; it does not write there.
  z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(piece.data()));
  z.avail_in = static_cast<uInt>(piece.size());
  do {
    const auto had = out.size();
    out.resize(had + kBlock);
    z.next_out = reinterpret_cast<Bytef*>(out.data() + had);
    z.avail_out = kBlock;
    deflate(&z, flush);
    out.resize(had + kBlock - z.avail_out);
  } while (z.avail_out == 0);
  return out;
}

}  // namespace

struct GzipStream::State {
  z_stream z{};
};

GzipStream::GzipStream() : state_(std::make_unique<State>()) {
  if (deflateInit2(&state_->z, 6, Z_DEFLATED, kGzipWindow, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
    throw std::bad_alloc();
  }
}

GzipStream::~GzipStream() { deflateEnd(&state_->z); }

std::string GzipStream::Write(std::string_view piece, bool last) {
  return Deflate(state_->z, piece, last ? Z_FINISH : Z_SYNC_FLUSH);
}

std::string Gzip(std::string_view text, int level) {
  z_stream z{};
  if (deflateInit2(&z, level, Z_DEFLATED, kGzipWindow, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
    throw std::bad_alloc();
  }
  auto out = Deflate(z, text, Z_FINISH);
  deflateEnd(&z);
  return out;
}

base::Result<std::string> Gunzip(std::string_view data, std::size_t limit) {
  z_stream z{};
  if (inflateInit2(&z, kGzipWindow) != Z_OK) {
    throw std::bad_alloc();
  }
  z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(data.data()));
  z.avail_in = static_cast<uInt>(data.size());
  std::string out;
  int status = Z_OK;
  while (status == Z_OK && out.size() <= limit) {
    const auto had = out.size();
    out.resize(had + kBlock);
    z.next_out = reinterpret_cast<Bytef*>(out.data() + had);
    z.avail_out = kBlock;
    status = inflate(&z, Z_NO_FLUSH);
    out.resize(had + kBlock - z.avail_out);
  }
  inflateEnd(&z);
  if (out.size() > limit) {
    return base::Fail(base::ErrorKind::kInvalid, "gzip: unpacked it is too large");
  }
  if (status != Z_STREAM_END) {
    return base::Fail(base::ErrorKind::kInvalid, "gzip: broken data");
  }
  return out;
}

bool AcceptsGzip(std::string_view accept_encoding) {
  for (const auto part : base::Split(accept_encoding, ',')) {
    const auto semicolon = part.find(';');
    const auto name = base::Trim(part.substr(0, semicolon));
    if (name != "gzip" && name != "*" && name != "x-gzip") {
      continue;
    }
    const auto weight = semicolon == std::string_view::npos
                            ? std::string_view()
                            : base::Trim(part.substr(semicolon + 1));
    return !(weight.starts_with("q=0") &&
             weight.find_first_not_of("q=0.") == std::string_view::npos);
  }
  return false;
}

}  // namespace api
