// A value of a tokenizer.json together with its path, read strictly: what is not as wanted ends the parse with an error
// that names the path.
//
// A view looks into a document that must outlive it. Methods throw Refused, which Tokenizer::parse catches; nothing
// else may call them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/base.h"
#include "encode/refused.h"
#include "encode/token_model.h"

namespace pictor {

class JsonView {
 public:
  // `value` is a nlohmann::json.
  JsonView(const void* value, std::string path) : value_(value), path_(std::move(path)) {}

  const std::string& path() const { return path_; }
  bool is_null() const;
  bool is_list() const;
  bool has(const char* name) const;

  JsonView field(const char* name) const;          // refused when there is none
  JsonView field_or_null(const char* name) const;  // refused when this is no object
  JsonView at(std::size_t place) const;
  std::size_t list_size(std::size_t size_max) const;  // refused when this is no list, or longer

  std::string text(std::size_t bytes_max) const;
  bool flag(const char* name, bool fallback) const;  // a field of this object, or null, or absent
  std::int64_t whole(std::int64_t least, std::int64_t most) const;
  std::int64_t id() const { return whole(0, INT32_MAX); }
  double number() const;
  // The field "type" of this object.
  std::string type() const { return field("type").text(limits::kShortTextBytesMax); }

  // The whole of this object, from token to id; quicker than field by field.
  Vocabulary vocabulary() const;
  // The whole of this list, each item a list of two texts, or one text with a blank in it.
  std::vector<std::pair<std::string, std::string>> merges() const;
  // The whole of this list, each item a list of a text and a number.
  std::vector<std::pair<std::string, double>> scored_texts() const;

  [[noreturn]] void refuse(Code code, const std::string& message) const;
  [[noreturn]] void refuse_unsupported(const std::string& seen, const std::string& known) const;

 private:
  const void* value_;
  std::string path_;
};

// The value, or the parse ends with its error at the view's path.
template <typename T>
T accepted(Result<T> result, const JsonView& view) {
  if (!result.is_ok()) view.refuse(result.status().code(), result.status().message());
  return std::move(result).value();
}

}  // namespace pictor
