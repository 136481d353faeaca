#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "glance/image_client.h"
#include "glance/image_properties.h"
#include "streams/target.h"

namespace streamsync {

/// Images of one project and content_id in one region (`cli.md` §4.3). A new image is private and
/// hidden, with all its properties, until what Glance stored was compared (T25).
class GlanceTarget final : public ItemTarget {
 public:
  /// `endpoint` is that of `region`. In `journal`, a directory that is made when it is needed,
  /// stand the uploads that have begun.
  GlanceTarget(KeystoneSession& session, const Url& endpoint, std::string region,
               ImagePolicy policy, std::filesystem::path journal);
  ~GlanceTarget() override;

  /// Two requests: one filtered list per os_hidden value (`cli.md` §4.9).
  std::vector<Held> inventory() override;
  std::string name_of(const Item& item) const override;
  std::optional<Drift> drift(const Held& held, const Item* told) const override;
  Held update(const Held& held, const Item* told) override;
  /// Throws `Error{Denied, Target}` where new images may not have the wanted visibility.
  void announce(const std::vector<BlobSpec>& coming) override;
  Held stage(const BlobSpec& blob, ByteSource& bytes) override;
  void copy_out(const Held& held, ByteSink& to) override;
  std::optional<Held> verify_unrevealed(const Held& held, const BlobSpec& blob) override;
  void reveal(const Held& held) override;
  std::optional<std::vector<Held>> look_again() override { return inventory(); }
  void mark_latest(std::span<const Held> shown) override;
  /// Asks who uses them. What is in use, or may be, is to be hidden; what is protected stays.
  RemovalJudgement judge_removals(std::span<const Held> held) override;
  Removal remove(const Held& held) override;
  void hide(const Held& held) override;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace streamsync
