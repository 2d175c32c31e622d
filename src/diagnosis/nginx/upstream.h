// Whom nginx asks: does the server behind it take connections, and does it answer.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "diagnosis/look.h"
#include "diagnosis/parse/nginx_config.h"

namespace diagnosis::nginx {

/// What a try to talk with an upstream gave.
struct Talk {
  enum class Fate {
    kAnswered,    ///< with a status line, or it took the connection of a protocol we do not speak
    kRefused,     ///< nothing listens there, or the host says no
    kClosed,      ///< it took the connection and hung up without a word
    kSilent,      ///< it took the connection and did not answer in time
    kNoConnect,   ///< no answer to the connection itself
    kUnresolved,  ///< its name has no address
    kUnknown      ///< could not be tried
  };
  Fate fate = Fate::kUnknown;
  int status = 0;    ///< HTTP status of the answer, 0 = none
  std::string said;  ///< the host's own words, printable
};

/// Reads what the talking script printed and its exit status. Pure.
Talk ReadTalk(int exit_status, std::string_view output);

/// Splits "127.0.0.1:8080", "[::1]:80"; false: it is none.
bool SplitAddress(std::string_view address, std::string& host, std::string& port);

/// Tries every upstream of the site (at most four) from the host itself, as nginx would: one
/// connection and, where it speaks HTTP, one GET of `path`. nullopt: all answer. `lines`: what
/// nginx's error log said lately, for evidence.
loop::Task<std::optional<model::Finding>> ExamineUpstreams(Look* look,
                                                           std::vector<parse::Upstream> upstreams,
                                                           std::string host, std::string path,
                                                           std::vector<std::string> lines);

}  // namespace diagnosis::nginx
