// The table of operations, in the order of api/openapi.yaml.
#include <algorithm>
#include <array>

#include "serve/api.h"

namespace pictor {
namespace {

constexpr Lane kBulk = Lane::kBulk;
constexpr Lane kNow = Lane::kInteractive;
constexpr bool kMainOnly = true;
constexpr bool kTellsSecret = true;

constexpr std::array kOperations = {
    // clang-format off
    Operation{"listCollections", "GET", "/v1/collections", Body::kNone, kNow, Right::kInspect, list_collections},
    Operation{"getCollection", "GET", "/v1/collections/{collection}", Body::kNone, kNow, Right::kInspect, get_collection},
    Operation{"createCollection", "PUT", "/v1/collections/{collection}", Body::kPicture, kBulk, Right::kWrite, create_collection},
    Operation{"deleteCollection", "DELETE", "/v1/collections/{collection}", Body::kNone, kBulk, Right::kErase, delete_collection},
    Operation{"searchCollection", "POST", "/v1/collections/{collection}/search", Body::kPicture, kNow, Right::kRead, search_collection},
    Operation{"getCalibration", "GET", "/v1/collections/{collection}/calibration", Body::kNone, kNow, Right::kInspect, get_calibration},
    Operation{"countItems", "GET", "/v1/collections/{collection}/count", Body::kNone, kNow, Right::kRead, count_items},
    Operation{"countFacets", "GET", "/v1/collections/{collection}/facets", Body::kNone, kNow, Right::kRead, count_facets},
    Operation{"listItems", "GET", "/v1/collections/{collection}/items", Body::kNone, kNow, Right::kRead, list_items},
    Operation{"addItem", "POST", "/v1/collections/{collection}/items", Body::kPicture, kBulk, Right::kWrite, put_item},
    Operation{"deleteItems", "DELETE", "/v1/collections/{collection}/items", Body::kNone, kBulk, Right::kWrite, delete_items},
    Operation{"addItems", "POST", "/v1/collections/{collection}/items:bulk", Body::kFlows, kBulk, Right::kWrite, put_items},
    Operation{"purgeItems", "POST", "/v1/collections/{collection}/items:purge", Body::kPicture, kBulk, Right::kErase, purge_items},
    Operation{"getItem", "GET", "/v1/collections/{collection}/items/{id}", Body::kNone, kNow, Right::kRead, get_item},
    Operation{"putItem", "PUT", "/v1/collections/{collection}/items/{id}", Body::kPicture, kBulk, Right::kWrite, put_item},
    Operation{"deleteItem", "DELETE", "/v1/collections/{collection}/items/{id}", Body::kNone, kBulk, Right::kWrite, delete_item, Right::kErase},
    Operation{"getPicture", "GET", "/v1/collections/{collection}/items/{id}/picture", Body::kNone, kNow, Right::kRead, get_picture},
    Operation{"getReceipt", "GET", "/v1/collections/{collection}/items/{id}/receipt", Body::kNone, kNow, Right::kRead, get_receipt},
    Operation{"getHistory", "GET", "/v1/collections/{collection}/items/{id}/history", Body::kNone, kNow, Right::kRead, get_history},
    Operation{"createContext", "POST", "/v1/context", Body::kPicture, kNow, Right::kRead, create_context},
    Operation{"createEmbeddings", "POST", "/v1/embeddings", Body::kPicture, kNow, Right::kRead, create_embeddings},
    Operation{"listEncoders", "GET", "/v1/encoders", Body::kNone, kNow, Right::kInspect, list_encoders},
    Operation{"getEncoder", "GET", "/v1/encoders/{encoder}", Body::kNone, kNow, Right::kInspect, get_encoder},
    Operation{"whoAmI", "GET", "/v1/whoami", Body::kNone, kNow, Right::kInspect, who_am_i},
    Operation{"beginSession", "PUT", "/v1/session", Body::kNone, kNow, Right::kInspect, begin_session},
    Operation{"endSession", "DELETE", "/v1/session", Body::kNone, kNow, Right::kNone, end_session},
    Operation{"listKeys", "GET", "/v1/keys", Body::kNone, kNow, Right::kGovern, list_keys},
    Operation{"createKey", "POST", "/v1/keys", Body::kSmall, kNow, Right::kGovern, create_key, Right::kGovern, false, kTellsSecret},
    Operation{"rotateKey", "POST", "/v1/keys/{key}/rotate", Body::kSmall, kNow, Right::kGovern, rotate_key, Right::kGovern, false, kTellsSecret},
    Operation{"revokeKey", "DELETE", "/v1/keys/{key}", Body::kNone, kNow, Right::kGovern, revoke_key},
    Operation{"listTenants", "GET", "/v1/tenants", Body::kNone, kNow, Right::kGovern, list_tenants, Right::kGovern, kMainOnly},
    Operation{"putTenant", "PUT", "/v1/tenants/{tenant}", Body::kSmall, kNow, Right::kGovern, put_tenant, Right::kGovern, kMainOnly},
    Operation{"listAudit", "GET", "/v1/audit", Body::kNone, kBulk, Right::kGovern, list_audit},
    Operation{"verifyAudit", "GET", "/v1/audit/verify", Body::kNone, kBulk, Right::kGovern, verify_audit, Right::kGovern, kMainOnly},
    Operation{"pruneAudit", "POST", "/v1/audit/prune", Body::kSmall, kBulk, Right::kGovern, prune_audit, Right::kGovern, kMainOnly},
    Operation{"listJobs", "GET", "/v1/jobs", Body::kNone, kNow, Right::kOperate, list_jobs},
    Operation{"startJob", "POST", "/v1/jobs", Body::kSmall, kNow, Right::kOperate, start_job},
    Operation{"getJob", "GET", "/v1/jobs/{job}", Body::kNone, kNow, Right::kOperate, get_job},
    Operation{"cancelJob", "POST", "/v1/jobs/{job}/cancel", Body::kNone, kNow, Right::kOperate, cancel_job},
    Operation{"resumeJob", "POST", "/v1/jobs/{job}/resume", Body::kNone, kNow, Right::kOperate, resume_job},
    Operation{"getVersion", "GET", "/v1/version", Body::kNone, kNow, Right::kNone, get_version},
    Operation{"getContract", "GET", "/v1/openapi.yaml", Body::kNone, kNow, Right::kNone, get_contract},
    Operation{"getHealth", "GET", "/healthz", Body::kNone, kNow, Right::kNone, get_health},
    Operation{"getReady", "GET", "/readyz", Body::kNone, kNow, Right::kNone, get_ready},
    Operation{"getMetrics", "GET", "/metrics", Body::kNone, kNow, Right::kOperate, get_metrics, Right::kOperate, kMainOnly},
    Operation{"goToPages", "GET", "/", Body::kNone, kNow, Right::kNone, go_to_pages},
    Operation{"getPage", "GET", "/ui/{file}", Body::kNone, kNow, Right::kNone, get_page},
    // clang-format on
};

// Do the segments of a path fit? What stands in braces takes any that is not empty.
bool fits(std::string_view pattern, const std::vector<std::string>& segments,
          std::map<std::string, std::string, std::less<>>& out) {
  out.clear();
  pattern.remove_prefix(1);
  for (std::size_t i = 0; i < segments.size(); ++i) {
    const std::size_t slash = pattern.find('/');
    const std::string_view part = pattern.substr(0, slash);
    const bool last = slash == std::string_view::npos;
    if (last != (i + 1 == segments.size())) return false;
    if (!part.empty() && part.front() == '{') {
      if (segments[i].empty()) return false;
      out[std::string(part.substr(1, part.size() - 2))] = segments[i];
    } else if (part != segments[i]) {
      return false;
    }
    if (!last) pattern.remove_prefix(slash + 1);
  }
  return true;
}

}  // namespace

std::span<const Operation> operations() { return kOperations; }

Match find_operation(const HttpHead& head) {
  Match match;
  const std::string_view method = head.method == "HEAD" ? std::string_view("GET") : std::string_view(head.method);
  for (const Operation& operation : kOperations) {
    std::map<std::string, std::string, std::less<>> path;
    if (!fits(operation.path, head.segments, path)) continue;
    if (operation.method == method) return {&operation, std::move(path), ""};
    match.allowed += (match.allowed.empty() ? "" : ", ") + std::string(operation.method);
  }
  return match;
}

}  // namespace pictor
