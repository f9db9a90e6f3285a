// Whatever an assistant sends as a message or as the address of a resource: no crash.
#include <nlohmann/json.hpp>

#include "mcp/resources.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pictor;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto message = mcp::parse_message(text);
  if (message.is_ok()) {
    std::string why;
    const bool wrong = mcp::kind_of(*message, &why) == mcp::MessageKind::kWrong;
    if (wrong == why.empty()) __builtin_trap();
    (void)mcp::error_message(mcp::id_of(*message), mcp::ErrorCode::kInvalidRequest, why);
  }
  const auto name = mcp::parse_uri(text);
  if (name.is_ok() && !name->id.empty()) {
    const auto again = mcp::parse_uri(mcp::item_uri(name->collection, name->id));
    if (!again.is_ok() || again->id != name->id || again->collection != name->collection) __builtin_trap();
  }
  return 0;
}
