// Vectors without storing anything, in the shape that OpenAI's clients speak:
// https://platform.openai.com/docs/api-reference/embeddings. Beside its texts, `input` may hold pictures.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "engine/engine.h"
#include "serve/api.h"
#include "serve/json_reader.h"
#include "serve/picture_in.h"
#include "serve/vector_bytes.h"

namespace pictor {
namespace {

using Json = nlohmann::ordered_json;

struct Input {
  std::string text;
  Bytes picture;        // none and no address: a text
  std::string address;  // of the picture

  bool is_text() const { return picture.empty() && address.empty(); }
};

// "a text", {"text": "..."}, {"image": "..."}, or the part of a message {"type": "image_url", "image_url": {"url":
// ...}}.
Result<Input> input_of(const nlohmann::json& value, const std::string& name, std::uint64_t bytes_max) {
  Input input;
  if (value.is_string()) {
    input.text = value.get<std::string>();
    return input;
  }
  JsonReader json(value, name);
  const auto text = json.text("text");
  auto image = json.text("image");
  json.text("type");
  if (const auto* address = json.any("image_url"); address != nullptr) {
    JsonReader inner(*address, name + ".image_url");
    image = inner.text("url");
    inner.text("detail");
    PICTOR_TRY(inner.status());
  }
  PICTOR_TRY(json.status());
  if (text.has_value() == image.has_value()) {
    return Status(Code::kInvalid, "'" + name + "' has both or none of 'text' and 'image', wanted one of them");
  }
  if (text) {
    input.text = *text;
  } else {
    PICTOR_ASSIGN(auto given, picture_of_text(*image, bytes_max));
    input.picture = std::move(given.bytes);
    input.address = std::move(given.address);
  }
  return input;
}

Result<std::vector<Input>> inputs_of(JsonReader& json, std::uint64_t bytes_max) {
  std::vector<Input> inputs;
  const nlohmann::json* value = json.any("input");
  if (value == nullptr)
    return Status(Code::kInvalid, "'input' is missing, wanted a text, or an array of texts and images");
  const bool is_list = value->is_array();
  const std::size_t count = is_list ? value->size() : 1;
  if (count == 0 || count > limits::kServerEmbedInputsMax) {
    return Status(Code::kInvalid, "'input' has " + std::to_string(count) + " elements, wanted 1 to " +
                                      std::to_string(limits::kServerEmbedInputsMax));
  }
  for (std::size_t i = 0; i < count; ++i) {
    PICTOR_ASSIGN(auto input, input_of(is_list ? (*value)[i] : *value, "input[" + std::to_string(i) + "]", bytes_max));
    inputs.push_back(std::move(input));
  }
  return inputs;
}

Status fetch_inputs(const Call& call, std::vector<Input>& inputs) {
  std::vector<WantedPicture> wanted;
  for (const Input& input : inputs) {
    if (!input.address.empty()) wanted.push_back({input.address});
  }
  FetchTerms terms{call.options};
  terms.deadline_us = call.request.received_us + call.options.deadline_ms * 1000;
  terms.bytes_max = call.options.body_bytes_max;
  call.api.pictures.fetch(wanted, terms);
  auto fetched = wanted.begin();
  for (Input& input : inputs) {
    if (input.address.empty()) continue;
    PICTOR_TRY(fetched->status);
    input.picture = std::move((fetched++)->bytes);
  }
  return Status::ok();
}

// Runs of texts go through the encoder together.
Result<std::vector<std::vector<float>>> vectors_of(Engine& engine, const std::string& encoder, const std::string& head,
                                                   const std::vector<Input>& inputs) {
  std::vector<std::vector<float>> vectors;
  for (std::size_t at = 0; at < inputs.size();) {
    if (!inputs[at].is_text()) {
      PICTOR_ASSIGN(auto vector, engine.embed_picture(encoder, head, inputs[at++].picture));
      vectors.push_back(std::move(vector));
      continue;
    }
    std::vector<std::string> texts;
    for (; at < inputs.size() && inputs[at].is_text(); ++at) texts.push_back(inputs[at].text);
    PICTOR_ASSIGN(const auto numbers, engine.embed_texts(encoder, head, texts));
    const std::size_t dim = numbers.size() / texts.size();
    for (std::size_t i = 0; i < texts.size(); ++i) {
      const auto begin = numbers.begin() + static_cast<std::ptrdiff_t>(i * dim);
      vectors.emplace_back(begin, begin + static_cast<std::ptrdiff_t>(dim));
    }
  }
  return vectors;
}

// "encoder", or "encoder/head". Without a head: that of words where there are words, since pictures have it too.
struct Model {
  std::string encoder, head;
};
Result<Model> model_of(Engine& engine, const std::string& name, const std::vector<Input>& inputs) {
  Model model;
  const std::size_t slash = name.find('/');
  model.encoder = name.substr(0, slash);
  if (slash != std::string::npos) model.head = name.substr(slash + 1);
  PICTOR_ASSIGN(const auto encoders, engine.encoders());
  const auto found = std::find_if(encoders.begin(), encoders.end(), [&](const EncoderInfo& info) {
    return model.encoder.empty() || info.name == model.encoder;
  });
  if (found == encoders.end()) {
    return Status(Code::kNotFound, "'model' is '" + name + "': there is no such encoder, GET /v1/encoders lists them");
  }
  const bool texts = std::any_of(inputs.begin(), inputs.end(), [](const Input& input) { return input.is_text(); });
  for (const HeadInfo& head : found->heads) {
    if (model.head.empty() && (texts ? head.texts : head.images)) model.head = head.name;
  }
  return model;
}

Status check_dimensions(std::optional<std::uint64_t> wanted, const std::vector<std::vector<float>>& vectors) {
  for (const auto& vector : vectors) {
    if (!wanted || *wanted == vector.size()) continue;
    return {Code::kUnsupported, "'dimensions' is " + std::to_string(*wanted) + ", the vectors of this head have " +
                                    std::to_string(vector.size()) +
                                    ": `pictor encoder derive` makes another dimension of it"};
  }
  return Status::ok();
}

}  // namespace

Result<HttpReply> create_embeddings(const Call& call) {
  PICTOR_TRY(only_parameters(call, {}));
  PICTOR_ASSIGN(const auto body, parse_request_json(call.request.body));
  JsonReader json(body, "");
  const std::string name = json.text("model").value_or("");
  const std::string format = json.text("encoding_format").value_or("float");
  const auto dimensions = json.count("dimensions");
  json.text("user");
  PICTOR_ASSIGN(auto inputs, inputs_of(json, call.options.body_bytes_max));
  PICTOR_TRY(json.status());
  if (format != "float" && format != "base64") {
    return Status(Code::kInvalid, "'encoding_format' is '" + format + "', wanted float or base64");
  }
  PICTOR_ASSIGN(const auto dtype, dtype_of(call.request.head.field("accept")));
  PICTOR_ASSIGN(const Model model, model_of(call.tenant.engine, name, inputs));
  PICTOR_TRY(fetch_inputs(call, inputs));
  PICTOR_ASSIGN(const auto vectors, vectors_of(call.tenant.engine, model.encoder, model.head, inputs));
  PICTOR_TRY(check_dimensions(dimensions, vectors));
  if (dtype) return vectors_reply(*dtype, vectors);
  std::string data;
  for (std::size_t i = 0; i < vectors.size(); ++i) {
    const std::string vector =
        format == "float" ? vector_json(vectors[i]) : "\"" + base64_of(std::as_bytes(std::span(vectors[i]))) + "\"";
    data += std::string(i == 0 ? "" : ",") + R"({"object":"embedding","index":)" + std::to_string(i) +
            R"(,"embedding":)" + vector + "}";
  }
  const Json shown = name.empty() ? Json(model.encoder + "/" + model.head) : Json(name);
  // Tokens are not counted: nobody pays for them here.
  return json_reply(R"({"object":"list","data":[)" + data + R"(],"model":)" + shown.dump() +
                    R"(,"usage":{"prompt_tokens":0,"total_tokens":0}})");
}

}  // namespace pictor
