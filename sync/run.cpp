#include "sync/run.h"

#include <fmt/format.h>

#include <algorithm>
#include <future>
#include <map>
#include <set>
#include <utility>

#include "base/text.h"
#include "filters/selection.h"
#include "sync/consumer_warnings.h"
#include "sync/executor.h"
#include "sync/exit_status.h"
#include "sync/removal.h"
#include "sync/root_family.h"
#include "sync/scrub.h"
#include "sync/second_look.h"
#include "sync/shown_items.h"

namespace streamsync {
namespace {

// "If both a root tarball and squashfs matched, squashfs is skipped" (`upstream-gss.md` §4.3).
void prefer_root_tarballs(Selection& selection) {
  for (auto& product : selection.products) {
    for (auto& version : product.versions) {
      auto& items = version.items;
      const auto has_ftype = [](std::string_view ftype) {
        return [ftype](const Item& item) { return tag(item.tags, "ftype") == ftype; };
      };
      if (std::any_of(items.begin(), items.end(), has_ftype("root.tar.gz")) ||
          std::any_of(items.begin(), items.end(), has_ftype("root.tar.xz"))) {
        std::erase_if(items, has_ftype("squashfs"));
      }
    }
  }
}

// A tree carries bytes; items that only name an image of some cloud have none.
void drop_items_without_path(Selection& selection) {
  for (auto& product : selection.products) {
    for (auto& version : product.versions) {
      std::erase_if(version.items, [](const Item& item) { return !item.path; });
    }
    std::erase_if(product.versions, [](const auto& version) { return version.items.empty(); });
  }
  std::erase_if(selection.products, [](const auto& product) { return product.versions.empty(); });
}

double release_number(const Item& item) {
  try {
    return std::stod(std::string(tag(item.tags, "version")));
  } catch (const std::exception&) {
    return 0;
  }
}

// The default entry: products of the `count` highest releases (`cli.md` §3).
void keep_newest_releases(std::vector<Selection>& selections, std::size_t count) {
  const auto release_of = [](const SelectedProduct& product) {
    return release_number(product.versions.front().items.front());
  };
  std::set<double, std::greater<>> releases;
  for (const auto& selection : selections) {
    for (const auto& product : selection.products) {
      releases.insert(release_of(product));
    }
  }
  if (releases.size() <= count) {
    return;
  }
  const auto oldest = *std::next(releases.begin(), static_cast<std::ptrdiff_t>(count) - 1);
  for (auto& selection : selections) {
    std::erase_if(selection.products,
                  [&](const auto& product) { return release_of(product) < oldest; });
  }
}

}  // namespace

struct Run::Impl {
  const Config& config;
  std::vector<Destination> destinations;
  DocumentCache& cache;
  Observer& observer;
  std::stop_token stop;
  RunReport& report;

  std::vector<std::unique_ptr<EntrySource>> sources{};
  std::vector<TrustPolicy> trust{};
  std::map<std::pair<std::size_t, CatalogScope>, Catalog> catalogs{};
  /// URLs of documents that are as the cache has them, by the first entry that asks alike.
  std::map<std::size_t, std::set<std::string>> unchanged{};
  std::set<std::size_t> unread{};  ///< entries: not asked for, not reachable, or refused
  std::set<std::pair<std::size_t, CatalogScope>> incomplete{};
  std::map<std::size_t, std::set<std::string>> content_ids{};
  SupersededState superseded{};
  ScrubState scrubbed{};
  std::shared_ptr<RateLimit> rate{};  ///< of all that comes in; none when there is no limit

  void execute(const RunRequest& request) {
    prepare(request);
    if (request.mode != RunMode::Plan) claim_targets();
    std::vector<Inventory> inventories(destinations.size());
    ask_for_inventories(inventories, [this](const Destination& one) {
      return one.items->is_here() && is_wanted(one);
    });
    for (const auto& destination : destinations) {
      read_catalogs(destination);
    }
    ask_for_inventories(inventories,
                        [this](const Destination& one) { return !catalogs_of(one).empty(); });
    std::vector<std::vector<EntrySelection>> wanted;
    for (const auto& destination : destinations) {
      wanted.push_back(select_for(destination));
    }
    for (auto& selections : wanted) {
      std::erase_if(selections, [&](const auto& one) { return unread.contains(one.entry); });
    }
    accept_sources(request);
    superseded = request.superseded;
    scrubbed = request.scrubbed;
    serve(std::move(wanted), std::move(inventories), request);
    report.finished = now();
  }

  void prepare(const RunRequest& request) {
    rate = rate_limit_of(config, stop);
    for (std::size_t entry = 0; entry < config.mirrors.size(); ++entry) {
      const auto& mirror = config.mirrors[entry];
      sources.push_back(
          std::make_unique<EntrySource>(mirror, request.verification, config, rate, stop));
      trust.push_back(trust_in(mirror, request));
      report.mirrors.push_back({.name = mirror.name, .url = mirror.bases.front().redacted()});
      if (mirror.tls == TlsVerification::Off) {
        observer.warn(fmt::format("{}: TLS certificates are not verified (insecure)", mirror.name));
      }
      if (!is_selected(entry, request)) {
        unread.insert(entry);
      }
    }
    for (const auto& name : request.mirrors) {
      require_known(name);
    }
  }

  TrustPolicy trust_in(const MirrorEntry& mirror, const RunRequest& request) const {
    TrustPolicy policy = trust_policy_of(mirror, request.verification);
    policy.known = request.trust.of(trust_key_of(mirror));
    policy.now = report.started;
    policy.rollback = request.accept_rollback ? Rollback::Accepted : Rollback::Refused;
    policy.downgrade = request.accept_unsigned ? Downgrade::Accepted : Downgrade::Refused;
    return policy;
  }

  bool is_selected(std::size_t entry, const RunRequest& request) const {
    const auto& wanted = request.mirrors;
    return wanted.empty() ||
           std::find(wanted.begin(), wanted.end(), config.mirrors[entry].name) != wanted.end() ||
           std::find(wanted.begin(), wanted.end(), std::to_string(entry)) != wanted.end();
  }

  void require_known(const std::string& wanted) const {
    std::vector<std::string> names;
    for (std::size_t entry = 0; entry < config.mirrors.size(); ++entry) {
      names.push_back(config.mirrors[entry].name);
      if (wanted == names.back() || wanted == std::to_string(entry)) {
        return;
      }
    }
    throw Error(ErrorKind::Config, Origin::Config,
                fmt::format("--mirror {}: there is no such entry; there are: {}", wanted,
                            fmt::join(names, ", ")));
  }

  CatalogReader reader(std::size_t entry, CatalogScope scope) {
    return CatalogReader{.trust = trust[entry],
                         .scope = scope,
                         .index_filter = nullptr,
                         .retries = config.retries,
                         .on_retry =
                             [this, entry](const Error& error, std::chrono::milliseconds wait) {
                               observer.retrying(config.mirrors[entry].name, error, wait);
                             },
                         .stop = stop,
                         .cache = cache,
                         .unchanged = unchanged[first_that_asks_like(entry)]};
  }

  // What one is answered holds for another only where it is asked with the same credentials, by the
  // same way, of somebody who proves the same.
  std::size_t first_that_asks_like(std::size_t entry) const {
    const auto& mirror = config.mirrors[entry];
    const auto first = std::find_if(
        config.mirrors.begin(), config.mirrors.end(), [&mirror](const MirrorEntry& other) {
          return other.bases == mirror.bases && other.ca_file == mirror.ca_file &&
                 other.proxy == mirror.proxy && other.user_agent == mirror.user_agent &&
                 other.tls == mirror.tls;
        });
    return static_cast<std::size_t>(first - config.mirrors.begin());
  }

  void fail_entry(std::size_t entry, const Error& error) {
    unread.insert(entry);
    report_failure(entry, error);
  }

  void report_failure(std::size_t entry, const Error& error) {
    auto& mirror = report.mirrors[entry];
    if (!mirror.error) {
      mirror.error = error;
      mirror.error->add_context(mirror.name);
      observer.warn(mirror.error->what());
    }
  }

  void read_catalogs(const Destination& destination) {
    if (!destination.unavailable) {
      for (const auto entry : destination.entries) {
        read_catalog(entry, destination.scope);
      }
    }
  }

  void read_catalog(std::size_t entry, CatalogScope scope) {
    const std::pair read(entry, scope);
    if (unread.contains(entry) || catalogs.contains(read) || incomplete.contains(read)) {
      return;
    }
    try {
      Catalog catalog =
          reader(entry, scope).read(sources[entry]->bases(), config.mirrors[entry].path);
      auto& mirror = report.mirrors[entry];
      mirror.is_read = true;
      const auto signed_by = catalog.signed_by();
      mirror.signed_by.assign(signed_by.begin(), signed_by.end());
      note_age(entry, catalog.freshness);
      for (const auto& failure : catalog.passed_by) {
        observer.warn(failure + "; another base was read instead");
      }
      if (const auto lack = lack_of(catalog, scope)) {
        incomplete.insert(read);
        report_failure(entry, *lack);
        return;
      }
      // What another scope reads of it may not be older than this.
      for (const auto& [stream, document] : catalog.accepted) {
        trust[entry].known.insert_or_assign(stream, document);
      }
      note_missing(entry, scope, catalog);
      catalogs.emplace(read, std::move(catalog));
    } catch (const Error& error) {
      // A keyring without keys is found out here, before anything is touched (`cli.md` §2).
      if (error.kind() == ErrorKind::Config) throw;
      fail_entry(entry, error);
    }
  }

  void note_age(std::size_t entry, Freshness freshness) {
    auto& mirror = report.mirrors[entry];
    if (freshness == Freshness::Stale && !mirror.is_stale) {
      mirror.is_stale = true;
      observer.warn(fmt::format("{}: its newest document has passed half of max_age", mirror.name));
    }
  }

  // A mirror leaves out what its source lacks (`cli.md` §3), but not what it had: that is a source
  // in the middle of an update, and beside its new index the old document would not be of one
  // generation (threats-and-faults.md F7, I1).
  static std::optional<Error> lack_of(const Catalog& catalog, CatalogScope scope) {
    if (scope != CatalogScope::Everything) return std::nullopt;
    const bool has_products =
        std::any_of(catalog.documents.begin(), catalog.documents.end(),
                    [](const CatalogDocument& document) { return document.holds_products(); });
    const auto& needed = has_products ? catalog.vanished : catalog.missing;
    if (needed.empty()) return std::nullopt;
    return Error(ErrorKind::NotFound, Origin::Source,
                 fmt::format("{}: is named by the index but does not exist; what is mirrored stays "
                             "as it is. Wait until the source is complete",
                             needed.front()));
  }

  // Images are looked for in vain.
  void note_missing(std::size_t entry, CatalogScope scope, const Catalog& catalog) {
    for (const auto& url : catalog.missing) {
      if (scope == CatalogScope::Everything) {
        observer.warn(fmt::format("{}: is named by the index but does not exist; left out", url));
      } else {
        incomplete.emplace(entry, scope);
        report_failure(entry,
                       Error(ErrorKind::NotFound, Origin::Source,
                             fmt::format("{}: is named by the index but does not exist", url)));
      }
    }
  }

  // Which content_ids an entry has that could not be read now: those of entries with the same base,
  // and those it had when it was last read. None: unknown.
  std::optional<std::set<std::string>> known_content_ids(std::size_t entry) const {
    std::set<std::string> ids = content_ids_of(trust[entry].known);
    for (const auto& [other, found] : content_ids) {
      if (config.mirrors[other].bases.front() == config.mirrors[entry].bases.front()) {
        ids.insert(found.begin(), found.end());
      }
    }
    return ids.empty() ? std::nullopt : std::optional(ids);
  }

  // What a whole, consistent set said is remembered before anything is written because of it
  // (`cli.md` §4.8).
  void accept_sources(const RunRequest& request) {
    if (request.mode == RunMode::Plan) {
      return;
    }
    for (const auto& [read, catalog] : catalogs) {
      const auto& [entry, scope] = read;
      if (!unread.contains(entry)) {
        reader(entry, scope).keep(catalog, *sources[entry]->bases()[catalog.base]);
      }
    }
    remember_sources(request);
  }

  void remember_sources(const RunRequest& request) const {
    TrustState state = request.trust;
    std::vector<LedgerEntry> news;
    for (const auto& [read, catalog] : catalogs) {
      const auto entry = read.first;
      if (!unread.contains(entry) && !incomplete.contains(read)) {
        const auto& mirror = config.mirrors[entry];
        const auto known = state.of(trust_key_of(mirror));
        if (state.accept(trust_key_of(mirror), catalog.accepted)) {
          add_news(mirror, catalog, known, state.of(trust_key_of(mirror)), request, news);
        }
      }
    }
    if (!news.empty()) {
      request.remember(state, news);
    }
  }

  void add_news(const MirrorEntry& mirror, const Catalog& catalog, const AcceptedDocuments& before,
                const AcceptedDocuments& after, const RunRequest& request,
                std::vector<LedgerEntry>& news) const {
    for (const auto& [stream, document] : after) {
      const auto last = before.find(stream);
      if (last == before.end() || last->second != document) {
        news.push_back({report.started,
                        mirror.name,
                        mirror.bases.at(catalog.base).redacted(),
                        stream,
                        document,
                        {},
                        {}});
        if (catalog.rolled_back.contains(stream)) {
          news.back().accept_rollback = request.accept_rollback;
        }
        if (catalog.downgraded.contains(stream)) {
          news.back().accept_unsigned = request.accept_unsigned;
        }
      }
    }
  }

  std::vector<EntrySelection> select_for(const Destination& destination) {
    std::vector<EntrySelection> selections;
    for (const auto entry : destination.entries) {
      if (auto wanted = select_for(destination, entry)) {
        selections.push_back(std::move(*wanted));
      }
    }
    return selections;
  }

  std::optional<EntrySelection> select_for(const Destination& destination, std::size_t entry) {
    const auto catalog = catalogs.find({entry, destination.scope});
    if (catalog == catalogs.end()) {
      return std::nullopt;
    }
    const auto& mirror = config.mirrors[entry];
    EntrySelection wanted;
    wanted.entry = entry;
    wanted.retention = mirror.retention;
    wanted.remove_vanished = mirror.remove_vanished;
    wanted.filters = FilterSet::parse(mirror.item_filters.empty() ? destination.default_filters
                                                                  : mirror.item_filters);
    try {
      for (const auto& document : catalog->second.documents) {
        if (document.holds_products()) {
          add_selection(destination, mirror, catalog->second, document, wanted);
        }
      }
    } catch (const Error& error) {
      fail_entry(entry, error);
      return std::nullopt;
    }
    if (mirror.newest_releases) {
      keep_newest_releases(wanted.selections, *mirror.newest_releases);
    }
    auto& told = report.mirrors[entry];
    for (const auto& selection : wanted.selections) {
      content_ids[entry].insert(selection.head.content_id);
      told.updated = selection.head.updated;
    }
    told.content_ids.assign(content_ids[entry].begin(), content_ids[entry].end());
    warn_of_readers(destination, catalog->second, wanted);
    return wanted;
  }

  // Multipass reads what LXD and Incus do, and none of the others.
  void warn_of_readers(const Destination& destination, const Catalog& catalog,
                       const EntrySelection& wanted) {
    if (const auto warning = order_warning(wanted.selections)) warn(wanted.entry, *warning);
    if (destination.scope != CatalogScope::Everything ||
        coming_from({&catalog}).family != StreamFamily::LxdIncus) {
      return;
    }
    for (const auto& warning : multipass_warnings(wanted.selections)) warn(wanted.entry, warning);
  }

  // Once, however many destinations it is true of.
  void warn(std::size_t entry, const std::string& warning) {
    auto& mirror = report.mirrors[entry];
    auto& told = mirror.warnings;
    if (std::find(told.begin(), told.end(), warning) != told.end()) return;
    told.push_back(warning);
    observer.warn(fmt::format("{}: {}", mirror.name, warning));
  }

  void add_selection(const Destination& destination, const MirrorEntry& mirror,
                     const Catalog& catalog, const CatalogDocument& document,
                     EntrySelection& wanted) const {
    const auto entry = wanted.entry;
    const auto where = sources[entry]->bases()[catalog.base]->describe(document.path);
    auto selection = select(document.text, where, wanted.filters, mirror.retention.max);
    if (selection.head.content_id != document.head.content_id) {
      throw Error(ErrorKind::Malformed, Origin::Source,
                  fmt::format("{}: its _aliases give it another content_id", where));
    }
    if (destination.scope == CatalogScope::ImageDownloads) {
      prefer_root_tarballs(selection);
    } else {
      drop_items_without_path(selection);
    }
    wanted.selections.push_back(std::move(selection));
  }

  std::set<std::string> unread_sources(const Destination& destination,
                                       const std::vector<Held>& inventory) const {
    std::set<std::string> sources_unread;
    for (const auto entry : destination.entries) {
      if (!unread.contains(entry) && !incomplete.contains({entry, destination.scope})) {
        continue;
      }
      if (const auto ids = known_content_ids(entry)) {
        sources_unread.insert(ids->begin(), ids->end());
      } else {
        for (const auto& held : inventory) {
          sources_unread.insert(held.item.key.content_id);
        }
      }
    }
    return sources_unread;
  }

  using Inventory = std::future<std::vector<Held>>;

  // This run is to act for some entry of it.
  bool is_wanted(const Destination& destination) const {
    return std::any_of(destination.entries.begin(), destination.entries.end(),
                       [this](std::size_t entry) { return !unread.contains(entry); });
  }

  void claim_targets() {
    for (auto& destination : destinations) {
      if (destination.unavailable || !is_wanted(destination)) continue;
      try {
        destination.items->claim();
      } catch (const Error& error) {
        destination.unavailable = error;
      }
    }
  }

  // All targets at once, while selections are made; those on this machine while sources are read,
  // too. Other machines are not asked in vain, for want of an entry that was read.
  void ask_for_inventories(std::vector<Inventory>& inventories,
                           const std::function<bool(const Destination&)>& is_asked) const {
    for (std::size_t index = 0; index < destinations.size(); ++index) {
      const auto& destination = destinations[index];
      auto& inventory = inventories[index];
      if (destination.unavailable || inventory.valid() || !is_asked(destination)) continue;
      // Without a policy this thread asks where there can be no other.
      inventory = std::async([&items = *destination.items] { return items.inventory(); });
    }
  }

  // None: there is nothing to do here, or `told` says why nothing can be done.
  std::optional<Plan> plan_for(const Destination& destination, std::vector<EntrySelection> wanted,
                               Inventory inventory, const RunRequest& request,
                               DestinationReport& told) {
    told.error = destination.unavailable;
    if (told.error || wanted.empty()) return std::nullopt;
    try {
      PlanInput input;
      input.entries = std::move(wanted);
      input.inventory = inventory.get();
      auto findings = scrub(destination, input.inventory, request, told);
      input.unread_sources = unread_sources(destination, input.inventory);
      input.max_delete = config.max_delete;
      for (const auto& [placement, since] : superseded.of(name_of(destination))) {
        input.leaving.insert(placement);
      }
      const auto& items = *destination.items;
      auto plan = make_plan(
          std::move(input), [&](const Item& item) { return items.name_of(item); },
          [&](const Held& held, const Item* item) { return items.drift(held, item); });
      if (const auto refused = refusal(destination, plan)) {
        tell(*refused, told);
        return std::nullopt;
      }
      if (plan.guard) tell(*plan.guard, told);
      tell_of_what_stays_damaged(std::move(findings), plan, told);
      return plan;
    } catch (const Error& error) {
      tell(error, told);
      return std::nullopt;
    }
  }

  // What is new is not to wait so long that it never comes.
  std::optional<Scrub::Clock::time_point> end_of_scrub() const {
    if (!config.run_timeout) return std::nullopt;
    const auto trees = std::count_if(destinations.begin(), destinations.end(),
                                     [](const auto& one) { return one.documents != nullptr; });
    return Scrub::Clock::now() + std::chrono::milliseconds(*config.run_timeout) / (4 * trees);
  }

  // What is due is read again, so that the plan has what is damaged fetched anew.
  ScrubFindings scrub(const Destination& destination, std::vector<Held>& inventory,
                      const RunRequest& request, DestinationReport& told) {
    const bool is_tree = destination.documents != nullptr;
    if (request.mode == RunMode::Plan || !config.scrub || !is_tree) return {};
    const auto name = name_of(destination);
    const bool is_here = destination.items->is_here();
    const ReadingRules rules{config.jobs, config.retries, stop, is_here ? nullptr : rate};
    auto findings = Scrub(*config.scrub, scrubbed.of(name), report.started)
                        .read_again(inventory, *destination.items, rules, end_of_scrub(), observer,
                                    [&](const Scrubbed& come) { remember(name, come, request); });
    for (const auto& [placement, error] : findings.damaged) {
      observer.warn(fmt::format("{}: {}", destination.target, error.what()));
    }
    for (auto& [placement, error] : findings.unread) {
      error.add_context(placement);
      tell(error, told);
    }
    return findings;
  }

  void remember(const std::string& destination, const Scrubbed& come, const RunRequest& request) {
    scrubbed.replace(destination, come);
    try {
      request.remember_scrubbed(scrubbed);
    } catch (const Error& error) {
      observer.warn(error.what());
    }
  }

  // What is refused is told with the reason for that.
  void tell_of_what_stays_damaged(ScrubFindings findings, const Plan& plan,
                                  DestinationReport& told) const {
    std::set<ItemKey> refused;
    for (const auto& action : plan.actions) {
      if (brings_bytes(action)) findings.damaged.erase(action.name);
      if (action.kind == ActionKind::Remove) findings.damaged.erase(action.held->placement);
      if (action.kind == ActionKind::Skip) refused.insert(action.key);
    }
    for (const auto& action : plan.actions) {
      if (action.held && refused.contains(action.key))
        findings.damaged.erase(action.held->placement);
    }
    for (const auto& [placement, error] : findings.damaged) {
      tell(Error(error.kind(), error.origin(),
                 fmt::format("{}; nothing that is selected can replace it: widen the selection, "
                             "restore the file, or remove it",
                             error.what())),
           told);
    }
  }

  // Before anything is written: items must not come to a place where nothing will name them.
  std::optional<Error> refusal(const Destination& destination, const Plan& plan) const {
    const bool changes_something =
        std::any_of(plan.actions.begin(), plan.actions.end(), [](const Action& action) {
          return action.kind != ActionKind::Keep && action.kind != ActionKind::Skip;
        });
    if (!changes_something || !destination.publication) return std::nullopt;
    return destination.publication->refusal(catalogs_of(destination));
  }

  void tell_plan(Plan plan, const Destination& destination, DestinationReport& told) const {
    std::vector<ActionResult> nothing_done(plan.actions.size());
    Removals removals(plan, nothing_done, *destination.items, observer);
    removals.grant(grace_at(destination));
    removals.judge();
    told.results.resize(plan.actions.size());
    for (std::size_t index = 0; index < plan.actions.size(); ++index) {
      auto& result = told.results[index];
      result.error = plan.actions[index].error;
      result.status = result.error ? ActionStatus::Failed : ActionStatus::Planned;
    }
    told.actions = std::move(plan.actions);
  }

  // A destination that fails stops no other.
  void serve(std::vector<std::vector<EntrySelection>> wanted, std::vector<Inventory> inventories,
             const RunRequest& request) {
    for (const auto& one : destinations) {
      report.destinations.push_back(
          {.target = one.target, .cloud = one.cloud, .region = one.region});
    }
    std::vector<Assignment> assignments;
    std::vector<std::size_t> served;
    for (std::size_t index = 0; index < destinations.size(); ++index) {
      auto& told = report.destinations[index];
      auto plan = plan_for(destinations[index], std::move(wanted[index]),
                           std::move(inventories[index]), request, told);
      if (plan) warn_of_room(*plan, destinations[index]);
      if (plan && request.mode == RunMode::Plan) {
        tell_plan(std::move(*plan), destinations[index], told);
      } else if (plan && announce(*plan, destinations[index], told)) {
        assignments.push_back({destinations[index].items.get(), std::move(*plan),
                               item_sources(destinations[index]),
                               [this, scope = destinations[index].scope](std::size_t entry) {
                                 return has_changed(entry, scope);
                               }});
        served.push_back(index);
      }
    }
    if (assignments.size() > 1) name_destinations(assignments, served);
    if (!assignments.empty()) carry_out(assignments, served, request);
    for (auto& told : report.destinations) {
      if (!told.error) continue;
      if (destinations.size() > 1) told.error->add_context(place_of(told));
      observer.warn(told.error->what());
    }
  }

  static std::vector<BlobSpec> coming(const Plan& plan) {
    std::vector<BlobSpec> blobs;
    for (const auto& action : plan.actions) {
      if (brings_bytes(action)) blobs.push_back(*action.blob);
    }
    return blobs;
  }

  // What is wrong with the place is told when the item comes there.
  static std::uint64_t size_begun(const Action& action, ItemTarget& target) {
    const auto& blob = *action.blob;
    try {
      const auto there = may_be_taken_over(action) ? target.look_at(blob.item) : std::nullopt;
      if (there && there->size == blob.content.size) return there->size;
      const auto begun = target.begun(blob);
      return begun ? std::min(begun->size, blob.content.size) : 0;
    } catch (const Error&) {
      return 0;
    }
  }

  // No refusal: a file system that compresses takes more than it says (threats-and-faults.md F11).
  void warn_of_room(const Plan& plan, const Destination& destination) const {
    const auto room = destination.items->room();
    if (!room) return;
    std::map<std::pair<std::uint64_t, Digest>, std::uint64_t> lacking;
    for (const auto& action : plan.actions) {
      if (!brings_bytes(action)) continue;
      const auto& [size, strongest, md5] = action.blob->content;
      lacking[{size, strongest}] = size - size_begun(action, *destination.items);
    }
    std::uint64_t wanted = 0;
    for (const auto& [content, size] : lacking) wanted += size;
    if (wanted <= *room) return;
    observer.warn(
        fmt::format("{}: {} are to come, and there is room for {}; what does not fit will "
                    "fail, so add room",
                    destination.target, human_size(wanted), human_size(*room)));
  }

  bool announce(const Plan& plan, const Destination& destination, DestinationReport& told) const {
    try {
      destination.items->announce(coming(plan));
      return true;
    } catch (const Error& error) {
      tell(error, told);
      return false;
    }
  }

  static std::string name_of(const Destination& destination) {
    return fmt::format("{} {} {}", destination.target, destination.cloud, destination.region);
  }

  void name_destinations(std::vector<Assignment>& assignments,
                         const std::vector<std::size_t>& served) const {
    for (std::size_t index = 0; index < assignments.size(); ++index) {
      const SharedText name{trimmed(name_of(destinations[served[index]]))};
      for (auto& action : assignments[index].plan.actions) {
        if (brings_bytes(action)) action.destination = name;
      }
    }
  }

  Grace grace_at(const Destination& destination) const {
    return {config.grace, superseded.of(name_of(destination)), report.started};
  }

  void carry_out(std::vector<Assignment>& assignments, const std::vector<std::size_t>& served,
                 const RunRequest& request) {
    Executor executor(assignments, config.jobs, config.retries, rate, stop, observer);
    auto results = executor.copy();
    const auto tell_actions = [&] {
      for (std::size_t index = 0; index < assignments.size(); ++index) {
        auto& told = report.destinations[served[index]];
        told.actions = std::move(assignments[index].plan.actions);
        told.results = std::move(results[index]);
      }
    };
    try {
      if (stop.stop_requested()) throw Cancelled();
      for (std::size_t index = 0; index < assignments.size(); ++index) {
        conclude(assignments[index], results[index], served[index], request);
      }
    } catch (...) {
      tell_actions();
      throw;
    }
    tell_actions();
  }

  // What follows the bytes: metadata, and then removals.
  void conclude(Assignment& assignment, std::vector<ActionResult>& results, std::size_t at,
                const RunRequest& request) {
    auto* const target = assignment.target;
    auto& plan = assignment.plan;
    auto& destination = destinations[at];
    auto& told = report.destinations[at];
    Removals removals(plan, results, *target, observer);
    record(*target, removals, told);
    const auto came = look_again(*target, plan, results, removals, told);
    mark_latest(*target, shown_items(plan, results), removals, told);
    auto input = publication_input(destination, plan, results);
    input.only_where_named.insert(came.begin(), came.end());
    publish(destination, input, removals, told);
    removals.grant(grace_at(destination));
    removals.judge();
    remove(*target, removals, told);
    remember(destination, removals.leaving(), request);
  }

  void remember(const Destination& destination, Leaving leaving, const RunRequest& request) {
    if (!superseded.replace(name_of(destination), std::move(leaving))) return;
    // The others are to be served all the same; without it grace begins anew, no more.
    try {
      request.remember_superseded(superseded);
    } catch (const Error& error) {
      observer.warn(error.what());
    }
  }

  std::vector<ItemSources> item_sources(const Destination& destination) const {
    std::vector<ItemSources> result;
    for (std::size_t entry = 0; entry < config.mirrors.size(); ++entry) {
      const auto catalog = catalogs.find({entry, destination.scope});
      result.push_back(
          sources[entry]->preferring(catalog == catalogs.end() ? 0 : catalog->second.base));
    }
    return result;
  }

  bool has_changed(std::size_t entry, CatalogScope scope) const {
    const auto& read = catalogs.at({entry, scope});
    return streamsync::has_changed(read, *sources[entry]->bases()[read.base]);
  }

  // The gravest one decides the status; people are told of the others all the same.
  void tell(const Error& error, DestinationReport& told) const {
    if (const auto other = keep_gravest(told.error, error)) observer.warn(other->what());
  }

  // A record that lags has items copied again, no more; but it may be what a removal goes by.
  void record(ItemTarget& target, Removals& removals, DestinationReport& told) const {
    try {
      target.all_revealed();
    } catch (const Error& error) {
      tell(error, told);
      removals.withhold("what has come could not be recorded");
    }
  }

  // What a record names and is not there any more the next run forgets.
  void remove(ItemTarget& target, Removals& removals, DestinationReport& told) const {
    const auto record = [&] {
      try {
        target.all_removed();
      } catch (const Error& error) {
        tell(error, told);
      }
    };
    try {
      removals.carry_out(stop);
    } catch (const Cancelled&) {
      record();
      throw;
    }
    record();
  }

  // Copying may take hours. Where nothing was copied the inventory is as good as new.
  std::set<std::string> look_again(ItemTarget& target, Plan& plan,
                                   std::vector<ActionResult>& results, Removals& removals,
                                   DestinationReport& told) const {
    if (std::none_of(plan.actions.begin(), plan.actions.end(), brings_bytes)) return {};
    try {
      if (const auto now = target.look_again()) return streamsync::look_again(plan, results, *now);
    } catch (const Error& error) {
      tell(error, told);
      removals.withhold("it could not be found out what other units have done");
    }
    return {};
  }

  // The one that was the newest stays until its successor is marked.
  void mark_latest(ItemTarget& target, const std::vector<Held>& shown, Removals& removals,
                   DestinationReport& told) const {
    try {
      target.mark_latest(shown);
    } catch (const Error& error) {
      tell(error, told);
      removals.withhold("the newest images could not be marked");
    }
  }

  // Nothing is removed that published metadata may still name.
  void publish(Destination& destination, const PublicationInput& input, Removals& removals,
               DestinationReport& told) const {
    PublicationResult published;
    try {
      if (destination.publication) published = destination.publication->publish(input);
    } catch (const Error& error) {
      published.error = error;
    }
    told.published = std::move(published.documents);
    told.registered = std::move(published.registered);
    for (const auto& note : published.notes) observer.warn(note);
    if (destination.publication_error || published.error) {
      removals.withhold("the metadata could not be published");
    } else if (published.waits_for_items) {
      removals.withhold("the metadata waits for items that failed");
    }
    for (const auto& error :
         {destination.publication_error, published.error, published.unregistered}) {
      if (error) tell(*error, told);
    }
  }

  PublicationInput publication_input(const Destination& destination, const Plan& plan,
                                     const std::vector<ActionResult>& results) const {
    PublicationInput input;
    input.shown = shown_items(plan, results);
    input.only_where_named = shown_of_lacking_versions(plan, results);
    input.every_item_is_there = std::none_of(
        results.begin(), results.end(),
        [](const ActionResult& result) { return result.status == ActionStatus::Failed; });
    input.catalogs = catalogs_of(destination);
    return input;
  }

  // Those that were read.
  std::vector<const Catalog*> catalogs_of(const Destination& destination) const {
    std::vector<const Catalog*> read;
    for (const auto entry : destination.entries) {
      if (const auto found = catalogs.find({entry, destination.scope}); found != catalogs.end()) {
        read.push_back(&found->second);
      }
    }
    return read;
  }
};

Run::Run(const Config& config, std::vector<Destination> destinations, DocumentCache& cache,
         Observer& observer, std::stop_token stop, RunReport& report)
    : impl_(new Impl{config, std::move(destinations), cache, observer, stop, report}) {}

Run::~Run() = default;

void Run::execute(const RunRequest& request) { impl_->execute(request); }

}  // namespace streamsync
