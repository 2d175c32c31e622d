// Functions of templates that ask queries, take their samples apart, or make addresses.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/clock.h"
#include "base/text.h"
#include "promql/number.h"
#include "rule/template_value.h"

namespace rule {
namespace {

using Value = TemplateValue;
using Args = std::vector<Value>;
using Out = base::Result<Value>;
using Map = std::shared_ptr<const TemplateMap>;
using List = std::shared_ptr<const TemplateList>;

constexpr std::size_t kMaxSamples = 10'000;

auto Bad(std::string message) { return base::Fail(base::ErrorKind::kInvalid, std::move(message)); }

Value SampleValue(const model::Labels& labels, double value) {
  auto sample = std::make_shared<TemplateMap>();
  sample->open = false;
  sample->entries = {{"Labels", LabelsValue(labels)}, {"Value", value}};
  return Map(std::move(sample));
}

Out Query(const Args& args, const TemplateScope& scope) {
  if (scope.query == nullptr || !*scope.query) {
    return Bad("there is nothing to ask");
  }
  const auto found = (*scope.query)(Print(args[0]));
  if (!found) {
    return base::Fail(found.error());
  }
  if (found->size() > kMaxSamples) {
    return Bad(fmt::format("more than {} series", kMaxSamples));
  }
  auto out = std::make_shared<TemplateList>();
  for (const auto& [labels, value] : *found) {
    out->items.push_back(SampleValue(labels, value));
  }
  return List(std::move(out));
}

Out First(const Args& args) {
  const auto* list = std::get_if<List>(&args[0]);
  if (list == nullptr) {
    return Bad("first() wants the result of a query");
  }
  if ((*list)->items.empty()) {
    return Bad("first() called on vector with no elements");
  }
  return (*list)->items.front();
}

/// A part of a sample: "Labels" or "Value".
Out Part(const Value& sample, const char* name) {
  const auto* map = std::get_if<Map>(&sample);
  if (map == nullptr || !(*map)->entries.contains(name) || (*map)->open) {
    return Bad("this is no sample of a query");
  }
  return (*map)->entries.find(name)->second;
}

Out LabelOf(const Value& sample, const std::string& name) {
  auto labels = Part(sample, "Labels");
  if (!labels) {
    return labels;
  }
  const auto& entries = std::get<Map>(*labels)->entries;
  const auto at = entries.find(name);
  return at == entries.end() ? Value(std::string()) : at->second;
}

Out SortByLabel(const Args& args) {
  const auto* list = std::get_if<List>(&args[1]);
  if (list == nullptr) {
    return Bad("sortByLabel() wants the result of a query");
  }
  const auto name = Print(args[0]);
  auto out = std::make_shared<TemplateList>(**list);
  std::ranges::stable_sort(out->items, {}, [&](const Value& sample) {
    const auto label = LabelOf(sample, name);
    return label ? Print(*label) : std::string();
  });
  return List(std::move(out));
}

Out Arguments(const Args& args) {
  auto out = std::make_shared<TemplateMap>();
  for (std::size_t i = 0; i < args.size(); ++i) {
    out->entries.emplace(fmt::format("arg{}", i), args[i]);
  }
  return Map(std::move(out));
}

/// url.QueryEscape.
std::string QueryEscape(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) != 0 || c == '-' || c == '_' || c == '.' || c == '~') {
      out += c;
    } else {
      out += c == ' ' ? "+" : fmt::format("%{:02X}", byte);
    }
  }
  return out;
}

Out PathPrefix(const Args& /*args*/, const TemplateScope& scope) {
  const std::string url = scope.surroundings != nullptr ? scope.surroundings->url : "";
  const auto host = url.find("://");
  const auto path = url.find('/', host == std::string::npos ? 0 : host + 3);
  auto out =
      path == std::string::npos ? "" : url.substr(path, url.find_first_of("?#", path) - path);
  while (out.ends_with('/')) {
    out.pop_back();
  }
  return out;
}

Out Index(const Args& args) {
  if (const auto* map = std::get_if<Map>(&args[0])) {
    const auto at = (*map)->entries.find(Print(args[1]));
    return at == (*map)->entries.end() ? Value(std::string()) : at->second;
  }
  const auto* list = std::get_if<List>(&args[0]);
  const auto* place = std::get_if<std::int64_t>(&args[1]);
  if (list == nullptr || place == nullptr) {
    return Bad("can't index this");
  }
  if (*place < 0 || static_cast<std::size_t>(*place) >= (*list)->items.size()) {
    return Bad(fmt::format("index out of range: {}", *place));
  }
  return (*list)->items[static_cast<std::size_t>(*place)];
}

constexpr std::array kQueryTable = {
    TemplateEntry{"query", 1, 1, nullptr, Query},
    TemplateEntry{"first", 1, 1, First},
    TemplateEntry{"label", 2, 2, [](const Args& a) { return LabelOf(a[1], Print(a[0])); }},
    TemplateEntry{"value", 1, 1, [](const Args& a) { return Part(a[0], "Value"); }},
    TemplateEntry{"strvalue", 1, 1, [](const Args& a) { return LabelOf(a[0], "__value__"); }},
    TemplateEntry{"sortByLabel", 2, 2, SortByLabel},
    TemplateEntry{"args", 0, -1, Arguments},
    TemplateEntry{"index", 2, 2, Index},
    TemplateEntry{"safeHtml", 1, 1, [](const Args& a) { return Out(Print(a[0])); }},
    TemplateEntry{"html", 1, 1, [](const Args& a) { return Out(base::HtmlEscape(Print(a[0]))); }},
    TemplateEntry{"urlquery", 1, 1, [](const Args& a) { return Out(QueryEscape(Print(a[0]))); }},
    TemplateEntry{"tableLink", 1, 1,
                  [](const Args& a) {
                    return Out("/graph?g0.expr=" + QueryEscape(Print(a[0])) + "&g0.tab=1");
                  }},
    TemplateEntry{"graphLink", 1, 1,
                  [](const Args& a) {
                    return Out("/graph?g0.expr=" + QueryEscape(Print(a[0])) + "&g0.tab=0");
                  }},
    TemplateEntry{"externalURL", 0, 0, nullptr,
                  [](const Args& /*args*/, const TemplateScope& scope) {
                    return Out(scope.surroundings != nullptr ? scope.surroundings->url
                                                             : std::string());
                  }},
    TemplateEntry{"pathPrefix", 0, 0, nullptr, PathPrefix},
};

}  // namespace

const TemplateEntry* FindTemplateQueryFunction(std::string_view name) {
  const auto at = std::ranges::find(kQueryTable, name, &TemplateEntry::name);
  return at == kQueryTable.end() ? nullptr : &*at;
}

void AddTemplateQueryNames(std::vector<std::string>* names) {
  for (const TemplateEntry& entry : kQueryTable) {
    names->emplace_back(entry.name);
  }
}

}  // namespace rule
