// What the HTTP channels do alike: reading an answer's meaning, UTF-16 lengths.
#pragma once

#include <string>
#include <string_view>

#include "notify/kind.h"

namespace notify {

/// The meaning of an answer as HTTP has it: 2xx delivered; 408, 425, 429 and 5xx try again (after
/// Retry-After when it is given, at most an hour); everything else is rejected. `detail` holds the
/// status and the first words of the body, printable.
Delivery Judge(const base::Result<loop::HttpResponse>& response);

/// How many UTF-16 code units the text has (LINE and others count so): a character beyond U+FFFF
/// counts two. Broken UTF-8 counts as U+FFFD.
std::size_t Utf16Units(std::string_view utf8);
/// The text, or its longest beginning that with "…" has at most `max` units; never cut within a
/// character, so never between surrogates. Gives valid UTF-8.
std::string TruncateUtf16(std::string_view utf8, std::size_t max);

}  // namespace notify
