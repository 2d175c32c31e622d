// What the store costs: bytes and time a sample, on a fleet of hosts with ten series each.
#include <benchmark/benchmark.h>
#include <unistd.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>

#include "base/clock.h"
#include "bench/fleet.h"
#include "store/chunk.h"
#include "store/store.h"

namespace {

constexpr model::Timestamp kStart = 1'700'006'400'000;
constexpr model::Timestamp kStep = 5000;
using bench::Fleet;
using bench::kKinds;
using bench::kNames;

double ResidentMiB() {
  std::ifstream statm("/proc/self/statm");
  double total = 0;
  double resident = 0;
  statm >> total >> resident;
  return resident * static_cast<double>(sysconf(_SC_PAGESIZE)) / (1 << 20);
}

double Cpu() {
  timespec t{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

struct Dir {
  std::string path;
  Dir() {
    std::string name = (std::filesystem::temp_directory_path() / "raksa_bench_XXXXXX").string();
    path = mkdtemp(name.data());
  }
  ~Dir() { std::filesystem::remove_all(path); }
};

store::StoreOptions Options(const std::string& dir) {
  store::StoreOptions options;
  options.dir = dir;
  options.retention_age = {};
  return options;
}

std::unique_ptr<store::Store> Open(const std::string& dir) {
  auto opened = store::Store::Open(Options(dir));
  if (!opened) {
    std::fprintf(stderr, "%s\n", opened.error().message.c_str());
    std::abort();
  }
  return std::move(*opened);
}

// A day of a thousand series at 5 s, made once; `append` is what putting it in took, a sample.
struct Day {
  Dir dir;
  base::FrozenClock clock{base::FromMs(kStart + 86'400'000)};
  double samples = 0;
  double bytes = 0;
  double chunk_bytes = 0;
  double append_us = 0;
  double maintain_us = 0;

  static Day& Get() {
    static Day day;
    return day;
  }

 private:
  Day() {
    auto store = Open(dir.path);
    Fleet fleet(100, kStart, kStep);
    double append = 0;
    double maintain = 0;
    for (int tick = 0; tick < 17'280; ++tick) {
      const auto& batches = fleet.Tick();
      const auto before = Cpu();
      (void)store->AppendMany(batches);
      const auto between = Cpu();
      (void)store->Maintain(base::FromMs(fleet.now()));
      append += between - before;
      maintain += Cpu() - between;
    }
    (void)store->Maintain(base::FromMs(kStart + 90'000'000));
    const auto report = store->Check();
    samples = static_cast<double>(report->samples);
    chunk_bytes = static_cast<double>(report->bytes);
    append_us = append / samples * 1e6;
    maintain_us = maintain / samples * 1e6;
    const auto stats = store->stats();
    bytes = static_cast<double>(stats.database_bytes - stats.free_bytes);
  }
};

void BM_DayOfAThousandSeries(benchmark::State& state) {
  for (auto _ : state) {
    Day::Get();
  }
  const Day& day = Day::Get();
  state.counters["samples"] = day.samples;
  state.counters["bytes_per_sample"] = day.bytes / day.samples;
  state.counters["chunk_bytes_per_sample"] = day.chunk_bytes / day.samples;
  state.counters["append_cpu_us_per_sample"] = day.append_us;
  state.counters["maintain_cpu_us_per_sample"] = day.maintain_us;
}
BENCHMARK(BM_DayOfAThousandSeries)->Iterations(1)->Unit(benchmark::kSecond);

void BM_OpenADay(benchmark::State& state) {
  const Day& day = Day::Get();
  for (auto _ : state) {
    benchmark::DoNotOptimize(Open(day.dir.path));
  }
}
BENCHMARK(BM_OpenADay)->Unit(benchmark::kMillisecond);

void BM_SelectADay(benchmark::State& state) {
  const Day& day = Day::Get();
  auto store = Open(day.dir.path);
  std::vector<store::Matcher> matchers = {
      store::MakeMatcher(store::Matcher::Op::kEqual, "__name__", "mem_percent").value()};
  if (state.range(0) == 1) {
    matchers.push_back(store::MakeMatcher(store::Matcher::Op::kEqual, "host", "h00042").value());
  }
  std::size_t samples = 0;
  for (auto _ : state) {
    const auto found = store->Select(matchers, kStart, kStart + 86'400'000);
    for (const auto& series : *found) {
      samples += series.t.size();
    }
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(samples));
}
BENCHMARK(BM_SelectADay)->Arg(1)->Arg(100)->Unit(benchmark::kMillisecond);

void BM_SelectFiveMinutes(benchmark::State& state) {
  const Day& day = Day::Get();
  auto store = Open(day.dir.path);
  const std::vector<store::Matcher> matchers = {
      store::MakeMatcher(store::Matcher::Op::kEqual, "__name__", "cpu_percent").value()};
  const model::Timestamp to = kStart + 50'000'000;
  for (auto _ : state) {
    benchmark::DoNotOptimize(store->Select(matchers, to - 300'000, to));
  }
}
BENCHMARK(BM_SelectFiveMinutes)->Unit(benchmark::kMicrosecond);

// One window of one host as a chunk.
std::string OneChunk(int only, std::vector<model::Timestamp>* times,
                     std::vector<std::vector<double>>* values) {
  Fleet fleet(1, kStart, kStep);
  values->resize(kKinds);
  for (int i = 0; i < 1440; ++i) {
    const auto& batch = fleet.Tick()[0];
    times->push_back(batch.t);
    for (std::size_t k = 0; k < kKinds; ++k) {
      (*values)[k].push_back(batch.samples[k].value);
    }
  }
  std::vector<store::ChunkColumn> columns;
  for (std::size_t k = 0; k < kKinds; ++k) {
    if (only < 0 || static_cast<std::size_t>(only) == k) {
      columns.push_back({static_cast<store::SeriesId>(k + 1), (*values)[k], nullptr});
    }
  }
  return store::EncodeChunk(*times, columns);
}

// Argument: the kind, or -1 for all ten in one chunk.
void BM_Decode(benchmark::State& state) {
  std::vector<model::Timestamp> times;
  std::vector<std::vector<double>> values;
  const std::string chunk = OneChunk(static_cast<int>(state.range(0)), &times, &values);
  std::vector<double> out(times.size());
  std::size_t samples = 0;
  for (auto _ : state) {
    auto reader = store::ChunkReader::Open(store::AsBytes(chunk));
    benchmark::DoNotOptimize(reader->Times());
    for (const auto& column : reader->columns()) {
      benchmark::DoNotOptimize(reader->Decode(column, out));
      samples += out.size();
    }
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(samples));
  state.SetLabel(state.range(0) < 0 ? "all" : kNames[state.range(0)]);
  state.counters["bytes_per_sample"] = static_cast<double>(chunk.size()) /
                                       static_cast<double>(times.size()) /
                                       (state.range(0) < 0 ? kKinds : 1);
}
BENCHMARK(BM_Decode)->Arg(-1)->Arg(0)->Arg(3)->DenseRange(4, 9)->Unit(benchmark::kMicrosecond);

// Columns of a hundred hosts as one chunk. Arguments: rows; the kind, or -1 for all ten, or one of
// two that the fleet does not have.
constexpr int kFloats = 10;
constexpr int kSpikes = 11;

std::vector<std::vector<double>> ColumnsOf(std::size_t rows, int kind) {
  constexpr std::size_t kHosts = 100;
  Fleet fleet(kHosts, kStart, kStep);
  std::vector<std::vector<double>> out(kind < 0 ? kHosts * kKinds : kHosts);
  std::mt19937_64 rng(2);
  std::exponential_distribution<double> wait(100);
  for (std::size_t row = 0; row < rows; ++row) {
    const auto& batches = fleet.Tick();
    for (std::size_t i = 0; i < out.size(); ++i) {
      double v = wait(rng);
      if (kind == kSpikes) {
        v = std::floor(v * 5000) + (rng() % 50 == 0 ? 1'000'000 : 0);
      } else if (kind != kFloats) {
        v = batches[i % kHosts]
                .samples[kind < 0 ? i / kHosts : static_cast<std::size_t>(kind)]
                .value;
      }
      out[i].push_back(v);
    }
  }
  return out;
}

void BM_Encode(benchmark::State& state) {
  const auto rows = static_cast<std::size_t>(state.range(0));
  const auto kind = static_cast<int>(state.range(1));
  const auto values = ColumnsOf(rows, kind);
  std::vector<model::Timestamp> times(rows);
  for (std::size_t row = 0; row < rows; ++row) {
    times[row] = kStart + static_cast<model::Timestamp>(row) * kStep;
  }
  std::vector<store::ChunkColumn> columns;
  columns.reserve(values.size());
  for (const auto& column : values) {
    columns.push_back({static_cast<store::SeriesId>(columns.size() + 1), column, nullptr});
  }
  std::size_t bytes = 0;
  for (auto _ : state) {
    bytes = store::EncodeChunk(times, columns).size();
  }
  const std::size_t samples = rows * columns.size();
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(samples));
  state.SetLabel(kind < 0          ? "all"
                 : kind == kFloats ? "floats"
                 : kind == kSpikes ? "spikes"
                                   : kNames[kind]);
  state.counters["bytes_per_sample"] = static_cast<double>(bytes) / static_cast<double>(samples);
}
BENCHMARK(BM_Encode)
    ->ArgsProduct({{20, 40, 720, 1440}, {-1, 0, 1, 4, 5, 6, 7, 8, kFloats, kSpikes}})
    ->Unit(benchmark::kMicrosecond);

// Hosts of ten series, all in one transaction a tick; Maintain every tick.
void BM_AppendMany(benchmark::State& state) {
  const Dir dir;
  base::FrozenClock clock(base::FromMs(kStart));
  auto store = Open(dir.path);
  Fleet fleet(static_cast<std::size_t>(state.range(0)), kStart, kStep);
  const double before = ResidentMiB();
  for (auto _ : state) {
    state.PauseTiming();
    const auto& batches = fleet.Tick();
    clock.SetWall(base::FromMs(fleet.now()));
    state.ResumeTiming();
    (void)store->AppendMany(batches);
    (void)store->Maintain(base::Clock::Now());
  }
  state.SetItemsProcessed(state.iterations() * state.range(0) * static_cast<int>(kKinds));
  state.counters["MiB_more"] = ResidentMiB() - before;
}
BENCHMARK(BM_AppendMany)->Arg(100)->Iterations(2000)->Unit(benchmark::kMillisecond);
BENCHMARK(BM_AppendMany)->Arg(10'000)->Iterations(120)->Unit(benchmark::kMillisecond);

// A page of a fleet, one target, as scraping gives it: series by kind.
class Page : public model::SeriesTable {
 public:
  explicit Page(std::size_t hosts) : fleet_(hosts, kStart, kStep), batches_(fleet_.Tick()) {}
  [[nodiscard]] std::shared_ptr<const void> identity() const override { return identity_; }
  [[nodiscard]] std::uint32_t size() const override {
    return static_cast<std::uint32_t>(batches_.size() * kKinds);
  }
  [[nodiscard]] model::Labels LabelsOf(std::uint32_t slot) const override {
    return *SampleOf(slot).labels;
  }
  model::Timestamp Tick(std::vector<double>* values) {
    const model::Timestamp t = fleet_.now();
    fleet_.Tick();
    values->resize(size());
    for (std::uint32_t slot = 0; slot < size(); ++slot) {
      (*values)[slot] = SampleOf(slot).value;
    }
    return t;
  }

 private:
  [[nodiscard]] const model::Sample& SampleOf(std::uint32_t slot) const {
    return batches_[slot % batches_.size()].samples[slot / batches_.size()];
  }
  std::shared_ptr<const void> identity_ = std::make_shared<int>();
  Fleet fleet_;
  const std::vector<model::Batch>& batches_;
};

// Pages of so many series from one target; Maintain every tick. Memory is short, so that the head
// is written every 20 ticks or 40, as a small daemon's is.
void BM_AppendPage(benchmark::State& state) {
  const Dir dir;
  base::FrozenClock clock(base::FromMs(kStart));
  auto options = Options(dir.path);
  options.head_samples = 40'000;
  auto store = store::Store::Open(options).value();
  auto page = std::make_shared<Page>(static_cast<std::size_t>(state.range(0)) / kKinds);
  std::vector<model::TableBatch> tables(1);
  tables[0] = {.target = "page", .t = 0, .table = page, .slots = {}, .values = {}};
  double append = 0;
  double maintain = 0;
  for (auto _ : state) {
    tables[0].t = page->Tick(&tables[0].values);
    clock.SetWall(base::FromMs(tables[0].t));
    const double begin = Cpu();
    (void)store->AppendMany({}, tables);
    const double between = Cpu();
    (void)store->Maintain(base::Clock::Now());
    const double end = Cpu();
    append += between - begin;
    maintain += end - between;
    state.SetIterationTime(end - begin);
  }
  const auto samples = static_cast<double>(state.iterations() * state.range(0));
  state.counters["append_cpu_us_per_sample"] = append / samples * 1e6;
  state.counters["maintain_cpu_us_per_sample"] = maintain / samples * 1e6;
}
BENCHMARK(BM_AppendPage)->Arg(1000)->Iterations(1400)->UseManualTime();
BENCHMARK(BM_AppendPage)->Arg(100'000)->Iterations(120)->UseManualTime();

// One host's ten series in a transaction of their own.
void BM_AppendOne(benchmark::State& state) {
  const Dir dir;
  base::FrozenClock clock(base::FromMs(kStart));
  auto store = Open(dir.path);
  Fleet fleet(1, kStart, kStep);
  for (auto _ : state) {
    const auto& batches = fleet.Tick();
    clock.SetWall(base::FromMs(fleet.now()));
    (void)store->Append(batches[0]);
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int>(kKinds));
}
BENCHMARK(BM_AppendOne)->Unit(benchmark::kMicrosecond);

}  // namespace
