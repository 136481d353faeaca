#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

struct sockaddr;

namespace streamsync {

/// How far an address reaches, nearest first.
enum class AddressRank {
  LinkLocal,  ///< 169.254/16 (RFC 3927), fe80::/10: where clouds keep their metadata service
  Loopback,   ///< 127/8, ::1, and the unspecified address, which the kernel takes for it
  Private,    ///< RFC 1918, 100.64/10 (RFC 6598), fc00::/7 (RFC 4193), fec0::/10 (RFC 3879)
  Public,
};
std::string_view to_string(AddressRank rank) noexcept;  // "link-local", "loopback" …

/// An IP address. IPv4 is held as IPv4-mapped IPv6 (RFC 4291 §2.5.5.2), so that both spellings of
/// one host are the same address and have one rank.
class Address {
 public:
  /// Numeric text, IPv6 also as URLs have it, in brackets and with a zone. None for names.
  static std::optional<Address> parse(std::string_view text);
  /// None for families other than IPv4 and IPv6.
  static std::optional<Address> of(const sockaddr& address);

  AddressRank rank() const;
  /// Whether `network`, as in "10.0.0.0/8" or "fe80::/10", holds it. An address alone is a network
  /// of one; text that is neither holds nothing.
  bool is_in(std::string_view network) const;
  std::string str() const;

  bool operator==(const Address&) const = default;

 private:
  using Octets = std::array<unsigned char, 16>;
  explicit Address(const Octets& octets) : octets_(octets) {}
  bool is_ipv4() const;

  Octets octets_;
};

}  // namespace streamsync
