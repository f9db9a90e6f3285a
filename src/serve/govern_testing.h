// A server over a real engine with a key of every role, a tenant, and a client. For tests only.
#pragma once

#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "engine/engine_testing.h"
#include "serve/api.h"
#include "serve/serve_testing.h"
#include "serve/server.h"

namespace pictor {

class GovernApiTest : public EngineTest {
 protected:
  using Json = nlohmann::json;

  void SetUp() override {
    EngineTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    const auto governor = Governor::open(Env::real(), options_.data_folder);
    ASSERT_TRUE(governor.is_ok()) << governor.status().to_string();
    ASSERT_TRUE((*governor)->put_tenant("acme", 0).is_ok());
    for (const Role role : all_roles()) keys_[role] = made(**governor, role, "");
    acme_ = made(**governor, Role::kAdmin, "acme");
    KeySpec narrow;
    narrow.role = Role::kWriter;
    narrow.collections = {"test", "team-*"};
    narrow_ = (*governor)->create_key(narrow)->key;
  }
  void TearDown() override {
    server_.reset();
    EngineTest::TearDown();
  }
  static std::string made(Governor& governor, Role role, const std::string& tenant) {
    KeySpec spec;
    spec.role = role;
    spec.tenant = tenant;
    const auto key = governor.create_key(spec);
    EXPECT_TRUE(key.is_ok()) << key.status().to_string();
    return key.is_ok() ? key->key : "";
  }
  void start(ServerOptions options = {}) {
    server_.reset();
    options.data_folder = options_.data_folder;
    options.port = 0;
    auto started = Server::start(Env::real(), *engine_, options);
    ASSERT_TRUE(started.is_ok()) << started.status().to_string();
    server_ = std::move(started).value();
  }
  Answer ask(const std::string& key, std::string_view method, std::string_view target, std::string_view body = "",
             std::string_view type = "application/json") const {
    std::string fields = "Content-Type: " + std::string(type) + "\r\n";
    if (!key.empty()) fields += "Authorization: Bearer " + key + "\r\n";
    return TestClient(server_->port()).ask(method, target, body, fields);
  }
  Json json(const std::string& key, std::string_view method, std::string_view target, const Json& body = {}) const {
    const Answer answer = ask(key, method, target, body.is_null() ? "" : body.dump());
    Json out = Json::parse(answer.body, nullptr, false);
    EXPECT_TRUE(out.is_object()) << target << ": " << answer.status << " " << answer.body;
    if (out.is_object()) out["http"] = answer.status;
    return out;
  }
  void put(const std::string& key, const std::string& collection, unsigned number) const {
    const Answer put = ask(key, "PUT", "/v1/collections/" + collection + "/items/p" + std::to_string(number),
                           as_text(picture(number)), "image/png");
    ASSERT_EQ(put.status, 201) << put.body;
  }
  // A request for the operation that changes as little as can be.
  static std::string target_of(const Operation& operation) {
    std::string path(operation.path);
    for (const auto& [name, value] : std::map<std::string, std::string>{{"{collection}", "test"},
                                                                        {"{id}", "none"},
                                                                        {"{encoder}", "none"},
                                                                        {"{key}", "none"},
                                                                        {"{job}", "none"},
                                                                        {"{tenant}", "-"},
                                                                        {"{file}", "none"}}) {
      if (const auto at = path.find(name); at != std::string::npos) path.replace(at, name.size(), value);
    }
    return path;
  }

  std::map<Role, std::string> keys_;
  std::string acme_, narrow_;
  std::unique_ptr<Server> server_;
};

}  // namespace pictor
