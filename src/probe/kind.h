// Kind: what a kind of probe is. One folder a kind; the catalogue is made from the folders.
#pragma once

#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "loop/http_client.h"
#include "loop/loop.h"
#include "loop/resolver.h"
#include "loop/worker.h"
#include "model/kind.h"
#include "model/sample.h"
#include "model/series_table.h"
#include "model/target.h"

namespace probe {

/// What probes share, given by the daemon; lives longer than any probe.
struct World {
  loop::Loop* loop = nullptr;
  loop::Resolver* resolver = nullptr;
  loop::HttpClient* http = nullptr;
  loop::Worker* snmp = nullptr;  ///< the one thread that may call net-snmp
};

/// One measured value: a metric's name, its own labels (beside target, ip, url) and the value.
struct Reading {
  std::string name;
  model::Labels labels;
  double value = 0;
};

/// What a scraped page says of a metric family.
struct Family {
  std::string type;  ///< "counter", "gauge", "histogram", "summary", "unknown" …
  std::string help;
  std::string unit;
  bool operator==(const Family&) const = default;
};
using Families = std::map<std::string, Family, std::less<>>;

/// What one run of a probe gave.
struct Outcome {
  bool success = false;
  std::string reason;  ///< why not, one sentence ("connection refused"); "" on success
  std::vector<Reading>
      readings;  ///< a value that did not come is absent, never 0 (but ping, port and http_code)
  /// Samples of many series, for kinds that have them; of Request::slot or times of their own.
  std::vector<model::TableBatch> tables;
  std::vector<std::string>
      log;  ///< if asked for: what happened, for `raksa probe`: short lines, printable
  base::Duration took{};
};

/// What a run is asked. It shares what it points to, so that a reload may drop the target while a
/// probe runs.
struct Request {
  std::shared_ptr<const model::Target> target;   ///< never null
  std::shared_ptr<const model::ProbeSpec> spec;  ///< never null
  model::Timestamp slot = 0;                     ///< the samples' time
  /// Of every sample of the probe; null: the target's.
  std::shared_ptr<const model::Labels> labels;
  bool log = false;  ///< whether somebody reads Outcome::log; else it may stay empty
};

/// State that a probe keeps between runs (counters for differences, sessions). Made by
/// Kind::make_memory, may be null.
class Memory {
 public:
  Memory() = default;
  virtual ~Memory() = default;
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;
  /// Stale markers at `t` for the series of Outcome::tables, which end.
  virtual std::vector<model::TableBatch> End(const std::string& /*target*/,
                                             model::Timestamp /*t*/) {
    return {};
  }
  /// How many such series there are now.
  [[nodiscard]] virtual std::size_t size() const { return 0; }
  /// What is known of their families; may be null.
  [[nodiscard]] virtual std::shared_ptr<const Families> families() const { return nullptr; }
};

/// A kind of probe as data and three functions.
struct Kind {
  model::KindSpec spec;
  /// Runs once. Ends by itself at request.spec->timeout at the latest. Never throws but for
  /// cancellation.
  loop::Task<Outcome> (*run)(World world, Request request, std::shared_ptr<Memory> memory);
  /// Memory for one configured probe; nullptr when the kind needs none.
  std::shared_ptr<Memory> (*make_memory)() = nullptr;
  /// Metrics whose change of value is a flip of state, to be confirmed at once by quick re-probes
  /// ("ping", "port", "http_code").
  std::vector<std::string_view> state_metrics = {};
};

/// Every kind, from the folders of src/probe.
std::span<const Kind* const> Catalogue();
/// The kind of that name, or nullptr.
const Kind* Find(std::string_view name);

}  // namespace probe
