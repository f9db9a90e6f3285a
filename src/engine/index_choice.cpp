#include "engine/index_choice.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "index/index.h"

namespace pictor {
namespace {

constexpr const char* kToldLists = "the collection is told to have lists; ";
constexpr const char* kToldGraphs = "the collection is told to have graphs; ";
constexpr std::array kKinds = {IndexKind::kAuto, IndexKind::kGraph, IndexKind::kLists};

// Graphs from the one that answers quickest with memory enough, to the one that needs least.
struct Wanted {
  GraphCodes codes;
  const char* text;  // of those after the first, which every sentence begins with
};
constexpr std::array kWanted = {
    Wanted{GraphCodes::kFull, ""},
    Wanted{GraphCodes::kHalf, "graphs that rank without the vectors, by 12 bits a number,"},
    Wanted{GraphCodes::kQuarter, "by 12 bits of the numbers that say most and 4 of the others,"},
};

// What searches touch: codes that do not put the nearest in order have the vectors do it.
std::uint64_t needed_bytes(std::span<const IndexedVectors> vectors, GraphCodes codes) {
  std::uint64_t bytes = 0;
  for (const auto& one : vectors) {
    bytes += expected_graph_bytes(one.rows, one.dim, codes);
    if (codes == GraphCodes::kFull) bytes += one.rows * one.dim * sizeof(float);
  }
  return bytes;
}

std::uint64_t build_bytes(std::span<const IndexedVectors> vectors, GraphCodes codes) {
  std::uint64_t most = 0;  // spaces are indexed one after the other
  for (const auto& one : vectors) most = std::max(most, expected_graph_build_bytes(one.rows, one.dim, codes));
  return most;
}

// Of the graphs that fit into the budget: can this machine make them as well?
bool can_be_made(std::span<const IndexedVectors> vectors, GraphCodes codes, std::uint64_t machine_bytes) {
  return build_bytes(vectors, codes) <= machine_bytes / 8 * 7;
}

std::string size_text(std::uint64_t bytes) {
  const bool large = bytes >= limits::kGiB;
  std::array<char, 48> text{};
  std::snprintf(text.data(), text.size(), large ? "%.1f GiB" : "%.0f MiB",
                static_cast<double>(bytes) / static_cast<double>(large ? limits::kGiB : limits::kMiB));
  return text.data();
}

// "1,000 vectors of 512 numbers", or without the numbers where they differ.
std::string vectors_text(std::span<const IndexedVectors> vectors) {
  std::uint64_t rows = 0;
  bool alike = !vectors.empty();
  for (const auto& one : vectors) {
    rows += one.rows;
    alike = alike && one.dim == vectors.front().dim;
  }
  std::string text = std::to_string(rows) + (rows == 1 ? " vector" : " vectors");
  return alike ? text + " of " + std::to_string(vectors.front().dim) + " numbers" : text;
}

// The graphs that were looked at because a quicker one did not fit.
std::string smaller_graphs_text(std::span<const IndexedVectors> vectors, std::size_t first_that_fits) {
  std::string text;
  for (std::size_t i = 1; i < kWanted.size() && i <= first_that_fits; ++i) {
    text += std::string("; ") + kWanted[i].text + " about " + size_text(needed_bytes(vectors, kWanted[i].codes));
  }
  if (first_that_fits == 0) return text;
  return text + (first_that_fits < kWanted.size() ? ", which fits" : "; none of them fits");
}

}  // namespace

std::string index_type_name(IndexKind kind) {
  switch (kind) {
    case IndexKind::kAuto: return "auto";
    case IndexKind::kGraph: return "graph";
    case IndexKind::kLists: return "lists";
  }
  return "auto";
}

Result<IndexKind> parse_index_type(std::string_view name) {
  for (const IndexKind kind : kKinds) {
    if (index_type_name(kind) == name) return kind;
  }
  return Status(Code::kInvalid, "an index type is 'auto', 'graph' or 'lists', not '" + std::string(name) + "'");
}

IndexChoice choose_index(const IndexPolicy& policy, std::span<const IndexedVectors> vectors,
                         std::uint64_t machine_bytes) {
  const bool told = policy.kind != IndexKind::kAuto;
  IndexChoice choice;
  choice.budget_bytes = policy.memory_bytes != 0 ? policy.memory_bytes : machine_bytes / 2;
  std::size_t first = 0;  // that fits
  while (first < kWanted.size() && needed_bytes(vectors, kWanted[first].codes) > choice.budget_bytes) ++first;
  const bool fits_budget = first < kWanted.size();
  const bool fits = fits_budget && can_be_made(vectors, kWanted[first].codes, machine_bytes);
  choice.codes = kWanted[fits_budget ? first : kWanted.size() - 1].codes;
  choice.kind = told ? policy.kind : fits ? IndexKind::kGraph : IndexKind::kLists;
  const std::string budget = "the memory budget of " + size_text(choice.budget_bytes) +
                             (policy.memory_bytes != 0 ? "" : " (half of what this machine has)");
  if (told) choice.why = policy.kind == IndexKind::kLists ? kToldLists : kToldGraphs;
  choice.why += vectors_text(vectors) + " and graphs over them take about " +
                size_text(needed_bytes(vectors, GraphCodes::kFull)) + (first == 0 ? ", within " : ", more than ") +
                budget;
  if (policy.kind != IndexKind::kLists) choice.why += smaller_graphs_text(vectors, first);
  if (policy.kind == IndexKind::kAuto && fits_budget && !fits) {
    choice.why += ", but making it takes about " + size_text(build_bytes(vectors, kWanted[first].codes)) + " of the " +
                  size_text(machine_bytes) + " that this machine has";
  }
  // Lists are the better the longer they are; a graph of so many rows would be long in the making.
  if (choice.kind == IndexKind::kLists) choice.segment_rows_max = limits::kSegmentRowsMax;
  return choice;
}

Result<IndexChoice> choose_index(const Collection& collection) {
  PICTOR_ASSIGN(const auto snapshot, collection.snapshot());
  std::vector<IndexedVectors> vectors;
  for (const auto& space : collection.spec().spaces) {
    PICTOR_ASSIGN(const auto blocks, snapshot->blocks(space.id));
    IndexedVectors all{0, space.dim};
    for (const auto& block : blocks) all.rows += block.count;
    vectors.push_back(all);
  }
  return choose_index(collection.index_policy(), vectors, machine_memory_bytes());
}

}  // namespace pictor
