// IsUtf8: whether bytes are text at all.
#pragma once

#include <string_view>

namespace base {

/// Whether `text` is valid UTF-8 (RFC 3629: no overlong forms, no surrogates); control characters
/// are allowed.
bool IsUtf8(std::string_view text);

}  // namespace base
