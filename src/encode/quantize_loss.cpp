#include "encode/quantize_loss.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "encode/quantize_passes.h"

namespace pictor {
namespace {

constexpr std::size_t kNeighbours = 10;
constexpr std::size_t kStepPictures = 8;  // encoded between two looks at whether to stop
constexpr double kCosinePerLoss = 0.1;    // of the mean cosine's way below 1, for one of the share of neighbours lost

double dot(const float* a, const float* b, std::size_t dim) {
  double sum = 0;
  for (std::size_t i = 0; i < dim; ++i) sum += static_cast<double>(a[i]) * static_cast<double>(b[i]);
  return sum;
}

double cosine(const float* a, const float* b, std::size_t dim) {
  const double norms = std::sqrt(dot(a, a, dim) * dot(b, b, dim));
  return norms > 0 ? std::clamp(dot(a, b, dim) / norms, -1.0, 1.0) : 0;
}

struct Search {
  std::span<const float> queries, items;
  std::size_t dim = 0;
  bool same = false;  // the queries are the items: none is its own neighbour
};

// The k nearest items of one query, nearest first; equal ones in their order.
std::vector<std::size_t> nearest(const Search& search, std::size_t query, std::size_t k) {
  const std::size_t n = search.items.size() / search.dim;
  std::vector<double> scores(n);
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < n; ++i) {
    scores[i] = cosine(search.queries.data() + query * search.dim, search.items.data() + i * search.dim, search.dim);
    if (!search.same || i != query) order.push_back(i);
  }
  k = std::min(k, order.size());
  const auto nearer = [&scores](std::size_t a, std::size_t b) {
    return scores[a] != scores[b] ? scores[a] > scores[b] : a < b;
  };
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(k), order.end(), nearer);
  order.resize(k);
  return order;
}

QuantizationLoss compare(const Search& before, const Search& after) {
  QuantizationLoss loss;
  const std::size_t dim = before.dim;
  loss.count = before.queries.size() / dim;
  loss.among = before.items.size() / dim;
  loss.cosine_least = 1;
  std::size_t shared = 0;
  std::size_t wanted = 0;
  std::size_t agree = 0;
  for (std::size_t q = 0; q < loss.count; ++q) {
    const double one = cosine(before.queries.data() + q * dim, after.queries.data() + q * dim, dim);
    loss.cosine_mean += one / static_cast<double>(loss.count);
    loss.cosine_least = std::min(loss.cosine_least, one);
    const auto a = nearest(before, q, kNeighbours);
    const auto b = nearest(after, q, kNeighbours);
    wanted += a.size();
    agree += !a.empty() && a.front() == b.front() ? 1U : 0U;
    for (const auto item : a) shared += std::ranges::find(b, item) != b.end() ? 1U : 0U;
  }
  loss.overlap_at_10 = wanted == 0 ? 1 : static_cast<double>(shared) / static_cast<double>(wanted);
  loss.nearest_agrees = wanted == 0 ? 1 : static_cast<double>(agree) / static_cast<double>(loss.count);
  loss.cosine_mean = std::min(loss.cosine_mean, 1.0);
  return loss;
}

}  // namespace

Result<std::vector<HeadVectors>> loss_vectors(const Encoder& encoder, const LossInputs& inputs,
                                              const std::function<Status(std::size_t, std::size_t)>& step) {
  const auto& card = encoder.card();
  std::vector<HeadVectors> out(card.heads.size());
  const std::size_t size = picture_numbers(card.prepare);
  const std::size_t n = inputs.pictures.size() / size;
  for (std::size_t first = 0; first < n; first += kStepPictures) {
    PICTOR_TRY(step(first, n));
    const std::size_t count = std::min(kStepPictures, n - first);
    PICTOR_ASSIGN(const auto vectors,
                  encoder.encode_images(inputs.pictures.subspan(first * size, count * size), count));
    std::size_t given = 0;
    for (std::size_t h = 0; h < out.size(); ++h) {
      if (!card.heads[h].images) continue;
      out[h].pictures.insert(out[h].pictures.end(), vectors[given].begin(), vectors[given].end());
      ++given;
    }
  }
  for (std::size_t h = 0; h < out.size(); ++h) {
    if (!card.heads[h].texts || inputs.texts.empty()) continue;
    PICTOR_TRY(step(n, n));
    PICTOR_ASSIGN(out[h].texts, encoder.encode_texts(inputs.texts, card.heads[h].name));
  }
  return out;
}

std::vector<QuantizationLoss> losses_of(const EncoderCard& card, const std::vector<HeadVectors>& before,
                                        const std::vector<HeadVectors>& after) {
  std::vector<QuantizationLoss> out;
  for (std::size_t h = 0; h < card.heads.size(); ++h) {
    const std::size_t dim = card.heads[h].dim;
    const auto& [pictures, texts] = before[h];
    const auto add = [&](const char* of, const Search& a, const Search& b) {
      auto loss = compare(a, b);
      loss.head = card.heads[h].name;
      loss.of = of;
      out.push_back(std::move(loss));
    };
    if (!pictures.empty()) {
      add("pictures", {pictures, pictures, dim, true}, {after[h].pictures, after[h].pictures, dim, true});
    }
    if (!texts.empty() && !pictures.empty()) {
      add("pictures_by_text", {texts, pictures, dim}, {after[h].texts, after[h].pictures, dim});
    } else if (!texts.empty()) {
      add("texts", {texts, texts, dim, true}, {after[h].texts, after[h].texts, dim, true});
    }
  }
  return out;
}

double share_of_bound(const std::vector<QuantizationLoss>& losses, double loss_max) {
  double worst = 0;
  for (const auto& loss : losses) {
    worst =
        std::max({worst, (1 - loss.overlap_at_10) / loss_max, (1 - loss.cosine_mean) / (loss_max * kCosinePerLoss)});
  }
  return worst;
}

}  // namespace pictor
