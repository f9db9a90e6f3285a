// One conversation: what a message of a client is answered with. Inside mcp/ only; in .cpp files alone.
//
// Thread safety: from any thread.
#pragma once

#include <atomic>

#include "mcp/mcp.h"
#include "mcp/tools.h"

namespace pictor::mcp {

class Conversation : public McpServer {
 public:
  Conversation(Engine& engine, const McpOptions& options) : engine_(engine), options_(options) {}
  std::optional<std::string> answer(std::string_view message) override;

  std::optional<std::string> answer_one(const Json& message);
  std::optional<std::string> answer_batch(const Json& batch);
  // REQUIRES: a request.
  std::string answer_request(const Json& request);

 private:
  Outcome outcome_of(const std::string& method, const Json& params);
  Outcome initialize(const Json& params);

  Engine& engine_;
  const McpOptions options_;
  std::atomic<std::size_t> version_ = 1;  // among those that we speak; of clients that do not say: 2025-03-26
};

}  // namespace pictor::mcp
