// The files that nginx serves: are they there, and may its user reach them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "diagnosis/look.h"
#include "diagnosis/parse/nginx_config.h"

namespace diagnosis::nginx {

/// A file or directory as `stat` shows it.
struct Entry {
  std::string path;
  bool there = false;
  bool hidden = false;  ///< our account may not look there
  bool directory = false;
  unsigned mode = 0;  ///< permission bits
  std::string user;
  std::string group;
};

/// Who wants to read.
struct Reader {
  std::string user;
  std::vector<std::string> groups;
};

/// Whether `reader` has the permission bit (4 read, 2 write, 1 execute) on an entry.
bool May(const Reader& reader, const Entry& entry, unsigned bit);

/// Reads `stat -c '%a %U %G %F/%n'` and marks what is there and what is closed to our account;
/// `paths` in the order asked.
std::vector<Entry> ReadStat(std::string_view text, const std::vector<std::string>& paths);

/// What is wrong with a site's files: a cause's id and the path; "" = nothing. Pure. `way`: every
/// directory from / to the root; `index`: the index files in order.
struct Fault {
  std::string_view cause;
  std::string path;
};
Fault FindFault(const std::vector<Entry>& way, const std::vector<Entry>& index,
                const Reader& reader, bool index_needed);

/// The request that the alerts are about, else the target's own.
struct Asked {
  std::string host;
  std::uint16_t port = 80;
  bool tls = false;
  std::string path = "/";
};
/// Reads "https://host:8443/path?query"; what is no URL is a host. Pure.
Asked ReadAsked(std::string_view url);
/// From the label `url` of a firing alert, else from the target's URL or address.
Asked AskedFor(const Request& request);

/// Looks at the files of a site. nullopt: nothing wrong, or nothing to look at.
loop::Task<std::optional<model::Finding>> ExamineFiles(Look* look, parse::Site site);

}  // namespace diagnosis::nginx
