#include <fmt/format.h>

#include <cstdio>
#include <filesystem>
#include <optional>

#include "base/text.h"
#include "base/time.h"
#include "sync/cli/commands.h"
#include "sync/cli/destinations.h"
#include "sync/cli/report_output.h"
#include "sync/run.h"
#include "sync/state_directory.h"

namespace streamsync {
namespace {

RunRequest request_of(const Options& options, RunMode mode) {
  RunRequest request;
  request.mode = mode;
  request.mirrors = options.mirrors;
  request.verification = options.no_verify ? Verification::Off : Verification::Required;
  request.accept_rollback = options.accept_rollback;
  request.accept_unsigned = options.accept_unsigned;
  return request;
}

// Without it `grace` begins anew, which does no harm.
SupersededState superseded_of(const StateDirectory& state, Console& console) {
  try {
    return state.superseded();
  } catch (const Error& error) {
    console.warn(fmt::format("{}; grace begins anew for all that is superseded", error.what()));
    return {};
  }
}

// Without it the periods begin anew.
ScrubState scrubbed_of(const StateDirectory& state, Console& console) {
  try {
    return state.scrubbed();
  } catch (const Error& error) {
    console.warn(fmt::format("{}; what is read again for scrub is counted anew", error.what()));
    return {};
  }
}

// What is fresh is judged by the clock (threats-and-faults.md F14).
void warn_of_clock(const StateDirectory& state, Console& console) {
  std::vector<LedgerEntry> ledger;
  try {
    ledger = state.ledger();
  } catch (const Error& error) {
    console.warn(error.what());
  }
  if (!ledger.empty() && now() < ledger.back().accepted_at) {
    console.warn(fmt::format("the clock of this machine says {}, but documents were accepted on {}",
                             to_rfc3339(now()), to_rfc3339(ledger.back().accepted_at)));
  }
}

void run(const Options& options, Console& console, const Interrupts& interrupts,
         const Config& config, DocumentCache& cache, const RunRequest& request, RunReport& report) {
  warn_of_keys_without_effect(config, console);
  auto destinations = make_destinations(config, options, cache, interrupts.token());
  for (const auto& cloud : destinations.clouds) {
    if (cloud.session->credentials().tls == TlsVerification::Off) {
      console.warn(fmt::format(
          "the cloud's TLS certificates are not verified ({})",
          cloud.name.empty() ? "OS_INSECURE" : "verify: false of " + printable(cloud.name)));
    }
  }
  for (const auto& warning : destinations.warnings) console.warn(warning);
  Run(config, std::move(destinations.all), cache, console, interrupts.token(), report)
      .execute(request);
}

Config begin(const Options& options, Console& console, Interrupts& interrupts) {
  warn_of_no_verify(options, console);
  Config config = effective_config(options);
  tell_of_waits(config.retries, console);
  if (config.run_timeout) interrupts.end_after(*config.run_timeout);
  return config;
}

void plan(const Options& options, Console& console, Interrupts& interrupts, RunReport& report) {
  const Config config = begin(options, console, interrupts);
  // Planning writes nothing, so it makes no state directory and takes no lock either.
  std::error_code unknown;
  if (!std::filesystem::is_directory(config.state_dir, unknown)) {
    NoCache cache;
    run(options, console, interrupts, config, cache, request_of(options, RunMode::Plan), report);
    return;
  }
  StateDirectory state(config.state_dir);
  ReadOnlyCache cache(state);
  RunRequest request = request_of(options, RunMode::Plan);
  request.trust = state.trust();
  request.superseded = superseded_of(state, console);
  run(options, console, interrupts, config, cache, request, report);
}

// The state directory, locked as long as anybody has this.
struct LockedState {
  explicit LockedState(const std::filesystem::path& path) : directory(path) {}

  StateDirectory directory;
  const std::unique_ptr<FileLock> lock = directory.lock();
};

void sync(const Options& options, Console& console, Interrupts& interrupts, RunReport& report,
          Recorder& record) {
  const Config config = begin(options, console, interrupts);
  const auto locked = std::make_shared<LockedState>(config.state_dir);
  record = [locked, &console](const RunReport& done) {
    try {
      locked->directory.record_run(done);
    } catch (const Error& error) {
      console.warn(error.what());
    }
  };
  StateDirectory& state = locked->directory;
  warn_of_clock(state, console);
  RunRequest request = request_of(options, RunMode::Sync);
  request.trust = state.trust();
  request.superseded = superseded_of(state, console);
  request.remember_superseded = [&state](const SupersededState& superseded) {
    state.remember(superseded);
  };
  if (config.scrub) request.scrubbed = scrubbed_of(state, console);
  request.remember_scrubbed = [&state](const ScrubState& scrubbed) { state.remember(scrubbed); };
  request.remember = [&state](const TrustState& trust, const std::vector<LedgerEntry>& news) {
    state.accept(trust, news);
  };
  run(options, console, interrupts, config, state, request, report);
}

}  // namespace

ExitStatus plan_command(const Options& options, Console& console, Interrupts& interrupts) {
  return reported("plan", options, console, interrupts, [&](RunReport& report, Recorder&) {
    plan(options, console, interrupts, report);
    if (options.console.output == OutputFormat::Text) print_lines(to_text(report), report, console);
  });
}

ExitStatus sync_command(const Options& options, Console& console, Interrupts& interrupts) {
  if (options.dry_run) return plan_command(options, console, interrupts);
  return reported("sync", options, console, interrupts, [&](RunReport& report, Recorder& record) {
    sync(options, console, interrupts, report, record);
  });
}

}  // namespace streamsync
