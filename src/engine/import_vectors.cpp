// The life of a vector that was made elsewhere:
//   source -> checked -> known? -> receipt -> batch -> commit.
//
// A batch's id follows from the file's sum, the rows that are in it and their ids, so that a run that was stopped is
// gone on with by the same call: what is durable is passed over.
#include <set>

#include "engine/engine.h"
#include "engine/external.h"
#include "engine/receipt.h"
#include "engine/vector_tools.h"
#include "observe/observe.h"
#include "vector/vector.h"

namespace pictor {
namespace {

constexpr std::int64_t kProgressEveryUs = 100'000;
constexpr const char* kHead = "vectors";

const char* metric_name(Metric metric) {
  switch (metric) {
    case Metric::kCosine: return "cosine";
    case Metric::kInnerProduct: return "inner product";
    case Metric::kL2: return "L2";
  }
  return "cosine";
}

Status too_long(const std::string& what, std::size_t seen, std::size_t wanted) {
  return {Code::kLimit,
          what + " has " + std::to_string(seen) + " bytes, at most " + std::to_string(wanted) + " are kept"};
}

// What the store would refuse, and a whole batch with it.
Status check_vector(const ForeignVector& vector, std::uint32_t dim) {
  if (vector.id.empty()) return {Code::kInvalid, "has no id"};
  if (vector.id.size() > limits::kItemIdBytesMax) return too_long("its id", vector.id.size(), limits::kItemIdBytesMax);
  for (const auto* text : {&vector.id, &vector.text, &vector.source}) {
    if (text->find('\0') != std::string::npos) return {Code::kInvalid, "has a text with a zero byte"};
  }
  if (vector.text.size() > limits::kItemTextBytesMax) {
    return too_long("its text", vector.text.size(), limits::kItemTextBytesMax);
  }
  if (vector.source.size() > limits::kItemSourceBytesMax) {
    return too_long("its source", vector.source.size(), limits::kItemSourceBytesMax);
  }
  if (vector.metadata.size() > limits::kItemMetadataBytesMax) {
    return too_long("its metadata", vector.metadata.size(), limits::kItemMetadataBytesMax);
  }
  if (vector.metadata != "{}") PICTOR_TRY(check_json_object(vector.metadata).in("its metadata"));
  if (vector.numbers.size() != dim) {
    return {Code::kMismatch,
            "has a vector of " + std::to_string(vector.numbers.size()) + " numbers, wanted " + std::to_string(dim)};
  }
  return check_finite(vector.numbers);
}

// The collection as it is, or as it is to be made.
struct Target {
  std::shared_ptr<Collection> collection;  // null: it is to be made
  CollectionSpec spec;
};

Status fits(const CollectionSpec& spec, const ImportRequest& request, const std::string& encoder, std::uint32_t dim) {
  const std::string name = "collection '" + spec.name + "'";
  if (!is_external(spec)) {
    return {Code::kMismatch, name + " holds vectors of Pictor's encoder '" + spec.encoder +
                                 "', and how imported ones were made is not known: import into another collection"};
  }
  const SpaceSpec& space = spec.spaces.front();
  if (!request.encoder_name.empty() && spec.encoder != encoder) {
    return {Code::kMismatch, name + " holds vectors of '" + spec.encoder + "', not of '" + encoder +
                                 "': import into another collection"};
  }
  if (!request.head.empty() && request.head != space.head) {
    return {Code::kMismatch, name + " has the head '" + space.head + "', not '" + request.head + "'"};
  }
  if (request.metric.has_value() && *request.metric != space.metric) {
    return {Code::kMismatch,
            name + " compares by " + metric_name(space.metric) + ", not by " + metric_name(*request.metric)};
  }
  if (dim == space.dim) return Status::ok();
  return {Code::kMismatch,
          name + " holds vectors of " + std::to_string(space.dim) + " numbers, these have " + std::to_string(dim)};
}

Result<Target> target_of(DataFolder& folder, const ImportRequest& request, const VectorSource& source) {
  PICTOR_ASSIGN(const auto encoder, external_encoder(request.encoder_name));
  auto existing = folder.collection(request.collection);
  if (existing.is_ok()) {
    PICTOR_TRY(fits((*existing)->spec(), request, encoder, source.dim()));
    return Target{*existing, (*existing)->spec()};
  }
  if (existing.status().code() != Code::kNotFound) return existing.status();
  Target target;
  target.spec.name = request.collection;
  target.spec.encoder = encoder;
  target.spec.keep = Keep::kNone;
  const std::string head = request.head.empty() ? kHead : request.head;
  target.spec.spaces = {{external_space(encoder, head, source.dim(), request.origin), head, source.dim(),
                         request.metric.value_or(source.metric().value_or(Metric::kCosine))}};
  return target;
}

class Importer {
 public:
  Importer(const VectorToolsImpl::Parts& parts, const ImportRequest& request, Target target, ImportReport& report)
      : parts_(parts), request_(request), target_(std::move(target)), report_(report), start_us_(now()) {}

  // Null until the first batch is to be written.
  std::optional<ImportReceiptMaker> receipts;

  Status run(VectorSource& source) {
    while (!asked_to_stop()) {
      VectorSource::Entry entry;
      PICTOR_ASSIGN(const bool more, source.next(entry));
      if (!more) return finish();
      PICTOR_TRY(take(std::move(entry)));
      tell(false);
    }
    // What is gathered is not a whole batch, and would be another one when the run is gone on with.
    report_.cancelled = true;
    return Status::ok();
  }

  void tell(bool last) {
    report_.counts.seconds = static_cast<double>(now() - start_us_) * 1e-6;
    if (!request_.progress || (!last && now() - told_us_ < kProgressEveryUs)) return;
    told_us_ = now();
    request_.progress(report_.counts);
  }

 private:
  std::int64_t now() const { return parts_.env.monotonic_us(); }
  bool asked_to_stop() const { return request_.cancel != nullptr && request_.cancel->load(); }
  const SpaceSpec& space() const { return target_.spec.spaces.front(); }

  Status finish() {
    PICTOR_TRY(commit());
    if (zeros_ > 0 && space().metric == Metric::kCosine) {
      report_.notes.push_back(std::to_string(zeros_) + " vectors have no length: by cosine nothing is near to them");
    }
    return Status::ok();
  }

  Status take(VectorSource::Entry entry) {
    ++report_.counts.seen;
    auto& vector = entry.vector;
    const Status problem = entry.problem.is_ok() ? check_vector(vector, space().dim) : entry.problem;
    if (!problem.is_ok()) {
      refuse({vector.place, vector.id, problem});
      return Status::ok();
    }
    const std::uint64_t bytes = vector.numbers.size() * sizeof(float) + vector.metadata.size() + vector.text.size() +
                                vector.source.size() + vector.id.size();
    if (rows_.size() >= limits::kImportBatchRows || bytes_ + bytes > limits::kImportBatchBytes ||
        ids_.contains(vector.id)) {
      PICTOR_TRY(commit());
    }
    if (inverse_norm(vector.numbers) == 0) ++zeros_;
    if (rows_.empty()) first_row_ = report_.counts.seen;
    ids_.insert(vector.id);
    bytes_ += bytes;
    rows_.push_back(std::move(vector));
    return Status::ok();
  }

  void refuse(RefusedVector refused) {
    ++report_.counts.refused;
    if (request_.refused) request_.refused(refused);
    if (report_.refused.size() < limits::kFaultsMax) report_.refused.push_back(std::move(refused));
  }

  std::string batch_id() const {
    Sha256Stream sum;
    sum.add_field("pictor-import-1");
    sum.add_field(request_.origin.sha256);
    sum.add_field(space().id);
    sum.add_field(std::to_string(first_row_));
    for (const auto& row : rows_) sum.add_field(row.id);
    if (request_.again) {
      std::array<std::byte, 16> bytes{};
      parts_.env.random(bytes);
      sum.add(bytes);
    }
    return sum.finish().hex();
  }

  Status commit() {
    if (rows_.empty()) return Status::ok();
    if (!request_.dry_run) PICTOR_TRY(write());
    rows_.clear();
    ids_.clear();
    bytes_ = 0;
    return Status::ok();
  }

  Status write() {
    if (target_.collection == nullptr) {
      PICTOR_ASSIGN(target_.collection, parts_.folder.create_collection(target_.spec));
      report_.made = true;
    }
    Batch batch;
    batch.id = batch_id();
    PICTOR_ASSIGN(const auto known, target_.collection->applied(batch.id));
    if (known.has_value()) {
      report_.counts.known += rows_.size();
      return Status::ok();
    }
    PICTOR_TRY(make_writes(batch.puts));
    PICTOR_ASSIGN(const auto done, parts_.backend.apply(*target_.collection, batch));
    if (done.sealed) parts_.merger.sealed(target_.spec.name);
    report_.counts.added += done.added;
    report_.counts.replaced += done.replaced;
    return Status::ok();
  }

  Status make_writes(std::vector<ItemWrite>& writes) {
    writes.resize(rows_.size());
    std::vector<Status> made(rows_.size());
    const std::int64_t time_us = parts_.env.wall_us();
    parts_.pool.parallel_for(rows_.size(), [&](std::size_t i) {
      auto& row = rows_[i];
      auto& write = writes[i];
      write.vectors.push_back(std::move(row.numbers));
      auto receipt = receipts->made(row.place, write.vectors, time_us);
      made[i] = receipt.status();
      if (receipt.is_ok()) write.receipt = std::move(receipt).value();
      write.id = std::move(row.id);
      write.source = row.source.empty() ? request_.origin.file + ", " + row.place : std::move(row.source);
      write.metadata = std::move(row.metadata);
      write.text = std::move(row.text);
    });
    for (const auto& status : made) PICTOR_TRY(status);
    return Status::ok();
  }

  const VectorToolsImpl::Parts& parts_;
  const ImportRequest& request_;
  Target target_;
  ImportReport& report_;
  std::vector<ForeignVector> rows_;
  std::set<std::string> ids_;
  std::uint64_t bytes_ = 0, zeros_ = 0, first_row_ = 0;
  const std::int64_t start_us_;
  std::int64_t told_us_ = 0;
};

void describe(const ImportRequest& request, const VectorSource& source, const CollectionSpec& spec,
              ImportReport& report) {
  const SpaceSpec& space = spec.spaces.front();
  report.encoder = spec.encoder;
  report.head = space.head;
  report.dim = space.dim;
  report.metric = space.metric;
  report.space = space.id;
  report.counts.total = source.total();
  if (source.metric().has_value() && *source.metric() != space.metric) {
    report.notes.push_back(std::string("the file is of an index by ") + metric_name(*source.metric()) +
                           ", the collection compares by " + metric_name(space.metric));
  } else if (!source.metric().has_value() && !request.metric.has_value()) {
    report.notes.push_back(std::string("no metric was named: compared by ") + metric_name(space.metric));
  }
}

}  // namespace

Result<ImportReport> VectorToolsImpl::import(const ImportRequest& request, VectorSource& source) {
  if (Hash256::from_hex(request.origin.sha256).status().code() != Code::kOk) {
    return Status(Code::kInvalid, "the SHA-256 of what is imported is to be given, 64 hexadecimal digits");
  }
  if (source.total() == std::optional<std::uint64_t>(0)) {
    return Status(Code::kInvalid, "'" + request.origin.file + "' has no vectors");
  }
  ImportReport report;
  PICTOR_ASSIGN(auto target, target_of(parts_.folder, request, source));
  describe(request, source, target.spec, report);
  const CollectionSpec spec = target.spec;
  Importer importer(parts_, request, std::move(target), report);
  if (!request.dry_run) {
    PICTOR_ASSIGN(auto key, parts_.signing_key(report.notes));
    importer.receipts.emplace(spec, request.origin, !request.encoder_name.empty(), std::move(key));
  }
  const Status status = importer.run(source);
  importer.tell(true);
  const auto& counts = report.counts;
  if (!status.is_ok()) {
    return status.in("stopped after " + std::to_string(counts.added + counts.replaced + counts.known) +
                     " vectors were stored (the same command goes on from there)");
  }
  log(LogLevel::kInfo, "import_finished",
      {{"collection", request.collection},
       {"seen", counts.seen},
       {"added", counts.added},
       {"replaced", counts.replaced},
       {"known", counts.known},
       {"refused", counts.refused},
       {"wall_s", counts.seconds}});
  return report;
}

}  // namespace pictor
