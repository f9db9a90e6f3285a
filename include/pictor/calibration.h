// Scores that people can use: what the probability of a hit is learnt from, and how well it was measured to hold.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "pictor/status.h"
#include "pictor/types.h"

namespace pictor {

// A query and an item, and whether a person says that the item is a right answer to it.
struct MatchPair {
  bool is_words = false;
  std::string text;              // is_words: what is searched for
  std::vector<std::byte> image;  // else: an encoded picture
  std::string query;             // pairs of one query have the same name here
  std::string item;              // its id
  bool right = false;
};

struct CalibrationRequest {
  std::string collection;
  std::size_t queries = 300;  // items of each kind that are drawn at random and asked for, with themselves and without
  std::uint64_t seed = 0;     // of the drawing and of how copies are altered; 0: chosen
  std::vector<MatchPair> pairs;  // not empty: learnt from instead of copies of the collection's own items
  const std::atomic<bool>* cancel = nullptr;
  std::function<void(std::uint64_t done, std::uint64_t total)> progress;
};

// Of one space and one kind of query. The figures are of queries that were held out: nothing was fitted on them.
struct Calibration {
  std::string head;
  SpaceId space;
  std::string kind;    // "picture" or "words"
  std::string learnt;  // "copies", "descriptions" or "pairs"
  std::int64_t made_us = 0;
  std::uint64_t seed = 0;
  std::uint64_t items = 0;               // of the collection then
  std::uint64_t queries = 0, pairs = 0;  // fitted on
  std::uint64_t held_out = 0;            // queries
  double calibration_error = 0;          // of hits, ten bins of equal count
  double auroc = 0;                      // of best hits: right ones against wrong ones
  double threshold = 0;                  // at which one right answer of 25 was lost where it was fitted
  double refused = 0, lost = 0;          // of held-out queries at that threshold
};

struct CalibrationReport {
  std::vector<Calibration> made;
  std::vector<std::string> notes;  // spaces and kinds that were left out, and why
  std::uint64_t seed = 0;
  double seconds = 0;
  bool cancelled = false;  // nothing was written down
};

}  // namespace pictor
