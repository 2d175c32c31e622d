// Reader of JSON in what commands print.
#include "diagnosis/parse/json_answer.h"

#include <fmt/format.h>

#include <boost/json/stream_parser.hpp>

namespace diagnosis::parse {

base::Result<boost::json::value> JsonAnswer(std::string_view text, std::string_view who,
                                            std::size_t max_bytes) {
  const auto start = text.find('{');
  if (start == std::string_view::npos || text.size() > max_bytes) {
    return base::Fail(
        base::ErrorKind::kInvalid,
        fmt::format("{}: no object in its answer, or above {} MiB", who, max_bytes >> 20));
  }
  boost::json::stream_parser parser({}, {.max_depth = 32});
  boost::system::error_code ec;
  parser.write_some(text.data() + start, text.size() - start, ec);
  if (!ec && !parser.done()) {
    parser.finish(ec);
  }
  if (ec || !parser.done()) {
    return base::Fail(base::ErrorKind::kInvalid, fmt::format("{}: its answer is no JSON", who));
  }
  return parser.release();
}

}  // namespace diagnosis::parse
