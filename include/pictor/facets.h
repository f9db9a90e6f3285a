// What values a field of the metadata has, and how many items have each: for menus that narrow a search.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace pictor {

struct FacetRequest {
  std::string collection;
  std::vector<std::string> fields;  // as a filter names them: "brand", "size.w", "@format"
  std::string where;                // of these items alone; empty: all
  std::size_t most = 20;            // values of a field that are listed
};

struct FacetValue {
  std::string value;  // JSON: "\"Acme\"", "20", "true", "null"
  std::uint64_t items = 0;
};

// An array counts as its elements, each once an item; objects, and arrays within arrays, count as nothing.
struct Facet {
  std::string field;
  std::vector<FacetValue> values;         // of most items first, equal ones by their JSON
  std::uint64_t distinct = 0;             // different values; `values` has the first of them
  std::uint64_t items = 0;                // that have one of them, or more
  std::optional<double> least, greatest;  // of the numbers among them
};

struct Facets {
  std::uint64_t items = 0;    // that pass the filter
  std::vector<Facet> facets;  // in the order of the request
};

}  // namespace pictor
