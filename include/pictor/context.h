// Context packs: what a search finds, made ready for a language model that sees pictures. A pack keeps to a budget of
// tokens, says a thing once, leaves out what its rights forbid, and numbers its entries so that an answer can cite
// them.
//
// Tokens are bounded from above, never guessed: a text has no more tokens than bytes of UTF-8, as no tokenizer of the
// three APIs makes a token of less than one byte; a picture has what the published rule of the API says for its pixels.
// docs/how/assistants.md has the rules.
//
// Thread safety: pure functions over an engine, from any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pictor/engine.h"

namespace pictor {

// kPack: one JSON document of our own. The others: one user message, ready to be put among those of a request.
enum class ContextFormat : std::uint8_t { kPack, kOpenAi, kOpenAiResponses, kAnthropic, kGemini };
// kInline: JPEG in base64. kLink: the address of a thumbnail on a Pictor server.
enum class ContextPictures : std::uint8_t { kInline, kLink, kNone };

// Which items may be shown, by what their metadata says. A text, or an array of texts, is compared without case, with
// '_' and ' ' as '-'; true allows, false refuses; what is neither cannot be read, and refuses.
struct ContextRights {
  std::vector<std::string> fields = {"rights", "licence", "license", "consent"};  // names; "usage.ai" looks inside
  std::vector<std::string> refused = {
      "none",      "no",      "denied",     "forbidden",    "refused",    "revoked",
      "withdrawn", "expired", "restricted", "confidential", "private",    "no-use",
      "no-ai",     "noai",    "do-not-use", "not-licensed", "unlicensed", "all-rights-reserved"};
  std::vector<std::string> allowed;  // empty: all but `refused`. Else these alone, and no item without such a field
};

struct ContextRequest {
  // Its `k` is not used. No parts: the items that pass `where`, oldest first.
  Query query;
  ContextFormat format = ContextFormat::kPack;
  std::uint64_t budget_tokens = 8000;
  std::size_t items = 10;  // entries at most
  ContextPictures pictures = ContextPictures::kInline;
  std::uint32_t side = 256;           // of a picture, in pixels
  std::string link_base;              // "https://pictures.example.org": before the path of a link
  std::size_t caption_bytes = 1000;   // a longer one is cut
  std::vector<std::string> captions;  // fields of which the first that has a text is the caption; empty: the item's
                                      // text, else caption, description, title, name
  std::vector<std::string> fields;    // that are shown beside it
  ContextRights rights;
  // Items this alike to one before them are left out: the cosine of their vectors. 1: those of equal vectors alone.
  double near_duplicate = 0.98;
};

struct ContextEntry {
  std::size_t citation = 0;  // from 1
  std::string id, caption;
  std::optional<float> score;                               // none: there was nothing to be alike to
  std::vector<std::pair<std::string, std::string>> fields;  // name, its value as JSON
  std::string content;                                      // SHA-256 of the picture file; empty: there was none
  std::string receipt;                                      // the path of its receipt on a server
  // The picture: bytes of a JPEG, or where it is; neither: there is none.
  std::vector<std::byte> jpeg;
  std::string link;
  std::uint32_t width = 0, height = 0;  // of a link: of the dearest shape it may have
};

struct ContextLeftOut {
  std::uint64_t rights = 0, duplicates = 0, near_duplicates = 0;
  std::uint64_t budget = 0;    // whole entries
  std::uint64_t gone = 0;      // deleted since they were found
  std::uint64_t pictures = 0;  // entries whose picture did not fit, is not kept, or cannot be shown
};

struct ContextPack {
  ContextFormat format = ContextFormat::kPack;
  std::string collection;
  std::vector<ContextEntry> entries;
  ContextLeftOut left_out;
  std::uint64_t budget_tokens = 0, tokens = 0;  // tokens <= budget_tokens, always
  Sequence sequence = 0;                        // the moment of the collection that was read
  bool complete = true;
  std::vector<std::string> warnings;
};

std::string_view context_format_name(ContextFormat format);  // "pack", "openai", ...
std::optional<ContextFormat> context_format_of(std::string_view name);
// Whether an item with this metadata, a JSON object, may be shown.
bool context_allows(std::string_view metadata, const ContextRights& rights);
// What a picture costs by the rules of a format; by the dearest of them for kPack.
std::uint64_t picture_tokens(ContextFormat format, std::uint32_t width, std::uint32_t height);

// Reads the body of POST /v1/context. kInvalid: a field of another type or range, or one that there is not.
Result<ContextRequest> parse_context_request(std::string_view json);
// kInvalid: a budget in which not even an empty pack has room.
Result<ContextPack> make_context(Engine& engine, const ContextRequest& request);
// One line. Of kPack: the pack. Of the others: `message`, which alone goes to the model, beside its citations.
std::string context_json(const ContextPack& pack);

}  // namespace pictor
