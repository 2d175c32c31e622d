// Feeds bytes to the reader of metric pages in both formats, whole and in pieces: both must say the
// same, and every series that is given can be taken apart.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "probe/prometheus/exposition.h"

namespace {

using probe::prometheus::Format;

class Collect : public probe::prometheus::Sink {
 public:
  explicit Collect(Format format) : format_(format) {}
  bool OnLine(const probe::prometheus::Line& line) override {
    if (!probe::prometheus::ReadSeries(line.series, format_) || model::IsStale(line.value)) {
      std::abort();
    }
    seen.push_back(std::string(line.series) + std::to_string(line.value));
    return true;
  }
  std::vector<std::string> seen;

 private:
  Format format_;
};

std::string Read(std::string_view page, Format format, std::size_t piece, Collect* out) {
  probe::prometheus::Parser parser(format, out);
  for (std::size_t at = 0; at < page.size(); at += piece) {
    if (!parser.Feed(page.substr(at, piece))) {
      return parser.fault().ToString();
    }
  }
  return parser.Finish() ? "" : parser.fault().ToString();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view page(reinterpret_cast<const char*>(data), size);
  for (const auto format : {Format::kText, Format::kOpenMetrics}) {
    Collect whole(format);
    Collect pieces(format);
    const auto one = Read(page, format, size + 1, &whole);
    const auto many = Read(page, format, 7, &pieces);
    if (one != many || whole.seen != pieces.seen) {
      std::abort();
    }
  }
  return 0;
}
