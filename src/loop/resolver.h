// Resolver: host names to addresses without blocking the loop.
#pragma once

#include <boost/asio/ip/address.hpp>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "loop/worker.h"

namespace loop {

/// Looks names up by the system's resolver on threads of its own. Answers are kept 30 s; when a
/// name cannot be looked up, its last good answer serves for an hour (a dead name server must not
/// look like a dead host). Literals need no look-up.
class Resolver {
 public:
  explicit Resolver(Loop& loop);
  ~Resolver();
  /// Addresses in the system's order (RFC 6724), never empty. Errors: kNotFound, kUnavailable with
  /// the resolver's sentence; kDeadline after `limit`.
  Task<base::Result<std::vector<boost::asio::ip::address>>> Resolve(std::string host,
                                                                    base::Duration limit);

 private:
  struct Entry;
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace loop
