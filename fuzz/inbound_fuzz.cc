// Fuzzes the reading of other systems' messages: any bytes give bounded alerts of known targets or
// an error. The first line is the path, the rest the body.
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "alert/inbound/inbound.h"
#include "base/text.h"

namespace {

void Require(bool truth) {
  if (!truth) {
    std::abort();
  }
}

void CheckLabels(const model::Labels& labels) {
  Require(labels.size() <= alert::inbound::kMaxLabels);
  for (const auto& [name, value] : labels) {
    Require(model::IsLabelName(name) && value.size() <= alert::inbound::kMaxValue &&
            base::IsPrintable(value));
  }
}

const alert::inbound::TargetIndex& Targets() {
  static const alert::inbound::TargetIndex kTargets = [] {
    std::array<model::Target, 2> targets;
    targets[0].name = "shop";
    targets[0].address = "192.0.2.21";
    targets[0].url = "http://shop.test/";
    targets[1].name = "blog";
    targets[1].address = "2001:db8::22";
    return alert::inbound::TargetIndex(targets);
  }();
  return kTargets;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto line = text.find('\n');
  const auto path = text.substr(0, line);
  const auto body = line == std::string_view::npos ? std::string_view() : text.substr(line + 1);
  const alert::inbound::Context context{.targets = &Targets(),
                                        .now = base::Time(std::chrono::seconds(1'772'575'300)),
                                        .target_labels = {"vm"},
                                        .metrics = {{"SiteDown", "http_code"}}};
  const auto read = alert::inbound::Read(path, "", body, context);
  if (!read) {
    Require(base::IsPrintable(read.error().message));
    return 0;
  }
  Require(read->alerts.size() <= alert::inbound::kMaxAlerts);
  for (const auto& alert : read->alerts) {
    CheckLabels(alert.labels);
    CheckLabels(alert.annotations);
    Require(alert.Target() == "shop" || alert.Target() == "blog");
    Require(!alert.Name().empty() && !alert.source.empty());
    Require(base::IsPrintable(alert.generator_url));
  }
  for (const auto& end : read->ends) {
    CheckLabels(end);
    Require(end.size() >= 2);
  }
  for (const auto& sentence : read->ignored) {
    Require(base::IsPrintable(sentence));
  }
  Require(base::IsPrintable(alert::inbound::Reply(*read)));
  return 0;
}
