// Opening a collection: tables, segments, fresh vectors and deaths, from the disk into one State.
#include <algorithm>
#include <charconv>

#include "observe/observe.h"
#include "store/collection.h"
#include "store/schema.h"

namespace pictor {
namespace {

std::string database_path(const std::string& folder) { return join_path(folder, "collection.db"); }
std::string segments_path(const std::string& folder) { return join_path(folder, "segments"); }

RowPlaces places_of(const SegmentSpaceView& space) {
  return {space.rows.data(), space.born.data(), space.inverse_norms.data(), space.vectors.data()};
}

Status not_as_named(const std::string& path, const std::string& what) {
  return {Code::kCorrupt, "'" + path + "' " + what + ": restore it from a backup, or index its pictures again"};
}

}  // namespace

std::uint64_t segment_id_of(std::string_view name) {
  std::uint64_t id = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), id);
  if (error != std::errc()) return 0;
  const std::string_view rest(end, name.data() + name.size());
  const auto holds = [&](std::string_view suffix) { return rest.find(suffix, 1) != std::string_view::npos; };
  const bool is_index = rest.starts_with('.') && (holds(kGraphSuffix) || holds(kListsSuffix));
  return rest.starts_with(".seg") || rest.starts_with(kColumnsSuffix) || is_index ? id : 0;
}

std::string segment_file_name(std::uint64_t id) { return std::to_string(id) + ".seg"; }
std::string columns_file_name(std::uint64_t id) { return std::to_string(id) + std::string(kColumnsSuffix); }

Result<OpenSegment> open_segment(Env& env, const std::string& path) {
  auto file = env.open(path, OpenMode::kRead);
  if (!file.is_ok()) {
    if (file.status().code() == Code::kNotFound) return not_as_named(path, "is missing");
    return file.status();
  }
  OpenSegment segment;
  PICTOR_ASSIGN(segment.mapping, (*file)->map(Access::kInOrder));
  PICTOR_ASSIGN(segment.scattered_mapping, (*file)->map(Access::kScattered));
  // What opening reads is little and lies apart.
  auto view = parse_segment(segment.scattered_mapping->bytes());
  if (!view.is_ok() && view.status().code() == Code::kCorrupt) return not_as_named(path, view.status().message());
  if (!view.is_ok()) return view.status().in("'" + path + "'");
  segment.scattered = std::move(view).value();
  PICTOR_ASSIGN(segment.view, parse_segment(segment.mapping->bytes()));
  return segment;
}

namespace {

auto space_of(const SegmentSpaceView& space, const CollectionSpec& spec) {
  return std::ranges::find(spec.spaces, space.id, &SpaceSpec::id);
}

Status check_spaces(const OpenSegment& segment, const CollectionSpec& spec) {
  for (const auto& space : segment.view.spaces) {
    const auto known = space_of(space, spec);
    if (known == spec.spaces.end() || known->dim != space.dim) {
      return {Code::kCorrupt, "segment " + std::to_string(segment.view.id) + " has vectors of " +
                                  std::to_string(space.dim) + " numbers in space '" + space.id +
                                  "', which collection '" + spec.name + "' does not have"};
    }
    if (space.rows.empty()) continue;
    const auto& scattered = segment.scattered.spaces[static_cast<std::size_t>(&space - segment.view.spaces.data())];
    if (scattered.rows.front() < segment.view.first_row || scattered.rows.back() > segment.view.last_row) {
      return {Code::kCorrupt, "segment " + std::to_string(segment.view.id) + " holds rows that are not its own"};
    }
  }
  return Status::ok();
}

}  // namespace

Status add_segment(const OpenSegment& segment, const CollectionSpec& spec, State& state) {
  PICTOR_TRY(check_spaces(segment, spec));
  const SegmentName name{segment.view.id, segment.view.footer_crc};
  const auto mappings = std::make_shared<std::pair<std::shared_ptr<const Mapping>, std::shared_ptr<const Mapping>>>(
      segment.mapping, segment.scattered_mapping);
  for (const auto& space : segment.view.spaces) {
    if (space.rows.empty()) continue;
    const auto& scattered = segment.scattered.spaces[static_cast<std::size_t>(&space - segment.view.spaces.data())];
    auto& blocks = state.spaces[static_cast<std::size_t>(space_of(space, spec) - spec.spaces.begin())];
    auto block = std::make_shared<RowBlock>(mappings, name, space.dim, space.rows.size(), places_of(space),
                                            places_of(scattered));
    blocks.blocks.push_back({std::move(block), space.rows.size()});
    blocks.sealed = blocks.blocks.size();
  }
  state.segments.push_back({name, segment.view.first_row, segment.view.last_row, segment.mapping, nullptr});
  return Status::ok();
}

Result<Writer> Writer::open(Env& env, const std::string& path) {
  Writer writer;
  PICTOR_ASSIGN(writer.database, Database::open(env, path));
  Database& database = *writer.database;
  PICTOR_TRY(database.migrate(collection_migrations()));
  // Sealing frees a hundred megabytes of pages at a time; overwriting them would double what is written.
  PICTOR_TRY(database.exec("PRAGMA secure_delete=FAST"));
  PICTOR_ASSIGN(writer.known_batch,
                database.prepare("SELECT sequence, added, replaced, deleted FROM batches WHERE id = ?1"));
  PICTOR_ASSIGN(writer.alive, database.prepare("SELECT row FROM rows WHERE id = ?1 AND died = 9223372036854775807"));
  PICTOR_ASSIGN(writer.bury, database.prepare("UPDATE rows SET died = ?2 WHERE row = ?1"));
  PICTOR_ASSIGN(writer.insert_row,
                database.prepare("INSERT INTO rows(row, id, born, died, spaces, width, height, format, content, "
                                 "source_bytes, source_modified_us, created_us, blob, source, metadata, text, receipt) "
                                 "VALUES(?1, ?2, ?3, 9223372036854775807, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, "
                                 "?14, ?15, ?16)"));
  PICTOR_ASSIGN(writer.insert_vector, database.prepare("INSERT INTO fresh_vectors(slot, vector) VALUES(?1, ?2)"));
  PICTOR_ASSIGN(writer.insert_blob, database.prepare("INSERT OR IGNORE INTO blobs(hash, bytes) VALUES(?1, ?2)"));
  PICTOR_ASSIGN(writer.insert_tokens, database.prepare("INSERT INTO tokens(row, crc, packed) VALUES(?1, ?2, ?3)"));
  PICTOR_ASSIGN(writer.delete_tokens, database.prepare("DELETE FROM tokens WHERE row = ?1"));
  PICTOR_ASSIGN(writer.insert_batch, database.prepare("INSERT INTO batches(id, sequence, added, replaced, deleted) "
                                                      "VALUES(?1, ?2, ?3, ?4, ?5)"));
  PICTOR_ASSIGN(writer.forget_batches, database.prepare("DELETE FROM batches WHERE sequence < ?1"));
  PICTOR_ASSIGN(writer.set_state, database.prepare("UPDATE state SET sequence = ?1, items = ?2, sealed_row = ?3, "
                                                   "history_from = ?4"));
  PICTOR_ASSIGN(writer.forget_segment, database.prepare("DELETE FROM segments WHERE id = ?1"));
  PICTOR_ASSIGN(writer.insert_segment,
                database.prepare("INSERT INTO segments(id, file, bytes, first_row, last_row, footer_crc, created_us) "
                                 "VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)"));
  PICTOR_ASSIGN(writer.insert_commit,
                database.prepare("INSERT INTO commits(sequence, time_us, items) VALUES(?1, ?2, ?3)"));
  PICTOR_ASSIGN(const auto last, database.prepare("SELECT ifnull(max(time_us), 0) FROM commits"));
  PICTOR_TRY(last->step().status());
  writer.last_commit_us = last->integer(0);
  return writer;
}

CollectionStore::CollectionStore(Env& env, std::string folder, CollectionSpec spec, std::shared_ptr<FileLock> lock)
    : env_(env),
      folder_(std::move(folder)),
      spec_(std::move(spec)),
      lock_(std::move(lock)),
      readers_(env, database_path(folder_)),
      blobs_(env, join_path(folder_, "blobs")) {}

Result<std::shared_ptr<CollectionStore>> CollectionStore::open(Env& env, const std::string& folder, CollectionSpec spec,
                                                               std::shared_ptr<FileLock> lock) {
  const std::string where = "collection '" + spec.name + "'";
  std::shared_ptr<CollectionStore> collection(new CollectionStore(env, folder, std::move(spec), std::move(lock)));
  const Status loaded = collection->load();
  if (!loaded.is_ok()) return loaded.in(where);
  return collection;
}

Status CollectionStore::load() {
  PICTOR_ASSIGN(writer_, Writer::open(env_, database_path(folder_)));
  auto state = std::make_shared<State>();
  state->spaces.resize(spec_.spaces.size());
  {
    PICTOR_ASSIGN(
        const auto counters,
        writer_.database->prepare("SELECT sequence, items, sealed_row, (SELECT ifnull(max(row), 0) FROM rows), "
                                  "history_from FROM state"));
    PICTOR_ASSIGN(const bool found, counters->step());
    if (!found) return not_as_named(database_path(folder_), "has no row in its table 'state'");
    state->sequence = static_cast<Sequence>(counters->integer(0));
    state->items = static_cast<std::uint64_t>(counters->integer(1));
    state->sealed_row = static_cast<RowId>(counters->integer(2));
    state->history_from = static_cast<Sequence>(counters->integer(4));
    state->last_row = std::max(static_cast<RowId>(counters->integer(3)), state->sealed_row);
  }
  PICTOR_TRY(load_segments(*state));
  PICTOR_TRY(load_fresh(*state));
  PICTOR_TRY(load_deaths(*state));
  PICTOR_TRY(load_doomed());
  PICTOR_TRY(load_settings());
  PICTOR_TRY(load_words());
  const bool left_blobs = has_rows("doomed_blobs");
  remove_leftover_segments(*state);
  remove_leftover_copies();
  publish(std::move(state));
  // Nothing depends on their going.
  if (left_blobs) static_cast<void>(remove_doomed_blobs());
  finish_purges();
  return Status::ok();
}

// What a rebuilding of the database that did not end left.
void CollectionStore::remove_leftover_copies() {
  const auto files = env_.list(folder_);
  if (!files.is_ok()) return;
  for (const auto& file : *files) {
    if (file.name.starts_with("collection.db-vacuum")) static_cast<void>(env_.remove(join_path(folder_, file.name)));
  }
}

bool CollectionStore::has_rows(const std::string& table) {
  const auto select = writer_.database->prepare("SELECT 1 FROM " + table + " LIMIT 1");
  if (!select.is_ok()) return false;
  const auto found = (*select)->step();
  return found.is_ok() && *found;
}

Status CollectionStore::load_doomed() {
  PICTOR_ASSIGN(const auto rows, writer_.database->prepare("SELECT row FROM doomed ORDER BY row"));
  doomed_.clear();
  while (true) {
    PICTOR_ASSIGN(const bool found, rows->step());
    if (!found) return Status::ok();
    doomed_.push_back(static_cast<RowId>(rows->integer(0)));
  }
}

Status CollectionStore::load_segments(State& state) {
  PICTOR_ASSIGN(
      const auto segments,
      writer_.database->prepare("SELECT id, file, bytes, first_row, last_row, footer_crc FROM segments ORDER BY "
                                "first_row"));
  RowId covered = 0;
  while (true) {
    PICTOR_ASSIGN(const bool found, segments->step());
    if (!found) break;
    PICTOR_TRY(load_segment(*segments, state));
    writer_.next_segment = std::max(writer_.next_segment, static_cast<std::uint64_t>(segments->integer(0)) + 1);
    if (static_cast<RowId>(segments->integer(3)) <= covered) {
      return not_as_named(database_path(folder_), "has two segments for row " + std::to_string(covered));
    }
    covered = static_cast<RowId>(segments->integer(4));
  }
  if (covered <= state.sealed_row) return Status::ok();
  return not_as_named(database_path(folder_), "has a segment for row " + std::to_string(covered) +
                                                  ", beyond its last sealed row " + std::to_string(state.sealed_row));
}

Status CollectionStore::load_segment(const Statement& row, State& state) {
  Status opened = open_named_segment(row, state);
  // A file of another version is none that this database names: its number was changed.
  if (opened.code() != Code::kCorrupt && opened.code() != Code::kMismatch) return opened;
  log(LogLevel::kError, "segment_damaged", {{"collection", spec_.name}, {"cause", opened.message()}});
  state.damaged.push_back({static_cast<std::uint64_t>(row.integer(0)), static_cast<RowId>(row.integer(3)),
                           static_cast<RowId>(row.integer(4)), opened.message()});
  return Status::ok();
}

Status CollectionStore::open_named_segment(const Statement& row, State& state) {
  const std::string path = join_path(segments_path(folder_), row.text(1));
  PICTOR_ASSIGN(const auto segment, open_segment(env_, path));
  const auto& view = segment.view;
  const bool as_named = view.id == static_cast<std::uint64_t>(row.integer(0)) &&
                        segment.mapping->bytes().size() == static_cast<std::uint64_t>(row.integer(2)) &&
                        view.first_row == static_cast<RowId>(row.integer(3)) &&
                        view.last_row == static_cast<RowId>(row.integer(4)) &&
                        view.footer_crc == static_cast<std::uint32_t>(row.integer(5));
  if (!as_named) return not_as_named(path, "is another segment than the one the database names");
  PICTOR_TRY(add_segment(segment, spec_, state));
  state.segments.back().columns = columns_of(*writer_.database, state.segments.back());
  return Status::ok();
}

Status CollectionStore::load_fresh(State& state) {
  PICTOR_ASSIGN(const auto rows,
                writer_.database->prepare("SELECT row, born, spaces FROM rows WHERE row > ?1 ORDER BY row"));
  PICTOR_ASSIGN(const auto vectors, writer_.database->prepare("SELECT slot, vector FROM fresh_vectors ORDER BY slot"));
  rows->bind(0, static_cast<std::int64_t>(state.sealed_row));
  while (true) {
    PICTOR_ASSIGN(const bool found, rows->step());
    if (!found) break;
    for (std::size_t i = 0; i < spec_.spaces.size(); ++i) {
      if ((rows->integer(2) >> i & 1) == 0) continue;
      PICTOR_TRY(vectors->step().status());
      const std::int64_t slot = rows->integer(0) * kSlotsPerRow + static_cast<std::int64_t>(i);
      const ByteView stored = vectors->blob(1);
      const std::uint32_t dim = spec_.spaces[i].dim;
      if (vectors->integer(0) != slot || stored.size() != dim * sizeof(float)) {
        return not_as_named(database_path(folder_),
                            "has " + std::to_string(stored.size()) + " bytes for the vector of row " +
                                std::to_string(rows->integer(0)) + " in space '" + spec_.spaces[i].head + "', wanted " +
                                std::to_string(dim * sizeof(float)));
      }
      std::vector<float> vector(dim);
      std::memcpy(vector.data(), stored.data(), stored.size());
      state.spaces[i].append(dim, static_cast<RowId>(rows->integer(0)), static_cast<Sequence>(rows->integer(1)),
                             vector);
      state.fresh_bytes += stored.size();
    }
  }
  return Status::ok();
}

// No snapshot is older than the opening, so that of earlier deaths only the rows matter to filters.
Status CollectionStore::load_deaths(State& state) {
  PICTOR_ASSIGN(const auto dead,
                writer_.database->prepare("SELECT row, died FROM rows WHERE died < 9223372036854775807"));
  RowPages rows;
  while (true) {
    PICTOR_ASSIGN(const bool found, dead->step());
    if (!found) break;
    rows.add(static_cast<RowId>(dead->integer(0)));
    state.bury_vectors(static_cast<RowId>(dead->integer(0)), static_cast<Sequence>(dead->integer(1)));
  }
  state.deaths = std::make_shared<Deaths>(rows.take());
  return Status::ok();
}

// Files of segments that no row names were written by a seal or a compaction that did not end, or are of segments that
// were merged. Nothing depends on their going.
void CollectionStore::remove_leftover_segments(const State& state) {
  const auto files = env_.list(segments_path(folder_));
  if (!files.is_ok()) return;
  std::set<std::uint64_t> gone;
  for (const auto& file : *files) {
    const std::uint64_t id = segment_id_of(file.name);
    writer_.next_segment = std::max(writer_.next_segment, id + 1);
    gone.insert(id);
  }
  for (const auto& segment : state.segments) gone.erase(segment.name.id);
  for (const auto& segment : state.damaged) gone.erase(segment.id);
  remove_segment_files(gone);
}

void CollectionStore::remove_segment_files(const std::set<std::uint64_t>& gone) {
  const std::lock_guard lock(indexes_mutex_);  // see write_index
  const auto files = env_.list(segments_path(folder_));
  if (gone.empty() || !files.is_ok()) return;
  for (const auto& file : *files) {
    const std::uint64_t id = segment_id_of(file.name);
    if (id != 0 && gone.contains(id)) static_cast<void>(env_.remove(join_path(segments_path(folder_), file.name)));
  }
}

}  // namespace pictor
