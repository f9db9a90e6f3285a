// The engine of a server, held against the engine that the server has.
#include "remote/remote.h"

#include <thread>

#include "engine/engine_testing.h"
#include "pictor/server.h"

namespace pictor {
namespace {

class RemoteTest : public EngineTest {
 protected:
  void SetUp() override {
    EngineTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    ServerOptions options;
    options.data_folder = options_.data_folder;
    options.port = 0;
    auto started = Server::start(Env::real(), *engine_, options);
    ASSERT_TRUE(started.is_ok()) << started.status().to_string();
    server_ = std::move(started).value();
    far_ = connect_engine(Env::real(), {server_->url() + "/", "", ""}).value();
  }
  void TearDown() override {
    far_.reset();
    server_.reset();
    EngineTest::TearDown();
  }
  IngestReport put(std::vector<Given> given) {
    ListSource source(std::move(given));
    IngestRequest request;
    request.collection = "test";
    request.keep = "original";
    request.settled = [this](const std::string& id, IngestOutcome outcome, const Status&) { settled_[id] = outcome; };
    auto report = far_->ingest(request, source);
    EXPECT_TRUE(report.is_ok()) << report.status().to_string();
    return report.is_ok() ? std::move(report).value() : IngestReport{};
  }
  static std::vector<Given> some() {
    return {{"a/1", picture(1), R"({"year": 1990, "tags": ["x", "y"]})"},
            {"b", picture(2), R"({"year": 1995})"},
            {"c", picture(3), "{}"}};
  }

  std::unique_ptr<Server> server_;
  std::unique_ptr<Engine> far_;
  std::map<std::string, IngestOutcome> settled_;
};

TEST_F(RemoteTest, pictures_are_put_and_found_as_if_the_engine_were_here) {
  auto given = some();
  given.push_back({"broken", Bytes(100), "{}"});
  const IngestReport report = put(given);
  EXPECT_EQ(report.counts.added, 3U);
  EXPECT_EQ(report.counts.quarantined, 1U);
  ASSERT_EQ(report.quarantine.size(), 1U);
  EXPECT_EQ(report.quarantine[0].source, "memory:broken");
  EXPECT_EQ(settled_.at("broken"), IngestOutcome::kQuarantined);
  EXPECT_EQ(put(some()).counts.unchanged, 3U);

  Query query = by_image(2);
  query.explain = true;
  query.with_vectors = true;
  const auto here = engine_->search(query);
  const auto there = far_->search(query);
  ASSERT_TRUE(there.is_ok()) << there.status().to_string();
  ASSERT_EQ(there->hits.size(), here->hits.size());
  for (std::size_t i = 0; i < here->hits.size(); ++i) {
    EXPECT_EQ(there->hits[i].id, here->hits[i].id);
    EXPECT_EQ(there->hits[i].score, here->hits[i].score);
    EXPECT_EQ(there->hits[i].vector, here->hits[i].vector);
    EXPECT_EQ(there->hits[i].source, here->hits[i].source);
  }
  EXPECT_EQ(there->space, here->space);
  EXPECT_EQ(there->sequence, here->sequence);
  EXPECT_FALSE(there->stages.empty());
  query.where = "year > 1992";
  query.recall = 1.0;
  EXPECT_EQ(far_->search(query)->hits.size(), 1U);
}

TEST_F(RemoteTest, items_are_read_listed_counted_and_deleted) {
  put(some());
  const auto there = far_->get("test", "a/1", true);
  const auto here = engine_->get("test", "a/1", true);
  ASSERT_TRUE(there.is_ok()) << there.status().to_string();
  ASSERT_TRUE(there->has_value());
  EXPECT_EQ((*there)->vectors, (*here)->vectors);
  EXPECT_EQ((*there)->content, (*here)->content);
  EXPECT_EQ((*there)->born, (*here)->born);
  EXPECT_FALSE(far_->get("test", "none", false)->has_value());
  EXPECT_EQ(far_->get("nothing", "none", false).status().code(), Code::kNotFound);
  EXPECT_EQ(**far_->picture("test", "b"), picture(2));
  EXPECT_EQ(far_->history("test", "b")->size(), 1U);
  EXPECT_EQ(far_->receipt("test", "b")->state, ReceiptState::kSigned);
  EXPECT_EQ(*far_->count("test", ""), 3U);
  EXPECT_EQ(*far_->count("test", "year = 1990"), 1U);
  FacetRequest asked;
  asked.collection = "test";
  asked.fields = {"tags", "year"};
  const auto facets = far_->facets(asked);
  ASSERT_TRUE(facets.is_ok()) << facets.status().to_string();
  EXPECT_EQ(facets->facets[0].values.size(), 2U);
  EXPECT_EQ(facets->facets[0].values[0].value, "\"x\"");
  EXPECT_EQ(facets->facets[1].least, 1990.0);
  std::vector<std::string> ids;
  ASSERT_TRUE(far_->scan({"test"},
                         [&](const StoredItem& item) {
                           ids.push_back(item.id);
                           return Status::ok();
                         })
                  .is_ok());
  EXPECT_EQ(ids, (std::vector<std::string>{"a/1", "b", "c"}));
  EXPECT_EQ(far_->stats("test")->items, 3U);
  EXPECT_EQ(far_->stats("test")->heads.size(), engine_->stats("test")->heads.size());
  EXPECT_EQ(far_->collections()->size(), 1U);
  EXPECT_EQ(far_->encoders()->size(), engine_->encoders()->size());
  const std::vector<std::string> gone = {"c", "none"};
  EXPECT_EQ(*far_->remove("test", gone), 1U);
  EXPECT_EQ(*far_->remove_where("test", "year = 1995"), 1U);
  const auto purged = far_->upkeep().purge({"test", {"a/1"}, nullptr});
  ASSERT_TRUE(purged.is_ok()) << purged.status().to_string();
  EXPECT_EQ(purged->erased, 1U);
  EXPECT_FALSE(purged->certificate.empty());
  EXPECT_EQ(far_->upkeep().purge({"test", {"a/1"}, nullptr})->unknown, std::vector<std::string>{"a/1"});
  EXPECT_TRUE(far_->drop("test").is_ok());
  EXPECT_EQ(far_->stats("test").status().code(), Code::kNotFound);
}

TEST_F(RemoteTest, a_collection_is_listed_as_it_was) {
  put(some());
  const Sequence before = engine_->stats("test")->sequence;
  ASSERT_EQ(*far_->remove("test", std::vector<std::string>{"b"}), 1U);
  const auto ids_at = [](Engine& engine, const AsOf& at) {
    std::vector<std::string> ids;
    Sequence told = 0;
    ScanRequest request{"test", "", true, at};
    request.begun = [&told](Sequence moment) { told = moment; };
    const Status status = engine.scan(request, [&](const StoredItem& item) {
      ids.push_back(item.id + (item.vectors.empty() ? " without vectors" : ""));
      return Status::ok();
    });
    EXPECT_TRUE(status.is_ok()) << status.to_string();
    ids.push_back("at " + std::to_string(told));
    return ids;
  };
  const AsOf then{AsOf::Kind::kSequence, before, 0, ""};
  EXPECT_EQ(ids_at(*far_, then), (std::vector<std::string>{"a/1", "b", "c", "at " + std::to_string(before)}));
  const AsOf by_time{AsOf::Kind::kTime, 0, Env::real().wall_us(), ""};
  for (const AsOf& at : {AsOf{}, then, by_time}) EXPECT_EQ(ids_at(*far_, at), ids_at(*engine_, at));
  EXPECT_EQ(ids_at(*far_, {}).size(), 3U);
}

TEST_F(RemoteTest, several_items_are_erased_at_once_with_one_certificate) {
  put(some());
  const auto purged = far_->upkeep().purge({"test", {"b", "none", "a/1"}, nullptr});
  ASSERT_TRUE(purged.is_ok()) << purged.status().to_string();
  EXPECT_EQ(purged->erased, 2U);
  EXPECT_EQ(purged->unknown, std::vector<std::string>{"none"});
  EXPECT_GT(purged->rows, 0U);
  const auto checked = engine_->upkeep().check(purged->certificate);
  EXPECT_TRUE(checked.problem.is_ok()) << checked.problem.to_string();
  EXPECT_EQ(checked.items, 2U);
  for (const char* id : {"a/1", "b"}) {
    EXPECT_TRUE(is_certified(purged->certificate, id).value()) << id;
    EXPECT_FALSE(engine_->get("test", id, false)->has_value()) << id;
    EXPECT_TRUE(engine_->upkeep().erased("test", id)->has_value()) << id;
  }
  EXPECT_FALSE(is_certified(purged->certificate, "none").value());
  EXPECT_TRUE(engine_->get("test", "c", false)->has_value());
  EXPECT_EQ(far_->upkeep().purge({"test", {}, nullptr}).status().code(), Code::kInvalid);
  EXPECT_EQ(far_->upkeep().purge({"none", {"a"}, nullptr}).status().code(), Code::kNotFound);
}

TEST_F(RemoteTest, vectors_are_those_of_the_engine_bit_for_bit) {
  const std::vector<std::string> texts = {"a boat", "a red car"};
  const auto there = far_->embed_texts("", "", texts);
  ASSERT_TRUE(there.is_ok()) << there.status().to_string();
  EXPECT_EQ(*there, engine_->embed_texts("", "", texts).value());
  EXPECT_EQ(far_->embed_picture("", "", picture(1)).value(), engine_->embed_picture("", "", picture(1)).value());
}

TEST_F(RemoteTest, long_work_is_done_by_jobs) {
  put(some());
  std::uint64_t told = 0;
  EXPECT_TRUE(far_->verify("test", [&](std::uint64_t, std::uint64_t) { ++told; })->empty());
  EXPECT_GT(told, 0U);
  IndexesRequest indexes;
  indexes.collection = "test";
  EXPECT_FALSE(far_->build_indexes(indexes)->cancelled);
  CompactionRequest compaction;
  compaction.collection = "test";
  compaction.everything = true;
  EXPECT_TRUE(far_->upkeep().compact(compaction).is_ok());
  compaction.collection = "none";
  EXPECT_EQ(far_->upkeep().compact(compaction).status().code(), Code::kNotFound);
}

TEST_F(RemoteTest, what_needs_the_data_folder_says_so) {
  const Status status = far_->quarantine("test").status();
  EXPECT_EQ(status.code(), Code::kUnsupported);
  EXPECT_NE(status.message().find(server_->url()), std::string::npos);
  IngestRequest request;
  request.collection = "test";
  request.force = true;
  ListSource nothing({});
  EXPECT_EQ(far_->ingest(request, nothing).status().code(), Code::kUnsupported);
}

TEST_F(RemoteTest, errors_keep_their_codes_and_a_server_that_is_gone_is_one) {
  EXPECT_EQ(far_->search(by_image(1)).status().code(), Code::kNotFound);
  put(some());
  Query query = by_image(1);
  query.where = "year = ";
  const Status status = far_->search(query).status();
  EXPECT_EQ(status.code(), Code::kInvalid);
  EXPECT_NE(status.message().find("filter, character"), std::string::npos);
  server_.reset();
  EXPECT_EQ(far_->collections().status().code(), Code::kIo);
}

TEST_F(RemoteTest, the_data_folder_says_where_its_server_is_for_as_long_as_it_is) {
  EXPECT_EQ(server_of(Env::real(), options_.data_folder), server_->url());
  server_.reset();
  EXPECT_FALSE(server_of(Env::real(), options_.data_folder).has_value());
  ASSERT_TRUE(
      write_file_atomic(Env::real(), options_.data_folder + "/server.json", as_bytes(std::string_view("[7"))).is_ok());
  EXPECT_FALSE(server_of(Env::real(), options_.data_folder).has_value());
}

}  // namespace
}  // namespace pictor
