// Fuzzes PromQL: any text either is a mistake or an expression that prints as one that parses to
// the same, and that evaluates without a crash.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "promql/engine.h"
#include "promql/memory_querier.h"
#include "rule/template.h"

namespace {

const promql::MemoryQuerier& Data() {
  static const promql::MemoryQuerier* data = [] {
    auto* out = new promql::MemoryQuerier;
    for (int i = 0; i < 20; ++i) {
      out->Add({{"__name__", "a"}, {"x", "1"}}, i * 60'000, i);
      out->Add({{"__name__", "a"}, {"x", "2"}}, i * 60'000, 20 - i);
      out->Add({{"__name__", "b"}, {"x", "1"}, {"le", "+Inf"}}, i * 60'000, i % 3);
    }
    return out;
  }();
  return *data;
}

// As Prometheus, a sign before a power of infinity is printed before a sign that the number prints
// by itself (`+inf ^ 2` as `++Inf ^ 2`), and read as one sign more: of these any number is one.
std::string OneSign(std::string text) {
  for (auto at = text.find("++Inf"); at != std::string::npos; at = text.find("++Inf")) {
    text.erase(at, 1);
  }
  return text;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  if (const auto parsed = rule::Template::Parse(text)) {
    static_cast<void>(parsed->Expand({{"x", "1"}}, 2.5));
  }
  const auto expr = promql::ParseExpr(text);
  if (!expr) {
    return 0;
  }
  const std::string printed = (*expr)->ToString();
  const auto again = promql::ParseExpr(printed);
  // A deep expression may print one level deeper than the limit allows; otherwise it must be equal.
  if (again && OneSign((*again)->ToString()) != OneSign(printed)) {
    std::abort();
  }
  promql::Limits limits;
  limits.max_samples = 200'000;
  limits.timeout = std::chrono::milliseconds(500);
  const promql::Engine engine(&Data(), limits);
  static_cast<void>(engine.Instant(**expr, 600'000));
  static_cast<void>(engine.Range(**expr, 0, 1'200'000, 60'000));
  return 0;
}
