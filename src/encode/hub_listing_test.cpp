#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "encode/hub_files.h"

namespace pictor {
namespace {

using Json = nlohmann::json;
using Pointer = Json::json_pointer;

TEST(HubRef, names_a_repository_and_perhaps_a_revision) {
  const auto plain = parse_hub_ref("hf:openai/clip-vit-base-patch32");
  ASSERT_TRUE(plain.is_ok());
  EXPECT_EQ(plain->repository, "openai/clip-vit-base-patch32");
  EXPECT_EQ(plain->revision, "main");
  const auto exact = parse_hub_ref("hf:A_b/c.d@refs/pr/12");
  ASSERT_TRUE(exact.is_ok());
  EXPECT_EQ(exact->repository, "A_b/c.d");
  EXPECT_EQ(exact->revision, "refs/pr/12");
}

TEST(HubRef, what_is_none_is_refused_with_what_is_wanted) {
  const std::string too_long(97, 'a');
  for (const std::string& text : {std::string(""),
                                  std::string("openai/clip"),
                                  std::string("hf:"),
                                  std::string("hf:clip"),
                                  std::string("hf:/clip"),
                                  std::string("hf:openai/"),
                                  std::string("hf:a/b/c"),
                                  std::string("hf:a/.."),
                                  std::string("hf:../b"),
                                  std::string("hf:a/b@"),
                                  std::string("hf:a/b@../x"),
                                  std::string("hf:a/b@/x"),
                                  std::string("hf:a/b@x y"),
                                  std::string("hf:a/b@x?y"),
                                  std::string("hf:a/b@x/."),
                                  std::string("hf:a/b@x@y"),
                                  std::string("hf:a/b?c"),
                                  std::string("hf:a b/c"),
                                  std::string("hf:-a/b"),
                                  std::string("hf:a/b@-x"),
                                  std::string("hf:a/b\n"),
                                  "hf:" + too_long + "/b",
                                  "hf:a/" + too_long,
                                  "hf:a/b@" + std::string(257, 'x'),
                                  std::string("https://hub/a/b")}) {
    const auto ref = parse_hub_ref(text);
    ASSERT_FALSE(ref.is_ok()) << text;
    EXPECT_EQ(ref.status().code(), Code::kInvalid);
    EXPECT_NE(ref.status().message().find("hf:owner/name"), std::string::npos);
  }
  EXPECT_TRUE(parse_hub_ref("hf:" + std::string(96, 'a') + "/b").is_ok());
}

Json sibling(const std::string& path, std::uint64_t bytes) {
  return {{"rfilename", path}, {"size", bytes}, {"blobId", std::string(40, 'b')}};
}

Json large(const std::string& path, std::uint64_t bytes) {
  auto out = sibling(path, bytes);
  out["lfs"] = {{"sha256", std::string(64, 'c')}, {"size", bytes}, {"pointerSize", 134}};
  return out;
}

// As the hub answers, with fields of no use to us among them.
Json whole_listing() {
  return {{"_id", "x"},
          {"id", "acme/tiny"},
          {"private", false},
          {"gated", "auto"},
          {"sha", std::string(40, 'a')},
          {"tags", {"onnx"}},
          {"cardData", {{"license", "mit"}, {"model-index", {{{"results", Json::array()}}}}}},
          {"siblings",
           {sibling(".gitattributes", 100), sibling("README.md", 5), sibling("readme.md", 6), sibling("config.json", 7),
            sibling("tokenizer.json", 8), sibling("sub/config.json", 9), large("onnx/model.onnx", 1000),
            large("onnx/model.onnx_data", 2000), large("onnx/model.onnx_data_1", 2001),
            large("onnx/model.onnx_datax", 1), large("onnx/model_fp16.onnx", 500),
            large("onnx/model_fp16.onnx.data", 501), large("onnx/decoder_model.onnx", 1)}}};
}

std::vector<std::string> chosen(const Json& listing, std::string_view variant) {
  const auto parsed = parse_hub_listing(listing.dump());
  EXPECT_TRUE(parsed.is_ok()) << parsed.status().to_string();
  if (!parsed.is_ok()) return {};
  const auto files = choose_hub_files(*parsed, variant);
  if (!files.is_ok()) return {files.status().to_string()};
  std::vector<std::string> names;
  for (const auto& file : *files) names.push_back(file.path);
  return names;
}

using Names = std::vector<std::string>;

TEST(HubListing, is_read_with_its_hashes_and_licence) {
  const auto listing = parse_hub_listing(whole_listing().dump());
  ASSERT_TRUE(listing.is_ok()) << listing.status().to_string();
  EXPECT_EQ(listing->commit, std::string(40, 'a'));
  EXPECT_EQ(listing->licence, "mit");
  ASSERT_EQ(listing->files.size(), 13U);
  EXPECT_EQ(listing->files[3].path, "config.json");
  EXPECT_EQ(listing->files[3].bytes, 7U);
  EXPECT_EQ(listing->files[3].git_sha1, std::string(40, 'b'));
  EXPECT_FALSE(listing->files[3].sha256.has_value());
  EXPECT_EQ(listing->files[6].sha256->hex(), std::string(64, 'c'));
  auto json = whole_listing();
  json["cardData"]["license"] = {"mit", "apache-2.0"};
  EXPECT_EQ(parse_hub_listing(json.dump())->licence, "mit, apache-2.0");
  json["cardData"] = nullptr;
  EXPECT_EQ(parse_hub_listing(json.dump())->licence, "");
}

TEST(HubListing, an_encoder_is_chosen_in_one_variant_with_its_external_data) {
  EXPECT_EQ(chosen(whole_listing(), ""), (Names{"config.json", "tokenizer.json", "onnx/model.onnx",
                                                "onnx/model.onnx_data", "onnx/model.onnx_data_1"}));
  EXPECT_EQ(chosen(whole_listing(), "fp16"),
            (Names{"config.json", "tokenizer.json", "onnx/model_fp16.onnx", "onnx/model_fp16.onnx.data"}));
  EXPECT_NE(chosen(whole_listing(), "int8").at(0).find("there is: the plain one, 'fp16'"), std::string::npos);
  EXPECT_NE(chosen(whole_listing(), "../x").at(0).find("is no variant"), std::string::npos);

  auto towers = whole_listing();
  towers["siblings"].push_back(large("onnx/vision_model.onnx", 5));
  EXPECT_EQ(chosen(towers, ""), (Names{"config.json", "tokenizer.json", "onnx/vision_model.onnx"}));
  towers["siblings"].push_back(large("onnx/text_model_fp16.onnx", 5));
  EXPECT_NE(chosen(towers, "").at(0).find("no variant the plain one of 'text_model'"), std::string::npos);

  auto top = whole_listing();
  top["siblings"] = {sibling("open_clip_config.json", 1), large("model.onnx", 2), sibling("Model.bin", 3)};
  EXPECT_EQ(chosen(top, ""), (Names{"open_clip_config.json", "model.onnx"}));
  top["siblings"].push_back(large("Model.onnx", 2));
  EXPECT_NE(chosen(top, "").at(0).find("some disks take for one"), std::string::npos);
}

TEST(HubListing, a_repository_that_is_no_encoder_is_refused_with_what_it_lacks) {
  auto json = whole_listing();
  json["siblings"] = {sibling("config.json", 1), large("model.safetensors", 5)};
  EXPECT_NE(chosen(json, "").at(0).find("no network in ONNX"), std::string::npos);
  json["siblings"] = Json::array({large("onnx/model.onnx", 5)});  // braces alone mean another thing to clang
  EXPECT_NE(chosen(json, "").at(0).find("neither config.json nor open_clip_config.json"), std::string::npos);
  json["siblings"] = {{{"rfilename", "config.json"}}, large("onnx/model.onnx", 5)};
  EXPECT_NE(chosen(json, "").at(0).find("no size and hash for 'config.json'"), std::string::npos);
}

TEST(HubListing, what_is_larger_than_its_limit_is_not_pulled) {
  auto json = whole_listing();
  json["siblings"] = {sibling("config.json", limits::kTokenizerBytesMax),
                      large("onnx/model.onnx", limits::kModelBytesMax)};
  EXPECT_EQ(chosen(json, "").size(), 2U);
  json["siblings"][0] = sibling("config.json", limits::kTokenizerBytesMax + 1);
  EXPECT_NE(chosen(json, "").at(0).find("limit: 'config.json' has 67108865 bytes"), std::string::npos);
  json["siblings"][0] = sibling("config.json", 1);
  json["siblings"][1] = large("onnx/model.onnx", limits::kModelBytesMax + 1);
  EXPECT_NE(chosen(json, "").at(0).find("limit: 'onnx/model.onnx'"), std::string::npos);
  json["siblings"][1] = large("onnx/model.onnx", 1);
  for (int i = 1; i <= 4; ++i) {
    json["siblings"].push_back(large("onnx/model.onnx_data_" + std::to_string(i), limits::kModelBytesMax));
  }
  EXPECT_NE(chosen(json, "").at(0).find("limit: the encoder has 34359738370 bytes"), std::string::npos);
  for (int i = 5; i <= 64; ++i) json["siblings"].push_back(large("onnx/model.onnx_data_" + std::to_string(i), 1));
  EXPECT_NE(chosen(json, "").at(0).find("limit: the encoder has 66 files"), std::string::npos);
}

TEST(HubListing, paths_that_leave_the_folder_are_refused) {
  for (const std::string& path :
       {std::string("../config.json"), std::string("/etc/passwd"), std::string("onnx/../../x"), std::string("a\\b"),
        std::string("..\\x"), std::string("a\nb"), std::string("a\x7f"), std::string("a//b"), std::string("a/"),
        std::string("./a"), std::string("a/."), std::string(".."), std::string(""), std::string("a\0b", 3),
        std::string(limits::kHubPathBytesMax + 1, 'a')}) {
    auto json = whole_listing();
    json["siblings"][5]["rfilename"] = path;
    const auto listing = parse_hub_listing(json.dump());
    ASSERT_FALSE(listing.is_ok()) << path;
    EXPECT_EQ(listing.status().code(), Code::kUnreadable);
    EXPECT_NE(listing.status().message().find("siblings[5].rfilename"), std::string::npos)
        << listing.status().message();
    for (const char c : listing.status().message()) EXPECT_GE(static_cast<unsigned char>(c), 32);
  }
  auto json = whole_listing();
  json["siblings"][5]["rfilename"] = "config.json";
  EXPECT_NE(parse_hub_listing(json.dump()).status().message().find("there already"), std::string::npos);
}

TEST(HubListing, fields_of_another_type_are_refused_with_their_place) {
  const auto refused = [](const char* pointer, const Json& value, const char* words) {
    auto json = whole_listing();
    json[Pointer(pointer)] = value;
    const auto listing = parse_hub_listing(json.dump());
    ASSERT_FALSE(listing.is_ok()) << pointer << " = " << value;
    EXPECT_EQ(listing.status().code(), Code::kUnreadable);
    EXPECT_NE(listing.status().message().find(words), std::string::npos) << listing.status().message();
    EXPECT_LT(listing.status().message().size(), 400U);
  };
  refused("/sha", 7, "'sha' is 7, a text is wanted");
  refused("/sha", "main", "'sha' is 'main', 40 hexadecimal digits");
  refused("/sha", std::string(40, '/'), "40 hexadecimal digits");
  refused("/siblings", {{"a", 1}}, "'siblings' is object, a list is wanted");
  refused("/siblings/3", "config.json", "'siblings[3]' is string, an object is wanted");
  refused("/siblings/3/rfilename", nullptr, "'siblings[3].rfilename' is null");
  refused("/siblings/3/size", -1, "'siblings[3].size' is -1, a whole number");
  refused("/siblings/3/size", 1e300, "'siblings[3].size' is 1e+300");
  refused("/siblings/3/size", 1ULL << 60, "'siblings[3].size' is 1152921504606846976");
  refused("/siblings/3/size", "7", "'siblings[3].size' is \"7\"");
  refused("/siblings/3/blobId", "xyz", "'siblings[3].blobId'");
  refused("/siblings/6/lfs/sha256", std::string(63, 'c'), "'siblings[6].lfs.sha256'");
  refused("/siblings/6/lfs/size", 1001, "'siblings[6].lfs.size' is 1001, but 'siblings[6].size' is 1000");
  refused("/siblings/6/lfs", true, "'siblings[6].lfs' is boolean");
  refused("/cardData/license", 5, "'cardData.license' is 5");
  refused("/cardData/license", std::string(300, 'x'), "'cardData.license' has 300 bytes");
  auto json = whole_listing();
  json.erase("siblings");
  EXPECT_NE(parse_hub_listing(json.dump()).status().message().find("'siblings' is missing"), std::string::npos);
}

TEST(HubListing, documents_made_to_hurt_are_refused) {
  const auto code_of = [](const std::string& text) { return parse_hub_listing(text).status().code(); };
  EXPECT_EQ(code_of(""), Code::kUnreadable);
  EXPECT_EQ(code_of("<html>"), Code::kUnreadable);
  EXPECT_EQ(code_of("[]"), Code::kUnreadable);
  EXPECT_EQ(code_of("\"\xff\""), Code::kUnreadable);
  EXPECT_EQ(code_of(R"({"sha": 1e99999})"), Code::kUnreadable);
  EXPECT_EQ(code_of(std::string(1'000'000, '[')), Code::kUnreadable);
  EXPECT_EQ(code_of(std::string(limits::kHubListingBytesMax + 1, ' ')), Code::kLimit);
  const auto nested = [](std::size_t depth) {
    return R"({"sha": ")" + std::string(40, 'a') + R"(", "siblings": [], "x": )" + std::string(depth, '[') +
           std::string(depth, ']') + "}";
  };
  EXPECT_EQ(code_of(nested(limits::kHubJsonDepthMax - 1)), Code::kOk);
  EXPECT_EQ(code_of(nested(limits::kHubJsonDepthMax + 1)), Code::kUnreadable);
  EXPECT_NE(parse_hub_listing(R"({"x": "\\\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", "sha": 1})")
                .status()
                .message()
                .find("'sha' is 1"),
            std::string::npos);
  std::string wide = "{\"x\": [";
  while (wide.size() < limits::kHubListingBytesMax - 10) wide += "{},";
  EXPECT_EQ(code_of(wide + "{}]}"), Code::kUnreadable);
  auto many = whole_listing();
  many["siblings"] = Json::array();
  for (std::uint32_t i = 0; i < limits::kHubListingFilesMax; ++i) {
    many["siblings"].push_back({{"rfilename", "f" + std::to_string(i)}});
  }
  EXPECT_EQ(code_of(many.dump()), Code::kOk);
  many["siblings"].push_back({{"rfilename", "one more"}});
  EXPECT_EQ(code_of(many.dump()), Code::kUnreadable);
}

TEST(HubFiles, pulled_json_reads_back_and_its_paths_are_checked_too) {
  PulledRepo repo;
  repo.repository = "acme/tiny";
  repo.revision = "main";
  repo.commit = std::string(40, 'a');
  repo.variant = "int8";
  repo.licence = "mit";
  repo.files = {{"onnx/model.onnx", sha256(as_bytes("x")), 1}};
  const auto text = pulled_json(repo);
  const auto read = parse_pulled(text);
  ASSERT_TRUE(read.is_ok()) << read.status().to_string();
  EXPECT_EQ(read->commit, repo.commit);
  EXPECT_EQ(read->variant, "int8");
  EXPECT_EQ(read->files[0].sha256, repo.files[0].sha256);
  EXPECT_EQ(pulled_json(*read), text);
  auto json = Json::parse(text);
  json["files"][0]["path"] = "../x";
  EXPECT_EQ(parse_pulled(json.dump()).status().code(), Code::kUnreadable);
  EXPECT_EQ(parse_pulled("{}").status().code(), Code::kUnreadable);
  const auto wanted = parse_pulling(pulling_json({{"config.json", 5, std::nullopt, "x"}}));
  ASSERT_TRUE(wanted.is_ok());
  EXPECT_EQ(wanted->at(0).path, "config.json");
  EXPECT_EQ(wanted->at(0).bytes, 5U);
}

}  // namespace
}  // namespace pictor
