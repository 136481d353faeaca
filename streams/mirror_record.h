#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/io/bytes.h"
#include "base/io/spool.h"
#include "streams/item.h"

namespace streamsync {

/// A `products:1.0` document over `items`, all of content_id `content_id`: what upstream keeps in
/// `.data/<content_id>` of a mirror (`upstream-gss.md` §3.1). Tags that all items of a version or a
/// product have stand there, as upstream's do. An item that is at two paths stands there twice,
/// once under another name. `to` is not finished.
void write_record(std::string_view content_id, const std::vector<Item>& items, ByteSink& to);

/// The items of such a document. Of a damaged one those before the damage: the others are copied
/// again, no more.
struct Record {
  std::vector<Item> items;
  std::optional<Error> damage;
};

/// `name` is for messages.
Record read_record(Spool record, const std::string& name);

/// The same for who goes on with some items while others are read, those of one version at a time.
/// Returns the damage.
std::optional<Error> read_record(Spool record, const std::string& name,
                                 const std::function<void(std::vector<Item>)>& each_version);

/// Its file name in `.data`. A content_id is a foreign name: only plain characters go into it, and
/// it does not begin with '.'.
std::string record_file_name(std::string_view content_id);

}  // namespace streamsync
