#include <fmt/format.h>
#include <rapidjson/prettywriter.h>
#include <rapidjson/stringbuffer.h>

#include <exception>
#include <optional>
#include <set>

#include "base/text.h"
#include "filters/selection.h"
#include "sync/catalog.h"
#include "sync/cli/commands.h"
#include "sync/cli/standard_output.h"
#include "sync/entry_source.h"

namespace streamsync {
namespace {

// What a template and the JSON form see: all that filters see, and where the item is.
Tags flat_tags(const Item& item, const ProductsHead& head, const MirrorEntry& entry) {
  Tags tags = head.tags;
  for (const auto& [key, value] : item.tags) {
    tags.insert_or_assign(std::string(key), std::string(value));
  }
  if (item.path) {
    tags["item_url"] = entry.bases.front().join(*item.path).redacted();
  }
  return tags;
}

// Python's %-style with names, as upstream's --output-format (`upstream-gss.md` §3.2).
std::string fill_in(std::string_view format, const Tags& tags, Console& console) {
  std::string result;
  for (std::size_t at = 0; at < format.size();) {
    const auto open = format.find("%(", at);
    const auto close = open == std::string_view::npos ? open : format.find(")s", open);
    if (close == std::string_view::npos) {
      result += format.substr(at);
      break;
    }
    result += format.substr(at, open - at);
    const auto key = format.substr(open + 2, close - open - 2);
    if (!tags.contains(key)) {
      console.warn(fmt::format("--format: {} has no tag '{}'", tag(tags, "item_name"), key));
    }
    result += printable(tag(tags, key));
    at = close + 2;
  }
  return result;
}

std::string line_of(const Item& item) {
  return fmt::format("{}\t{}\t{}\t{}\t{}\t{}", printable(item.key.content_id),
                     printable(item.key.product), printable(item.key.version),
                     printable(item.key.item), printable(tag(item.tags, "size")),
                     item.path ? item.path->str() : "");
}

class QueryOutput {
 public:
  QueryOutput(const Options& options, Console& console) : options_(options), console_(console) {
    json_.SetIndent(' ', 2);
    json_.StartArray();
  }

  void add(const Selection& selection, const MirrorEntry& entry) {
    for (const auto& product : selection.products) {
      for (const auto& version : product.versions) {
        for (const auto& item : version.items) {
          add(item, selection.head, entry);
        }
      }
    }
  }

  void finish() {
    json_.EndArray();
    if (options_.console.output == OutputFormat::Json) {
      print_text(without_raw_controls({buffer_.GetString(), buffer_.GetSize()}) + "\n");
    }
  }

 private:
  void add(const Item& item, const ProductsHead& head, const MirrorEntry& entry) {
    if (options_.console.output == OutputFormat::Json) {
      json_.StartObject();
      for (const auto& [key, value] : flat_tags(item, head, entry)) {
        json_.Key(key);
        json_.String(value);
      }
      json_.EndObject();
    } else if (options_.format) {
      print_text(fill_in(*options_.format, flat_tags(item, head, entry), console_) + "\n");
    } else {
      print_text(line_of(item) + "\n");
    }
  }

  const Options& options_;
  Console& console_;
  rapidjson::StringBuffer buffer_;
  rapidjson::PrettyWriter<rapidjson::StringBuffer> json_{buffer_};
};

// What earlier runs of `sync` accepted counts here, too, and is not changed (`cli.md` §4.8).
TrustPolicy trust_in(const MirrorEntry& entry, const Options& options) {
  TrustPolicy policy =
      trust_policy_of(entry, options.no_verify ? Verification::Off : Verification::Required);
  policy.now = now();
  const auto state_dir = effective_config(options).state_dir;
  std::error_code unknown;
  if (std::filesystem::is_directory(state_dir, unknown)) {
    policy.known = StateDirectory(state_dir).trust().of(trust_key_of(entry));
  }
  return policy;
}

ExitStatus query(const Options& options, Console& console, const Interrupts& interrupts,
                 QueryOutput& output) {
  warn_of_no_verify(options, console);
  MirrorEntry entry = entry_for(options.source, config_defaults());
  apply(options, entry);
  const auto filters = FilterSet::parse(options.filters);
  Config config;
  config.limit_rate = effective_config(options).limit_rate;
  const auto verification = options.no_verify ? Verification::Off : Verification::Required;
  const EntrySource source(entry, verification, config, rate_limit_of(config, interrupts.token()),
                           interrupts.token());

  NoCache cache;
  std::set<std::string> unchanged;
  CatalogReader reader{.trust = trust_in(entry, options),
                       .scope = CatalogScope::Everything,
                       .index_filter = nullptr,
                       .retries = config.retries,
                       .on_retry =
                           [&](const Error& error, std::chrono::milliseconds wait) {
                             console.retrying(entry.name, error, wait);
                           },
                       .stop = interrupts.token(),
                       .cache = cache,
                       .unchanged = unchanged};
  if (options.index_filter) {
    reader.index_filter = [filter = Filter::parse(*options.index_filter)](const Tags& tags) {
      return filter.matches([&](std::string_view key) { return tag(tags, key); });
    };
  }
  const Catalog catalog = reader.read(source.bases(), entry.path);

  for (const auto& document : catalog.documents) {
    if (document.holds_products()) {
      output.add(select(document.text, source.bases()[catalog.base]->describe(document.path),
                        filters, entry.retention.max),
                 entry);
    }
  }
  for (const auto& url : catalog.missing) {
    console.error(fmt::format("{}: is named by the index but does not exist; ask the mirror", url));
  }
  return catalog.missing.empty() ? ExitStatus::Done : ExitStatus::SourceUnavailable;
}

// So that it is a document in any case (`cli.md` §1). What ended it is worth more than its loss.
void finish_what_there_is(QueryOutput& output, Console& console) {
  try {
    output.finish();
    StandardOutput().finish();
  } catch (const Error& error) {
    console.warn(error.what());
  }
}

}  // namespace

ExitStatus query_command(const Options& options, Console& console, const Interrupts& interrupts) {
  QueryOutput output(options, console);
  std::optional<ExitStatus> status;
  try {
    status = query(options, console, interrupts, output);
  } catch (const std::exception&) {
    finish_what_there_is(output, console);
    throw;
  }
  output.finish();
  return *status;
}

}  // namespace streamsync
