#include "base/http/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/text.h"

namespace streamsync {
namespace {

constexpr std::array<unsigned char, 12> kMapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
constexpr std::uint64_t kMappedBits = 96;
constexpr std::uint64_t kBits = 128;

// The first that holds decides. Where clouds keep what their machines may know of themselves ranks
// with 169.254.169.254; what is translated to an IPv4 address is none of the public ones.
constexpr std::array<std::pair<std::string_view, AddressRank>, 18> kNetworks = {{
    {"168.63.129.16/32", AddressRank::LinkLocal},
    {"192.0.0.192/32", AddressRank::LinkLocal},
    {"100.100.100.200/32", AddressRank::LinkLocal},
    {"fd00:ec2::254/128", AddressRank::LinkLocal},
    {"64:ff9b::/96", AddressRank::Private},
    {"2002::/16", AddressRank::Private},
    {"169.254.0.0/16", AddressRank::LinkLocal},
    {"fe80::/10", AddressRank::LinkLocal},
    {"127.0.0.0/8", AddressRank::Loopback},
    {"::1/128", AddressRank::Loopback},
    {"0.0.0.0/8", AddressRank::Loopback},
    {"::/128", AddressRank::Loopback},
    {"10.0.0.0/8", AddressRank::Private},
    {"172.16.0.0/12", AddressRank::Private},
    {"192.168.0.0/16", AddressRank::Private},
    {"100.64.0.0/10", AddressRank::Private},
    {"fc00::/7", AddressRank::Private},
    {"fec0::/10", AddressRank::Private},
}};

/// "[fe80::1%25eth0]" is fe80::1: on which link it is changes nothing here.
std::string without_brackets_and_zone(std::string_view text) {
  if (text.starts_with('[') && text.ends_with(']')) text = text.substr(1, text.size() - 2);
  return std::string(text.substr(0, text.find('%')));
}

}  // namespace

std::string_view to_string(AddressRank rank) noexcept {
  switch (rank) {
    case AddressRank::LinkLocal:
      return "link-local";
    case AddressRank::Loopback:
      return "loopback";
    case AddressRank::Private:
      return "private";
    case AddressRank::Public:
      break;
  }
  return "public";
}

std::optional<Address> Address::parse(std::string_view text) {
  const std::string plain = without_brackets_and_zone(text);
  Octets octets{};
  if (::inet_pton(AF_INET6, plain.c_str(), octets.data()) == 1) return Address(octets);
  std::copy(kMapped.begin(), kMapped.end(), octets.begin());
  if (::inet_pton(AF_INET, plain.c_str(), octets.data() + kMapped.size()) == 1) {
    return Address(octets);
  }
  return std::nullopt;
}

std::optional<Address> Address::of(const sockaddr& address) {
  Octets octets{};
  if (address.sa_family == AF_INET6) {
    sockaddr_in6 whole{};
    std::memcpy(&whole, &address, sizeof whole);
    std::memcpy(octets.data(), &whole.sin6_addr, octets.size());
    return Address(octets);
  }
  if (address.sa_family != AF_INET) return std::nullopt;
  sockaddr_in whole{};
  std::memcpy(&whole, &address, sizeof whole);
  std::copy(kMapped.begin(), kMapped.end(), octets.begin());
  std::memcpy(octets.data() + kMapped.size(), &whole.sin_addr, sizeof whole.sin_addr);
  return Address(octets);
}

bool Address::is_ipv4() const {
  return std::equal(kMapped.begin(), kMapped.end(), octets_.begin());
}

AddressRank Address::rank() const {
  for (const auto& [network, rank] : kNetworks) {
    if (is_in(network)) return rank;
  }
  return AddressRank::Public;
}

bool Address::is_in(std::string_view network) const {
  const auto slash = network.find('/');
  const auto base = parse(network.substr(0, slash));
  if (!base || base->is_ipv4() != is_ipv4()) return false;
  std::uint64_t bits = kBits;
  if (slash != std::string_view::npos) {
    const auto given = parse_decimal(network.substr(slash + 1));
    const std::uint64_t before = is_ipv4() ? kMappedBits : 0;
    if (!given || *given > kBits - before) return false;
    bits = before + *given;
  }
  const auto whole = static_cast<std::ptrdiff_t>(bits / 8);
  if (!std::equal(octets_.begin(), octets_.begin() + whole, base->octets_.begin())) return false;
  if (bits % 8 == 0) return true;
  const auto at = static_cast<std::size_t>(whole);
  return (octets_[at] ^ base->octets_[at]) >> (8 - bits % 8) == 0;
}

std::string Address::str() const {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (is_ipv4()) {
    ::inet_ntop(AF_INET, octets_.data() + kMapped.size(), text.data(), text.size());
  } else {
    ::inet_ntop(AF_INET6, octets_.data(), text.data(), text.size());
  }
  return text.data();
}

}  // namespace streamsync
