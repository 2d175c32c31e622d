// Writes the same day of a fleet three times: as a Raksa store, as OpenMetrics text (a file a
// two-hour block, for promtool) and as VictoriaMetrics's import lines (a file a block).
#include <CLI/CLI.hpp>
#include <charconv>
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "bench/fleet.h"
#include "store/store.h"

namespace {

constexpr std::int64_t kBlock = 7'200'000;

struct Job {
  std::string dir;
  std::size_t hosts = 100;
  std::int64_t hours = 24;
  std::int64_t step = 5;   // seconds
  std::int64_t start = 0;  // seconds since 1970, a multiple of two hours
  bool text = true;
};

void AppendNumber(std::string& out, double v) {
  char text[400];
  out.append(text, std::to_chars(text, text + sizeof text, v, std::chars_format::fixed).ptr);
}

/// One series in the texts of one block.
struct Texts {
  std::string open_metrics;  // the part before the value
  std::string lines;
  std::string values;
};

std::string JsonMetric(const model::Labels& labels) {
  std::string out = R"({"metric":{)";
  for (const auto& [name, value] : labels) {
    out += (out.back() == '{' ? "\"" : ",\"") + name + "\":\"" + value + '"';
  }
  return out + '}';
}

std::string OpenMetricsPrefix(const model::Labels& labels) {
  std::string out(labels.Get(model::kName));
  out += '{';
  for (const auto& [name, value] : labels) {
    if (name != model::kName) {
      out += (out.back() == '{' ? "" : ",") + name + "=\"" + value + '"';
    }
  }
  return out + "} ";
}

/// The texts of one block, which grow sample by sample and are written when it is over.
class BlockTexts {
 public:
  explicit BlockTexts(std::string dir) : dir_(std::move(dir)) {}

  void Add(const std::vector<model::Batch>& batches) {
    if (texts_.empty()) {
      // By metric, as OpenMetrics wants it.
      for (std::size_t k = 0; k < bench::kKinds; ++k) {
        for (const model::Batch& batch : batches) {
          texts_.push_back({OpenMetricsPrefix(*batch.samples[k].labels), {}, {}});
          metrics_.push_back(JsonMetric(*batch.samples[k].labels));
        }
      }
    }
    const std::string seconds = std::to_string(batches[0].t / 1000);
    times_ += (times_.empty() ? "" : ",") + seconds + "000";
    std::size_t at = 0;
    std::string number;
    for (std::size_t k = 0; k < bench::kKinds; ++k) {
      for (const model::Batch& batch : batches) {
        Texts& text = texts_[at++];
        number.clear();
        AppendNumber(number, batch.samples[k].value);
        text.lines += text.open_metrics + number + ' ' + seconds + '\n';
        text.values += (text.values.empty() ? "" : ",") + number;
      }
    }
  }

  void Write(std::int64_t block) {
    const std::string name = std::to_string(block);
    std::ofstream om(dir_ + "/" + name + ".om");
    std::ofstream lines(dir_ + "/" + name + ".jsonl");
    for (std::size_t i = 0; i < texts_.size(); ++i) {
      om << texts_[i].lines;
      lines << metrics_[i] << ",\"values\":[" << texts_[i].values << "],\"timestamps\":[" << times_
            << "]}\n";
      texts_[i].lines.clear();
      texts_[i].values.clear();
    }
    om << "# EOF\n";
    times_.clear();
  }

 private:
  std::string dir_;
  std::string times_;
  std::vector<Texts> texts_;
  std::vector<std::string> metrics_;
};

base::Result<> Make(const Job& job) {
  store::StoreOptions options;
  options.dir = job.dir + "/raksa";
  options.retention_age = {};
  const model::Timestamp start = job.start * 1000;
  const model::Timestamp end = start + job.hours * 3'600'000;
  const base::FrozenClock clock(base::FromMs(end));
  auto store = store::Store::Open(options);
  if (!store) {
    return base::Fail(store.error());
  }
  bench::Fleet fleet(job.hosts, start, job.step * 1000);
  BlockTexts texts(job.dir);
  while (fleet.now() < end) {
    const auto& batches = fleet.Tick();
    if (auto done = (*store)->AppendMany(batches); !done) {
      return done;
    }
    if (auto done = (*store)->Maintain(base::FromMs(fleet.now())); !done) {
      return done;
    }
    if (job.text) {
      texts.Add(batches);
      if ((fleet.now() - start) % kBlock == 0 || fleet.now() >= end) {
        texts.Write((fleet.now() - start - 1) / kBlock);
      }
    }
  }
  // Minutes later everything is in chunks; each Maintain does a little.
  for (int i = 1; i < 50 || ((*store)->stats().head_samples > 0 && i < 1000); ++i) {
    if (auto done = (*store)->Maintain(base::FromMs(end + i * 60'000)); !done) {
      return done;
    }
  }
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  Job job;
  CLI::App app("Writes a fleet's history for bench/history.py");
  app.add_option("dir", job.dir, "folder to write to")->required();
  app.add_option("--start", job.start, "first second since 1970")->required();
  app.add_option("--hosts", job.hosts)->check(CLI::Range(1, 99'999));
  app.add_option("--hours", job.hours)->check(CLI::Range(1, 720));
  app.add_option("--step", job.step, "seconds between samples")->check(CLI::Range(1, 3600));
  app.add_flag("!--no-text", job.text, "the store only");
  CLI11_PARSE(app, argc, argv);
  std::filesystem::create_directories(job.dir);
  if (const auto done = Make(job); !done) {
    std::fprintf(stderr, "history_data: %s\n", done.error().message.c_str());
    return 1;
  }
  return 0;
}
