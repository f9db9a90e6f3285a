#include "engine/receipt.h"

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "engine/engine.h"
#include "engine/generated.h"

namespace pictor {
namespace {

using Json = nlohmann::json;

// An encoder that is only asked what it is.
class NamedEncoder : public Encoder {
 public:
  explicit NamedEncoder(std::string isa) : isa_(std::move(isa)) { card_.json = "{\"name\": \"toy\"}"; }
  const EncoderCard& card() const override { return card_; }
  std::string isa_class() const override { return isa_; }
  std::string runtime_name() const override { return "run time 1 of " + isa_; }
  std::size_t pass_pictures() const override { return 1; }
  Result<std::vector<std::vector<float>>> encode_images(std::span<const float>, std::size_t) const override {
    return unused();
  }
  Result<EncodedImages> encode_images_with_tokens(std::span<const float>, std::size_t) const override {
    return unused();
  }
  Result<std::vector<float>> encode_texts(std::span<const std::string>, std::string_view) const override {
    return unused();
  }
  Result<bool> text_is_cut(std::string_view) const override { return unused(); }

 private:
  static Status unused() { return {Code::kInternal, "only asked what it is"}; }
  EncoderCard card_;
  std::string isa_;
};

SigningKey key_of(unsigned number) {
  SigningKey::Seed seed{};
  for (auto& byte : seed) byte = static_cast<std::byte>(number++);
  return SigningKey::from_seed(seed).value();
}

class ReceiptTest : public testing::Test {
 protected:
  ReceiptTest() {
    spec_.name = "cats";
    spec_.encoder = "toy";
    spec_.spaces = {{std::string(64, 'a'), "visual", 2, Metric::kCosine},
                    {std::string(64, 'b'), "joint", 3, Metric::kCosine}};
  }
  ReceiptMaker maker(const std::string& isa = "x/one") const { return {NamedEncoder(isa), spec_, key_}; }
  std::string made(const std::string& isa = "x/one") const { return maker(isa).made(content_, vectors_, 5).value(); }
  CheckedReceipt check(std::string_view text) const { return check_receipt(text, known({key_})); }
  static KnownKeys known(const std::vector<SigningKey>& keys) {
    KnownKeys known;
    for (const auto& key : keys) known.by_name.emplace(key_name(key.public_key()), key.public_key());
    return known;
  }
  // Signed, whatever it says.
  std::string sign(Json receipt) const {
    receipt.erase("signature");
    const auto signature = key_.sign(as_bytes(receipt.dump())).value();
    receipt["signature"] = signature.base64();
    return receipt.dump();
  }

  CollectionSpec spec_;
  SigningKey key_ = key_of(1);
  Hash256 content_ = sha256(as_bytes("a picture"));
  std::vector<std::vector<float>> vectors_ = {{1, 2}, {3, 4, 5}};
};

TEST_F(ReceiptTest, says_what_made_the_vectors_and_is_signed) {
  const auto text = made();
  EXPECT_EQ(check(text).state, ReceiptState::kSigned) << check(text).problem.to_string();
  const auto receipt = Json::parse(text);
  EXPECT_EQ(receipt["input"], content_.hex());
  EXPECT_EQ(receipt["isa"], "x/one");
  EXPECT_EQ(receipt["runtime"], "run time 1 of x/one");
  EXPECT_EQ(receipt["spaces"]["joint"], std::string(64, 'b'));
  EXPECT_EQ(receipt["vectors"]["visual"], sha256(std::as_bytes(std::span(vectors_[0]))).hex());
  EXPECT_EQ(receipt["card"], sha256(as_bytes("{\"name\": \"toy\"}")).hex());
  EXPECT_EQ(text, made()) << "the same facts give the same receipt";
}

TEST_F(ReceiptTest, any_flipped_bit_of_the_stored_text_is_found) {
  const auto text = made();
  const auto name_at = text.find(key_name(key_.public_key()));
  for (std::size_t bit = 0; bit < text.size() * 8; ++bit) {
    auto other = text;
    other[bit / 8] = static_cast<char>(other[bit / 8] ^ (1 << (bit % 8)));
    // Another digit in the key's name makes it one that nobody here knows.
    const bool other_key = bit / 8 - name_at < 16 && check(other).state == ReceiptState::kUnknownKey;
    ASSERT_TRUE(other_key || check(other).state == ReceiptState::kWrong) << "bit " << bit << ": " << other;
  }
}

TEST_F(ReceiptTest, is_checked_without_a_data_folder_however_it_is_laid_out) {
  const auto text = made();
  const auto pem = key_.public_key().pem();
  EXPECT_EQ(check_receipt(Json::parse(text).dump(4), pem).state, ReceiptState::kSigned);
  EXPECT_EQ(check(Json::parse(text).dump(4)).state, ReceiptState::kWrong) << "stored receipts have one form";
  auto forged = Json::parse(text);
  forged["runtime"] = "another";
  EXPECT_EQ(check_receipt(forged.dump(), pem).problem.code(), Code::kCorrupt);
  EXPECT_EQ(check_receipt(text, key_of(2).public_key().pem()).problem.code(), Code::kMismatch);
  EXPECT_EQ(check_receipt(text, "no key").state, ReceiptState::kWrong);
  EXPECT_EQ(check_receipt("[]", pem).state, ReceiptState::kWrong);
  EXPECT_EQ(check_receipt(std::string(limits::kReceiptBytesMax + 1, ' '), pem).state, ReceiptState::kWrong);
}

TEST_F(ReceiptTest, stored_vectors_must_be_those_that_it_names) {
  const auto receipt = parse_receipt(made()).value();
  EXPECT_TRUE(check_vectors(receipt, spec_, vectors_).is_ok());
  auto other = vectors_;
  other[1][2] = std::nextafter(other[1][2], 6.0F);
  EXPECT_NE(check_vectors(receipt, spec_, other).message().find("head 'joint' has SHA-256 " + vector_hash(other[1])),
            std::string::npos);
  other = vectors_;
  other[0].clear();
  EXPECT_EQ(check_vectors(receipt, spec_, other).code(), Code::kCorrupt);
  auto spec = spec_;
  spec.spaces[0].id = std::string(64, 'c');
  EXPECT_EQ(check_vectors(receipt, spec, vectors_).code(), Code::kCorrupt);
}

TEST_F(ReceiptTest, a_reused_vector_keeps_what_made_it_and_names_its_parent) {
  const KnownVectors known{vectors_, made("x/one")};
  const auto later = maker("x/two");
  ASSERT_TRUE(later.may_reuse(known, content_).is_ok());
  const auto text = later.reused(known, content_, 9).value();
  EXPECT_EQ(check(text).state, ReceiptState::kSigned);
  const auto receipt = Json::parse(text);
  EXPECT_EQ(receipt["isa"], "x/one");
  EXPECT_EQ(receipt["runtime"], "run time 1 of x/one");
  EXPECT_EQ(receipt["time_us"], 9);
  EXPECT_EQ(receipt["vectors"], Json::parse(known.receipt)["vectors"]);
  EXPECT_EQ(receipt["parents"], Json::array({{{"receipt", sha256(as_bytes(known.receipt)).hex()}, {"signed", true}}}));
}

TEST_F(ReceiptTest, a_vector_whose_receipt_does_not_fit_is_not_reused) {
  const auto later = maker();
  EXPECT_EQ(later.may_reuse({{{1, 3}, {3, 4, 5}}, made()}, content_).code(), Code::kCorrupt);
  EXPECT_EQ(later.may_reuse({vectors_, made()}, sha256(as_bytes("another picture"))).code(), Code::kCorrupt);
  auto forged = Json::parse(made());
  forged["isa"] = "x/two";
  EXPECT_EQ(later.may_reuse({vectors_, forged.dump()}, content_).code(), Code::kCorrupt);
}

TEST_F(ReceiptTest, one_of_before_receipts_were_signed_is_unsigned_and_its_children_say_so) {
  const Json old = {{"input", content_.hex()}, {"isa", "x/old"}, {"runtime", "old"}, {"spaces", Json::object()}};
  EXPECT_EQ(check(old.dump()).state, ReceiptState::kUnsigned);
  const KnownVectors known{vectors_, old.dump()};
  ASSERT_TRUE(maker().may_reuse(known, content_).is_ok());
  const auto child = Json::parse(maker().reused(known, content_, 9).value());
  EXPECT_EQ(child["parents"][0]["signed"], false);
  EXPECT_EQ(child["isa"], "x/old");
}

TEST_F(ReceiptTest, taking_the_signature_off_makes_it_no_old_one_while_a_name_of_signed_ones_is_left) {
  const std::vector<std::string> names = {"key", "vectors", "card", "parents"};
  const auto reused = maker().reused({vectors_, made()}, content_, 9).value();
  for (const auto& left : names) {
    auto stripped = Json::parse(reused);
    stripped.erase("signature");
    for (const auto& name : names) {
      if (name != left) stripped.erase(name);
    }
    const auto checked = check(stripped.dump());
    EXPECT_EQ(checked.state, ReceiptState::kWrong) << left;
    EXPECT_NE(checked.problem.message().find("'" + left + "'"), std::string::npos) << checked.problem.message();
  }
}

TEST_F(ReceiptTest, of_any_depth_or_with_a_name_twice_is_refused_and_never_crashes) {
  const auto pem = key_.public_key().pem();
  const std::size_t levels = limits::kReceiptBytesMax / 2 - 10;
  const std::string deep = "{\"a\":" + std::string(levels, '[') + std::string(levels, ']') + "}";
  EXPECT_EQ(check_receipt(deep, pem).state, ReceiptState::kWrong);
  EXPECT_NE(check(deep).problem.message().find("nested deeper than 32"), std::string::npos);
  // The last of two names would count, another reader may take the first.
  auto twice = made();
  twice.insert(1, "\"runtime\":\"another\",");
  EXPECT_EQ(check_receipt(twice, pem).state, ReceiptState::kWrong);
  EXPECT_NE(check(twice).problem.message().find("'runtime' twice"), std::string::npos);
  auto inner = made();
  inner.insert(inner.find("\"spaces\":{") + 10, "\"joint\":\"x\",");
  EXPECT_EQ(check_receipt(inner, pem).state, ReceiptState::kWrong);
}

TEST(CheckJsonObject, takes_objects_to_the_depth_and_nothing_past_it) {
  const auto nested = [](std::size_t depth) {
    return "{\"a\":" + std::string(depth - 1, '[') + std::string(depth - 1, ']') + "}";
  };
  EXPECT_TRUE(check_json_object(nested(limits::kMetadataDepthMax)).is_ok());
  EXPECT_EQ(check_json_object(nested(limits::kMetadataDepthMax + 1)).code(), Code::kLimit);
  EXPECT_TRUE(check_json_object(nested(limits::kMetadataDepthMax + 1), limits::kMetadataDepthMax + 1).is_ok());
  EXPECT_TRUE(check_json_object(R"({"a":{"b":1},"b":[{"a":1},{"a":2}]})").is_ok()) << "equal names of two objects";
  for (const char* bad : {"", "[]", "1", "{", R"({"a":1}{"a":1})", R"({"a":{"b":1,"b":1}})"}) {
    EXPECT_EQ(check_json_object(bad).code(), Code::kCorrupt) << bad;
  }
}

TEST_F(ReceiptTest, of_another_key_is_as_right_as_that_key_is_known) {
  const auto text = made();
  const auto mine = key_name(key_.public_key());
  const auto other = key_of(2);
  EXPECT_EQ(check_receipt(text, known({other, key_})).state, ReceiptState::kSigned);
  const auto unknown = check_receipt(text, known({other}));
  EXPECT_EQ(unknown.state, ReceiptState::kUnknownKey);
  EXPECT_NE(unknown.problem.message().find("keys/former/" + mine + ".pub"), std::string::npos);
  // A former key vouches for what it signed, not for what was changed since.
  auto forged = Json::parse(text);
  forged["runtime"] = "another";
  EXPECT_EQ(check_receipt(forged.dump(), known({other, key_})).state, ReceiptState::kWrong);
  forged["key"] = "../receipts";
  EXPECT_EQ(check_receipt(sign(forged), known({other, key_})).state, ReceiptState::kWrong);
}

TEST_F(ReceiptTest, a_vector_is_not_reused_unless_the_signature_of_its_receipt_was_checked) {
  const KnownVectors stored{vectors_, made()};
  const ReceiptMaker stranger(NamedEncoder("x/one"), spec_, key_of(2));
  EXPECT_EQ(stranger.may_reuse(stored, content_).code(), Code::kNotFound);
  const ReceiptMaker heir(NamedEncoder("x/one"), spec_, key_of(2), known({key_}));
  ASSERT_TRUE(heir.may_reuse(stored, content_).is_ok());
  const auto child = Json::parse(heir.reused(stored, content_, 9).value());
  EXPECT_EQ(child["parents"][0]["signed"], true);
  EXPECT_EQ(child["key"], key_name(key_of(2).public_key()));
  auto forged = Json::parse(stored.receipt);
  forged["runtime"] = "another";
  EXPECT_EQ(heir.may_reuse({vectors_, forged.dump()}, content_).code(), Code::kCorrupt);
}

// A data folder that is there for good, on a disk that may lose what was not synced.
void make_data_folder(SimulatedEnv& env) {
  ASSERT_TRUE(env.make_dirs("data").is_ok());
  ASSERT_TRUE(env.sync_dir(".").is_ok());
}

TEST(ReceiptKeys, are_made_once) {
  SimulatedEnv env(7);
  make_data_folder(env);
  EXPECT_EQ(read_public_key(env, "data").status().code(), Code::kNotFound);
  const auto key = open_signing_key(env, "data");
  ASSERT_TRUE(key.is_ok()) << key.status().to_string();
  env.power_loss();
  EXPECT_EQ(open_signing_key(env, "data").value().public_key(), key->public_key()) << "it signs already: durable";
  EXPECT_EQ(read_public_key(env, "data").value(), key->public_key());
}

TEST(ReceiptKeys, can_be_made_again_wherever_power_fails_while_they_are_made) {
  std::uint64_t operations = 0;
  for (std::uint64_t at = 1; at == 1 || at <= operations; ++at) {
    SimulatedEnv env(at);
    make_data_folder(env);
    const auto before = env.operations();
    env.set_fault_after(at);
    const bool made = open_signing_key(env, "data").is_ok();
    if (at == 1) {
      SimulatedEnv whole(1);
      make_data_folder(whole);
      ASSERT_TRUE(open_signing_key(whole, "data").is_ok());
      operations = whole.operations() - before;
    }
    EXPECT_FALSE(made) << "operation " << at << " of " << operations;
    env.power_loss();
    env.set_fault_after(0);
    const auto again = open_signing_key(env, "data");
    EXPECT_TRUE(again.is_ok()) << "power failed at operation " << at << ": " << again.status().to_string();
  }
  EXPECT_GT(operations, 5U);
}

TEST(ReceiptKeys, that_were_changed_or_lost_are_not_signed_with) {
  const auto is_refused = [](const std::function<void(Env&)>& change) {
    SimulatedEnv env(7);
    make_data_folder(env);
    EXPECT_TRUE(open_signing_key(env, "data").is_ok());
    change(env);
    return open_signing_key(env, "data").status().code();
  };
  EXPECT_EQ(
      is_refused([](Env& env) {
        EXPECT_TRUE(write_file_atomic(env, "data/keys/receipts.pub", as_bytes(key_of(9).public_key().pem())).is_ok());
      }),
      Code::kCorrupt);
  EXPECT_EQ(is_refused(
                [](Env& env) { EXPECT_TRUE(write_file_atomic(env, "data/keys/receipts.key", as_bytes("x")).is_ok()); }),
            Code::kCorrupt);
  EXPECT_EQ(is_refused([](Env& env) { EXPECT_TRUE(env.remove("data/keys/receipts.key").is_ok()); }), Code::kNotFound);
  EXPECT_EQ(is_refused([](Env& env) { EXPECT_TRUE(env.remove("data/keys/receipts.pub").is_ok()); }), Code::kOk)
      << "a crash may leave the private key alone: the other follows from it";
}

TEST(ReceiptKeys, former_ones_are_known_by_their_names) {
  SimulatedEnv env(7);
  make_data_folder(env);
  const auto own = open_signing_key(env, "data").value().public_key();
  const auto former = key_of(5).public_key();
  ASSERT_TRUE(env.make_dirs("data/keys/former").is_ok());
  const auto path = "data/keys/former/" + key_name(former) + ".pub";
  ASSERT_TRUE(write_file_atomic(env, path, as_bytes(former.pem())).is_ok());
  const auto keys = read_known_keys(env, "data");
  EXPECT_TRUE(keys.problems.empty());
  const std::map<std::string, PublicKey> both = {{key_name(own), own}, {key_name(former), former}};
  EXPECT_EQ(keys.by_name, both);

  ASSERT_TRUE(write_file_atomic(env, "data/keys/former/0123456789abcdef.pub", as_bytes(former.pem())).is_ok());
  ASSERT_TRUE(write_file_atomic(env, "data/keys/former/damaged.pub", as_bytes("x")).is_ok());
  const auto with_faults = read_known_keys(env, "data");
  EXPECT_EQ(with_faults.by_name, both);
  ASSERT_EQ(with_faults.problems.size(), 2U);
  EXPECT_NE(with_faults.problems[0].message().find("name it " + key_name(former) + ".pub"), std::string::npos);
}

TEST(Generated, pictures_and_texts_are_the_same_bytes_everywhere) {
  Sha256Stream images;
  Sha256Stream texts;
  for (std::uint64_t i = 0; i < 100; ++i) {
    const auto image = generated_image(i);
    ASSERT_EQ(image.u8.size(), std::size_t{image.width} * image.height * image.bands);
    images.add_field(std::to_string(image.width) + "x" + std::to_string(image.height));
    images.add(std::as_bytes(std::span(image.u8)));
    texts.add_field(generated_text(i));
  }
  // Whoever changes these raises kGeneratedVersion: the fingerprints that are known would no longer be compared.
  EXPECT_EQ(images.finish().hex(), "2e0fa6dc107c2faaf98e756bfbcc8412e275f2d939b35fe37d6058cddaadee4e");
  EXPECT_EQ(texts.finish().hex(), "e32fb8668f8804fdd912b6fb8f4e68c0a95d1326e8b8cdc7ffc2e2345194368c");
}

}  // namespace
}  // namespace pictor
