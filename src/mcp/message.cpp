#include "mcp/message.h"

#include <nlohmann/json.hpp>

#include "engine/engine.h"

namespace pictor::mcp {

std::string dumped(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

Outcome Outcome::of(const Json& result) { return {dumped(result), std::nullopt, "", ""}; }

std::string error_message(const Json& id, ErrorCode code, const std::string& message, const std::string& data) {
  return R"({"jsonrpc":"2.0","id":)" + dumped(id) + R"(,"error":{"code":)" + std::to_string(static_cast<int>(code)) +
         R"(,"message":)" + dumped(message) + (data.empty() ? "" : R"(,"data":)" + data) + "}}";
}

std::string answer_message(const Json& id, const Outcome& outcome) {
  if (outcome.error) return error_message(id, *outcome.error, outcome.message, outcome.data);
  return R"({"jsonrpc":"2.0","id":)" + dumped(id) + R"(,"result":)" + outcome.result + "}";
}

Result<Json> parse_message(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  const bool batch = first != std::string_view::npos && text[first] == '[';
  // What looks at JSON before a tree is made of it wants an object.
  const Status looked = batch ? check_json_object(R"({"batch":)" + std::string(text) + "}", limits::kMcpJsonDepthMax)
                              : check_json_object(text, limits::kMcpJsonDepthMax);
  if (!looked.is_ok()) return Status(Code::kInvalid, "the message " + looked.message());
  Json json = Json::parse(text, nullptr, false);
  if (json.is_discarded()) return Status(Code::kInvalid, "the message is no JSON");
  return json;
}

std::string text_at(const Json& object, const char* name) {
  if (!object.is_object()) return "";
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

Json id_of(const Json& message) {
  if (!message.is_object()) return nullptr;
  const auto id = message.find("id");
  return id != message.end() && (id->is_string() || id->is_number_integer()) ? *id : Json(nullptr);
}

MessageKind kind_of(const Json& message, std::string* why) {
  const auto wrong = [why](const char* what) {
    *why = what;
    return MessageKind::kWrong;
  };
  if (!message.is_object()) return wrong("a message is an object");
  if (text_at(message, "jsonrpc") != "2.0") return wrong("'jsonrpc' is not \"2.0\"");
  if (!message.contains("method")) {
    const bool answer = message.contains("result") || message.contains("error");
    return answer ? MessageKind::kAnswer : wrong("'method' is missing");
  }
  if (!message["method"].is_string()) return wrong("'method' is no text");
  if (message.contains("params") && !message["params"].is_object()) return wrong("'params' is no object");
  if (!message.contains("id")) return MessageKind::kNotification;
  return id_of(message).is_null() ? wrong("'id' is neither a text nor a whole number") : MessageKind::kRequest;
}

}  // namespace pictor::mcp
