#include "engine/external.h"

namespace pictor {
namespace {

constexpr std::string_view kPrefix = "external:";
constexpr std::string_view kUnknown = "unknown";

bool may_stand_in_a_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("-_.:/@+ ").find(c) != std::string_view::npos;
}

}  // namespace

bool is_external(const CollectionSpec& spec) {
  return spec.encoder.empty() || std::string_view(spec.encoder).starts_with(kPrefix);
}

Result<std::string> external_encoder(const std::string& declared) {
  bool fit = declared.size() <= limits::kImportNameBytesMax && declared != kUnknown;
  for (const char c : declared) fit = fit && may_stand_in_a_name(c);
  if (fit) return std::string(kPrefix) + (declared.empty() ? std::string(kUnknown) : declared);
  return Status(Code::kInvalid, "the encoder's name '" + declared.substr(0, limits::kImportNameBytesMax) +
                                    "' must be 1 to " + std::to_string(limits::kImportNameBytesMax) +
                                    " letters, digits, spaces or '-_.:/@+', and not 'unknown': leave it out for that");
}

SpaceId external_space(const std::string& encoder, const std::string& head, std::uint32_t dim,
                       const VectorOrigin& origin) {
  Sha256Stream sum;
  sum.add_field("pictor-external-space-1");
  sum.add_field(encoder);
  sum.add_field(head);
  sum.add_field(std::to_string(dim));
  if (encoder == std::string(kPrefix) + std::string(kUnknown)) sum.add_field(origin.sha256);
  return sum.finish().hex();
}

Status without_encoder(const CollectionSpec& spec, const std::string& what, const std::string& advice) {
  const std::string name = spec.encoder.empty() ? std::string(kUnknown) : spec.encoder.substr(kPrefix.size());
  return {Code::kMismatch, "collection '" + spec.name + "' holds vectors that were made elsewhere (encoder: " + name +
                               "), and Pictor cannot make any like them: it cannot be " + what + "; " + advice};
}

}  // namespace pictor
