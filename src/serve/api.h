// The operations of api/openapi.yaml: which request is which, and what answers it. Inside serve/ only.
//
// A handler reads its request, calls the engine and writes the answer; it decides nothing else. Thread safety: handlers
// run on any thread.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "pictor/engine.h"
#include "serve/http.h"
#include "serve/keeper.h"
#include "serve/put_lanes.h"

namespace pictor {

// What handlers share; lives as long as the server.
struct Api {
  Env& env;
  Engine& engine;
  const ServerOptions& options;
  std::atomic<const HttpServer*> http{nullptr};  // once it stands
  PutLanes lanes{engine};
  Keeper keeper{env, engine};
};

struct Call {
  const HttpRequest& request;
  std::map<std::string, std::string, std::less<>> path;  // {collection}, {id}

  const std::string& at(std::string_view name) const { return path.find(name)->second; }
  std::optional<std::string_view> parameter(std::string_view name) const { return request.head.parameter(name); }
};

// How large a body an operation takes.
enum class Body : std::uint8_t { kNone, kPicture, kBulk };

struct Operation {
  std::string_view name;  // operationId of the contract
  std::string_view method;
  std::string_view path;  // "/v1/collections/{collection}"
  Body body = Body::kNone;
  Lane lane = Lane::kInteractive;
  Result<HttpReply> (*act)(Api&, const Call&) = nullptr;
};
std::span<const Operation> operations();

// Which operation a request is; without one `allowed` has the methods of its path, if there is such a path.
struct Match {
  const Operation* operation = nullptr;
  std::map<std::string, std::string, std::less<>> path;
  std::string allowed;
};
Match find_operation(const HttpHead& head);

// Handlers, by file.
Result<HttpReply> list_collections(Api& api, const Call& call);
Result<HttpReply> get_collection(Api& api, const Call& call);
Result<HttpReply> create_collection(Api& api, const Call& call);
Result<HttpReply> delete_collection(Api& api, const Call& call);
Result<HttpReply> put_item(Api& api, const Call& call);
Result<HttpReply> put_items(Api& api, const Call& call);
Result<HttpReply> list_items(Api& api, const Call& call);
Result<HttpReply> count_items(Api& api, const Call& call);
Result<HttpReply> get_item(Api& api, const Call& call);
Result<HttpReply> get_picture(Api& api, const Call& call);
Result<HttpReply> get_receipt(Api& api, const Call& call);
Result<HttpReply> get_history(Api& api, const Call& call);
Result<HttpReply> delete_item(Api& api, const Call& call);
Result<HttpReply> delete_items(Api& api, const Call& call);
Result<HttpReply> search_collection(Api& api, const Call& call);
Result<HttpReply> create_embeddings(Api& api, const Call& call);
Result<HttpReply> list_encoders(Api& api, const Call& call);
Result<HttpReply> get_encoder(Api& api, const Call& call);
Result<HttpReply> get_version(Api& api, const Call& call);
Result<HttpReply> get_health(Api& api, const Call& call);
Result<HttpReply> get_ready(Api& api, const Call& call);
Result<HttpReply> get_metrics(Api& api, const Call& call);
Result<HttpReply> get_contract(Api& api, const Call& call);
Result<HttpReply> get_page(Api& api, const Call& call);
Result<HttpReply> go_to_pages(Api& api, const Call& call);

HttpReply json_reply(std::string body, int status = 200);
// A parameter of the address: absent, or a whole number up to `most`.
Result<std::optional<std::uint64_t>> count_parameter(const Call& call, std::string_view name, std::uint64_t most);
Result<bool> flag_parameter(const Call& call, std::string_view name);
// kInvalid for a parameter that the operation does not know.
Status only_parameters(const Call& call, std::initializer_list<std::string_view> known);

}  // namespace pictor
