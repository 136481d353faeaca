#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "base/crypto/secret.h"
#include "base/environment.h"
#include "base/http/url.h"

namespace streamsync {

/// What is needed to talk to one S3 service.
struct S3Account {
  Url endpoint;
  std::string region;
  std::string access_key;
  Secret secret_key;
  Secret session_token{};  ///< of temporary keys
  std::optional<std::filesystem::path> ca_file{};
};

/// The variables that S3's own clients read: AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL,
/// AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_REGION or AWS_DEFAULT_REGION,
/// AWS_CA_BUNDLE. Throws `Error{Config, Config}`; all that is missing is named in one message.
S3Account s3_account_from(const Environment& environment);

}  // namespace streamsync
