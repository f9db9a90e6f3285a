// Values of one item's metadata by their names, for boosts and groups. Inside engine/ only.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "rank/rank.h"

namespace pictor {

// A name in full is sought first ("shop.margin"), then object by object. Null, arrays and objects are nothing; true and
// false are 1 and 0.
class MetadataColumns {
 public:
  explicit MetadataColumns(const std::string& metadata);
  ~MetadataColumns();
  MetadataColumns(const MetadataColumns&) = delete;
  MetadataColumns& operator=(const MetadataColumns&) = delete;

  BoostValue value(std::string_view name) const;
  // A text or a number as a text that tells it from others; empty: nothing.
  std::string text(std::string_view name) const;

 private:
  struct Json;
  std::unique_ptr<const Json> json_;
};

}  // namespace pictor
