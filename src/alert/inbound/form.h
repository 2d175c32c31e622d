// Form: takes one field out of a multipart/form-data body (RFC 7578).
#pragma once

#include <optional>
#include <string_view>

namespace alert::inbound {

/// Whether a body is such a form: by its content type, or where that is not known by its first
/// bytes ("--", with which no JSON begins).
bool IsForm(std::string_view content_type, std::string_view body);

/// The content of the first field of that name, within `body`; nullopt when the form has none,
/// is broken before it, or has more than 32 parts. `name` in plain letters.
std::optional<std::string_view> FormField(std::string_view content_type, std::string_view body,
                                          std::string_view name);

}  // namespace alert::inbound
