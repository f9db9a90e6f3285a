// A tiny language over an item's metadata and its score: what a business adds to likeness.
//
//   score + 0.2 * recency(added, 30) + if(stock > 0, 0.1, -1) * (brand == "Nimbus")
//
// Numbers, "texts", true and false as 1 and 0; score; names of metadata (price, shop.margin); + - * / and signs;
// < <= > >= == != (1 or 0); and, or, not; min, max (of two or more), log, abs, has(name), if(condition, then, else),
// recency(name, days): 1 for now, half of it for each so many days since. What an item lacks is 0 and equals nothing, a
// text is 0 but where it is compared with a text. What has no number (1 / 0, log(-1)) is 0: an answer never is.
// Thread safety: an expression is immutable.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/base.h"

namespace pictor {

using BoostValue = std::variant<std::monostate, double, std::string>;  // nothing, a number, a text

struct BoostRow {
  double score = 0;
  std::function<BoostValue(std::string_view name)> column;
  std::int64_t now_us = 0;  // since 1970
};

// A summand of the whole, as it was written.
struct BoostTerm {
  std::string text;
  double value = 0;
};

struct BoostNode;

class Boost {
 public:
  // kInvalid: a fault, with the place and a caret below it; kLimit: too long, too large or too deep.
  static Result<Boost> parse(std::string_view text);
  ~Boost();
  Boost(Boost&&) noexcept;
  Boost& operator=(Boost&&) noexcept;

  // Finite. `terms`, if it is not null, gets the summands.
  double value(const BoostRow& row, std::vector<BoostTerm>* terms = nullptr) const;

 private:
  struct Term {
    std::string text;
    double sign = 1;
    std::unique_ptr<const BoostNode> node;
  };
  Boost();
  std::vector<Term> terms_;
  friend class BoostParser;
};

// Days since 1970 of "2026-05-31", whatever follows it; nothing when it is no date.
std::optional<double> boost_date(std::string_view text);

}  // namespace pictor
