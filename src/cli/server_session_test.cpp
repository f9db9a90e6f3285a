// Commands that find a server at work in their data folder, or are told of one.
#include "cli/cli_testing.h"

namespace pictor {
namespace {

class ServerSession : public CliTest {
 protected:
  ServerSession() {
    services_.connect = [this](Env&, const RemoteOptions& options) -> Result<std::unique_ptr<Engine>> {
      asked_.push_back(options);
      return std::unique_ptr<Engine>(std::make_unique<Shared>(engine_));
    };
  }
  void occupy() {
    services_.open_engine = [](Env&, const EngineOptions&) -> Result<std::unique_ptr<Engine>> {
      return Status(Code::kBusy, "data folder is open in another process");
    };
  }

  std::vector<RemoteOptions> asked_;
};

TEST_F(ServerSession, a_folder_that_a_server_has_open_is_asked_of_that_server) {
  ASSERT_EQ(run({"--data", folder_.path(), "stats"}), 0) << err();
  EXPECT_TRUE(asked_.empty());
  occupy();
  EXPECT_EQ(run({"--data", folder_.path(), "stats"}), static_cast<int>(Code::kBusy));
  folder_.write("server.json", R"({"url": "http://127.0.0.1:9"})");
  ASSERT_EQ(run({"--data", folder_.path(), "stats"}), 0) << err();
  ASSERT_EQ(asked_.size(), 1U);
  EXPECT_EQ(asked_[0].url, "http://127.0.0.1:9");
  EXPECT_EQ(err(), "");
  ASSERT_EQ(run({"--data", folder_.path(), "--log-level", "info", "stats"}), 0);
  EXPECT_NE(err().find("asking the server at http://127.0.0.1:9"), std::string::npos);
}

TEST_F(ServerSession, a_server_is_named_and_gets_the_key_of_the_environment) {
  ::setenv("PICTOR_KEY", "pk_1", 1);  // NOLINT(concurrency-mt-unsafe)
  ASSERT_EQ(run({"--server", "https://pictures.example", "stats"}), 0) << err();
  ::unsetenv("PICTOR_KEY");  // NOLINT(concurrency-mt-unsafe)
  ASSERT_EQ(asked_.size(), 1U);
  EXPECT_EQ(asked_[0].url, "https://pictures.example");
  EXPECT_EQ(asked_[0].key, "pk_1");
}

TEST_F(ServerSession, keys_are_made_in_the_data_folder_itself) {
  occupy();
  folder_.write("server.json", R"({"url": "http://127.0.0.1:9"})");
  EXPECT_EQ(run({"--data", folder_.path(), "key", "list"}), static_cast<int>(Code::kBusy));
  EXPECT_TRUE(asked_.empty());
}

}  // namespace
}  // namespace pictor
