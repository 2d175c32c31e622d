// Feeds bytes to every reader of what hosts answer: nothing may crash, whatever a host says.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "diagnosis/nginx/certificate.h"
#include "diagnosis/nginx/log.h"
#include "diagnosis/nginx/upstream.h"
#include "diagnosis/parse/docker.h"
#include "diagnosis/parse/host.h"
#include "diagnosis/parse/iptables.h"
#include "diagnosis/parse/listeners.h"
#include "diagnosis/parse/nft.h"
#include "diagnosis/parse/nginx_check.h"
#include "diagnosis/parse/nginx_config.h"
#include "diagnosis/parse/systemd.h"
#include "diagnosis/parse/ufw.h"
#include "recovery/guard.h"
#include "ssh/enroll.h"
#include "ssh/failure.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  namespace parse = diagnosis::parse;
  (void)parse::ReadUnits(text);
  (void)parse::ReadContainer(text);
  (void)parse::ReadListeners(text);
  (void)parse::ReadIdentity(text);
  if (const auto firewall = parse::ReadFirewall(text)) {
    for (const auto& rule : firewall->rules) {
      (void)parse::Covers(rule, 80);
      (void)parse::FromCovers(rule, "10.0.0.1");
      (void)parse::FromCovers(rule, "2001:db8::1");
    }
  }
  (void)parse::ReadTop(text, 5);
  (void)parse::ReadDf(text);
  (void)parse::ReadFacts(text);
  (void)parse::ReadSite(text, "example.test");
  (void)parse::ListenPorts(text);
  (void)parse::ReadNginxCheck(text);
  if (const auto table = parse::ReadIptables(text)) {
    const parse::Packet packet{.from = "10.77.0.1", .port = 80, .original_port = 80};
    (void)parse::Walk(*table, "INPUT", packet, "ufw");
    (void)parse::Walk(*table, "DOCKER-USER", packet, "");
    (void)parse::PublishedPorts(*table);
  }
  if (const auto ruleset = parse::ReadNft(text)) {
    for (const auto* from : {"10.77.0.1", "2001:db8::1"}) {
      const parse::Packet packet{.from = from, .port = 80, .original_port = 8080};
      (void)parse::WalkNft(*ruleset, packet, {.forwarded = false, .iptables = false});
      (void)parse::WalkNft(*ruleset, packet, {.forwarded = true, .iptables = true});
    }
  }
  const auto containers = parse::ReadContainers(text);
  for (const auto& container : containers) {
    (void)parse::DependsOn(container, containers);
    (void)parse::DependantsOf(container, containers);
  }
  (void)diagnosis::nginx::LimitHit(diagnosis::nginx::LatelySaid(text, "2026/01/01 00:00:00"));
  (void)diagnosis::nginx::ReadEndDate(text);
  (void)diagnosis::nginx::ReadTalk(1, text);
  std::string host;
  std::string port;
  (void)diagnosis::nginx::SplitAddress(text.substr(0, 300), host, port);
  auto keys = ssh::ParseHostKeys(text, "h");
  (void)ssh::FillFingerprints(keys, text);
  (void)ssh::ClassifyFailure(text);
  recovery::Guard guard({});
  (void)guard.Restore(text);
  return 0;
}
