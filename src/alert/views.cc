// The alert manager: silences, acknowledgements, and what pages see.
#include "alert/manager.h"
#include "base/id.h"
#include "base/text.h"

namespace alert {
namespace {
constexpr std::size_t kMaxSilences = 1000;
}

base::Result<std::string> Manager::AddSilence(Silence silence, base::Time now) {
  if (silence.starts == base::Time{}) {
    silence.starts = now;
  }
  if (silence.created == base::Time{}) {
    silence.created = now;
  }
  if (const auto checked = Check(silence, now); !checked) {
    return base::Fail(checked.error());
  }
  const auto same = std::find_if(silences_.begin(), silences_.end(), [&](const Silence& s) {
    return !silence.id.empty() && s.id == silence.id;
  });
  if (same != silences_.end()) {
    *same = std::move(silence);
    return same->id;
  }
  if (!silence.id.empty()) {
    return base::Fail(base::ErrorKind::kNotFound, "no silence has that id");
  }
  if (silences_.size() >= kMaxSilences) {
    return base::Fail(base::ErrorKind::kRefused, "there are 1000 silences already");
  }
  silence.id = base::NewId();
  silences_.push_back(std::move(silence));
  return silences_.back().id;
}

base::Result<std::string> Manager::AddMaintenance(const std::string& target, base::Time starts,
                                                  base::Time ends, std::string by,
                                                  std::string comment, base::Time now) {
  auto matcher = Matcher::Make("target", Matcher::Op::kEqual, target);
  if (!matcher) {
    return base::Fail(matcher.error());
  }
  Silence window;
  window.kind = SilenceKind::kMaintenance;
  window.matchers.push_back(std::move(*matcher));
  window.created_by = std::move(by);
  window.comment = std::move(comment);
  window.starts = starts;
  window.ends = ends;
  return AddSilence(std::move(window), now);
}

base::Result<> Manager::ExpireSilence(const std::string& id, base::Time now) {
  for (auto& silence : silences_) {
    if (silence.id == id) {
      silence.ends = std::min(silence.ends, now);
      return {};
    }
  }
  return base::Fail(base::ErrorKind::kNotFound, "no silence has that id");
}

const Silence* Manager::Silencing(const model::Labels& labels, SilenceKind kind,
                                  base::Time now) const {
  for (const auto& silence : silences_) {
    if (silence.kind == kind && silence.ActiveAt(now) && silence.Matches(labels)) {
      return &silence;
    }
  }
  return nullptr;
}

const Silence* Manager::MaintenanceOf(const std::string& target, base::Time now) const {
  return Silencing(model::Labels{{"target", target}}, SilenceKind::kMaintenance, now);
}

base::Result<> Manager::Acknowledge(std::uint64_t fingerprint, std::string by,
                                    std::string comment) {
  if (by.empty() || by.size() > 256 || !base::IsPrintable(by) || comment.size() > 2048) {
    return base::Fail(base::ErrorKind::kInvalid, "say who acknowledges, printable, in few words");
  }
  for (auto& [labels, held] : active_) {
    if (labels.Fingerprint() == fingerprint) {
      held.ack_by = std::move(by);
      held.ack_comment = base::Printable(comment, true);
      return {};
    }
  }
  return base::Fail(base::ErrorKind::kNotFound, "no active alert has that fingerprint");
}

std::vector<View> Manager::Views() const {
  std::vector<View> out;
  out.reserve(active_.size());
  for (const auto& [labels, held] : active_) {
    out.push_back({.alert = held.alert,
                   .fingerprint = labels.Fingerprint(),
                   .status = held.status,
                   .reason = held.reason,
                   .silenced_by = held.silenced_by,
                   .inhibited_by = held.status == Status::kSuppressed ? held.inhibited_by : "",
                   .flapping = Flapping(labels),
                   .acknowledged_by = held.ack_by,
                   .acknowledged_comment = held.ack_comment});
  }
  return out;
}

std::vector<model::Alert> Manager::AlertsOf(const std::string& target) const {
  std::vector<model::Alert> out;
  for (const auto& [labels, held] : active_) {
    if (held.status != Status::kSuppressed && labels.Get("target") == target) {
      out.push_back(held.alert);
    }
  }
  return out;
}

Stats Manager::stats() const {
  auto out = stats_;
  for (const auto& [labels, held] : active_) {
    out.firing += held.status == Status::kFiring ? 1 : 0;
    out.suppressed += held.status == Status::kSuppressed ? 1 : 0;
    out.pending += held.status == Status::kPending ? 1 : 0;
  }
  return out;
}

}  // namespace alert
