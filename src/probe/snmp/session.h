// Session: one net-snmp session. All calls of net-snmp are made on the worker; the waiting is the
// loop's, so that a silent host keeps nobody else waiting.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "loop/loop.h"
#include "loop/worker.h"
#include "model/target.h"
#include "probe/snmp/open.h"
#include "probe/snmp/values.h"

namespace probe::snmp {

class Session {
 public:
  /// Opens a session; for version 3 with an engine already known. Never waits for the network.
  /// Errors: kInvalid for credentials that net-snmp does not take, kUnavailable for sockets.
  static loop::Task<base::Result<std::shared_ptr<Session>>> Open(
      loop::Loop* loop, loop::Worker* worker, boost::asio::ip::address address,
      model::SnmpCredential credential, std::shared_ptr<V3State> v3, base::Duration timeout);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  /// Sends all questions at once and waits for the answers until `deadline`; lost packets are sent
  /// again. One reply a question, in order.
  loop::Task<std::vector<Reply>> Ask(std::vector<Question> questions, base::Instant deadline);

 private:
  struct Core;
  struct Exchange;
  struct Port;
  explicit Session(loop::Worker* worker) : worker_(worker) {}

  loop::Worker* worker_;
  std::shared_ptr<Port> port_;
  base::Duration resend_{};
};

}  // namespace probe::snmp
