// net-snmp behind coroutines: open, send and read hop to the worker, waiting does not.
#include "probe/snmp/session.h"

#include <net-snmp/net-snmp-config.h>
// net-snmp's first header must come first.
#include <fmt/format.h>
#include <net-snmp/net-snmp-includes.h>
// It needs the ones above.
#include <net-snmp/library/large_fd_set.h>

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <map>
#include <system_error>

#include "base/text.h"

namespace probe::snmp {
namespace {

namespace asio = boost::asio;

std::optional<std::uint64_t> NumberOf(const netsnmp_variable_list& v) {
  switch (v.type) {
    case ASN_INTEGER:
      if (v.val.integer != nullptr && *v.val.integer >= 0) {
        return static_cast<std::uint64_t>(*v.val.integer);
      }
      return std::nullopt;
    case ASN_COUNTER:
    case ASN_GAUGE:
    case ASN_TIMETICKS:
    case ASN_UINTEGER:
      if (v.val.integer != nullptr) {
        return static_cast<std::uint32_t>(*v.val.integer);
      }
      return std::nullopt;
    case ASN_COUNTER64:
    case ASN_OPAQUE_COUNTER64:
    case ASN_OPAQUE_U64:
      if (v.val.counter64 != nullptr) {
        return (static_cast<std::uint64_t>(v.val.counter64->high & 0xFFFFFFFFU) << 32U) |
               (v.val.counter64->low & 0xFFFFFFFFU);
      }
      return std::nullopt;
    default:
      return std::nullopt;
  }
}

Oid OidOf(const oid* parts, std::size_t count) {
  Oid out;
  for (std::size_t i = 0; i < std::min<std::size_t>(count, MAX_OID_LEN); ++i) {
    out.push_back(static_cast<std::uint32_t>(parts[i]));
  }
  return out;
}

Var VarOf(const netsnmp_variable_list& v) {
  Var out;
  out.oid = OidOf(v.name, v.name_length);
  if (const auto number = NumberOf(v)) {
    out.type = Var::Type::kNumber;
    out.number = *number;
  } else if (v.type == ASN_OCTET_STR && v.val.string != nullptr) {
    out.type = Var::Type::kText;
    out.text.assign(reinterpret_cast<const char*>(v.val.string),
                    std::min<std::size_t>(v.val_len, 255));
  } else if (v.type == ASN_OBJECT_ID && v.val.objid != nullptr) {
    out.type = Var::Type::kOid;
    out.object = OidOf(v.val.objid, v.val_len / sizeof(oid));
  }
  return out;
}

/// The reason of an SNMPv3 report, by its counter's OID 1.3.6.1.6.3.15.1.1.N.0 (RFC 3414 5).
std::string ReportReason(const netsnmp_pdu& pdu) {
  const auto* v = pdu.variables;
  const Oid base = {1, 3, 6, 1, 6, 3, 15, 1, 1};
  const Oid got = v != nullptr ? OidOf(v->name, v->name_length) : Oid{};
  if (got.size() > base.size() && std::equal(base.begin(), base.end(), got.begin())) {
    switch (got[base.size()]) {
      case 1:
        return "the agent does not know this security level";
      case 2:
        return "not in the agent's time window";
      case 3:
        return "the agent does not know this user";
      case 4:
        return "the agent's engine has changed";
      case 5:
        return "authentication failed: wrong pass phrase or protocol";
      case 6:
        return "decryption failed: wrong privacy pass phrase or protocol";
      default:
        break;
    }
  }
  return "the agent reports an error";
}

netsnmp_pdu* MakePdu(const Question& question) {
  const int command = question.command == Question::Command::kGet    ? SNMP_MSG_GET
                      : question.command == Question::Command::kNext ? SNMP_MSG_GETNEXT
                                                                     : SNMP_MSG_GETBULK;
  netsnmp_pdu* pdu = snmp_pdu_create(command);
  if (pdu == nullptr) {
    throw std::bad_alloc();
  }
  if (command == SNMP_MSG_GETBULK) {
    pdu->non_repeaters = 0;
    pdu->max_repetitions = question.repetitions;
  }
  for (const auto& wanted : question.oids) {
    const std::vector<oid> parts(wanted.begin(), wanted.end());
    snmp_add_null_var(pdu, parts.data(), parts.size());
  }
  return pdu;
}

}  // namespace

/// The replies of one Ask. Belongs to the worker until all are there or time is over.
struct Session::Exchange {
  std::vector<Reply> replies;
  std::size_t open = 0;
};

/// The worker's side of a session.
struct Session::Core {
  void* handle = nullptr;
  bool closing = false;
  std::uintptr_t next = 1;
  std::map<std::uintptr_t, std::pair<std::shared_ptr<Exchange>, std::size_t>> waiting;

  /// A report need not carry the request's id, so a request is known again by `user`, a number of
  /// ours.
  static int OnReply(int operation, netsnmp_session* session, int, netsnmp_pdu* pdu, void* user) {
    auto& core = *static_cast<Core*>(session->myvoid);
    const auto at = core.waiting.find(reinterpret_cast<std::uintptr_t>(user));
    if (core.closing || at == core.waiting.end()) {
      return 1;
    }
    const auto [exchange, index] = at->second;
    Reply& reply = exchange->replies[index];
    if (operation == NETSNMP_CALLBACK_OP_RECEIVED_MESSAGE && pdu != nullptr) {
      if (pdu->command == SNMP_MSG_REPORT) {
        reply.failure = ReportReason(*pdu);
      } else if (pdu->command == SNMP_MSG_RESPONSE) {
        reply.answered = true;
        reply.error_status = static_cast<int>(pdu->errstat);
        reply.error_index = static_cast<int>(pdu->errindex);
        for (const auto* v = pdu->variables; v != nullptr; v = v->next_variable) {
          reply.vars.push_back(VarOf(*v));
        }
      } else {
        return 1;
      }
    } else if (operation == NETSNMP_CALLBACK_OP_SEND_FAILED) {
      reply.failure = "the request could not be sent";
    } else if (operation == NETSNMP_CALLBACK_OP_SEC_ERROR) {
      reply.failure = pdu != nullptr && pdu->command == SNMP_MSG_REPORT
                          ? ReportReason(*pdu)
                          : "authentication or decryption failed: wrong pass phrase or protocol";
    } else if (operation != NETSNMP_CALLBACK_OP_TIMED_OUT) {
      return 1;  // a resend
    }
    --exchange->open;
    core.waiting.erase(at);
    return 1;
  }

  /// Sends the questions. "" = all are on their way.
  std::string Send(const std::vector<Question>& questions,
                   const std::shared_ptr<Exchange>& exchange) {
    exchange->replies.resize(questions.size());
    for (std::size_t i = 0; i < questions.size(); ++i) {
      netsnmp_pdu* pdu = MakePdu(questions[i]);
      const auto mine = next++;
      waiting[mine] = {exchange, i};
      ++exchange->open;
      if (snmp_sess_async_send(handle, pdu, &Core::OnReply, reinterpret_cast<void*>(mine)) == 0) {
        int system = 0;
        int library = 0;
        char* text = nullptr;
        snmp_sess_error(handle, &system, &library, &text);
        std::string reason = text != nullptr ? text : "cannot be sent";
        SNMP_FREE(text);
        snmp_free_pdu(pdu);
        return base::Printable(reason);
      }
    }
    return "";
  }

  /// Reads what is there; `tick` also sends again what is overdue. "" = no fault of the socket.
  std::string Read(int fd, bool tick) {
    int error = 0;
    socklen_t size = sizeof(error);
    if (::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error != 0) {
      return std::generic_category().message(error);
    }
    for (int i = 0; i < 64; ++i) {
      pollfd ready{fd, POLLIN, 0};
      if (::poll(&ready, 1, 0) != 1 || (ready.revents & POLLIN) == 0) {
        break;
      }
      netsnmp_large_fd_set set;
      netsnmp_large_fd_set_init(&set, FD_SETSIZE);
      NETSNMP_LARGE_FD_ZERO(&set);
      NETSNMP_LARGE_FD_SET(snmp_sess_transport(handle)->sock, &set);
      snmp_sess_read2(handle, &set);
      netsnmp_large_fd_set_cleanup(&set);
    }
    if (tick) {
      snmp_sess_timeout(handle);
    }
    return "";
  }
};

/// The loop's side: waits on net-snmp's own descriptor, and never closes it.
struct Session::Port {
  Port(loop::Loop& loop, int fd, std::shared_ptr<Core> owner)
      : core(std::move(owner)), descriptor(loop.io(), fd), timer(loop.io()) {}
  ~Port() { descriptor.release(); }
  Port(const Port&) = delete;
  Port& operator=(const Port&) = delete;
  std::shared_ptr<Core> core;  ///< closes the session, on the worker, after this has let go
  asio::posix::stream_descriptor descriptor;
  loop::Timer timer;
};

namespace {

/// Connects the socket, so that a refusal by ICMP is heard.
void ConnectTo(int fd, const asio::ip::address& address, std::uint16_t port) {
  if (address.is_v4()) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(address.to_v4().to_uint());
    static_cast<void>(::connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof(to)));
  } else {
    sockaddr_in6 to{};
    to.sin6_family = AF_INET6;
    to.sin6_port = htons(port);
    const auto bytes = address.to_v6().to_bytes();
    std::copy(bytes.begin(), bytes.end(), to.sin6_addr.s6_addr);
    to.sin6_scope_id = static_cast<std::uint32_t>(address.to_v6().scope_id());
    static_cast<void>(::connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof(to)));
  }
}

}  // namespace

loop::Task<base::Result<std::shared_ptr<Session>>> Session::Open(
    loop::Loop* loop, loop::Worker* worker, asio::ip::address address,
    model::SnmpCredential credential, std::shared_ptr<V3State> v3, base::Duration timeout) {
  const std::string peer = address.is_v4()
                               ? fmt::format("udp:{}:{}", address.to_string(), credential.port)
                               : fmt::format("udp6:[{}]:{}", address.to_string(), credential.port);
  const auto resend = timeout / 3;
  const std::shared_ptr<Session> session(new Session(worker));
  session->resend_ = resend;
  // The worker fills the core, so that a session opened for a task that has gone is closed by it.
  const auto core = std::shared_ptr<Core>(new Core, [worker](Core* gone) {
    worker->Post([gone] {
      gone->closing = true;
      if (gone->handle != nullptr) {
        snmp_sess_close(gone->handle);
      }
      delete gone;
    });
  });
  auto open = [core, peer, credential, v3, resend] {
    auto out = OpenOnWorker(peer, credential, v3, resend);
    core->handle = out.handle;
    if (out.handle != nullptr) {
      snmp_sess_session(out.handle)->myvoid = core.get();
    }
    return std::pair(out.fd, out.error);
  };
  auto opened = co_await worker->Run(std::move(open));
  if (opened.first < 0) {
    co_return base::Fail(base::ErrorKind::kInvalid,
                         opened.second.empty() ? "no socket" : opened.second);
  }
  session->port_ = std::make_shared<Port>(*loop, opened.first, core);
  ConnectTo(opened.first, address, credential.port);
  co_return session;
}

Session::~Session() = default;

loop::Task<std::vector<Reply>> Session::Ask(std::vector<Question> questions,
                                            base::Instant deadline) {
  const auto port = port_;
  const auto core = port->core;
  const auto exchange = std::make_shared<Exchange>();
  const int fd = port->descriptor.native_handle();
  const std::size_t count = questions.size();
  auto send = [core, exchange, questions = std::move(questions)] {
    return core->Send(questions, exchange);
  };
  std::string fault = co_await worker_->Run(std::move(send));
  base::Instant next = base::Clock::Steady() + resend_;
  std::size_t open = count;
  while (fault.empty() && open > 0 && base::Clock::Steady() < deadline) {
    port->timer.expires_at(std::min(next, deadline));
    port->timer.async_wait([port](const boost::system::error_code& ec) {
      if (!ec) {
        port->descriptor.cancel();
      }
    });
    boost::system::error_code ec;
    co_await port->descriptor.async_wait(asio::posix::descriptor_base::wait_read,
                                         asio::redirect_error(asio::use_awaitable, ec));
    port->timer.cancel();
    const bool tick = base::Clock::Steady() >= next;
    if (tick) {
      next = base::Clock::Steady() + resend_;
    }
    auto read = [core, exchange, port, fd, tick] {
      auto text = core->Read(fd, tick);
      return std::pair(exchange->open, text);
    };
    auto result = co_await worker_->Run(std::move(read));
    open = result.first;
    fault = result.second;
  }
  // What is still open is no longer waited for; later answers find nobody.
  auto finish = [core, exchange] {
    std::erase_if(core->waiting, [&](const auto& pair) { return pair.second.first == exchange; });
    return std::move(exchange->replies);
  };
  std::vector<Reply> replies;
  if (open == 0) {
    replies = std::move(exchange->replies);  // the worker is done with it
  } else {
    replies = co_await worker_->Run(std::move(finish));
  }
  replies.resize(count);
  for (auto& reply : replies) {
    if (!reply.answered && reply.failure.empty()) {
      reply.failure = fault;
    }
  }
  co_return replies;
}

}  // namespace probe::snmp
