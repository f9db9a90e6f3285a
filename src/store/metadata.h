// Checks JSON objects that come from outside: metadata and receipts.
#pragma once

#include <string>
#include <string_view>

#include "base/base.h"

namespace pictor {

// The object as it is stored: as it was given, except that escapes are written out where they can be, since filters
// compare names byte by byte. kInvalid: no object, a name twice in one object, the character U+0000, or a number no
// machine can hold; kLimit: more than limits::kItemMetadataBytesMax bytes or limits::kMetadataDepthMax levels.
Result<std::string> checked_json_object(std::string_view json);

}  // namespace pictor
