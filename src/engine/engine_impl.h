// The engine's parts, shared by its lines: engine.cpp, ingest.cpp, search.cpp.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "backend/backend.h"
#include "engine/encoder_tools.h"
#include "engine/encoders.h"
#include "engine/engine.h"
#include "engine/live_recall.h"
#include "engine/matching.h"
#include "engine/merger.h"
#include "engine/open_folders.h"
#include "engine/strange_texts.h"
#include "engine/upkeep.h"
#include "engine/vector_cache.h"
#include "engine/vector_tools.h"
#include "engine/warming.h"
#include "rank/rank.h"
#include "store/store.h"

namespace pictor {

class Stages;

// What engines of several data folders have together.
struct EngineParts {
  EngineParts(Env& env, const EngineOptions& options, std::size_t threads);

  const EngineOptions options;
  ThreadPool pool;
  ThreadPool background;  // of the lowest priority: for what nobody waits for
  Encoders encoders;
  OpenFolders folders;
  // Of the engine that the others were opened beside, which outlives them: with tenants, keys and the audit log.
  std::function<Result<CopyReport>(const BackupRequest&)> backup_of_all = {};
};

class EngineImpl final : public Engine {
 public:
  EngineImpl(Env& env, std::shared_ptr<EngineParts> parts, std::shared_ptr<DataFolder> folder, bool beside_another);
  Result<std::unique_ptr<Engine>> open_beside(const std::string& data_folder) override;

  Result<IngestReport> ingest(const IngestRequest& request, IngestSource& source) override;
  Result<Hits> search(const Query& query) override;
  Result<std::optional<StoredItem>> get(const std::string& collection, const std::string& id,
                                        bool with_vectors) override;
  Result<std::optional<std::vector<std::byte>>> picture(const std::string& collection, const std::string& id) override;
  Result<std::optional<StoredItem>> get_as_of(const std::string& collection, const std::string& id, bool with_vectors,
                                              const AsOf& at) override;
  Result<std::optional<std::vector<std::byte>>> picture_as_of(const std::string& collection, const std::string& id,
                                                              const AsOf& at) override;
  Status scan(const ScanRequest& request, const std::function<Status(const StoredItem&)>& visit) override;
  Result<std::vector<StoredVersion>> history(const std::string& collection, const std::string& id) override;
  Result<std::optional<StoredTokens>> tokens(const std::string& collection, const std::string& id) override;
  Result<std::uint64_t> remove(const std::string& collection, std::span<const std::string> ids) override;
  Result<std::uint64_t> remove_where(const std::string& collection, const std::string& where) override;
  Result<std::uint64_t> count(const std::string& collection, const std::string& where) override;
  Result<Facets> facets(const FacetRequest& request) override;
  Result<std::vector<CollectionInfo>> collections() override;
  Result<CollectionInfo> stats(const std::string& collection) override;
  Status drop(const std::string& collection) override;
  Result<std::uint64_t> warm(const std::atomic<bool>& stop) override;
  Result<std::uint64_t> warm_one(const std::string& name, WarmPart part, std::uint64_t bytes_max,
                                 const std::atomic<bool>& stop);
  Result<IndexesReport> build_indexes(const IndexesRequest& request) override;
  Result<std::vector<FaultInfo>> verify(const std::string& collection,
                                        const std::function<void(std::uint64_t, std::uint64_t)>& progress) override;
  Result<std::uint64_t> quarantine(const std::string& collection) override;
  Result<CopyReport> backup(const BackupRequest& request) override;
  Result<std::vector<BackupPlace>> backups() override { return folder_->backups(); }
  Status forget_backup(const std::string& path) override { return folder_->forget_backup(path); }
  Result<RederiveReport> rederive(const RederiveRequest& request) override;
  Result<CheckedReceipt> receipt(const std::string& collection, const std::string& id) override;
  Status keep_to_class_of(const std::string& collection) override;
  Result<FingerprintReport> fingerprint(const FingerprintRequest& request) override;
  Result<std::vector<EncoderInfo>> encoders() override;
  Result<AddedEncoder> add_encoder(const EncoderRequest& request) override;
  Result<AddedEncoder> pull_encoder(const EncoderRequest& request) override;
  Result<QuantizedEncoder> quantize_encoder(const QuantizeRequest& request, IngestSource& pictures,
                                            IngestSource* evaluation) override;
  Status verify_encoder(const std::string& name) override;
  Status remove_encoder(const std::string& name) override;
  EncoderTools& encoder_tools() override { return tools_; }
  Upkeep& upkeep() override { return upkeep_; }
  VectorTools& vector_tools() override { return vector_tools_; }
  Result<std::vector<float>> embed_texts(const std::string& encoder, const std::string& head,
                                         std::span<const std::string> texts) override;
  Result<std::vector<float>> embed_picture(const std::string& encoder, const std::string& head,
                                           std::span<const std::byte> file) override;

 private:
  // The collection of that name, made with the encoder's heads when it does not exist; checked against the encoder.
  Result<std::shared_ptr<Collection>> collection_to_write(const IngestRequest& request, std::string& encoder);
  Status keep_to_class_of(const CollectionSpec& spec);
  // Graphs or lists, as suits the collection now.
  Result<IndexReport> make_indexes(Collection& collection, IndexBuild build);  // says itself of which kind
  // search, without what is counted of it. `live`: a share of the queries is compared with exact answers.
  Result<Hits> answer(const Query& query, bool live);
  struct Asked;  // search.cpp
  Result<std::shared_ptr<Batcher>> encoder_of(const Asked& asked, std::vector<std::string>& warnings);
  Result<std::vector<Neighbor>> nearest(const Asked& asked, bool live, Stages& stages, Hits& hits);
  void compare_live(const std::string& collection, const std::shared_ptr<const Snapshot>& snapshot,
                    const BackendQuery& asked, const Candidates& found);
  std::string batch_id();
  // Opened by the first call, made when there is none; `warnings` gets what its making means for what is stored.
  Result<SigningKey> signing_key(std::vector<std::string>& warnings);
  Status note_former_receipts(std::vector<std::string>& warnings);
  std::uint64_t random_seed();
  EncoderInfo encoder_info(const EncoderCard& card);
  // Of a backup that another folder makes and that has this one in it.
  Status renew_backup_of_all(const BackupRequest& request) const;

  Env& env_;
  const std::shared_ptr<EngineParts> parts_;
  ThreadPool& pool_;
  Encoders& encoders_;
  const std::shared_ptr<DataFolder> folder_;
  std::string cache_folder_;
  const bool reproducible_;
  EncoderToolsImpl tools_;
  VectorCache vectors_;
  std::unique_ptr<Backend> backend_;
  StrangeTexts strange_texts_;
  Cohorts cohorts_;
  Merger merger_;  // ends before what it works on
  UpkeepImpl upkeep_;
  std::mutex keys_mutex_;  // over the folder of keys: a data folder belongs to one process, so no other one is there
  std::optional<SigningKey> signing_key_;
  VectorToolsImpl vector_tools_;
  Warming warming_;
  LiveRecall live_recall_;  // what it runs uses the others
  RerankRunner reranks_;    // the last, likewise
};

// Vectors of what is asked with, by one encoder and one deadline (0: none).
struct QueryEmbedder {
  Batcher& batcher;
  VectorCache& cache;
  std::int64_t deadline_us;

  Result<std::vector<float>> picture(ByteView file, std::string_view head) const;
  Result<std::vector<float>> texts(std::span<const std::string> all, std::string_view head) const;
  // Patch tokens, the encoder's grid.numbers(); the vectors of the same forward pass are remembered.
  Result<std::vector<float>> picture_tokens(ByteView file) const;
};

std::string codec_name(TokenCodec codec);
// What a new collection is to keep; kUnsupported when the encoder has no tokens, with those of `all` that have.
Result<TokensSpec> tokens_asked(const IngestRequest& request, const EncoderCard& card,
                                const std::vector<EncoderCard>& all);
// Ok when the request asks for what the collection keeps, or for nothing, and the encoder still makes it.
Status check_tokens(const IngestRequest& request, const CollectionSpec& spec, const EncoderCard& card);
// How many pictures of an encoder that makes so many tokens are encoded at once, in whole passes if it can be, so that
// the tokens of one thread stay within limits::kTokenBytesTogetherMax.
std::size_t pictures_together(const TokensSpec& kept, const TokenGrid& made, std::size_t pass);
// Vectors of n pictures, and their tokens where they are kept: one forward pass.
Result<EncodedImages> encode_for(const Encoder& encoder, const TokensSpec& tokens, std::span<const float> tensors,
                                 std::size_t n);
// Packs the tokens of picture number `picture`.
Status keep_tokens(const EncodedImages& made, const Encoder& encoder, const TokensSpec& tokens, std::size_t picture,
                   Bytes& out);
// Where tokens are kept the item gets those of the same content. False: there are none that are whole, so known vectors
// alone are of no use, and the picture is to be embedded.
Result<bool> reuse_tokens(const Collection& collection, ItemWrite& write);
// One forward pass over a generated picture: whether the encoder's networks can be loaded and run, before it matters.
Status try_encoder(const Encoder& encoder, const TokensSpec& tokens);

// Ok when the encoder still makes the places that the collection keeps tokens of.
Status check_grid(const CollectionSpec& spec, const EncoderCard& card);
// Ok when the collection's spaces are those of the card: same weights, same preprocessing.
Status check_spaces(const CollectionSpec& spec, const EncoderCard& card);
// A vector of one picture file in every head of images.
Result<std::vector<std::vector<float>>> encode_file(const Encoder& encoder, ByteView file);
std::string keep_name(Keep keep);
Result<Keep> parse_keep(std::string_view name);

}  // namespace pictor
