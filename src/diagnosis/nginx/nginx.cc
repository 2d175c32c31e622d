// The kind "nginx": causes beyond those of any service: its configuration and its files.
#include "diagnosis/nginx/nginx.h"

#include "diagnosis/holder.h"
#include "diagnosis/nginx/site.h"
#include "diagnosis/service/unit.h"

namespace diagnosis::nginx {
namespace {

/// Whether the page itself is in question: an answer came and it was an error, or nobody said.
bool PageInQuestion(const Request& request) {
  bool any = false;
  for (const auto& alert : request.alerts) {
    if (!alert.Firing()) {
      continue;
    }
    any = true;
    if (alert.Metric() == "http_code" && alert.value >= 400) {
      return true;
    }
  }
  return !any;
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
  if (PageInQuestion(request)) {
    auto page = co_await ExamineSite(&look);
    if (page) {
      co_return Only(std::move(*page));
    }
  }
  co_return Only(look.Well("State active", "systemd: nginx.service runs"));
}

std::vector<ssh::Privilege> AsRoot(const model::Target& /*target*/,
                                   const model::ComponentSpec& /*component*/) {
  auto out = HolderPrivileges();
  out.push_back(ssh::Fixed({"nginx", "-t"}, "nginx: whether its configuration is valid"));
  out.push_back(ssh::Fixed({"nginx", "-T"}, "nginx: where the site's files are"));
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
