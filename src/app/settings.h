// Settings: the whole configuration file, read and checked, with the rule files that it names.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "alert/inbound/authentic.h"
#include "api/auth.h"
#include "app/settings_shown.h"
#include "app/status_page.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/result.h"
#include "config/node.h"
#include "notify/channel.h"
#include "probe/scheduler.h"
#include "recovery/policy.h"
#include "remote/sender.h"
#include "rule/rule.h"
#include "target/discovery.h"
#include "target/target.h"

namespace app {

/// How long and how much the store keeps.
struct Retention {
  base::Duration age = std::chrono::hours(24 * 90);     ///< 1h to 10y
  std::uint64_t size = 0;                               ///< bytes, at least 16 MiB; 0 = no limit
  base::Duration tiers = std::chrono::hours(24 * 730);  ///< of statistics of five minutes; 0: none
  bool operator==(const Retention&) const = default;
};

/// Who may ask: the token file as read.
struct AuthSettings {
  std::string token_file;  ///< "" = nobody has a token
  api::Auth auth;
};

/// Certificate and key of the page's own address; both or neither.
struct TlsSettings {
  std::string cert_file;
  std::string key_file;
  [[nodiscard]] bool on() const { return !cert_file.empty(); }
};

/// Where Grafana's signature is asked for, once a secret for it is configured.
inline constexpr std::array<std::string_view, 2> kSignedPaths = {"/api/v1/webhook/grafana",
                                                                 "/webhook/grafana"};

/// How alerts from outside are understood, beside what is always known.
struct WebhookSettings {
  std::vector<std::string> target_labels;          ///< further labels whose value names a target
  std::map<std::string, std::string> metrics;      ///< a sender's name of an alert → our metric
  std::optional<alert::inbound::Signing> signing;  ///< Grafana's HMAC at kSignedPaths
};

/// All that a configuration file says, checked; paths are absolute or taken from its folder.
struct Settings {
  std::string file;
  std::vector<std::string> listen;  ///< "host:port" or "unix:/path", at least one
  std::string shs_listen;  ///< second address that takes the source design's webhook; "" = none
  std::string data_dir;
  Retention retention;
  target::Defaults defaults;
  target::Credentials credentials;
  std::vector<model::Target> targets;
  std::vector<target::Discovery> discovery;  ///< where more of them come from
  probe::Confirmation confirm;
  recovery::Policy recovery;
  std::vector<std::string> rule_files;
  std::vector<rule::Group> rules;  ///< the groups of those files, in their order
  std::vector<notify::Channel> notify;
  std::string language = "en";  ///< of messages: "en" or "th"
  base::LogFormat log_format = base::LogFormat::kText;
  base::Level log_level = base::Level::kInfo;
  AuthSettings auth;
  TlsSettings tls;
  WebhookSettings webhooks;
  model::Labels external_labels;       ///< $externalLabels in the rules' templates
  bool remote_write_receiver = false;  ///< POST /api/v1/write takes samples
  std::vector<remote::WriteTo> remote_write;
  std::optional<remote::Endpoint> store;  ///< the engine that answers queries; nullopt = our own
  std::string web_dir;                    ///< serve the page from here; "" = the built-in one
  std::string external_url;  ///< how people reach the page, for links in messages; "" = none
  StatusPageSettings status_page;
  ShownSettings shown;  ///< the file's values, secrets hidden
};

/// How many rules the groups hold.
std::size_t CountRules(const std::vector<rule::Group>& groups);

/// What reading a file gave.
struct Loaded {
  std::optional<Settings> settings;       ///< only when there is no problem at all
  std::vector<config::Problem> problems;  ///< of the file and its rule files
  std::optional<base::Error> unreadable;  ///< the file itself could not be read
  std::vector<std::string> files;         ///< every file that was read, the configuration first
};

/// The kinds that this program has, as the target room wants them.
target::Kinds ConfiguredKinds();

/// Reads and checks a configuration file and the files that it names (rules, tokens, secrets).
Loaded LoadSettings(const std::string& path);

}  // namespace app
