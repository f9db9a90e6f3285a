// Which request serve_load sends next, and when it is due.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "serve_load_requests.h"
#include "serve_load_settings.h"

namespace pictor::load {

struct Sent {
  std::size_t of = 0;      // its class
  std::size_t number = 0;  // among the prepared ones of its class
  std::uint64_t serial = 0;
  std::int64_t due_us = 0;
};

class Source {
 public:
  Source(const Settings& settings, const std::vector<RequestClass>& classes)
      : settings_(settings), random_(settings.seed), serial_(settings.serial) {
    for (const auto& one : classes) {
      const auto share = settings.shares.find(one.name);
      classes_.push_back(
          {one.name, one.requests.size(), share == settings.shares.end() ? 0.0 : share->second, settings.first, 0, 0});
    }
  }

  void begin(std::int64_t at_us) {
    for (auto& one : classes_) one.next_us = static_cast<double>(at_us) + gap_us(one.share);
  }

  // Open: all that became due until now. Serial numbers rise with the time that is due.
  void take_due(std::int64_t until_us, std::deque<Sent>& out) {
    while (true) {
      Class* next = nullptr;
      for (auto& one : classes_) {
        if (one.share > 0 && (next == nullptr || one.next_us < next->next_us)) next = &one;
      }
      if (next == nullptr || next->next_us > static_cast<double>(until_us) || left() == 0) return;
      const auto due = static_cast<std::int64_t>(next->next_us);
      next->next_us += gap_us(next->share);
      if (const auto sent = make(*next, due)) out.push_back(*sent);
    }
  }

  std::int64_t next_due_us() const {
    double next = 9e18;
    for (const auto& one : classes_) next = one.share > 0 ? std::min(next, one.next_us) : next;
    return static_cast<std::int64_t>(next);
  }

  // Closed: the class that is most behind its weight. None: nothing can be sent now.
  std::optional<Sent> take(std::int64_t at_us) {
    if (left() == 0) return std::nullopt;
    Class* next = nullptr;
    for (auto& one : classes_) {
      if (one.share <= 0 || (one.name == "delete" && put_.empty())) continue;
      if (next == nullptr || (one.taken + 1) / one.share < (next->taken + 1) / next->share) next = &one;
    }
    if (next == nullptr) return std::nullopt;
    return make(*next, at_us);
  }

  void was_put(std::uint64_t serial) { put_.push_back(serial); }

 private:
  struct Class {
    std::string name;
    std::size_t count;  // of prepared requests
    double share;
    std::uint64_t next;  // of them
    double taken;
    double next_us;
  };

  std::uint64_t left() const { return settings_.requests_max - made_; }

  double gap_us(double share) {
    if (share <= 0) return 0;
    const double mean = 1e6 / share;
    return settings_.poisson ? std::exponential_distribution<double>(1 / mean)(random_) : mean;
  }

  std::optional<Sent> make(Class& one, std::int64_t due_us) {
    one.taken += 1;
    Sent sent{static_cast<std::size_t>(&one - classes_.data()), static_cast<std::size_t>(one.next++ % one.count), 0,
              due_us};
    if (one.name == "delete") {
      if (put_.empty()) return std::nullopt;
      sent.serial = put_.front();
      put_.pop_front();
    } else {
      sent.serial = serial_++;
    }
    ++made_;
    return sent;
  }

  const Settings& settings_;
  std::mt19937_64 random_;
  std::vector<Class> classes_;
  std::deque<std::uint64_t> put_;
  std::uint64_t serial_, made_ = 0;
};

}  // namespace pictor::load
