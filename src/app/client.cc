// Calls of the running daemon's API over HTTP or its unix socket.
#include "app/client.h"

#include <fmt/format.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "app/settings.h"
#include "base/secret.h"
#include "base/text.h"
#include "loop/http_client.h"

namespace app {
namespace {

std::string DaemonError(const boost::json::value& answer, int status) {
  if (const auto* object = answer.if_object()) {
    if (const auto* text = object->if_contains("error"); text != nullptr && text->is_string()) {
      return std::string(text->as_string());
    }
  }
  return fmt::format("the daemon answered with status {}", status);
}

}  // namespace

std::string Endpoint(const Common& common) {
  if (!common.url.empty()) {
    return common.url;
  }
  const auto loaded = LoadSettings(common.config);
  if (loaded.settings) {
    for (const auto& listen : loaded.settings->listen) {
      if (listen.starts_with("unix:")) {
        return listen;
      }
    }
    if (!loaded.settings->listen.empty()) {
      return (loaded.settings->tls.on() ? "https://" : "http://") + loaded.settings->listen.front();
    }
  }
  return "http://127.0.0.1:8001";
}

namespace {

/// One exchange with the daemon. Errors as Call's.
base::Result<std::string> Exchange(const Common& common, const std::string& endpoint,
                                   const std::string& path, bool post, const std::string& form) {
  loop::HttpRequest request;
  request.timeout = std::chrono::seconds(130);  // a query may take its two minutes
  request.max_body = 64 << 20;
  if (endpoint.starts_with("unix:")) {
    request.unix_socket = endpoint.substr(5);
    request.url = "http://localhost" + path;
  } else {
    request.url = endpoint + path;
  }
  if (!common.token_file.empty()) {
    const auto token = base::ReadSecretFile(common.token_file);
    if (!token) {
      return base::Fail(token.error());
    }
    request.headers.emplace_back("Authorization", "Bearer " + token->Reveal());
  }
  if (post) {
    request.method = "POST";
    request.body = form;
    request.headers.emplace_back("Content-Type", form.starts_with("{")
                                                     ? "application/json"
                                                     : "application/x-www-form-urlencoded");
  }
  loop::Loop loop;
  loop::HttpClient http(loop);
  auto response = loop.RunTask(http.Send(std::move(request)));
  if (!response) {
    return base::Fail(
        base::ErrorKind::kUnavailable,
        fmt::format("no daemon answers at {}: {}", endpoint, response.error().message));
  }
  if (response->status >= 400) {
    boost::system::error_code ec;
    auto answer = boost::json::parse(response->body, ec);
    const auto kind = response->status == 404  ? base::ErrorKind::kNotFound
                      : response->status < 500 ? base::ErrorKind::kInvalid
                                               : base::ErrorKind::kUnavailable;
    return base::Fail(kind, DaemonError(ec ? boost::json::value() : answer, response->status));
  }
  return std::move(response->body);
}

}  // namespace

base::Result<std::string> CallText(const Common& common, const std::string& path) {
  return Exchange(common, Endpoint(common), path, false, "");
}

base::Result<boost::json::value> Call(const Common& common, const std::string& path, bool post,
                                      const std::string& form) {
  const auto endpoint = Endpoint(common);
  const auto text = Exchange(common, endpoint, path, post, form);
  if (!text) {
    return base::Fail(text.error());
  }
  boost::system::error_code ec;
  auto answer = boost::json::parse(*text, ec);
  if (ec) {
    return base::Fail(base::ErrorKind::kInvalid,
                      fmt::format("{} does not answer as Raksa does", endpoint));
  }
  return answer;
}

std::string TextAt(const boost::json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  if (value == nullptr || value->is_null()) {
    return "";
  }
  return base::Printable(value->is_string() ? std::string(value->get_string())
                                            : boost::json::serialize(*value));
}

const boost::json::array& ListAt(const boost::json::object& object, std::string_view name) {
  static const boost::json::array kNone;
  const auto* value = object.if_contains(name);
  return value != nullptr && value->is_array() ? value->get_array() : kNone;
}

}  // namespace app
