// Labels: the name of a series or an alert, as sorted pairs.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace model {

/// The label that holds a series' metric name.
inline constexpr std::string_view kName = "__name__";

/// Label pairs, sorted by name, each name once, no empty value (an empty value means "not there",
/// as in Prometheus). A value type; comparing and hashing go over the sorted pairs.
class Labels {
 public:
  using Pair = std::pair<std::string, std::string>;

  Labels() = default;
  Labels(std::initializer_list<Pair> pairs);
  explicit Labels(std::vector<Pair> pairs);

  /// The value of `name`, "" when it is not there.
  [[nodiscard]] std::string_view Get(std::string_view name) const;
  [[nodiscard]] bool Has(std::string_view name) const { return !Get(name).empty(); }
  /// Sets `name`; an empty value removes it.
  void Set(std::string_view name, std::string_view value);
  void Remove(std::string_view name);
  /// A copy with every pair of `other` set over it.
  [[nodiscard]] Labels With(const Labels& other) const;
  /// A copy with only (or without) the names given.
  [[nodiscard]] Labels Keep(const std::vector<std::string>& names) const;
  [[nodiscard]] Labels Without(const std::vector<std::string>& names) const;

  [[nodiscard]] const std::vector<Pair>& pairs() const { return pairs_; }
  [[nodiscard]] bool empty() const { return pairs_.empty(); }
  [[nodiscard]] std::size_t size() const { return pairs_.size(); }
  [[nodiscard]] auto begin() const { return pairs_.begin(); }
  [[nodiscard]] auto end() const { return pairs_.end(); }

  /// FNV-1a over names and values with 0xFF between them: the fingerprint of Prometheus and
  /// Alertmanager (prometheus/common model.LabelsToSignature), the same on every machine.
  [[nodiscard]] std::uint64_t Fingerprint() const;
  /// As PromQL writes it: `ping{ip="192.0.2.11",url="http://x/"}`; values escaped.
  [[nodiscard]] std::string ToString() const;

  auto operator<=>(const Labels&) const = default;
  bool operator==(const Labels&) const = default;

 private:
  std::vector<Pair> pairs_;
};

struct LabelsHash {
  std::size_t operator()(const Labels& labels) const noexcept;
};

/// Whether `name` may name a label: [a-zA-Z_][a-zA-Z0-9_]* (Prometheus data model).
bool IsLabelName(std::string_view name);
/// Whether `name` may name a metric: [a-zA-Z_:][a-zA-Z0-9_:]*.
bool IsMetricName(std::string_view name);
/// A label value in double quotes with \\, \" and \n escaped, as the exposition format and PromQL
/// have it.
std::string QuoteValue(std::string_view value);

}  // namespace model
