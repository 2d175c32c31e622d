// Numbers, times and spans in the spellings of Prometheus's API.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"

namespace api {

/// Room for the longest number.
inline constexpr std::size_t kNumberText = 400;
/// The value of a sample of a vector or matrix: as AppendValue, with an exponent below 1e-6 and
/// from 1e21 (Prometheus 2.42: util/jsonutil, MarshalFloat). Written from `at` on (kNumberText
/// bytes); gives its end.
char* WriteSample(char* at, double v);
/// What AppendValue and AppendTime append, written in the same way.
char* WriteValue(char* at, double v);
char* WriteTime(char* at, std::int64_t ms);
/// A float as Go's strconv.FormatFloat(v, 'f', -1, 64): shortest digits that read back, no
/// exponent; "NaN", "+Inf", "-Inf". What /api/v1 answers of scalars.
void AppendValue(std::string& out, double v);
/// The shortest digits that read back, with an exponent only below 1e-4 and from 1e21 (as Go's %v).
/// What the exposition format and Raksa's own JSON have.
void AppendExposed(std::string& out, double v);
/// Milliseconds as seconds with up to three decimals and no trailing zeros: "1435781430.781".
void AppendTime(std::string& out, std::int64_t ms);

/// A moment as Prometheus reads it: unix seconds with fraction, or RFC 3339. In milliseconds.
/// Errors: kInvalid.
base::Result<std::int64_t> ParseApiTime(std::string_view text);
/// A span: seconds as a float, or "5m". In milliseconds. Errors: kInvalid (overflow too).
base::Result<std::int64_t> ParseApiDuration(std::string_view text);

}  // namespace api
