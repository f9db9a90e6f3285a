#include "index/index.h"

namespace pictor {

std::string_view name_of(SearchWay way) {
  switch (way) {
    case SearchWay::kScan: return "exact scan";
    case SearchWay::kCodes: return "codes of the allowed rows";
    case SearchWay::kGraph: return "graph";
    case SearchWay::kGraphFilter: return "graph, then filter";
    case SearchWay::kLists: return "lists";
  }
  return "?";
}

}  // namespace pictor
