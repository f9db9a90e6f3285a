// The engine's Upkeep, over the data folder of one engine.
#pragma once

#include <functional>
#include <string>

#include "engine/merger.h"
#include "engine/vector_cache.h"
#include "pictor/upkeep.h"
#include "store/store.h"

namespace pictor {

class UpkeepImpl final : public Upkeep {
 public:
  struct Parts {  // all must outlive it
    Env& env;
    DataFolder& folder;
    VectorCache& vectors;
    Merger& merger;
    std::function<Result<SigningKey>()> signing_key;
    std::function<Status(const BackupPlace& place)> renew_backup;  // makes it again in its place
  };
  explicit UpkeepImpl(Parts parts) : parts_(std::move(parts)) {}

  Result<Compaction> compact(const CompactionRequest& request) override;
  Result<Purge> purge(const PurgeRequest& request) override;
  Result<std::optional<std::int64_t>> erased(const std::string& collection, const std::string& id) override;
  CheckedCertificate check(std::string_view certificate) override;

 private:
  void renew_backups(const std::string& collection, Purge& purge);

  const Parts parts_;
};

}  // namespace pictor
