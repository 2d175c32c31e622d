// Reader of nginx's configuration language.
#include "diagnosis/parse/nginx_config.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "diagnosis/parse/words.h"

namespace diagnosis::parse {
namespace {

constexpr int kMaxDepth = 32;
constexpr std::size_t kMaxDirectives = 20'000;

struct Directive {
  std::vector<std::string> words;
  std::vector<Directive> block;
  [[nodiscard]] std::string_view name() const {
    return words.empty() ? std::string_view() : std::string_view(words[0]);
  }
};

base::Error Bad(std::string_view what) {
  return {base::ErrorKind::kInvalid, "nginx -T: " + std::string(what)};
}

class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  base::Result<std::vector<Directive>> Block(int depth) {
    std::vector<Directive> out;
    Directive now;
    while (true) {
      SkipSpace();
      if (at_ >= text_.size() || text_[at_] == '}') {
        const bool end = at_ >= text_.size();
        ++at_;
        // After the configuration come nginx's own remarks, from standard error.
        if (end != (depth == 0) || (!end && !now.words.empty())) {
          return base::Fail(Bad("a brace does not match"));
        }
        return out;
      }
      if (text_[at_] == ';' || text_[at_] == '{') {
        if (text_[at_++] == '{') {
          if (depth >= kMaxDepth) {
            return base::Fail(Bad("nested too deep"));
          }
          auto inner = Block(depth + 1);
          if (!inner) {
            return inner;
          }
          now.block = std::move(*inner);
        }
        if (++count_ > kMaxDirectives) {
          return base::Fail(Bad("too many directives"));
        }
        out.push_back(std::move(now));
        now = Directive{};
        continue;
      }
      std::string word;
      if (!Word(word)) {
        return base::Fail(Bad("a quote does not match"));
      }
      now.words.push_back(std::move(word));
    }
  }

 private:
  static bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

  void SkipSpace() {
    while (at_ < text_.size() && (IsSpace(text_[at_]) || text_[at_] == '#')) {
      if (text_[at_] == '#') {
        at_ = std::min(text_.find('\n', at_), text_.size());
      } else {
        ++at_;
      }
    }
  }

  bool Word(std::string& out) {
    const char quote = text_[at_] == '"' || text_[at_] == '\'' ? text_[at_] : '\0';
    at_ += quote != '\0' ? 1 : 0;
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '\\' && at_ + 1 < text_.size()) {
        out += text_[at_ + 1];
        at_ += 2;
        continue;
      }
      if (quote != '\0' && c == quote) {
        ++at_;
        return true;
      }
      if (quote == '\0' && c == '$' && text_.substr(at_).starts_with("${")) {
        const auto close = text_.find('}', at_);
        const auto end = close == std::string_view::npos ? text_.size() : close + 1;
        out.append(text_.substr(at_, end - at_));
        at_ = end;
        continue;
      }
      if (quote == '\0' && (IsSpace(c) || c == ';' || c == '{')) {
        return true;
      }
      out += c;
      ++at_;
    }
    return quote == '\0';
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::size_t count_ = 0;
};

bool HasWord(const Directive& directive, std::string_view word) {
  return std::find(directive.words.begin() + 1, directive.words.end(), word) !=
         directive.words.end();
}

/// The port of a `listen`: "80", "[::]:443", "127.0.0.1:8080", "unix:…" (0), "*:80", "localhost".
unsigned PortOf(std::string_view listen) {
  if (listen.starts_with("unix:")) {
    return 0;
  }
  const auto bracket = listen.rfind(']');
  const auto colon = listen.rfind(':');
  auto digits = listen;
  if (colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket)) {
    digits = listen.substr(colon + 1);
  } else if (bracket != std::string_view::npos) {
    return 80;
  }
  unsigned port = 0;
  return ReadNumber(digits, port) ? port : 80;
}

bool NameFits(std::string_view name, std::string_view host) {
  if (name == host) {
    return true;
  }
  if (name.starts_with("*.")) {
    return host.ends_with(name.substr(1));
  }
  if (name.starts_with('.')) {
    return host == name.substr(1) || host.ends_with(name);
  }
  return name.size() > 2 && name.ends_with(".*") &&
         host.starts_with(name.substr(0, name.size() - 1));
}

/// How well a server block fits: by port 4, then by name 2, default_server 1; and 1 for being one.
struct Fit {
  int score = 0;
  bool by_name = false;
};
Fit Fits(const Directive& server, std::string_view host, std::uint16_t port) {
  bool listens = false;
  bool named = false;
  bool preferred = false;
  bool any_listen = false;
  for (const auto& directive : server.block) {
    if (directive.words.size() < 2) {
      continue;
    }
    if (directive.name() == "server_name") {
      named = named || std::any_of(directive.words.begin() + 1, directive.words.end(),
                                   [host](const auto& name) { return NameFits(name, host); });
    }
    if (directive.name() == "listen") {
      any_listen = true;
      if (PortOf(directive.words[1]) == port) {
        listens = true;
        preferred =
            preferred || HasWord(directive, "default_server") || HasWord(directive, "default");
      }
    }
  }
  listens = listens || (!any_listen && port == 80);
  return {.score = 1 + (listens ? 8 : 0) + (named ? 4 : 0) + (preferred ? 2 : 0),
          .by_name = named && listens};
}

/// "http://application/path" and the upstream blocks → whom it asks.
void AddUpstream(std::string_view directive, std::string_view to,
                 const std::vector<const Directive*>& groups, std::vector<Upstream>& out) {
  std::string scheme(directive.substr(0, directive.find('_')));
  const auto colon = to.find("://");
  if (colon != std::string_view::npos) {
    scheme = std::string(to.substr(0, std::min<std::size_t>(colon, 16)));
    to = to.substr(colon + 3);
  }
  if (to.find('$') != std::string_view::npos) {
    return;  // decided by each request
  }
  if (!to.starts_with("unix:")) {
    to = to.substr(0, to.find('/'));
  } else if (const auto path = to.find(':', 5); path != std::string_view::npos) {
    to = to.substr(0, path);
  }
  const auto add = [&](std::string_view address) {
    std::string text(address.substr(0, 256));
    const bool port =
        text.starts_with("unix:") || (text.rfind(':') != std::string::npos && !text.ends_with(']'));
    if (!port && (scheme == "http" || scheme == "https" || scheme == "grpc")) {
      text += scheme == "https" ? ":443" : ":80";
    }
    Upstream upstream{.scheme = scheme, .address = std::move(text)};
    if (base::IsPrintable(upstream.address) && out.size() < 16 &&
        std::find(out.begin(), out.end(), upstream) == out.end()) {
      out.push_back(std::move(upstream));
    }
  };
  for (const auto* group : groups) {
    if (group->words.size() < 2 || group->words[1] != to) {
      continue;
    }
    for (const auto& server : group->block) {
      if (server.name() == "server" && server.words.size() >= 2 && !HasWord(server, "down") &&
          !HasWord(server, "backup")) {
        add(server.words[1]);
      }
    }
    return;
  }
  add(to);
}

/// Whether a location has the requests of `/`.
bool IsRootLocation(const Directive& directive) {
  return directive.name() == "location" && directive.words.size() >= 2 &&
         directive.words.back() == "/" &&
         (directive.words.size() == 2 || directive.words[1] == "=" || directive.words[1] == "^~");
}

void TakeUpstreams(const std::vector<Directive>& block, const std::vector<const Directive*>& groups,
                   std::vector<Upstream>& out) {
  constexpr std::array<std::string_view, 6> kPass = {
      "proxy_pass", "fastcgi_pass", "uwsgi_pass", "scgi_pass", "grpc_pass", "memcached_pass"};
  for (const auto& directive : block) {
    if (directive.words.size() == 2 &&
        std::find(kPass.begin(), kPass.end(), directive.name()) != kPass.end()) {
      AddUpstream(directive.name(), directive.words[1], groups, out);
    }
  }
  // The front page's own first: that is what is probed.
  for (const bool root : {true, false}) {
    for (const auto& directive : block) {
      if (!directive.block.empty() && IsRootLocation(directive) == root) {
        TakeUpstreams(directive.block, groups, out);
      }
    }
  }
}

void Take(const std::vector<Directive>& block, Site& site) {
  constexpr std::array<std::string_view, 8> kPass = {"proxy_pass", "fastcgi_pass",  "uwsgi_pass",
                                                     "scgi_pass",  "grpc_pass",     "return",
                                                     "rewrite",    "memcached_pass"};
  for (const auto& directive : block) {
    if (directive.words.size() < 2) {
      continue;
    }
    if (directive.name() == "root") {
      site.root = directive.words[1];
    } else if (directive.name() == "index") {
      site.index.assign(directive.words.begin() + 1, directive.words.end());
    } else if (directive.name() == "try_files") {
      site.tries_files = true;
    } else if (directive.name() == "ssl_certificate") {
      site.certificate = directive.words[1];
    } else if (directive.name() == "error_log") {
      site.error_log = directive.words[1];
    } else if (std::find(kPass.begin(), kPass.end(), directive.name()) != kPass.end()) {
      site.passes_on = true;
    }
  }
}

void TakePorts(const Directive& server, std::vector<std::uint16_t>& out) {
  for (const auto& directive : server.block) {
    if (directive.name() != "listen" || directive.words.size() < 2) {
      continue;
    }
    const auto port = PortOf(directive.words[1]);
    if (port > 0 && port <= 65535 && out.size() < 64 &&
        std::find(out.begin(), out.end(), port) == out.end()) {
      out.push_back(static_cast<std::uint16_t>(port));
    }
  }
}

}  // namespace

std::vector<std::uint16_t> ListenPorts(std::string_view text) {
  std::vector<std::uint16_t> out;
  Reader reader(text.substr(0, std::min<std::size_t>(text.size(), 4 << 20)));
  const auto top = reader.Block(0);
  if (!top) {
    return out;
  }
  for (const auto& directive : *top) {
    if (directive.name() == "server") {
      TakePorts(directive, out);
    }
    for (const auto& inner : directive.block) {
      if (inner.name() == "server") {
        TakePorts(inner, out);
      }
    }
  }
  return out;
}

base::Result<Site> ReadSite(std::string_view text, std::string_view host, std::uint16_t port) {
  Reader reader(text.substr(0, std::min<std::size_t>(text.size(), 4 << 20)));
  const auto top = reader.Block(0);
  if (!top) {
    return base::Fail(top.error());
  }
  Site site;
  site.user = "nobody";
  const Directive* server = nullptr;
  Fit best;
  std::vector<const Directive*> groups;
  const auto consider = [&](const Directive& directive) {
    if (directive.name() == "upstream") {
      groups.push_back(&directive);
    }
    if (directive.name() != "server") {
      return;
    }
    if (const auto fit = Fits(directive, host, port); fit.score > best.score) {
      best = fit;
      server = &directive;
    }
  };
  Take(*top, site);
  site.root.clear();
  for (const auto& directive : *top) {
    consider(directive);  // an included file stands by itself in what -T prints
    if (directive.name() == "user" && directive.words.size() >= 2) {
      site.user = directive.words[1];
    }
    if (directive.name() != "http") {
      continue;
    }
    Take(directive.block, site);
    for (const auto& inner : directive.block) {
      consider(inner);
    }
  }
  if (server == nullptr) {
    return base::Fail(Bad("no server in it"));
  }
  site.passes_on = false;
  site.tries_files = false;
  site.name_fits = best.by_name;
  Take(server->block, site);
  TakeUpstreams(server->block, groups, site.upstreams);
  for (const auto& inner : server->block) {
    if (IsRootLocation(inner)) {
      Take(inner.block, site);
    }
  }
  if (site.index.empty()) {
    site.index = {"index.html"};
  }
  return site;
}

}  // namespace diagnosis::parse
