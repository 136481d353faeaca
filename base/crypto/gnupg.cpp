#include "base/crypto/gnupg.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <gpgme.h>
#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <exception>
#include <list>
#include <memory>
#include <new>
#include <string>
#include <system_error>
#include <utility>

#include "base/error.h"
#include "base/io/file_descriptor.h"
#include "base/io/local_error.h"
#include "base/time.h"

namespace streamsync {
namespace {

struct ContextDeleter {
  void operator()(gpgme_ctx_t context) const noexcept { gpgme_release(context); }
};
using Context = std::unique_ptr<gpgme_context, ContextDeleter>;

struct DataDeleter {
  void operator()(gpgme_data_t data) const noexcept { gpgme_data_release(data); }
};
using Data = std::unique_ptr<gpgme_data, DataDeleter>;

struct KeyDeleter {
  void operator()(gpgme_key_t key) const noexcept { gpgme_key_unref(key); }
};
using Key = std::unique_ptr<_gpgme_key, KeyDeleter>;

/// gpg itself does not work; says nothing about keys and signatures.
Error engine_failure(gpgme_error_t code) {
  return Error(ErrorKind::Config, Origin::Local,
               fmt::format("GnuPG fails: {}; is gpg installed?", gpgme_strerror(code)));
}

void require_engine(gpgme_error_t code) {
  if (gpgme_err_code(code) != GPG_ERR_NO_ERROR) throw engine_failure(code);
}

bool is_engine_failure(gpgme_error_t code) {
  const gpgme_err_code_t reason = gpgme_err_code(code);
  return reason == GPG_ERR_INV_ENGINE || reason == GPG_ERR_ENOMEM || reason == GPG_ERR_EMFILE ||
         reason == GPG_ERR_ENFILE || reason == GPG_ERR_EAGAIN;
}

/// Without this no other call works.
void require_library() {
  static const bool is_ready = [] {
    // All we want is gpg, which is found on PATH; else GPGME starts five programs to see what
    // there is of the rest of GnuPG. Before all other calls.
    gpgme_set_global_flag("disable-gpgconf", "1");
    return gpgme_check_version(nullptr) != nullptr;
  }();
  if (!is_ready) throw engine_failure(gpgme_error(GPG_ERR_NOT_INITIALIZED));
}

Context make_context() {
  require_library();
  gpgme_ctx_t raw = nullptr;
  require_engine(gpgme_new(&raw));
  Context context(raw);
  require_engine(gpgme_set_protocol(raw, GPGME_PROTOCOL_OpenPGP));
  gpgme_set_offline(raw, 1);
  return context;
}

Context make_verifying_context(const std::filesystem::path& home) {
  Context context = make_context();
  require_engine(gpgme_ctx_set_engine_info(context.get(), GPGME_PROTOCOL_OpenPGP, nullptr,
                                           home.string().c_str()));
  require_engine(gpgme_set_ctx_flag(context.get(), "trust-model", "always"));
  return context;
}

Context make_signing_context() {
  Context context = make_context();
  // Nobody sits there to type a passphrase. What the agent knows already is used.
  require_engine(gpgme_set_pinentry_mode(context.get(), GPGME_PINENTRY_MODE_ERROR));
  gpgme_set_armor(context.get(), 1);
  return context;
}

/// What factoring or a discrete logarithm on today's machines may reach. Curves have no such sizes.
std::string weakness_of(const _gpgme_subkey& key) {
  constexpr unsigned kFewestBits = 2048;
  const bool is_sized = key.pubkey_algo == GPGME_PK_RSA || key.pubkey_algo == GPGME_PK_RSA_S ||
                        key.pubkey_algo == GPGME_PK_DSA;
  if (!is_sized || key.length >= kFewestBits) return {};
  return fmt::format("{} of {} bits", gpgme_pubkey_algo_name(key.pubkey_algo), key.length);
}

/// GnuPG's 0 is never.
std::optional<Time> expiry(unsigned long seconds) {
  if (seconds == 0) return std::nullopt;
  return Time(std::chrono::seconds(seconds));
}

std::optional<Time> first_expiry(const _gpgme_subkey& primary, const _gpgme_subkey& key) {
  const auto one = expiry(static_cast<unsigned long>(primary.expires));
  const auto other = expiry(static_cast<unsigned long>(key.expires));
  return one && other ? std::min(*one, *other) : (one ? one : other);
}

void add_signing_keys(const _gpgme_key& key, std::vector<SigningKey>& out) {
  const std::string primary_weakness = weakness_of(*key.subkeys);
  for (gpgme_subkey_t subkey = key.subkeys; subkey != nullptr; subkey = subkey->next) {
    // Who breaks the primary key can give it any subkey.
    const std::string weakness = primary_weakness.empty() ? weakness_of(*subkey) : primary_weakness;
    out.push_back({subkey->fpr, key.subkeys->fpr, weakness, first_expiry(*key.subkeys, *subkey)});
  }
}

Error unusable_secret_key(std::string_view fingerprint, std::string_view why) {
  return Error(ErrorKind::Config, Origin::Config,
               fmt::format("signing_key {}: {}", fingerprint, why));
}

/// Why a key of the user's may not sign today; none when it may. gpg's own word for all of it is
/// "unusable".
std::string objection_to_signing(const _gpgme_key& key, const std::string& fingerprint) {
  if (key.subkeys->fpr != fingerprint) {
    return fmt::format("is a subkey; name its primary key, {}", key.subkeys->fpr);
  }
  if (key.revoked != 0) return "was revoked; name another key";
  if (key.expired != 0)
    return "has expired; extend it with gpg --quick-set-expire, or name another";
  if (key.disabled != 0) return "is disabled in GnuPG; enable it, or name another key";
  if (key.can_sign == 0) return "is no key for signing; name another";
  return {};
}

Key find_secret_key(gpgme_ctx_t context, const std::string& fingerprint) {
  gpgme_key_t raw = nullptr;
  const gpgme_error_t code = gpgme_get_key(context, fingerprint.c_str(), &raw, 1);
  Key key(raw);
  if (gpgme_err_code(code) == GPG_ERR_EOF) {
    throw unusable_secret_key(fingerprint,
                              "no such secret key in the GnuPG home of this user; see gpg "
                              "--list-secret-keys, and GNUPGHOME");
  }
  require_engine(code);
  const std::string objection = objection_to_signing(*key, fingerprint);
  if (!objection.empty()) throw unusable_secret_key(fingerprint, objection);
  return key;
}

Data new_data() {
  gpgme_data_t raw = nullptr;
  require_engine(gpgme_data_new(&raw));
  return Data(raw);
}

/// `bytes` must outlive it.
Data data_over(std::string_view bytes) {
  gpgme_data_t raw = nullptr;
  require_engine(gpgme_data_new_from_mem(&raw, bytes.data(), bytes.size(), 0));
  return Data(raw);
}

std::string bytes_of(Data data) {
  std::size_t size = 0;
  char* const bytes = gpgme_data_release_and_get_mem(data.release(), &size);
  if (bytes == nullptr) return {};
  std::string text(bytes, size);
  gpgme_free(bytes);
  return text;
}

std::string export_key(gpgme_ctx_t context, const std::string& fingerprint) {
  Data key = new_data();
  require_engine(
      gpgme_op_export(context, fingerprint.c_str(), GPGME_EXPORT_MODE_MINIMAL, key.get()));
  return bytes_of(std::move(key));
}

std::vector<SigningKey> list_keys(gpgme_ctx_t context) {
  std::vector<SigningKey> keys;
  require_engine(gpgme_op_keylist_start(context, nullptr, 0));
  for (;;) {
    gpgme_key_t raw = nullptr;
    const gpgme_error_t code = gpgme_op_keylist_next(context, &raw);
    if (gpgme_err_code(code) == GPG_ERR_EOF) return keys;
    require_engine(code);
    const Key key(raw);
    add_signing_keys(*key, keys);
  }
}

/// A source as GPGME's callback sees it. An exception must not pass through C code: it is kept here
/// and thrown after the operation.
struct Feed {
  ByteSource& bytes;
  std::exception_ptr failure{};
};

gpgme_ssize_t give(void* handle, void* buffer, std::size_t size) noexcept {
  auto& feed = *static_cast<Feed*>(handle);
  try {
    return static_cast<gpgme_ssize_t>(
        feed.bytes.read(MutableBytes(static_cast<std::byte*>(buffer), size)));
  } catch (...) {
    feed.failure = std::current_exception();
    errno = EIO;
    return -1;
  }
}

Data make_data(gpgme_data_cbs& callbacks, Feed& feed) {
  gpgme_data_t raw = nullptr;
  require_engine(gpgme_data_new_from_cbs(&raw, &callbacks, &feed));
  Data data(raw);
  // GPGME's own 512 bytes a system call cost more than the hashing.
  require_engine(gpgme_data_set_flag(raw, "io-buffer-size", "65536"));
  return data;
}

SignatureStatus status_of(gpgme_error_t code) {
  switch (static_cast<int>(gpgme_err_code(code))) {
    case GPG_ERR_NO_ERROR:
      return SignatureStatus::Good;
    case GPG_ERR_BAD_SIGNATURE:
      return SignatureStatus::Bad;
    case GPG_ERR_SIG_EXPIRED:
      return SignatureStatus::Expired;
    case GPG_ERR_KEY_EXPIRED:
      return SignatureStatus::KeyExpired;
    case GPG_ERR_CERT_REVOKED:
      return SignatureStatus::KeyRevoked;
    case GPG_ERR_NO_PUBKEY:
      return SignatureStatus::UnknownKey;
    default:
      return SignatureStatus::Unusable;
  }
}

std::string text_of(const char* text, std::string_view otherwise) {
  return std::string(text == nullptr ? otherwise : text);
}

Signature signature_of(const _gpgme_signature& given) {
  Signature signature;
  signature.key = text_of(given.fpr, "an unnamed key");
  signature.status = status_of(given.status);
  signature.digest = text_of(gpgme_hash_algo_name(given.hash_algo), "(unknown)");
  signature.made = Time(std::chrono::seconds(given.timestamp));
  signature.expires = expiry(given.exp_timestamp);
  signature.detail = gpgme_strerror(given.status);
  if (given.wrong_key_usage != 0 && signature.status == SignatureStatus::Good) {
    signature.status = SignatureStatus::Unusable;
    signature.detail = "its key is not for signing";
  }
  return signature;
}

std::vector<Signature> signatures_of(gpgme_ctx_t context) {
  std::vector<Signature> signatures;
  const gpgme_verify_result_t result = gpgme_op_verify_result(context);
  if (result == nullptr) return signatures;
  for (gpgme_signature_t given = result->signatures; given != nullptr; given = given->next) {
    signatures.push_back(signature_of(*given));
  }
  return signatures;
}

// What gpg hashes meanwhile is less than the pipe holds: 80 MB/s of text, 300 MB/s of other data.
constexpr int kWidePipe = 1024 * 1024;
constexpr int kRestMilliseconds = 3;

/// More than a user may have in pipes (pipe(7), pipe-user-pages-soft) is refused: then it stays.
bool widen(int fd) { return ::fcntl(fd, F_SETPIPE_SZ, kWidePipe) >= kWidePipe; }

bool is_full(int fd) {
  pollfd writable{fd, POLLOUT, 0};
  return ::poll(&writable, 1, 0) == 0;
}

/// What is read from and written to a gpg process during one operation of a GPGME context (GPGME
/// manual, "Using External Event Loops"). GPGME's own loop fills a small pipe at every chance, and
/// gpg, which hashes slower than we write, pays for waking us at every 8 KiB it reads: an eighth of
/// the time that a large document takes (tests/bench/read).
class GpgConversation {
 public:
  /// Before the operation is started.
  explicit GpgConversation(gpgme_ctx_t context);
  /// What has not ended is given up.
  ~GpgConversation();
  GpgConversation(const GpgConversation&) = delete;
  GpgConversation& operator=(const GpgConversation&) = delete;

  /// Waits for the end of the operation. Throws `Error{…, Local}` when waiting itself fails.
  gpgme_error_t wait();

 private:
  struct Channel {
    GpgConversation* owner;
    int fd;
    short events;
    gpgme_io_cb_t serve;
    void* data;
    bool is_wide;  ///< a pipe that takes gpg some time to empty
  };
  static gpgme_error_t add(void* self, int fd, int is_inbound, gpgme_io_cb_t serve, void* data,
                           void** tag);
  static void remove(void* tag);
  static void take_event(void* self, gpgme_event_io_t event, void* data);
  void serve_ready();
  void serve(int fd);
  const Channel* find(int fd) const;

  gpgme_ctx_t context_;
  std::list<Channel> channels_;
  bool is_resting_ = false;  ///< lets gpg read before more is written
  bool is_done_ = false;
  gpgme_error_t result_ = 0;
};

GpgConversation::GpgConversation(gpgme_ctx_t context) : context_(context) {
  gpgme_io_cbs callbacks{add, this, remove, take_event, this};
  gpgme_set_io_cbs(context_, &callbacks);
}

GpgConversation::~GpgConversation() {
  if (!is_done_) gpgme_cancel(context_);
  gpgme_set_io_cbs(context_, nullptr);
}

gpgme_error_t GpgConversation::wait() {
  while (!is_done_) serve_ready();
  return result_;
}

gpgme_error_t GpgConversation::add(void* self, int fd, int is_inbound, gpgme_io_cb_t serve,
                                   void* data, void** tag) {
  auto& conversation = *static_cast<GpgConversation*>(self);
  const bool is_read = is_inbound != 0;
  try {
    conversation.channels_.push_back({&conversation, fd,
                                      static_cast<short>(is_read ? POLLIN : POLLOUT), serve, data,
                                      !is_read && widen(fd)});
  } catch (const std::bad_alloc&) {
    return gpgme_error(GPG_ERR_ENOMEM);  // no exception may cross C
  }
  *tag = &conversation.channels_.back();
  return 0;
}

void GpgConversation::remove(void* tag) {
  const auto* gone = static_cast<const Channel*>(tag);
  gone->owner->channels_.remove_if([&](const Channel& channel) { return &channel == gone; });
}

void GpgConversation::take_event(void* self, gpgme_event_io_t event, void* data) {
  if (event != GPGME_EVENT_DONE) return;
  auto& conversation = *static_cast<GpgConversation*>(self);
  const auto& end = *static_cast<const gpgme_io_event_done_data*>(data);
  conversation.is_done_ = true;
  conversation.result_ = end.err != 0 ? end.err : end.op_err;
}

void GpgConversation::serve_ready() {
  const bool is_resting = std::exchange(is_resting_, false);
  std::vector<pollfd> awaited;
  for (const Channel& channel : channels_) {
    if (!is_resting || channel.events == POLLIN) awaited.push_back({channel.fd, channel.events, 0});
  }
  const int ready = ::poll(awaited.data(), awaited.size(), is_resting ? kRestMilliseconds : -1);
  if (ready < 0 && errno != EINTR) throw local_error(errno, "waiting for gpg");
  if (ready <= 0) return;
  for (const pollfd& channel : awaited) {
    if (channel.revents != 0) serve(channel.fd);
  }
}

void GpgConversation::serve(int fd) {
  // One that was served before may have ended the others.
  if (const Channel* channel = find(fd)) channel->serve(channel->data, fd);
  const Channel* channel = find(fd);
  if (channel != nullptr && channel->is_wide && is_full(fd)) is_resting_ = true;
}

const GpgConversation::Channel* GpgConversation::find(int fd) const {
  const auto found = std::find_if(channels_.begin(), channels_.end(),
                                  [&](const Channel& channel) { return channel.fd == fd; });
  return found == channels_.end() ? nullptr : &*found;
}

/// gpg does not say why it has kept none of the `considered` keys.
Error why_none_was_taken(const std::filesystem::path& file, const std::filesystem::path& home,
                         int considered) {
  constexpr std::uintmax_t kRoomForKeys = 64 * 1024;
  if (std::filesystem::space(home).available < kRoomForKeys) {
    return local_error(ENOSPC,
                       fmt::format("keeping the keys of {} in {}; set TMPDIR to another place",
                                   file.string(), home.parent_path().string()));
  }
  if (considered == 0) return unusable_keyring(file, "it holds no public key");
  return {ErrorKind::Untrusted, Origin::Local,
          fmt::format("keyring {}: none of its keys is valid at the time of this machine, {}; is "
                      "its clock right?",
                      file.string(), to_rfc3339(now()))};
}

}  // namespace

struct Gnupg::Session {
  std::filesystem::path home;  ///< empty: the user's own
  Context context;
};

Gnupg::Gnupg(const std::filesystem::path& home)
    : session_(new Session{home, make_verifying_context(home)}) {}

Gnupg::Gnupg() : session_(new Session{{}, make_signing_context()}) {}

Gnupg::~Gnupg() = default;

std::vector<SigningKey> Gnupg::import_keys(const KeyringFile& keyring) {
  const auto& file = keyring.path;
  const Data keys = data_over(keyring.content);
  const gpgme_ctx_t context = session_->context.get();
  const gpgme_error_t code = gpgme_op_import(context, keys.get());
  if (is_engine_failure(code)) throw engine_failure(code);
  if (gpgme_err_code(code) != GPG_ERR_NO_ERROR) throw unusable_keyring(file, gpgme_strerror(code));
  const int considered = gpgme_op_import_result(context)->considered;
  auto imported = list_keys(context);
  if (imported.empty()) throw why_none_was_taken(file, session_->home, considered);
  return imported;
}

std::vector<SigningKey> Gnupg::import_keys(std::string_view exported) {
  const Data given = data_over(exported);
  const gpgme_ctx_t context = session_->context.get();
  require_engine(gpgme_op_import(context, given.get()));
  return list_keys(context);
}

std::string Gnupg::choose_secret_key(const std::string& fingerprint) {
  const gpgme_ctx_t context = session_->context.get();
  const Key key = find_secret_key(context, fingerprint);
  gpgme_signers_clear(context);
  require_engine(gpgme_signers_add(context, key.get()));
  return export_key(context, fingerprint);
}

std::string Gnupg::sign(std::string_view text, SignatureForm form) {
  const Data given = data_over(text);
  Data signature = new_data();
  const auto mode = form == SignatureForm::Clear ? GPGME_SIG_MODE_CLEAR : GPGME_SIG_MODE_DETACH;
  const gpgme_error_t code =
      gpgme_op_sign(session_->context.get(), given.get(), signature.get(), mode);
  if (is_engine_failure(code)) throw engine_failure(code);
  if (gpgme_err_code(code) != GPG_ERR_NO_ERROR) {
    throw Error(ErrorKind::Denied, Origin::Local,
                fmt::format("GnuPG does not sign: {}; if the key has a passphrase, have gpg-agent "
                            "know it before the run",
                            gpgme_strerror(code)));
  }
  return bytes_of(std::move(signature));
}

std::vector<Signature> Gnupg::examine_signatures(ByteSource& text, ByteSource& signature) {
  Feed text_feed{text};
  Feed signature_feed{signature};
  gpgme_data_cbs callbacks{give, nullptr, nullptr, nullptr};
  const Data signature_data = make_data(callbacks, signature_feed);
  const Data text_data = make_data(callbacks, text_feed);
  const gpgme_ctx_t context = session_->context.get();
  GpgConversation conversation(context);
  require_engine(gpgme_op_verify_start(context, signature_data.get(), text_data.get(), nullptr));
  const gpgme_error_t code = conversation.wait();
  for (const auto& failure : {text_feed.failure, signature_feed.failure}) {
    if (failure != nullptr) std::rethrow_exception(failure);
  }
  if (is_engine_failure(code)) throw engine_failure(code);
  if (gpgme_err_code(code) != GPG_ERR_NO_ERROR) {
    throw Error(ErrorKind::Untrusted, Origin::Source,
                fmt::format("GnuPG can't verify it: {}", gpgme_strerror(code)));
  }
  return signatures_of(context);
}

}  // namespace streamsync
