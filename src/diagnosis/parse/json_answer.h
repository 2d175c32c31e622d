// JsonAnswer: what a command printed as JSON, bounded; not for other rooms.
#pragma once

#include <boost/json/value.hpp>
#include <string_view>

#include "base/result.h"

namespace diagnosis::parse {

/// The object that begins at the first brace of `text`, at most `max_bytes` and 32 levels deep.
/// `who` is the command, for errors: kInvalid.
base::Result<boost::json::value> JsonAnswer(std::string_view text, std::string_view who,
                                            std::size_t max_bytes);

}  // namespace diagnosis::parse
