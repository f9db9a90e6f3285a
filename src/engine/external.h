// Collections of vectors that were made elsewhere: what is known of who made them, and what they cannot do.
//
// Thread safety: pure functions.
#pragma once

#include <string>
#include <string_view>

#include "pictor/vectors.h"
#include "store/store.h"

namespace pictor {

// CollectionSpec::encoder is "external:NAME" as the user declared it, or "external:unknown".
bool is_external(const CollectionSpec& spec);
// kInvalid when the name is no fit one.
Result<std::string> external_encoder(const std::string& declared);

// Named by what decides that two vectors may be compared: who made them. What nobody knows is compared only with what
// came from the same first file into the same collection.
SpaceId external_space(const std::string& encoder, const std::string& head, std::uint32_t dim,
                       const VectorOrigin& origin);

// kMismatch: what needs the encoder cannot be done with it; `what`: "searched by picture or by words".
Status without_encoder(const CollectionSpec& spec, const std::string& what, const std::string& advice);

}  // namespace pictor
