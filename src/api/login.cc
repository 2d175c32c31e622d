// Logging in and out of the page, and who is asking.
#include <boost/json/object.hpp>

#include "api/answers.h"
#include "api/api.h"
#include "api/session.h"
#include "base/log.h"
#include "base/text.h"

namespace api {
namespace json = boost::json;
namespace {

/// Who is asking, as the page wants it. Nobody yet: empty names.
json::object SessionJson(const Request& request) {
  const bool known = request.role != Role::kNone;
  return {{"user", known ? request.user : ""},
          {"role", known ? ToString(request.role) : ""},
          {"login", request.login},
          {"csrf", request.csrf}};
}

/// Whether the browser speaks TLS: with us, or with a proxy in front of us (the origin was compared
/// with the host before).
bool Secure(const Request& request) {
  return request.tls || request.Header("origin").starts_with("https://");
}

Answer Session(Shared, Request request) { co_return Ok(SessionJson(request)); }

Answer Login(Shared s, Request request) {
  if (!s->sessions) {
    co_return Missing("logging in");
  }
  const auto body = ReadBody(request.body);
  if (!body) {
    co_return JsonError(body.error());
  }
  const auto name = BodyText(*body, "name", "");
  const auto now = base::Clock::Steady();
  auto login = s->sessions->Open(request.peer, name, BodyText(*body, "token", ""), now);
  if (login.kind != Sessions::Login::Kind::kGood) {
    base::Log(base::Level::kWarn, "a login failed", {{"name", name}, {"peer", request.peer}});
    co_return login.kind == Sessions::Login::Kind::kWait
        ? TooOften(login.wait)
        : JsonError(401, "unauthorized", "no token of that name is so");
  }
  if (login.view.role == Role::kAlert || login.view.role == Role::kPush) {
    s->sessions->Close("raksa=" + login.id);
    co_return JsonError(403, "forbidden", "this token only posts; it may not look at the page");
  }
  s->sessions->Close(request.Header("cookie"));  // the one before; its id is never used again
  base::Log(base::Level::kInfo, "login", {{"name", name}, {"peer", request.peer}});
  request.user = login.view.user;
  request.role = login.view.role;
  request.csrf = login.view.csrf;
  auto out = Ok(SessionJson(request));
  out.headers.emplace_back("Set-Cookie", s->sessions->Cookie(login.id, Secure(request)));
  co_return out;
}

Answer Logout(Shared s, Request request) {
  if (!s->sessions) {
    co_return Missing("logging out");
  }
  if (!request.csrf.empty() && !base::EqualSecret(request.Header("x-csrf-token"), request.csrf)) {
    co_return JsonError(403, "forbidden", "refused: X-CSRF-Token is not this session's");
  }
  s->sessions->Close(request.Header("cookie"));
  request.role = request.login ? Role::kNone : Role::kOperate;
  request.user = "anonymous";
  request.csrf.clear();
  auto out = Ok(SessionJson(request));
  out.headers.emplace_back("Set-Cookie", s->sessions->Cookie("", Secure(request)));
  co_return out;
}

}  // namespace

void AddLogin(Router& router, Shared sources) {
  AddRoute(router, sources, "GET", "/api/v1/session", Needs::kNothing, Session);
  AddRoute(router, sources, "POST", "/api/v1/login", Needs::kLogin, Login);
  AddRoute(router, sources, "POST", "/api/v1/logout", Needs::kLogin, Logout);
}

}  // namespace api
