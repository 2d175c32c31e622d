// KindSpec: what a kind (of probe, component, step, channel) says of itself as data; configuration
// reading, --help, docs, the API and the page are made from it.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/secret.h"
#include "model/relabel.h"

namespace model {

enum class OptionType {
  kString,
  kInteger,
  kNumber,
  kBool,
  kDuration,
  kUrl,         ///< http:// or https://
  kRegex,       ///< RE2 syntax
  kFile,        ///< a path; relative to the configuration file
  kSecretFile,  ///< a path whose first line is the secret; read when the configuration is read
  kStrings,     ///< a list of strings
  kIntegers,    ///< a list of integers
  kMap,         ///< string to string
  kRelabeling   ///< a list of rules as Prometheus's relabel_config
};

/// One option of a kind. `fallback` is text as it would stand in the YAML file ("" = none).
struct OptionSpec {
  std::string_view name;
  OptionType type = OptionType::kString;
  std::string_view help;
  std::string_view fallback = "";
  bool required = false;
  double min =
      0;  ///< for integers, numbers and durations (seconds): the range; min == max means no limit
  double max = 0;
  std::span<const std::string_view> choices = {};  ///< for strings: the words allowed; empty = any
};

/// One metric that a kind gives.
struct MetricSpec {
  std::string_view name;
  std::string_view type;  ///< "gauge" or "counter"
  std::string_view unit;  ///< "bytes", "bits", "percent", "seconds", "" …
  std::string_view help;
  std::vector<std::string_view> labels = {};  ///< beside target, ip, url
};

/// A kind's own description.
struct KindSpec {
  std::string_view name;
  std::string_view title;  ///< one line for people
  std::vector<OptionSpec> options;
  std::vector<MetricSpec> metrics;
};

/// A checked option value.
using OptionValue = std::variant<std::string, std::int64_t, double, bool, base::Duration,
                                 base::Secret, std::vector<std::string>, std::vector<std::int64_t>,
                                 std::map<std::string, std::string>, std::vector<RelabelRule>>;

/// The checked options of one configured probe, component, step or channel. Every option that has a
/// fallback is there.
class Options {
 public:
  void Set(std::string_view name, OptionValue value) {
    values_[std::string(name)] = std::move(value);
  }
  [[nodiscard]] bool Has(std::string_view name) const {
    return values_.contains(std::string(name));
  }
  /// The value of `name`; `otherwise` when it is not there. Asking for another type than the
  /// option's is a BUG and throws.
  template <class T>
  [[nodiscard]] T Get(std::string_view name, T otherwise = {}) const {
    const auto at = values_.find(std::string(name));
    return at == values_.end() ? otherwise : std::get<T>(at->second);
  }
  [[nodiscard]] const std::map<std::string, OptionValue>& values() const { return values_; }
  bool operator==(const Options&) const = default;

 private:
  std::map<std::string, OptionValue> values_;
};

}  // namespace model
