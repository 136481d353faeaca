#include <fmt/format.h>

#include <cstdio>
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

// A tree is what `sync` would bring from one source to one target.
Config config_of(const Options& options) {
  Config config = effective_config(options);
  MirrorEntry entry;
  if (options.repair) entry = entry_for(*options.repair, config_defaults());
  entry.keyring = config_defaults().keyring;
  apply(options, entry);
  config.mirrors = {std::move(entry)};
  config.images = {options.target};
  if (options.target == "glance") {
    throw Error(ErrorKind::Config, Origin::Config,
                "verify glance: name a tree: a directory, swift:CONTAINER or s3:BUCKET");
  }
  return config;
}

class TreeVerification {
 public:
  TreeVerification(const Options& options, const Config& config, Destination& tree,
                   Console& console, std::stop_token stop)
      : options_(options),
        config_(config),
        tree_(tree),
        console_(console),
        stop_(std::move(stop)),
        check_(*tree.items, config.jobs, config.retries, stop_, console) {}

  RunReport run() {
    RunReport report = begin_report("verify");
    DestinationReport told;
    told.target = tree_.target;
    check_documents(told);
    check_items(told);
    if (options_.repair) repair(told);
    report.destinations.push_back(std::move(told));
    report.finished = now();
    return report;
  }

 private:
  void check_documents(DestinationReport& told) {
    try {
      PublishedDocuments published(*tree_.documents);
      const auto catalog = read(published);
      for (const auto& document : catalog.documents) {
        if (!document.holds_products()) continue;
        check_.believe(document.text, published.describe(document.path));
      }
      for (const auto& missing : catalog.missing) {
        console_.warn(fmt::format("{}: is named by the index but does not exist", missing));
      }
    } catch (const Error& error) {
      const bool is_empty = error.kind() == ErrorKind::NotFound && check_.is_empty();
      if (error.kind() == ErrorKind::Config) throw;
      if (is_empty) throw Error(ErrorKind::Config, Origin::Config, no_tree());
      console_.warn(error.what());
      told.error = error;
    }
    if (!told.error && check_.is_empty()) {
      throw Error(ErrorKind::Config, Origin::Config, no_items());
    }
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
    auto path = config_.mirrors.front().path;
    const auto unsigned_index = RelativePath::parse("streams/v1/index.json");
    const bool is_named = options_.path || published.has(path) || !published.has(unsigned_index);
    return is_named ? path : unsigned_index;
  }

  std::string no_tree() const {
    return fmt::format("{}: neither items nor documents of a mirrored tree are there",
                       printable(tree_.target));
  }

  std::string no_items() const {
    return fmt::format(
        "{}: has documents, but no record of items: either nothing was mirrored into it, or it "
        "names the images of a cloud, which verify does not look at yet",
        printable(tree_.target));
  }

  void check_items(DestinationReport& told) {
    told.actions = check_.items();
    told.results.resize(told.actions.size());
    const auto damaged = check_.damaged(told.actions);
    std::uint64_t bytes = 0;
    for (std::size_t index = 0; index < told.actions.size(); ++index) {
      auto& action = told.actions[index];
      auto& result = told.results[index];
      const auto found = damaged.find(index);
      bytes += action.size;
      if (found == damaged.end()) {
        result.status = ActionStatus::Done;
      } else {
        fail(result, found->second);
        tell_damage(found->second);
      }
    }
    console_.log(LogLevel::Info,
                 fmt::format("{}: {} items of {} read, {} not as promised", tree_.target,
                             told.actions.size(), human_size(bytes), damaged.size()));
  }

  // What is there stays until its replacement is whole.
  void repair(DestinationReport& told) {
    std::vector<BlobSpec> coming;
    for (std::size_t index = 0; index < told.actions.size(); ++index) {
      const auto& error = told.results[index].error;
      if (!error) continue;
      auto& action = told.actions[index];
      action.kind = action.blob ? ActionKind::Create : ActionKind::Skip;
      action.reason = error->what();
      action.held = nullptr;
      if (action.blob) coming.push_back(*action.blob);
    }
    if (coming.empty()) return;
    tree_.items->announce(coming);
    told.results = fetch(told.actions);
    tree_.items->all_revealed();
    check_repaired(told);
  }

  // A store may have kept what was damaged.
  void check_repaired(DestinationReport& told) {
    std::vector<std::size_t> indices;
    std::vector<Action> repaired;
    for (std::size_t index = 0; index < told.actions.size(); ++index) {
      const auto& result = told.results[index];
      if (told.actions[index].kind != ActionKind::Create || !result.held || result.error) continue;
      indices.push_back(index);
      repaired.push_back(told.actions[index]);
      repaired.back().held = std::make_shared<const Held>(*result.held);
    }
    for (const auto& [number, error] : check_.damaged(repaired)) {
      fail(told.results[indices[number]], error);
      tell_damage(error);
    }
  }

  std::vector<ActionResult> fetch(const std::vector<Action>& actions) {
    const auto rate = rate_limit_of(config_, stop_);
    const EntrySource source(config_.mirrors.front(), Verification::Required, config_, rate, stop_);
    const std::vector<Assignment> assignments{
        {tree_.items.get(), Plan{actions, std::nullopt}, {source.preferring(0)}}};
    return Executor(assignments, config_.jobs, config_.retries, rate, stop_, console_)
        .copy()
        .front();
  }

  void tell_damage(const Error& error) {
    if (options_.console.output == OutputFormat::Text) {
      fmt::print("damaged {}\n", printable(error.what()));
    } else {
      console_.error(error.what());
    }
  }

  static void fail(ActionResult& result, const Error& error) {
    result.status = ActionStatus::Failed;
    result.error = error;
  }

  const Options& options_;
  const Config& config_;
  Destination& tree_;
  Console& console_;
  std::stop_token stop_;
  TreeCheck check_;
};

}  // namespace

ExitStatus verify_command(const Options& options, Console& console, Interrupts& interrupts) {
  warn_of_no_verify(options, console);
  const Config config = config_of(options);
  const auto file = report_file(options);
  std::optional<StateDirectory> state;
  std::unique_ptr<FileLock> lock;
  if (options.repair) {  // as `sync`, which may write to the same tree
    state.emplace(config.state_dir);
    lock = state->lock();
  }
  NoCache cache;
  auto destinations = make_destinations(config, options, cache, interrupts.token());
  auto& tree = destinations.all.front();
  if (tree.unavailable) throw Error(*tree.unavailable);
  RunReport report = TreeVerification(options, config, tree, console, interrupts.token()).run();
  deliver(report, file, console);
  if (options.console.output == OutputFormat::Json) print_json(report, console);
  return conclude(report, console);
}

}  // namespace streamsync
