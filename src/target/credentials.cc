// Credentials: how to log in by SSH and how to ask snmpd. Secrets come from files.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>

#include "base/secret.h"
#include "base/text.h"
#include "config/check.h"
#include "target/parts.h"

namespace target {
namespace {

using config::MapReader;
using config::Node;

constexpr std::string_view kVersions[] = {"1", "2c", "3"};
constexpr std::string_view kLevels[] = {"noAuthNoPriv", "authNoPriv", "authPriv"};
constexpr std::string_view kAuth[] = {"MD5", "SHA", "SHA-224", "SHA-256", "SHA-384", "SHA-512"};
constexpr std::string_view kPriv[] = {"DES", "AES", "AES-192", "AES-256"};

std::string ReadPath(const Node& node) {
  if (!node) {
    return "";
  }
  const auto path = node.String();
  return path ? config::ResolvePath(node.place().file, *path) : "";
}

base::Secret ReadSecret(const Node& node) {
  const std::string path = ReadPath(node);
  if (path.empty()) {
    return {};
  }
  auto secret = base::ReadSecretFile(path);
  if (!secret) {
    node.Report(secret.error().message);
    return {};
  }
  return std::move(*secret);
}

/// A secret written into the file itself.
void RefuseInline(const Node& node, std::string_view instead) {
  if (node) {
    node.Report(fmt::format("a secret in the configuration itself ({})", node.key()),
                fmt::format("write it to a file and name it: {}: PATH", instead));
  }
}

/// A word for ssh's command line: a user or a jump host.
std::string ReadWord(const Node& node) {
  const auto text = node ? node.String() : std::nullopt;
  if (!text) {
    return "";
  }
  const auto good = [](unsigned char c) {
    return std::isalnum(c) != 0 || std::string_view("_.-@:,[]%$\\").contains(static_cast<char>(c));
  };
  if (text->starts_with('-') || text->size() > 255 || !std::ranges::all_of(*text, good)) {
    node.Report("a user or host with characters that none has");
    return "";
  }
  return *text;
}

model::SshCredential ReadSsh(const Node& node, const std::string& name) {
  model::SshCredential out{.name = name};
  MapReader map(node, "ssh");
  out.user = ReadWord(map.Required("user"));
  if (const auto port = map.Optional("port")) {
    out.port = static_cast<std::uint16_t>(port.Integer(1, 65535).value_or(22));
  }
  out.key_file = ReadPath(map.Optional("key_file"));
  out.known_hosts = ReadPath(map.Optional("known_hosts"));
  out.config_file = ReadPath(map.Optional("config_file"));
  out.jump = ReadWord(map.Optional("jump"));
  if (const auto password = map.Optional("password")) {
    password.Report("passwords are not used for SSH", "name a key: key_file: PATH");
  }
  map.Finish();
  return out;
}

/// `community_file: PATH`, or `community: public`, which is no secret.
base::Secret ReadCommunity(MapReader& map) {
  const Node file = map.Optional("community_file");
  const Node word = map.Optional("community");
  if (file) {
    if (word) {
      word.Report("both community and community_file", "keep community_file");
    }
    return ReadSecret(file);
  }
  if (!word) {
    if (map.ok()) {
      map.node().Report("snmp needs the key \"community_file\"", "or community: public");
    }
    return {};
  }
  if (word.text() == "public") {
    return base::Secret("public");
  }
  RefuseInline(word, "community_file");
  return {};
}

/// `auth:` or `priv:`: a protocol and a file with the password (RFC 3414 asks for 8 characters).
base::Secret ReadUsm(const Node& node, std::string_view what,
                     std::span<const std::string_view> protocols, std::string& protocol) {
  MapReader map(node, std::string(what));
  if (const Node word = map.Required("protocol")) {
    protocol = word.Word(protocols).value_or("");
  }
  RefuseInline(map.Optional("password"), "password_file");
  const Node file = map.Required("password_file");
  const auto secret = ReadSecret(file);
  if (!secret.empty() && secret.Reveal().size() < 8) {
    file.Report("the password in this file is shorter than 8 characters",
                "SNMPv3 asks for 8 (RFC 3414)");
  }
  map.Finish();
  return secret;
}

void ReadUser(MapReader& map, model::SnmpCredential& out) {
  if (const Node user = map.Required("user")) {
    out.user = user.String().value_or("");
  }
  if (const Node context = map.Optional("context")) {
    out.context = context.String().value_or("");
  }
  const Node auth = map.Optional("auth");
  const Node priv = map.Optional("priv");
  if (auth) {
    out.auth_password = ReadUsm(auth, "auth", kAuth, out.auth_protocol);
  }
  if (priv) {
    out.priv_password = ReadUsm(priv, "priv", kPriv, out.priv_protocol);
    if (!auth) {
      priv.Report("priv without auth", "SNMPv3 encrypts only what is authenticated: add auth:");
    }
  }
  const std::string given = priv ? "authPriv" : auth ? "authNoPriv" : "noAuthNoPriv";
  out.level = given;
  if (const Node level = map.Optional("level")) {
    out.level = level.Word(kLevels).value_or(given);
    if (out.level != given) {
      level.Report(fmt::format("level {} does not fit what is given", out.level),
                   fmt::format("with {} it is {}",
                               priv   ? "auth and priv"
                               : auth ? "auth alone"
                                      : "neither auth nor priv",
                               given));
    }
  }
}

model::SnmpCredential ReadSnmp(const Node& node, const std::string& name) {
  model::SnmpCredential out{.name = name};
  MapReader map(node, "snmp");
  if (const Node version = map.Optional("version")) {
    const auto word = version.Word(kVersions);
    out.version = word == "1" ? 1 : word == "3" ? 3 : 2;
  }
  if (const Node port = map.Optional("port")) {
    out.port = static_cast<std::uint16_t>(port.Integer(1, 65535).value_or(161));
  }
  static constexpr std::string_view kOfUsers[] = {"user", "level", "auth", "priv", "context"};
  static constexpr std::string_view kOfCommunities[] = {"community_file", "community"};
  if (out.version == 3) {
    ReadUser(map, out);
  } else {
    out.community = ReadCommunity(map);
  }
  for (const auto key : out.version == 3 ? std::span<const std::string_view>(kOfCommunities)
                                         : std::span<const std::string_view>(kOfUsers)) {
    if (const Node stray = map.Optional(key)) {
      stray.document()->Report(
          stray.key_place(),
          fmt::format("{} has no meaning in SNMP version {}", key,
                      out.version == 2 ? "2c" : std::to_string(out.version)),
          out.version == 3 ? "version 3 has users" : "did you mean version: 3?");
    }
  }
  map.Finish();
  return out;
}

}  // namespace

Credentials ReadCredentials(config::Node node) {
  Credentials out;
  for (const Node& entry : node.Entries("credentials")) {
    if (const auto wrong = config::CheckName(entry.key()); !wrong.empty()) {
      entry.document()->Report(entry.key_place(), wrong);
      continue;
    }
    MapReader map(entry, fmt::format("credential \"{}\"", entry.key()));
    const Node ssh = map.Optional("ssh");
    const Node snmp = map.Optional("snmp");
    if (ssh) {
      out.ssh[entry.key()] = ReadSsh(ssh, entry.key());
    }
    if (snmp) {
      out.snmp[entry.key()] = ReadSnmp(snmp, entry.key());
    }
    if (map.ok() && !ssh && !snmp && entry.Entries("").empty()) {
      entry.Report("a credential without ssh or snmp");
    }
    map.Finish();
  }
  return out;
}

}  // namespace target
