// nginx's error log: what it said lately.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "diagnosis/look.h"

namespace diagnosis::nginx {

/// The newest lines of an error log, oldest first, not older than `since`
/// ("2026/11/25 03:36:12", the host's own time, as nginx writes it); lines without a time are left
/// out. Pure.
std::vector<std::string> LatelySaid(std::string_view text, std::string_view since);

/// The newest of `lines` that holds one of `signs`; printable, at most 300 bytes; "" = none.
std::string LineWith(const std::vector<std::string>& lines,
                     const std::vector<std::string_view>& signs);

/// The cause that lines of the log prove by themselves: connections or files exhausted; "" = none.
std::string_view LimitHit(const std::vector<std::string>& lines);

/// Where Debian's nginx complains when its configuration does not say.
inline constexpr std::string_view kErrorLog = "/var/log/nginx/error.log";
/// The command that reads a log's last lines.
std::vector<std::string> ErrorLogArgv(std::string_view path);

/// Reads the last lines of the log that are younger than 20 seconds: what fails
/// now fails again with every probe (two commands). A file that
/// cannot be read gives none.
loop::Task<std::vector<std::string>> ReadErrorLog(Look* look, std::string path);

}  // namespace diagnosis::nginx
