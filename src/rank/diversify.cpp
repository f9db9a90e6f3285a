#include <algorithm>
#include <unordered_map>

#include "rank/rank.h"

namespace pictor {
namespace {

// Scores in 0..1 over the candidates, so that they and cosines weigh alike.
std::vector<double> evened(std::span<const ScoredRow> rows) {
  double least = rows[0].score, most = rows[0].score;
  for (const auto& row : rows) {
    least = std::min(least, row.score);
    most = std::max(most, row.score);
  }
  std::vector<double> out;
  for (const auto& row : rows) out.push_back(most == least ? 1.0 : (row.score - least) / (most - least));
  return out;
}

double cosine(std::span<const float> a, float inverse_a, std::span<const float> b, float inverse_b) {
  if (a.empty() || a.size() != b.size()) return 0;  // without a vector it is like nothing
  const float dot = kernels().dot(a.data(), b.data(), a.size());
  return static_cast<double>((dot * inverse_a) * inverse_b);
}

}  // namespace

std::vector<ScoredRow> diversify(std::span<const ScoredRow> rows, std::span<const std::vector<float>> vectors,
                                 double share, std::size_t wanted) {
  std::vector<ScoredRow> out;
  if (rows.empty()) return out;
  const auto relevance = evened(rows);
  std::vector<float> inverse;
  for (const auto& vector : vectors) inverse.push_back(vector.empty() ? 0.0F : inverse_norm(vector));
  std::vector<double> likeness(rows.size(), 0.0);  // to the likest of those that were taken
  std::vector<bool> taken(rows.size(), false);
  while (out.size() < std::min(wanted, rows.size())) {
    std::size_t best = rows.size();
    double best_value = 0;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (taken[i]) continue;
      const double value = (1 - share) * relevance[i] - share * likeness[i];
      if (best != rows.size() && value <= best_value) continue;
      best = i;
      best_value = value;
    }
    taken[best] = true;
    out.push_back(rows[best]);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (taken[i]) continue;
      const double like = cosine(vectors[best], inverse[best], vectors[i], inverse[i]);
      likeness[i] = out.size() == 1 ? like : std::max(likeness[i], like);
    }
  }
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (!taken[i]) out.push_back(rows[i]);
  }
  return out;
}

std::vector<ScoredRow> collapse(std::span<const ScoredRow> rows, std::span<const std::string> groups,
                                std::size_t most) {
  std::unordered_map<std::string_view, std::size_t> seen;
  std::vector<ScoredRow> out;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (groups[i].empty() || ++seen[groups[i]] <= most) out.push_back(rows[i]);
  }
  return out;
}

}  // namespace pictor
