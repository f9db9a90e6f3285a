// Whatever a client sends as an address, a form, a query in JSON or a picture in text: no crash, bounded memory.
#include <nlohmann/json.hpp>

#include "serve/api.h"
#include "serve/bulk_lines.h"
#include "serve/coding.h"
#include "serve/json_reader.h"
#include "serve/multipart.h"
#include "serve/picture_in.h"
#include "serve/vector_bytes.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pictor;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  HttpHead head;
  head.method = "GET";
  if (parse_target(text, head).is_ok()) find_operation(head);
  const std::size_t line = std::min(text.size(), text.find('\n'));
  const auto parts = parse_form(text.substr(0, line), text.substr(line));
  if (parts.is_ok()) {
    for (const FormPart& part : *parts) {
      if (part.bytes.size() > size) __builtin_trap();
    }
  }
  const auto json = parse_request_json(text);
  if (json.is_ok()) {
    JsonReader reader(*json, "");
    reader.text("text");
    reader.count("k");
    reader.numbers("vector");
    (void)reader.status();
  }
  const auto lines_in = [&](std::string_view type, std::size_t piece) {
    std::string seen;
    const auto lines = BulkLines::of(type, 1000, [&](const BulkLine& one) {
      seen += one.put.item.id + ":" + std::to_string(one.put.picture.size()) + one.problem.message() + "\n";
    });
    for (std::size_t at = 0; lines.is_ok() && at < size; at += piece) (void)(*lines)->take(text.substr(at, piece));
    return lines.is_ok() ? seen + (*lines)->end().message() : seen;
  };
  for (const std::string_view type : {"application/x-ndjson", "multipart/form-data; boundary=B"}) {
    if (size < limits::kMiB && lines_in(type, size + 1) != lines_in(type, 7)) __builtin_trap();
  }
  constexpr std::uint64_t kMost = 100'000;
  for (const Coding coding : {Coding::kGzip, Coding::kZstd}) {
    const auto plain = unpacked(coding, text, kMost);
    if (plain.is_ok() && plain->size() > kMost) __builtin_trap();
  }
  const auto dtype = dtype_of(text);
  if (dtype.is_ok() && *dtype) (void)vector_of_bytes(**dtype, text);
  const auto picture = picture_of_text(text, 1000);
  if (picture.is_ok() && picture->bytes.size() > 1002) __builtin_trap();
  return 0;
}
