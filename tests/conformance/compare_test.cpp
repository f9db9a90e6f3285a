// Other stacks' records beside ours: the references' depart nowhere, and a stage that is spoiled on purpose is named,
// with what was done to it.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <set>

#include "encode/compare.h"
#include "encode/import.h"
#include "encode/plain_resize.h"
#include "golden_family.h"
#include "image/image.h"

namespace pictor {
namespace {

const std::string kGolden = PICTOR_DEPS_DIR "/golden";

class Folder {
 public:
  Folder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "pictor-compare-XXXXXX").string();
    if (mkdtemp(pattern.data()) != nullptr) path_ = pattern;
  }
  ~Folder() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  const std::string& path() const { return path_; }
  template <typename T>
  void write(const std::string& name, const std::vector<T>& numbers) const {
    std::ofstream(path_ + "/" + name, std::ios::binary)
        .write(reinterpret_cast<const char*>(numbers.data()), static_cast<std::streamsize>(numbers.size() * sizeof(T)));
  }

 private:
  std::string path_;
};

class Compare : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    if (test::golden_families().empty()) {
      ASSERT_EQ(std::getenv("CI"), nullptr) << "run tools/setup golden";
      GTEST_SKIP() << "run tools/setup golden";
    }
  }
  // An encoder of that family, and our own stages of it to spoil.
  void bring(const std::string& family) {
    std::filesystem::create_directories(folder_.path() + "/cards");
    AddEncoderRequest request;
    request.folder = kGolden + "/" + family + "/hub";
    request.name = "tested";
    const auto added = add_encoder(Env::real(), places_, *runtime_, request);
    ASSERT_TRUE(added.is_ok()) << added.status().to_string();
    open();
  }
  void open() {
    auto details = read_card_details(Env::real(), places_, "tested");
    ASSERT_TRUE(details.is_ok()) << details.status().to_string();
    auto stages = OwnStages::open(Env::real(), std::move(details).value(), *runtime_, "");
    ASSERT_TRUE(stages.is_ok()) << stages.status().to_string();
    stages_ = std::move(stages).value();
  }
  // The texts of that family alone, pooled by us at the end token.
  void bring_end_of_text() {
    bring("clip");
    ASSERT_FALSE(HasFatalFailure());
    const auto path = folder_.path() + "/encoders/tested/card.json";
    auto card = nlohmann::json::parse(std::ifstream(path));
    for (const char* name : {"decode", "prepare"}) card.erase(name);
    card["towers"].erase("image");
    auto& text = card["towers"]["text"];
    text["output"] = "last_hidden_state";
    text["dim"] = 32;
    text["pooling"] = "end_of_text";
    text["end_id"] = stages_->tokens_of("a")->ids.back();
    card["heads"] = nlohmann::json::array(
        {{{"name", "text"}, {"dim", 32}, {"metric", "cosine"}, {"norm", "l2"}, {"texts", {{"from", "text"}}}}});
    auto files = nlohmann::json::array();
    for (const auto& file : card["files"]) {
      if (text.dump().find(file["path"].dump()) != std::string::npos) files.push_back(file);
    }
    card["files"] = files;
    std::ofstream(path) << card.dump();
    open();
  }
  ForeignReport against(const std::string& path) {
    auto report = compare_encoder(Env::real(), places_, *runtime_, "", {"tested", path, ""});
    EXPECT_TRUE(report.is_ok()) << report.status().to_string();
    return report.is_ok() ? std::move(report).value() : ForeignReport{};
  }
  const EncoderCard& card() const { return stages_->details().card; }
  Bytes file(const std::string& name) const {
    return read_file(Env::real(), kGolden + "/pictures/" + name, limits::kImageFileBytesMax).value();
  }
  // Tensors as another stack would make them, in files beside the pictures.
  ForeignReport with_tensors(const std::vector<std::string>& pictures,
                             const std::function<std::vector<float>(ByteView)>& make) {
    const Folder theirs;
    for (const auto& name : pictures) {
      std::filesystem::copy_file(kGolden + "/pictures/" + name, theirs.path() + "/" + name);
      theirs.write(name.substr(0, name.rfind('.')) + ".f32", make(file(name)));
    }
    return against(theirs.path());
  }
  std::vector<float> tensor(ByteView bytes, const PrepareSpec& prepare, DecodeSpec decode) const {
    const auto decoded = decode_image(bytes, decode);
    std::vector<float> out(prepared_size(prepare));
    EXPECT_TRUE(decoded.is_ok() && prepare_image(decoded->image, decode, prepare, out).is_ok());
    return out;
  }
  // One line of JSON for each picture or text.
  ForeignReport with_lines(const std::vector<nlohmann::json>& lines) {
    const Folder theirs;
    std::ofstream out(theirs.path() + "/records.jsonl");
    for (const auto& line : lines) out << line.dump() << "\n";
    out.close();
    return against(theirs.path() + "/records.jsonl");
  }

  Folder folder_;
  EncoderPlaces places_{folder_.path() + "/cards", folder_.path() + "/weights", folder_.path() + "/encoders"};
  std::unique_ptr<Runtime> runtime_ = make_openvino_runtime();
  std::unique_ptr<OwnStages> stages_;
  const std::vector<std::string> photos_ = {"00-photo.png", "01-photo.jpg"};
};

std::string said(const ForeignReport& report) {
  std::string out;
  for (const auto& cause : report.departures) {
    out += cause.kind + " at " + cause.stage + ":";
    for (const auto& change : cause.changes) out += " [" + change + "]";
    out += " " + std::to_string(cause.explained) + "/" + std::to_string(cause.tried) + "\n";
  }
  return out;
}

void expect_cause(const ForeignReport& report, const std::string& stage, const std::vector<std::string>& words) {
  ASSERT_EQ(report.departures.size(), 1U) << said(report);
  const auto& cause = report.departures[0];
  EXPECT_EQ(cause.stage, stage) << said(report);
  EXPECT_EQ(cause.changes.size(), words.size()) << said(report);
  for (const auto& word : words) EXPECT_NE(said(report).find(word), std::string::npos) << word << "\n" << said(report);
  EXPECT_GT(cause.tried, 0U);
  EXPECT_EQ(cause.explained, cause.tried) << said(report);
}

TEST_P(Compare, the_reference_s_own_records_depart_nowhere) {
  bring(GetParam());
  ASSERT_FALSE(HasFatalFailure());
  const auto report = against(kGolden + "/" + GetParam());
  EXPECT_TRUE(report.departures.empty()) << said(report);
  std::set<std::string> stages;
  for (const auto& row : report.stages) {
    stages.insert(row.kind + " " + row.stage);
    EXPECT_EQ(row.differ, 0U) << row.stage;
    EXPECT_GT(row.items, 0U);
  }
  EXPECT_TRUE(stages.contains("pictures decoded") && stages.contains("pictures tensor") &&
              stages.contains("pictures vector"));
  EXPECT_EQ(stages.contains("texts token_ids"), stages_->details().text.has_value());
  EXPECT_EQ(stages.contains("texts vector"), stages_->details().text.has_value());
}
INSTANTIATE_TEST_SUITE_P(Families, Compare, testing::ValuesIn(test::golden_families()),
                         [](const auto& family) { return family.param; });
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(Compare);

class Spoiled : public Compare {};

TEST_F(Spoiled, filters_crops_channels_and_scales_are_named) {
  bring("clip");
  ASSERT_FALSE(HasFatalFailure());
  auto prepare = card().prepare;
  const auto decode = card().decode;
  prepare.filter = Filter::kBilinear;
  expect_cause(with_tensors(photos_, [&](ByteView bytes) { return tensor(bytes, prepare, decode); }), "tensor",
               {"bilinear instead of bicubic"});
  prepare.fit = Fit::kSquash;
  expect_cause(with_tensors(photos_, [&](ByteView bytes) { return tensor(bytes, prepare, decode); }), "tensor",
               {"bilinear instead of bicubic", "squashed to"});
  prepare = card().prepare;
  prepare.mean = {0.485F, 0.456F, 0.406F};
  prepare.std = {0.229F, 0.224F, 0.225F};
  expect_cause(with_tensors(photos_, [&](ByteView bytes) { return tensor(bytes, prepare, decode); }), "tensor",
               {"ImageNet"});
  const auto turned = [&](ByteView bytes) {
    auto out = tensor(bytes, card().prepare, decode);
    const auto plane = static_cast<std::ptrdiff_t>(out.size() / 3);
    std::swap_ranges(out.begin(), out.begin() + plane, out.begin() + 2 * plane);
    return out;
  };
  const auto report = with_tensors(photos_, turned);
  ASSERT_EQ(report.departures.size(), 1U);
  EXPECT_NE(said(report).find("BGR"), std::string::npos) << said(report);
}

TEST_F(Spoiled, a_resize_without_antialias_and_a_turn_that_was_forgotten_are_named) {
  bring("clip");
  ASSERT_FALSE(HasFatalFailure());
  const auto plain = [&](ByteView bytes) {
    const auto decoded = decode_image(bytes, card().decode);
    return prepare_plain(to_rgb8(decoded->image, card().decode).value(), card().decode, card().prepare).value();
  };
  expect_cause(with_tensors(photos_, plain), "tensor", {"bicubic without antialias"});
  auto decode = card().decode;
  decode.orientation = Orientation::kIgnore;
  expect_cause(with_tensors({"02-turned.jpg"}, [&](ByteView b) { return tensor(b, card().prepare, decode); }), "tensor",
               {"EXIF orientation was not applied"});
}

TEST_F(Spoiled, a_picture_that_was_decoded_otherwise_is_found_before_its_tensor) {
  bring("vit");
  ASSERT_FALSE(HasFatalFailure());
  const Folder theirs;
  const std::string name = "02-turned.jpg";
  std::filesystem::copy_file(kGolden + "/pictures/" + name, theirs.path() + "/" + name);
  auto decode = card().decode;
  decode.orientation = Orientation::kIgnore;
  theirs.write("02-turned.u8", to_rgb8(decode_image(file(name), decode)->image, decode)->u8);
  expect_cause(against(theirs.path()), "decoded", {"EXIF orientation was not applied"});
}

TEST_F(Spoiled, a_vector_alone_tells_its_pooling_or_its_preparation) {
  bring("dinov2");
  ASSERT_FALSE(HasFatalFailure());
  std::vector<nlohmann::json> pooled, prepared, equal;
  auto squashed = card().prepare;
  squashed.fit = Fit::kSquash;
  for (const auto& name : photos_) {
    const auto own = tensor(file(name), card().prepare, card().decode);
    const auto outputs = stages_->outputs_of(own);
    ASSERT_TRUE(outputs.is_ok()) << outputs.status().to_string();
    const auto* hidden = find_output(*outputs, "last_hidden_state");
    ASSERT_NE(hidden, nullptr);
    const auto count = static_cast<std::size_t>(hidden->shape[1]), dim = static_cast<std::size_t>(hidden->shape[2]);
    std::vector<double> mean(dim);
    for (std::size_t i = dim; i < count * dim; ++i) mean[i % dim] += static_cast<double>(hidden->values[i]);
    const auto path = kGolden + "/pictures/" + name;
    pooled.push_back({{"picture", path}, {"vector", mean}, {"head", card().heads[0].name}});
    const auto other = stages_->outputs_of(tensor(file(name), squashed, card().decode));
    prepared.push_back({{"picture", path}, {"vector", stages_->vector_of(*other, 0).value()}});
    equal.push_back({{"picture", path}, {"vector", stages_->vector_of(*outputs, 0).value()}});
  }
  EXPECT_TRUE(with_lines(equal).departures.empty());
  expect_cause(with_lines(pooled), "vector", {"the mean without the first token"});
  expect_cause(with_lines(prepared), "vector", {"squashed to"});
}

TEST_F(Spoiled, tokens_and_text_vectors_tell_what_was_done_to_the_text) {
  bring("siglip");
  ASSERT_FALSE(HasFatalFailure());
  std::vector<nlohmann::json> cut, pooled;
  for (const std::string text : {"two dogs run on a beach", "an old house by the sea"}) {
    const auto tokens = stages_->tokens_of(text).value();
    auto ids = tokens.ids;
    ids.pop_back();
    cut.push_back({{"text", text}, {"token_ids", ids}});
    const auto outputs = stages_->outputs_of(tokens).value();
    const auto* hidden = find_output(outputs, "last_hidden_state");
    ASSERT_NE(hidden, nullptr);
    const auto dim = static_cast<std::size_t>(hidden->shape[2]);
    pooled.push_back(
        {{"text", text}, {"vector", std::vector<float>(hidden->values.begin(), hidden->values.begin() + dim)}});
  }
  expect_cause(with_lines(cut), "token_ids", {"special tokens"});
  expect_cause(with_lines(pooled), "vector", {"the first token"});
}

bool noted(const ForeignReport& report, const std::string& words) {
  return std::ranges::any_of(report.notes, [&](const auto& note) { return note.find(words) != std::string::npos; });
}

TEST_F(Spoiled, a_text_without_a_token_is_noted_and_ours_are_gone_on_from) {
  bring("siglip");
  ASSERT_FALSE(HasFatalFailure());
  const std::string text = "two dogs run on a beach";
  const auto tokens = stages_->tokens_of(text).value();
  const auto vector = stages_->vector_of(stages_->outputs_of(tokens).value(), tokens, 0).value();
  const std::vector<std::int64_t> none;
  for (const auto& mask : {none, std::vector<std::int64_t>{0, 0}}) {
    const auto report =
        with_lines({{{"text", text}, {"token_ids", none}, {"attention_mask", mask}, {"vector", vector}}});
    EXPECT_TRUE(noted(report, "has no token")) << said(report);
    ASSERT_EQ(report.stages.size(), 2U);
    EXPECT_EQ(report.stages[0].differ, 1U);
    EXPECT_EQ(report.stages[1].differ, 0U) << "the vector of our own tokens";
  }
}

TEST_F(Spoiled, a_token_that_no_table_has_is_noted_and_ours_are_gone_on_from) {
  bring("siglip");
  ASSERT_FALSE(HasFatalFailure());
  const std::string text = "two dogs run on a beach";
  const auto tokens = stages_->tokens_of(text).value();
  const auto vector = stages_->vector_of(stages_->outputs_of(tokens).value(), tokens, 0).value();
  for (const std::int64_t id : {std::int64_t{-1}, stages_->id_max() + 1, std::int64_t{0x7fffffff}}) {
    auto ids = tokens.ids;
    ids[1] = id;
    const auto report = with_lines({{{"text", text}, {"token_ids", ids}, {"vector", vector}}});
    EXPECT_TRUE(noted(report, "has token " + std::to_string(id)));
    ASSERT_EQ(report.stages.size(), 2U);
    EXPECT_EQ(report.stages[1].differ, 0U) << "the vector of our own tokens";
  }
}

TEST_F(Spoiled, an_output_with_fewer_positions_than_the_text_has_tokens_is_read_within_its_bounds) {
  bring_end_of_text();
  ASSERT_FALSE(HasFatalFailure());
  Tokens tokens = stages_->tokens_of("two dogs run on a beach").value();
  const std::vector<float> theirs = {1, 0, 0, 1};
  const Outputs outputs = {{"short", {1, 2, 4}, {0, 1, 1, 0, 0, 1, 1, 0}}};
  ASSERT_GT(tokens.ids.size(), 2U);
  EXPECT_TRUE(cause_in_network(*stages_, outputs, &tokens, 0, theirs).empty());
  tokens.ids.clear();
  EXPECT_TRUE(cause_in_network(*stages_, outputs, &tokens, 0, theirs).empty());
}

TEST_F(Spoiled, end_tokens_that_are_missing_are_named_and_the_other_items_are_compared) {
  bring_end_of_text();
  ASSERT_FALSE(HasFatalFailure());
  std::vector<nlohmann::json> lines;
  for (const std::string text : {"two dogs run on a beach", "an old house by the sea"}) {
    const auto tokens = stages_->tokens_of(text).value();
    const auto vector = stages_->vector_of(stages_->outputs_of(tokens).value(), tokens, 0).value();
    auto ids = tokens.ids;
    if (lines.empty()) ids.pop_back();
    lines.push_back({{"text", text}, {"token_ids", ids}, {"vector", vector}});
  }
  const auto report = with_lines(lines);
  expect_cause(report, "token_ids", {"special tokens"});
  EXPECT_TRUE(noted(report, "the vector of 'two dogs run on a beach' is not compared"));
  ASSERT_EQ(report.stages.size(), 2U);
  EXPECT_EQ(report.stages[1].stage, "vector");
  EXPECT_EQ(report.stages[1].items, 1U);
  EXPECT_EQ(report.stages[1].differ, 0U);
}

TEST_F(Spoiled, noise_has_no_cause_and_none_is_made_up) {
  bring("vit");
  ASSERT_FALSE(HasFatalFailure());
  const auto noisy = [&](ByteView bytes) {
    auto out = tensor(bytes, card().prepare, card().decode);
    std::uint32_t state = 1;
    for (auto& number : out) {
      state = state * 1664525 + 1013904223;
      number += static_cast<float>(state >> 24) / 255;
    }
    return out;
  };
  const auto report = with_tensors(photos_, noisy);
  ASSERT_EQ(report.departures.size(), 1U);
  EXPECT_TRUE(report.departures[0].changes.empty()) << said(report);
  EXPECT_EQ(report.departures[0].explained, 0U);
}

class Records : public testing::Test {
 protected:
  Status refusal(const std::string& name, const std::string& content) {
    std::ofstream(folder_.path() + "/" + name) << content;
    return read_foreign(Env::real(), folder_.path() + "/" + name).status();
  }
  Folder folder_;
};

TEST_F(Records, that_are_not_what_they_should_be_are_refused_with_their_place) {
  EXPECT_EQ(read_foreign(Env::real(), "/no/such/thing").status().code(), Code::kNotFound);
  EXPECT_EQ(read_foreign(Env::real(), folder_.path()).status().code(), Code::kNotFound);
  const auto says = [](const Status& status, const std::string& words) {
    EXPECT_NE(status.message().find(words), std::string::npos) << status.to_string();
  };
  says(refusal("a.jsonl", "{\"picture\": \"a.jpg\"}\nnonsense\n"), "line 2: not JSON");
  says(refusal("b.jsonl", "{\"picture\": \"a.jpg\", \"text\": \"b\", \"vector\": [1]}"), "line 1");
  says(refusal("c.jsonl", "{\"text\": \"b\", \"vektor\": [1]}"), "'vektor' is not known");
  says(refusal("d.jsonl", "{\"text\": \"b\", \"vector\": [\"x\"]}"), "no plain list");
  says(refusal("e.json", R"({"items": [], "records": [{"item": "x", "stage": "tensor"}]})"), "records[0]");
  says(refusal("f.json", R"({"items": [{"item": "x", "kind": "text", "text": "t"}], "records": [{"item": "x",
       "stage": "vector", "dtype": "f32", "file": "x", "offset": 0, "bytes": 99999999999999}]})"),
       "more than is read");
}

TEST_F(Records, whose_files_are_too_short_are_a_mismatch) {
  std::ofstream(folder_.path() + "/x.f32") << "12345678";
  ForeignRecord record{"vector", "", NumberType::kF32, {}, folder_.path() + "/x.f32", 0, 8, {}};
  EXPECT_EQ(floats_of(Env::real(), record)->size(), 2U);
  record.bytes = 12;
  EXPECT_EQ(floats_of(Env::real(), record).status().code(), Code::kMismatch);
  record.offset = 1000;
  EXPECT_EQ(floats_of(Env::real(), record).status().code(), Code::kMismatch);
  record = {"token_ids", "", NumberType::kI64, {}, "", 0, 0, {1.5}};
  EXPECT_EQ(integers_of(Env::real(), record).status().code(), Code::kMismatch);
  record = {"vector", "", NumberType::kF32, {}, "", 0, 0, {1e300}};
  EXPECT_EQ(floats_of(Env::real(), record).status().code(), Code::kMismatch);
}

}  // namespace
}  // namespace pictor
