#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <functional>
#include <map>
#include <optional>
#include <string_view>

#include "base/crypto/secret.h"
#include "base/http/http_client.h"
#include "base/text.h"
#include "keystone/process_environment.h"
#include "sync/cli/commands.h"
#include "sync/cli/process.h"
#include "sync/cli/standard_output.h"

namespace streamsync {
namespace {

using Command = std::function<ExitStatus(Console&, Interrupts&)>;

// One of some words; help and errors show the words.
template <typename T>
void add_choice(CLI::App& app, const std::string& name, T& target, std::map<std::string, T> choices,
                const std::string& help) {
  std::vector<std::string> words;
  for (const auto& [word, value] : choices) {
    words.push_back(word);
  }
  app.add_option_function<std::string>(
         name, [&target, choices](const std::string& word) { target = choices.at(word); }, help)
      ->check(CLI::IsMember(words))
      ->type_name("WORD");
}

void add_global_options(CLI::App& app, Options& options) {
  auto& console = options.console;
  app.add_option("-c,--config", options.config, "Configuration file (YAML)")->type_name("FILE");
  app.add_option("--state-dir", options.state_dir, "Where the state of runs is kept")
      ->type_name("DIR");
  add_choice<LogLevel>(app, "--log-level", console.level,
                       {{"error", LogLevel::Error},
                        {"warning", LogLevel::Warning},
                        {"info", LogLevel::Info},
                        {"debug", LogLevel::Debug},
                        {"trace", LogLevel::Trace}},
                       "What is told on stderr");
  add_choice<LogFormat>(app, "--log-format", console.format,
                        {{"text", LogFormat::Text}, {"json", LogFormat::Json}},
                        "Form of what is told on stderr");
  add_choice<ProgressMode>(app, "--progress", console.progress,
                           {{"auto", ProgressMode::Auto},
                            {"always", ProgressMode::Always},
                            {"never", ProgressMode::Never}},
                           "Progress bars; auto: on a terminal");
  add_choice<OutputFormat>(app, "--output", console.output,
                           {{"text", OutputFormat::Text}, {"json", OutputFormat::Json}},
                           "Form of results on stdout");
  app.add_option("--jobs", options.jobs, "Transfers at once")
      ->check(CLI::Range(1, 64))
      ->type_name("N");
  app.add_option("--limit-rate", options.limit_rate, "Bytes a second from all sources together")
      ->type_name("BYTES");
}

void add_trust_options(CLI::App& command, Options& options) {
  command.add_option("--keyring", options.keyring, "Public keys that documents are signed with")
      ->type_name("FILE");
  command.add_option("--path", options.path, "Entry document below the base URL")->type_name("P");
  command.add_flag("--no-verify", options.no_verify, "Do not check signatures");
}

void add_selection_options(CLI::App& command, Options& options) {
  add_trust_options(command, options);
  command.add_option("--max", options.max, "Versions of each product")->type_name("N");
}

void add_identity_option(CLI::App& command, Options& options) {
  command.add_option("--identity", options.identity, "Upstream's identity.yaml")->type_name("FILE");
}

void add_report_option(CLI::App& command, Options& options) {
  command.add_option("--report", options.report, "Write the report here")->type_name("FILE");
}

void add_run_options(CLI::App& command, Options& options) {
  add_selection_options(command, options);
  command.add_flag("--keep", options.keep,
                   "Keep versions that left the source while there is room");
  add_identity_option(command, options);
  command.add_option("--mirror", options.mirrors, "Entry of the mirror_list, repeatable")
      ->type_name("NAME_OR_INDEX");
  command
      .add_option("--max-delete", options.max_delete,
                  "Most removals without a replacement: a number, or a share such as 50%")
      ->type_name("N|P%");
  add_report_option(command, options);
}

// "streamsync help sync" is "streamsync sync --help".
std::vector<std::string> with_help_command(int argc, char** argv) {
  std::vector<std::string> words(argv + 1, argv + argc);
  if (!words.empty() && words.front() == "help") {
    words.erase(words.begin());
    words.emplace_back("--help");
  }
  // CLI11 takes them last first.
  return {words.rbegin(), words.rend()};
}

class CommandLine {
 public:
  explicit CommandLine(Environment environment) {
    options_.environment = std::move(environment);
    app_.require_subcommand(1);
    app_.set_version_flag("--version", STREAMSYNC_VERSION_TEXT);
    app_.fallthrough();
    app_.footer(
        "Exit status and configuration: man streamsync. Commands: streamsync help COMMAND.");
    add_global_options(app_, options_);
    add_sync();
    add_plan();
    add_verify();
    add_query();
    add_ledger();
    add_config();
  }

  /// The exit status when there is nothing to run: help, version, or a usage error.
  std::optional<int> parse(int argc, char** argv) {
    try {
      app_.parse(with_help_command(argc, argv));
    } catch (const CLI::Success& success) {
      return app_.exit(success);
    } catch (const CLI::ParseError& error) {
      fmt::print(stderr, "error: {}; see streamsync --help\n", error.what());
      return static_cast<int>(ExitStatus::Usage);
    }
    return std::nullopt;
  }

  const Options& options() const { return options_; }
  const Command& command() const { return command_; }

 private:
  void add_sync() {
    auto* command = app_.add_subcommand("sync", "Bring the targets up to date with the sources");
    add_run_options(*command, options_);
    command->add_flag("--dry-run", options_.dry_run, "Only print what would be done (plan)");
    add_acceptance(*command, "--accept-rollback", options_.accept_rollback,
                   "Take sources that went back to older documents, in this run");
    add_acceptance(*command, "--accept-unsigned", options_.accept_unsigned,
                   "Take sources with allow_unsigned that were signed before, in this run");
    command->callback([this] {
      command_ = [this](Console& console, Interrupts& interrupts) {
        return sync_command(options_, console, interrupts);
      };
    });
  }

  static void add_acceptance(CLI::App& command, const std::string& name,
                             std::optional<std::string>& reason, const std::string& help) {
    command.add_option(name, reason, help + "; the reason goes to the ledger")
        ->check([](const std::string& text) {
          if (trimmed(text).empty()) return std::string("a reason is wanted");
          return printable(text) == text ? std::string()
                                         : std::string("the reason is no plain text");
        })
        ->type_name("REASON");
  }

  void add_plan() {
    auto* command = app_.add_subcommand("plan", "Print what sync would do, and change nothing");
    add_run_options(*command, options_);
    command->callback([this] {
      command_ = [this](Console& console, Interrupts& interrupts) {
        return plan_command(options_, console, interrupts);
      };
    });
  }

  void add_verify() {
    auto* command =
        app_.add_subcommand("verify", "Read a mirrored tree again and say what is damaged in it");
    command->add_option("target", options_.target, "Directory, swift:CONTAINER or s3:BUCKET")
        ->required();
    command
        ->add_option("--repair", options_.repair,
                     "Fetch what is damaged again from this base URL, or URL of a document")
        ->type_name("SOURCE");
    add_trust_options(*command, options_);
    add_identity_option(*command, options_);
    add_report_option(*command, options_);
    command->callback([this] {
      command_ = [this](Console& console, Interrupts& interrupts) {
        return verify_command(options_, console, interrupts);
      };
    });
  }

  void add_query() {
    auto* command = app_.add_subcommand("query", "Print the items of a source that match filters");
    add_selection_options(*command, options_);
    command->add_option("source", options_.source, "Base URL, or URL of a document")->required();
    command->add_option("filter", options_.filters,
                        "KEY=VALUE, KEY!=VALUE, KEY~REGEX or KEY!~REGEX; all must hold");
    command->add_option("--index-filter", options_.index_filter,
                        "Only documents whose index entry matches");
    command->add_option("--format", options_.format, "Template with %(tag)s");
    command->add_flag_callback(
        "--json", [this] { options_.console.output = OutputFormat::Json; },
        "The same as --output json");
    command->callback([this] {
      command_ = [this](Console& console, const Interrupts& interrupts) {
        return query_command(options_, console, interrupts);
      };
    });
  }

  void add_ledger() {
    auto* command = app_.add_subcommand("ledger", "List every document that was ever accepted");
    command->add_option("--key", options_.key, "Only those that this key signed")
        ->type_name("FINGERPRINT");
    command->add_option("--only-key", options_.only_key, "Only those that no other key signed")
        ->type_name("FINGERPRINT");
    command->add_option("--source", options_.source, "Only those of a mirror, by name or URL")
        ->type_name("NAME_OR_URL");
    command->add_option("--since", options_.since, "Only those accepted then or later")
        ->type_name("TIME");
    command->add_option("--until", options_.until, "Only those accepted then or earlier")
        ->type_name("TIME");
    command->callback([this] {
      command_ = [this](Console&, const Interrupts&) { return ledger_command(options_); };
    });
  }

  void add_config() {
    auto* command = app_.add_subcommand("config", "Look at configuration files");
    command->require_subcommand(1);
    command->add_subcommand("check", "Say whether the file given with -c is valid")
        ->callback([this] {
          command_ = [this](Console& console, const Interrupts&) {
            return config_check_command(options_, console);
          };
        });
    command->add_subcommand("show", "Print the effective configuration")->callback([this] {
      command_ = [this](Console&, const Interrupts&) { return config_show_command(options_); };
    });
    command->add_subcommand("example", "Print a commented example")->callback([this] {
      command_ = [](Console&, const Interrupts&) { return config_example_command(); };
    });
  }

  CLI::App app_{"Mirrors simplestreams: signed image streams into OpenStack Glance or a directory",
                "streamsync"};
  Options options_;
  Command command_;
};

int run(int argc, char** argv) {
  start_crypto();
  CommandLine line(take_process_environment());
  if (const auto status = line.parse(argc, argv)) {
    return *status;
  }
  const HttpRuntime http;
  Console console(line.options().console);
  Interrupts interrupts([&console](const std::string& why) { console.error_at_once(why); });
  try {
    const auto status = line.command()(console, interrupts);
    StandardOutput().finish();  // it may block, and from here on no signal would end that
    return static_cast<int>(status);
  } catch (const Cancelled&) {
    if (interrupts.take_last_word()) console.error(interrupts.why());
    return interrupts.exit_status();
  } catch (const Error& error) {
    const auto status = exit_status_of(error);
    console.error(with_reaction(error, status));
    return static_cast<int>(status);
  }
}

}  // namespace
}  // namespace streamsync

int main(int argc, char** argv) {
  try {
    streamsync::harden_process();
    streamsync::ignore_broken_pipes();
    streamsync::raise_file_limit();
    return streamsync::run(argc, argv);
  } catch (const streamsync::Error& error) {
    const auto status = streamsync::exit_status_of(error);
    fmt::print(stderr, "error: {}\n", streamsync::with_reaction(error, status));
    return static_cast<int>(status);
  } catch (const std::exception& error) {
    fmt::print(stderr, "error: {}; this is a defect of streamsync, please report it\n",
               error.what());
    return static_cast<int>(streamsync::ExitStatus::ItemsFailed);
  }
}
