#pragma once

#include <condition_variable>
#include <mutex>
#include <set>
#include <string>
#include <utility>

namespace streamsync {

/// The right to write a name, which one thread has at a time.
class NameClaims {
 public:
  class Claim {
   public:
    /// Waits until nobody else has it.
    Claim(NameClaims& claims, std::string name) : claims_(claims), name_(std::move(name)) {
      std::unique_lock lock(claims_.mutex_);
      claims_.ended_.wait(lock, [this] { return !claims_.taken_.contains(name_); });
      claims_.taken_.insert(name_);
    }
    ~Claim() {
      {
        const std::lock_guard lock(claims_.mutex_);
        claims_.taken_.erase(name_);
      }
      claims_.ended_.notify_all();
    }
    Claim(const Claim&) = delete;
    Claim& operator=(const Claim&) = delete;

   private:
    NameClaims& claims_;
    std::string name_;
  };

 private:
  std::mutex mutex_;
  std::condition_variable ended_;
  std::set<std::string> taken_;
};

}  // namespace streamsync
