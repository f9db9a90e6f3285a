#include "store/places.h"

namespace pictor {

Result<std::string> folder_id(Database& catalogue) {
  PICTOR_ASSIGN(const auto select, catalogue.prepare("SELECT id FROM folder"));
  PICTOR_ASSIGN(const bool found, select->step());
  if (!found) return Status(Code::kCorrupt, "the catalogue has no row in its table 'folder': restore it from a backup");
  return std::string(select->text(0));
}

Status remember_place(Database& catalogue, const BackupPlace& place) {
  PICTOR_ASSIGN(auto transaction, Transaction::begin(catalogue));
  {
    PICTOR_ASSIGN(const auto others, catalogue.prepare("SELECT count(*) FROM backups WHERE path <> ?1"));
    others->bind(0, std::string_view(place.path));
    PICTOR_TRY(others->step().status());
    if (others->integer(0) >= limits::kBackupPlacesMax) {
      return {Code::kLimit, "the data folder remembers " + std::to_string(others->integer(0)) +
                                " places of backups, the most there can be: forget those that are no more (pictor "
                                "backup --forget DIR)"};
    }
  }
  PICTOR_ASSIGN(const auto insert,
                catalogue.prepare("INSERT INTO backups(path, collection, begun_us, of_parent) VALUES(?1, ?2, ?3, ?4) "
                                  "ON CONFLICT(path) DO UPDATE SET collection = ?2, begun_us = ?3, of_parent = ?4"));
  insert->bind(0, std::string_view(place.path));
  insert->bind(1, std::string_view(place.collection));
  insert->bind(2, place.begun_us);
  insert->bind(3, std::int64_t{place.of_parent ? 1 : 0});
  PICTOR_TRY(insert->step().status());
  insert->reset();
  return transaction.commit();
}

Status note_backup_made(Database& catalogue, const std::string& path, std::int64_t made_us) {
  PICTOR_ASSIGN(const auto update, catalogue.prepare("UPDATE backups SET made_us = ?2 WHERE path = ?1"));
  update->bind(0, std::string_view(path));
  update->bind(1, made_us);
  return update->step().status();
}

Result<std::vector<BackupPlace>> places_of(Database& catalogue) {
  PICTOR_ASSIGN(const auto select,
                catalogue.prepare("SELECT path, collection, begun_us, made_us, of_parent FROM backups ORDER BY path"));
  std::vector<BackupPlace> places;
  while (true) {
    PICTOR_ASSIGN(const bool found, select->step());
    if (!found) return places;
    BackupPlace place;
    place.path = select->text(0);
    place.collection = select->text(1);
    place.begun_us = select->integer(2);
    if (!select->is_null(3)) place.made_us = select->integer(3);
    place.of_parent = select->integer(4) != 0;
    places.push_back(std::move(place));
  }
}

Status forget_place(Database& catalogue, const std::string& path) {
  PICTOR_ASSIGN(const auto remove, catalogue.prepare("DELETE FROM backups WHERE path = ?1"));
  remove->bind(0, std::string_view(path));
  PICTOR_TRY(remove->step().status());
  if (catalogue.changes() > 0) return Status::ok();
  return {Code::kNotFound, "no backup was made to '" + path + "' (see pictor backup --list)"};
}

}  // namespace pictor
