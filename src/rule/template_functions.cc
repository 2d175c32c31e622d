// The functions of templates: humanize and its kin, printf, comparison, text.
#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "base/clock.h"
#include "base/text.h"
#include "promql/number.h"
#include "rule/template_value.h"

namespace rule {
namespace {

using Value = TemplateValue;
using Args = std::vector<Value>;
using Out = base::Result<Value>;

auto Bad(std::string message) { return base::Fail(base::ErrorKind::kInvalid, std::move(message)); }

base::Result<double> Number(const Value& value) {
  if (const auto* d = std::get_if<double>(&value)) {
    return *d;
  }
  if (const auto* i = std::get_if<std::int64_t>(&value)) {
    return static_cast<double>(*i);
  }
  if (const auto* s = std::get_if<std::string>(&value)) {
    if (const auto parsed = promql::ParseFloat(*s)) {
      return *parsed;
    }
    return Bad("\"" + *s + "\" is not a number");
  }
  return Bad("can't convert this to float");
}

std::string Short(double v) { return promql::FormatGeneral(v, 4); }

/// Divides by 1000 until below it, or multiplies until above 1, and adds the prefix.
std::string Scaled(double v, std::string_view unit) {
  constexpr std::array<std::string_view, 8> kUp = {"k", "M", "G", "T", "P", "E", "Z", "Y"};
  constexpr std::array<std::string_view, 8> kDown = {"m", "u", "n", "p", "f", "a", "z", "y"};
  std::string_view prefix;
  const bool large = std::fabs(v) >= 1;
  for (const std::string_view next : large ? kUp : kDown) {
    if (large ? std::fabs(v) < 1000 : std::fabs(v) >= 1) {
      break;
    }
    prefix = next;
    v = large ? v / 1000 : v * 1000;
  }
  return fmt::format("{}{}{}", Short(v), prefix, unit);
}

Out Humanize(const Args& args) {
  const auto v = Number(args[0]);
  if (!v) {
    return base::Fail(v.error());
  }
  return *v == 0 || !std::isfinite(*v) ? Short(*v) : Scaled(*v, "");
}

Out Humanize1024(const Args& args) {
  const auto number = Number(args[0]);
  if (!number) {
    return base::Fail(number.error());
  }
  double v = *number;
  std::string_view prefix;
  if (std::isfinite(v) && std::fabs(v) > 1) {
    for (const std::string_view next : {"ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi"}) {
      if (std::fabs(v) < 1024) {
        break;
      }
      prefix = next;
      v /= 1024;
    }
  }
  return fmt::format("{}{}", Short(v), prefix);
}

Out HumanizeDuration(const Args& args) {
  const auto number = Number(args[0]);
  if (!number) {
    return base::Fail(number.error());
  }
  double v = *number;
  if (!std::isfinite(v)) {
    return Short(v);
  }
  if (v == 0 || std::fabs(v) > 9e18) {
    return Short(v) + "s";
  }
  if (std::fabs(v) < 1) {
    return Scaled(v, "s");
  }
  const std::string_view sign = v < 0 ? "-" : "";
  v = std::fabs(v);
  const auto whole = static_cast<std::int64_t>(v);
  const std::int64_t seconds = whole % 60;
  const std::int64_t minutes = whole / 60 % 60;
  const std::int64_t hours = whole / 3600 % 24;
  const std::int64_t days = whole / 86'400;
  if (days != 0) {
    return fmt::format("{}{}d {}h {}m {}s", sign, days, hours, minutes, seconds);
  }
  if (hours != 0) {
    return fmt::format("{}{}h {}m {}s", sign, hours, minutes, seconds);
  }
  if (minutes != 0) {
    return fmt::format("{}{}m {}s", sign, minutes, seconds);
  }
  return fmt::format("{}{}s", sign, Short(v));
}

Out HumanizePercentage(const Args& args) {
  const auto v = Number(args[0]);
  return v ? Out(Short(*v * 100) + "%") : base::Fail(v.error());
}

Out HumanizeTimestamp(const Args& args) {
  const auto v = Number(args[0]);
  if (!v) {
    return base::Fail(v.error());
  }
  if (!std::isfinite(*v) || std::fabs(*v) > 9e9) {
    return Short(*v);
  }
  // As Go prints a time in UTC: 2026-01-02 03:04:05.25 +0000 UTC.
  const auto ms = static_cast<std::int64_t>(std::floor(*v * 1000));
  std::string text = base::FormatRfc3339(base::FromMs(ms));
  text[10] = ' ';
  text.pop_back();
  while (text.back() == '0') {
    text.pop_back();
  }
  if (text.back() == '.') {
    text.pop_back();
  }
  return text + " +0000 UTC";
}

Out Title(const Args& args) {
  std::string text = Print(args[0]);
  bool first = true;
  for (char& c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (first && byte < 0x80) {
      c = static_cast<char>(std::toupper(byte));
    }
    first = byte < 0x80 && std::isalnum(byte) == 0 && c != '_' && c != '\'';
  }
  return text;
}

std::string GoType(const Value& value) {
  constexpr std::array<std::string_view, 6> kTypes = {"string", "float64", "int",
                                                      "bool",   "map",     "slice"};
  return std::string(kTypes[value.index()]);
}

/// One verb of printf with its flags, such as "%-8.2f".
std::string Verb(const std::string& flags, char verb, const Value& value) {
  const auto bad = [&] { return fmt::format("%!{}({}={})", verb, GoType(value), Print(value)); };
  const auto* text = std::get_if<std::string>(&value);
  const auto* number = std::get_if<double>(&value);
  const auto* integer = std::get_if<std::int64_t>(&value);
  char buffer[512];
  const std::string format = "%" + flags;
  switch (verb) {
    case 'v':
    case 's':
      if (verb == 's' && text == nullptr) {
        return bad();
      }
      std::snprintf(buffer, sizeof buffer, (format + "s").c_str(), Print(value).c_str());
      return buffer;
    case 'q':
      return text != nullptr ? promql::GoQuote(*text) : bad();
    case 't':
      return std::holds_alternative<bool>(value) ? Print(value) : bad();
    case 'd':
    case 'x':
      if (integer == nullptr) {
        return bad();
      }
      std::snprintf(buffer, sizeof buffer, (format + "ll" + verb).c_str(),
                    static_cast<long long>(*integer));
      return buffer;
    case 'f':
    case 'e':
    case 'g':
      if (number == nullptr) {
        return bad();
      }
      if (!std::isfinite(*number)) {
        return promql::FormatFixed(*number);
      }
      if (verb == 'g' && flags.empty()) {
        return promql::FormatFloat(*number);
      }
      std::snprintf(buffer, sizeof buffer, (format + verb).c_str(), *number);
      return buffer;
    default:
      return bad();
  }
}

Out Printf(const Args& args) {
  const auto* format = std::get_if<std::string>(&args[0]);
  if (format == nullptr) {
    return Bad("printf wants a text first");
  }
  std::string out;
  std::size_t next = 1;
  for (std::size_t i = 0; i < format->size(); ++i) {
    if ((*format)[i] != '%') {
      out += (*format)[i];
      continue;
    }
    std::string flags;
    while (++i < format->size() && flags.size() < 8 &&
           std::string_view("+-# 0123456789.").find((*format)[i]) != std::string_view::npos) {
      flags += (*format)[i];
    }
    if (i >= format->size()) {
      out += "%!(NOVERB)";
    } else if ((*format)[i] == '%') {
      out += '%';
    } else if (next >= args.size()) {
      out += fmt::format("%!{}(MISSING)", (*format)[i]);
    } else if (flags.find_first_not_of("+-# 0123456789.") != std::string::npos ||
               std::ranges::count_if(flags, [](char c) { return c >= '0' && c <= '9'; }) > 4) {
      return Bad("printf: too wide: %" + flags);
    } else {
      out += Verb(flags, (*format)[i], args[next++]);
    }
  }
  return out;
}

Out PrintAll(const Args& args) {
  std::string out;
  for (std::size_t i = 0; i < args.size(); ++i) {
    const bool texts = i > 0 && (std::holds_alternative<std::string>(args[i]) ||
                                 std::holds_alternative<std::string>(args[i - 1]));
    out += (i > 0 && !texts ? " " : "") + Print(args[i]);
  }
  return out;
}

base::Result<std::unique_ptr<RE2>> Regex(const Value& pattern) {
  RE2::Options options;
  options.set_log_errors(false);
  auto regex = std::make_unique<RE2>(Print(pattern), options);
  if (!regex->ok()) {
    return Bad("bad regular expression: " + regex->error());
  }
  return regex;
}

Out ReplaceAll(const Args& args) {
  const auto regex = Regex(args[0]);
  if (!regex) {
    return base::Fail(regex.error());
  }
  // Go writes groups as $1, RE2 as \1.
  std::string replacement;
  for (const char c : Print(args[1])) {
    replacement += c == '\\' ? "\\\\" : c == '$' ? "\\" : std::string(1, c);
  }
  std::string text = Print(args[2]);
  std::string error;
  if (!(*regex)->CheckRewriteString(replacement, &error)) {
    return Bad("reReplaceAll: " + error);
  }
  RE2::GlobalReplace(&text, **regex, replacement);
  return text;
}

Out Match(const Args& args) {
  const auto regex = Regex(args[0]);
  if (!regex) {
    return base::Fail(regex.error());
  }
  return RE2::PartialMatch(Print(args[1]), **regex);
}

/// Host and port of "host:port", "[v6]:port"; no port: the text whole.
std::pair<std::string, std::string> HostPort(const std::string& text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string::npos) {
    return {text, ""};
  }
  if (text.starts_with('[')) {
    const std::size_t close = text.find(']');
    if (close != std::string::npos && close + 1 == colon) {
      return {text.substr(1, close - 1), text.substr(colon + 1)};
    }
    return {text, ""};
  }
  if (text.find(':') != colon) {
    return {text, ""};
  }
  return {text.substr(0, colon), text.substr(colon + 1)};
}

Out StripPort(const Args& args) { return HostPort(Print(args[0])).first; }

Out StripDomain(const Args& args) {
  std::string whole = Print(args[0]);
  const auto [host, port] = HostPort(whole);
  const bool address =
      host.find(':') != std::string::npos ||
      (!host.empty() && host.find_first_not_of("0123456789.") == std::string::npos);
  if (address) {
    return whole;
  }
  return host.substr(0, host.find('.')) + (port.empty() ? "" : ":" + port);
}

Out ParseDuration(const Args& args) {
  const auto duration = base::ParseDuration(Print(args[0]));
  return duration ? Out(base::ToSeconds(*duration)) : base::Fail(duration.error());
}

/// -1, 0, 1; NaN is unequal to everything.
base::Result<int> Order(const Value& a, const Value& b) {
  if (a.index() > 3 || b.index() > 3 ||
      (a.index() != b.index() &&
       (std::holds_alternative<std::string>(a) || std::holds_alternative<std::string>(b)))) {
    return Bad("incompatible types for comparison");
  }
  if (std::holds_alternative<std::string>(a)) {
    const int order = Print(a).compare(Print(b));
    return order < 0 ? -1 : order > 0 ? 1 : 0;
  }
  const auto number = [](const Value& v) {
    return std::holds_alternative<bool>(v) ? (std::get<bool>(v) ? 1.0 : 0.0) : *Number(v);
  };
  const double x = number(a);
  const double y = number(b);
  return x < y ? -1 : x > y ? 1 : x == y ? 0 : 2;
}

Out Equal(const Args& args) {
  for (std::size_t i = 1; i < args.size(); ++i) {
    const auto order = Order(args[0], args[i]);
    if (!order || *order == 0) {
      return order ? Out(true) : base::Fail(order.error());
    }
  }
  return false;
}

Out Length(const Args& args) {
  std::size_t size = 0;
  if (const auto* map = std::get_if<std::shared_ptr<const TemplateMap>>(&args[0])) {
    size = (*map)->entries.size();
  } else if (const auto* list = std::get_if<std::shared_ptr<const TemplateList>>(&args[0])) {
    size = (*list)->items.size();
  } else {
    size = Print(args[0]).size();
  }
  return static_cast<std::int64_t>(size);
}

Out ToTime(const Args& args) {
  const auto v = Number(args[0]);
  return v && (!std::isfinite(*v) || std::fabs(*v) > 9e9) ? Bad("out of range of time")
                                                          : HumanizeTimestamp(args);
}

template <class Holds>
Out Compared(const Args& args, Holds holds) {
  const auto order = Order(args[0], args[1]);
  return order ? Out(holds(*order)) : base::Fail(order.error());
}

constexpr std::array kTable = {
    TemplateEntry{"humanize", 1, 1, Humanize},
    TemplateEntry{"humanize1024", 1, 1, Humanize1024},
    TemplateEntry{"humanizeDuration", 1, 1, HumanizeDuration},
    TemplateEntry{"humanizePercentage", 1, 1, HumanizePercentage},
    TemplateEntry{"humanizeTimestamp", 1, 1, HumanizeTimestamp},
    TemplateEntry{"title", 1, 1, Title},
    TemplateEntry{"toUpper", 1, 1, [](const Args& a) { return Out(base::UpperCase(Print(a[0]))); }},
    TemplateEntry{"toLower", 1, 1, [](const Args& a) { return Out(base::LowerCase(Print(a[0]))); }},
    TemplateEntry{"printf", 1, -1, Printf},
    TemplateEntry{"print", 0, -1, PrintAll},
    TemplateEntry{"reReplaceAll", 3, 3, ReplaceAll},
    TemplateEntry{"match", 2, 2, Match},
    TemplateEntry{"stripPort", 1, 1, StripPort},
    TemplateEntry{"stripDomain", 1, 1, StripDomain},
    TemplateEntry{"parseDuration", 1, 1, ParseDuration},
    TemplateEntry{"len", 1, 1, Length},
    TemplateEntry{"toTime", 1, 1, ToTime},
    TemplateEntry{"println", 0, -1,
                  [](const Args& a) {
                    std::string out;
                    for (const Value& value : a) {
                      out += (out.empty() ? "" : " ") + Print(value);
                    }
                    return Out(out + "\n");
                  }},
    TemplateEntry{"not", 1, 1, [](const Args& a) { return Out(!Truth(a[0])); }},
    TemplateEntry{"and", 1, -1,
                  [](const Args& a) {
                    const auto at =
                        std::ranges::find_if(a, [](const Value& v) { return !Truth(v); });
                    return Out(at == a.end() ? a.back() : *at);
                  }},
    TemplateEntry{"or", 1, -1,
                  [](const Args& a) {
                    const auto at = std::ranges::find_if(a, Truth);
                    return Out(at == a.end() ? a.back() : *at);
                  }},
    TemplateEntry{"eq", 2, -1, Equal},
    TemplateEntry{"ne", 2, 2,
                  [](const Args& a) { return Compared(a, [](int o) { return o != 0; }); }},
    TemplateEntry{"lt", 2, 2,
                  [](const Args& a) { return Compared(a, [](int o) { return o < 0; }); }},
    TemplateEntry{"le", 2, 2,
                  [](const Args& a) { return Compared(a, [](int o) { return o <= 0; }); }},
    TemplateEntry{"gt", 2, 2,
                  [](const Args& a) { return Compared(a, [](int o) { return o == 1; }); }},
    TemplateEntry{
        "ge", 2, 2,
        [](const Args& a) { return Compared(a, [](int o) { return o == 0 || o == 1; }); }},
};

}  // namespace

const TemplateEntry* FindTemplateFunction(std::string_view name) {
  const auto at = std::ranges::find(kTable, name, &TemplateEntry::name);
  return at == kTable.end() ? FindTemplateQueryFunction(name) : &*at;
}

std::vector<std::string> TemplateFunctionNames() {
  std::vector<std::string> out;
  out.reserve(std::size(kTable));
  for (const TemplateEntry& entry : kTable) {
    out.emplace_back(entry.name);
  }
  AddTemplateQueryNames(&out);
  return out;
}

}  // namespace rule
