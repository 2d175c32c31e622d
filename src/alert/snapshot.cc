// The alert manager's state as JSON, for the journal.
#include <fmt/format.h>

#include <boost/json/array.hpp>
#include <boost/json/value.hpp>
#include <cmath>

#include "alert/json.h"
#include "alert/manager.h"
#include "base/text.h"

namespace alert {
namespace {

namespace json = boost::json;

constexpr int kVersion = 1;

base::Result<> Corrupt(std::string_view what) {
  return base::Fail(base::ErrorKind::kCorrupt,
                    fmt::format("the stored alerts do not hold together: {}", what));
}

const json::array& List(const json::object& object, std::string_view key) {
  static const json::array kEmpty;
  const auto* at = object.if_contains(key);
  return at != nullptr && at->is_array() ? at->get_array() : kEmpty;
}

}  // namespace

json::object ToJson(const model::Labels& labels) {
  json::object out;
  for (const auto& [name, value] : labels) {
    out[name] = base::Printable(value, true);
  }
  return out;
}

json::object ToJson(const model::Alert& alert) {
  json::object out{{"labels", ToJson(alert.labels)},
                   {"annotations", ToJson(alert.annotations)},
                   {"starts_at", ToNs(alert.starts_at)},
                   {"ends_at", ToNs(alert.ends_at)},
                   {"source", alert.source},
                   {"generator_url", base::Printable(alert.generator_url)}};
  // JSON has no NaN and no infinity.
  out["value"] = std::isfinite(alert.value) ? json::value(alert.value)
                                            : json::value(fmt::format("{}", alert.value));
  return out;
}

base::Result<model::Labels> LabelsFromJson(const json::value& value) {
  if (!value.is_object()) {
    return base::Fail(base::ErrorKind::kCorrupt, "labels are no object");
  }
  model::Labels out;
  for (const auto& item : value.get_object()) {
    if (!item.value().is_string()) {
      return base::Fail(base::ErrorKind::kCorrupt, "a label is no string");
    }
    out.Set(std::string_view(item.key().data(), item.key().size()),
            std::string(item.value().get_string()));
  }
  return out;
}

base::Result<model::Alert> AlertFromJson(const json::value& value) {
  if (!value.is_object()) {
    return base::Fail(base::ErrorKind::kCorrupt, "an alert is no object");
  }
  const auto& object = value.get_object();
  model::Alert out;
  const auto* labels = object.if_contains("labels");
  const auto* annotations = object.if_contains("annotations");
  if (labels == nullptr) {
    return base::Fail(base::ErrorKind::kCorrupt, "an alert without labels");
  }
  auto read = LabelsFromJson(*labels);
  if (!read) {
    return base::Fail(read.error());
  }
  out.labels = std::move(*read);
  if (annotations != nullptr) {
    auto more = LabelsFromJson(*annotations);
    if (!more) {
      return base::Fail(more.error());
    }
    out.annotations = std::move(*more);
  }
  out.value = GetNumber(object, "value");
  out.starts_at = GetTime(object, "starts_at");
  out.ends_at = GetTime(object, "ends_at");
  out.source = GetText(object, "source");
  out.generator_url = GetText(object, "generator_url");
  return out;
}

std::string GetText(const json::object& object, std::string_view key) {
  const auto* at = object.if_contains(key);
  return at != nullptr && at->is_string() ? std::string(at->get_string()) : std::string();
}

std::int64_t GetInt(const json::object& object, std::string_view key, std::int64_t otherwise) {
  const auto* at = object.if_contains(key);
  return at != nullptr && at->is_int64() ? at->get_int64() : otherwise;
}

bool GetBool(const json::object& object, std::string_view key) {
  const auto* at = object.if_contains(key);
  return at != nullptr && at->is_bool() && at->get_bool();
}

double GetNumber(const json::object& object, std::string_view key) {
  const auto* at = object.if_contains(key);
  if (at == nullptr) {
    return 0;
  }
  if (at->is_string()) {
    const auto text = std::string_view(at->get_string());
    if (text == "inf" || text == "-inf") {
      return text == "inf" ? HUGE_VAL : -HUGE_VAL;
    }
    return std::nan("");
  }
  boost::system::error_code ec;
  const double v = at->to_number<double>(ec);
  return ec ? 0 : v;
}

base::Time GetTime(const json::object& object, std::string_view key) {
  return FromNs(GetInt(object, key));
}

json::object Manager::Snapshot() const {
  json::array alerts;
  for (const auto& [labels, held] : active_) {
    alerts.push_back(json::object{{"alert", ToJson(held.alert)},
                                  {"received", ToNs(held.received)},
                                  {"expires", ToNs(held.expires)},
                                  {"status", static_cast<std::int64_t>(held.status)},
                                  {"told", held.told},
                                  {"reason", held.reason},
                                  {"silenced_by", held.silenced_by},
                                  {"inhibited_by", held.inhibited_by},
                                  {"ack_by", held.ack_by},
                                  {"ack_comment", held.ack_comment}});
  }
  json::array ended;
  for (const auto& [labels, end] : ended_) {
    ended.push_back(json::object{
        {"labels", ToJson(labels)}, {"starts", ToNs(end.starts)}, {"at", ToNs(end.at)}});
  }
  json::array silences;
  for (const auto& silence : silences_) {
    silences.push_back(ToJson(silence));
  }
  json::object back;
  for (const auto& [target, at] : back_) {
    back[target] = ToNs(at);
  }
  return json::object{{"version", kVersion},
                      {"alerts", std::move(alerts)},
                      {"ended", std::move(ended)},
                      {"silences", std::move(silences)},
                      {"back", std::move(back)}};
}

base::Result<> Manager::Restore(const json::object& snapshot, base::Time now) {
  if (GetInt(snapshot, "version") != kVersion) {
    return Corrupt("another version");
  }
  Manager fresh(options_, ping_);
  for (const auto& item : List(snapshot, "alerts")) {
    if (!item.is_object() || !item.get_object().contains("alert")) {
      return Corrupt("an alert's record");
    }
    const auto& object = item.get_object();
    auto alert = AlertFromJson(object.at("alert"));
    const auto status = GetInt(object, "status", -1);
    if (!alert || status < 0 || status > 2) {
      return Corrupt(alert ? "an alert's status" : alert.error().message);
    }
    if (alert->Metric() == "ping" && !alert->Target().empty()) {
      ++fresh.down_[std::string(alert->Target())];
    }
    Held held{.alert = *alert,
              .received = GetTime(object, "received"),
              .expires = GetTime(object, "expires"),
              .status = static_cast<Status>(status),
              .told = GetBool(object, "told"),
              .reason = GetText(object, "reason"),
              .silenced_by = GetText(object, "silenced_by"),
              .inhibited_by = GetText(object, "inhibited_by"),
              .ack_by = GetText(object, "ack_by"),
              .ack_comment = GetText(object, "ack_comment")};
    fresh.active_.emplace(alert->labels, std::move(held));
  }
  for (const auto& item : List(snapshot, "ended")) {
    const auto* object = item.if_object();
    if (object == nullptr || !object->contains("labels")) {
      return Corrupt("an ended alert");
    }
    auto labels = LabelsFromJson(object->at("labels"));
    if (!labels) {
      return Corrupt(labels.error().message);
    }
    fresh.ended_[*labels] = {GetTime(*object, "starts"), GetTime(*object, "at")};
  }
  for (const auto& item : List(snapshot, "silences")) {
    const auto* object = item.if_object();
    auto silence =
        object == nullptr ? base::Result<Silence>(Silence{}) : SilenceFromJson(*object, now);
    if (object == nullptr || !silence || silence->id.empty()) {
      return Corrupt("a silence");
    }
    fresh.silences_.push_back(std::move(*silence));
  }
  if (const auto* back = snapshot.if_contains("back"); back != nullptr && back->is_object()) {
    for (const auto& item : back->get_object()) {
      fresh.back_[std::string(item.key())] = GetTime(back->get_object(), item.key());
    }
  }
  active_ = std::move(fresh.active_);
  ended_ = std::move(fresh.ended_);
  silences_ = std::move(fresh.silences_);
  down_ = std::move(fresh.down_);
  back_ = std::move(fresh.back_);
  return {};
}

}  // namespace alert
