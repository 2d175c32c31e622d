// Reader of nginx's configuration language.
#include "diagnosis/parse/nginx_config.h"

#include <algorithm>
#include <array>

#include "base/text.h"

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

/// How well a server block fits: 3 by name, 2 default_server, 1 any.
int Fits(const Directive& server, std::string_view host) {
  int best = 1;
  for (const auto& directive : server.block) {
    if (directive.words.size() < 2) {
      continue;
    }
    if (directive.name() == "server_name" && HasWord(directive, host)) {
      best = 3;
    }
    if (directive.name() == "listen" &&
        (HasWord(directive, "default_server") || HasWord(directive, "default"))) {
      best = std::max(best, 2);
    }
  }
  return best;
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
    } else if (std::find(kPass.begin(), kPass.end(), directive.name()) != kPass.end()) {
      site.passes_on = true;
    }
  }
}

}  // namespace

base::Result<Site> ReadSite(std::string_view text, std::string_view host) {
  Reader reader(text.substr(0, std::min<std::size_t>(text.size(), 4 << 20)));
  const auto top = reader.Block(0);
  if (!top) {
    return base::Fail(top.error());
  }
  Site site;
  site.user = "nobody";
  const Directive* server = nullptr;
  int best = 0;
  const auto consider = [&](const Directive& directive) {
    if (directive.name() == "server" && Fits(directive, host) > best) {
      best = Fits(directive, host);
      server = &directive;
    }
  };
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
  Take(server->block, site);
  for (const auto& inner : server->block) {
    if (inner.name() == "location" && inner.words.size() >= 2 && inner.words.back() == "/" &&
        (inner.words.size() == 2 || inner.words[1] == "=" || inner.words[1] == "^~")) {
      Take(inner.block, site);
    }
  }
  if (site.index.empty()) {
    site.index = {"index.html"};
  }
  return site;
}

}  // namespace diagnosis::parse
