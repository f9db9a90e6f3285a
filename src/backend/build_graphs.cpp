// Makes and checks graphs, one segment and space after the other. Each is built from what a snapshot shows, and written
// under its segment's name: a segment that is merged away meanwhile takes its graph along.
#include "backend/graphs.h"

namespace pictor {
namespace {

struct GraphTask {
  SnapshotBlock block;
  std::size_t space;
  Metric metric;
};

// Calls visit for every sealed block of every space.
template <typename Visit>
Status for_each_block(const Snapshot& snapshot, const CollectionSpec& spec, const Visit& visit) {
  for (std::size_t i = 0; i < spec.spaces.size(); ++i) {
    PICTOR_ASSIGN(const auto blocks, snapshot.blocks(spec.spaces[i].id));
    for (const auto& block : blocks) {
      if (block.segment != 0) PICTOR_TRY(visit(GraphTask{block, i, spec.spaces[i].metric}));
    }
  }
  return Status::ok();
}

class Builder {
 public:
  Builder(Env& env, ThreadPool* pool, Graphs& graphs, Collection& collection, const IndexBuild& build)
      : env_(env), pool_(pool), graphs_(graphs), collection_(collection), build_(build) {}

  Result<IndexReport> run() {
    PICTOR_ASSIGN(const auto snapshot, collection_.snapshot());
    PICTOR_TRY(for_each_block(*snapshot, collection_.spec(), [this](const GraphTask& task) { return plan(task); }));
    for (const auto& task : tasks_) {
      const Status made = make(task);
      if (made.code() == Code::kCancelled) {
        report_.cancelled = true;
        break;
      }
      PICTOR_TRY(made.in("the graph of segment " + std::to_string(task.block.segment)));
    }
    return report_;
  }

 private:
  Status plan(const GraphTask& task) {
    if (!wants_graph(task.block)) {
      ++report_.small;
      return Status::ok();
    }
    const auto there = build_.again ? Result<std::shared_ptr<const OpenGraph>>(Status(Code::kNotFound, ""))
                                    : open_graph(env_, task.block, task.metric);
    if (there.is_ok()) {
      ++report_.kept;
      report_.bytes += (*there)->mapping->bytes().size();
      return Status::ok();
    }
    const Code code = there.status().code();
    if (code != Code::kNotFound && code != Code::kCorrupt && code != Code::kMismatch) return there.status();
    progress_.rows_total += task.block.count;
    tasks_.push_back(task);
    return Status::ok();
  }

  Status make(const GraphTask& task) {
    GraphBuildOptions options;
    options.owner = graph_owner(task.block);
    options.progress = [this](std::uint64_t done, std::uint64_t) {
      return !build_.tell || build_.tell({progress_.rows + done, progress_.rows_total});
    };
    PICTOR_ASSIGN(const Bytes graph, build_graph_index(vectors_of(task.block), task.metric, options, pool_));
    const Status kept = collection_.write_graph(task.block.segment, task.space, graph);
    graphs_.forget(task.block.graph_path);
    progress_.rows += task.block.count;
    if (kept.code() == Code::kNotFound)
      return Status::ok();  // merged away meanwhile: the merged one is the next call's
    PICTOR_TRY(kept);
    ++report_.made;
    report_.rows += task.block.count;
    report_.bytes += graph.size();
    return Status::ok();
  }

  Env& env_;
  ThreadPool* pool_;
  Graphs& graphs_;
  Collection& collection_;
  const IndexBuild& build_;
  std::vector<GraphTask> tasks_;
  IndexProgress progress_;
  IndexReport report_;
};

Status check_graph(Env& env, const GraphTask& task) {
  const auto file = env.open(task.block.graph_path, OpenMode::kRead);
  if (file.status().code() == Code::kNotFound) return Status::ok();
  PICTOR_TRY(file.status());
  PICTOR_ASSIGN(const auto mapping, (*file)->map());
  return check_graph_file(mapping->bytes(), vectors_of(task.block), task.metric, graph_owner(task.block));
}

}  // namespace

Result<IndexReport> build_graphs(Env& env, ThreadPool* pool, Graphs& graphs, Collection& collection,
                                 const IndexBuild& build) {
  return Builder(env, pool, graphs, collection, build).run();
}

Result<std::vector<Fault>> verify_graphs(Env& env, const Collection& collection) {
  std::vector<Fault> faults;
  PICTOR_ASSIGN(const auto snapshot, collection.snapshot());
  PICTOR_TRY(for_each_block(*snapshot, collection.spec(), [&](const GraphTask& task) {
    Status sound = check_graph(env, task);
    if (sound.is_ok()) return sound;
    if (sound.code() != Code::kCorrupt && sound.code() != Code::kMismatch) return sound;
    faults.push_back({task.block.graph_path, sound.message(), "pictor rebuild -c " + collection.spec().name});
    return Status::ok();
  }));
  return faults;
}

}  // namespace pictor
