// Patch tokens from the network to the store and back.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "db/db.h"
#include "encode/encode.h"
#include "engine/engine_impl.h"
#include "engine/engine_testing.h"
#include "engine/tools_testing.h"

namespace pictor {
namespace {

class TokensTest : public EngineTest {
 protected:
  void SetUp() override {
    EngineTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    const std::string hub = PICTOR_DEPS_DIR "/golden/vit/hub";
    PICTOR_NEED_SET_UP(hub, "tools/setup golden");
    options_.encoders_folder = join_path(folder_, "encoders");
    reopen();
    EncoderRequest request;
    request.folder = hub;
    request.name = "vit";
    const auto added = engine_->add_encoder(request);
    ASSERT_TRUE(added.is_ok()) << added.status().to_string();
    grid_ = added->info.grid;
    ASSERT_GT(grid_.places(), 1U);
  }

  Result<IngestReport> index(const std::string& collection, const std::string& tokens, std::vector<Given> given,
                             std::uint32_t dim = 0, std::size_t batch = 0, const std::string& encoder = "vit") {
    ListSource source(std::move(given));
    IngestRequest request;
    request.collection = collection;
    request.encoder = encoder;
    request.tokens = tokens;
    request.tokens_dim = dim;
    request.batch = batch;
    return engine_->ingest(request, source);
  }

  std::vector<float> tokens_of(const std::string& collection, const std::string& id) {
    const auto tokens = engine_->tokens(collection, id);
    EXPECT_TRUE(tokens.is_ok()) << tokens.status().to_string();
    return tokens.is_ok() && tokens->has_value() ? (*tokens)->numbers : std::vector<float>();
  }

  // What the network gives, without the engine.
  std::vector<float> direct(unsigned number) {
    const auto runtime = make_openvino_runtime();
    const EncoderPlaces places{options_.cards_folder, options_.weights_folder, options_.encoders_folder};
    const auto encoder = std::move(open_encoder(Env::real(), places, "vit", *runtime, {})).value();
    const auto& card = encoder->card();
    const auto decoded = decode_image(picture(number), card.decode, &card.prepare).value();
    std::vector<float> tensor(prepared_size(card.prepare));
    EXPECT_TRUE(prepare_image(decoded.image, card.decode, card.prepare, tensor).is_ok());
    return encoder->encode_images_with_tokens(tensor, 1).value().tokens;
  }

  TokenGrid grid_;
};

TEST_F(TokensTest, are_the_networks_own_within_the_rounding_of_their_codec) {
  for (const std::string codec : {"f16", "int8"}) {
    ASSERT_TRUE(index(codec, codec, pictures(3)).is_ok());
    const auto wanted = direct(2);
    const auto kept = engine_->tokens(codec, "p2");
    ASSERT_TRUE(kept.is_ok() && kept->has_value());
    EXPECT_EQ((*kept)->grid, grid_);
    EXPECT_EQ((*kept)->codec, codec);
    const auto& seen = (*kept)->numbers;
    ASSERT_EQ(seen.size(), wanted.size());
    for (std::size_t place = 0; place < grid_.places(); ++place) {
      float most = 0;
      for (std::size_t d = 0; d < grid_.dim; ++d) most = std::max(most, std::fabs(wanted[place * grid_.dim + d]));
      for (std::size_t d = 0; d < grid_.dim; ++d) {
        const double number = wanted[place * grid_.dim + d], got = seen[place * grid_.dim + d];
        const double bound =
            codec == "f16" ? std::fabs(number) / 2048 + 0x1p-25 : static_cast<double>(most) / 254 * 1.000001;
        ASSERT_LE(std::fabs(number - got), bound) << codec << " " << place << " " << d;
      }
    }
    EXPECT_GT(*std::ranges::max_element(seen), 0.0F);
  }
}

TEST_F(TokensTest, depend_on_no_batch_and_leave_the_vectors_as_they_are) {
  ASSERT_TRUE(index("plain", "", pictures(5)).is_ok());
  ASSERT_TRUE(index("one", "int8", pictures(5), 0, 1).is_ok());
  ASSERT_TRUE(index("five", "int8", pictures(5), 0, 5).is_ok());
  options_.threads = 1;
  reopen();
  ASSERT_TRUE(index("thread", "int8", pictures(5)).is_ok());
  for (const std::string id : {"p0", "p3"}) {
    const auto wanted = engine_->get("plain", id, true).value()->vectors;
    for (const std::string collection : {"one", "five", "thread"}) {
      EXPECT_EQ(engine_->get(collection, id, true).value()->vectors, wanted) << collection;
      EXPECT_EQ(tokens_of(collection, id), tokens_of("one", id)) << collection;
    }
  }
  EXPECT_FALSE(tokens_of("one", "p0").empty());
  EXPECT_NE(tokens_of("one", "p0"), tokens_of("one", "p3"));
  EXPECT_TRUE(tokens_of("plain", "p0").empty());
}

TEST_F(TokensTest, stay_when_nothing_changed_are_copied_with_known_content_and_go_with_the_item) {
  ASSERT_TRUE(index("kept", "int8", pictures(3)).is_ok());
  const auto wanted = tokens_of("kept", "p1");
  EXPECT_EQ(index("kept", "", pictures(3))->counts.unchanged, 3U);
  EXPECT_EQ(tokens_of("kept", "p1"), wanted);
  auto more = pictures(3);
  more[1].metadata = "{\"new\":1}";
  more.push_back({"copy", picture(1), "{}"});
  const auto report = index("kept", "int8", more);
  EXPECT_EQ(report->counts.reused, 2U);
  EXPECT_EQ(report->stage_seconds.count("encode"), 0U);
  EXPECT_EQ(tokens_of("kept", "p1"), wanted);
  EXPECT_EQ(tokens_of("kept", "copy"), wanted);
  EXPECT_EQ(engine_->stats("kept")->tokens_items, 4U);
  EXPECT_EQ(engine_->stats("kept")->tokens_item_bytes, grid_.numbers() + grid_.places() * sizeof(float));
  const std::vector<std::string> ids = {"p1"};
  ASSERT_EQ(engine_->remove("kept", ids).value(), 1U);
  reopen();
  EXPECT_TRUE(tokens_of("kept", "p1").empty());
  EXPECT_EQ(tokens_of("kept", "copy"), wanted);
  EXPECT_EQ(engine_->stats("kept")->tokens_items, 3U);
  EXPECT_TRUE(engine_->verify("kept", nullptr).value().empty());
}

TEST_F(TokensTest, of_fewer_numbers_are_the_first_of_each) {
  ASSERT_TRUE(index("all", "f16", pictures(1)).is_ok());
  ASSERT_TRUE(index("few", "f16", pictures(1), 10).is_ok());
  const auto all = tokens_of("all", "p0"), few = tokens_of("few", "p0");
  ASSERT_EQ(few.size(), grid_.places() * 10);
  for (std::size_t i = 0; i < few.size(); ++i) ASSERT_EQ(few[i], all[i / 10 * grid_.dim + i % 10]) << i;
}

TEST_F(TokensTest, that_cannot_be_had_are_refused_and_nothing_is_made) {
  auto status = index("none", "int8", pictures(1), 0, 0, "lite2-minilm").status();
  EXPECT_EQ(status.code(), Code::kUnsupported);
  EXPECT_NE(status.message().find("'lite2-minilm' has no patch tokens"), std::string::npos) << status.message();
  EXPECT_NE(status.message().find("here have 'vit'"), std::string::npos) << status.message();
  EXPECT_EQ(index("none", "f64", pictures(1)).status().code(), Code::kInvalid);
  EXPECT_EQ(index("none", "", pictures(1), 10).status().code(), Code::kInvalid);
  EXPECT_EQ(index("none", "f16", pictures(1), grid_.dim + 1).status().code(), Code::kInvalid);
  EXPECT_EQ(engine_->stats("none").status().code(), Code::kNotFound);

  ASSERT_TRUE(index("kept", "int8", pictures(1)).is_ok());
  for (const std::string tokens : {"f16", "none"}) {
    status = index("kept", tokens, pictures(1)).status();
    EXPECT_EQ(status.code(), Code::kMismatch);
    EXPECT_NE(status.message().find("keeps tokens as int8"), std::string::npos) << status.message();
  }
  EXPECT_EQ(index("kept", "int8", pictures(1), 10).status().code(), Code::kMismatch);
  EXPECT_TRUE(index("kept", "int8", pictures(1), grid_.dim).is_ok()) << "the same, said in full";
  ASSERT_TRUE(index("without", "none", pictures(1)).is_ok());
  EXPECT_EQ(index("without", "int8", pictures(1)).status().code(), Code::kMismatch);
}

TEST(TokensTogether, stay_within_their_limit_in_whole_passes_where_these_fit) {
  const TokenGrid large{100, 100, 800};  // 8'000'000 numbers a picture, as many as a card may have
  ASSERT_EQ(large.numbers(), limits::kTokenNumbersMax);
  TokensSpec kept;
  EXPECT_EQ(pictures_together(kept, large, 1), limits::kEncodeBatchMax) << "none are kept";
  kept.codec = TokenCodec::kF16;
  EXPECT_EQ(pictures_together(kept, large, 1), 8U);
  EXPECT_EQ(pictures_together(kept, large, 3), 6U);
  EXPECT_EQ(pictures_together(kept, large, 16), 8U) << "less than a pass";
  const TokenGrid at{1024, 1024, 1}, past{1024, 1025, 1};
  EXPECT_EQ(pictures_together(kept, at, 1), 64U);
  EXPECT_EQ(pictures_together(kept, past, 1), 63U);
  EXPECT_EQ(pictures_together(kept, {2, 2, 8}, 4), limits::kEncodeBatchMax);
}

TEST_F(TokensTest, that_the_network_refuses_leave_no_collection_behind) {
  EncoderRequest request;
  request.folder = PICTOR_DEPS_DIR "/golden/clip/hub";
  request.name = "clip";
  ASSERT_TRUE(engine_->add_encoder(request).is_ok());
  // The heads of this encoder read another output: only the one that has the tokens is not in the network.
  const auto path = join_path(join_path(options_.encoders_folder, "clip"), "card.json");
  std::string card(as_text(read_file(Env::real(), path, limits::kCardBytesMax).value()));
  const auto at = card.find("\"last_hidden_state\"");
  ASSERT_NE(at, std::string::npos);
  card.replace(at, 19, "\"next_hidden_state\"");
  ASSERT_TRUE(write_file_atomic(Env::real(), path, as_bytes(card)).is_ok());
  reopen();
  EXPECT_FALSE(index("clips", "f16", pictures(1), 0, 0, "clip").is_ok());
  EXPECT_EQ(engine_->stats("clips").status().code(), Code::kNotFound);
  const auto without = index("clips", "", pictures(1), 0, 0, "clip");
  EXPECT_TRUE(without.is_ok()) << without.status().to_string();
}

TEST_F(TokensTest, that_were_changed_or_lost_stop_nothing_and_their_pictures_are_embedded_anew) {
  for (const std::string damage : {"UPDATE tokens SET crc = crc + 1", "DELETE FROM tokens"}) {
    const std::string collection = damage.substr(0, 6);
    ASSERT_TRUE(index(collection, "int8", pictures(2)).is_ok());
    const auto wanted = tokens_of(collection, "p1");
    engine_.reset();
    {
      const auto path = join_path(options_.data_folder, "collections/" + collection + "/collection.db");
      ASSERT_TRUE(Database::open(Env::real(), path).value()->exec(damage).is_ok());
    }
    reopen();
    const auto report = index(collection, "", {{"copy", picture(1), "{}"}, {"new", picture(2), "{}"}});
    ASSERT_TRUE(report.is_ok()) << report.status().to_string();
    EXPECT_EQ(report->counts.added, 2U);
    EXPECT_EQ(report->counts.reused, 0U);
    EXPECT_EQ(tokens_of(collection, "copy"), wanted);
    const auto receipt = engine_->get(collection, "copy", false).value()->receipt;
    EXPECT_EQ(receipt.find("parents"), std::string::npos)
        << "the vectors were made here and now, their receipt says that they were taken over: " << receipt;
  }
}

}  // namespace
}  // namespace pictor
