// Reading channels, composing messages, the catalogue's look-up.
#include "notify/channel.h"

#include <fmt/format.h>

#include <set>

#include "base/id.h"
#include "base/text.h"
#include "incident/text.h"

namespace notify {
namespace {

constexpr std::array<std::string_view, 2> kLanguages = {"en", "th"};

const std::array<model::OptionSpec, 3> kCommon = {
    model::OptionSpec{.name = "name",
                      .type = model::OptionType::kString,
                      .help = "how the channel is called in logs and on the page"},
    model::OptionSpec{.name = "language",
                      .type = model::OptionType::kString,
                      .help = "of this channel's messages; default: the configuration's",
                      .choices = kLanguages},
    model::OptionSpec{.name = "backup",
                      .type = model::OptionType::kBool,
                      .help = "true: used only for what a channel before it could not deliver",
                      .fallback = "false"}};

std::string KindNames() {
  std::string out;
  for (const auto* kind : Catalogue()) {
    out += (out.empty() ? "" : ", ") + std::string(kind->spec.name);
  }
  return out;
}

void ReadOne(const config::Node& entry, std::vector<Channel>& out, std::set<std::string>& names) {
  const auto* kind = Find(entry.key());
  if (kind == nullptr) {
    std::vector<std::string> known;
    for (const auto* k : Catalogue()) {
      known.emplace_back(k->spec.name);
    }
    const auto nearest = base::Nearest(entry.key(), known);
    entry.document()->Report(
        entry.key_place(), fmt::format("there is no channel \"{}\"", base::Printable(entry.key())),
        nearest.empty() ? "known channels: " + KindNames()
                        : fmt::format("did you mean \"{}\"?", nearest));
    return;
  }
  auto specs = kind->spec.options;
  specs.insert(specs.end(), kCommon.begin(), kCommon.end());
  Channel channel;
  channel.kind = std::string(kind->spec.name);
  channel.options = config::ReadOptions(entry, specs, fmt::format("a {} channel", channel.kind));
  channel.name = channel.options.Get<std::string>("name");
  channel.language = channel.options.Get<std::string>("language");
  channel.backup = channel.options.Get<bool>("backup");
  if (channel.name.empty()) {
    channel.name = channel.kind;
    for (int i = 2; names.contains(channel.name); ++i) {
      channel.name = fmt::format("{}{}", channel.kind, i);
    }
  }
  if (channel.name.size() > 64 || !base::IsPrintable(channel.name)) {
    entry.Report("a channel's name must be printable, at most 64 bytes");
  }
  if (!names.insert(channel.name).second) {
    entry.Report(fmt::format("a channel is called \"{}\" already", channel.name));
  }
  if (channel.backup && out.empty()) {
    entry.Report("the first channel cannot be a backup: there is none before it");
  }
  out.push_back(std::move(channel));
}

}  // namespace

const Kind* Find(std::string_view name) {
  for (const auto* kind : Catalogue()) {
    if (kind->spec.name == name) {
      return kind;
    }
  }
  return nullptr;
}

std::vector<Channel> ReadChannels(config::Node node) {
  std::vector<Channel> out;
  if (!node || node.IsNull()) {
    return out;
  }
  std::set<std::string> names;
  for (const auto& item : node.Items("the list of channels")) {
    const auto entries = item.Entries("a channel");
    if (item.IsMap() && entries.size() != 1) {
      item.Report("a channel is a map with one key, its kind",
                  "for example: - webhook: {url: https://ops.example/hook}");
      continue;
    }
    for (const auto& entry : entries) {
      ReadOne(entry, out, names);
    }
  }
  return out;
}

Message Compose(const std::string& id, const std::string& event, const model::Incident& incident,
                const std::string& language) {
  const auto words = incident::Write(incident, event, language);
  return {.id = id,
          .event = event,
          .subject = words.subject,
          .text = words.Text(),
          .incident = incident,
          .language = language == "th" ? "th" : "en"};
}

loop::Task<Delivery> SendTest(Channel channel, std::string language, loop::HttpClient* http) {
  const auto* kind = Find(channel.kind);
  if (kind == nullptr) {
    co_return Delivery{Delivery::Kind::kRejected, "there is no channel of that kind", {}};
  }
  const auto words = channel.language.empty() ? language : channel.language;
  Request request{.options = channel.options,
                  .message = Compose(base::NewId(), "test", incident::TestIncident(), words),
                  .retry_key = base::NewUuid(),
                  .http = http};
  auto delivery = co_await kind->send(std::move(request));
  co_return delivery;
}

}  // namespace notify
