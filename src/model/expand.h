// Expand: templates of replacements, for relabeling and label_replace.
#pragma once

#include <re2/stringpiece.h>

#include <span>
#include <string>
#include <string_view>

namespace re2 {
class RE2;
}

namespace model {

/// `text` with $1, ${1}, $name, ${name} and $$ filled in with what a match of `regex` found, as
/// Go's Regexp.Expand (https://pkg.go.dev/regexp). A $ before no name stands for itself; a group
/// that is not there is empty.
std::string ExpandGroups(std::string_view text, const re2::RE2& regex,
                         std::span<const re2::StringPiece> groups);

}  // namespace model
