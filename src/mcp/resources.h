// The resources: collections, items and their pictures, as pictor://collections/NAME/items/ID/picture. Inside mcp/
// only; in .cpp files alone.
//
// Thread safety: from any thread.
#pragma once

#include "mcp/message.h"
#include "pictor/engine.h"

namespace pictor::mcp {

// Collections, then their items, a page at a time; `cursor`: of the page before, empty: the first.
Outcome list_resources(Engine& engine, const std::string& cursor);
Json resource_templates();
Outcome read_resource(Engine& engine, const std::string& uri);

std::string collection_uri(const std::string& collection);
std::string item_uri(const std::string& collection, const std::string& id);
// The names of such an address; kInvalid: it is none of ours.
struct ResourceName {
  std::string collection, id;  // id empty: the collection
  bool picture = false;
};
Result<ResourceName> parse_uri(std::string_view uri);

}  // namespace pictor::mcp
