// Exposition: one pass over the families, one growing string.
#include "api/exposition.h"

#include <fmt/format.h>

#include <algorithm>

#include "api/number.h"
#include "base/text.h"

namespace api {
namespace {

/// Line ends and backslashes of a help text (quotes too in OpenMetrics); what is not printable is
/// made so.
void AppendHelp(std::string& out, std::string_view help, bool quotes) {
  for (const char c : base::Printable(help, true)) {
    if (c == '\\') {
      out += "\\\\";
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '"' && quotes) {
      out += "\\\"";
    } else {
      out += c;
    }
  }
}

void AppendLabelValue(std::string& out, std::string_view value) {
  if (value.find_first_of("\\\"\n") == std::string_view::npos && base::IsPrintable(value)) {
    out += value;
    return;
  }
  for (const char c : base::Printable(value, true)) {
    if (c == '\\' || c == '"') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else {
      out += c;
    }
  }
}

bool IsWhole(const model::Labels& labels) {
  return std::ranges::all_of(labels, [](const model::Labels::Pair& pair) {
    return pair.first == model::kName ? model::IsMetricName(pair.second)
                                      : model::IsLabelName(pair.first);
  });
}

/// The type that may stand beside a name (see the class's comment).
std::string_view WrittenType(const MetricFamily& family, bool open_metrics) {
  const bool total = family.name.ends_with("_total");
  const bool misread =
      (family.type == "counter") != total && (family.type == "counter" || family.type == "gauge");
  if (misread || family.type == "untyped") {
    return open_metrics ? "unknown" : "untyped";
  }
  return family.type;
}

}  // namespace

void AppendSample(std::string& out, std::string_view name, const model::Labels& labels,
                  double value, std::optional<model::Timestamp> at) {
  const auto own = labels.Get(model::kName);
  out += own.empty() ? name : own;
  char separator = '{';
  for (const auto& [label, text] : labels) {
    if (label == model::kName) {
      continue;
    }
    out += separator;
    out += label;
    out += "=\"";
    AppendLabelValue(out, text);
    out += '"';
    separator = ',';
  }
  out += separator == ',' ? "} " : " ";
  AppendExposed(out, value);
  if (at) {
    out += fmt::format(" {}", *at);
  }
  out += '\n';
}

void Exposition::Add(MetricFamily family) {
  if (!model::IsMetricName(family.name)) {
    left_out_ += family.samples.size();
    return;
  }
  const auto before = family.samples.size();
  std::erase_if(family.samples, [](const model::Sample& sample) {
    return sample.labels && !IsWhole(*sample.labels);
  });
  left_out_ += before - family.samples.size();
  const auto [at, fresh] = index_.emplace(family.name, families_.size());
  if (fresh) {
    families_.push_back(std::move(family));
    return;
  }
  auto& known = families_[at->second];
  std::ranges::move(family.samples, std::back_inserter(known.samples));
  if (known.help.empty()) {
    known.help = std::move(family.help);
  }
}

void Exposition::Add(std::string name, std::string type, std::string help, double value,
                     model::Labels labels) {
  auto shared = std::make_shared<const model::Labels>(std::move(labels));
  Add({std::move(name), std::move(type), std::move(help), {{std::move(shared), value}}});
}

std::string Exposition::Text() const { return Write(false); }
std::string Exposition::OpenMetrics() const { return Write(true); }

std::string Exposition::Write(bool open_metrics) const {
  static const model::Labels kNone;
  std::size_t samples = 0;
  for (const auto& family : families_) {
    samples += family.samples.size();
  }
  std::string out;
  out.reserve(samples * 96 + families_.size() * 128);
  for (const auto& family : families_) {
    if (family.samples.empty()) {
      continue;
    }
    // OpenMetrics names a counter's family without the suffix that its samples have.
    const auto type = WrittenType(family, open_metrics);
    std::string_view name = family.name;
    if (open_metrics && type == "counter") {
      name.remove_suffix(std::string_view("_total").size());
    }
    out += fmt::format("# HELP {} ", name);
    AppendHelp(out, family.help.empty() ? family.name : family.help, open_metrics);
    out += fmt::format("\n# TYPE {} {}\n", name, type);
    for (const auto& sample : family.samples) {
      AppendSample(out, family.name, sample.labels ? *sample.labels : kNone, sample.value);
    }
  }
  if (open_metrics) {
    out += "# EOF\n";
  }
  return out;
}

bool Exposition::PrefersOpenMetrics(std::string_view accept) {
  return accept.contains("application/openmetrics-text");
}

}  // namespace api
