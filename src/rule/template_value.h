// The values that a template's pipelines pass on, and the functions that work on them. Inside the
// room only.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "rule/template.h"

namespace rule {

struct TemplateMap;
struct TemplateList;

using TemplateValue =
    std::variant<std::string, double, std::int64_t, bool, std::shared_ptr<const TemplateMap>,
                 std::shared_ptr<const TemplateList>>;

/// Labels, arguments, a sample of a query (Labels and Value), or what the dot is at first.
struct TemplateMap {
  std::map<std::string, TemplateValue, std::less<>> entries;
  bool open = true;  ///< a name that is not there is an empty text; else a mistake
};
/// The samples of a query.
struct TemplateList {
  std::vector<TemplateValue> items;
};

TemplateValue LabelsValue(const model::Labels& labels);

using TemplateFunction = base::Result<TemplateValue> (*)(const std::vector<TemplateValue>&);
using TemplateScoped = base::Result<TemplateValue> (*)(const std::vector<TemplateValue>&,
                                                       const TemplateScope&);

/// The function called `name` and how many arguments it takes (max -1: any number); nullptr when
/// there is none.
struct TemplateEntry {
  std::string_view name;
  int min = 1;
  int max = 1;
  TemplateFunction function = nullptr;
  TemplateScoped scoped = nullptr;  ///< instead, for what looks around
};
const TemplateEntry* FindTemplateFunction(std::string_view name);
/// The same of those that work on queries and addresses.
const TemplateEntry* FindTemplateQueryFunction(std::string_view name);
/// Their names, for proposals.
std::vector<std::string> TemplateFunctionNames();
void AddTemplateQueryNames(std::vector<std::string>* names);

/// As {{ . }} prints it.
std::string Print(const TemplateValue& value);
/// What {{ if }} takes for true: not empty, not zero.
bool Truth(const TemplateValue& value);

}  // namespace rule
