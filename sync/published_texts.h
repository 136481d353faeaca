#pragma once

#include <map>
#include <string>
#include <vector>

namespace streamsync {

/// What is published in one tree, by path.
using PublishedTexts = std::map<std::string, std::string>;

std::string digest_of(const PublishedTexts& published);

/// What Juju asks a tree for, whatever is published there (`consumers.md` §1.1, §2.6): 403 or 5xx
/// to one of them ends its lookup.
const std::vector<std::string>& names_tried_by_juju();

}  // namespace streamsync
