#include "objects/object_documents.h"

#include <fmt/format.h>

#include <utility>
#include <variant>

#include "base/error.h"
#include "base/io/capped_sink.h"
#include "base/text.h"
#include "objects/object_name.h"

namespace streamsync {
namespace {

WriteCondition unchanged_since(const DocumentState& state, const Validator& known) {
  using Kind = WriteCondition::Kind;
  if (std::holds_alternative<Absent>(state)) return {Kind::Absent};
  const auto* fetched = std::get_if<FetchedDocument>(&state);
  const std::string& etag = fetched ? fetched->validator.etag : known.etag;
  return etag.empty() ? WriteCondition{} : WriteCondition{Kind::Unchanged, etag};
}

}  // namespace

ObjectDocuments::ObjectDocuments(std::shared_ptr<ObjectStore> store, std::string prefix,
                                 std::uint64_t most_bytes)
    : store_(std::move(store)), prefix_(object_name(prefix, "")), most_bytes_(most_bytes) {}

std::string ObjectDocuments::describe() const { return store_->describe(prefix_); }

DocumentState ObjectDocuments::read(const std::string& path, const Validator& known) {
  const std::string name = object_name(prefix_, path);
  return with_context("reading " + store_->describe(name), [&] {
    auto state = fetch(name, known);
    seen_[name] = unchanged_since(state, known);
    return state;
  });
}

DocumentState ObjectDocuments::read_as_anyone(const std::string& path) {
  const std::string name = object_name(prefix_, path);
  return with_context("reading " + store_->describe(name) + " as anyone", [&] {
    return fetch_by([&](ByteSink& bytes) { return store_->get_as_anyone(name, bytes); }, name);
  });
}

DocumentState ObjectDocuments::fetch(const std::string& name, const Validator& known) {
  return fetch_by([&](ByteSink& bytes) { return store_->get(name, known, bytes); }, name);
}

DocumentState ObjectDocuments::fetch_by(const Get& get, const std::string& name) {
  DocumentState state = Absent{};
  store_->with_retries([&] {
    FetchedDocument document;
    CappedSink capped(document.bytes, most_bytes_, Origin::Target,
                      fmt::format("{}: larger than {}, so none of ours: remove it",
                                  store_->describe(name), human_size(most_bytes_)));
    Found found = get(capped);
    document.validator = std::move(found.validator);
    state = Absent{};
    if (found.state == Found::State::Unchanged) state = Unchanged{};
    if (found.state == Found::State::Given) state = std::move(document);
  });
  return state;
}

void ObjectDocuments::write(const std::string& path, const Spool& content) {
  const std::string name = object_name(prefix_, path);
  with_context("publishing " + store_->describe(name), [&] {
    put(name, content);
    check_published(name, content);
  });
}

void ObjectDocuments::withdraw(const std::string& path) {
  const std::string name = object_name(prefix_, path);
  with_context("withdrawing " + store_->describe(name),
               [&] { store_->with_retries([&] { store_->remove(name); }); });
  seen_.erase(name);
}

void ObjectDocuments::put(const std::string& name, const Spool& content) {
  const DocumentPut document{content, content_type_of(name), seen_[name]};
  try {
    store_->with_retries([&] { store_->put(name, document); });
  } catch (const Error& error) {
    // It may be our own write that stands in the way: its answer was lost, and it was repeated.
    if (error.kind() != ErrorKind::Conflict || !holds(name, content)) throw;
  }
}

bool ObjectDocuments::holds(const std::string& name, const Spool& content) {
  const auto state = fetch(name, {});
  const auto* stored = std::get_if<FetchedDocument>(&state);
  return stored != nullptr && same_bytes(stored->bytes, content);
}

/// Bytes, not ETags: an ETag may be what the request said and not what is stored.
void ObjectDocuments::check_published(const std::string& name, const Spool& content) {
  const DocumentState state = fetch(name, {});
  seen_[name] = unchanged_since(state, {});
  const auto* stored = std::get_if<FetchedDocument>(&state);
  if (stored && same_bytes(stored->bytes, content)) return;
  throw Error(
      ErrorKind::Corrupt, Origin::Target,
      fmt::format("{} {}: see whether another run writes there, and whether the object "
                  "store is healthy",
                  store_->describe(name),
                  stored ? "gives other bytes than were written" : "is not there after all"));
}

}  // namespace streamsync
