#include "serve/vector_bytes.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>

#include "serve/multipart.h"
#include "vector/vector.h"

namespace pictor {
namespace {

constexpr float kInt8Most = 127;
constexpr std::string_view kNames[] = {"f32", "f16", "int8"};

std::size_t bytes_of(Dtype dtype) { return dtype == Dtype::kF32 ? 4 : dtype == Dtype::kF16 ? 2 : 1; }

template <typename Number>
Number number_at(std::string_view bytes, std::size_t i) {
  Number number;
  std::memcpy(&number, bytes.data() + i * sizeof(Number), sizeof(Number));
  return number;
}

template <typename Number>
void put(std::string& out, Number number) {
  char bytes[sizeof(Number)];
  std::memcpy(bytes, &number, sizeof(Number));
  out.append(bytes, sizeof(Number));
}

// One for all rows, so that a client's products need no more than a factor.
float scale_of(std::span<const std::vector<float>> rows) {
  float most = 0;
  for (const auto& row : rows) {
    for (const float number : row) most = std::max(most, std::abs(number));
  }
  return most == 0 ? 1 : most / kInt8Most;
}

std::string shortest(float number) {
  char text[32];
  const auto written = std::to_chars(text, text + sizeof text, number);
  return {text, written.ptr};
}

}  // namespace

Result<std::optional<Dtype>> dtype_of(std::string_view type) {
  if (media_type(type) != "application/octet-stream") return std::optional<Dtype>();
  const auto name = parameter_of(type, "dtype");
  if (!name) return std::optional<Dtype>();
  const auto found = std::find(std::begin(kNames), std::end(kNames), *name);
  if (found == std::end(kNames)) return Status(Code::kInvalid, "dtype is '" + *name + "', wanted f32, f16 or int8");
  return std::optional(static_cast<Dtype>(found - std::begin(kNames)));
}

Result<std::vector<float>> vector_of_bytes(Dtype dtype, std::string_view bytes) {
  const std::size_t each = bytes_of(dtype);
  if (bytes.empty() || bytes.size() % each != 0) {
    return Status(Code::kInvalid,
                  "the body has " + std::to_string(bytes.size()) + " bytes, wanted numbers of " + std::to_string(each));
  }
  std::vector<float> vector(bytes.size() / each);
  for (std::size_t i = 0; i < vector.size(); ++i) {
    switch (dtype) {
      case Dtype::kF32: vector[i] = number_at<float>(bytes, i); break;
      case Dtype::kF16: vector[i] = f32_of_f16(number_at<std::uint16_t>(bytes, i)); break;
      case Dtype::kInt8: vector[i] = static_cast<float>(number_at<std::int8_t>(bytes, i)) / kInt8Most; break;
    }
    if (!std::isfinite(vector[i])) {
      return Status(Code::kInvalid, "number " + std::to_string(i) + " of the vector is not finite");
    }
  }
  return vector;
}

HttpReply vectors_reply(Dtype dtype, std::span<const std::vector<float>> rows) {
  HttpReply reply;
  reply.type = "application/octet-stream";
  const float scale = dtype == Dtype::kInt8 ? scale_of(rows) : 1;
  for (const auto& row : rows) {
    for (const float number : row) {
      switch (dtype) {
        case Dtype::kF32: put(reply.body, number); break;
        case Dtype::kF16: put(reply.body, f16_of(number)); break;
        case Dtype::kInt8: put(reply.body, static_cast<std::int8_t>(std::lround(number / scale))); break;
      }
    }
  }
  const std::size_t dim = rows.empty() ? 0 : rows[0].size();
  reply.fields.emplace_back("X-Pictor-Dtype", kNames[static_cast<std::size_t>(dtype)]);
  reply.fields.emplace_back("X-Pictor-Shape", std::to_string(rows.size()) + "," + std::to_string(dim));
  if (dtype == Dtype::kInt8) reply.fields.emplace_back("X-Pictor-Scale", shortest(scale));
  return reply;
}

}  // namespace pictor
