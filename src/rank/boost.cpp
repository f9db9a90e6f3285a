#include "rank/boost.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "rank/boost_node.h"

namespace pictor {
namespace {

constexpr double kUsADay = 86'400e6;

double finite(double number) { return std::isfinite(number) ? number : 0; }

BoostValue value_of(const BoostNode& node, const BoostRow& row) {
  if (node.operation == BoostOperation::kText) return node.text;
  if (node.operation == BoostOperation::kColumn) return row.column ? row.column(node.text) : BoostValue();
  return boost_number(node, row);
}

double number_of(const BoostValue& value) {
  const auto* number = std::get_if<double>(&value);
  return number == nullptr ? 0 : finite(*number);
}

bool equal(const BoostNode& node, const BoostRow& row) {
  const BoostValue a = value_of(*node.of[0], row), b = value_of(*node.of[1], row);
  return a.index() != 0 && a == b;
}

// A date as a text, or seconds since 1970.
double recency(const BoostNode& node, const BoostRow& row) {
  const BoostValue value = value_of(*node.of[0], row);
  const double half_life = boost_number(*node.of[1], row);
  std::optional<double> day;
  if (const auto* text = std::get_if<std::string>(&value)) day = boost_date(*text);
  if (const auto* seconds = std::get_if<double>(&value)) day = *seconds / 86'400;
  if (!day || half_life <= 0) return 0;
  const double age = std::max(0.0, static_cast<double>(row.now_us) / kUsADay - *day);
  return std::exp2(-age / half_life);
}

double extreme(const BoostNode& node, const BoostRow& row, bool least) {
  double most = boost_number(*node.of[0], row);
  for (std::size_t i = 1; i < node.of.size(); ++i) {
    const double other = boost_number(*node.of[i], row);
    most = least ? std::min(most, other) : std::max(most, other);
  }
  return most;
}

std::optional<int> digits(std::string_view text) {
  int number = 0;
  const auto end = std::from_chars(text.data(), text.data() + text.size(), number);
  if (end.ec != std::errc() || end.ptr != text.data() + text.size() || number < 0) return std::nullopt;
  return number;
}

}  // namespace

// Days of the proleptic Gregorian calendar (Hinnant, chrono-compatible low-level date algorithms).
std::optional<double> boost_date(std::string_view text) {
  if (text.size() < 10 || text[4] != '-' || text[7] != '-') return std::nullopt;
  const auto year = digits(text.substr(0, 4)), month = digits(text.substr(5, 2)), day = digits(text.substr(8, 2));
  if (!year || !month || !day || *month < 1 || *month > 12 || *day < 1 || *day > 31) return std::nullopt;
  const int y = *month <= 2 ? *year - 1 : *year;
  const int era = (y >= 0 ? y : y - 399) / 400;
  const int of_era = y - era * 400;
  const int of_year = (153 * (*month + (*month > 2 ? -3 : 9)) + 2) / 5 + *day - 1;
  const int day_of_era = of_era * 365 + of_era / 4 - of_era / 100 + of_year;
  return static_cast<double>(era) * 146'097 + day_of_era - 719'468;
}

double boost_number(const BoostNode& node, const BoostRow& row) {
  const auto of = [&](std::size_t i) { return boost_number(*node.of[i], row); };
  switch (node.operation) {
    case BoostOperation::kNumber: return node.number;
    case BoostOperation::kText: return 0;
    case BoostOperation::kScore: return finite(row.score);
    case BoostOperation::kColumn: return number_of(value_of(node, row));
    case BoostOperation::kAdd: return finite(of(0) + of(1));
    case BoostOperation::kSubtract: return finite(of(0) - of(1));
    case BoostOperation::kMultiply: return finite(of(0) * of(1));
    case BoostOperation::kDivide: return finite(of(0) / of(1));
    case BoostOperation::kLess: return of(0) < of(1) ? 1 : 0;
    case BoostOperation::kLessOrEqual: return of(0) <= of(1) ? 1 : 0;
    case BoostOperation::kEqual: return equal(node, row) ? 1 : 0;
    case BoostOperation::kUnequal: return equal(node, row) ? 0 : 1;
    case BoostOperation::kAnd: return of(0) != 0 && of(1) != 0 ? 1 : 0;
    case BoostOperation::kOr: return of(0) != 0 || of(1) != 0 ? 1 : 0;
    case BoostOperation::kNot: return of(0) == 0 ? 1 : 0;
    case BoostOperation::kMin: return extreme(node, row, true);
    case BoostOperation::kMax: return extreme(node, row, false);
    case BoostOperation::kLog: return finite(std::log(of(0)));
    case BoostOperation::kAbs: return std::fabs(of(0));
    case BoostOperation::kIf: return of(0) != 0 ? of(1) : of(2);
    case BoostOperation::kHas: return value_of(*node.of[0], row).index() != 0 ? 1 : 0;
    case BoostOperation::kRecency: return finite(recency(node, row));
  }
  return 0;
}

Boost::Boost() = default;
Boost::~Boost() = default;
Boost::Boost(Boost&&) noexcept = default;
Boost& Boost::operator=(Boost&&) noexcept = default;

double Boost::value(const BoostRow& row, std::vector<BoostTerm>* terms) const {
  double sum = 0;
  for (const auto& term : terms_) {
    const double value = term.sign * boost_number(*term.node, row);
    sum = finite(sum + value);
    if (terms != nullptr) terms->push_back({(term.sign < 0 ? "- " : "") + term.text, value});
  }
  return sum;
}

}  // namespace pictor
