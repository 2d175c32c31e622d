// The values that a template's pipelines pass on, and the functions that work on them. Inside the
// room only.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"

namespace rule {

using TemplateValue = std::variant<std::string, double, std::int64_t, bool>;
using TemplateFunction = base::Result<TemplateValue> (*)(const std::vector<TemplateValue>&);

/// The function called `name` and how many arguments it takes (max -1: any number); nullptr when
/// there is none.
struct TemplateEntry {
  std::string_view name;
  int min = 1;
  int max = 1;
  TemplateFunction function = nullptr;
};
const TemplateEntry* FindTemplateFunction(std::string_view name);
/// Their names, for proposals.
std::vector<std::string> TemplateFunctionNames();

/// As {{ . }} prints it.
std::string Print(const TemplateValue& value);
/// What {{ if }} takes for true: not empty, not zero.
bool Truth(const TemplateValue& value);

}  // namespace rule
