#pragma once

#include <string>
#include <string_view>

namespace streamsync {

/// Writes a regular expression of Python's `re` module, which filters are made for
/// (`upstream-gss.md` §2.1), as RE2 understands it: \w, \d and \s for all of Unicode, \Z, {,n}.
/// Throws `Error{Config, Config}` that names what no linear-time engine can do: look-around,
/// back-references, conditions, atomic groups, possessive quantifiers. \b, and \W and \S inside of
/// [], stay ASCII's.
std::string re2_pattern(std::string_view python);

}  // namespace streamsync
