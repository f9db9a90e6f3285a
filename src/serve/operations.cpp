// The table of operations, in the order of api/openapi.yaml.
#include <algorithm>
#include <array>

#include "serve/api.h"

namespace pictor {
namespace {

constexpr Lane kBulk = Lane::kBulk;
constexpr Lane kNow = Lane::kInteractive;

constexpr std::array kOperations = {
    Operation{"listCollections", "GET", "/v1/collections", Body::kNone, kNow, list_collections},
    Operation{"getCollection", "GET", "/v1/collections/{collection}", Body::kNone, kNow, get_collection},
    Operation{"createCollection", "PUT", "/v1/collections/{collection}", Body::kPicture, kBulk, create_collection},
    Operation{"deleteCollection", "DELETE", "/v1/collections/{collection}", Body::kNone, kBulk, delete_collection},
    Operation{"searchCollection", "POST", "/v1/collections/{collection}/search", Body::kPicture, kNow,
              search_collection},
    Operation{"countItems", "GET", "/v1/collections/{collection}/count", Body::kNone, kNow, count_items},
    Operation{"listItems", "GET", "/v1/collections/{collection}/items", Body::kNone, kNow, list_items},
    Operation{"addItem", "POST", "/v1/collections/{collection}/items", Body::kPicture, kBulk, put_item},
    Operation{"deleteItems", "DELETE", "/v1/collections/{collection}/items", Body::kNone, kBulk, delete_items},
    Operation{"addItems", "POST", "/v1/collections/{collection}/items:bulk", Body::kBulk, kBulk, put_items},
    Operation{"getItem", "GET", "/v1/collections/{collection}/items/{id}", Body::kNone, kNow, get_item},
    Operation{"putItem", "PUT", "/v1/collections/{collection}/items/{id}", Body::kPicture, kBulk, put_item},
    Operation{"deleteItem", "DELETE", "/v1/collections/{collection}/items/{id}", Body::kNone, kBulk, delete_item},
    Operation{"getPicture", "GET", "/v1/collections/{collection}/items/{id}/picture", Body::kNone, kNow, get_picture},
    Operation{"getReceipt", "GET", "/v1/collections/{collection}/items/{id}/receipt", Body::kNone, kNow, get_receipt},
    Operation{"getHistory", "GET", "/v1/collections/{collection}/items/{id}/history", Body::kNone, kNow, get_history},
    Operation{"createEmbeddings", "POST", "/v1/embeddings", Body::kPicture, kNow, create_embeddings},
    Operation{"listEncoders", "GET", "/v1/encoders", Body::kNone, kNow, list_encoders},
    Operation{"getEncoder", "GET", "/v1/encoders/{encoder}", Body::kNone, kNow, get_encoder},
    Operation{"getVersion", "GET", "/v1/version", Body::kNone, kNow, get_version},
    Operation{"getContract", "GET", "/v1/openapi.yaml", Body::kNone, kNow, get_contract},
    Operation{"getHealth", "GET", "/healthz", Body::kNone, kNow, get_health},
    Operation{"getReady", "GET", "/readyz", Body::kNone, kNow, get_ready},
    Operation{"getMetrics", "GET", "/metrics", Body::kNone, kNow, get_metrics},
    Operation{"goToPages", "GET", "/", Body::kNone, kNow, go_to_pages},
    Operation{"getPage", "GET", "/ui/{file}", Body::kNone, kNow, get_page},
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
