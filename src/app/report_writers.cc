// Writes a report as Markdown, HTML and JSON. Nothing of it can leave the place it is given.
#include <fmt/format.h>

#include <algorithm>
#include <boost/beast/core/detail/base64.hpp>
#include <boost/json/object.hpp>

#include "api/json.h"
#include "app/report.h"
#include "base/text.h"

namespace app {
namespace {

namespace json = boost::json;
using Kind = ReportBlock::Kind;

constexpr std::string_view kStyle =
    "body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;"
    "color:#1d1d1f;background:#fff}h1{font-size:1.5rem}h2{font-size:1.15rem;margin-top:2rem;"
    "border-bottom:1px solid #ccc}h3{font-size:1rem}code,pre{font:13px/1.45 ui-monospace,monospace;"
    "background:#f3f3f5;border-radius:4px}code{padding:.1em .3em;overflow-wrap:anywhere}"
    "pre{padding:.6rem;overflow:auto}ul{padding-left:1.4rem}"
    "@media(prefers-color-scheme:dark){body{background:#161618;color:#e6e6e8}"
    "code,pre{background:#26262a}}";

/// The longest run of backticks in a text.
std::size_t Backticks(std::string_view text) {
  std::size_t longest = 0;
  std::size_t run = 0;
  for (const char c : text) {
    run = c == '`' ? run + 1 : 0;
    longest = std::max(longest, run);
  }
  return longest;
}

/// Text inside a code span; its backticks are shown as apostrophes.
std::string Span(std::string_view text) {
  auto out = base::Printable(text);
  std::ranges::replace(out, '`', '\'');
  return out.empty() ? "" : "`" + out + "`";
}

/// A fenced block, with a fence longer than any run of backticks inside.
std::string Fence(std::string_view text) {
  const std::string fence(std::max<std::size_t>(3, Backticks(text) + 1), '`');
  return fmt::format("{}text\n{}\n{}\n", fence, base::Printable(text, true), fence);
}

/// Our own words, with what Markdown would read as its own escaped.
std::string Words(std::string_view text) {
  std::string out;
  for (const char c : base::Printable(text)) {
    if (std::string_view("\\`*_{}[]<>#|~&!").contains(c)) {
      out += '\\';
    }
    out += c;
  }
  return out;
}

std::string Escaped(std::string_view text, bool lines = false) {
  return base::HtmlEscape(base::Printable(text, lines));
}

/// The source of a Content-Security-Policy that allows exactly this style.
std::string StyleHash() {
  const auto hex = base::Sha256Hex(kStyle);
  std::string bytes;
  for (std::size_t i = 0; i < hex.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  }
  namespace base64 = boost::beast::detail::base64;
  std::string out(base64::encoded_size(bytes.size()), '\0');
  out.resize(base64::encode(out.data(), bytes.data(), bytes.size()));
  return "sha256-" + out;
}

/// Opens and closes lists so that the next item stands at `depth` (-1: no list).
void Nest(std::string& out, int& depth, int want) {
  for (; depth < want; ++depth) {
    out += "<ul>\n";
  }
  for (; depth > want; --depth) {
    out += "</ul>\n";
  }
}

std::string JsonOf(const model::Incident& incident, const std::vector<api::MessageView>& messages) {
  json::array phases;
  for (const auto& phase : ReportPhases(incident)) {
    phases.push_back(json::object{{"state", phase.state},
                                  {"from", api::TimeJson(phase.from)},
                                  {"took_seconds", base::ToSeconds(phase.took)}});
  }
  json::array sent;
  for (const auto& message : messages) {
    sent.push_back(api::ToJson(message));
  }
  return api::ToText(json::object{{"sentence", ReportSentence(incident)},
                                  {"made", api::TimeJson(base::Clock::Now())},
                                  {"incident", api::ToJson(incident)},
                                  {"phases", std::move(phases)},
                                  {"messages", std::move(sent)}}) +
         "\n";
}

}  // namespace

std::string MarkdownOf(const std::vector<ReportBlock>& blocks) {
  std::string out;
  const auto join = [](std::string_view label, const std::string& text) {
    const auto words = Words(label);
    return words.empty() || text.empty() ? words + text : words + ": " + text;
  };
  bool item = false;
  for (const auto& block : blocks) {
    out += item && block.kind != Kind::kItem ? "\n" : "";
    item = block.kind == Kind::kItem;
    switch (block.kind) {
      case Kind::kHeading:
        out += fmt::format("{}{} {}\n\n", block.level == 1 ? "" : "\n",
                           std::string(static_cast<std::size_t>(block.level), '#'),
                           join(block.label, Span(block.text)));
        break;
      case Kind::kItem:
        out +=
            fmt::format("{}- {}{}\n", std::string(2 * static_cast<std::size_t>(block.level), ' '),
                        join(block.label, Span(block.text)),
                        block.note.empty() ? "" : ", " + Words(block.note));
        break;
      case Kind::kCode:
        out += Fence(block.text) + "\n";
        break;
    }
  }
  return out;
}

std::string HtmlOf(const std::vector<ReportBlock>& blocks) {
  std::string title = "Raksa";
  if (!blocks.empty()) {
    title = Escaped(blocks.front().text);
  }
  std::string out = fmt::format(
      "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src '{}'; "
      "base-uri 'none'; form-action 'none'\">\n"
      "<meta name=\"viewport\" content=\"width=device-width\">\n<title>{}</title>\n"
      "<style>{}</style>\n</head>\n<body>\n",
      StyleHash(), title, kStyle);
  int depth = -1;
  for (const auto& block : blocks) {
    Nest(out, depth, block.kind == Kind::kItem ? block.level : -1);
    const auto label = Escaped(block.label);
    const auto code =
        block.text.empty() ? std::string() : "<code>" + Escaped(block.text) + "</code>";
    switch (block.kind) {
      case Kind::kHeading:
        out += block.level == 1 ? fmt::format("<h1>{}</h1>\n", Escaped(block.text))
                                : fmt::format("<h{0}>{1} {2}</h{0}>\n", block.level, label, code);
        break;
      case Kind::kItem:
        out += fmt::format("<li><b>{}</b> {} {}</li>\n", label, code, Escaped(block.note));
        break;
      case Kind::kCode:
        out += "<pre>" + Escaped(block.text, true) + "</pre>\n";
        break;
    }
  }
  Nest(out, depth, -1);
  return out + "</body>\n</html>\n";
}

std::string WriteReport(const model::Incident& incident,
                        const std::vector<api::MessageView>& messages, std::string_view format) {
  if (format == "json") {
    return JsonOf(incident, messages);
  }
  const auto blocks = ReportBlocks(incident, messages);
  return format == "html" ? HtmlOf(blocks) : MarkdownOf(blocks);
}

}  // namespace app
