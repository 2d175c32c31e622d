// Host keys: scanning, comparing, keeping.
#include "ssh/enroll.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/text.h"
#include "loop/process.h"
#include "ssh/failure.h"

namespace ssh {
namespace {

using std::chrono::seconds;

std::string KnownName(const model::Target& target) {
  return target.ssh->port == 22 ? target.address
                                : fmt::format("[{}]:{}", target.address, target.ssh->port);
}

std::vector<std::string_view> Words(std::string_view line) {
  std::vector<std::string_view> out;
  for (const auto word : base::Split(line, ' ')) {
    if (!word.empty()) {
      out.push_back(word);
    }
  }
  return out;
}

bool NamesHost(std::string_view names, std::string_view host) {
  const auto list = base::Split(names, ',');
  return std::find(list.begin(), list.end(), host) != list.end();
}

bool IsBase64(std::string_view text) {
  return text.size() >= 16 && text.size() <= 16384 &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '+' || c == '/' || c == '=';
         });
}

bool IsKeyType(std::string_view text) {
  return text.size() <= 64 &&
         (text.starts_with("ssh-") || text.starts_with("ecdsa-") || text.starts_with("sk-"));
}

std::string ReadAll(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

base::Error System(const std::string& path) {
  return {base::ErrorKind::kUnavailable, fmt::format("{}: {}", path, std::strerror(errno))};
}

/// Writes a file of mode 600 beside `path` and moves it there.
base::Result<> Replace(const std::string& path, std::string_view text) {
  const std::string beside = fmt::format("{}.new-{}", path, ::getpid());
  const int fd =
      ::open(beside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) {
    return base::Fail(System(beside));
  }
  bool good = ::fchmod(fd, 0600) == 0;
  while (good && !text.empty()) {
    const auto n = ::write(fd, text.data(), text.size());
    good = n > 0;
    text.remove_prefix(good ? static_cast<std::size_t>(n) : 0);
  }
  good = good && ::fsync(fd) == 0;
  good = ::close(fd) == 0 && good;
  if (!good || ::rename(beside.c_str(), path.c_str()) != 0) {
    const auto error = System(path);
    ::unlink(beside.c_str());
    return base::Fail(error);
  }
  return {};
}

}  // namespace

bool EnrollOffer::Complete() const {
  return !keys.empty() && std::all_of(keys.begin(), keys.end(), [this](const HostKey& key) {
    return std::any_of(known.begin(), known.end(), [&key](const HostKey& old) {
      return old.type == key.type && old.key == key.key;
    });
  });
}

bool EnrollOffer::Changed() const {
  return std::any_of(keys.begin(), keys.end(), [this](const HostKey& key) {
    bool other = false;
    for (const auto& old : known) {
      if (old.type == key.type) {
        if (old.key == key.key) {
          return false;
        }
        other = true;
      }
    }
    return other;
  });
}

std::vector<HostKey> ParseHostKeys(std::string_view text, std::string_view host) {
  std::vector<HostKey> out;
  for (const auto line : base::Lines(text)) {
    const auto words = Words(line);
    if (words.size() < 3 || words[0][0] == '#' || words[0][0] == '@' || words[0][0] == '|') {
      continue;
    }
    if (!NamesHost(words[0], host) || !IsKeyType(words[1]) || !IsBase64(words[2])) {
      continue;
    }
    HostKey key{.type = std::string(words[1]), .key = std::string(words[2])};
    if (std::find(out.begin(), out.end(), key) == out.end() && out.size() < 32) {
      out.push_back(std::move(key));
    }
  }
  return out;
}

base::Result<> FillFingerprints(std::vector<HostKey>& keys, std::string_view text) {
  std::size_t at = 0;
  for (const auto line : base::Lines(text)) {
    const auto words = Words(line);
    if (words.size() < 2 || !words[1].starts_with("SHA256:") || at >= keys.size()) {
      return base::Fail(base::ErrorKind::kInvalid, "ssh-keygen gave no fingerprint");
    }
    const auto bits = words[0];
    std::from_chars(bits.data(), bits.data() + bits.size(), keys[at].bits);
    keys[at++].fingerprint = std::string(words[1]);
  }
  if (at != keys.size()) {
    return base::Fail(base::ErrorKind::kInvalid, "ssh-keygen gave too few fingerprints");
  }
  return {};
}

loop::Task<base::Result<EnrollOffer>> ScanHostKeys(model::Target target) {
  EnrollOffer offer;
  offer.target = target.name;
  if (!target.ssh) {
    co_return base::Fail(base::ErrorKind::kInvalid, target.name + " has no ssh credential");
  }
  if (target.ssh->known_hosts.empty()) {
    co_return base::Fail(base::ErrorKind::kInvalid,
                         fmt::format("credential {} names no known_hosts file to keep the key in",
                                     target.ssh->name));
  }
  if (!target.ssh->jump.empty()) {
    co_return base::Fail(
        base::ErrorKind::kInvalid,
        fmt::format("{} is reached by way of {}: log in once by ssh and compare the key there",
                    target.name, target.ssh->jump));
  }
  offer.host = KnownName(target);
  offer.known_hosts = target.ssh->known_hosts;
  std::vector<std::string> scan = {"ssh-keyscan",
                                   "-T",
                                   "5",
                                   "-t",
                                   "ed25519,ecdsa,rsa",
                                   "-p",
                                   std::to_string(target.ssh->port),
                                   "--",
                                   target.address};
  loop::ProcessOptions process;
  process.limit = seconds(15);
  const auto scanned = co_await loop::RunProcess(std::move(scan), process);
  if (!scanned) {
    co_return base::Fail(scanned.error());
  }
  offer.keys = ParseHostKeys(scanned->out, offer.host);
  if (offer.keys.empty()) {
    const auto why = scanned->err.empty() ? base::Error{base::ErrorKind::kDeadline,
                                                        "no answer in time, or no sshd there"}
                                          : ClassifyFailure(scanned->err);
    co_return base::Fail(why.In("ssh-keyscan " + target.name));
  }
  offer.known = ParseHostKeys(ReadAll(offer.known_hosts), offer.host);
  for (auto* keys : {&offer.keys, &offer.known}) {
    if (keys->empty()) {
      continue;
    }
    for (const auto& key : *keys) {
      process.input += fmt::format("{} {} {}\n", offer.host, key.type, key.key);
    }
    std::vector<std::string> print = {"ssh-keygen", "-l", "-E", "sha256", "-f", "-"};
    const auto printed = co_await loop::RunProcess(std::move(print), process);
    process.input.clear();
    if (!printed) {
      co_return base::Fail(printed.error());
    }
    if (auto filled = FillFingerprints(*keys, printed->out); !filled) {
      co_return base::Fail(filled.error());
    }
  }
  co_return offer;
}

base::Result<> Store(const EnrollOffer& offer, bool replace) {
  if (offer.keys.empty() || offer.known_hosts.empty() || offer.host.empty()) {
    return base::Fail(base::ErrorKind::kInvalid, "nothing to keep");
  }
  if (offer.Changed() && !replace) {
    return base::Fail(base::ErrorKind::kRefused,
                      fmt::format("{} shows another host key than the one kept in {}", offer.target,
                                  offer.known_hosts));
  }
  std::error_code ignored;
  const auto folder = std::filesystem::path(offer.known_hosts).parent_path();
  if (!folder.empty()) {
    std::filesystem::create_directories(folder, ignored);
  }
  std::string text;
  for (const auto line : base::Lines(ReadAll(offer.known_hosts))) {
    const auto old = ParseHostKeys(line, offer.host);
    // A line of this host alone goes when its key is replaced; a line for several hosts stays.
    const bool goes = !old.empty() && line.find(',') == std::string_view::npos &&
                      std::any_of(offer.keys.begin(), offer.keys.end(),
                                  [&old](const HostKey& key) { return key.type == old[0].type; });
    if (!goes) {
      text.append(line);
      text += '\n';
    }
  }
  for (const auto& key : offer.keys) {
    text += fmt::format("{} {} {}\n", offer.host, key.type, key.key);
  }
  return Replace(offer.known_hosts, text);
}

}  // namespace ssh
