// Counting the values of fields: by the columns of segments where they suffice, item by item for the rest.
#pragma once

#include <functional>
#include <span>
#include <string>

#include "pictor/facets.h"
#include "store/collection.h"

namespace pictor {

// The items after a row, in order, a page of them; none: there are no more.
using ItemPages = std::function<Result<std::vector<Item>>(RowId after)>;

// Of the rows alive in `state` that pass the filter (empty: all). kInvalid: a field that is none, and as parse_filter;
// kLimit: more different values than limits::kFacetDistinctMax.
Result<Facets> count_facets(const CollectionStore& collection, const State& state, const FacetRequest& request,
                            const ItemPages& pages);

}  // namespace pictor
