#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <memory>
#include <set>
#include <utility>

#include "base/text.h"
#include "streams/published_documents.h"
#include "sync/catalog.h"
#include "sync/cli/commands.h"
#include "sync/cli/destinations.h"
#include "sync/cli/report_output.h"
#include "sync/entry_source.h"
#include "sync/executor.h"
#include "sync/tree_check.h"

namespace streamsync {
namespace {

[[noreturn]] void refuse(const std::string& why) {
  throw Error(ErrorKind::Config, Origin::Config, why);
}

void require_tree(const Options& options) {
  const auto& target = options.target;
  if (target == "glance") {
    refuse("verify glance: name a tree: a directory, swift:CONTAINER or s3:BUCKET");
  }
  if (target.starts_with("bundle:") || options.repair.value_or("").starts_with("bundle:")) {
    refuse("verify: bundles are not supported yet");
  }
}

bool trusts_alike(const MirrorEntry& one, const MirrorEntry& other) {
  return one.keyring == other.keyring && one.keys == other.keys &&
         one.allow_unsigned == other.allow_unsigned;
}

// As an entry that has SOURCE reaches it: its proxy, its CA.
MirrorEntry entry_with_source(const std::string& source, const std::vector<MirrorEntry>& entries) {
  auto entry = entry_for(source, config_defaults());
  const auto same = std::find_if(entries.begin(), entries.end(), [&](const MirrorEntry& other) {
    return other.bases.front() == entry.bases.front();
  });
  return same == entries.end() ? entry : *same;
}

// Whom the configuration trusts, and with --repair how that source is reached.
MirrorEntry entry_of(const Options& options, const std::vector<MirrorEntry>& entries) {
  MirrorEntry trusting;
  trusting.keyring = config_defaults().keyring;
  if (!entries.empty()) trusting = entries.front();
  const auto trusts_others = [&](const MirrorEntry& other) {
    return !trusts_alike(trusting, other);
  };
  if (!options.keyring && !options.no_verify &&
      std::any_of(entries.begin(), entries.end(), trusts_others)) {
    refuse(
        "verify: the entries of the mirror_list trust different keys; say with --keyring which "
        "signed this tree");
  }
  auto entry = options.repair ? entry_with_source(*options.repair, entries) : trusting;
  entry.keyring = trusting.keyring;
  entry.keys = trusting.keys;
  entry.signatures = trusting.signatures;
  entry.allow_unsigned = trusting.allow_unsigned;
  entry.path = entries.size() == 1 ? trusting.path : MirrorEntry().path;
  apply(options, entry);
  return entry;
}

// A tree is what `sync` would bring from one source to one target.
Config config_of(const Options& options) {
  require_tree(options);
  Config config = effective_config(options);
  config.mirrors = {entry_of(options, config.mirrors)};
  config.images = {options.target};
  require_state_outside_trees(config);
  return config;
}

class TreeVerification {
 public:
  TreeVerification(const Options& options, const Config& config, Destination& tree,
                   Console& console, std::stop_token stop, RunReport& report)
      : options_(options),
        config_(config),
        tree_(tree),
        console_(console),
        stop_(std::move(stop)),
        report_(report),
        told_(report.destinations.emplace_back()) {
    told_.target = tree.target;
  }

  void run() {
    try {
      if (options_.repair) tree_.items->claim();
      TreeCheck check(*tree_.items, {config_.jobs, config_.retries, stop_}, console_);
      check_documents(check);
      require_something(check);
      check_items(check);
      if (options_.repair) repair(check);
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::Config) throw;
      tell(error);
    }
    report_.finished = now();
  }

 private:
  void check_documents(TreeCheck& check) {
    for (const auto& error : check.damaged_records()) tell(error);
    try {
      PublishedDocuments published(*tree_.documents);
      const auto catalog = read(published);
      for (const auto& document : catalog.documents) {
        if (!document.holds_products()) continue;
        check.believe(document.text, published.describe(document.path));
      }
      for (const auto& url : catalog.missing) {
        console_.warn(fmt::format("{}: is named by the index but does not exist", url));
      }
      if (const auto streams = check.without_document(catalog.named); !streams.empty()) {
        tell(damage(fmt::format("the document of {} is gone", fmt::join(streams, ", "))));
      }
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::Config) throw;
      tell(error);
    }
    if (check.unrecorded() > 0) {
      console_.warn(fmt::format("{}: {} items are named and there, but in no record", tree_.target,
                                check.unrecorded()));
    }
  }

  Error damage(const std::string& what) const {
    return Error(ErrorKind::Corrupt, Origin::Target,
                 fmt::format("{}: {}; sync puts that right", tree_.target, what));
  }

  // The gravest one decides the status; people are told of all.
  void tell(const Error& error) {
    console_.warn(error.what());
    keep_gravest(told_.error, error);
  }

  Catalog read(PublishedDocuments& published) {
    const auto& entry = config_.mirrors.front();
    const auto verification = options_.no_verify ? Verification::Off : Verification::Required;
    NoCache cache;
    std::set<std::string> unchanged;
    CatalogReader reader{.trust = trust_policy_of(entry, verification),
                         .scope = CatalogScope::Everything,
                         .index_filter = nullptr,
                         .retries = config_.retries,
                         .on_retry =
                             [this](const Error& error, std::chrono::milliseconds wait) {
                               console_.retrying(tree_.target, error, wait);
                             },
                         .stop = stop_,
                         .cache = cache,
                         .unchanged = unchanged};
    reader.trust.now = now();
    return reader.read(published, entry_document(published));
  }

  // Trees for LXD and Incus have no signed one.
  RelativePath entry_document(PublishedDocuments& published) const {
    const auto path = config_.mirrors.front().path;
    const auto unsigned_index = RelativePath::parse("streams/v1/index.json");
    const bool is_there = options_.path || published.has(path) || !published.has(unsigned_index);
    return is_there ? path : unsigned_index;
  }

  void require_something(const TreeCheck& check) const {
    if (!check.is_empty() || !check.damaged_records().empty()) return;
    if (told_.error && told_.error->kind() != ErrorKind::NotFound) return;
    const bool has_documents = !told_.error;
    refuse(fmt::format("{}: {}", printable(tree_.target),
                       has_documents
                           ? "has documents and no items: nothing was mirrored into it, or its "
                             "records are gone, or it names the images of a cloud, which verify "
                             "does not look at yet"
                           : "neither items nor documents of a mirrored tree are there"));
  }

  void check_items(const TreeCheck& check) {
    told_.actions = check.items();
    told_.results.resize(told_.actions.size());
    const auto failures = check.failures(told_.actions);
    std::string lines;
    std::uint64_t bytes = 0;
    for (std::size_t index = 0; index < told_.actions.size(); ++index) {
      const auto failure = failures.find(index);
      if (failure == failures.end()) {
        told_.results[index].status = ActionStatus::Done;
        bytes += told_.actions[index].size;
      } else {
        lines += fail(index, failure->second);
      }
    }
    print(lines);
    const bool has_damage = std::any_of(failures.begin(), failures.end(),
                                        [](const auto& one) { return is_damage(one.second); });
    console_.log(
        LogLevel::Info,
        fmt::format(
            "{}: {} items, {} of them ({}) as promised{}", tree_.target, told_.actions.size(),
            told_.actions.size() - failures.size(), human_size(bytes),
            has_damage && !options_.repair ? "; --repair SOURCE mends what is damaged" : ""));
  }

  // The line that tells of it.
  std::string fail(std::size_t index, Error error) {
    const bool is_damaged = is_damage(error);
    if (!is_damaged) error.add_context(told_.actions[index].name.str());
    auto& result = told_.results[index];
    result.status = ActionStatus::Failed;
    result.error = error;
    return fmt::format("{} {}\n", is_damaged ? "damaged" : "unread", printable(error.what()));
  }

  static bool is_damage(const Error& error) {
    return error.kind() == ErrorKind::Corrupt || error.kind() == ErrorKind::Malformed;
  }

  void print(const std::string& lines) {
    if (options_.console.output == OutputFormat::Text) print_lines(lines, report_, console_);
  }

  // What is damaged stays until its replacement is whole; what could not be read stays.
  void repair(const TreeCheck& check) {
    const auto coming = plan_repair();
    if (coming.empty()) return;
    // Records would be written without what no document could name.
    if (told_.error) {
      console_.warn("nothing is repaired before that is: run sync, then verify again");
      return;
    }
    tree_.items->announce(coming);
    auto results = fetch();
    for (std::size_t index = 0; index < results.size(); ++index) {
      if (brings_bytes(told_.actions[index])) told_.results[index] = std::move(results[index]);
    }
    if (stop_.stop_requested()) throw Cancelled();
    tree_.items->all_revealed();
    check_repaired(check);
  }

  std::vector<BlobSpec> plan_repair() {
    std::vector<BlobSpec> coming;
    for (std::size_t index = 0; index < told_.actions.size(); ++index) {
      auto& action = told_.actions[index];
      const auto& error = told_.results[index].error;
      if (!error || !is_damage(*error) || !action.blob) continue;
      action.kind = ActionKind::Create;
      action.reason = error->what();
      BlobSpec blob = *action.blob;
      blob.is_mending =
          action.held->state == HeldState::Present && action.held->size == action.size;
      action.held = nullptr;
      action.blob = std::make_shared<const BlobSpec>(std::move(blob));
      coming.push_back(*action.blob);
    }
    return coming;
  }

  std::vector<ActionResult> fetch() {
    const auto rate = rate_limit_of(config_, stop_);
    const EntrySource source(config_.mirrors.front(), Verification::Required, config_, rate, stop_);
    const std::vector<Assignment> assignments{
        {tree_.items.get(), Plan{told_.actions, std::nullopt}, {source.preferring(0)}}};
    return Executor(assignments, config_.jobs, config_.retries, rate, stop_, console_)
        .copy()
        .front();
  }

  // A store may have kept what was damaged.
  void check_repaired(const TreeCheck& check) {
    std::vector<std::size_t> indices;
    std::vector<Action> repaired;
    for (std::size_t index = 0; index < told_.actions.size(); ++index) {
      const auto& result = told_.results[index];
      if (!brings_bytes(told_.actions[index]) || !result.held || result.error) continue;
      indices.push_back(index);
      repaired.push_back(told_.actions[index]);
      repaired.back().held = result.held;
    }
    std::string lines;
    for (const auto& [number, error] : check.failures(repaired)) {
      lines += fail(indices[number], error);
    }
    print(lines);
  }

  const Options& options_;
  const Config& config_;
  Destination& tree_;
  Console& console_;
  std::stop_token stop_;
  RunReport& report_;
  DestinationReport& told_;
};

void verify(const Options& options, Console& console, const Interrupts& interrupts,
            RunReport& report, Recorder& record) {
  warn_of_no_verify(options, console);
  Config config = config_of(options);
  tell_of_waits(config.retries, console);
  const auto& source = config.mirrors.front();
  if (options.repair && source.tls == TlsVerification::Off) {
    console.warn(fmt::format("{}: TLS certificates are not verified (insecure)",
                             source.bases.front().redacted()));
  }
  std::optional<StateDirectory> state;
  if (options.repair) {  // as `sync`, which may write to the same tree
    state.emplace(config.state_dir);
    record = [lock = std::shared_ptr<FileLock>(state->lock())](const RunReport&) {};
  }
  NoCache cache;
  auto destinations = make_destinations(config, options, cache, interrupts.token());
  auto& tree = destinations.all.front();
  if (tree.unavailable) throw Error(*tree.unavailable);
  TreeVerification(options, config, tree, console, interrupts.token(), report).run();
}

}  // namespace

ExitStatus verify_command(const Options& options, Console& console, Interrupts& interrupts) {
  return reported("verify", options, console, interrupts, [&](RunReport& report, Recorder& record) {
    verify(options, console, interrupts, report, record);
  });
}

}  // namespace streamsync
