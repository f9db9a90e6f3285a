// A script of batches that follow from a seed, the items that must be there after each, and the check that they are.
#pragma once

#include <algorithm>
#include <map>
#include <numeric>
#include <random>
#include <string>

#include "store/store_testing.h"

namespace pictor::crash {

inline constexpr int kItems = 24;

// Which version of which item is alive.
using Model = std::map<std::uint64_t, std::uint64_t>;

// Batch `number` (from 1) of a writer, who has items of its own. With one writer its sequence number is the same.
inline Batch batch_of(const CollectionSpec& spec, std::uint64_t seed, std::uint64_t number, std::uint64_t writer = 0) {
  std::mt19937_64 random((seed + writer * 7919) * 1'000'003 + number);
  std::vector<std::uint64_t> items(kItems);
  std::iota(items.begin(), items.end(), writer * kItems);
  std::shuffle(items.begin(), items.end(), random);
  Batch batch;
  batch.id = (writer == 0 ? "" : std::to_string(writer) + "/") + "batch" + std::to_string(number);
  const std::size_t puts = 2 + random() % 4;
  const std::size_t deletes = random() % 3;
  for (std::size_t i = 0; i < puts; ++i) batch.puts.push_back(testing::item_of(spec, items[i], number));
  for (std::size_t i = puts; i < puts + deletes; ++i) batch.deletes.push_back("item" + std::to_string(items[i]));
  return batch;
}

inline void apply(const Batch& batch, std::uint64_t number, Model& model) {
  for (const auto& item : batch.puts) model[std::stoull(item.id.substr(4))] = number;
  for (const auto& id : batch.deletes) model.erase(std::stoull(id.substr(4)));
}

inline Model model_after(const CollectionSpec& spec, std::uint64_t seed, std::uint64_t batches) {
  Model model;
  for (std::uint64_t number = 1; number <= batches; ++number) apply(batch_of(spec, seed, number), number, model);
  return model;
}

inline Result<std::size_t> rows_alive(const Snapshot& snapshot, const SpaceId& space) {
  std::size_t count = 0;
  PICTOR_ASSIGN(const auto blocks, snapshot.blocks(space));
  for (const auto& block : blocks) {
    std::vector<std::uint8_t> alive(block.count);
    block.alive(0, alive);
    count += static_cast<std::size_t>(std::count(alive.begin(), alive.end(), 1));
  }
  return count;
}

// What differs between those items of the snapshot and the model.
inline std::string difference(const Snapshot& snapshot, const CollectionSpec& spec, const Model& model,
                              std::uint64_t first_item, std::uint64_t items) {
  for (std::uint64_t number = first_item; number < first_item + items; ++number) {
    const auto version = model.find(number);
    const auto wanted = testing::item_of(spec, number, version == model.end() ? 0 : version->second);
    const auto found = snapshot.find(wanted.id, true);
    if (!found.is_ok()) return found.status().to_string();
    if (found->has_value() != (version != model.end())) return wanted.id + (*found ? " returned" : " is missing");
    if (!*found) continue;
    if (!testing::same_item((*found)->data, wanted)) return wanted.id + " differs";
    const auto blob = snapshot.blob((*found)->row);
    if (!blob.is_ok()) return blob.status().to_string();
    if (blob->value_or(Bytes()) != wanted.blob) return "blob of " + wanted.id + " differs";
    const auto tokens = snapshot.tokens((*found)->row);
    if (!tokens.is_ok()) return tokens.status().to_string();
    if (tokens->value_or(Bytes()) != wanted.tokens) return "tokens of " + wanted.id + " differ";
  }
  return "";
}

// What differs between the collection and the model; empty when nothing does.
inline std::string difference(const Collection& collection, const Model& model) {
  const auto snapshot = collection.snapshot();
  if (!snapshot.is_ok()) return snapshot.status().to_string();
  const auto& spec = collection.spec();
  if ((*snapshot)->size() != model.size()) {
    return std::to_string((*snapshot)->size()) + " items, wanted " + std::to_string(model.size());
  }
  const auto rows = rows_alive(**snapshot, spec.spaces[0].id);
  if (!rows.is_ok()) return rows.status().to_string();
  if (*rows != model.size()) return "vectors alive differ from items";
  const std::uint64_t items = model.empty() ? kItems : std::max<std::uint64_t>(model.rbegin()->first + 1, kItems);
  if (auto wrong = difference(**snapshot, spec, model, 0, items); !wrong.empty()) return wrong;
  return testing::faults_of(collection);
}

}  // namespace pictor::crash
