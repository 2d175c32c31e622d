// Which reader a message goes to, and the way out of forms.
#include "alert/inbound/inbound.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <exception>
#include <optional>

#include "alert/inbound/fields.h"
#include "alert/inbound/form.h"
#include "alert/inbound/readers.h"
#include "base/text.h"

namespace alert::inbound {
namespace {

namespace json = boost::json;

/// What the path says of the sender.
enum class Route { kAny, kShs, kGrafana, kAlertmanager, kAlertmanagerApi, kZabbix, kKuma };

Route RouteOf(std::string_view path) {
  path = path.substr(0, path.find('?'));
  while (path.size() > 1 && path.ends_with('/')) {
    path.remove_suffix(1);
  }
  if (path == "/shs") {
    return Route::kShs;
  }
  if (path.ends_with("/api/v2/alerts")) {
    return Route::kAlertmanagerApi;
  }
  const auto last = path.substr(path.rfind('/') + 1);
  constexpr std::array<std::pair<std::string_view, Route>, 5> kNames = {
      {{"grafana", Route::kGrafana},
       {"alertmanager", Route::kAlertmanager},
       {"zabbix", Route::kZabbix},
       {"kuma", Route::kKuma},
       {"uptime-kuma", Route::kKuma}}};
  const auto* at = std::ranges::find(kNames, last, &std::pair<std::string_view, Route>::first);
  return at == kNames.end() ? Route::kAny : at->second;
}

/// Whether a message of this shape may come by this path.
bool Fits(Route route, Sender sender) {
  switch (route) {
    case Route::kAny:
      return true;
    case Route::kShs:
    case Route::kGrafana:
      return sender == Sender::kGrafanaLegacy || sender == Sender::kGrafana;
    case Route::kAlertmanager:
      return sender == Sender::kAlertmanager || sender == Sender::kAlertmanagerApi;
    case Route::kAlertmanagerApi:
      return sender == Sender::kAlertmanagerApi;
    case Route::kZabbix:
      return sender == Sender::kZabbix;
    case Route::kKuma:
      return sender == Sender::kKuma;
  }
  return false;
}

/// Who it is when only the path can tell: a message without the usual marks.
Sender Usual(Route route, const json::value& body) {
  if (body.is_array()) {
    const bool api = route == Route::kAlertmanagerApi || route == Route::kAlertmanager;
    return api && body.get_array().empty() ? Sender::kAlertmanagerApi : Sender::kUnknown;
  }
  if (!body.is_object()) {
    return Sender::kUnknown;
  }
  const bool alerts = ArrayAt(body.get_object(), "alerts") != nullptr;
  switch (route) {
    case Route::kShs:
      return Sender::kGrafanaLegacy;
    case Route::kGrafana:
      return alerts ? Sender::kGrafana : Sender::kUnknown;
    case Route::kAlertmanager:
      return alerts ? Sender::kAlertmanager : Sender::kUnknown;
    case Route::kKuma:
      return body.get_object().contains("msg") ? Sender::kKuma : Sender::kUnknown;
    case Route::kAny:
    case Route::kAlertmanagerApi:
    case Route::kZabbix:
      break;
  }
  return Sender::kUnknown;
}

std::string SourceOf(Route route, Sender sender) {
  switch (sender) {
    case Sender::kGrafanaLegacy:
      return route == Route::kShs ? "shs" : "grafana";
    case Sender::kGrafana:
      return "grafana";
    case Sender::kAlertmanager:
    case Sender::kAlertmanagerApi:
      return "alertmanager";
    case Sender::kZabbix:
      return "zabbix";
    case Sender::kKuma:
      return "kuma";
    case Sender::kUnknown:
      break;
  }
  return "";
}

base::Result<json::value> Parse(std::string_view text) {
  if (text.starts_with("\xEF\xBB\xBF")) {
    text.remove_prefix(3);
  }
  if (base::Trim(text).empty()) {
    return base::Fail(base::ErrorKind::kInvalid, "the message is empty");
  }
  json::parse_options options;
  options.max_depth = 32;
  json::error_code error;
  try {
    auto value = json::parse(json::string_view(text.data(), text.size()), error, {}, options);
    if (!error) {
      return value;
    }
  } catch (const std::exception& e) {  // memory
    return base::Fail(base::ErrorKind::kInvalid, std::string("the message: ") + e.what());
  }
  return base::Fail(base::ErrorKind::kInvalid, "the message is not JSON: " + error.message());
}

void ReadAs(Sender sender, const json::value& body, Collector& out) {
  switch (sender) {
    case Sender::kGrafanaLegacy:
      return ReadGrafanaLegacy(body.get_object(), out);
    case Sender::kGrafana:
      return ReadGrafana(body.get_object(), out);
    case Sender::kAlertmanager:
      return ReadAlertmanager(body.get_object(), out);
    case Sender::kAlertmanagerApi:
      return ReadAlertmanagerApi(body.get_array(), out);
    case Sender::kZabbix:
      return ReadZabbix(body.get_object(), out);
    case Sender::kKuma:
      return ReadKuma(body.get_object(), out);
    case Sender::kUnknown:
      break;
  }
}

}  // namespace

Sender Recognise(const json::value& body) {
  if (const auto* list = body.if_array()) {
    const bool labelled = !list->empty() && std::ranges::all_of(*list, [](const json::value& item) {
      return item.is_object() && ObjectAt(item.get_object(), "labels") != nullptr;
    });
    return labelled ? Sender::kAlertmanagerApi : Sender::kUnknown;
  }
  const auto* object = body.if_object();
  if (object == nullptr) {
    return Sender::kUnknown;
  }
  const auto has = [object](std::string_view name) { return object->contains(name); };
  if (has("evalMatches") || (has("ruleId") && has("state"))) {
    return Sender::kGrafanaLegacy;
  }
  const auto version = TextAt(*object, {"version"});
  if (version == "4" && has("groupKey")) {
    return Sender::kAlertmanager;
  }
  if (version == "1" && ArrayAt(*object, "alerts") != nullptr) {
    return Sender::kGrafana;
  }
  if (has("heartbeat") && has("msg")) {
    return Sender::kKuma;
  }
  if (has("event_value") || has("event_nseverity")) {
    return Sender::kZabbix;
  }
  return Sender::kUnknown;
}

base::Result<Inbound> Read(std::string_view path, std::string_view content_type,
                           std::string_view body, const Context& context) {
  if (body.size() > kMaxBody) {
    return base::Fail(base::ErrorKind::kInvalid,
                      fmt::format("the message has {} bytes, more than {}", body.size(), kMaxBody));
  }
  if (IsForm(content_type, body)) {
    const auto field = FormField(content_type, body, "data");
    if (!field) {
      return base::Fail(base::ErrorKind::kInvalid, "the form has no field \"data\"");
    }
    body = *field;
  }
  const auto parsed = Parse(body);
  if (!parsed) {
    return base::Fail(parsed.error());
  }
  const Route route = RouteOf(path);
  Sender sender = Recognise(*parsed);
  if (sender == Sender::kUnknown) {
    sender = Usual(route, *parsed);
  }
  if (sender == Sender::kUnknown) {
    return base::Fail(base::ErrorKind::kInvalid,
                      "the message is not of a kind that is understood: Grafana, Alertmanager, "
                      "Zabbix or Uptime Kuma in their usual form (see docs/webhooks.md)");
  }
  const auto source = SourceOf(route, sender);
  if (!Fits(route, sender)) {
    return base::Fail(base::ErrorKind::kInvalid,
                      fmt::format("a message in the form of {} does not belong to {}", source,
                                  Quoted(path.substr(0, path.find('?')))));
  }
  Collector out(context, source);
  ReadAs(sender, *parsed, out);
  return out.Finish();
}

std::vector<model::Alert> EndedBy(const std::vector<model::Labels>& ends,
                                  const std::vector<View>& active, base::Time now) {
  std::vector<model::Alert> out;
  for (const auto& view : active) {
    const auto& labels = view.alert.labels;
    const bool over = std::ranges::any_of(ends, [&labels](const model::Labels& end) {
      return !end.empty() && std::ranges::all_of(end, [&labels](const model::Labels::Pair& pair) {
        return labels.Get(pair.first) == pair.second;
      });
    });
    if (over) {
      out.push_back(view.alert);
      out.back().ends_at = now;
    }
  }
  return out;
}

std::string Reply(const Inbound& inbound) {
  json::array ignored;
  for (const auto& sentence : inbound.ignored) {
    ignored.emplace_back(sentence);
  }
  return json::serialize(json::object{{"sender", inbound.sender},
                                      {"accepted", inbound.alerts.size()},
                                      {"ended", inbound.ends.size()},
                                      {"unknown_targets", inbound.unknown_targets},
                                      {"ignored", std::move(ignored)}});
}

}  // namespace alert::inbound
