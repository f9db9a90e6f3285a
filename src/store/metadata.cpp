#include "store/metadata.h"

#include <nlohmann/json.hpp>
#include <set>
#include <vector>

namespace pictor {
namespace {

// Refuses while it reads, so that depth is bounded before any tree is built.
class Checker : public nlohmann::json_sax<nlohmann::json> {
 public:
  bool null() override { return value(); }
  bool boolean(bool) override { return value(); }
  bool number_integer(number_integer_t) override { return value(); }
  bool number_unsigned(number_unsigned_t) override { return value(); }
  bool number_float(number_float_t, const string_t&) override { return value(); }
  bool string(string_t& text) override { return value() && no_zero(text); }
  bool binary(binary_t&) override { return false; }
  bool start_object(std::size_t) override {
    names_.emplace_back();
    return deeper();
  }
  bool key(string_t& name) override {
    if (!names_.back().insert(name).second) return refuse(Code::kInvalid, "has the name '" + name + "' twice");
    return no_zero(name);
  }
  bool end_object() override {
    names_.pop_back();
    --depth_;
    return true;
  }
  bool start_array(std::size_t) override { return value() && deeper(); }
  bool end_array() override {
    --depth_;
    return true;
  }
  bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception& error) override {
    const std::string_view what = error.what();
    const auto detail = what.find("] ");
    return refuse(Code::kInvalid, "is not JSON at byte " + std::to_string(position) + ": " +
                                      std::string(detail == std::string_view::npos ? what : what.substr(detail + 2)));
  }

  const Status& status() const { return status_; }

 private:
  bool value() { return depth_ > 0 || refuse(Code::kInvalid, "is not a JSON object; write {\"name\": value}"); }
  bool deeper() {
    ++depth_;
    return depth_ <= limits::kMetadataDepthMax ||
           refuse(Code::kLimit, "is nested deeper than " + std::to_string(limits::kMetadataDepthMax) + " levels");
  }
  bool no_zero(const std::string& text) {
    return text.find('\0') == std::string::npos || refuse(Code::kInvalid, "contains the character U+0000");
  }
  bool refuse(Code code, std::string why) {
    status_ = Status(code, std::move(why));
    return false;
  }

  Status status_;
  std::size_t depth_ = 0;
  std::vector<std::set<std::string>> names_;
};

}  // namespace

Result<std::string> checked_json_object(std::string_view json) {
  if (json.size() > limits::kItemMetadataBytesMax) {
    return Status(Code::kLimit, "has " + std::to_string(json.size()) + " bytes, at most " +
                                    std::to_string(limits::kItemMetadataBytesMax) + " are kept");
  }
  if (json == "{}") return std::string(json);
  Checker checker;
  const bool whole = nlohmann::json::sax_parse(json, &checker);
  if (!checker.status().is_ok()) return checker.status();
  if (!whole) return Status(Code::kInvalid, "is not a JSON object");
  if (json.find('\\') == std::string_view::npos) return std::string(json);
  return nlohmann::ordered_json::parse(json, nullptr, false).dump();
}

}  // namespace pictor
