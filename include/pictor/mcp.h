// A conversation by the Model Context Protocol: an assistant searches, looks at items and takes context packs.
//
// It is JSON-RPC 2.0; protocol versions 2025-06-18, 2025-03-26 and 2024-11-05. It reads, and never writes: what a
// caller may see is what the engine lets be seen, be it a data folder's or a server's with a key.
#pragma once

#include <istream>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>

#include "pictor/engine.h"

namespace pictor {

struct McpOptions {
  std::string collection;  // of calls that name none; empty: each must, unless there is one alone
  std::string version;     // of the program, for clients
};

// Thread safety: answer() from any thread.
class McpServer {
 public:
  // `engine` must outlive it.
  static std::unique_ptr<McpServer> make(Engine& engine, const McpOptions& options);
  virtual ~McpServer() = default;
  // The answer to one message; nothing for what wants none: notifications, and answers of the client.
  virtual std::optional<std::string> answer(std::string_view message) = 0;
};

// Over two streams, one message a line, until `in` ends: requests one after the other, ping at once. A request that is
// cancelled is not begun, or its answer not sent. kIo: `out` cannot be written.
Status serve_mcp(Engine& engine, std::istream& in, std::ostream& out, const McpOptions& options);

}  // namespace pictor
