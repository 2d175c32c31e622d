// Inbound: reads the messages of other alerting systems and makes them alerts of ours.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "alert/inbound/target_index.h"
#include "alert/manager.h"
#include "base/clock.h"
#include "base/result.h"
#include "model/alert.h"
#include "model/labels.h"

namespace alert::inbound {

/// At most so many alerts are taken from one body; the rest is left out and said so.
inline constexpr std::size_t kMaxAlerts = 1000;
/// At most so many labels has an alert that comes out.
inline constexpr std::size_t kMaxLabels = 64;
/// Labels' and annotations' values are cut to so many bytes, at a character's border.
inline constexpr std::size_t kMaxValue = 1024;
/// Larger bodies are refused, bytes.
inline constexpr std::size_t kMaxBody = 8 * 1024 * 1024;
/// At most so many sentences stand in Inbound::ignored; a last one counts what more there was.
inline constexpr std::size_t kMaxIgnored = 100;

/// What reading needs of the world. What it points to outlives the call.
struct Context {
  /// The targets that alerts may name. nullptr: none are known.
  const TargetIndex* targets = nullptr;
  base::Time now{};
  /// The administrator's own: labels (beside those always looked at) whose value names a target.
  std::vector<std::string> target_labels;
  /// The administrator's own: alertname → metric, where the sender cannot say it
  /// ("WebDown" → "http_code").
  std::map<std::string, std::string> metrics;
};

/// What a message said.
struct Inbound {
  /// Ready for alert::Manager::Receive: each names a known target; resolved ones have ends_at set.
  std::vector<model::Alert> alerts;
  /// Active alerts whose labels hold all pairs of one of these are over: some senders' "all is
  /// well" does not repeat the labels of their alarm. See EndedBy.
  std::vector<model::Labels> ends;
  /// What was not taken and why, one printable sentence each: test notices, unknown targets, …
  std::vector<std::string> ignored;
  std::string sender;       ///< "shs", "grafana", "alertmanager", "zabbix", "kuma"
  int unknown_targets = 0;  ///< alerts that named no target of ours, or more than one
};

/// Reads one message. The path tells the sender (`/shs`, `…/webhook/grafana`, `…/alertmanager`,
/// `…/zabbix`, `…/kuma`, `/api/v2/alerts`); on any other path the body's shape does. Bodies are
/// JSON, or a form (multipart/form-data) whose field `data` holds JSON, as Uptime Kuma may send.
/// Never throws for bad input. Errors: kInvalid with what is wrong with the body.
base::Result<Inbound> Read(std::string_view path, std::string_view content_type,
                           std::string_view body, const Context& context);

/// The active alerts that `ends` ends, as resolved ones for alert::Manager::Receive.
std::vector<model::Alert> EndedBy(const std::vector<model::Labels>& ends,
                                  const std::vector<View>& active, base::Time now);

/// The answer for the sender, one JSON object: `{"sender":"kuma","accepted":1,"ended":0,
/// "unknown_targets":0,"ignored":[]}`. To be sent with status 200 exactly: Zabbix takes no other.
std::string Reply(const Inbound& inbound);

}  // namespace alert::inbound
