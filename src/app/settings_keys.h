// The readers of single keys of the configuration. Private to settings.cc and its neighbour.
#pragma once

#include "app/settings.h"

namespace app {

/// "host:port" and "unix:/path", one or a list. `any_port` as in config::CheckHostPort.
std::vector<std::string> ReadListen(config::Node node);
Retention ReadRetention(config::Node node);
probe::Confirmation ReadConfirm(config::Node node);
void ReadLog(config::Node node, Settings& settings);
AuthSettings ReadAuth(config::Node node);
TlsSettings ReadTls(config::Node node);
WebhookSettings ReadWebhooks(config::Node node);
std::vector<remote::WriteTo> ReadRemoteWrite(config::Node node);
/// `store:`, an engine elsewhere; nullopt when the node is false.
std::optional<remote::Endpoint> ReadStore(config::Node node);
/// "2GiB", "500MB", "1.5GiB", plain bytes. nullopt when it is no size.
std::optional<std::uint64_t> ParseSize(std::string_view text);
/// Whether this may name an HTTP header: a token of RFC 9110 of at most 128 bytes.
bool IsHeaderName(std::string_view name);
/// A path from the configuration's folder; "" when the node is false or no text.
std::string ReadPath(config::Node node);
/// The rule files that `rules:` names, patterns expanded; what is not there is a problem.
/// A false node: rules/default.yaml beside the configuration.
std::vector<std::string> ReadRulePaths(config::Node node, config::Document& document);
/// `status_page:`; targets have to be among those of `settings`, which have been read before.
StatusPageSettings ReadStatusPage(config::Node node, const Settings& settings);
/// Reports every address at which others could ask while nobody needs a token.
void CheckExposure(const std::vector<config::Node>& listens, const AuthSettings& auth);

}  // namespace app
