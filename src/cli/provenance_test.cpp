// What receipt, verify --rederive, encoder fingerprint and --reproducible ask of the engine, and what they print.
#include <nlohmann/json.hpp>

#include "cli/cli_testing.h"
#include "cli/provenance_output.h"

namespace pictor {
namespace {

using Json = nlohmann::json;

TEST_F(CliTest, rederive_counts_and_ends_with_12_on_a_fault) {
  engine_->rederived.items = 5;
  engine_->rederived.equal = 3;
  engine_->rederived.other = 1;
  engine_->rederived.no_picture = 1;
  engine_->rederived.others = {{"cat", "joint", "x86-64/avx2", "openvino 1", 0.9999}};
  ASSERT_EQ(run({"verify", "--rederive", "--sample", "5", "--seed", "3"}), 0) << err();
  EXPECT_EQ(engine_->rederive_requests.at(0).sample, 5U);
  EXPECT_EQ(engine_->rederive_requests.at(0).seed, 3U);
  EXPECT_NE(out().find("5 items looked at, 3 made again bit for bit"), std::string::npos) << out();
  EXPECT_NE(out().find("x86-64/avx2"), std::string::npos) << out();
  engine_->rederived.faults = {{"default", "item 'cat'", "differs", "again"}};
  ASSERT_EQ(run({"verify", "--rederive", "--json"}), 12);
  const auto report = Json::parse(out().substr(0, out().find("\n}\n") + 3));
  EXPECT_EQ(report["ok"], false);
  EXPECT_EQ(report["faults"][0]["where"], "item 'cat'");
  EXPECT_EQ(report["rederived"][0]["equal"], 3);
  EXPECT_EQ(report["rederived"][0]["others"][0]["id"], "cat");
  engine_->rederived.faults.clear();
  engine_->rederived.cancelled = true;
  EXPECT_EQ(run({"verify", "--rederive"}), static_cast<int>(Code::kCancelled)) << "half a check is none";
  EXPECT_EQ(run({"verify", "--sample", "5"}), 2);
  EXPECT_EQ(run({"verify"}), 0) << "without --rederive nothing is made again";
  EXPECT_EQ(engine_->rederive_requests.size(), 3U);
}

TEST_F(CliTest, rederive_says_its_seed_and_receipts_of_a_key_that_is_not_here_are_no_faults_and_not_well) {
  engine_->rederived.items = 2;
  engine_->rederived.equal = 2;
  engine_->rederived.seed = 77;
  ASSERT_EQ(run({"verify", "--rederive", "--sample", "2"}), 0) << err();
  EXPECT_NE(out().find("--seed 77 draws the same items again"), std::string::npos) << out();
  engine_->rederived.unknown_key = 2;
  engine_->rederived.unknown_keys = {"0123456789abcdef"};
  ASSERT_EQ(run({"verify", "--rederive"}), static_cast<int>(Code::kNotFound));
  EXPECT_NE(out().find("2  are signed by a key that is not here"), std::string::npos) << out();
  EXPECT_NE(out().find("keys/former/0123456789abcdef.pub"), std::string::npos) << out();
  EXPECT_EQ(out().find("All is well"), std::string::npos) << out();
  EXPECT_EQ(out().find("fault in '"), std::string::npos) << out();
  ASSERT_EQ(run({"verify", "--rederive", "--json"}), static_cast<int>(Code::kNotFound));
  const auto report = Json::parse(out().substr(0, out().find("\n}\n") + 3));
  EXPECT_EQ(report["ok"], false);
  EXPECT_EQ(report["faults"].size(), 0U);
  EXPECT_EQ(report["rederived"][0]["unknown_key"], 2);
  EXPECT_EQ(report["rederived"][0]["unknown_keys"][0], "0123456789abcdef");
  EXPECT_EQ(report["rederived"][0]["seed"], 77);
}

TEST_F(CliTest, verify_prints_the_faults_that_it_found_before_it_was_stopped) {
  engine_->faults = {{"default", "item 'cat'", "differs", "again"}};
  engine_->failure = {Code::kIo, "the disk is gone"};
  ASSERT_EQ(run({"verify", "--rederive", "-c", "default"}), static_cast<int>(Code::kIo));
  EXPECT_NE(out().find("item 'cat': differs"), std::string::npos) << out();
  EXPECT_NE(err().find("the disk is gone"), std::string::npos) << err();
  ASSERT_EQ(run({"verify", "--rederive", "-c", "default", "--json"}), static_cast<int>(Code::kIo));
  const auto report = Json::parse(out().substr(0, out().find("\n}\n") + 3));
  EXPECT_EQ(report["faults"][0]["where"], "item 'cat'");
}

TEST_F(CliTest, a_receipt_that_is_nested_deeply_or_has_a_name_twice_is_refused) {
  const auto key = SigningKey::from_seed({}).value();
  const auto pem = folder_.write("receipts.pub", key.public_key().pem());
  const std::string deep = std::string(100'000, '[') + std::string(100'000, ']');
  for (const std::string& text : {"{\"receipt\":{\"a\":" + deep + "}}", "{\"a\":" + deep + "}", deep}) {
    EXPECT_NE(run({"receipt", folder_.write("deep.json", text), "--public-key", pem}), 0);
    engine_->checked_receipt = {ReceiptState::kWrong, text, {Code::kCorrupt, "it was changed"}};
    EXPECT_EQ(run({"receipt", "cat"}), 12) << "one of the store is shown as text";
    EXPECT_EQ(run({"receipt", "cat", "--json"}), 12);
    engine_->items.resize(1);
    engine_->items[0].id = "cat";
    engine_->items[0].receipt = text;
    EXPECT_EQ(run({"get", "cat", "--json"}), 0) << err();
  }
  Json receipt = {{"input", "ab"},
                  {"key", sha256(std::as_bytes(std::span(key.public_key().bytes))).hex().substr(0, 16)}};
  receipt["signature"] = key.sign(as_bytes(receipt.dump())).value().base64();
  auto twice = Json{{"receipt", receipt}}.dump();
  ASSERT_EQ(run({"receipt", folder_.write("once.json", twice), "--public-key", pem}), 0) << err();
  twice.insert(twice.find("\"input\""), "\"input\":\"ac\",");
  EXPECT_EQ(run({"receipt", folder_.write("twice.json", twice), "--public-key", pem}), 12);
  EXPECT_NE(err().find("'input' twice"), std::string::npos) << err();
}

TEST_F(CliTest, a_receipt_is_shown_and_a_wrong_one_is_an_error) {
  engine_->checked_receipt = {ReceiptState::kSigned, R"({"input":"ab","spaces":{"joint":"cd"},"time_us":0})", {}};
  ASSERT_EQ(run({"receipt", "cat", "-c", "shop"}), 0) << err();
  EXPECT_EQ(engine_->asked_of_receipts, std::vector<std::string>{"shop/cat"});
  EXPECT_NE(out().find("spaces.joint      cd"), std::string::npos) << out();
  EXPECT_NE(out().find("this receipt is signed, and its signature is right"), std::string::npos) << out();
  ASSERT_EQ(run({"receipt", "cat", "--json"}), 0);
  EXPECT_EQ(Json::parse(out())["receipt"]["input"], "ab");
  engine_->checked_receipt = {ReceiptState::kWrong, "{\x1b", {Code::kCorrupt, "it was changed"}};
  EXPECT_EQ(run({"receipt", "cat"}), 12);
  EXPECT_EQ(out().find('\x1b'), std::string::npos) << "bytes of a stored text reach the terminal";
  EXPECT_NE(err().find("it was changed"), std::string::npos) << err();
}

TEST_F(CliTest, a_receipt_is_checked_offline_without_opening_the_engine) {
  SigningKey::Seed seed{};
  const auto key = SigningKey::from_seed(seed).value();
  const Json unsigned_receipt = {{"input", "ab"},
                                 {"key", sha256(std::as_bytes(std::span(key.public_key().bytes))).hex().substr(0, 16)}};
  auto receipt = unsigned_receipt;
  receipt["signature"] = key.sign(as_bytes(unsigned_receipt.dump())).value().base64();
  const auto pem = folder_.write("receipts.pub", key.public_key().pem());
  const auto file = folder_.write("cat.json", Json{{"state", "signed"}, {"receipt", receipt}}.dump(2));
  ASSERT_EQ(run({"receipt", file, "--public-key", pem}), 0) << err();
  in_.str(receipt.dump());
  ASSERT_EQ(run({"receipt", "-", "--public-key", pem}), 0) << err();
  receipt["input"] = "ac";
  folder_.write("cat.json", receipt.dump());
  EXPECT_EQ(run({"receipt", file, "--public-key", pem}), 12);
  folder_.write("cat.json", Json{{"input", "ab"}}.dump());
  EXPECT_EQ(run({"receipt", file, "--public-key", pem}), 5) << "an unsigned receipt was taken as checked";
  EXPECT_EQ(run({"receipt", file, "--public-key", file}), 12);
  EXPECT_TRUE(engine_->asked_of_receipts.empty());
  EXPECT_EQ(opened_.data_folder, "");
}

TEST_F(CliTest, fingerprints_are_kept_or_only_compared) {
  engine_->fingerprints.fingerprints = {
      {"joint", "images", "f32", "openvino 1", "x86-64/avx2", 1000, "ab12", FingerprintState::kNew, "", ""}};
  ASSERT_EQ(run({"encoder", "fingerprint", "toy"}), 0) << err();
  EXPECT_TRUE(engine_->fingerprint_requests.at(0).keep);
  EXPECT_EQ(engine_->fingerprint_requests.at(0).images, 1000U);
  EXPECT_NE(out().find("ab12  toy joint, 1000 images, f32, x86-64/avx2, openvino 1: "), std::string::npos) << out();
  EXPECT_EQ(run({"encoder", "fingerprint", "toy", "--check", "--count", "7"}), 3) << "there was none to compare with";
  EXPECT_FALSE(engine_->fingerprint_requests.at(1).keep);
  EXPECT_EQ(engine_->fingerprint_requests.at(1).images, 7U);
  engine_->fingerprints.note = "the disk is full";
  EXPECT_EQ(run({"encoder", "fingerprint", "toy"}), 0) << "the fingerprint is there, though it was not kept";
  EXPECT_NE(out().find("not kept: the disk is full"), std::string::npos) << out();
  engine_->fingerprints.note.clear();
  engine_->fingerprints.fingerprints[0].state = FingerprintState::kEqual;
  EXPECT_EQ(run({"encoder", "verify", "toy", "--fingerprint"}), 0) << err();
  EXPECT_EQ(engine_->asked_of_encoders, std::vector<std::string>{"verify toy"});
  engine_->fingerprints.fingerprints[0].state = FingerprintState::kOther;
  engine_->fingerprints.fingerprints[0].wanted = "cd34";
  EXPECT_EQ(run({"encoder", "verify", "toy", "--fingerprint"}), 12);
  EXPECT_NE(err().find("cd34"), std::string::npos) << err();
  EXPECT_EQ(run({"encoder", "fingerprint", "toy", "--json"}), 12);
  EXPECT_NE(out().find("\"state\": \"other\""), std::string::npos) << out();
}

TEST_F(CliTest, reproducible_is_asked_of_the_engine) {
  const auto picture = folder_.write("cat.png", "x");
  ASSERT_EQ(run({"search", "--text", "x"}), 0) << err();
  EXPECT_FALSE(opened_.reproducible);
  for (const std::vector<std::string>& line :
       std::vector<std::vector<std::string>>{{"search", "--text", "x"},
                                             {"index", picture},
                                             {"embed", "--text", "x", "-c", "default"},
                                             {"verify", "--rederive"}}) {
    auto asked = line;
    asked.emplace_back("--reproducible");
    opened_ = {};
    ASSERT_EQ(run(asked), 0) << line[0] << err();
    EXPECT_TRUE(opened_.reproducible) << line[0];
  }
  EXPECT_EQ(engine_->kept_to, std::vector<std::string>{"default"}) << "embed names no collection by itself";
  EXPECT_EQ(run({"embed", "--text", "x", "--reproducible"}), 2);
  EXPECT_EQ(run({"embed", "--text", "x", "-c", "default", "--encoder", "other"}), 5);
}

}  // namespace
}  // namespace pictor
