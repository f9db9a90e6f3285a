// Makes and checks graphs and lists, one segment and space after the other. Each is built from what a snapshot shows,
// and written under its segment's name: a segment that is merged away meanwhile takes its index along.
#include <algorithm>
#include <map>

#include "backend/indexes.h"

namespace pictor {
namespace {

struct IndexTask {
  SnapshotBlock block;
  std::size_t space;
  Metric metric;
};

const char* name_of(IndexKind kind) { return kind == IndexKind::kLists ? "the lists" : "the graph"; }

// Calls visit for every sealed block of every space.
template <typename Visit>
Status for_each_block(const Snapshot& snapshot, const CollectionSpec& spec, const Visit& visit) {
  for (std::size_t i = 0; i < spec.spaces.size(); ++i) {
    PICTOR_ASSIGN(const auto blocks, snapshot.blocks(spec.spaces[i].id));
    for (const auto& block : blocks) {
      if (block.segment != 0) PICTOR_TRY(visit(IndexTask{block, i, spec.spaces[i].metric}));
    }
  }
  return Status::ok();
}

class Builder {
 public:
  Builder(Env& env, ThreadPool* pool, Indexes& indexes, Collection& collection, const IndexBuild& build)
      : env_(env), pool_(pool), indexes_(indexes), collection_(collection), build_(build) {}

  Result<IndexReport> run() {
    PICTOR_ASSIGN(const auto snapshot, collection_.snapshot());
    PICTOR_TRY(for_each_block(*snapshot, collection_.spec(), [this](const IndexTask& task) { return plan(task); }));
    for (const auto& task : tasks_) {
      const Status made = make(task);
      if (made.code() == Code::kCancelled) {
        report_.cancelled = true;
        break;
      }
      PICTOR_TRY(made.in(std::string(name_of(build_.kind)) + " of segment " + std::to_string(task.block.segment)));
    }
    return report_;
  }

 private:
  Status plan(const IndexTask& task) {
    if (!wants_index(task.block)) {
      ++report_.small;
      return Status::ok();
    }
    PICTOR_ASSIGN(const bool kept, keeps(task));
    if (kept) return Status::ok();
    progress_.rows_total += task.block.count;
    tasks_.push_back(task);
    return Status::ok();
  }

  // Whether what is there will do. What takes less memory than is wanted now does until everything is made anew; what
  // takes more, a graph where lists are wanted, or one that needs the vectors where codes are to do, does not.
  Result<bool> keeps(const IndexTask& task) {
    if (build_.again) return false;
    PICTOR_ASSIGN(const bool same, is_there(task, build_.kind));
    if (same || build_.kind == IndexKind::kLists) return same;
    return is_there(task, IndexKind::kLists);
  }

  // Whether there is one of that kind that takes no more memory than is wanted, whole as far as opening tells.
  Result<bool> is_there(const IndexTask& task, IndexKind kind) {
    const auto there = open_index(env_, task.block, task.metric, kind);
    if (there.is_ok()) {
      if (kind == IndexKind::kGraph) {
        PICTOR_ASSIGN(const GraphCodes codes, graph_codes((*there)->mapping->bytes()));
        if (codes < build_.codes) return false;
      }
      ++report_.kept;
      report_.bytes += (*there)->mapping->bytes().size();
      return true;
    }
    const Code code = there.status().code();
    if (code != Code::kNotFound && code != Code::kCorrupt && code != Code::kMismatch) return there.status();
    return false;
  }

  Status make(const IndexTask& task) {
    if (build_.strange && strange_.find(task.space) == strange_.end()) {
      strange_[task.space] = build_.strange(collection_.spec().spaces[task.space]);
    }
    std::uint64_t bytes = 0;
    const auto write = [&](const IndexSink& sink) {
      return write_index(task, [&](ByteView piece) {
        bytes += piece.size();
        return sink(piece);
      });
    };
    const Status kept = collection_.write_index(task.block.segment, task.space, build_.kind, write);
    indexes_.forget(task.block);
    // kNotFound: merged away meanwhile; the merged one is the next call's.
    if (kept.code() != Code::kNotFound) PICTOR_TRY(kept);
    progress_.rows += task.block.count;
    if (!kept.is_ok()) return Status::ok();
    ++report_.made;
    report_.rows += task.block.count;
    report_.bytes += bytes;
    return Status::ok();
  }

  Status write_index(const IndexTask& task, const IndexSink& sink) const {
    if (build_.kind == IndexKind::kLists) {
      ListBuildOptions options;
      options.owner = index_owner(task.block);
      options.strange = strange_of(task);
      if (build_.memory_bytes != 0) {
        options.memory_bytes = std::clamp(build_.memory_bytes, limits::kListBuildBytesMin, limits::kListBuildBytesMax);
      }
      options.progress = [&](std::uint64_t done, std::uint64_t total) { return tell(task.block.count * done / total); };
      options.will_read = [this](ByteView part) { env_.will_read(part); };
      return write_list_index(scattered_vectors_of(task.block), task.metric, options, pool_, sink);
    }
    GraphBuildOptions options;
    options.ef = graph_ef_of(task.block.count);
    options.owner = index_owner(task.block);
    options.strange = strange_of(task);
    options.codes = build_.codes;
    options.progress = [&](std::uint64_t done, std::uint64_t) { return tell(done); };
    PICTOR_ASSIGN(const Bytes graph, build_graph_index(vectors_of(task.block), task.metric, options, pool_));
    return sink(graph);
  }

  StrangeQueries strange_of(const IndexTask& task) const {
    const auto found = strange_.find(task.space);
    return found == strange_.end() ? StrangeQueries{} : StrangeQueries{found->second};
  }

  bool tell(std::uint64_t rows) const {
    return !build_.tell || build_.tell({progress_.rows + rows, progress_.rows_total});
  }

  Env& env_;
  ThreadPool* pool_;
  Indexes& indexes_;
  Collection& collection_;
  const IndexBuild& build_;
  std::vector<IndexTask> tasks_;
  std::map<std::size_t, std::vector<float>> strange_;  // by space
  IndexProgress progress_;
  IndexReport report_;
};

Status check_index(Env& env, const IndexTask& task, const std::string& path, IndexKind kind) {
  const auto file = env.open(path, OpenMode::kRead);
  if (file.status().code() == Code::kNotFound) return Status::ok();
  PICTOR_TRY(file.status());
  PICTOR_ASSIGN(const auto mapping, (*file)->map());
  const auto check = kind == IndexKind::kLists ? check_list_file : check_graph_file;
  return check(mapping->bytes(), vectors_of(task.block), task.metric, index_owner(task.block));
}

}  // namespace

Result<IndexReport> build_indexes(Env& env, ThreadPool* pool, Indexes& indexes, Collection& collection,
                                  const IndexBuild& build) {
  return Builder(env, pool, indexes, collection, build).run();
}

Result<std::vector<Fault>> verify_indexes(Env& env, const Collection& collection) {
  std::vector<Fault> faults;
  PICTOR_ASSIGN(const auto snapshot, collection.snapshot());
  PICTOR_TRY(for_each_block(*snapshot, collection.spec(), [&](const IndexTask& task) {
    for (const IndexKind kind : {IndexKind::kGraph, IndexKind::kLists}) {
      const std::string& path = kind == IndexKind::kGraph ? task.block.graph_path : task.block.lists_path;
      Status sound = check_index(env, task, path, kind);
      if (sound.is_ok()) continue;
      if (sound.code() != Code::kCorrupt && sound.code() != Code::kMismatch) return sound;
      faults.push_back({path, sound.message(), "pictor rebuild -c " + collection.spec().name});
    }
    return Status::ok();
  }));
  return faults;
}

}  // namespace pictor
