// The certificate that nginx shows: how long it is still good.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "diagnosis/look.h"

namespace diagnosis::nginx {

/// The end of a certificate's life in `openssl x509 -noout -enddate`: "notAfter=Nov 25 03:36:12
/// 2026 GMT". nullopt: there is none. Pure.
std::optional<base::Time> ReadEndDate(std::string_view text);

/// Looks at the file: the finding when it has expired or does so within a week, else nullopt. One
/// command. `matters`: the site is asked by https, so that an expired one is the trouble itself.
loop::Task<std::optional<model::Finding>> ExamineCertificate(Look* look, std::string path,
                                                             bool matters);

}  // namespace diagnosis::nginx
