// Messages of JSON-RPC 2.0 as MCP has them: requests, notifications, answers. Inside mcp/ only; in .cpp files alone.
//
// Thread safety: pure functions.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "base/base.h"

namespace pictor::mcp {

using Json = nlohmann::ordered_json;

// Numbers of errors, of JSON-RPC and of MCP.
enum class ErrorCode : int {
  kParse = -32700,
  kInvalidRequest = -32600,
  kMethodNotFound = -32601,
  kInvalidParams = -32602,
  kInternal = -32603,
  kBusy = -32000,
  kResourceNotFound = -32002,
};

// What a method gives: a result, or an error of the protocol. Both as JSON, written out.
struct Outcome {
  std::string result;
  std::optional<ErrorCode> error;
  std::string message;
  std::string data;  // empty: none

  static Outcome of(const Json& result);
  static Outcome refused(ErrorCode code, std::string message) { return {"", code, std::move(message), ""}; }
};

std::string dumped(const Json& json);  // one line; bytes that are not UTF-8 are replaced
std::string error_message(const Json& id, ErrorCode code, const std::string& message, const std::string& data = "");
std::string answer_message(const Json& id, const Outcome& outcome);

// kLimit, kInvalid: no JSON, a name twice, or too deep. An array is a batch.
Result<Json> parse_message(std::string_view text);

enum class MessageKind : std::uint8_t { kRequest, kNotification, kAnswer, kWrong };
// kWrong: `why` says what.
MessageKind kind_of(const Json& message, std::string* why);
// Its id, where it has one that an answer can name; else null.
Json id_of(const Json& message);
// A field that is a text; empty: there is none.
std::string text_at(const Json& object, const char* name);

}  // namespace pictor::mcp
