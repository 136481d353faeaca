#include "base/http/address.h"

#include <netinet/in.h>

#include <catch2/catch.hpp>
#include <cstring>

namespace streamsync {
namespace {

TEST_CASE("how far an address reaches") {
  const auto [text, rank] = GENERATE(table<std::string, AddressRank>({
      {"169.254.0.0", AddressRank::LinkLocal},
      {"169.254.169.254", AddressRank::LinkLocal},
      {"::ffff:169.254.169.254", AddressRank::LinkLocal},
      {"fe80::1", AddressRank::LinkLocal},
      {"[fe80::1%25eth0]", AddressRank::LinkLocal},
      {"febf:ffff::1", AddressRank::LinkLocal},
      {"127.0.0.1", AddressRank::Loopback},
      {"127.255.255.255", AddressRank::Loopback},
      {"::ffff:127.0.0.1", AddressRank::Loopback},
      {"0.0.0.0", AddressRank::Loopback},
      {"[::1]", AddressRank::Loopback},
      {"::", AddressRank::Loopback},
      {"10.0.0.1", AddressRank::Private},
      {"172.16.0.1", AddressRank::Private},
      {"172.31.255.255", AddressRank::Private},
      {"192.168.1.1", AddressRank::Private},
      {"100.64.0.1", AddressRank::Private},
      {"100.127.255.255", AddressRank::Private},
      {"fc00::1", AddressRank::Private},
      {"fd00:ec2::254", AddressRank::LinkLocal},
      {"168.63.129.16", AddressRank::LinkLocal},
      {"192.0.0.192", AddressRank::LinkLocal},
      {"100.100.100.200", AddressRank::LinkLocal},
      {"fd00:ec2::255", AddressRank::Private},
      {"64:ff9b::a9fe:a9fe", AddressRank::Private},
      {"2002:a9fe:a9fe::1", AddressRank::Private},
      {"::ffff:10.0.0.1", AddressRank::Private},
      {"169.253.255.255", AddressRank::Public},
      {"169.255.0.0", AddressRank::Public},
      {"126.255.255.255", AddressRank::Public},
      {"128.0.0.0", AddressRank::Public},
      {"11.0.0.0", AddressRank::Public},
      {"172.15.255.255", AddressRank::Public},
      {"172.32.0.0", AddressRank::Public},
      {"192.169.0.0", AddressRank::Public},
      {"100.63.255.255", AddressRank::Public},
      {"100.128.0.0", AddressRank::Public},
      {"185.125.190.37", AddressRank::Public},
      {"::2", AddressRank::Public},
      {"2001:67c:1562::1", AddressRank::Public},
      {"fbff::1", AddressRank::Public},
      {"fe00::1", AddressRank::Public},
      {"ff02::1", AddressRank::Public},
  }));
  CAPTURE(text);
  const auto address = Address::parse(text);
  REQUIRE(address);
  CHECK(address->rank() == rank);
}

TEST_CASE("what is further away ranks higher") {
  CHECK(AddressRank::LinkLocal < AddressRank::Loopback);
  CHECK(AddressRank::Loopback < AddressRank::Private);
  CHECK(AddressRank::Private < AddressRank::Public);
}

TEST_CASE("names are no addresses") {
  const auto text = GENERATE(as<std::string>{}, "", "localhost", "1.2.3", "1.2.3.4.5", "1.2.3.256",
                             "::g", "10.0.0.0/8", "1.2.3.4 ");
  CHECK_FALSE(Address::parse(text));
}

TEST_CASE("an address is written as people write it") {
  CHECK(Address::parse("::ffff:10.0.0.1")->str() == "10.0.0.1");
  CHECK(Address::parse("[FE80:0::1]")->str() == "fe80::1");
}

TEST_CASE("networks and what is in them") {
  const auto [text, network, is_in] = GENERATE(table<std::string, std::string, bool>({
      {"10.1.2.3", "10.0.0.0/8", true},
      {"11.1.2.3", "10.0.0.0/8", false},
      {"10.1.2.3", "0.0.0.0/0", true},
      {"10.1.2.3", "10.1.2.3", true},
      {"10.1.2.4", "10.1.2.3", false},
      {"10.1.2.3", "10.1.2.2/31", true},
      {"10.1.2.4", "10.1.2.2/31", false},
      {"fd00::1", "fd00::/8", true},
      {"fd00::1", "[fd00::1]", true},
      {"fd00::1", "::/0", true},
      {"10.1.2.3", "::/0", false},
      {"fd00::1", "0.0.0.0/0", false},
      {"10.1.2.3", "10.0.0.0/33", false},
      {"10.1.2.3", "10.0.0.0/", false},
      {"10.1.2.3", "10.0.0.0/x", false},
      {"10.1.2.3", "example.com", false},
      {"10.1.2.3", "", false},
      {"fd00::1", "fd00::/129", false},
  }));
  CAPTURE(text, network);
  CHECK(Address::parse(text)->is_in(network) == is_in);
}

TEST_CASE("addresses as the kernel has them") {
  sockaddr_storage storage{};
  auto* generic = reinterpret_cast<sockaddr*>(&storage);
  SECTION("IPv4") {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(0x7F000001);
    std::memcpy(&storage, &address, sizeof address);
    CHECK(Address::of(*generic) == Address::parse("127.0.0.1"));
  }
  SECTION("IPv6") {
    sockaddr_in6 address{};
    address.sin6_family = AF_INET6;
    address.sin6_addr = in6addr_loopback;
    std::memcpy(&storage, &address, sizeof address);
    CHECK(Address::of(*generic) == Address::parse("::1"));
  }
  SECTION("others") {
    generic->sa_family = AF_UNIX;
    CHECK_FALSE(Address::of(*generic));
  }
}

}  // namespace
}  // namespace streamsync
