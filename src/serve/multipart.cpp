#include "serve/multipart.h"

#include <algorithm>
#include <optional>

namespace pictor {
namespace {

constexpr std::size_t kBoundaryMax = 70;  // RFC 2046, section 5.1.1
constexpr std::string_view kLineEnd = "\r\n";

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; });
  return out;
}

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

Result<FormPart> parse_part(std::string_view part) {
  FormPart out;
  const std::size_t end = part.find("\r\n\r\n");
  if (end == std::string_view::npos)
    return Status(Code::kInvalid, "a part of the form has no empty line after its head");
  std::string_view head = part.substr(0, end);
  out.bytes = part.substr(end + 4);
  bool named = false;
  while (!head.empty()) {
    const std::string_view line = head.substr(0, head.find(kLineEnd));
    head.remove_prefix(std::min(head.size(), line.size() + kLineEnd.size()));
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    const std::string name = lower(trimmed(line.substr(0, colon)));
    const std::string_view value = trimmed(line.substr(colon + 1));
    if (name == "content-type") out.type = media_type(value);
    if (name != "content-disposition") continue;
    const auto field = parameter_of(value, "name");
    named = field.has_value();
    out.name = field.value_or("");
    out.file_name = parameter_of(value, "filename").value_or("");
  }
  if (!named)
    return Status(Code::kInvalid, "a part of the form has no name: wanted Content-Disposition: form-data; name=...");
  return out;
}

}  // namespace

// The value of NAME in "form-data; name=\"a\"; filename=b.jpg". Quotes may hold '\\' before a quote, as RFC 7578's
// senders write it.
std::optional<std::string> parameter_of(std::string_view value, std::string_view name) {
  std::size_t at = value.find(';');
  while (at != std::string_view::npos && at < value.size()) {
    value.remove_prefix(at + 1);
    const std::size_t equals = value.find('=');
    if (equals == std::string_view::npos) return std::nullopt;
    const bool found = lower(trimmed(value.substr(0, equals))) == name;
    value.remove_prefix(equals + 1);
    value.remove_prefix(std::min(value.size(), value.find_first_not_of(" \t")));
    std::string text;
    if (!value.empty() && value.front() == '"') {
      std::size_t i = 1;
      for (; i < value.size() && value[i] != '"'; ++i) {
        if (value[i] == '\\' && i + 1 < value.size() && (value[i + 1] == '"' || value[i + 1] == '\\')) ++i;
        text += value[i];
      }
      value.remove_prefix(std::min(value.size(), i + 1));
      at = value.find(';');
    } else {
      at = value.find(';');
      text = trimmed(value.substr(0, at));
    }
    if (found) return text;
  }
  return std::nullopt;
}

std::string media_type(std::string_view content_type) {
  return lower(trimmed(content_type.substr(0, content_type.find(';'))));
}

bool is_form(std::string_view content_type) { return media_type(content_type) == "multipart/form-data"; }

Result<FormReader> FormReader::of(std::string_view content_type) {
  const auto boundary = parameter_of(content_type, "boundary");
  if (!boundary || boundary->empty() || boundary->size() > kBoundaryMax) {
    return Status(Code::kInvalid, "multipart/form-data comes with a boundary of 1 to 70 characters in Content-Type");
  }
  return FormReader(std::string(kLineEnd) + "--" + *boundary);
}

bool FormReader::find_first(std::string_view text) {
  const std::string_view first = std::string_view(between_).substr(kLineEnd.size());
  if (text.starts_with(first)) {
    at_ = first.size();
    return true;
  }
  const std::size_t found = text.find(between_);
  if (found == std::string_view::npos) return false;
  at_ = found + between_.size();
  return true;
}

// From `begin` on, but not again where it was looked for before; npos: there is none yet.
std::size_t FormReader::find_boundary(std::string_view text, std::size_t begin) {
  const std::size_t found = text.find(between_, std::max(begin, scanned_));
  const std::size_t overlap = std::min(text.size(), between_.size() - 1);
  scanned_ = found == std::string_view::npos ? text.size() - overlap : 0;
  return found;
}

FormPart FormReader::pass_over(std::string_view text) {
  passes_over_ = begun_;
  const std::size_t line = text.find(kLineEnd, at_);
  if (!begun_ || line == std::string_view::npos) return {};
  auto part = parse_part(text.substr(line + kLineEnd.size()));
  return part.is_ok() ? std::move(part).value() : FormPart();
}

Result<FormReader::Found> FormReader::next(std::string_view text, FormPart& part) {
  if (!begun_) begun_ = find_first(text);
  if (passes_over_) {
    const std::size_t end = find_boundary(text, at_);
    if (end == std::string_view::npos) return Found::kMore;
    passes_over_ = false;
    at_ = end + between_.size();
  }
  if (!begun_ || text.size() < at_ + 2) return Found::kMore;
  if (text.substr(at_, 2) == "--") return Found::kEnd;
  const std::size_t line = text.find(kLineEnd, at_);
  if (line == std::string_view::npos) return Found::kMore;
  const std::size_t begin = line + kLineEnd.size();
  // A part without a head begins with the empty line itself.
  const std::size_t end = find_boundary(text, begin);
  if (end == std::string_view::npos) return Found::kMore;
  at_ = end + between_.size();
  PICTOR_ASSIGN(part, parse_part(text.substr(begin, end - begin)));
  return Found::kPart;
}

std::size_t FormReader::forget() {
  const std::size_t done = !begun_ ? 0 : passes_over_ ? scanned_ : at_;
  at_ -= std::min(at_, done);
  scanned_ -= std::min(scanned_, done);
  return done;
}

Status FormReader::cut_short() const {
  return {Code::kInvalid, begun_ ? "the form ends before its last boundary" : "the form's boundary is not in its body"};
}

Result<std::vector<FormPart>> parse_form(std::string_view content_type, std::string_view body) {
  PICTOR_ASSIGN(FormReader reader, FormReader::of(content_type));
  std::vector<FormPart> parts;
  for (;;) {
    FormPart part;
    PICTOR_ASSIGN(const FormReader::Found found, reader.next(body, part));
    if (found == FormReader::Found::kEnd) return parts;
    if (found == FormReader::Found::kMore) return reader.cut_short();
    if (parts.size() == limits::kServerPartsMax) {
      return Status(Code::kLimit, "the form has more than " + std::to_string(limits::kServerPartsMax) + " parts");
    }
    parts.push_back(std::move(part));
  }
}

}  // namespace pictor
