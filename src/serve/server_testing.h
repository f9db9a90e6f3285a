// A server over a real engine with the default encoder, and a client of it. For tests only.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "engine/engine_testing.h"
#include "serve/serve_testing.h"
#include "serve/server.h"

namespace pictor {

class ServerTest : public EngineTest {
 protected:
  using Json = nlohmann::json;

  void SetUp() override {
    EngineTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    ServerOptions options;
    options.data_folder = options_.data_folder;
    options.port = 0;
    options.body_bytes_max = 1 << 20;
    auto started = Server::start(Env::real(), *engine_, options);
    ASSERT_TRUE(started.is_ok()) << started.status().to_string();
    server_ = std::move(started).value();
  }
  void TearDown() override {
    server_.reset();
    EngineTest::TearDown();
  }

  Answer ask(std::string_view method, std::string_view target, std::string_view body = "", std::string_view type = "",
             std::string_view more = "") const {
    const std::string fields = type.empty() ? "" : "Content-Type: " + std::string(type) + "\r\n";
    return TestClient(server_->port()).ask(method, target, body, fields + std::string(more));
  }
  Json json(std::string_view method, std::string_view target, const Json& body = {}) const {
    const Answer answer = ask(method, target, body.is_null() ? "" : body.dump(), "application/json");
    Json out = Json::parse(answer.body, nullptr, false);
    EXPECT_FALSE(out.is_discarded()) << target << ": " << answer.status << " " << answer.body;
    if (out.is_object()) out["http"] = answer.status;
    return out;
  }
  void fill(unsigned count) {
    for (unsigned i = 0; i < count; ++i) {
      const Answer put = ask("PUT",
                             "/v1/collections/test/items/p" + std::to_string(i) + "?metadata=%7B%22number%22%3A" +
                                 std::to_string(i) + "%7D&text=picture+" + std::to_string(i) + "&keep=original",
                             as_text(picture(i)), "image/png");
      ASSERT_EQ(put.status, 201) << put.body;
    }
  }
  static std::vector<std::string> ids_of(const Json& answer) {
    std::vector<std::string> ids;
    for (const Json& hit : answer.at("hits")) ids.push_back(hit.at("id"));
    return ids;
  }

  std::unique_ptr<Server> server_;
};

}  // namespace pictor
