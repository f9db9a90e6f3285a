// Stand-ins for the tests of cli: a folder that goes away, and an engine whose items are given by the test.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "cli/services.h"

namespace pictor {

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "pictor-cli-XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }
  ~TemporaryFolder() {
    std::error_code error;
    std::filesystem::remove_all(path_, error);
  }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  const std::string& path() const { return path_; }
  std::string write(const std::string& name, const std::string& content) const {
    const std::filesystem::path file = path_ + "/" + name;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file, std::ios::binary) << content;
    return file.string();
  }
  std::string read(const std::string& name) const {
    std::ifstream in(path_ + "/" + name, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }

 private:
  std::string path_;
};

// Answers as it was told to.
class FakeEncoderTools : public EncoderTools {
 public:
  EncoderBench benched;
  std::vector<std::string> warmed;
  Result<EncoderBench> bench(const EncoderBenchRequest& request) override {
    benched.encoder = request.name;
    return benched;
  }
  std::vector<std::string> preloaded;
  std::atomic<int> preloads = 0;  // another thread's
  Status preload(const std::string& name) override {
    preloaded.push_back(name);
    ++preloads;
    return Status::ok();
  }
  Result<WarmedEncoder> warm(const std::string& name) override {
    warmed.push_back(name);
    return WarmedEncoder{name, "openvino 1.2", 1.5, 4, std::uint64_t{3} << 20, 4, 16};
  }
  ForeignReport compared;
  std::vector<ForeignRequest> asked;
  Result<ForeignReport> compare(const ForeignRequest& request) override {
    asked.push_back(request);
    return compared;
  }
  std::vector<DeriveRequest> derives;
  Result<DerivedEncoder> derive(const DeriveRequest& request) override {
    derives.push_back(request);
    DerivedEncoder out{request.new_name, "joint", 4, request.dim, 0, 0, 0, 0, 0.5, 10, 0.75, {}};
    for (std::vector<std::byte> file; request.next_picture && request.next_picture(file).value();) {
      ++out.pictures_fitted;
    }
    return out;
  }
};

// Answers from `items`; remembers what it was asked.
class FakeUpkeep : public Upkeep {
 public:
  std::vector<CompactionRequest> compactions;
  std::vector<std::string> purged;
  CheckedCertificate checked;
  bool stopped = false;
  Status failure;

  Result<Compaction> compact(const CompactionRequest& request) override {
    PICTOR_TRY(failure);
    compactions.push_back(request);
    request.progress(1, 2);
    Compaction made;
    made.segments_before = 5;
    made.segments_after = 1;
    made.bytes_before = made.bytes_after = made.bytes_written = 3 << 20;
    made.rows_dropped = request.drop_history ? 7 : 0;
    made.history_from = request.drop_history ? 12 : 0;
    made.stopped = stopped;
    return made;
  }
  Result<Purge> purge(const PurgeRequest& request) override {
    PICTOR_TRY(failure);
    Purge made;
    for (const std::string& id : request.ids) {
      if (id == "nobody") {
        made.unknown.push_back(id);
        continue;
      }
      ++made.erased;
      purged.push_back(id);
    }
    made.rows = 2 * made.erased;
    if (made.erased > 0) made.certificate = R"({"format":"pictor-erasure-1"})";
    return made;
  }
  Result<std::optional<std::int64_t>> erased(const std::string&, const std::string& id) override {
    if (id == "erased") return std::optional<std::int64_t>(1'700'000'000'000'000);
    return std::optional<std::int64_t>();
  }
  CheckedCertificate check(std::string_view) override { return checked; }
};

// Takes what it is given; answers tune as it was told to.
class FakeVectorTools : public VectorTools {
 public:
  std::vector<ImportRequest> imports;
  std::vector<ForeignVector> imported;
  std::uint64_t cancel_after = UINT64_MAX;
  std::vector<TuneRequest> tunes;
  TuneReport tuned;
  std::vector<CalibrationRequest> calibrate_requests;
  CalibrationReport calibrated;

  Result<CalibrationReport> calibrate(const CalibrationRequest& request) override {
    calibrate_requests.push_back(request);
    return calibrated;
  }
  Result<std::vector<Calibration>> calibrations(const std::string&) override { return calibrated.made; }
  Result<ImportReport> import(const ImportRequest& request, VectorSource& source) override {
    imports.push_back(request);
    ImportReport report;
    report.encoder = "external:" + (request.encoder_name.empty() ? "unknown" : request.encoder_name);
    report.dim = source.dim();
    report.metric = request.metric.value_or(source.metric().value_or(Metric::kCosine));
    report.counts.total = source.total();
    for (;;) {
      VectorSource::Entry entry;
      PICTOR_ASSIGN(const bool more, source.next(entry));
      if (!more) return report;
      if (report.counts.seen == cancel_after) {
        report.cancelled = true;
        return report;
      }
      ++report.counts.seen;
      report.counts.seconds += 6;
      if (entry.problem.is_ok()) {
        ++report.counts.added;
        imported.push_back(entry.vector);
      } else {
        ++report.counts.refused;
        request.refused({entry.vector.place, entry.vector.id, entry.problem});
      }
      request.progress(report.counts);
    }
  }
  Result<TuneReport> tune(const TuneRequest& request) override {
    tunes.push_back(request);
    return tuned;
  }
};

class FakeEngine : public Engine {
 public:
  FakeVectorTools fake_vector_tools;
  VectorTools& vector_tools() override { return fake_vector_tools; }
  FakeUpkeep fake_upkeep;
  Upkeep& upkeep() override { return fake_upkeep; }
  std::atomic<int> warmed = 0;  // another thread's
  Result<std::uint64_t> warm(const std::atomic<bool>& /*stop*/) override {
    ++warmed;
    return std::uint64_t{0};
  }
  std::vector<StoredItem> items;
  std::vector<FaultInfo> faults;
  std::uint64_t quarantined = 0;
  std::vector<StoredVersion> versions;
  AsOf asked_as_of;
  FacetRequest asked_facets;
  Facets counted_facets;
  std::vector<BackupRequest> backup_requests;
  std::vector<BackupPlace> places;
  std::string forgotten;
  Bytes kept_picture;
  StoredTokens kept_tokens;
  Status failure;  // of every call when set
  std::vector<Query> queries;
  std::vector<IngestRequest> requests;
  std::vector<IngestItem> ingested;
  std::uint64_t cancel_after = UINT64_MAX;
  bool dropped = false;

  Result<std::unique_ptr<Engine>> open_beside(const std::string&) override {
    return Status(Code::kUnsupported, "a stand-in has no other beside it");
  }
  Result<IngestReport> ingest(const IngestRequest& request, IngestSource& source) override {
    PICTOR_TRY(failure);
    requests.push_back(request);
    IngestReport report;
    IngestProgress& counts = report.counts;
    counts.total = source.total();
    for (;;) {
      IngestSource::Entry entry;
      PICTOR_ASSIGN(const bool more, source.next(entry));
      if (!more) break;
      ++counts.seen;
      Status problem = entry.problem;
      if (problem.is_ok()) problem = entry.read().status();
      if (problem.is_ok()) {
        ++counts.added;
        ingested.push_back(entry.item);
      } else {
        ++counts.quarantined;
        if (request.quarantined) request.quarantined({entry.item.source, problem});
      }
      counts.seconds += 1;
      if (request.progress) request.progress(counts);
      if (counts.seen >= cancel_after) {
        report.cancelled = true;
        break;
      }
    }
    report.stage_seconds = {{"decode", 1.5}, {"encode", 2.5}};
    return report;
  }
  Result<Hits> search(const Query& query) override {
    PICTOR_TRY(failure);
    queries.push_back(query);
    Hits hits;
    for (const StoredItem& item : items) {
      if (hits.hits.size() == query.k) break;
      Hit hit;
      hit.id = item.id;
      hit.score.value = 0.9F - 0.1F * static_cast<float>(hits.hits.size());
      hit.source = item.source;
      hit.metadata = item.metadata;
      hit.text = item.text;
      hit.width = item.width;
      hit.height = item.height;
      hit.format = item.format;
      hits.hits.push_back(hit);
    }
    hits.recall = "exact";
    if (query.coded_scores) hits.distance_error = 0.0005;
    hits.head = query.head.empty() ? "joint" : query.head;
    hits.candidates = items.size();
    hits.distances = items.size();
    if (query.explain) hits.stages = {{"encode", "text to vector", 1.5}, {"index", "exact scan", 0.25}};
    return hits;
  }
  Result<std::optional<StoredItem>> get(const std::string&, const std::string& id, bool) override {
    PICTOR_TRY(failure);
    for (const StoredItem& item : items) {
      if (item.id == id) return std::optional<StoredItem>(item);
    }
    return std::optional<StoredItem>();
  }
  Result<std::optional<std::vector<std::byte>>> picture(const std::string&, const std::string&) override {
    PICTOR_TRY(failure);
    if (kept_picture.empty()) return std::optional<Bytes>();
    return std::optional<Bytes>(kept_picture);
  }
  Result<std::optional<StoredItem>> get_as_of(const std::string& c, const std::string& id, bool vectors,
                                              const AsOf& at) override {
    asked_as_of = at;
    return get(c, id, vectors);
  }
  Result<std::optional<std::vector<std::byte>>> picture_as_of(const std::string& c, const std::string& id,
                                                              const AsOf& at) override {
    asked_as_of = at;
    return picture(c, id);
  }
  Status scan(const ScanRequest& request, const std::function<Status(const StoredItem&)>& visit) override {
    asked_as_of = request.as_of;
    PICTOR_TRY(failure);
    for (const StoredItem& item : items) PICTOR_TRY(visit(item));
    return Status::ok();
  }
  Result<std::vector<StoredVersion>> history(const std::string&, const std::string& id) override {
    PICTOR_TRY(failure);
    if (versions.empty()) return Status(Code::kNotFound, "never had an item '" + id + "'");
    return versions;
  }
  Result<std::optional<StoredTokens>> tokens(const std::string&, const std::string&) override {
    PICTOR_TRY(failure);
    if (kept_tokens.numbers.empty()) return std::optional<StoredTokens>();
    return std::optional(kept_tokens);
  }
  Result<std::uint64_t> remove(const std::string&, std::span<const std::string> ids) override {
    std::uint64_t removed = 0;
    for (const std::string& id : ids) removed += std::erase_if(items, [&](const auto& item) { return item.id == id; });
    return removed;
  }
  Result<std::uint64_t> remove_where(const std::string&, const std::string&) override {
    const std::uint64_t removed = items.size();
    items.clear();
    return removed;
  }
  Result<std::uint64_t> count(const std::string&, const std::string&) override {
    PICTOR_TRY(failure);
    return items.size();
  }
  Result<Facets> facets(const FacetRequest& request) override {
    PICTOR_TRY(failure);
    asked_facets = request;
    return counted_facets;
  }
  Result<std::vector<CollectionInfo>> collections() override {
    PICTOR_TRY(failure);
    return std::vector<CollectionInfo>{info()};
  }
  Result<CollectionInfo> stats(const std::string&) override {
    PICTOR_TRY(failure);
    return info();
  }
  Status drop(const std::string&) override {
    dropped = true;
    return Status::ok();
  }
  std::vector<IndexesRequest> indexes_requests;
  IndexesReport indexes;
  Result<IndexesReport> build_indexes(const IndexesRequest& request) override {
    PICTOR_TRY(failure);
    indexes_requests.push_back(request);
    if (request.progress) request.progress(1, 2);
    return indexes;
  }
  Result<std::vector<FaultInfo>> verify(const std::string&,
                                        const std::function<void(std::uint64_t, std::uint64_t)>& progress) override {
    progress(1, 2);
    return faults;
  }
  Result<std::uint64_t> quarantine(const std::string&) override { return quarantined; }
  Result<CopyReport> backup(const BackupRequest& request) override {
    PICTOR_TRY(failure);
    backup_requests.push_back(request);
    CopyReport report;
    report.path = request.path;
    report.collections = {{"default", 7, 1'780'232'531'000'000, items.size(), 2, 3, 4096}};
    report.files = 5;
    report.bytes = 4096;
    report.files_copied = 4;
    report.bytes_copied = 2048;
    if (request.copy.progress) request.copy.progress({"default", 2048, 4096, 2048, 1.0});
    return report;
  }
  Result<std::vector<BackupPlace>> backups() override {
    PICTOR_TRY(failure);
    return places;
  }
  Status forget_backup(const std::string& path) override {
    forgotten = path;
    return failure;
  }
  Result<RederiveReport> rederive(const RederiveRequest& request) override {
    PICTOR_TRY(failure);
    rederive_requests.push_back(request);
    if (request.progress) request.progress(1, 1);
    return rederived;
  }
  Result<CheckedReceipt> receipt(const std::string& collection, const std::string& id) override {
    PICTOR_TRY(failure);
    asked_of_receipts.push_back(collection + "/" + id);
    return checked_receipt;
  }
  Status keep_to_class_of(const std::string& collection) override {
    kept_to.push_back(collection);
    return Status::ok();
  }
  Result<FingerprintReport> fingerprint(const FingerprintRequest& request) override {
    PICTOR_TRY(failure);
    fingerprint_requests.push_back(request);
    return fingerprints;
  }
  Result<std::vector<EncoderInfo>> encoders() override {
    EncoderInfo info;
    info.name = "toy";
    info.description = "A stand-in";
    info.heads = this->info().heads;
    info.advice = "make models";
    return std::vector<EncoderInfo>{info};
  }
  Result<std::vector<float>> embed_texts(const std::string&, const std::string&,
                                         std::span<const std::string> texts) override {
    std::vector<float> numbers;
    for (std::size_t i = 0; i < texts.size(); ++i) numbers.insert(numbers.end(), {static_cast<float>(i), 0.5F});
    return numbers;
  }
  Result<std::vector<float>> embed_picture(const std::string&, const std::string&,
                                           std::span<const std::byte>) override {
    return std::vector<float>{0.25F, 0.5F};
  }
  Result<AddedEncoder> add_encoder(const EncoderRequest& request) override {
    encoder_requests.push_back(request);
    if (!encoder_status.is_ok()) return encoder_status;
    AddedEncoder added;
    added.info.name = request.name;
    added.info.precision = "f32";
    added.preprocessing = "CLIPImageProcessor";
    added.notes = {"the vectors are class scores"};
    return added;
  }
  Result<AddedEncoder> pull_encoder(const EncoderRequest& request) override { return add_encoder(request); }
  Status verify_encoder(const std::string& name) override {
    asked_of_encoders.push_back("verify " + name);
    return encoder_status;
  }
  Status remove_encoder(const std::string& name) override {
    asked_of_encoders.push_back("remove " + name);
    return encoder_status;
  }

  Result<QuantizedEncoder> quantize_encoder(const QuantizeRequest& request, IngestSource&, IngestSource*) override {
    quantize_requests.push_back(request);
    if (!encoder_status.is_ok()) return encoder_status;
    QuantizedEncoder made;
    made.info.name = request.name.empty() ? request.encoder + "-int8" : request.name;
    made.info.precision = "int8";
    return made;
  }
  std::vector<QuantizeRequest> quantize_requests;
  std::vector<RederiveRequest> rederive_requests;
  RederiveReport rederived;
  std::vector<std::string> asked_of_receipts, kept_to;
  CheckedReceipt checked_receipt;
  std::vector<FingerprintRequest> fingerprint_requests;
  FingerprintReport fingerprints;
  EncoderTools& encoder_tools() override { return tools; }

  FakeEncoderTools tools;
  std::vector<EncoderRequest> encoder_requests;
  std::vector<std::string> asked_of_encoders;
  Status encoder_status;

 private:
  CollectionInfo info() const {
    CollectionInfo info;
    info.name = "default";
    info.encoder = "toy";
    info.keep = "reference";
    info.items = items.size();
    info.graphs = 3;
    info.graph_bytes = 4096;
    info.lists = 1;
    info.list_bytes = 2048;
    info.vectors = 102;
    info.memory_budget_bytes = std::uint64_t{4} << 30;
    info.resident_bytes = 800;
    info.mapped_bytes = 1 << 20;
    info.recall = {{10, 40, 0.985, 0.95, 0.999}};
    info.heads = {{"joint", 2, Metric::kCosine, true, true, std::string(64, 'a')}};
    return info;
  }
};

// One run of the program over a FakeEngine that lives on afterwards.
class CliTest : public ::testing::Test {
 protected:
  CliTest() {
    engine_ = std::make_shared<FakeEngine>();
    services_.open_engine = [this](Env&, const EngineOptions& options) -> Result<std::unique_ptr<Engine>> {
      opened_ = options;
      return std::unique_ptr<Engine>(std::make_unique<Shared>(engine_));
    };
    services_.thumbnail = [](ByteView, std::uint32_t, ThumbnailFormat) -> Result<Bytes> {
      const ByteView bytes = as_bytes("a small picture");
      return Bytes(bytes.begin(), bytes.end());
    };
    services_.version = "1.2.3";
    services_.build_details = {"pictor 1.2.3 (for tests)", "decoders: none"};
    services_.in = &in_;
    for (const char* name : {"PICTOR_DATA", "PICTOR_MODELS", "PICTOR_WEIGHTS", "PICTOR_COLLECTION", "PICTOR_ENCODER",
                             "PICTOR_THREADS", "PICTOR_LOG_LEVEL", "PICTOR_CONFIG", "PICTOR_RUNTIME", "PICTOR_DEVICE",
                             "PICTOR_SERVER", "PICTOR_KEY", "PICTOR_CA"}) {
      ::unsetenv(name);
    }
    ::setenv("XDG_CONFIG_HOME", folder_.path().c_str(), 1);
  }
  ~CliTest() override { ::unsetenv("XDG_CONFIG_HOME"); }

  int run(std::vector<std::string> arguments) {
    out_.str("");
    err_.str("");
    arguments.insert(arguments.begin(), "pictor");
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    return run_cli_with(static_cast<int>(arguments.size()), argv.data(), services_, out_, err_);
  }
  std::string out() const { return out_.str(); }
  std::string err() const { return err_.str(); }
  void add_item(const std::string& id, const std::string& metadata = "{}", const std::string& text = "") {
    StoredItem item;
    item.id = id;
    item.source = "/photos/" + id;
    item.metadata = metadata;
    item.text = text;
    item.width = 640;
    item.height = 480;
    item.format = "png";
    item.receipt = "{}";
    item.vectors = {{"joint", {0.5F, -0.5F}}};
    engine_->items.push_back(item);
  }

  // The engine that a session owns, in front of the one that the test keeps.
  class Shared : public Engine {
   public:
    explicit Shared(std::shared_ptr<FakeEngine> engine) : engine_(std::move(engine)) {}
    Result<std::unique_ptr<Engine>> open_beside(const std::string& f) override { return engine_->open_beside(f); }
    Result<IngestReport> ingest(const IngestRequest& r, IngestSource& s) override { return engine_->ingest(r, s); }
    Result<Hits> search(const Query& q) override { return engine_->search(q); }
    Result<std::uint64_t> warm(const std::atomic<bool>& s) override { return engine_->warm(s); }
    Result<std::optional<StoredItem>> get(const std::string& c, const std::string& i, bool v) override {
      return engine_->get(c, i, v);
    }
    Result<std::optional<std::vector<std::byte>>> picture(const std::string& c, const std::string& i) override {
      return engine_->picture(c, i);
    }
    Result<std::optional<StoredItem>> get_as_of(const std::string& c, const std::string& i, bool v,
                                                const AsOf& at) override {
      return engine_->get_as_of(c, i, v, at);
    }
    Result<std::optional<std::vector<std::byte>>> picture_as_of(const std::string& c, const std::string& i,
                                                                const AsOf& at) override {
      return engine_->picture_as_of(c, i, at);
    }
    Status scan(const ScanRequest& r, const std::function<Status(const StoredItem&)>& f) override {
      return engine_->scan(r, f);
    }
    Result<std::vector<StoredVersion>> history(const std::string& c, const std::string& i) override {
      return engine_->history(c, i);
    }
    Result<std::optional<StoredTokens>> tokens(const std::string& c, const std::string& i) override {
      return engine_->tokens(c, i);
    }
    Result<std::uint64_t> remove(const std::string& c, std::span<const std::string> i) override {
      return engine_->remove(c, i);
    }
    Result<std::uint64_t> remove_where(const std::string& c, const std::string& w) override {
      return engine_->remove_where(c, w);
    }
    Result<std::uint64_t> count(const std::string& c, const std::string& w) override { return engine_->count(c, w); }
    Result<Facets> facets(const FacetRequest& r) override { return engine_->facets(r); }
    Result<std::vector<CollectionInfo>> collections() override { return engine_->collections(); }
    Result<CollectionInfo> stats(const std::string& c) override { return engine_->stats(c); }
    Status drop(const std::string& c) override { return engine_->drop(c); }
    Result<IndexesReport> build_indexes(const IndexesRequest& r) override { return engine_->build_indexes(r); }
    Result<std::vector<FaultInfo>> verify(const std::string& c,
                                          const std::function<void(std::uint64_t, std::uint64_t)>& p) override {
      return engine_->verify(c, p);
    }
    Result<std::uint64_t> quarantine(const std::string& c) override { return engine_->quarantine(c); }
    Result<CopyReport> backup(const BackupRequest& r) override { return engine_->backup(r); }
    Result<std::vector<BackupPlace>> backups() override { return engine_->backups(); }
    Status forget_backup(const std::string& p) override { return engine_->forget_backup(p); }
    Result<RederiveReport> rederive(const RederiveRequest& r) override { return engine_->rederive(r); }
    Result<CheckedReceipt> receipt(const std::string& c, const std::string& i) override {
      return engine_->receipt(c, i);
    }
    Status keep_to_class_of(const std::string& c) override { return engine_->keep_to_class_of(c); }
    Result<FingerprintReport> fingerprint(const FingerprintRequest& r) override { return engine_->fingerprint(r); }
    Result<std::vector<EncoderInfo>> encoders() override { return engine_->encoders(); }
    Result<std::vector<float>> embed_texts(const std::string& e, const std::string& h,
                                           std::span<const std::string> t) override {
      return engine_->embed_texts(e, h, t);
    }
    Result<std::vector<float>> embed_picture(const std::string& e, const std::string& h,
                                             std::span<const std::byte> f) override {
      return engine_->embed_picture(e, h, f);
    }
    Result<AddedEncoder> add_encoder(const EncoderRequest& r) override { return engine_->add_encoder(r); }
    Result<AddedEncoder> pull_encoder(const EncoderRequest& r) override { return engine_->pull_encoder(r); }
    Status verify_encoder(const std::string& n) override { return engine_->verify_encoder(n); }
    Status remove_encoder(const std::string& n) override { return engine_->remove_encoder(n); }
    Result<QuantizedEncoder> quantize_encoder(const QuantizeRequest& r, IngestSource& p, IngestSource* e) override {
      return engine_->quantize_encoder(r, p, e);
    }
    EncoderTools& encoder_tools() override { return engine_->encoder_tools(); }
    Upkeep& upkeep() override { return engine_->upkeep(); }
    VectorTools& vector_tools() override { return engine_->vector_tools(); }

   private:
    std::shared_ptr<FakeEngine> engine_;
  };

  TemporaryFolder folder_;
  std::shared_ptr<FakeEngine> engine_;
  EngineOptions opened_;
  Services services_;
  std::istringstream in_;
  std::ostringstream out_, err_;
};

}  // namespace pictor
