// Filling in of templates.
#include "rule/template.h"

#include <fmt/format.h>

#include "rule/template_tree.h"

namespace rule {
namespace {

using Node = Template::Node;
using Kind = Node::Kind;
using Value = TemplateValue;
using Map = std::shared_ptr<const TemplateMap>;
using List = std::shared_ptr<const TemplateList>;

constexpr std::size_t kMaxText = 256U << 10;
constexpr std::size_t kMaxSteps = 100'000;  // pieces filled in, whatever they print

auto Bad(std::string message) { return base::Fail(base::ErrorKind::kInvalid, std::move(message)); }

/// One filling in of one template.
class Filling {
 public:
  explicit Filling(const TemplateScope& scope) : scope_(scope) {
    const Surroundings none;
    const auto& around = scope.surroundings != nullptr ? *scope.surroundings : none;
    auto dot = std::make_shared<TemplateMap>();
    dot->open = false;
    const auto labels = LabelsValue(scope.labels != nullptr ? *scope.labels : model::Labels());
    dot->entries = {{"Labels", labels},
                    {"ExternalLabels", LabelsValue(around.labels)},
                    {"ExternalURL", around.url},
                    {"Value", scope.value}};
    variables_ = {Value(Map(dot)), labels, dot->entries["ExternalLabels"], around.url, scope.value};
  }

  base::Result<std::string> Run(const Node& root) {
    const Value dot = variables_[0];  // a copy: the stack moves when it grows
    const auto done = Fill(root, dot);
    return done ? base::Result<std::string>(std::move(out_)) : base::Fail(done.error());
  }

 private:
  enum class Next { kOn, kBreak, kContinue };

  base::Result<Next> Fill(const Node& list, const Value& dot) {
    const auto variables = variables_.size();
    auto next = Next::kOn;
    for (const Node& part : list.parts) {
      if (++steps_ > kMaxSteps || out_.size() > kMaxText) {
        return base::Fail(base::ErrorKind::kRefused, "the template gives too much text");
      }
      const auto done = Piece(part, dot);
      if (!done) {
        return done;
      }
      next = *done;
      if (next != Next::kOn) {
        break;
      }
    }
    variables_.resize(variables, Value());
    return next;
  }

  base::Result<Next> Piece(const Node& part, const Value& dot) {
    switch (part.kind) {
      case Kind::kText:
        out_ += part.text;
        return Next::kOn;
      case Kind::kBreak:
        return Next::kBreak;
      case Kind::kContinue:
        return Next::kContinue;
      default:
        break;
    }
    const auto variables = variables_.size();
    const auto value = Worth(part.pipe, dot);
    if (!value) {
      return base::Fail(value.error());
    }
    if (part.kind == Kind::kPrint) {
      if (part.pipe.silent) {
        Set(part.pipe, *value);
      } else {
        out_ += Print(*value);
      }
      return Next::kOn;
    }
    base::Result<Next> done;
    if (part.kind == Kind::kRange) {
      done = Range(part, *value, dot);
    } else {
      Set(part.pipe, *value);
      const bool truth = Truth(*value);
      done = Fill(part.parts[truth ? 0 : 1], truth && part.kind == Kind::kWith ? *value : dot);
    }
    variables_.resize(variables, Value());
    return done;
  }

  /// Gives variables what the pipeline came to.
  void Set(const TemplatePipe& pipe, const Value& value) {
    for (const auto place : pipe.sets) {
      SetOne(place, value);
    }
  }
  void SetOne(std::size_t place, const Value& value) {
    if (place >= variables_.size()) {
      variables_.resize(place + 1, Value());
    }
    variables_[place] = value;
  }

  base::Result<Next> Range(const Node& part, const Value& over, const Value& dot) {
    std::vector<std::pair<Value, Value>> items;
    if (const auto* list = std::get_if<List>(&over)) {
      for (std::size_t i = 0; i < (*list)->items.size(); ++i) {
        items.emplace_back(static_cast<std::int64_t>(i), (*list)->items[i]);
      }
    } else if (const auto* map = std::get_if<Map>(&over)) {
      for (const auto& [key, value] : (*map)->entries) {
        items.emplace_back(key, value);
      }
    } else {
      return Bad("range can't iterate over " + Print(over));
    }
    if (items.empty()) {
      return Fill(part.parts[1], dot);
    }
    for (const auto& [key, value] : items) {
      const auto& sets = part.pipe.sets;
      if (!sets.empty()) {
        SetOne(sets.back(), value);
      }
      if (sets.size() > 1) {
        SetOne(sets.front(), key);
      }
      const auto done = Fill(part.parts[0], value);
      if (!done) {
        return done;
      }
      if (*done == Next::kBreak) {
        break;
      }
    }
    return Next::kOn;
  }

  base::Result<Value> Worth(const TemplatePipe& pipe, const Value& dot) {
    Value last;
    bool piped = false;
    for (const auto& command : pipe.commands) {
      auto value = Call(command, dot, piped ? &last : nullptr);
      if (!value) {
        return value;
      }
      last = std::move(*value);
      piped = true;
    }
    return last;
  }

  base::Result<Value> Apply(const TemplateEntry& f, const std::vector<Value>& args) {
    auto out = f.scoped != nullptr ? f.scoped(args, scope_) : f.function(args);
    return out ? out : base::Fail(out.error().In(fmt::format("error calling {}", f.name)));
  }

  base::Result<Value> Call(const TemplateCommand& command, const Value& dot, const Value* piped) {
    std::vector<Value> args;
    for (const auto& operand : command.operands) {
      auto value = Worth(operand, dot);
      if (!value) {
        return value;
      }
      args.push_back(std::move(*value));
    }
    if (command.function == nullptr) {
      return std::move(args.front());
    }
    if (piped != nullptr) {
      args.push_back(*piped);
    }
    return Apply(*command.function, args);
  }

  base::Result<Value> Worth(const TemplateOperand& operand, const Value& dot) {
    using OperandKind = TemplateOperand::Kind;
    base::Result<Value> value = dot;
    if (operand.kind == OperandKind::kVariable) {
      value = operand.variable < variables_.size() ? variables_[operand.variable] : Value();
    } else if (operand.kind == OperandKind::kLiteral) {
      value = operand.literal;
    } else if (operand.kind == OperandKind::kCall) {
      value = Apply(*operand.function, {});
    } else if (operand.kind == OperandKind::kPipe) {
      value = Worth(*operand.pipe, dot);
    }
    for (const auto& field : operand.fields) {
      if (!value) {
        break;
      }
      value = Field(*value, field);
    }
    return value;
  }

  static base::Result<Value> Field(const Value& value, const std::string& name) {
    const auto* map = std::get_if<Map>(&value);
    if (map == nullptr) {
      return Bad(fmt::format("can't evaluate field {} in {}", name, Print(value)));
    }
    const auto at = (*map)->entries.find(name);
    if (at != (*map)->entries.end()) {
      return at->second;
    }
    return (*map)->open ? base::Result<Value>(std::string())
                        : Bad(fmt::format("can't evaluate field {}", name));
  }

  const TemplateScope& scope_;
  std::vector<Value> variables_;
  std::string out_;
  std::size_t steps_ = 0;
};

}  // namespace

base::Result<Template> Template::Parse(std::string_view text, std::size_t* offset) {
  std::string error;
  std::size_t where = 0;
  auto root = ReadTemplate(text, &error, &where);
  if (!root) {
    if (offset != nullptr) {
      *offset = where;
    }
    return base::Fail(base::ErrorKind::kInvalid, error);
  }
  Template out;
  out.text_ = text;
  out.root_ = std::move(root);
  return out;
}

Template Template::Literal(std::string text) {
  auto root = std::make_shared<Node>();
  if (!text.empty()) {
    root->parts.resize(1);
    root->parts[0].kind = Kind::kText;
    root->parts[0].text = text;
  }
  Template out;
  out.text_ = std::move(text);
  out.root_ = std::move(root);
  return out;
}

base::Result<std::string> Template::Expand(const TemplateScope& scope) const {
  return root_ ? Filling(scope).Run(*root_) : base::Result<std::string>(std::string());
}

}  // namespace rule
