#include "sync/transfer.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "base/crypto/digest.h"
#include "base/io/pipe.h"

namespace streamsync {
namespace {

class CountingSink final : public ByteSink {
 public:
  CountingSink(ByteSink& next, const Arrival& start,
               const std::function<void(const Arrival&)>& on_bytes)
      : next_(next), on_bytes_(on_bytes), arrival_(start), told_(start.bytes) {}

  void write(Bytes bytes) override {
    next_.write(bytes);
    arrival_.bytes += bytes.size();
    if (arrival_.bytes - told_ >= kStep) {
      told_ = arrival_.bytes;
      on_bytes_(arrival_);
    }
  }
  void finish() override {
    next_.finish();
    on_bytes_(arrival_);
  }
  std::uint64_t seen() const noexcept { return arrival_.bytes; }

 private:
  static constexpr std::uint64_t kStep = 1024 * 1024;
  ByteSink& next_;
  const std::function<void(const Arrival&)>& on_bytes_;
  Arrival arrival_;
  std::uint64_t told_;
};

// Notes what is hashed at the end of each part.
class PartMarker final : public ByteSink {
 public:
  PartMarker(VerifyingSink& next, std::uint64_t part_size, HashTrail& trail)
      : next_(next), part_size_(part_size), trail_(trail) {}

  void write(Bytes bytes) override {
    while (!bytes.empty()) {
      const auto left = part_size_ - next_.come().size % part_size_;
      const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(left, bytes.size()));
      next_.write(bytes.first(count));
      if (count == left) trail_.note(next_.come());
      bytes = bytes.subspan(count);
    }
  }
  void finish() override { next_.finish(); }

 private:
  VerifyingSink& next_;
  const std::uint64_t part_size_;
  HashTrail& trail_;
};

// For a target that has the first bytes.
class RestOf final : public ByteSource {
 public:
  RestOf(ByteSource& all, std::uint64_t begun) : all_(all), begun_(begun) {}

  std::size_t read(MutableBytes buffer) override {
    pass_over_begun(buffer);
    return all_.read(buffer);
  }
  Bytes next(MutableBytes buffer) override {
    pass_over_begun(buffer);
    return all_.next(buffer);
  }

 private:
  // Where it ends before that, reading tells so again.
  void pass_over_begun(MutableBytes buffer) {
    while (begun_ > 0) {
      const auto most = static_cast<std::size_t>(std::min<std::uint64_t>(begun_, buffer.size()));
      const auto count = all_.next(buffer.first(most)).size();
      if (count == 0) return;
      begun_ -= count;
    }
  }

  ByteSource& all_;
  std::uint64_t begun_;
};

// What the transfer begins with.
struct Head {
  HeadStart give{};
  std::vector<std::uint64_t> begun;  ///< so much of it each delivery's target has
  std::shared_ptr<const BegunItem> item{};
  std::optional<HashedBeginning> hashed{};  ///< all targets have it, so it is not given

  std::uint64_t known() const { return item ? item->size : 0; }
  std::uint64_t from() const { return hashed ? hashed->size : 0; }
};

Head no_head(const TransferOrder& order) {
  return {.begun = std::vector<std::uint64_t>(order.deliveries.size(), 0)};
}

// 0: none that all targets have.
std::uint64_t common_part_size(std::span<const Delivery> deliveries) {
  const auto part_size = [](const Delivery& each) { return each.target->part_size(*each.blob); };
  const auto size = part_size(deliveries.front());
  const bool is_common = std::all_of(deliveries.begin(), deliveries.end(),
                                     [&](const Delivery& each) { return part_size(each) == size; });
  return is_common ? size : 0;
}

class SourceLeg {
 public:
  SourceLeg(const TransferOrder& order, SourceCourse& course, const TransferRules& rules,
            std::stop_token stop, const TransferListener& listener)
      : places_(order.places),
        course_(course),
        progress_(course.progress),
        content_(order.deliveries.front().blob->content),
        part_size_(common_part_size(order.deliveries)),
        rules_(rules),
        stop_(std::move(stop)),
        listener_(listener) {}

  void pour(const Head& head, ByteSink& into) {
    start_at(head.from());
    auto verified = head.hashed
                        ? VerifyingSink(content_.strongest, content_.size, *head.hashed, into)
                        : VerifyingSink(content_.strongest, content_.size, into);
    PartMarker marked(verified, part_size_, course_.trail);
    CountingSink counted(part_size_ > 0 ? static_cast<ByteSink&>(marked) : verified,
                         {head.from(), head.known(), head.from()}, listener_.on_bytes);
    if (head.give) begin(head.give, counted);
    try {
      pour_rest(counted);
      counted.finish();
    } catch (Error& error) {
      // A transport's error says where; what the digest says of the bytes does not.
      if (error.kind() == ErrorKind::Corrupt) error.add_context(where());
      throw;
    }
  }

  /// All that a source gave in this attempt.
  std::uint64_t fetched() const noexcept { return progress_.offset - begun_ + progress_.repeated; }
  /// What sources gave of the item, in this attempt and in those it went on with.
  std::uint64_t brought() const noexcept { return progress_.offset - course_.unfetched; }
  bool head_start_failed() const noexcept { return head_start_failed_; }

 private:
  void start_at(std::uint64_t from) {
    if (from == 0) progress_ = {};
    progress_.repeated = 0;
    begun_ = progress_.offset = from;
    course_.unfetched = std::min(course_.unfetched, from);
    course_.trail.cut(from);
  }

  // What it lacks is fetched.
  void begin(const HeadStart& head_start, CountingSink& counted) {
    try {
      head_start(counted);
    } catch (const Error& error) {
      head_start_failed_ = true;
      if (has_wrong_bytes(error)) throw;
      listener_.on_retry(error, std::chrono::milliseconds(0));
    }
    course_.unfetched = begun_ = progress_.offset = counted.seen();
    head_start_failed_ |= begun_ < content_.size;
  }

  void pour_rest(ByteSink& sink) {
    for (;;) {
      try {
        return pour_from(places_[course_.place], sink);
      } catch (Error& error) {
        const bool may_another_do_better =
            error.origin() == Origin::Source && error.kind() != ErrorKind::Corrupt;
        if (!may_another_do_better || course_.place + 1 == places_.size()) throw;
        move_on(course_, places_, error);
        listener_.on_retry(error, std::chrono::milliseconds(0));
      }
    }
  }

  void pour_from(const ItemPlace& place, ByteSink& sink) {
    retrying_while_it_comes(
        rules_.retries, stop_, listener_.on_retry, [this] { return progress_.offset; },
        [&] { try_from(place, sink); });
  }

  void try_from(const ItemPlace& place, ByteSink& sink) {
    const auto before = progress_.offset;
    // A request for the bytes behind the last can't be answered.
    if (before != 0 && before == content_.size) return;
    place.source->stream(place.path, progress_, sink);
    if (progress_.offset != before && progress_.offset < content_.size) {
      throw Error(
          ErrorKind::Transient, Origin::Source,
          fmt::format("{}: ends after {} of {} bytes", where(), progress_.offset, content_.size));
    }
  }

  std::string where() const {
    const auto& place = places_[course_.place];
    return place.source->describe(place.path);
  }

  std::span<const ItemPlace> places_;
  SourceCourse& course_;
  ItemProgress& progress_;
  const ItemContent& content_;
  const std::uint64_t part_size_;
  const TransferRules& rules_;
  std::stop_token stop_;
  const TransferListener& listener_;
  std::uint64_t begun_ = 0;
  bool head_start_failed_ = false;
};

class TargetLeg {
 public:
  /// The target has the first `begun` bytes, and `bytes` lacks the first `from` of them. `on_end`
  /// is called by the leg's thread.
  TargetLeg(const Delivery& delivery, std::uint64_t begun, std::uint64_t from, ByteSource& bytes,
            std::function<void()> on_end)
      : thread_([this, &delivery, begun, from, &bytes, on_end = std::move(on_end)] {
          run(delivery, begun, from, bytes);
          has_ended_ = true;
          on_end();
        }) {}

  bool has_ended() const noexcept { return has_ended_; }

  /// Waits for the end. Throws `Cancelled` when that was it.
  Delivered result() {
    thread_.join();
    if (!result_) throw Cancelled();
    return std::move(*result_);
  }

 private:
  void run(const Delivery& delivery, std::uint64_t begun, std::uint64_t from, ByteSource& bytes) {
    BlobSpec blob = *delivery.blob;
    blob.begun = begun;
    RestOf rest(bytes, begun - from);
    try {
      result_ = Delivered{delivery.target->stage(blob, rest), std::nullopt};
    } catch (const Cancelled&) {
    } catch (const std::exception& error) {
      result_ = Delivered{std::nullopt, as_error(error)};
    }
  }

  std::optional<Delivered> result_;
  std::atomic<bool> has_ended_ = false;
  std::jthread thread_;  // the last: it uses the others
};

// All target legs of one attempt, at one pipe.
class TargetLegs {
 public:
  TargetLegs(const TransferOrder& order, const Head& head, Pipe& pipe, std::stop_source& source_leg)
      : running_(order.deliveries.size()) {
    try {
      for (std::size_t leg = 0; leg < order.deliveries.size(); ++leg) {
        legs_.push_back(std::make_unique<TargetLeg>(order.deliveries[leg], head.begun[leg],
                                                    head.from(), pipe.out(leg),
                                                    [this, leg, &pipe, &source_leg] {
                                                      pipe.close(leg);
                                                      // When nobody waits for more, the source leg
                                                      // need not wait to be asked again.
                                                      if (--running_ == 0)
                                                        source_leg.request_stop();
                                                    }));
      }
    } catch (const std::exception& error) {
      pipe.fail(as_error(error));  // those that have begun would wait for ever
      throw;
    }
  }

  /// The source has failed: that is what fails the legs that are still running.
  void source_failed(const Error& error, Pipe& pipe) {
    for (const auto& leg : legs_) had_ended_.push_back(leg->has_ended());
    source_failure_ = error;
    pipe.fail(error);
  }

  std::vector<Delivered> results() {
    std::vector<Delivered> results;
    for (std::size_t leg = 0; leg < legs_.size(); ++leg) {
      results.push_back(legs_[leg]->result());
      if (source_failure_ && !had_ended_[leg] && results.back().failure) {
        results.back().failure = source_failure_;
      }
    }
    return results;
  }

 private:
  std::atomic<std::size_t> running_;
  std::vector<bool> had_ended_;
  std::optional<Error> source_failure_;
  std::vector<std::unique_ptr<TargetLeg>> legs_;  // the last: their threads use the others
};

Bytes read_beginning(ByteSource& from, MutableBytes buffer) {
  std::string why = "it ends too early";
  try {
    if (const auto count = from.read(buffer)) return buffer.first(count);
  } catch (const Error& error) {
    why = error.what();
  }
  throw Error(ErrorKind::Corrupt, Origin::Source, fmt::format("can't be read again: {}", why));
}

// Its target goes on behind all of it, so what is not hashed here would be hashed nowhere.
void give_whole(const BegunItem& begun, ByteSink& to) {
  std::vector<std::byte> buffer(Pipe::kChunkSize);
  for (auto left = begun.size; left > 0;) {
    const auto most = static_cast<std::size_t>(std::min<std::uint64_t>(left, buffer.size()));
    const auto bytes = read_beginning(*begun.bytes, MutableBytes(buffer).first(most));
    to.write(bytes);
    left -= bytes.size();
  }
}

// What is wrong with a target is for its own leg to tell.
std::optional<BegunItem> begun_of(const Delivery& delivery) {
  try {
    return delivery.target->begun(*delivery.blob);
  } catch (const Error&) {
    return std::nullopt;
  }
}

// One target's beginning vouches for nobody else's: the others are given those bytes anew.
Head head_of(const TransferOrder& order, const SourceCourse& course) {
  Head head = no_head(order);
  if (order.head_start) {
    head.give = order.head_start;
    return head;
  }
  if (const auto parts = parts_of_all(order.deliveries, course)) {
    head.begun.assign(order.deliveries.size(), parts);
    head.hashed = course.trail.at(parts);
    return head;
  }
  for (std::size_t at = 0; at < order.deliveries.size(); ++at) {
    auto begun = begun_of(order.deliveries[at]);
    if (!begun || !begun->bytes || (head.item && head.item->size >= begun->size)) continue;
    head = no_head(order);
    head.begun[at] = begun->size;
    head.item = std::make_shared<const BegunItem>(std::move(*begun));
  }
  if (head.item) {
    head.give = [item = head.item](ByteSink& sink) { give_whole(*item, sink); };
  }
  return head;
}

// What was fetched for nobody was not used.
FetchedBytes fetched_by(const SourceLeg& source, const std::vector<Delivered>& delivered) {
  const bool is_used = std::any_of(delivered.begin(), delivered.end(),
                                   [](const Delivered& each) { return each.held.has_value(); });
  return {source.fetched(), is_used ? source.brought() : 0};
}

TransferResult attempt(const TransferOrder& order, const Head& head, SourceCourse& course,
                       const TransferRules& rules, const TransferListener& listener) {
  const auto size = order.deliveries.front().blob->content.size;
  Pipe pipe(rules.depth, order.deliveries.size(), rules.stop, size);
  std::stop_source source_leg;
  const std::stop_callback on_stop(rules.stop, [&] { source_leg.request_stop(); });
  SourceLeg source(order, course, rules, source_leg.get_token(), listener);
  TargetLegs target_legs(order, head, pipe, source_leg);
  try {
    source.pour(head, pipe.in());
  } catch (const PipeClosed&) {
    // Every target has all it needs, or has failed and says why.
  } catch (const Cancelled&) {
    // The run's stop ends the targets, too.
  } catch (const std::exception& error) {
    target_legs.source_failed(as_error(error), pipe);
  }
  auto delivered = target_legs.results();
  const auto fetched = fetched_by(source, delivered);
  return {std::move(delivered), fetched, source.head_start_failed()};
}

}  // namespace

std::uint64_t parts_of_all(std::span<const Delivery> deliveries, const SourceCourse& course) {
  if (common_part_size(deliveries) == 0) return 0;
  auto least = deliveries.front().blob->content.size;
  for (const auto& delivery : deliveries) {
    const auto begun = begun_of(delivery);
    least = std::min(least, begun ? begun->size : 0);
  }
  return course.trail.at(least) ? least : 0;
}

void move_on(SourceCourse& course, std::span<const ItemPlace> places, Error& error) {
  const auto& next = places[++course.place];
  course.progress.validator.clear();
  course.progress.takes_parts = true;
  error.add_context(fmt::format("asking {} instead", next.source->describe(next.path)));
}

bool has_wrong_bytes(const Error& error) {
  return error.kind() == ErrorKind::Corrupt && error.origin() == Origin::Source;
}

Error as_error(const std::exception& failure) {
  const auto* error = dynamic_cast<const Error*>(&failure);
  return error != nullptr ? *error : Error(ErrorKind::Protocol, Origin::Local, failure.what());
}

TransferResult transfer(const TransferOrder& order, SourceCourse& course,
                        const TransferRules& rules, const TransferListener& listener) {
  TransferResult result;
  {
    const Head head = head_of(order, course);
    result = attempt(order, head, course, rules, listener);
    if (!head.give) return result;
  }
  std::vector<Delivery> again;
  std::vector<std::size_t> at;
  for (std::size_t index = 0; index < result.delivered.size(); ++index) {
    const auto& failure = result.delivered[index].failure;
    if (failure && has_wrong_bytes(*failure)) {
      again.push_back(order.deliveries[index]);
      at.push_back(index);
    }
  }
  if (again.empty()) return result;
  Error doubt = *result.delivered[at.front()].failure;
  doubt.add_context("together with what was there of it");
  listener.on_retry(doubt, std::chrono::milliseconds(0));
  const TransferOrder rest{order.places, again, nullptr};
  auto second = attempt(rest, no_head(rest), course, rules, listener);
  // The others were given other bytes.
  if (again.size() < order.deliveries.size()) course.trail.cut(0);
  for (std::size_t index = 0; index < at.size(); ++index) {
    result.delivered[at[index]] = std::move(second.delivered[index]);
  }
  result.fetched += second.fetched;
  result.head_start_failed = true;
  return result;
}

}  // namespace streamsync
