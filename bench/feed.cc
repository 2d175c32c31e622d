// Gives a fleet's newest values as texts, one tick for each line on the standard input, which is
// the tick's second since 1970: a page of the Prometheus text format, lines for InfluxDB, lines for
// Graphite. Each text comes after a line with its number of bytes.
#include <CLI/CLI.hpp>
#include <charconv>
#include <iostream>
#include <string>

#include "bench/fleet.h"

namespace {

/// What comes before a series' value in each of the three.
struct Prefix {
  std::string page, influx, graphite;
};

Prefix PrefixOf(const model::Labels& labels) {
  Prefix out;
  out.page = out.influx = std::string(labels.Get(model::kName));
  out.page += '{';
  out.graphite = "fleet." + std::string(labels.Get("group")) + '.' +
                 std::string(labels.Get("host")) + '.' + std::string(labels.Get(model::kName));
  for (const auto& [name, value] : labels) {
    if (name == model::kName) {
      continue;
    }
    out.page += (out.page.back() == '{' ? "" : ",") + name + "=\"" + value + '"';
    out.influx += ',' + name + '=' + value;
    if (name != "group" && name != "host") {
      out.graphite += '.' + (value == "/" ? "root" : value);
    }
  }
  out.page += "} ";
  out.influx += " value=";
  out.graphite += ' ';
  return out;
}

void Give(const std::string& text) { std::cout << text.size() << '\n' << text; }

}  // namespace

int main(int argc, char** argv) {
  std::size_t hosts = 100;
  std::int64_t step = 10;
  bool page_only = false;
  CLI::App app("Texts of a fleet's values for bench/ingest.py");
  app.add_option("--hosts", hosts)->check(CLI::Range(1, 99'999));
  app.add_option("--step", step, "seconds between ticks")->check(CLI::Range(1, 3600));
  app.add_flag("--page-only", page_only, "the other two stay empty");
  CLI11_PARSE(app, argc, argv);
  bench::Fleet fleet(hosts, 0, step * 1000);
  std::vector<Prefix> prefixes;
  for (std::string second; std::getline(std::cin, second);) {
    const auto& batches = fleet.Tick();
    std::string page;
    std::string influx;
    std::string graphite;
    std::size_t at = 0;
    for (std::size_t k = 0; k < bench::kKinds; ++k) {
      if (k == 0 || std::string_view(bench::kNames[k]) != bench::kNames[k - 1]) {
        page += std::string("# TYPE ") + bench::kNames[k] + (k >= 8 ? " counter\n" : " gauge\n");
      }
      for (const model::Batch& batch : batches) {
        if (at == prefixes.size()) {
          prefixes.push_back(PrefixOf(*batch.samples[k].labels));
        }
        char number[400];
        const std::string_view value(
            number, std::to_chars(number, number + sizeof number, batch.samples[k].value,
                                  std::chars_format::fixed)
                            .ptr -
                        number);
        const Prefix& prefix = prefixes[at++];
        page.append(prefix.page).append(value) += '\n';
        if (!page_only) {
          influx.append(prefix.influx).append(value).append(" ").append(second) += '\n';
          graphite.append(prefix.graphite).append(value).append(" ").append(second) += '\n';
        }
      }
    }
    Give(page);
    Give(influx);
    Give(graphite);
    std::cout.flush();
  }
  return 0;
}
