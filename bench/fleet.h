// Fleet: hosts with ten series each, whose values walk as those of real ones do. Every benchmark
// that needs samples takes them from here.
#pragma once

#include <algorithm>
#include <cmath>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "model/sample.h"

namespace bench {

inline constexpr std::size_t kKinds = 10;
/// Four of ten constant (two of them flip now and then), whole-number and two-decimal walks, noise
/// with three decimals, two counters.
inline constexpr const char* kNames[kKinds] = {
    "ping_up",     "port_up",      "port_up", "http_code",  "cpu_percent",
    "mem_percent", "disk_percent", "ping_ms", "if_in_bits", "if_out_bits"};

/// One batch a host and tick, reused; the seed makes the same values every time.
class Fleet {
 public:
  Fleet(std::size_t hosts, model::Timestamp start, std::int64_t step_ms)
      : step_(step_ms), now_(start), state_(hosts) {
    for (std::size_t h = 0; h < hosts; ++h) {
      state_[h] = {.cpu = Between(5, 95),
                   .mem = Between(20, 90),
                   .disk = Between(10, 90),
                   .in = std::floor(Between(1e9, 1e13)),
                   .out = std::floor(Between(1e9, 1e13)),
                   .rate = Between(1e5, 5e8)};
      batches_.push_back(BatchOf(h));
    }
  }

  /// Moves one step on; valid until the next call.
  const std::vector<model::Batch>& Tick() {
    const double seconds = static_cast<double>(step_) / 1000;
    for (std::size_t h = 0; h < state_.size(); ++h) {
      State& s = state_[h];
      s.cpu = std::clamp(s.cpu + 3 * gauss_(rng_), 0.0, 100.0);
      s.mem = std::clamp(s.mem + 0.2 * gauss_(rng_), 0.0, 100.0);
      if (Between(0, 1) < 0.2) {
        s.disk = std::clamp(s.disk + 0.01 * gauss_(rng_), 0.0, 100.0);
      }
      s.in += std::floor(s.rate * seconds * Between(0.5, 1.5) / 8) * 8;
      s.out += std::floor(s.rate * seconds * 0.3 * Between(0.5, 1.5) / 8) * 8;
      const double values[kKinds] = {Between(0, 1) < 0.0005 ? 0.0 : 1.0,
                                     1,
                                     1,
                                     Between(0, 1) < 0.0005 ? 500.0 : 200.0,
                                     std::floor(s.cpu),
                                     Rounded(s.mem, 100),
                                     Rounded(s.disk, 100),
                                     Rounded(0.2 + std::abs(0.05 * gauss_(rng_)), 1000),
                                     s.in,
                                     s.out};
      batches_[h].t = now_;
      for (std::size_t k = 0; k < kKinds; ++k) {
        batches_[h].samples[k].value = values[k];
      }
    }
    now_ += step_;
    return batches_;
  }

  /// The time of the next tick.
  [[nodiscard]] model::Timestamp now() const { return now_; }

 private:
  struct State {
    double cpu, mem, disk, in, out, rate;
  };
  double Between(double low, double high) {
    return low + (high - low) * std::uniform_real_distribution<double>(0, 1)(rng_);
  }
  static double Rounded(double v, double scale) { return std::round(v * scale) / scale; }

  static model::Batch BatchOf(std::size_t host) {
    const std::string number = std::to_string(host);
    model::Batch out;
    out.target = "h" + std::string(5 - std::min<std::size_t>(5, number.size()), '0') + number;
    for (std::size_t k = 0; k < kKinds; ++k) {
      std::vector<model::Labels::Pair> pairs = {{"__name__", kNames[k]},
                                                {"host", out.target},
                                                {"group", "g0" + std::to_string(host % 10)}};
      static constexpr std::pair<const char*, const char*> kMore[kKinds] = {
          {nullptr, ""}, {"port", "22"}, {"port", "80"}, {"url", "/"},   {nullptr, ""},
          {nullptr, ""}, {"mount", "/"}, {nullptr, ""},  {"if", "eth0"}, {"if", "eth0"}};
      if (kMore[k].first != nullptr) {
        pairs.emplace_back(kMore[k].first, kMore[k].second);
      }
      out.samples.push_back({std::make_shared<const model::Labels>(std::move(pairs)), 0});
    }
    return out;
  }

  std::int64_t step_;
  model::Timestamp now_;
  std::mt19937_64 rng_{1};
  std::normal_distribution<double> gauss_;
  std::vector<State> state_;
  std::vector<model::Batch> batches_;
};

}  // namespace bench
