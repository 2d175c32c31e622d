// The kind "nginx": causes beyond those of any service: its configuration and its files.
#include "diagnosis/nginx/nginx.h"

#include <fmt/format.h>

#include "diagnosis/holder.h"
#include "diagnosis/nginx/certificate.h"
#include "diagnosis/nginx/log.h"
#include "diagnosis/nginx/site.h"
#include "diagnosis/nginx/upstream.h"
#include "diagnosis/parse/listeners.h"
#include "diagnosis/parse/nginx_check.h"
#include "diagnosis/service/unit.h"

namespace diagnosis::nginx {
namespace {

/// Whether the page is in question (an answer that is an error, no answer, or nobody said what),
/// and whether an answer came.
struct Question {
  bool page = true;
  bool answered = true;
  bool nobody = true;  ///< no alert fires: somebody has a look
};
Question QuestionOf(const Request& request) {
  bool any = false;
  Question out{.page = false, .answered = false, .nobody = false};
  for (const auto& alert : request.alerts) {
    if (!alert.Firing()) {
      continue;
    }
    any = true;
    if (alert.Metric() == "http_code") {
      out.page = true;
      out.answered = out.answered || alert.value >= 400;
    }
  }
  return any ? out : Question{};
}

/// nginx runs, and nobody listens where the site is asked: its configuration names another port.
loop::Task<std::optional<model::Finding>> ExamineListening(Look* look, std::uint16_t port) {
  std::vector<std::string> list = {"ss", "-ltnpH"};
  const auto answer = co_await look->Ask(std::move(list), true);
  if (!answer || answer->exit_status != 0) {
    co_return std::nullopt;
  }
  const auto listeners = parse::ReadListeners(answer->output);
  if (!listeners || listeners->empty()) {
    co_return std::nullopt;
  }
  std::string own;
  for (const auto& listener : *listeners) {
    if (listener.port == port) {
      co_return std::nullopt;
    }
    if (!listener.owners.empty() && listener.owners[0].command == "nginx") {
      own += fmt::format("{}{}", own.empty() ? "" : ", ", listener.port);
    }
  }
  co_return look->Found("nginx-not-listening", "State active",
                        fmt::format("ss: nginx runs, and nothing listens on port {} (nginx: {})",
                                    port, own.empty() ? "no port" : own));
}

/// The site behind the URL: whom it asks, its files, its certificate. Findings, the gravest first.
loop::Task<std::vector<model::Finding>> ExamineSite(Look* look, Question question) {
  std::vector<model::Finding> out;
  const auto asked = AskedFor(look->request());
  std::vector<std::string> dump = {"nginx", "-T"};
  const auto config = co_await look->Ask(std::move(dump), true, 4 << 20);
  look->HideOutput();
  if (!config || config->exit_status != 0) {
    if (config) {
      if (const auto test = parse::ReadNginxCheck(config->output); test.failed) {
        out.push_back(look->Well("State active",
                                 "nginx runs with the configuration that it was started with; the "
                                 "one on disk is invalid: " +
                                     test.line));
      }
    }
    co_return out;
  }
  const auto site = parse::ReadSite(config->output, asked.host, asked.port);
  if (!site) {
    co_return out;
  }
  const auto lines = co_await ReadErrorLog(look, site->error_log);
  auto behind = co_await ExamineUpstreams(look, site->upstreams, asked.host, asked.path, lines);
  if (behind) {
    out.push_back(std::move(*behind));
  }
  if (question.answered) {
    auto files = co_await ExamineFiles(look, *site);
    if (files) {
      out.push_back(std::move(*files));
    }
  }
  // After what is wrong with the files for certain: the log tells of moments that may be over.
  if (const auto limit = LimitHit(lines); !limit.empty()) {
    out.push_back(look->Found(
        limit, "State active",
        "nginx's error log: " +
            LineWith(lines, {"worker_connections are not enough", "(24: Too many open files)"})));
  }
  if (!site->certificate.empty()) {
    auto certificate =
        co_await ExamineCertificate(look, site->certificate, asked.tls || question.nobody);
    if (certificate) {
      out.push_back(std::move(*certificate));
    }
  }
  co_return out;
}

loop::Task<std::vector<model::Finding>> Examine(Request request) {
  Look look(request);
  service::UnitRequest asked;
  asked.unit = "nginx.service";
  asked.ports = request.target.ports;
  asked.nginx = true;
  auto finding = co_await service::ExamineUnit(&look, std::move(asked));
  if (finding) {
    co_return Only(std::move(*finding));
  }
  const auto url = AskedFor(request);
  auto deaf = co_await ExamineListening(&look, url.port);
  if (deaf) {
    co_return Only(std::move(*deaf));
  }
  const auto question = QuestionOf(request);
  if (question.page) {
    auto found = co_await ExamineSite(&look, question);
    if (!found.empty()) {
      co_return found;
    }
  }
  co_return Only(look.Well("State active", "systemd: nginx.service runs"));
}

std::vector<ssh::Privilege> AsRoot(const model::Target& /*target*/,
                                   const model::ComponentSpec& /*component*/) {
  auto out = HolderPrivileges();
  out.push_back(ssh::Fixed({"nginx", "-t"}, "nginx: whether its configuration is valid"));
  out.push_back(ssh::Fixed({"nginx", "-T"}, "nginx: where the site's files are"));
  out.push_back(ssh::Fixed(ErrorLogArgv(kErrorLog), "nginx: what it lately complained of"));
  out.push_back(service::LastWordsPrivilege("nginx.service"));
  return out;
}

}  // namespace

const Kind kKind = {
    .spec = {.name = "nginx", .title = "The web server nginx"},
    .causes =
        {
            {.id = "nginx-config-invalid",
             .title = "nginx's configuration is invalid",
             .title_th = "ไฟล์ตั้งค่า nginx ไม่ถูกต้อง",
             .detected_by = "the unit does not run, and nginx -t fails"},
            {.id = "nginx-certificate-unusable",
             .title = "nginx cannot use its certificate or key",
             .title_th = "nginx ใช้ใบรับรองหรือกุญแจไม่ได้",
             .detected_by = "the unit does not run, and nginx -t says so"},
            {.id = "nginx-log-unwritable",
             .title = "nginx cannot write its log",
             .title_th = "nginx เขียนไฟล์ log ไม่ได้",
             .detected_by = "the unit does not run, and nginx -t cannot open its log"},
            {.id = "nginx-upstream-unresolved",
             .title = "The name of the server behind nginx has no address",
             .title_th = "ชื่อของเซิร์ฟเวอร์ที่อยู่หลัง nginx ไม่มีหมายเลขไอพี",
             .detected_by = "nginx -t says so, or the host finds no address for it"},
            {.id = "nginx-not-listening",
             .title = "nginx does not listen on the port that is asked",
             .title_th = "nginx ไม่ได้เปิดพอร์ตที่ถูกเรียก",
             .detected_by = "the unit runs, and ss shows nobody on the port of the URL"},
            {.id = "nginx-upstream-refused",
             .title = "The server behind nginx takes no connections",
             .title_th = "เซิร์ฟเวอร์ที่อยู่หลัง nginx ไม่รับการเชื่อมต่อ",
             .detected_by = "nginx -T names it; a connection from the host is refused or hung up "
                            "without an answer, or its socket is not there"},
            {.id = "nginx-upstream-slow",
             .title = "The server behind nginx does not answer in time",
             .title_th = "เซิร์ฟเวอร์ที่อยู่หลัง nginx ตอบช้าเกินไป",
             .detected_by = "nginx -T names it; it takes a connection from the host and does not "
                            "answer within three seconds, or does not take it within five"},
            {.id = "nginx-upstream-denied",
             .title = "nginx may not use the socket of the server behind it",
             .title_th = "nginx ไม่มีสิทธิ์ใช้ socket ของเซิร์ฟเวอร์ที่อยู่หลังมัน",
             .detected_by = "the socket is there, and nginx's error log says permission denied"},
            {.id = "nginx-upstream-error",
             .title = "The server behind nginx answers with an error of its own",
             .title_th = "เซิร์ฟเวอร์ที่อยู่หลัง nginx ตอบกลับด้วยข้อผิดพลาดของมันเอง",
             .detected_by = "nginx -T names it; asked from the host it answers 500 or more"},
            {.id = "nginx-connections-exhausted",
             .title = "nginx has no connections left",
             .title_th = "nginx ไม่เหลือ connection (worker_connections)",
             .detected_by = "its error log, within the last minute"},
            {.id = "nginx-files-exhausted",
             .title = "nginx may open no more files",
             .title_th = "nginx เปิดไฟล์เพิ่มไม่ได้ (too many open files)",
             .detected_by = "its error log, within the last minute"},
            {.id = "nginx-certificate-expired",
             .title = "The site's certificate has expired",
             .title_th = "ใบรับรองของเว็บหมดอายุแล้ว",
             .detected_by = "openssl x509 -enddate of the file that nginx -T names"},
            {.id = "nginx-certificate-expiring",
             .title = "The site's certificate expires within a week",
             .title_th = "ใบรับรองของเว็บจะหมดอายุภายในเจ็ดวัน",
             .detected_by = "openssl x509 -enddate of the file that nginx -T names"},
            {.id = "nginx-root-wrong",
             .title = "nginx's root directory is not there",
             .title_th = "ไดเรกทอรี root ของ nginx ไม่มีอยู่",
             .detected_by = "nginx -T names a root that stat does not find"},
            {.id = "nginx-index-missing",
             .title = "The index file is missing",
             .title_th = "ไม่มีไฟล์ index",
             .detected_by = "none of the index files is in the root directory"},
            {.id = "nginx-no-read-permission",
             .title = "nginx may not read the index file",
             .title_th = "nginx ไม่มีสิทธิ์อ่านไฟล์ index",
             .detected_by = "the file's owner, group and mode against nginx's user"},
            {.id = "nginx-directory-denied",
             .title = "nginx may not enter the site's directory",
             .title_th = "nginx ไม่มีสิทธิ์เข้าถึงไดเรกทอรีของเว็บ",
             .detected_by = "a directory on the way is closed to nginx's user"},
            {.id = "nginx-no-execute-permission",
             .title = "The site's directory lacks the execute permission",
             .title_th = "ไดเรกทอรีของเว็บไม่มีสิทธิ์ execute",
             .detected_by = "the root directory may be read by nginx's user, but not entered"},
        },
    .examine = &Examine,
    .as_root = &AsRoot,
};

}  // namespace diagnosis::nginx
