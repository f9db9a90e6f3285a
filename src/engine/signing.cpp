// The engine's key: opened once, by one caller at a time, and what making a new one means for what is stored.
#include "engine/engine_impl.h"
#include "engine/receipt.h"
#include "observe/observe.h"

namespace pictor {
namespace {

// Whether a row alive in the collection has a signed receipt.
Result<bool> has_signed_row(const Collection& collection) {
  PICTOR_ASSIGN(const auto snapshot, collection.snapshot());
  bool found = false;
  const Status status = snapshot->scan(false, [&found](const Item& item) {
    found = item.data.receipt.find("\"signature\":") != std::string::npos;
    return found ? Status(Code::kCancelled, "found") : Status::ok();
  });
  if (!found) PICTOR_TRY(status);
  return found;
}

}  // namespace

Result<SigningKey> EngineImpl::signing_key(std::vector<std::string>& warnings) {
  const std::lock_guard lock(keys_mutex_);
  if (signing_key_.has_value()) return *signing_key_;
  const bool is_new = !has_signing_key(env_, folder_->path());
  if (is_new) PICTOR_TRY(note_former_receipts(warnings));
  PICTOR_ASSIGN(signing_key_, open_signing_key(env_, folder_->path()));
  return *signing_key_;
}

Status EngineImpl::note_former_receipts(std::vector<std::string>& warnings) {
  PICTOR_ASSIGN(const auto all, folder_->collections());
  for (const auto& spec : all) {
    PICTOR_ASSIGN(const auto collection, folder_->collection(spec.name));
    PICTOR_ASSIGN(const bool found, has_signed_row(*collection));
    if (!found) continue;
    warnings.push_back("a new pair of keys is made to sign receipts, though collection '" + spec.name +
                       "' has receipts that another key signed: put its public half at keys/former/NAME.pub in the "
                       "data folder, NAME being the key that those receipts name, or they cannot be checked here");
    log(LogLevel::kWarning, "keys_made_anew", {{"collection", spec.name}, {"data", folder_->path()}});
    return Status::ok();
  }
  return Status::ok();
}

}  // namespace pictor
