// Trying the servers behind nginx.
#include "diagnosis/nginx/upstream.h"

#include <fmt/format.h>

#include <charconv>

#include "base/text.h"
#include "diagnosis/nginx/log.h"

namespace diagnosis::nginx {
namespace {

constexpr std::size_t kMostUpstreams = 4;

// A fixed script; host, port, path and name are its arguments. No path: connecting is all.
// 0 answered, 1 refused or unreachable, 3 silent, 4 closed; timeout's 124: no connection.
constexpr std::string_view kTalk =
    R"(exec 3<>"/dev/tcp/$1/$2" || exit 1; [ -n "$3" ] || exit 0; )"
    R"(printf 'GET %s HTTP/1.0\r\nHost: %s\r\nConnection: close\r\n\r\n' "$3" "$4" >&3; )"
    R"(read -r -t 3 line <&3; rc=$?; [ -z "$line" ] || { printf '%s\n' "$line"; exit 0; }; )"
    R"([ $rc -gt 128 ] && exit 3; exit 4)";

loop::Task<Talk> TalkWith(Look* look, std::string address, std::string host, std::string path) {
  std::string at;
  std::string port;
  if (!SplitAddress(address, at, port)) {
    co_return Talk{};
  }
  std::vector<std::string> argv = {"timeout",
                                   "5",
                                   "bash",
                                   "--norc",  // not once more what a start-up file prints
                                   "-c",
                                   std::string(kTalk),
                                   "raksa",
                                   std::move(at),
                                   std::move(port),
                                   std::move(path),
                                   std::move(host)};
  const auto answer = co_await look->Ask(std::move(argv), false, 4096);
  if (!answer) {
    co_return Talk{};
  }
  co_return ReadTalk(answer->exit_status, answer->output);
}

/// A Unix socket: is the file there, is it a socket, does anybody listen.
loop::Task<std::string> SocketFault(Look* look, std::string path) {
  std::vector<std::string> stat = {"stat", "-L", "-c", "%F", "--", path};
  const auto there = co_await look->AskPlainly(std::move(stat));
  if (!there) {
    co_return "";
  }
  if (there->exit_status != 0) {
    co_return there->output.find("No such file") != std::string::npos
        ? fmt::format("the socket {} is not there", path)
        : "";
  }
  if (there->output.find("socket") == std::string::npos) {
    co_return fmt::format("{} is no socket", path);
  }
  std::vector<std::string> list = {"ss", "-lxH"};
  const auto listening = co_await look->Ask(std::move(list), false, 1 << 20);
  if (listening && listening->exit_status == 0 &&
      listening->output.find(" " + path + " ") == std::string::npos) {
    co_return fmt::format("nobody listens at the socket {}", path);
  }
  co_return "";
}

model::Finding Broken(Look* look, std::string_view cause, const parse::Upstream& upstream,
                      const std::string& evidence, const std::string& said) {
  auto finding = look->Found(cause, "State active", base::Printable(evidence));
  finding.details.emplace_back("Upstream", upstream.address);
  if (!said.empty()) {
    finding.details.emplace_back("Error log", said);
  }
  return finding;
}

/// The finding of a talk that went wrong; nullopt: nothing is wrong with it.
std::optional<model::Finding> Judge(Look* look, const parse::Upstream& upstream, const Talk& talk,
                                    const std::vector<std::string>& lines) {
  using Fate = Talk::Fate;
  const auto refused = LineWith(lines, {"Connection refused) while connecting to upstream",
                                        "prematurely closed connection", "reset by peer"});
  const auto slow = LineWith(lines, {"upstream timed out"});
  const auto to = "nginx hands requests to " + upstream.address;
  switch (talk.fate) {
    case Fate::kRefused:
      return Broken(look, "nginx-upstream-refused", upstream,
                    fmt::format("{}, which takes no connection: {}", to, talk.said), refused);
    case Fate::kClosed:
      return Broken(look, "nginx-upstream-refused", upstream,
                    to + ", which hangs up without an answer", refused);
    case Fate::kNoConnect:
      return Broken(look, "nginx-upstream-slow", upstream,
                    to + ", and connecting there takes longer than five seconds", slow);
    case Fate::kSilent:
      return Broken(look, "nginx-upstream-slow", upstream,
                    to + ", which takes the connection and does not answer within three seconds",
                    slow);
    case Fate::kUnresolved:
      return Broken(look, "nginx-upstream-unresolved", upstream,
                    fmt::format("{}, a name without an address: {}", to, talk.said), "");
    case Fate::kAnswered:
      if (talk.status >= 500) {
        return Broken(look, "nginx-upstream-error", upstream,
                      fmt::format("{}, which itself answers {}", to, talk.said), "");
      }
      return std::nullopt;
    case Fate::kUnknown:
      return std::nullopt;
  }
  return std::nullopt;
}

}  // namespace

bool SplitAddress(std::string_view address, std::string& host, std::string& port) {
  const auto colon = address.rfind(':');
  if (colon == std::string_view::npos || colon == 0) {
    return false;
  }
  auto name = address.substr(0, colon);
  if (name.starts_with('[') && name.ends_with(']')) {
    name = name.substr(1, name.size() - 2);
  }
  const auto digits = address.substr(colon + 1);
  std::uint16_t number = 0;
  const auto [end, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  constexpr std::string_view kName =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:";
  if (ec != std::errc() || end != digits.data() + digits.size() || number == 0 || name.empty() ||
      name.starts_with('-') || name.find_first_not_of(kName) != std::string_view::npos) {
    return false;
  }
  host = std::string(name);
  port = std::to_string(number);
  return true;
}

Talk ReadTalk(int exit_status, std::string_view output) {
  Talk talk;
  if (exit_status == 124) {
    talk.fate = Talk::Fate::kNoConnect;
  } else if (exit_status == 3) {
    talk.fate = Talk::Fate::kSilent;
  } else if (exit_status == 4) {
    talk.fate = Talk::Fate::kClosed;
  } else if (exit_status == 0) {
    talk.fate = Talk::Fate::kAnswered;
    talk.said = LastLine(output);
    const auto space = talk.said.find(' ');
    if (talk.said.starts_with("HTTP/") && space != std::string::npos) {
      const auto code = std::string_view(talk.said).substr(space + 1, 3);
      std::from_chars(code.data(), code.data() + code.size(), talk.status);
    }
  } else if (exit_status == 1) {
    for (const auto line : base::Lines(output)) {
      const auto at = line.find("/dev/tcp/");
      if (at == std::string_view::npos) {
        continue;
      }
      if (line.find("onnection refused") != std::string_view::npos ||
          line.find("o route to host") != std::string_view::npos ||
          line.find("unreachable") != std::string_view::npos) {
        talk.fate = Talk::Fate::kRefused;
        const auto colon = line.rfind(": ");
        talk.said = base::Printable(line.substr(colon == std::string_view::npos ? at : colon + 2));
      } else if (line.find("timed out") != std::string_view::npos) {
        talk.fate = Talk::Fate::kNoConnect;
      }
    }
    for (const auto sign : {"Name or service not known", "failure in name resolution",
                            "No address associated with hostname"}) {
      if (output.find(sign) != std::string_view::npos) {
        talk.fate = Talk::Fate::kUnresolved;
        talk.said = sign;
      }
    }
  }
  return talk;
}

loop::Task<std::optional<model::Finding>> ExamineUpstreams(Look* look,
                                                           std::vector<parse::Upstream> upstreams,
                                                           std::string host, std::string path,
                                                           std::vector<std::string> lines) {
  std::size_t tried = 0;
  for (const auto& upstream : upstreams) {
    if (++tried > kMostUpstreams) {
      break;
    }
    if (upstream.address.starts_with("unix:")) {
      const auto fault = co_await SocketFault(look, upstream.address.substr(5));
      const auto denied = LineWith(lines, {"(13: Permission denied) while connecting to upstream"});
      if (!fault.empty()) {
        co_return Broken(look, "nginx-upstream-refused", upstream,
                         "nginx hands requests to its application by a socket: " + fault, "");
      }
      if (!denied.empty()) {
        co_return Broken(look, "nginx-upstream-denied", upstream, "nginx's error log: " + denied,
                         denied);
      }
      continue;
    }
    const bool http = upstream.scheme == "http";
    const auto talk = co_await TalkWith(look, upstream.address, host, http ? path : "");
    auto finding = Judge(look, upstream, talk, lines);
    if (finding) {
      co_return finding;
    }
  }
  co_return std::nullopt;
}

}  // namespace diagnosis::nginx
