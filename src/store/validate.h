// Everything that is asked of a specification and of a batch before a byte of it is stored.
#pragma once

#include "store/store.h"

namespace pictor {

// What is stored of an item's metadata and receipt.
struct CheckedJson {
  std::string metadata;
  std::string receipt;
};

Status check_spec(const CollectionSpec& spec);
// Names the item and the field. One entry for each of batch.puts.
Result<std::vector<CheckedJson>> check_batch(const CollectionSpec& spec, const Batch& batch);

}  // namespace pictor
