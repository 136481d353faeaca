#pragma once

#include <cstdlib>
#include <filesystem>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>

#include "base/text.h"
#include "tests/unit/base/temporary_directory.h"

namespace streamsync {

inline const std::string kText = "{\n \"format\": \"index:1.0\"\n}\n";
/// An option for gpg.
inline const std::string kLongAgo = "--faked-system-time=20200101T000000! ";

/// A GnuPG home with secret keys, made when the tests run, so that no key of ours lies around.
class SecretKeys {
 public:
  ~SecretKeys() { run("gpgconf --homedir " + directory_.path().string() + " --kill all"); }
  SecretKeys() = default;
  SecretKeys(const SecretKeys&) = delete;
  SecretKeys& operator=(const SecretKeys&) = delete;

  const std::filesystem::path& home() const { return directory_.path(); }

  /// Makes a key, says its fingerprint.
  std::string make_key(const std::string& name, const std::string& algorithm,
                       const std::string& expires = "never", const std::string& options = "",
                       const std::string& passphrase = "") {
    const auto before = fingerprints();
    gpg(options + " --passphrase '" + passphrase + "' --quick-gen-key " + name + " " + algorithm +
        " sign " + expires);
    return the_new_one(before);
  }

  std::string add_subkey(const std::string& fingerprint) {
    const auto before = fingerprints();
    gpg("--passphrase '' --quick-add-key " + fingerprint + " ed25519 sign never");
    return the_new_one(before);
  }

  void forget_passphrases() const {
    run("gpgconf --homedir " + home().string() + " --reload gpg-agent");
  }

  /// Uses the revocation that GnuPG makes with each key; it is spoilt by a ':' against accidents.
  void revoke(const std::string& fingerprint) const {
    std::string text = read_file(home() / "openpgp-revocs.d" / (fingerprint + ".rev"));
    text.erase(text.find(":-----BEGIN"), 1);
    write_file(home() / "revocation", text);
    gpg("--import " + (home() / "revocation").string());
  }

  /// `text` clear-signed; `options` say by whom and how.
  std::string sign(const std::string& options, const std::string& text = kText) const {
    write_file(home() / "text", text);
    gpg(options + " --output " + (home() / "out").string() + " --clear-sign " +
        (home() / "text").string());
    return read_file(home() / "out");
  }

  /// The signature alone.
  std::string sign_apart(const std::string& options, const std::string& text) const {
    write_file(home() / "text", text);
    gpg(options + " --output " + (home() / "out").string() + " --detach-sign " +
        (home() / "text").string());
    return read_file(home() / "out");
  }

  std::filesystem::path export_keys(const std::string& file, const std::string& which) const {
    gpg("--output " + (home() / file).string() + " --export " + which);
    return home() / file;
  }

  std::string gpg(const std::string& arguments) const {
    const std::filesystem::path output = home() / "output";
    const int status = run("gpg --homedir " + home().string() + " --batch --yes --no-tty " +
                           arguments + " >" + output.string() + " 2>&1");
    std::string text = read_file(output);
    if (status != 0) throw std::runtime_error("gpg " + arguments + ": " + text);
    return text;
  }

 private:
  static int run(const std::string& command) {
    return std::system(command.c_str());  // NOLINT(concurrency-mt-unsafe): no other thread
  }

  std::set<std::string> fingerprints() const {
    std::set<std::string> all;
    const std::string listing = gpg("--with-colons --with-subkey-fingerprint --list-keys");
    for (const std::string_view line : split(listing, '\n')) {
      if (line.starts_with("fpr:")) all.emplace(split(line, ':').at(9));
    }
    return all;
  }

  std::string the_new_one(const std::set<std::string>& before) const {
    for (const std::string& fingerprint : fingerprints()) {
      if (before.count(fingerprint) == 0) return fingerprint;
    }
    throw std::runtime_error("gpg made no key");
  }

  TemporaryDirectory directory_;
};

}  // namespace streamsync
