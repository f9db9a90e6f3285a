// Removing an encoder: not while a collection needs it, whosever that is.
#include "engine/engine_testing.h"

namespace pictor {
namespace {

class EncoderRemoveTest : public EngineTest {
 protected:
  void SetUp() override {
    EngineTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    options_.encoders_folder = join_path(folder_, "encoders");
    reopen();
    const auto encoders = engine_->encoders();
    ASSERT_TRUE(encoders.is_ok() && !encoders->empty());
    DeriveRequest request;
    request.name = encoders->front().name;
    request.new_name = "cut";
    request.head = "visual";
    request.dim = 64;
    const auto derived = engine_->encoder_tools().derive(request);
    ASSERT_TRUE(derived.is_ok()) << derived.status().to_string();
  }
  static void fill(Engine& engine) {
    ListSource source(pictures(1));
    IngestRequest request;
    request.collection = "test";
    request.encoder = "cut";
    const auto made = engine.ingest(request, source);
    ASSERT_TRUE(made.is_ok()) << made.status().to_string();
  }
};

TEST_F(EncoderRemoveTest, one_that_a_tenants_collection_needs_stays) {
  const std::string folder = join_path(options_.data_folder, "tenants/acme");
  ASSERT_TRUE(Env::real().make_dirs(folder).is_ok());
  auto tenant = engine_->open_beside(folder).value();
  fill(*tenant);
  const auto refused = [&] {
    const Status status = engine_->remove_encoder("cut");
    EXPECT_EQ(status.code(), Code::kMismatch) << status.to_string();
    EXPECT_NE(status.message().find("collection 'test' of tenant 'acme'"), std::string::npos) << status.message();
  };
  refused();
  tenant.reset();
  refused();
  reopen();
  refused();
  tenant = engine_->open_beside(folder).value();
  ASSERT_TRUE(tenant->drop("test").is_ok());
  EXPECT_TRUE(engine_->remove_encoder("cut").is_ok());
}

TEST_F(EncoderRemoveTest, one_of_the_main_tenant_stays_too) {
  fill(*engine_);
  EXPECT_EQ(engine_->remove_encoder("cut").code(), Code::kMismatch);
  ASSERT_TRUE(engine_->drop("test").is_ok());
  EXPECT_TRUE(engine_->remove_encoder("cut").is_ok());
}

}  // namespace
}  // namespace pictor
