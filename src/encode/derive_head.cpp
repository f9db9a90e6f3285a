#include "encode/derive_head.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>
#include <optional>

#include "encode/numbers.h"
#include "encode/own_stages.h"
#include "encode/pca.h"
#include "encode/weights.h"

namespace pictor {
namespace {

constexpr std::uint32_t kNeighbours = 10;
constexpr std::size_t kMeasureEvery = 5;
constexpr std::size_t kMeasuredMax = 2000;  // all pairs of them are looked at
constexpr std::uint64_t kVectorBytesMax = limits::kIngestInFlightBytesMax;

Result<std::vector<float>> read_matrix(Env& env, const CardDetails& details, const std::string& name) {
  if (name.empty()) return std::vector<float>();
  PICTOR_ASSIGN(const auto bytes, read_weights(env, *details.file(name), details.card.folder));
  std::vector<float> out(bytes.size() / sizeof(float));
  std::memcpy(out.data(), bytes.data(), out.size() * sizeof(float));
  return out;
}

void apply(const LinearHead& head, std::span<const float> in, std::span<double> out) {
  std::fill(out.begin(), out.end(), 0.0);
  for (std::size_t c = 0; c < head.in; ++c) {
    const auto weight = static_cast<double>(in[c]);
    for (std::size_t d = 0; d < head.out; ++d) out[d] += weight * head.matrix[c * head.out + d];
  }
  for (std::size_t d = 0; d < head.bias.size(); ++d) out[d] += head.bias[d];
}

void to_unit(std::span<double> vector) {
  double sum = 0;
  for (const double number : vector) sum += number * number;
  const double length = std::sqrt(sum);
  for (double& number : vector) number = length > 0 ? number / length : 0;
}

// For each vector the `k` others that are nearest by cosine, ties by number.
std::vector<std::vector<std::size_t>> neighbours_of(const std::vector<double>& vectors, std::size_t dim,
                                                    std::size_t k) {
  const std::size_t count = vectors.size() / dim;
  std::vector<std::vector<std::size_t>> out(count);
  std::vector<double> scores(count);
  std::vector<std::size_t> order(count);
  for (std::size_t i = 0; i < count; ++i) {
    for (std::size_t j = 0; j < count; ++j) {
      scores[j] = std::inner_product(vectors.begin() + static_cast<std::ptrdiff_t>(i * dim),
                                     vectors.begin() + static_cast<std::ptrdiff_t>((i + 1) * dim),
                                     vectors.begin() + static_cast<std::ptrdiff_t>(j * dim), 0.0);
    }
    scores[i] = -INFINITY;
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::ranges::partial_sort(order, order.begin() + static_cast<std::ptrdiff_t>(k), [&](std::size_t a, std::size_t b) {
      return scores[a] != scores[b] ? scores[a] > scores[b] : a < b;
    });
    out[i].assign(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(k));
    std::ranges::sort(out[i]);
  }
  return out;
}

// The head's side on top of a network's pooled numbers, up to the length.
class RawHead {
 public:
  static Result<RawHead> load(Env& env, const CardDetails& details, const HeadSide& side, std::uint32_t dim) {
    RawHead out;
    out.dim_ = dim;
    PICTOR_ASSIGN(out.matrix_, read_matrix(env, details, side.matrix));
    PICTOR_ASSIGN(out.bias_, read_matrix(env, details, side.bias));
    return out;
  }
  void append(std::vector<double> pooled, std::vector<float>& out) {
    if (!matrix_.empty()) {
      weighted_sum(pooled, matrix_, scratch_);
      for (std::size_t i = 0; i < bias_.size(); ++i) scratch_[i] += static_cast<double>(bias_[i]);
      pooled.swap(scratch_);
    }
    for (std::size_t i = 0; i < dim_; ++i) out.push_back(static_cast<float>(pooled[i]));
  }

 private:
  std::vector<float> matrix_, bias_;
  std::vector<double> scratch_;
  std::uint32_t dim_ = 0;
};

// Nothing when the picture cannot be read.
Result<std::optional<std::vector<double>>> pooled_picture(const OwnStages& stages, const HeadSide& side,
                                                          ByteView file) {
  const auto& card = stages.details().card;
  const auto decoded = decode_image(file, card.decode, &card.prepare);
  if (!decoded.is_ok()) return std::optional<std::vector<double>>();
  const auto tensor = stages.tensor_of(decoded->image);
  if (!tensor.is_ok()) return std::optional<std::vector<double>>();
  PICTOR_ASSIGN(const auto outputs, stages.outputs_of(*tensor));
  PICTOR_ASSIGN(auto pooled, stages.pooled_of(outputs, side));
  return std::optional(std::move(pooled));
}

// What `held` numbers of pictures leave free is for texts, and the other way round.
Status check_room(std::uint64_t held, std::uint64_t more, const char* what) {
  if ((held + more) * sizeof(float) <= kVectorBytesMax) return Status::ok();
  return {Code::kLimit, std::string("more ") + what + " than fit in memory: the vectors of pictures and texts have " +
                            "more than " + std::to_string(kVectorBytesMax / limits::kMiB) + " MiB"};
}

Status check_texts(const CardHead& head, const std::vector<std::string>& texts) {
  if (texts.size() <= limits::kDeriveTextsMax) return check_room(0, std::uint64_t{texts.size()} * head.dim, "texts");
  return {Code::kLimit, std::to_string(texts.size()) + " texts were given, at most " +
                            std::to_string(limits::kDeriveTextsMax) + " are fitted on"};
}

}  // namespace

Status go_on(const DeriveRequest& request) {
  if (request.cancel == nullptr || !*request.cancel) return Status::ok();
  return {Code::kCancelled, "stopped while deriving from encoder '" + request.name + "': no encoder was made"};
}

std::vector<float> to_floats(const std::vector<double>& numbers) {
  std::vector<float> out;
  out.reserve(numbers.size());
  for (const double number : numbers) out.push_back(static_cast<float>(number));
  return out;
}

Result<LinearHead> compose_heads(Env& env, const CardDetails& details, const HeadSide& side, const LinearHead& next) {
  LinearHead out;
  out.in = side.numbers;
  out.out = next.out;
  out.bias = next.bias;
  out.matrix.assign(out.in * out.out, 0.0);
  if (side.making == HeadMaking::kOutput) {
    std::ranges::copy(next.matrix, out.matrix.begin());  // rows beyond next.in are what is cut off
    return out;
  }
  PICTOR_ASSIGN(const auto matrix, read_matrix(env, details, side.matrix));
  PICTOR_ASSIGN(const auto bias, read_matrix(env, details, side.bias));
  for (std::size_t c = 0; c < out.in; ++c) {
    for (std::size_t m = 0; m < next.in; ++m) {
      const auto weight = static_cast<double>(matrix[c * side.full_dim + m]);
      for (std::size_t d = 0; d < out.out; ++d) out.matrix[c * out.out + d] += weight * next.matrix[m * out.out + d];
    }
  }
  if (bias.empty()) return out;
  out.bias.resize(out.out, 0.0);
  for (std::size_t m = 0; m < next.in; ++m) {
    for (std::size_t d = 0; d < out.out; ++d) {
      out.bias[d] += static_cast<double>(bias[m]) * next.matrix[m * out.out + d];
    }
  }
  return out;
}

Result<DeriveVectors> collect_vectors(Env& env, const CardDetails& base, std::size_t head, const Runtime& runtime,
                                      const DeriveRequest& request, DerivedEncoder& report) {
  const auto& card = base.card.heads[head];
  DeriveVectors out;
  out.dim = card.dim;
  const bool with_texts = card.texts && request.by == DeriveBy::kPca;
  const std::uint64_t of_texts = with_texts ? std::uint64_t{request.texts.size()} * card.dim : 0;
  if (with_texts) PICTOR_TRY(check_texts(card, request.texts));
  PICTOR_ASSIGN(const auto stages, OwnStages::open(env, base, runtime, ""));
  if (card.images && request.next_picture) {
    PICTOR_ASSIGN(auto raw, RawHead::load(env, base, base.heads[head].images, card.dim));
    std::vector<std::byte> file;
    for (std::size_t number = 0;; ++number) {
      PICTOR_TRY(go_on(request));
      PICTOR_ASSIGN(const bool more, request.next_picture(file));
      if (!more) break;
      PICTOR_TRY(check_room(out.fitted.size() + out.measured.size() + of_texts, card.dim, "pictures"));
      const bool measured = request.by != DeriveBy::kPca || number % kMeasureEvery == kMeasureEvery - 1;
      if (measured && report.pictures_measured == kMeasuredMax) continue;
      PICTOR_ASSIGN(auto pooled, pooled_picture(*stages, base.heads[head].images, file));
      if (!pooled) {
        ++report.pictures_unreadable;
        continue;
      }
      raw.append(std::move(*pooled), measured ? out.measured : out.fitted);
      ++(measured ? report.pictures_measured : report.pictures_fitted);
    }
  }
  if (!with_texts) return out;
  PICTOR_ASSIGN(auto raw, RawHead::load(env, base, base.heads[head].texts, card.dim));
  for (const auto& text : request.texts) {
    PICTOR_TRY(go_on(request));
    PICTOR_ASSIGN(const auto tokens, stages->tokens_of(text));
    PICTOR_ASSIGN(const auto outputs, stages->outputs_of(tokens));
    PICTOR_ASSIGN(auto pooled, stages->pooled_of(outputs, tokens));
    raw.append(std::move(pooled), out.texts);
    ++report.texts_fitted;
  }
  return out;
}

Result<LinearHead> fit_pca(const DeriveVectors& vectors, const CardHead& head, const DeriveRequest& request,
                           DerivedEncoder& report) {
  const bool centred = !head.texts;
  Pca pca(vectors.dim, centred);
  std::vector<double> unit;
  std::vector<float> narrow;
  for (const auto* all : {&vectors.fitted, &vectors.texts}) {
    for (std::size_t at = 0; at < all->size(); at += vectors.dim) {
      const auto vector = std::span(*all).subspan(at, vectors.dim);
      if (centred) {
        pca.add(vector);
        continue;
      }
      // Pictures and texts come in lengths of their own: a long vector is no more worth than a short one.
      unit.assign(vector.begin(), vector.end());
      to_unit(unit);
      narrow = to_floats(unit);
      pca.add(narrow);
    }
  }
  PICTOR_ASSIGN(const auto components, pca.solve(request.dim));
  report.kept = components.kept;
  LinearHead out;
  out.in = vectors.dim;
  out.out = request.dim;
  out.matrix = components.directions;
  if (!centred) {
    report.notes.emplace_back(
        "the head takes pictures and texts: the same matrix on both sides and no mean taken away, since the two have "
        "means of their own and a common one would change every cosine between them");
    return out;
  }
  report.notes.emplace_back(
      "the mean of the pictures is taken away first (the bias): cosines are those seen from the mean, more spread than "
      "before");
  out.bias.assign(out.out, 0.0);
  for (std::size_t c = 0; c < out.in; ++c) {
    for (std::size_t d = 0; d < out.out; ++d) out.bias[d] -= components.mean[c] * out.matrix[c * out.out + d];
  }
  return out;
}

void measure_overlap(const DeriveVectors& vectors, const LinearHead& linear, const DeriveRequest& request,
                     DerivedEncoder& report) {
  const std::size_t count = vectors.dim == 0 ? 0 : vectors.measured.size() / vectors.dim;
  if (count < 3) return;
  const std::size_t k = std::min<std::size_t>(kNeighbours, count - 1);
  std::vector<double> before(vectors.measured.begin(), vectors.measured.end()), after(count * request.dim);
  for (std::size_t i = 0; i < count; ++i) {
    const auto vector = std::span(vectors.measured).subspan(i * vectors.dim, vectors.dim);
    const auto place = std::span(after).subspan(i * request.dim, request.dim);
    if (request.by == DeriveBy::kTruncate) {
      std::copy_n(vector.begin(), request.dim, place.begin());
    } else {
      apply(linear, vector, place);
    }
    to_unit(place);
    to_unit(std::span(before).subspan(i * vectors.dim, vectors.dim));
  }
  const auto was = neighbours_of(before, vectors.dim, k), is = neighbours_of(after, request.dim, k);
  std::size_t same = 0;
  for (std::size_t i = 0; i < count; ++i) {
    std::vector<std::size_t> both;
    std::ranges::set_intersection(was[i], is[i], std::back_inserter(both));
    same += both.size();
  }
  report.neighbours = static_cast<std::uint32_t>(k);
  report.overlap = static_cast<double>(same) / static_cast<double>(count * k);
}

}  // namespace pictor
