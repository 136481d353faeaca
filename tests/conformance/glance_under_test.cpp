#include <list>
#include <stdexcept>
#include <stop_token>
#include <vector>

#include "tests/conformance/item_target_under_test.h"
#include "tests/support/image_scope.h"
#include "tests/support/ubuntu_blob.h"

namespace streamsync {
namespace {

using testing::cloud_credentials;

class StringSink final : public ByteSink {
 public:
  void write(Bytes bytes) override { text += as_text(bytes); }
  void finish() override {}
  std::string text;
};

/// Images of the administrator, as those of the test cloud's user `other` see them.
class GlanceItems final : public ItemTargetUnderTest {
 public:
  std::unique_ptr<ItemTarget> open() override { return open_as(scope_.policy); }
  std::unique_ptr<ItemTarget> open_other_scope() override { return open_as(other_scope_.policy); }

  std::string bytes_of(const Held& held) override {
    StringSink sink;
    scope_.images.download(held.placement, sink);
    return sink.text;
  }

  std::set<std::string> visible() override {
    std::set<std::string> ids;
    for (const Image& image : scope_.list_in(others_.images)) {
      if (image.owner == scope_.session.project_id()) ids.insert(image.id);
    }
    return ids;
  }

  HeldState state_when_staged() const override { return HeldState::Unrevealed; }

  void add_foreign() override {
    const Tags ours = image_properties(testing::ubuntu_blob("foreign").item, scope_.policy);
    Tags of_other_stream = ours;
    of_other_stream["content_id"] = scope_.policy.content_id + ".more";
    Tags without_address = ours;
    without_address.erase("version_name");
    // "community" is what every project may make, and everybody can see.
    for (const char* visibility : {"community", "private"}) {
      create(scope_.images, visibility, of_other_stream);
      create(scope_.images, visibility, without_address);
      create(others_.images, visibility, ours);
    }
  }
  bool has_all_foreign() override {
    for (const Foreign& foreign : foreign_) {
      if (!foreign.images->find(foreign.id)) return false;
    }
    return true;
  }

  Use take_out_of_use(const Held& held) override {
    const Url image = scope_.endpoint.append("v2/images/" + held.placement.str());
    const Response response =
        scope_.session.send({.method = "POST", .url = image.append("actions/deactivate")});
    if (response.status != 204) throw std::runtime_error("not deactivated: " + response.body);
    return Use::Stopped;
  }

  ~GlanceItems() override {
    for (const Foreign& foreign : foreign_) foreign.images->remove(foreign.id);
  }

 private:
  struct Foreign {
    ImageClient* images;
    std::string id;
  };

  std::unique_ptr<ItemTarget> open_as(const ImagePolicy& policy) {
    sessions_.emplace_back(credentials_, HttpOptions{}, RetryPolicy{}, std::stop_token{});
    // Each has a journal of its own, as two units have.
    return std::make_unique<GlanceTarget>(sessions_.back(), scope_.endpoint, scope_.region, policy,
                                          scope_.journal() / std::to_string(sessions_.size()));
  }

  void create(ImageClient& images, const char* visibility, const Tags& properties) {
    const std::string id = image_id(scope_.policy, testing::ubuntu_blob("foreign"),
                                    static_cast<unsigned>(foreign_.size()));
    if (images.create({{"id", id}, {"visibility", visibility}}, properties).created !=
        ImageClient::Created::Yes) {
      throw std::runtime_error("no foreign image");
    }
    foreign_.push_back({&images, id});
  }

  Credentials credentials_ = cloud_credentials().value();
  testing::ImageScope scope_{credentials_};
  testing::ImageScope other_scope_{credentials_};
  testing::ImageScope others_{cloud_credentials(testing::variables_of("other")).value()};
  std::list<KeystoneSession> sessions_;  // stay where they are
  std::vector<Foreign> foreign_;
};

}  // namespace

std::unique_ptr<ItemTargetUnderTest> item_target_under_test() {
  return std::make_unique<GlanceItems>();
}

}  // namespace streamsync
