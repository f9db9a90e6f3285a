// What tests of the store share: specifications, items made from numbers, and results that must be good.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "store/store.h"
#include "vector/vector.h"

namespace pictor::testing {

template <typename T>
T must(Result<T> result) {
  if (!result.is_ok()) {
    ADD_FAILURE() << result.status().to_string();
    std::abort();
  }
  return std::move(result).value();
}

inline void must(const Status& status) { ASSERT_TRUE(status.is_ok()) << status.to_string(); }

inline CollectionSpec small_spec(const std::string& name = "cats") {
  CollectionSpec spec;
  spec.name = name;
  spec.encoder = "lite2";
  spec.isa_class = "x86-64-v4";
  spec.keep = Keep::kThumbnail;
  spec.spaces = {{std::string(64, 'a'), "visual", 12, Metric::kCosine},
                 {std::string(64, 'b'), "joint", 5, Metric::kL2}};
  spec.tokens = {TokenCodec::kInt8, {2, 3, 7}};
  return spec;
}

// The same numbers give the same bits; different ones differ everywhere.
inline std::vector<float> vector_of(std::uint64_t seed, std::uint32_t dim) {
  std::vector<float> vector(dim);
  std::uint64_t x = seed * 0x9E3779B97F4A7C15ULL + 1;
  for (auto& number : vector) {
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    number = static_cast<float>(x >> 40) / 16777216.0F - 0.5F;
  }
  return vector;
}

// Item `number` in its `version`: every field follows from the two.
inline ItemWrite item_of(const CollectionSpec& spec, std::uint64_t number, std::uint64_t version = 0) {
  const std::string label = std::to_string(number) + "v" + std::to_string(version);
  ItemWrite item;
  item.id = "item" + std::to_string(number);
  item.source = "/photos/" + label + ".jpg";
  item.metadata = R"({"number": )" + std::to_string(number) + R"(, "version": )" + std::to_string(version) + "}";
  item.text = "text of " + label;
  item.content = sha256(as_bytes(label));
  item.source_bytes = 1000 + number;
  item.source_modified_us = static_cast<std::int64_t>(1'700'000'000'000'000 + version);
  item.width = 640;
  item.height = 480;
  item.format = "jpeg";
  item.receipt = R"({"input": ")" + label + "\"}";
  for (std::size_t i = 0; i < spec.spaces.size(); ++i) {
    // Each fifth item has no vector in the second space.
    const bool none = i == 1 && number % 5 == 4;
    item.vectors.push_back(none ? std::vector<float>()
                                : vector_of(number * 1000 + version * 10 + i, spec.spaces[i].dim));
  }
  // Each fourth item has no tokens.
  if (spec.tokens.codec != TokenCodec::kNone && number % 4 != 3) {
    const auto numbers =
        vector_of(number * 1000 + version * 10 + 9, static_cast<std::uint32_t>(spec.tokens.grid.numbers()));
    item.tokens = must(pack_tokens(spec.tokens.codec, spec.tokens.grid, numbers, spec.tokens.grid.dim));
  }
  if (number % 3 == 0) {
    const std::string blob = "thumbnail of " + label;
    item.blob.assign(as_bytes(blob).begin(), as_bytes(blob).end());
  }
  return item;
}

inline bool same_item(const ItemWrite& a, const ItemWrite& b) {
  return a.id == b.id && a.source == b.source && a.metadata == b.metadata && a.text == b.text &&
         a.content == b.content && a.source_bytes == b.source_bytes && a.source_modified_us == b.source_modified_us &&
         a.width == b.width && a.height == b.height && a.format == b.format && a.receipt == b.receipt &&
         a.vectors == b.vectors;
}

// Empty, or what verify found.
inline std::string faults_of(const Collection& collection) {
  const auto faults = collection.verify(nullptr);
  if (!faults.is_ok()) return faults.status().to_string();
  std::string text;
  for (const auto& fault : *faults) text += fault.where + ": " + fault.what + "\n";
  return text;
}

}  // namespace pictor::testing
