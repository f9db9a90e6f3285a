// What the making of a context pack is put together of. Inside engine/ only; in .cpp files alone.
//
// Thread safety: pure functions.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "base/base.h"
#include "pictor/context.h"

namespace pictor {

// The field of metadata of that name or, with dots, within objects ("usage.ai"); null: there is none.
const nlohmann::json* field_of(const nlohmann::json& metadata, std::string_view name);
bool may_be_shown(const nlohmann::json& metadata, const ContextRights& rights);

// At most `bytes` of a text that is UTF-8, whole characters, with "..." at its end where something was cut.
std::string cut_text(const std::string& text, std::size_t bytes);

// Upper bounds, in tokens: of an entry as it is, and of a pack without entries, whatever its counts come to be.
std::uint64_t entry_tokens(const ContextPack& pack, const ContextEntry& entry);
std::uint64_t envelope_tokens(const ContextPack& pack);

}  // namespace pictor
