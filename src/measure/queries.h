// Queries that a search is asked to answer for an evaluation.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "measure/lines.h"

namespace pictor {

// At least one of text, picture and item is given; several are one query of several parts.
struct EvalQuery {
  std::string id;
  std::string text;
  std::string picture;  // a path, as written
  std::string item;     // an item of the collection
  std::string where;    // a filter
  SliceValues slices;
  std::uint64_t line = 0;
};

struct ReadQueries {
  std::vector<EvalQuery> queries;  // in the order of the text
  TextFaults faults;
};

// CSV with a header, or JSON objects one a line (a text whose first letter is '{'). Columns or keys: id (or query),
// text, picture (or image), item, where (or filter); all others are slices.
ReadQueries read_queries(std::string_view text);

}  // namespace pictor
