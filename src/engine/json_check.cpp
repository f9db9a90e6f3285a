// Looks at JSON without making a tree of it.
#include <nlohmann/json.hpp>
#include <set>

#include "engine/engine.h"

namespace pictor {
namespace {

using Json = nlohmann::json;

class Looker : public nlohmann::json_sax<Json> {
 public:
  explicit Looker(std::uint32_t depth_max) : depth_max_(depth_max) {}

  bool null() override { return value(); }
  bool boolean(bool) override { return value(); }
  bool number_integer(number_integer_t) override { return value(); }
  bool number_unsigned(number_unsigned_t) override { return value(); }
  bool number_float(number_float_t, const string_t&) override { return value(); }
  bool string(string_t&) override { return value(); }
  bool binary(binary_t&) override { return value(); }
  bool start_object(std::size_t) override {
    names_.emplace_back();
    return deeper();
  }
  bool key(string_t& name) override {
    return names_.back().insert(name).second || refuse(Code::kCorrupt, "has the name '" + name + "' twice");
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
  bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception&) override {
    return refuse(Code::kCorrupt, "is not JSON at byte " + std::to_string(position));
  }

  const Status& status() const { return status_; }

 private:
  bool value() { return depth_ > 0 || refuse(Code::kCorrupt, "is no JSON object"); }
  bool deeper() {
    ++depth_;
    return depth_ <= depth_max_ ||
           refuse(Code::kLimit, "is nested deeper than " + std::to_string(depth_max_) + " levels");
  }
  bool refuse(Code code, std::string why) {
    status_ = Status(code, std::move(why));
    return false;
  }

  const std::uint32_t depth_max_;
  std::uint32_t depth_ = 0;
  std::vector<std::set<std::string>> names_;
  Status status_;
};

}  // namespace

Status check_json_object(std::string_view json, std::uint32_t depth_max) {
  Looker looker(depth_max);
  const bool whole = Json::sax_parse(json, &looker);
  if (!looker.status().is_ok() || whole) return looker.status();
  return {Code::kCorrupt, "is no JSON object"};
}

}  // namespace pictor
