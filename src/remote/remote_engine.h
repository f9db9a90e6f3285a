// Each call of an engine as a request to a server. Inside remote/ only.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "pictor/remote.h"
#include "remote/wire.h"

namespace pictor {

// What stands there needs the data folder itself.
Status needs_the_folder(const Wire& wire, std::string_view what);
// "/v1/collections/NAME"
std::string collection_path(const std::string& collection);
std::string item_path(const std::string& collection, const std::string& id);

// Begins a job and waits for its end. kCancelled: `cancel` was set, and the job was stopped.
Result<nlohmann::json> finished_job(Wire& wire, Env& env, const nlohmann::json& request,
                                    const std::atomic<bool>* cancel,
                                    const std::function<void(std::uint64_t, std::uint64_t)>& progress);
Result<IngestReport> ingest_into(Wire& wire, Env& env, const IngestRequest& request, IngestSource& source);

class RemoteUpkeep final : public Upkeep {
 public:
  RemoteUpkeep(Wire& wire, Env& env) : wire_(wire), env_(env) {}
  Result<Compaction> compact(const CompactionRequest& request) override;
  Result<Purge> purge(const PurgeRequest& request) override;
  Result<std::optional<std::int64_t>> erased(const std::string& collection, const std::string& id) override;
  CheckedCertificate check(std::string_view certificate) override;

 private:
  Wire& wire_;
  Env& env_;
};

class RemoteEncoderTools final : public EncoderTools {
 public:
  explicit RemoteEncoderTools(Wire& wire) : wire_(wire) {}
  Result<EncoderBench> bench(const EncoderBenchRequest&) override { return away("measuring an encoder"); }
  Result<WarmedEncoder> warm(const std::string&) override { return away("warming an encoder"); }
  Status preload(const std::string&) override { return away("loading an encoder"); }
  Result<ForeignReport> compare(const ForeignRequest&) override { return away("comparing an encoder"); }
  Result<DerivedEncoder> derive(const DeriveRequest&) override { return away("deriving an encoder"); }

 private:
  Status away(std::string_view what) const { return needs_the_folder(wire_, what); }
  Wire& wire_;
};

class RemoteVectorTools final : public VectorTools {
 public:
  RemoteVectorTools(Wire& wire, Env& env) : wire_(wire), env_(env) {}
  Result<ImportReport> import(const ImportRequest&, VectorSource&) override {
    return needs_the_folder(wire_, "importing vectors");
  }
  Result<TuneReport> tune(const TuneRequest&) override { return needs_the_folder(wire_, "tuning a search"); }
  Result<CalibrationReport> calibrate(const CalibrationRequest& request) override;
  Result<std::vector<Calibration>> calibrations(const std::string& collection) override;

 private:
  Wire& wire_;
  Env& env_;
};

class RemoteEngine final : public Engine {
 public:
  RemoteEngine(Env& env, const RemoteOptions& options);

  Result<std::unique_ptr<Engine>> open_beside(const std::string&) override { return away("another data folder"); }
  Result<IngestReport> ingest(const IngestRequest& request, IngestSource& source) override {
    return ingest_into(wire_, env_, request, source);
  }
  Result<Hits> search(const Query& query) override;
  Result<std::uint64_t> warm(const std::atomic<bool>&) override { return std::uint64_t{0}; }  // the server's business
  Result<std::optional<StoredItem>> get(const std::string& collection, const std::string& id,
                                        bool with_vectors) override {
    return get_as_of(collection, id, with_vectors, {});
  }
  Result<std::optional<StoredItem>> get_as_of(const std::string& collection, const std::string& id, bool with_vectors,
                                              const AsOf& at) override;
  Result<std::optional<std::vector<std::byte>>> picture(const std::string& collection, const std::string& id) override {
    return picture_as_of(collection, id, {});
  }
  Result<std::optional<std::vector<std::byte>>> picture_as_of(const std::string& collection, const std::string& id,
                                                              const AsOf& at) override;
  Status scan(const ScanRequest& request, const std::function<Status(const StoredItem&)>& visit) override;
  Result<std::vector<StoredVersion>> history(const std::string& collection, const std::string& id) override;
  Result<std::optional<StoredTokens>> tokens(const std::string&, const std::string&) override {
    return away("reading patch tokens");
  }
  Result<std::uint64_t> remove(const std::string& collection, std::span<const std::string> ids) override;
  Result<std::uint64_t> remove_where(const std::string& collection, const std::string& where) override;
  Result<std::uint64_t> count(const std::string& collection, const std::string& where) override;
  Result<Facets> facets(const FacetRequest& request) override;
  Result<std::vector<CollectionInfo>> collections() override;
  Result<CollectionInfo> stats(const std::string& collection) override;
  Status drop(const std::string& collection) override;
  Result<IndexesReport> build_indexes(const IndexesRequest& request) override;
  Result<std::vector<FaultInfo>> verify(const std::string& collection,
                                        const std::function<void(std::uint64_t, std::uint64_t)>& progress) override;
  Result<std::uint64_t> quarantine(const std::string&) override { return away("moving damaged segments aside"); }
  Result<CopyReport> backup(const BackupRequest& request) override;
  Result<std::vector<BackupPlace>> backups() override { return away("listing backups"); }
  Status forget_backup(const std::string&) override { return away("forgetting a backup"); }
  Result<RederiveReport> rederive(const RederiveRequest&) override { return away("making vectors again"); }
  Result<CheckedReceipt> receipt(const std::string& collection, const std::string& id) override;
  // What a server computes with is its own affair: it was started with --reproducible or not.
  Status keep_to_class_of(const std::string&) override { return away("keeping to an instruction-set class"); }
  Result<FingerprintReport> fingerprint(const FingerprintRequest&) override { return away("a fingerprint"); }
  Result<std::vector<EncoderInfo>> encoders() override;
  Result<AddedEncoder> add_encoder(const EncoderRequest&) override { return away("adding an encoder"); }
  Result<AddedEncoder> pull_encoder(const EncoderRequest&) override { return away("pulling an encoder"); }
  Result<QuantizedEncoder> quantize_encoder(const QuantizeRequest&, IngestSource&, IngestSource*) override {
    return away("quantising an encoder");
  }
  Status verify_encoder(const std::string&) override { return away("verifying an encoder"); }
  Status remove_encoder(const std::string&) override { return away("removing an encoder"); }
  EncoderTools& encoder_tools() override { return encoder_tools_; }
  Upkeep& upkeep() override { return upkeep_; }
  VectorTools& vector_tools() override { return vector_tools_; }
  Result<std::vector<float>> embed_texts(const std::string& encoder, const std::string& head,
                                         std::span<const std::string> texts) override;
  Result<std::vector<float>> embed_picture(const std::string& encoder, const std::string& head,
                                           std::span<const std::byte> file) override;

 private:
  Status away(std::string_view what) const { return needs_the_folder(wire_, what); }
  Result<std::vector<float>> embedded(const std::string& encoder, const std::string& head, nlohmann::json inputs);

  Env& env_;
  Wire wire_;
  RemoteEncoderTools encoder_tools_;
  RemoteUpkeep upkeep_;
  RemoteVectorTools vector_tools_;
};

}  // namespace pictor
