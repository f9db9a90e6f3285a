// One request and its answer. Inside remote/ only. Thread safety: calls take turns.
#pragma once

#include <memory>
#include <mutex>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "net/net.h"
#include "pictor/remote.h"

namespace pictor {

class Wire {
 public:
  Wire(Env& env, RemoteOptions options);

  // The answer's JSON. A problem becomes the status that it was made of.
  Result<nlohmann::json> json(std::string_view method, const std::string& target);
  Result<nlohmann::json> json(std::string_view method, const std::string& target, const nlohmann::json& body);
  // The answer as it is.
  Result<std::string> bytes(std::string_view method, const std::string& target, std::string_view type = {},
                            std::string body = {});
  const std::string& url() const { return options_.url; }

 private:
  const RemoteOptions options_;
  std::mutex mutex_;
  HttpClient client_;
};

}  // namespace pictor
