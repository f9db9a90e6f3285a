// The door of engine. ingest.cpp and search.cpp read as the two tables of ARCHITECTURE.md.
#pragma once

#include "base/base.h"
#include "engine/json_output.h"
#include "engine/json_reader.h"
#include "pictor/engine.h"

namespace pictor {

// Of a text from outside or from a disk, before a tree is made of it: the library that does so takes the last of two
// equal names, and its trees are printed and freed by calls within calls. kCorrupt: no JSON object, or a name twice in
// one object; kLimit: more than `depth_max` levels.
Status check_json_object(std::string_view json, std::uint32_t depth_max = limits::kMetadataDepthMax);

}  // namespace pictor
