// What people (or rules) said is right: a grade for pairs of a query and an item.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "measure/lines.h"

namespace pictor {

using Grades = std::map<std::string, int, std::less<>>;  // by item

struct Judgements {
  std::map<std::string, Grades, std::less<>> queries;
  std::map<std::string, SliceValues, std::less<>> slices;  // by query; of those that have any
  std::uint64_t count = 0;                                 // of pairs

  // False: the pair is judged already.
  bool add(std::string_view query, std::string_view item, int grade);
};

struct ReadJudgements {
  Judgements judgements;  // what was read rightly
  TextFaults faults;
};

// TREC qrels, lines of `QUERY 0 ITEM GRADE` (the second field is not looked at), or CSV whose header has the columns
// query, item and grade; its other columns are slices of the query, and all its rows must agree on them. A text whose
// first line has such a header is CSV. A pair that is judged twice is a fault.
ReadJudgements read_judgements(std::string_view text);

// As qrels, queries and items in the order of their bytes.
std::string write_qrels(const Judgements& judgements);

}  // namespace pictor
