#include "encode/card.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>

#include "encode/test_support.h"

namespace pictor {
namespace {

using Json = nlohmann::json;
using Pointer = Json::json_pointer;

std::string digits(char digit) { return std::string(64, digit); }

Json whole_card() {
  auto card = Json::parse(R"({
    "card": 1, "name": "two-towers", "description": "A card for tests.", "licence": "Apache-2.0", "precision": "f32",
    "sources": [{"what": "weights", "licence": "Apache-2.0", "package": "some-weights", "version": "1.2",
                 "download": {"file": "w.whl", "sha256": "", "bytes": 100},
                 "contains": [{"path": "w/w.pth", "sha256": "", "bytes": 90}]}],
    "files": [{"path": "image.onnx", "sha256": "", "bytes": 10}, {"path": "text.onnx", "sha256": "", "bytes": 11},
              {"path": "tokenizer.json", "sha256": "", "bytes": 12}, {"path": "classes.f32", "sha256": "", "bytes": 320}],
    "towers": {
      "image": {"file": "image.onnx", "input": "pixels", "outputs": {"features": 16, "logits": 10}},
      "text": {"file": "text.onnx", "inputs": {"ids": "ids", "mask": "mask", "types": "types"}, "output": "states",
               "dim": 8, "tokenizer": "tokenizer.json", "max_tokens": 32, "pooling": "mean"}},
    "decode": {"orientation": "apply", "icc": "to_srgb", "alpha": "over", "background": [255, 254, 253], "dct_min_side": 0},
    "prepare": {"width": 26, "height": 24, "fit": "crop_then_resize", "crop_fraction": [260, 292], "filter": "bicubic",
                "mean": [127, 126, 125], "std": [128, 127, 126]},
    "heads": [
      {"name": "visual", "dim": 16, "metric": "cosine", "norm": "l2", "images": {"from": "features"}},
      {"name": "joint", "dim": 8, "metric": "cosine", "norm": "l2",
       "images": {"from": "logits", "through": "conse", "matrix": "classes.f32"}, "texts": {"from": "text"}}]
  })");
  card["sources"][0]["download"]["sha256"] = digits('1');
  card["sources"][0]["contains"][0]["sha256"] = digits('2');
  for (int i = 0; i < 4; ++i) card["files"][i]["sha256"] = digits(static_cast<char>('a' + i));
  return card;
}

Result<CardDetails> parsed(const Json& card) { return parse_card_details(card.dump()); }

TEST(Card, every_field_is_read) {
  const auto details = parsed(whole_card());
  ASSERT_TRUE(details.is_ok()) << details.status().to_string();
  const auto& card = details->card;
  EXPECT_EQ(card.name, "two-towers");
  EXPECT_EQ(card.source, "some-weights 1.2");
  EXPECT_EQ(card.precision, Precision::kF32);
  ASSERT_EQ(card.files.size(), 4U);
  EXPECT_EQ(card.files[3].hash.hex(), digits('d'));
  EXPECT_EQ(card.files[3].bytes, 320U);
  EXPECT_EQ(card.decode.background, (std::array<std::uint8_t, 3>{255, 254, 253}));
  EXPECT_EQ(card.prepare.width, 26U);
  EXPECT_EQ(card.prepare.height, 24U);
  EXPECT_EQ(card.prepare.fit, Fit::kCropThenResize);
  EXPECT_EQ(card.prepare.crop_fraction, 260.0 / 292.0);
  EXPECT_EQ(card.prepare.mean[1], 126.0F);
  EXPECT_EQ(card.prepare.std[2], 126.0F);
  ASSERT_EQ(card.heads.size(), 2U);
  EXPECT_TRUE(card.heads[0].images);
  EXPECT_FALSE(card.heads[0].texts);
  EXPECT_TRUE(card.heads[1].texts);
  EXPECT_EQ(card.head("joint")->dim, 8U);
  EXPECT_EQ(card.head("nothing"), nullptr);
  EXPECT_EQ(details->text->tokens_max, 32U);
  EXPECT_EQ(details->heads[1].images.matrix, "classes.f32");
  EXPECT_EQ(details->heads[1].images.numbers, 10U);
  EXPECT_EQ(card.json, whole_card().dump());
}

TEST(Card, a_run_time_is_one_of_two_is_written_back_and_is_no_part_of_a_space) {
  auto card = whole_card();
  const auto plain = parsed(card);
  ASSERT_TRUE(plain.is_ok());
  EXPECT_EQ(plain->card.runtime, "");
  card["runtime"] = "onnxruntime";
  card["prepare"]["fit"] = "squash";
  card["prepare"].erase("crop_fraction");
  const auto chosen = parsed(card);
  ASSERT_TRUE(chosen.is_ok()) << chosen.status().to_string();
  EXPECT_EQ(chosen->card.runtime, "onnxruntime");
  const auto again = parse_card_details(write_card(*chosen));
  ASSERT_TRUE(again.is_ok()) << again.status().to_string();
  EXPECT_EQ(again->card.runtime, "onnxruntime");
  card.erase("runtime");
  EXPECT_EQ(parsed(card)->card.heads[1].space, chosen->card.heads[1].space);
  card["runtime"] = "torch";
  EXPECT_EQ(parsed(card).status().code(), Code::kUnreadable);
}

TEST(Card, an_unknown_field_is_refused_with_the_nearest_that_is_known) {
  const auto refused = [](const char* pointer, const char* words) {
    auto card = whole_card();
    card[Pointer(pointer)] = 1;
    const auto details = parsed(card);
    ASSERT_FALSE(details.is_ok()) << pointer;
    EXPECT_EQ(details.status().code(), Code::kUnreadable);
    EXPECT_NE(details.status().message().find(words), std::string::npos) << details.status().message();
  };
  refused("/licens", "'licens' is unknown; the nearest that is known is 'licence'");
  refused("/prepare/widht", "'prepare.widht' is unknown; the nearest that is known is 'prepare.width'");
  refused("/decode/ic", "'decode.ic' is unknown; the nearest that is known is 'decode.icc'");
  refused("/towers/image/out", "'towers.image.out' is unknown");
  refused("/towers/text/x", "'towers.text.x' is unknown");
  refused("/towers/text/inputs/x", "'towers.text.inputs.x' is unknown");
  refused("/towers/audio", "'towers.audio' is unknown");
  refused("/heads/1/images/matrx", "'heads[1].images.matrx' is unknown");
  refused("/heads/1/texts/x", "'heads[1].texts.x' is unknown");
  refused("/heads/0/mertic", "'heads[0].metric'");
  refused("/files/0/byte", "'files[0].bytes'");
  refused("/sources/0/contains/0/x", "'sources[0].contains[0].x' is unknown");
  refused("/prepare/resize", "'prepare.resize' is unknown");
}

// Every field, taken away or of another type, is refused and named.
void check_each_field(const Json& whole, const Pointer& at) {
  static const std::set<std::string> kMayBeMissing = {
      "/decode/dct_min_side", "/towers/text/inputs/types", "/towers/text/inputs/mask", "/towers/text/padding",
      "/towers/text/pad_id",  "/towers/text/together",     "/towers/text/data",        "/towers/image/data",
      "/sources/0/contains",  "/heads/1/images/through",   "/heads/1/texts",           "/prepare/rescale",
      "/prepare/crop_offset", "/heads/0/images/bias",      "/heads/1/texts/through",   "/heads/1/images",
      "/heads/1/texts/bias"};
  const auto& value = whole.at(at);
  if (!at.empty() && at.to_string().find("/outputs/") == std::string::npos) {
    auto card = whole;
    if (!at.parent_pointer().empty() || !at.empty()) {
      auto& parent = card.at(at.parent_pointer());
      if (parent.is_object() && !kMayBeMissing.contains(at.to_string())) {
        parent.erase(at.back());
        EXPECT_FALSE(parsed(card).is_ok()) << at.to_string() << " is missing";
      }
    }
    for (const Json& wrong :
         {Json(nullptr), Json(-10'000'000), Json("\x01 nonsense"), Json::array({1, 2, 3, 4}), Json(1e300)}) {
      const bool free_text = value.is_string() && wrong.is_string();
      if (free_text) continue;
      card = whole;
      card[at] = wrong;
      const auto details = parsed(card);
      ASSERT_FALSE(details.is_ok()) << at.to_string() << " = " << wrong;
      EXPECT_EQ(details.status().code(), Code::kUnreadable) << details.status().to_string();
      EXPECT_LT(details.status().message().size(), 600U);
    }
  }
  if (value.is_object()) {
    for (const auto& [name, unused] : value.items()) check_each_field(whole, at / name);
  } else if (value.is_array()) {
    for (std::size_t i = 0; i < value.size(); ++i) check_each_field(whole, at / i);
  }
}

TEST(Card, every_field_that_is_missing_or_of_another_type_is_refused) { check_each_field(whole_card(), Pointer()); }

// What cards of imported encoders have: tokens and maps that are pooled, projections, truncation, end of text.
Json hub_card() {
  auto card = Json::parse(R"({
    "card": 1, "name": "hub", "description": "A card for tests.", "licence": "MIT", "precision": "f16",
    "sources": [{"what": "weights", "licence": "MIT", "from": "hf:owner/name@0123"}],
    "files": [{"path": "vision_model.onnx", "sha256": "", "bytes": 10}, {"path": "text.onnx", "sha256": "", "bytes": 11},
              {"path": "tokenizer.json", "sha256": "", "bytes": 12}, {"path": "pca.f32", "sha256": "", "bytes": 256},
              {"path": "bias.f32", "sha256": "", "bytes": 32}, {"path": "text.onnx_data", "sha256": "", "bytes": 9}],
    "towers": {
      "image": {"file": "vision_model.onnx", "input": "pixel_values", "outputs": {
        "last_hidden_state": {"numbers": 8, "tokens": 10, "prefix": 1}, "map": {"numbers": 16, "height": 7, "width": 6}}},
      "text": {"file": "text.onnx", "data": ["text.onnx_data"], "inputs": {"ids": "input_ids"}, "output": "text_embeds",
               "dim": 8, "tokenizer": "tokenizer.json", "max_tokens": 77, "pooling": "end_of_text", "end_id": 49407,
               "padding": "max", "pad_id": 0, "together": false}},
    "decode": {"orientation": "apply", "icc": "ignore", "alpha": "drop"},
    "prepare": {"width": 224, "height": 224, "fit": "shortest_edge_crop", "resize": 256, "crop_offset": "floor",
                "filter": "hamming", "rescale": 0.00392156862745098, "mean": [0.5, 0.4, 0.3], "std": [0.1, 0.2, 0.3]},
    "heads": [
      {"name": "small", "dim": 4, "truncated_from": 8, "metric": "cosine", "norm": "l2",
       "images": {"from": "last_hidden_state", "pooling": "cls", "through": "linear", "matrix": "pca.f32",
                  "bias": "bias.f32"}},
      {"name": "patches", "dim": 8, "metric": "cosine", "norm": "l2",
       "images": {"from": "last_hidden_state", "pooling": "mean"}, "texts": {"from": "text"}},
      {"name": "map", "dim": 16, "metric": "cosine", "norm": "l2", "images": {"from": "map", "pooling": "mean"}}]
  })");
  for (int i = 0; i < 6; ++i) card["files"][i]["sha256"] = digits(static_cast<char>('a' + i));
  return card;
}

TEST(Card, an_imported_encoder_is_read_whole) {
  const auto details = parsed(hub_card());
  ASSERT_TRUE(details.is_ok()) << details.status().to_string();
  EXPECT_EQ(details->card.precision, Precision::kF16);
  EXPECT_EQ(details->card.source, "hf:owner/name@0123");
  EXPECT_EQ(details->card.prepare.rescale, 0.00392156862745098);
  EXPECT_EQ(details->card.prepare.crop_offset, CropOffset::kFloor);
  EXPECT_EQ(details->card.prepare.filter, Filter::kHamming);
  const auto& tokens = details->image->outputs.at("last_hidden_state");
  EXPECT_EQ(tokens.kind, OutputKind::kTokens);
  EXPECT_EQ(tokens.tokens, 10U);
  EXPECT_EQ(tokens.prefix, 1U);
  EXPECT_EQ(details->image->outputs.at("map").kind, OutputKind::kMap);
  EXPECT_EQ(details->heads[0].images.making, HeadMaking::kLinear);
  EXPECT_EQ(details->heads[0].images.pooling, Pooling::kCls);
  EXPECT_EQ(details->heads[0].images.full_dim, 8U);
  EXPECT_EQ(details->card.heads[0].dim, 4U);
  EXPECT_EQ(details->heads[1].images.pooling, Pooling::kMean);
  const auto& text = *details->text;
  EXPECT_EQ(text.pooling, Pooling::kEndOfText);
  EXPECT_EQ(text.end_id, 49407);
  EXPECT_EQ(text.padding, Padding::kMax);
  EXPECT_EQ(text.pad_id, 0);
  EXPECT_FALSE(text.together);
  EXPECT_EQ(text.mask_input, "");
  EXPECT_EQ(text.data, std::vector<std::string>{"text.onnx_data"});
  check_each_field(hub_card(), Pointer());
}

TEST(Card, an_imported_encoder_that_does_not_add_up_is_refused) {
  const auto refused = [](const char* pointer, const Json& value, const char* words) {
    auto card = hub_card();
    card[Pointer(pointer)] = value;
    const auto details = parsed(card);
    ASSERT_FALSE(details.is_ok()) << pointer << " = " << value;
    EXPECT_NE(details.status().message().find(words), std::string::npos) << details.status().message();
  };
  refused("/heads/0/truncated_from", 7, "head 'small' has dim 4 of 7");
  refused("/heads/0/truncated_from", 3, "whole number from 4");
  refused("/heads/0/images/pooling", "end_of_text", "one of 'cls', 'mean'");
  refused("/heads/2/images/pooling", "cls", "one of 'mean'");
  refused("/files/3/bytes", 260, "through 'pca.f32' gives 0");
  refused("/files/4/bytes", 28, "has 7 numbers, 8 are wanted");
  refused("/towers/image/outputs/last_hidden_state/prefix", 10, "whole number from 0 to 9");
  refused("/towers/text/data", {"other"}, "not in 'files'");
  refused("/prepare/rescale", 0, "number from");
  refused("/prepare/crop_offset", "ceil", "one of 'floor', 'half_even'");
}

TEST(Card, values_that_make_no_sense_are_refused) {
  const auto refused = [](const char* pointer, const Json& value, const char* words) {
    auto card = whole_card();
    card[Pointer(pointer)] = value;
    const auto details = parsed(card);
    ASSERT_FALSE(details.is_ok()) << pointer << " = " << value;
    EXPECT_NE(details.status().message().find(words), std::string::npos) << details.status().message();
  };
  refused("/card", 2, "'card' is 2");
  refused("/name", "Big Name", "'name'");
  refused("/name", "../up", "'name'");
  refused("/precision", "f64", "one of 'f16', 'f32', 'int8', 'int8_dynamic'");
  refused("/files/0/path", "../image.onnx", "plain file name");
  refused("/files/0/path", "/etc/passwd", "plain file name");
  refused("/files/0/path", ".hidden", "plain file name");
  refused("/files/1/path", "image.onnx", "twice");
  refused("/files/0/sha256", "abc", "64 hexadecimal digits");
  refused("/files/0/bytes", 0, "whole number from 1");
  refused("/files/3/bytes", 321, "head 'joint' has dim 8");
  refused("/towers/image/file", "other.onnx", "not in 'files'");
  refused("/towers/image/file", "text.onnx", "used by no tower");
  refused("/towers/text/dim", 9, "the text tower with 9 numbers gives 9");
  refused("/heads/0/dim", 17, "head 'visual' has dim 17");
  refused("/heads/0/images/from", "nothing", "no output of the image tower");
  refused("/heads/1/name", "visual", "twice");
  refused("/heads/0", {{"name", "x"}, {"dim", 1}, {"metric", "l2"}, {"norm", "l2"}}, "neither images nor texts");
  refused("/prepare/width", limits::kPrepareSideMax + 1, "whole number from 1 to 4096");
  refused("/prepare/crop_fraction", {3, 2}, "at most 1");
  refused("/prepare/crop_fraction", {0, 2}, "numerator");
  refused("/prepare/std", {0, 1, 1}, "three numbers");
  refused("/decode/background", {256, 0, 0}, "three numbers");
  refused("/decode/background", {1.5, 0, 0}, "three numbers");
  EXPECT_EQ(parse_card("nonsense").status().code(), Code::kUnreadable);
  EXPECT_EQ(parse_card("[]").status().code(), Code::kUnreadable);
  EXPECT_EQ(parse_card(std::string(limits::kCardBytesMax + 1, ' ')).status().code(), Code::kLimit);
  EXPECT_EQ(parse_card(std::string(limits::kCardBytesMax, ' ')).status().code(), Code::kUnreadable);
}

std::vector<SpaceId> spaces(const Json& card) {
  const auto details = parsed(card);
  EXPECT_TRUE(details.is_ok()) << details.status().to_string();
  if (!details.is_ok()) return {"", ""};
  return {details->card.heads[0].space, details->card.heads[1].space};
}

struct Change {
  const char* pointer;
  Json value;
};

TEST(SpaceId, every_field_that_decides_the_bits_of_pictures_changes_it) {
  const auto before = spaces(whole_card());
  EXPECT_NE(before[0], before[1]);
  const Change changes[] = {{"/precision", "int8"},           {"/files/0/sha256", digits('9')},
                            {"/towers/image/input", "other"}, {"/decode/orientation", "ignore"},
                            {"/decode/icc", "ignore"},        {"/decode/background", {0, 254, 253}},
                            {"/decode/dct_min_side", 64},     {"/prepare/width", 27},
                            {"/prepare/height", 25},          {"/prepare/crop_fraction", {1, 2}},
                            {"/prepare/filter", "lanczos"},   {"/prepare/mean", {127, 126, 124}},
                            {"/prepare/std", {128, 127, 125}}};
  for (const auto& change : changes) {
    auto card = whole_card();
    card[Pointer(change.pointer)] = change.value;
    const auto after = spaces(card);
    EXPECT_NE(after[0], before[0]) << change.pointer;
    EXPECT_NE(after[1], before[1]) << change.pointer;
  }
  auto card = whole_card();
  card["decode"]["alpha"] = "drop";
  card["decode"].erase("background");
  EXPECT_NE(spaces(card)[0], before[0]);
  card = whole_card();
  card["prepare"].erase("crop_fraction");
  for (const char* fit : {"squash", "pad", "shortest_edge_crop"}) {
    card["prepare"]["fit"] = fit;
    if (std::string(fit) == "pad") card["prepare"]["background"] = {1, 2, 3};
    if (std::string(fit) == "shortest_edge_crop") {
      card["prepare"].erase("background");
      card["prepare"]["resize"] = 30;
    }
    EXPECT_NE(spaces(card)[0], before[0]) << fit;
  }
}

TEST(SpaceId, the_text_tower_and_the_class_vectors_change_the_joint_head_only) {
  const auto before = spaces(whole_card());
  const Change changes[] = {{"/files/1/sha256", digits('9')},       {"/files/2/sha256", digits('9')},
                            {"/files/3/sha256", digits('9')},       {"/towers/text/max_tokens", 31},
                            {"/towers/text/inputs/ids", "other"},   {"/towers/text/inputs/mask", "other"},
                            {"/towers/text/inputs/types", "other"}, {"/towers/text/output", "other"}};
  for (const auto& change : changes) {
    auto card = whole_card();
    card[Pointer(change.pointer)] = change.value;
    const auto after = spaces(card);
    EXPECT_EQ(after[0], before[0]) << change.pointer;
    EXPECT_NE(after[1], before[1]) << change.pointer;
  }
}

TEST(SpaceId, every_field_of_an_imported_encoder_that_decides_bits_changes_its_space) {
  const auto all = [](const Json& card) {
    const auto details = parsed(card);
    EXPECT_TRUE(details.is_ok()) << details.status().to_string();
    std::vector<SpaceId> out;
    if (!details.is_ok()) return out;
    for (const auto& head : details->card.heads) out.push_back(head.space);
    return out;
  };
  struct Affects {
    const char* pointer;
    const char* value;
    std::vector<bool> heads;
  };
  const std::vector<bool> every = {true, true, true}, first = {true, false, false}, second = {false, true, false};
  const std::string nines = "\"" + digits('9') + "\"";
  const Affects cases[] = {{"/prepare/rescale", "0.5", every},
                           {"/prepare/crop_offset", "\"half_even\"", every},
                           {"/heads/0/images/pooling", "\"mean\"", first},
                           {"/heads/1/images/pooling", "\"cls\"", second},
                           {"/heads/0/dim", "5", first},
                           {"/files/3/sha256", nines.c_str(), first},
                           {"/files/4/sha256", nines.c_str(), first},
                           {"/files/5/sha256", nines.c_str(), second},
                           {"/towers/image/outputs/last_hidden_state/prefix", "2", {true, true, false}},
                           {"/towers/text/end_id", "1", second},
                           {"/towers/text/padding", "\"bucket\"", second},
                           {"/towers/text/pad_id", "1", second},
                           {"/towers/text/together", "true", second},
                           {"/towers/text/pooling", "\"last\"", second}};
  const auto before = all(hub_card());
  for (const auto& [pointer, value, heads] : cases) {
    auto card = hub_card();
    card[Pointer(pointer)] = Json::parse(value);
    if (card["towers"]["text"]["pooling"] == "last") card["towers"]["text"].erase("end_id");
    const auto after = all(card);
    ASSERT_EQ(after.size(), before.size());
    for (std::size_t i = 0; i < heads.size(); ++i) {
      EXPECT_EQ(after[i] != before[i], heads[i]) << pointer << " head " << i;
    }
  }
}

TEST(SpaceId, what_only_people_read_and_the_metric_change_nothing) {
  const auto before = spaces(whole_card());
  const Change changes[] = {{"/name", "other"},
                            {"/description", "Other words."},
                            {"/licence", "MIT"},
                            {"/sources/0/version", "1.3"},
                            {"/sources/0/download/sha256", digits('9')},
                            {"/heads/0/metric", "inner_product"},
                            {"/heads/1/metric", "l2"},
                            {"/heads/0/name", "other"}};
  for (const auto& change : changes) {
    auto card = whole_card();
    card[Pointer(change.pointer)] = change.value;
    EXPECT_EQ(spaces(card), before) << change.pointer;
  }
  // The same card written otherwise.
  const auto pretty = parse_card(whole_card().dump(4));
  ASSERT_TRUE(pretty.is_ok());
  EXPECT_EQ(pretty->heads[1].space, before[1]);
}

// A space that changes makes every stored vector foreign: it may only change with kEncodeSemanticsVersion.
TEST(SpaceId, it_is_the_same_as_in_the_first_release) {
  EXPECT_EQ(kEncodeSemanticsVersion, 1U);
  EXPECT_EQ(spaces(whole_card()),
            (std::vector<SpaceId>{"530ab95184b4e59cf039cb17035b23e87fbcbfa11fab727daf14851e0baaa956",
                                  "2700c83de347524c2ac459dbd1c515198979fe466e34311081b1bf3263d3b5cd"}));
}

TEST(Card, the_cards_that_come_with_pictor_are_right) {
  PICTOR_NEED(test::cards_folder());
  const auto cards = list_cards(Env::real(), {test::cards_folder(), test::weights_folder()});
  ASSERT_TRUE(cards.is_ok()) << cards.status().to_string();
  EXPECT_FALSE(cards->empty());
}

}  // namespace
}  // namespace pictor
