// What a collection is told about itself: read when it is opened, changed in one transaction.
#include "store/collection.h"
#include "store/schema.h"

namespace pictor {
namespace {

bool is_short(const std::string& text) {
  return text.size() <= limits::kShortTextBytesMax && text.find('\0') == std::string::npos;
}

Result<Settings> changed(Settings settings, const Settings& changes) {
  for (const auto& [name, value] : changes) {
    if (name.empty() || !is_short(name) || !is_short(value)) {
      return Status(Code::kInvalid, "a setting has a name and a text of at most " +
                                        std::to_string(limits::kShortTextBytesMax) + " bytes without zero bytes");
    }
    if (value.empty()) {
      settings.erase(name);
    } else {
      settings[name] = value;
    }
  }
  if (settings.size() <= limits::kSettingsMax) return settings;
  return Status(Code::kLimit, "the collection would have " + std::to_string(settings.size()) + " settings, at most " +
                                  std::to_string(limits::kSettingsMax) + " are kept");
}

Status write(Database& database, const Settings& changes) {
  PICTOR_ASSIGN(auto transaction, Transaction::begin(database));
  PICTOR_ASSIGN(const auto put, database.prepare("INSERT INTO settings(key, value) VALUES(?1, ?2) "
                                                 "ON CONFLICT(key) DO UPDATE SET value = excluded.value"));
  PICTOR_ASSIGN(const auto remove, database.prepare("DELETE FROM settings WHERE key = ?1"));
  for (const auto& [name, value] : changes) {
    Use statement(value.empty() ? *remove : *put);
    statement->bind(0, std::string_view(name));
    if (!value.empty()) statement->bind(1, std::string_view(value));
    PICTOR_TRY(statement->step().status());
  }
  return transaction.commit();
}

}  // namespace

Status CollectionStore::load_settings() {
  PICTOR_ASSIGN(const auto rows, writer_.database->prepare("SELECT key, value FROM settings"));
  Settings settings;
  while (true) {
    PICTOR_ASSIGN(const bool found, rows->step());
    if (!found) break;
    settings[std::string(rows->text(0))] = rows->text(1);
  }
  settings_ = std::make_shared<const Settings>(std::move(settings));
  return Status::ok();
}

std::shared_ptr<const Settings> CollectionStore::settings() const {
  const std::lock_guard lock(state_mutex_);
  return settings_;
}

Status CollectionStore::set(const Settings& changes) {
  const std::lock_guard lock(writing_);
  PICTOR_ASSIGN(auto next, changed(*settings(), changes));
  PICTOR_TRY(write(*writer_.database, changes));
  auto shown = std::make_shared<const Settings>(std::move(next));
  const std::lock_guard state_lock(state_mutex_);
  settings_ = std::move(shown);
  return Status::ok();
}

}  // namespace pictor
