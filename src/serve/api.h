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

#include "govern/govern.h"
#include "pictor/engine.h"
#include "serve/http.h"
#include "serve/metrics_page.h"
#include "serve/picture_fetch.h"
#include "serve/tenants.h"

namespace pictor {

// What handlers share; lives as long as the server.
struct Api {
  Env& env;
  Governor& governor;
  Tenants& tenants;
  Repeats& repeats;
  CollectionNumbers collection_numbers;          // of the main tenant
  std::atomic<const HttpServer*> http{nullptr};  // once it stands
  PictureFetcher pictures{env};
};

// The cookie of a session begins so; its value is a key.
inline constexpr std::string_view kSessionCookie = "pictor_key=";

struct Call {
  Api& api;
  const HttpRequest& request;
  const Caller& caller;
  const ServerOptions& options;                          // that it was admitted under
  Tenant& tenant;                                        // the caller's
  Touched& touched;                                      // filled by handlers, also of what then fails
  std::map<std::string, std::string, std::less<>> path;  // {collection}, {id}

  const std::string& at(std::string_view name) const { return path.find(name)->second; }
  std::optional<std::string_view> parameter(std::string_view name) const { return request.head.parameter(name); }
};

// How large a body an operation takes; kFlows: larger than memory, taken as it comes by begin_upload, which is of
// addItems.
enum class Body : std::uint8_t { kNone, kSmall, kPicture, kFlows };

struct Operation {
  std::string_view name;  // operationId of the contract
  std::string_view method;
  std::string_view path;  // "/v1/collections/{collection}"
  Body body = Body::kNone;
  Lane lane = Lane::kInteractive;
  Right right = Right::kGovern;
  Result<HttpReply> (*act)(const Call&) = nullptr;
  Right right_to_purge = right;  // with "purge" among its parameters
  bool main_only = false;        // of the server as a whole: for callers of the main tenant
  bool tells_secret = false;     // its answer has what is told once and stored nowhere
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
Result<HttpReply> list_collections(const Call& call);
Result<HttpReply> get_collection(const Call& call);
Result<HttpReply> get_calibration(const Call& call);
Result<HttpReply> create_collection(const Call& call);
Result<HttpReply> delete_collection(const Call& call);
Result<HttpReply> put_item(const Call& call);
Result<HttpReply> put_items(const Call& call);
Result<HttpReply> list_items(const Call& call);
Result<HttpReply> count_items(const Call& call);
Result<HttpReply> count_facets(const Call& call);
Result<HttpReply> get_item(const Call& call);
Result<HttpReply> get_picture(const Call& call);
Result<HttpReply> get_receipt(const Call& call);
Result<HttpReply> get_history(const Call& call);
Result<HttpReply> delete_item(const Call& call);
Result<HttpReply> delete_items(const Call& call);
Result<HttpReply> purge_items(const Call& call);
Result<HttpReply> search_collection(const Call& call);
Result<HttpReply> create_context(const Call& call);
Result<HttpReply> create_embeddings(const Call& call);
Result<HttpReply> list_encoders(const Call& call);
Result<HttpReply> get_encoder(const Call& call);
Result<HttpReply> get_version(const Call& call);
Result<HttpReply> get_health(const Call& call);
Result<HttpReply> get_ready(const Call& call);
Result<HttpReply> get_metrics(const Call& call);
Result<HttpReply> get_contract(const Call& call);
Result<HttpReply> get_page(const Call& call);
Result<HttpReply> go_to_pages(const Call& call);
Result<HttpReply> who_am_i(const Call& call);
Result<HttpReply> begin_session(const Call& call);
Result<HttpReply> end_session(const Call& call);
Result<HttpReply> list_keys(const Call& call);
Result<HttpReply> create_key(const Call& call);
Result<HttpReply> rotate_key(const Call& call);
Result<HttpReply> revoke_key(const Call& call);
Result<HttpReply> list_tenants(const Call& call);
Result<HttpReply> put_tenant(const Call& call);
Result<HttpReply> list_audit(const Call& call);
Result<HttpReply> verify_audit(const Call& call);
Result<HttpReply> prune_audit(const Call& call);
Result<HttpReply> start_job(const Call& call);
Result<HttpReply> list_jobs(const Call& call);
Result<HttpReply> get_job(const Call& call);
Result<HttpReply> cancel_job(const Call& call);
Result<HttpReply> resume_job(const Call& call);

// What takes the body of addItems; `request` outlives it. put_items gives its answer. `once` may be null.
std::unique_ptr<HttpUpload> begin_put_items(Api& api, const HttpRequest& request, std::shared_ptr<Tenant> tenant,
                                            const Match& match, std::unique_ptr<Once> once);
std::uint64_t upload_bytes_max(const ServerOptions& options);  // that it holds

// "Authorization: Bearer KEY", "X-API-Key: KEY", or the cookie of a session; empty: none of them.
std::string_view key_of_request(const HttpHead& head);
// For a caller who may not.
HttpReply forbidden(const std::string& why);
HttpReply json_reply(std::string body, int status = 200);
// A parameter of the address: absent, or a whole number up to `most`.
Result<std::optional<std::uint64_t>> count_parameter(const Call& call, std::string_view name, std::uint64_t most);
Result<bool> flag_parameter(const Call& call, std::string_view name);
// kInvalid for a parameter that the operation does not know.
Status only_parameters(const Call& call, std::initializer_list<std::string_view> known);

}  // namespace pictor
