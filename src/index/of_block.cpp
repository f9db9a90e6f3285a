#include "index/of_block.h"

namespace pictor {

Status check_of_block(const std::string& kind, const FileOf& file, const VectorBlock& block, Metric metric,
                      std::uint64_t owner) {
  const auto differs = [&](const char* what, std::uint64_t seen, std::uint64_t wanted) {
    return Status(Code::kCorrupt, kind + " file is of another block: its " + what + " is " + std::to_string(seen) +
                                      ", wanted " + std::to_string(wanted));
  };
  if (file.owner != owner) return differs("owner", file.owner, owner);
  if (file.dim != block.dim) return differs("number of dimensions", file.dim, block.dim);
  if (file.rows != block.count) return differs("number of rows", file.rows, block.count);
  if (file.metric != metric) {
    return differs("metric", static_cast<std::uint64_t>(file.metric), static_cast<std::uint64_t>(metric));
  }
  if (metric == Metric::kCosine && block.inverse_norms == nullptr) {
    return {Code::kInvalid,
            "the block of a " + kind + " file comes without inverse norms, which the cosine metric needs"};
  }
  return Status::ok();
}

}  // namespace pictor
