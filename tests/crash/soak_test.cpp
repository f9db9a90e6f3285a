// A long life with everything that can happen to a collection in any order, against a plain map that cannot be wrong.
// PICTOR_SOAK_STEPS (default 400) and PICTOR_SEED choose how long and which.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>

#include "backend/backend.h"
#include "pictor/backup.h"
#include "script.h"
#include "vector/vector.h"

namespace pictor {
namespace {

using testing::must;

std::uint64_t number_from(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);  // NOLINT(concurrency-mt-unsafe)
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

class Soak {
 public:
  explicit Soak(std::uint64_t seed) : random_(seed), env_(seed) { open(); }

  // One thing that happens; empty, or what was wrong afterwards.
  std::string step() {
    const auto dice = random_() % 100;
    if (dice < 55) return commit();
    if (dice < 65) return sealed();
    if (dice < 73) return compacted();
    if (dice < 77) return purged();
    if (dice < 80) return backed_up();
    if (dice < 84) return reopened();
    if (dice < 90) return looked_back();
    return searched();
  }

  std::string check() { return crash::difference(*collection_, model_); }

 private:
  void open() {
    folder_ = must(DataFolder::open(env_, "/data"));
    auto known = folder_->collection(spec_.name);
    collection_ = known.is_ok() ? std::move(known).value() : must(folder_->create_collection(spec_));
  }
  static std::string id_of(std::uint64_t item) { return "item" + std::to_string(item); }
  void remember() { past_[must(collection_->snapshot())->sequence()] = model_; }
  bool chance(std::uint64_t one_of) { return random_() % one_of == 0; }

  std::string commit() {
    ++number_;
    const auto batch = crash::batch_of(spec_, random_(), number_);
    // The script's versions are its numbers: here each batch is another one.
    must(collection_->commit(batch).status());
    crash::apply(batch, number_, model_);
    remember();
    if (chance(10) && !must(collection_->commit(batch)).repeated) return "a batch that came again was taken again";
    return "";
  }
  std::string sealed() {
    must(collection_->seal());
    return check();
  }
  std::string compacted() {
    CompactOptions options;
    options.neighbours_min = 2;
    options.everything = chance(3);
    const auto now = must(collection_->snapshot())->sequence();
    if (chance(3) && now > 6) options.drop_history = now - random_() % 6;
    must(collection_->compact(options).status());
    return check();
  }
  std::string purged() {
    const std::vector<std::string> ids = {id_of(random_() % crash::kItems), id_of(random_() % crash::kItems)};
    must(collection_->purge(ids, {}).status());
    for (const auto& id : ids) {
      const auto item = std::stoull(id.substr(4));
      model_.erase(item);
      for (auto& [sequence, then] : past_) then.erase(item);  // history has lost it, too
      if (!must(collection_->versions(id)).empty()) return id + " was erased and has versions";
    }
    remember();
    return check();
  }
  std::string backed_up() {
    must(folder_->backup({"/backup", "", false, {}}).status());
    if (!must(verify_backup(env_, "/backup", {})).empty()) return "the backup is damaged";
    const std::string again = "/again" + std::to_string(++restored_);
    must(restore_backup(env_, {"/backup", again, "", {}}).status());
    const auto folder = must(DataFolder::open(env_, again, false));
    return crash::difference(*must(folder->collection(spec_.name)), model_);
  }
  std::string reopened() {
    collection_.reset();
    folder_.reset();
    open();
    return check();
  }
  // A moment whose history is kept is what it was.
  std::string looked_back() {
    const auto from = must(collection_->stats()).history_from;
    past_.erase(past_.begin(), past_.lower_bound(from));
    if (past_.empty()) return "";
    const auto& [sequence, then] = *std::next(past_.begin(), static_cast<std::ptrdiff_t>(random_() % past_.size()));
    const auto snapshot = must(collection_->snapshot_as_of({AsOf::Kind::kSequence, sequence, 0, ""}));
    if (snapshot->size() != then.size()) return "as of " + std::to_string(sequence) + ": items differ in number";
    std::string wrong;
    for (std::uint64_t item = 0; item < crash::kItems; ++item) {
      const auto found = must(snapshot->find(id_of(item), true));
      const auto wanted = then.find(item);
      if (found.has_value() != (wanted != then.end())) return "as of " + std::to_string(sequence) + ": " + id_of(item);
      if (found && !testing::same_item(found->data, testing::item_of(spec_, item, wanted->second))) wrong = id_of(item);
    }
    return wrong;
  }
  // The nearest under a filter, one by one.
  std::string searched() {
    const auto snapshot = must(collection_->snapshot());
    const std::uint64_t from = random_() % crash::kItems;
    const auto allowed = must(snapshot->matching("number >= " + std::to_string(from)));
    const auto& space = spec_.spaces[0];
    const auto vector = testing::vector_of(random_() % 100'000, space.dim);
    BackendQuery query{space.id, vector, space.metric, 5};
    query.allowed = &allowed;
    const auto found = must(backend_->search(*snapshot, query));
    std::vector<std::pair<float, std::string>> wanted;
    const float inverse_norm_query = inverse_norm(vector);
    for (const auto& [item, version] : model_) {
      if (item < from) continue;
      const auto stored = testing::item_of(spec_, item, version).vectors[0];
      const float dot = kernels().dot(vector.data(), stored.data(), stored.size());
      wanted.emplace_back(cosine_distance(dot, inverse_norm_query, inverse_norm(stored)).value, id_of(item));
    }
    std::sort(wanted.begin(), wanted.end());
    wanted.resize(std::min<std::size_t>(wanted.size(), 5));
    if (found.neighbors.size() != wanted.size()) return "found " + std::to_string(found.neighbors.size());
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      const std::vector<RowId> row = {found.neighbors[i].row};
      const auto item = must(snapshot->items(row, false)).front();
      if (item.data.id != wanted[i].second) return "found " + item.data.id + " in place of " + wanted[i].second;
      if (found.neighbors[i].distance.value != wanted[i].first) return "another distance of " + item.data.id;
    }
    return "";
  }

  std::mt19937_64 random_;
  SimulatedEnv env_;
  CollectionSpec spec_ = testing::small_spec();
  std::unique_ptr<Backend> backend_ = make_local_backend(env_, nullptr);
  std::unique_ptr<DataFolder> folder_;
  std::shared_ptr<Collection> collection_;
  crash::Model model_;
  std::map<Sequence, crash::Model> past_;
  std::uint64_t number_ = 0;
  int restored_ = 0;
};

TEST(Soak, whatever_happens_a_collection_is_what_a_plain_map_is) {
  const std::uint64_t seed = number_from("PICTOR_SEED", 1);
  const std::uint64_t steps = number_from("PICTOR_SOAK_STEPS", 400);
  Soak soak(seed);
  for (std::uint64_t step = 1; step <= steps; ++step) {
    ASSERT_EQ(soak.step(), "") << "seed " << seed << ", step " << step;
  }
  EXPECT_EQ(soak.check(), "");
}

}  // namespace
}  // namespace pictor
