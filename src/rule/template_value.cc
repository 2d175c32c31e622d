// What values print as, and which are true.
#include "rule/template_value.h"

#include "promql/number.h"

namespace rule {
namespace {

using Map = std::shared_ptr<const TemplateMap>;
using List = std::shared_ptr<const TemplateList>;

}  // namespace

TemplateValue LabelsValue(const model::Labels& labels) {
  auto out = std::make_shared<TemplateMap>();
  for (const auto& [name, value] : labels) {
    out->entries.emplace(name, value);
  }
  return Map(std::move(out));
}

std::string Print(const TemplateValue& value) {
  if (const auto* s = std::get_if<std::string>(&value)) {
    return *s;
  }
  if (const auto* d = std::get_if<double>(&value)) {
    return promql::FormatFloat(*d);
  }
  if (const auto* i = std::get_if<std::int64_t>(&value)) {
    return std::to_string(*i);
  }
  if (const auto* b = std::get_if<bool>(&value)) {
    return *b ? "true" : "false";
  }
  std::string out;
  if (const auto* map = std::get_if<Map>(&value)) {
    for (const auto& [name, entry] : (*map)->entries) {
      out += (out.empty() ? "" : " ") + name + ":" + Print(entry);
    }
    return "map[" + out + "]";
  }
  for (const auto& item : std::get<List>(value)->items) {
    out += (out.empty() ? "" : " ") + Print(item);
  }
  return "[" + out + "]";
}

bool Truth(const TemplateValue& value) {
  if (const auto* s = std::get_if<std::string>(&value)) {
    return !s->empty();
  }
  if (const auto* d = std::get_if<double>(&value)) {
    return *d != 0;
  }
  if (const auto* i = std::get_if<std::int64_t>(&value)) {
    return *i != 0;
  }
  if (const auto* b = std::get_if<bool>(&value)) {
    return *b;
  }
  if (const auto* map = std::get_if<Map>(&value)) {
    return !(*map)->entries.empty();
  }
  return !std::get<List>(value)->items.empty();
}

}  // namespace rule
