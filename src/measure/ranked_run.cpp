#include "measure/ranked_run.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <optional>
#include <unordered_map>

namespace pictor {
namespace {

std::optional<float> score_of(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  double score = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), score);
  if (read.ec != std::errc() || read.ptr != text.data() + text.size()) return std::nullopt;
  const auto rounded = static_cast<float>(score);
  return std::isfinite(rounded) ? std::optional(rounded) : std::nullopt;
}

// The line of every item of a run, by query.
using ItemLines = std::map<std::string, std::vector<std::uint32_t>, std::less<>>;

void take(ReadRun& out, ItemLines& lines, std::uint64_t line, const std::vector<std::string_view>& fields) {
  if (fields.size() != 6) {
    out.faults.add(line,
                   "there are " + std::to_string(fields.size()) + " fields, wanted 6: QUERY Q0 ITEM RANK SCORE TAG");
    return;
  }
  const std::string query = from_trec_name(fields[0]), item = from_trec_name(fields[2]);
  for (const auto& [what, name] : {std::pair("query", &query), std::pair("item", &item)}) {
    std::string fault = name_fault(what, *name);
    if (fault.empty()) continue;
    out.faults.add(line, std::move(fault));
    return;
  }
  const auto score = score_of(fields[4]);
  if (!score) {
    out.faults.add(line, "score is " + shown(fields[4]) + ", wanted a finite number");
    return;
  }
  if (out.run.tag.empty()) out.run.tag = from_trec_name(fields[5]);
  out.run.queries[query].push_back({item, *score});
  lines[query].push_back(static_cast<std::uint32_t>(line));
}

// Items that a query has a second time go, and are told of.
void drop_doubles(ReadRun& out, const ItemLines& lines) {
  for (auto& [query, items] : out.run.queries) {
    std::unordered_map<std::string_view, std::size_t> seen;
    std::vector<RankedItem> kept;
    kept.reserve(items.size());
    const std::vector<std::uint32_t>& at = lines.find(query)->second;
    for (std::size_t i = 0; i < items.size(); ++i) {
      const auto [first, added] = seen.emplace(items[i].item, i);
      if (added) {
        kept.push_back(items[i]);
      } else {
        out.faults.add(at[i], "query " + shown(query) + " has item " + shown(items[i].item) + " on line " +
                                  std::to_string(at[first->second]) + " already");
      }
    }
    items = std::move(kept);
  }
}

}  // namespace

void RankedRun::sort() {
  for (auto& [query, items] : queries) {
    std::sort(items.begin(), items.end(), [](const RankedItem& a, const RankedItem& b) {
      return a.score != b.score ? a.score > b.score : a.item > b.item;
    });
  }
}

ReadRun read_run(std::string_view text) {
  ReadRun out;
  ItemLines item_lines;
  LineCursor lines(text);
  for (std::string_view line; lines.next(line);) {
    if (lines.line() > limits::kMeasureLinesMax) {
      out.faults.add(lines.line(), "there are more than " + std::to_string(limits::kMeasureLinesMax) +
                                       " lines; what follows was not read");
      break;
    }
    const auto fields = fields_of(line);
    if (!fields.empty()) take(out, item_lines, lines.line(), fields);
    if (out.run.queries.size() > limits::kMeasureQueriesMax) {
      out.faults.add(lines.line(), "there are more than " + std::to_string(limits::kMeasureQueriesMax) +
                                       " queries; what follows was not read");
      break;
    }
  }
  drop_doubles(out, item_lines);
  out.run.sort();
  return out;
}

std::string write_run(const RankedRun& run) {
  std::string text;
  const std::string tag = trec_name(run.tag.empty() ? "pictor" : run.tag);
  for (const auto& [query, items] : run.queries) {
    std::size_t rank = 0;
    for (const RankedItem& one : items) {
      char score[32];
      std::snprintf(score, sizeof score, "%.9g", static_cast<double>(one.score));
      text += trec_name(query) + " Q0 " + trec_name(one.item) + " " + std::to_string(++rank) + " " + score + " " + tag +
              "\n";
    }
  }
  return text;
}

}  // namespace pictor
