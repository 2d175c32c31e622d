// Fuzzes the reader of plain HTTP answers: any bytes come to some end, and the same whichever
// pieces they come in.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "loop/http_reader.h"

namespace {

using Next = loop::HttpReader::Next;

struct Answer {
  Next next = Next::kMore;
  loop::HttpResponse response;
  base::Error error;
};

Answer Read(std::string_view text, std::size_t piece) {
  loop::HttpRequest request;
  request.max_body = 1U << 16;
  Answer out;
  loop::HttpReader reader(&request, &request.on_body, &out.response);
  while (out.next == Next::kMore && !text.empty()) {
    out.next = reader.Feed(text.substr(0, piece));
    text.remove_prefix(std::min(piece, text.size()));
  }
  if (out.next == Next::kMore) {
    out.next = reader.End();
  }
  out.error = reader.error();
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto whole = Read(text, size + 1);
  const auto parts = Read(text, size % 13 + 1);
  const bool same =
      whole.next == parts.next && whole.error == parts.error &&
      (whole.next != Next::kDone || (whole.response.body == parts.response.body &&
                                     whole.response.headers == parts.response.headers));
  if (!same || whole.next == Next::kMore) {
    std::abort();
  }
  return 0;
}
