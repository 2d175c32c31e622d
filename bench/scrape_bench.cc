// How fast a scraped page is read: the second and later ones, whose lines are known, and the first.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <string>
#include <vector>

#include "probe/prometheus/scraper.h"

namespace {

using probe::prometheus::Format;
using probe::prometheus::Parser;
using probe::prometheus::Scraper;
using probe::prometheus::Taking;

/// Pages of one fleet whose values differ.
std::vector<std::string> Pages(std::int64_t series) {
  std::vector<std::string> out(4);
  for (std::size_t n = 0; n < out.size(); ++n) {
    for (std::int64_t i = 0; i < series; ++i) {
      out[n] += fmt::format("if_in_bits{{host=\"h{:05d}\",group=\"g{:02d}\",if=\"eth0\"}} {}\n", i,
                            i % 10, 1'000'000'007LL * (i + 1) + static_cast<std::int64_t>(n) * 8);
    }
  }
  return out;
}

void Read(Scraper* scraper, const std::string& text, std::int64_t t) {
  static const Taking kTaking{.joining = {{{"job", "feed"}, {"instance", "i"}}, false}};
  Scraper::Page page(scraper, &kTaking);
  Parser parser(Format::kText, &page);
  constexpr std::size_t kPiece = 128U << 10;
  for (std::size_t at = 0; at < text.size(); at += kPiece) {
    parser.Feed(std::string_view(text).substr(at, kPiece));
  }
  parser.Finish();
  benchmark::DoNotOptimize(scraper->Commit(&page, "feed", t));
}

void BM_KnownPage(benchmark::State& state) {
  const auto pages = Pages(state.range(0));
  Scraper scraper;
  Read(&scraper, pages[0], 0);
  std::int64_t t = 0;
  for (auto _ : state) {
    ++t;
    Read(&scraper, pages[static_cast<std::size_t>(t) % pages.size()], t);
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_KnownPage)->Arg(1'000)->Arg(100'000);

void BM_FirstPage(benchmark::State& state) {
  const auto pages = Pages(state.range(0));
  for (auto _ : state) {
    Scraper scraper;
    Read(&scraper, pages[0], 0);
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_FirstPage)->Arg(1'000)->Arg(100'000);

}  // namespace
