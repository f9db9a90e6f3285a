// Whatever a client sends as a request for a context pack, and whatever metadata says of rights: no crash.
#include <nlohmann/json.hpp>

#include "engine/context_parts.h"
#include "engine/engine.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pictor;
  const std::string text(reinterpret_cast<const char*>(data), size);
  const auto request = parse_context_request(text);
  if (request.is_ok()) {
    if (request->items > limits::kContextItemsMax || request->query.parts.size() > limits::kQueryPartsMax) {
      __builtin_trap();
    }
  }
  if (check_json_object(text).is_ok()) {
    (void)may_be_shown(nlohmann::json::parse(text, nullptr, false), ContextRights{});
  }
  const std::size_t most = size == 0 ? 0 : data[0];
  if (cut_text(text, most).size() > std::max<std::size_t>(most, 0)) __builtin_trap();
  return 0;
}
