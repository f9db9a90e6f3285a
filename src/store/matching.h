// Which rows pass a filter: by the columns of segments where they suffice, by SQL for the rest. The same rows either
// way.
#pragma once

#include <string_view>

#include "store/collection.h"

namespace pictor {

// The rows alive in `state` that pass. kInvalid and kLimit as parse_filter.
Result<RowSet> rows_matching(const CollectionStore& collection, const State& state, std::string_view filter);

}  // namespace pictor
