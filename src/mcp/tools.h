// The tools: search, similar, describe, context. Inside mcp/ only; in .cpp files alone.
//
// Thread safety: from any thread.
#pragma once

#include "mcp/message.h"
#include "pictor/engine.h"

namespace pictor::mcp {

// What calls need.
struct Place {
  Engine& engine;
  std::string collection;   // of calls that name none
  bool structured = false;  // the client's version of the protocol knows structured results
};

Json tools_list(bool structured);
// An error of the protocol: there is no such tool. What is wrong within a call is a result with isError.
Outcome call_tool(const Place& place, const std::string& name, const Json& arguments);

}  // namespace pictor::mcp
