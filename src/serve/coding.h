// Bodies that travel packed: gzip (RFC 1952) and zstd (RFC 8878). Inside serve/ only. Thread safety: pure functions.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "serve/http.h"

namespace pictor {

enum class Coding : std::uint8_t { kPlain, kGzip, kZstd };
std::string_view coding_name(Coding coding);  // "gzip"; empty: plain

// How the body of a request is packed (Content-Encoding). kUnsupported: in another way, or in several.
Result<Coding> coding_of(const HttpHead& head);
// A body that is unpacked as it comes, in bounded memory. Not for use from several threads at once.
class Unpacker {
 public:
  using Sink = std::function<Status(std::string_view)>;
  Unpacker(Coding coding, std::uint64_t bytes_max);
  ~Unpacker();
  Unpacker(const Unpacker&) = delete;
  Unpacker& operator=(const Unpacker&) = delete;

  // kInvalid: the bytes are not of that coding; kLimit: they become more than `bytes_max`; else what `sink` says. After
  // an error it takes no more.
  Status take(std::string_view packed, const Sink& sink);
  Status end() const;  // kInvalid: the bytes ended too soon

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// All of it at once.
Result<std::string> unpacked(Coding coding, std::string_view bytes, std::uint64_t bytes_max);
std::string packed(Coding coding, std::string_view bytes);

// Which the client likes best (Accept-Encoding); plain: it named none that we have.
Coding coding_wanted(const HttpHead& head);
// Packs a text of some length, where the client takes that.
void pack(const HttpHead& head, HttpReply& reply);

}  // namespace pictor
