// Bodies that travel packed: gzip (RFC 1952) and zstd (RFC 8878). Inside serve/ only. Thread safety: pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "serve/http.h"

namespace pictor {

enum class Coding : std::uint8_t { kPlain, kGzip, kZstd };
std::string_view coding_name(Coding coding);  // "gzip"; empty: plain

// How the body of a request is packed (Content-Encoding). kUnsupported: in another way, or in several.
Result<Coding> coding_of(const HttpHead& head);
// kInvalid: the bytes are not of that coding, or end too soon; kLimit: they become more than `bytes_max`.
Result<std::string> unpacked(Coding coding, std::string_view bytes, std::uint64_t bytes_max);
std::string packed(Coding coding, std::string_view bytes);

// Which the client likes best (Accept-Encoding); plain: it named none that we have.
Coding coding_wanted(const HttpHead& head);
// Packs a text of some length, where the client takes that.
void pack(const HttpHead& head, HttpReply& reply);

}  // namespace pictor
