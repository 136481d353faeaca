#include "keystone/process_environment.h"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <cstring>

#include "tests/support/loopback_server.h"

namespace streamsync {
namespace {

TEST_CASE("secrets leave the environment of the process") {
  testing::start_process();
  const std::string name =
      GENERATE(as<std::string>{}, "OS_PASSWORD", "OS_TOKEN", "OS_AUTH_TOKEN",
               "OS_APPLICATION_CREDENTIAL_SECRET", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN");
  CAPTURE(name);
  // Without a copy, as the kernel hands variables over.
  std::string entry = name + "=hunter2";
  ::putenv(entry.data());
  const Environment environment = take_process_environment();
  CHECK(environment(name) == "hunter2");
  CHECK(std::getenv(name.c_str()) == nullptr);
  CHECK(entry.find("hunter2") == std::string::npos);
}

TEST_CASE("what is no secret stays where it is") {
  testing::start_process();
  ::setenv("OS_USERNAME", "demo", 1);
  ::unsetenv("OS_PASSWORD");
  const Environment environment = take_process_environment();
  CHECK(environment("OS_USERNAME") == "demo");
  CHECK(std::getenv("OS_USERNAME") == std::string("demo"));
  CHECK_FALSE(environment("OS_PASSWORD"));
  ::unsetenv("OS_USERNAME");
  CHECK_FALSE(environment("OS_USERNAME"));
}

}  // namespace
}  // namespace streamsync
