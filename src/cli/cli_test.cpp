#include "cli/cli_testing.h"
#include "cli/help.h"
#include "cli/output_file.h"
#include "cli/session.h"
#include "cli/text.h"

#include <sys/wait.h>

#include <nlohmann/json.hpp>

namespace pictor {
namespace {

using Json = nlohmann::json;

const char* const kCommands[] = {
    "index",   "search",      "get",        "delete",  "collections", "stats",   "verify",   "rebuild", "compact",
    "receipt", "certificate", "backup",     "restore", "history",     "export",  "encoders", "encoder", "embed",
    "bench",   "version",     "completion", "man",     "help-all",    "import",  "tune",     "serve",   "key",
    "tenant",  "audit",       "facets",     "config",  "top",         "context", "mcp",      "eval",    "calibrate"};

// --- help and errors ---

TEST_F(CliTest, help_of_every_command_fits_80_columns_and_has_examples) {
  for (const char* command : kCommands) {
    ASSERT_EQ(run({command, "--help"}), 0) << err();
    for (const std::string& line : split(out(), '\n')) EXPECT_LE(display_width(line), 80U) << command << ": " << line;
    EXPECT_NE(out().find("Examples:\n  "), std::string::npos) << command;
  }
  ASSERT_EQ(run({"--help"}), 0);
  for (const std::string& line : split(out(), '\n')) EXPECT_LE(display_width(line), 80U) << line;
  for (const char* command : kCommands) EXPECT_NE(out().find(std::string("  ") + command + " "), std::string::npos);
}

TEST_F(CliTest, help_all_is_an_option_and_a_command) {
  ASSERT_EQ(run({"--help-all"}), 0);
  const std::string as_option = out();
  ASSERT_EQ(run({"help-all"}), 0);
  EXPECT_EQ(as_option, out());
  EXPECT_NE(out().find("pictor export"), std::string::npos);
}

TEST_F(CliTest, without_a_command_help_goes_to_standard_error_with_status_2) {
  EXPECT_EQ(run({}), 2);
  EXPECT_EQ(out(), "");
  EXPECT_NE(err().find("Usage: pictor"), std::string::npos);
}

TEST_F(CliTest, a_mistyped_command_or_option_is_answered_with_the_nearest) {
  EXPECT_EQ(run({"serach", "--text", "x"}), 2);
  EXPECT_EQ(err(), "pictor: command 'serach' is not known; did you mean 'search'?\ntry: pictor --help\n");
  EXPECT_EQ(run({"search", "--txet", "x"}), 2);
  EXPECT_EQ(err(), "pictor: option '--txet' is not known; did you mean '--text'?\ntry: pictor search --help\n");
}

TEST_F(CliTest, the_exit_status_is_the_number_of_the_code) {
  for (const Code code :
       {Code::kInvalid, Code::kNotFound, Code::kExists, Code::kMismatch, Code::kUnreadable, Code::kLimit, Code::kBusy,
        Code::kCancelled, Code::kDenied, Code::kIo, Code::kCorrupt, Code::kUnsupported, Code::kInternal}) {
    engine_->failure = Status(code, "collection 'cats' \x1b[31mfails");
    EXPECT_EQ(run({"search", "--text", "x"}), static_cast<int>(code));
    EXPECT_TRUE(err().starts_with("pictor: collection 'cats' ?[31mfails\n")) << err();
    EXPECT_EQ(run({"stats", "--json"}), static_cast<int>(code));
    EXPECT_EQ(Json::parse(out())["error"]["code"], code_name(code));
  }
}

TEST_F(CliTest, a_missing_collection_is_answered_with_the_command_that_lists_them) {
  engine_->failure = Status(Code::kNotFound, "collection 'cats' does not exist");
  EXPECT_EQ(run({"stats", "-c", "cats"}), 3);
  EXPECT_EQ(err(), "pictor: collection 'cats' does not exist\ntry: pictor collections\n");
}

TEST_F(CliTest, a_message_of_several_lines_keeps_them) {
  engine_->failure = Status(Code::kInvalid, "filter, character 5: end\n  a = \x1b\n      ^");
  EXPECT_EQ(run({"search", "--text", "x"}), 2);
  EXPECT_TRUE(err().starts_with("pictor: filter, character 5: end\n  a = ?\n      ^\ntry: ")) << err();
}

TEST_F(CliTest, values_out_of_range_are_refused) {
  EXPECT_EQ(run({"search", "--text", "x", "-k", "0"}), 2);
  EXPECT_EQ(run({"search", "--text", "x", "-k", "10001"}), 2);
  EXPECT_EQ(run({"search", "--text", "x", "-k", "ten"}), 2);
  EXPECT_EQ(run({"search", "--text", "x", "--deadline", "-1"}), 2);
  EXPECT_EQ(run({"search", "--text", "x", "--deadline", "86400001"}), 2);
  EXPECT_EQ(run({"search", "--text", "x", "--deadline", "9223372036854775807"}), 2);
  EXPECT_EQ(run({"search", "--text", "x", "--deadline", "86400000"}), 0) << err();
  EXPECT_EQ(run({"index", folder_.path(), "--keep", "everything"}), 2);
  EXPECT_EQ(run({"index"}), 2);
  EXPECT_EQ(run({"search", "--text", "x", "-k", "10000"}), 0) << err();
}

// --- options, environment, configuration ---

TEST_F(CliTest, an_option_goes_before_the_environment_and_that_before_the_file) {
  const std::string config =
      folder_.write("c.toml", "data = \"/from/file\"\nthreads = 3\n\n[search]\ncollection = \"filed\"\n");
  ASSERT_EQ(run({"--config", config, "search", "--text", "x"}), 0) << err();
  EXPECT_EQ(opened_.data_folder, "/from/file");
  EXPECT_EQ(opened_.threads, 3U);
  EXPECT_EQ(engine_->queries.back().collection, "filed");
  ::setenv("PICTOR_DATA", "/from/environment", 1);
  ::setenv("PICTOR_COLLECTION", "environed", 1);
  ASSERT_EQ(run({"--config", config, "search", "--text", "x"}), 0) << err();
  EXPECT_EQ(opened_.data_folder, "/from/environment");
  EXPECT_EQ(opened_.threads, 3U);
  EXPECT_EQ(engine_->queries.back().collection, "environed");
  ASSERT_EQ(run({"search", "--config", config, "--text", "x", "--data", "/from/option", "-c", "opted"}), 0) << err();
  EXPECT_EQ(opened_.data_folder, "/from/option");
  EXPECT_EQ(engine_->queries.back().collection, "opted");
  ::unsetenv("PICTOR_DATA");
  ::unsetenv("PICTOR_COLLECTION");
}

TEST_F(CliTest, the_default_file_is_read_and_a_wrong_key_or_a_missing_named_file_is_an_error) {
  folder_.write("pictor/pictor.toml", "weights = \"/w\"\n");
  ASSERT_EQ(run({"stats"}), 0) << err();
  EXPECT_EQ(opened_.weights_folder, "/w");
  folder_.write("pictor/pictor.toml", "wieghts = \"/w\"\n");
  EXPECT_EQ(run({"stats"}), 2);
  EXPECT_NE(err().find("wieghts"), std::string::npos) << err();
  EXPECT_EQ(run({"stats", "--config", "/no/such.toml"}), 2);
  EXPECT_NE(err().find("/no/such.toml"), std::string::npos) << err();
  folder_.write("pictor/pictor.toml", "");
  ::setenv("PICTOR_CONFIG", "/no/such/either.toml", 1);
  EXPECT_EQ(run({"stats"}), 2);
  EXPECT_NE(err().find("/no/such/either.toml"), std::string::npos) << err();
  ::unsetenv("PICTOR_CONFIG");
}

// --- index ---

TEST_F(CliTest, index_ends_with_a_summary_and_lists_what_was_refused) {
  folder_.write("photos/a.png", "x");
  folder_.write("photos/notes.txt", "x");
  std::filesystem::create_directories(folder_ / "photos/sub");
  folder_.write("m.csv", "path\nmissing.png\n");
  ASSERT_EQ(run({"index", folder_ / "photos", folder_ / "m.csv", "-c", "pets", "--no-progress"}), 0) << err();
  EXPECT_EQ(engine_->requests.back().collection, "pets");
  EXPECT_EQ(engine_->ingested.back().id, "a.png");
  EXPECT_TRUE(out().starts_with("Indexed 2 pictures into 'pets' in 2.0 s (1.0 img/s, 4.0 core-seconds)\n")) << out();
  EXPECT_NE(out().find("added              1\n"), std::string::npos) << out();
  EXPECT_NE(out().find("refused            1\n"), std::string::npos) << out();
  EXPECT_NE(out().find("not_found"), std::string::npos) << out();
  EXPECT_NE(out().find("1 not pictures by name"), std::string::npos) << out();
  EXPECT_EQ(split(err(), '\n').size(), 2U) << err();  // one line for the bad picture
  EXPECT_TRUE(err().starts_with("refused: " + folder_.path())) << err();
}

TEST_F(CliTest, index_writes_the_quarantine_file_and_json) {
  folder_.write("m.csv", "path\nmissing.png\n\xFF.png\na.png\n");
  folder_.write("a.png", "x");
  ASSERT_EQ(run({"index", folder_ / "m.csv", "--quarantine", folder_ / "refused.jsonl", "--json"}), 0) << err();
  const std::vector<std::string> lines = split(folder_.read("refused.jsonl"), '\n');
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_EQ(Json::parse(lines[0])["code"], "not_found");
  EXPECT_EQ(Json::parse(lines[1])["code"], "invalid");
  const Json summary = Json::parse(out());
  EXPECT_EQ(summary["seen"], 3);
  EXPECT_EQ(summary["added"], 1);
  EXPECT_EQ(summary["quarantined_by_cause"]["not_found"], 1);
  EXPECT_EQ(summary["core_seconds"], 4.0);
  EXPECT_EQ(summary["cancelled"], false);
}

TEST_F(CliTest, index_fails_when_nothing_could_be_taken_or_when_strict) {
  folder_.write("good.png", "x");
  folder_.write("m.csv", "path\nmissing.png\n");
  EXPECT_EQ(run({"index", folder_ / "m.csv", "-q"}), 6);
  EXPECT_EQ(run({"index", folder_ / "m.csv", folder_ / "good.png", "-q"}), 0);
  EXPECT_EQ(run({"index", folder_ / "m.csv", folder_ / "good.png", "-q", "--strict"}), 6);
  std::filesystem::create_directories(folder_ / "empty");
  EXPECT_EQ(run({"index", folder_ / "empty", "-q"}), 3);
  EXPECT_EQ(run({"index", folder_ / "nowhere"}), 3);
}

TEST_F(CliTest, a_stopped_run_says_how_it_goes_on) {
  folder_.write("a.png", "x");
  folder_.write("b.png", "x");
  engine_->cancel_after = 1;
  EXPECT_EQ(run({"index", folder_.path(), "--no-progress"}), 9);
  EXPECT_TRUE(out().starts_with("Stopped after 1 picture")) << out();
  EXPECT_NE(err().find("The same command goes on from here"), std::string::npos) << err();
}

// --- the other commands ---

TEST_F(CliTest, delete_asks_and_refuses_when_nobody_can_be_asked) {
  add_item("a");
  add_item("b");
  EXPECT_EQ(run({"delete", "a"}), 2);
  EXPECT_NE(err().find("add --yes"), std::string::npos) << err();
  services_.terminal.in_is_tty = true;
  in_.str("n\n");
  EXPECT_EQ(run({"delete", "a"}), 9);
  EXPECT_EQ(engine_->items.size(), 2U);
  in_.clear();
  in_.str("y\n");
  EXPECT_EQ(run({"delete", "a"}), 0) << err();
  EXPECT_NE(err().find("Delete 1 item from 'default'? [y/N]"), std::string::npos) << err();
  EXPECT_EQ(engine_->items.size(), 1U);
  EXPECT_EQ(run({"delete", "nobody", "--yes"}), 3);
  EXPECT_EQ(run({"delete", "--where", "x = 1", "--yes", "--json"}), 0);
  EXPECT_EQ(Json::parse(out())["deleted"], 1);
  EXPECT_EQ(run({"delete"}), 2);
  EXPECT_EQ(run({"delete", "a", "--all", "--yes"}), 2);
  EXPECT_FALSE(engine_->dropped);
  EXPECT_EQ(run({"delete", "--all", "--yes"}), 0);
  EXPECT_TRUE(engine_->dropped);
}

TEST_F(CliTest, delete_purge_writes_a_certificate_and_says_what_was_not_there) {
  add_item("a");
  EXPECT_EQ(run({"delete", "a", "--purge"}), 2) << "nobody can be asked";
  EXPECT_EQ(run({"delete", "--all", "--purge", "--yes"}), 2);
  EXPECT_EQ(run({"delete", "a", "--certificate", "x.json", "--yes"}), 2);
  EXPECT_NE(err().find("--purge"), std::string::npos);
  ASSERT_EQ(run({"delete", "a", "--purge", "--yes", "--certificate", folder_ / "c.json"}), 0) << err();
  EXPECT_EQ(engine_->fake_upkeep.purged, std::vector<std::string>{"a"});
  EXPECT_EQ(as_text(read_file(Env::real(), folder_ / "c.json", 1000).value()), "{\"format\":\"pictor-erasure-1\"}\n");
  EXPECT_EQ(run({"delete", "a", "--purge", "--yes", "--certificate", folder_ / "c.json"}), 4) << "it is there";
  EXPECT_EQ(engine_->fake_upkeep.purged.size(), 1U) << "nothing is deleted that could not be certified";
  EXPECT_EQ(run({"delete", "a", "nobody", "--purge", "--yes", "--json"}), 3);
  EXPECT_NE(out().find("\"unknown\": [\n    \"nobody\"\n  ]"), std::string::npos) << out();
  EXPECT_NE(out().find("\"format\": \"pictor-erasure-1\""), std::string::npos) << out();
  EXPECT_EQ(run({"delete", "--where", "x = 1", "--purge", "--yes"}), 0);
  EXPECT_EQ(engine_->fake_upkeep.purged.size(), 3U);
}

TEST_F(CliTest, an_erased_item_is_said_to_be) {
  EXPECT_EQ(run({"get", "erased"}), 3);
  EXPECT_NE(err().find("it was erased at 2023-11-14"), std::string::npos) << err();
}

TEST_F(CliTest, compact_merges_and_drops_history_only_when_told) {
  ASSERT_EQ(run({"compact", "photos"}), 0) << err();
  EXPECT_EQ(out(), "5 segments of 3.0 MiB, now 1 segment of 3.0 MiB (3.0 MiB written)\n");
  EXPECT_FALSE(engine_->fake_upkeep.compactions.back().drop_history);
  EXPECT_EQ(run({"compact", "photos", "--older-than", "3"}), 2);
  EXPECT_EQ(run({"compact", "photos", "--drop-history"}), 2) << "nobody can be asked";
  ASSERT_EQ(run({"compact", "photos", "--all", "--drop-history", "--older-than", "3", "--yes"}), 0) << err();
  EXPECT_TRUE(engine_->fake_upkeep.compactions.back().everything);
  EXPECT_EQ(engine_->fake_upkeep.compactions.back().older_than_days, 3U);
  EXPECT_NE(out().find("Dropped 7 replaced or deleted items"), std::string::npos) << out();
  ASSERT_EQ(run({"compact", "photos", "--json"}), 0);
  EXPECT_EQ(Json::parse(out())["segments_after"], 1);
  engine_->fake_upkeep.stopped = true;
  EXPECT_EQ(run({"compact", "photos"}), static_cast<int>(Code::kCancelled));
  EXPECT_EQ(run({"compact"}), 2);
}

TEST_F(CliTest, a_certificate_is_checked_by_the_data_folder_or_by_a_key) {
  const std::string file = folder_ / "c.json";
  EXPECT_EQ(run({"certificate", "check", file}), 3) << "there is none";
  ASSERT_TRUE(write_file_atomic(Env::real(), file, as_bytes("{}")).is_ok());
  engine_->fake_upkeep.checked = {Status::ok(),         "photos", "0123456789abcdef", 2, 1'700'000'000'000'000,
                                  1'700'000'001'000'000};
  ASSERT_EQ(run({"certificate", "check", file}), 0) << err();
  EXPECT_NE(out().find("signed by key 0123456789abcdef\n2 items of 'photos' erased between 2023-11-14"),
            std::string::npos)
      << out();
  engine_->fake_upkeep.checked.problem = {Code::kCorrupt, "the certificate was changed"};
  EXPECT_EQ(run({"certificate", "check", file, "--json"}), 12);
  EXPECT_NE(out().find("\"ok\": false"), std::string::npos) << out();
  ASSERT_TRUE(write_file_atomic(Env::real(), folder_ / "key", as_bytes("no key")).is_ok());
  EXPECT_EQ(run({"certificate", "check", file, "--public-key", folder_ / "key"}), 12);
  EXPECT_EQ(run({"certificate"}), 2);
}

TEST_F(CliTest, get_prints_an_item_and_writes_its_picture) {
  add_item("a.png", R"({"year": 2024})", "a\ncat");
  EXPECT_EQ(run({"get", "nobody"}), 3);
  ASSERT_EQ(run({"get", "a.png"}), 0) << err();
  EXPECT_NE(out().find("metadata.year     2024\n"), std::string::npos) << out();
  EXPECT_NE(out().find("a?cat"), std::string::npos) << out();
  EXPECT_EQ(run({"get", "a.png", "--picture", folder_ / "p.png"}), 3);
  engine_->kept_picture.resize(4);
  EXPECT_EQ(run({"get", "a.png", "--picture", folder_ / "p.png"}), 0) << err();
  EXPECT_EQ(folder_.read("p.png").size(), 4U);
  EXPECT_EQ(run({"get", "a.png", "--picture", folder_ / "p.png"}), 4);
  EXPECT_EQ(run({"get", "a.png", "--picture", folder_ / "p.png", "--force"}), 0);
}

TEST_F(CliTest, get_writes_kept_tokens_behind_a_header) {
  add_item("a.png");
  EXPECT_EQ(run({"get", "a.png", "--tokens", folder_ / "t"}), 3);
  EXPECT_NE(err().find("no tokens of item 'a.png' are kept"), std::string::npos) << err();
  engine_->kept_tokens = {{1, 2, 3}, "int8", {1, 2, 3, 4, 5, 6.5F}};
  ASSERT_EQ(run({"get", "a.png", "--tokens", folder_ / "t"}), 0) << err();
  EXPECT_NE(out().find("1 x 2 of 3 numbers, kept as int8"), std::string::npos) << out();
  const std::string file = folder_.read("t");
  ASSERT_EQ(file.size(), 32U + 6 * sizeof(float));
  EXPECT_TRUE(file.starts_with("PICTOKEN"));
  std::uint32_t header[4];
  float last = 0;
  std::memcpy(header, file.data() + 8, sizeof(header));
  std::memcpy(&last, file.data() + 32 + 5 * sizeof(float), sizeof(last));
  EXPECT_EQ(std::vector<std::uint32_t>(header, header + 4), (std::vector<std::uint32_t>{1, 1, 2, 3}));
  EXPECT_EQ(last, 6.5F);
}

TEST_F(CliTest, index_hands_on_what_tokens_are_to_be_kept) {
  folder_.write("in/a.png", "x");
  EXPECT_EQ(run({"index", folder_ / "in", "--tokens", "f32"}), 2);
  EXPECT_EQ(run({"index", folder_ / "in", "--tokens", "int8", "--tokens-dim", "128"}), 0) << err();
  ASSERT_EQ(engine_->requests.size(), 1U);
  EXPECT_EQ(engine_->requests[0].tokens, "int8");
  EXPECT_EQ(engine_->requests[0].tokens_dim, 128U);
}

TEST_F(CliTest, verify_ends_with_12_when_something_is_damaged) {
  EXPECT_EQ(run({"verify"}), 0);
  engine_->faults = {{"default", "segment 3", "checksum differs", "pictor rebuild"}};
  EXPECT_EQ(run({"verify"}), 12);
  EXPECT_NE(out().find("fault in 'default', segment 3: checksum differs"), std::string::npos) << out();
  EXPECT_EQ(run({"verify", "--json"}), 12);
  EXPECT_EQ(err().find("moved aside"), std::string::npos) << err();
}

TEST_F(CliTest, verify_moves_damaged_segments_aside_when_told_to) {
  EXPECT_EQ(run({"verify", "--quarantine"}), 0);
  EXPECT_EQ(err().find("moved aside"), std::string::npos) << err();
  engine_->faults = {{"default", "segments/3.seg", "checksum differs", "pictor verify --quarantine"}};
  engine_->quarantined = 1;
  EXPECT_EQ(run({"verify", "--quarantine"}), 12);
  EXPECT_NE(err().find("'default': 1 damaged segment was moved aside"), std::string::npos) << err();
  EXPECT_EQ(run({"verify", "--quarantine", "--backup", "/b"}), static_cast<int>(Code::kInvalid));
}

TEST_F(CliTest, rebuild_makes_all_graphs_or_those_that_are_missing) {
  engine_->indexes = {"graph", "all of them fit", 1 << 30, 2, 1, 3, 20'000, 4096, 1.5, false};
  ASSERT_EQ(run({"rebuild", "--missing"}), 0) << err();
  EXPECT_EQ(out(),
            "2 graphs made of 'default' in 1.5 s (20,000 vectors)\n  graphs: all of them fit\n"
            "  1 index was there and whole\n"
            "  3 segments and heads have fewer than 8,192 vectors: scanned, which is as quick\n  4.0 KiB of indexes\n");
  EXPECT_FALSE(engine_->indexes_requests.at(0).again);
  engine_->indexes.cancelled = true;
  EXPECT_EQ(run({"--json", "rebuild", "-c", "shop"}), static_cast<int>(Code::kCancelled));
  EXPECT_EQ(engine_->indexes_requests.at(1).collection, "shop");
  EXPECT_TRUE(engine_->indexes_requests.at(1).again);
  EXPECT_NE(out().find("\"cancelled\": true"), std::string::npos) << out();
}

TEST_F(CliTest, rebuild_takes_a_memory_budget_and_an_index_type_and_says_why) {
  engine_->indexes.kind = "lists";
  engine_->indexes.why = "graphs would be too large";
  engine_->indexes.made = 1;
  ASSERT_EQ(run({"rebuild", "--memory-budget", "1.5GiB", "--index-type", "lists"}), 0) << err();
  EXPECT_EQ(engine_->indexes_requests.at(0).memory_bytes, std::uint64_t{3} << 29);
  EXPECT_EQ(engine_->indexes_requests.at(0).index_type, "lists");
  EXPECT_NE(out().find("1 list file made of 'default'"), std::string::npos) << out();
  EXPECT_NE(out().find("  lists: graphs would be too large\n"), std::string::npos) << out();
  ASSERT_EQ(run({"--json", "rebuild", "--memory-budget", "default"}), 0) << err();
  EXPECT_EQ(engine_->indexes_requests.at(1).memory_bytes, 0U);
  EXPECT_NE(out().find("\"why\": \"graphs would be too large\""), std::string::npos) << out();
  ASSERT_EQ(run({"rebuild"}), 0) << err();
  EXPECT_FALSE(engine_->indexes_requests.at(2).memory_bytes.has_value());
  EXPECT_EQ(engine_->indexes_requests.at(2).index_type, "");
}

TEST_F(CliTest, a_memory_budget_that_is_none_is_refused_with_what_was_wanted) {
  for (const char* wrong : {"lots", "2 apples", "-1GiB", "2GB", "1e9", "nan", "1.5"}) {
    EXPECT_EQ(run({"rebuild", "--memory-budget", wrong}), 2) << wrong;
  }
  EXPECT_EQ(run({"rebuild", "--memory-budget", "lots"}), 2);
  EXPECT_NE(err().find("'lots' is no memory budget: wanted a number and KiB, MiB, GiB or TiB"), std::string::npos)
      << err();
  EXPECT_EQ(run({"rebuild", "--memory-budget", "1MiB"}), 2);
  EXPECT_NE(err().find("a memory budget of 1.0 MiB was given; wanted 64 MiB to"), std::string::npos) << err();
  EXPECT_EQ(run({"rebuild", "--index-type", "hnsw"}), 2);
  EXPECT_TRUE(engine_->indexes_requests.empty());
}

TEST_F(CliTest, index_takes_a_memory_budget_unless_it_makes_no_indexes) {
  folder_.write("in/a.png", "x");
  ASSERT_EQ(run({"index", folder_ / "in", "--memory-budget", "128MiB"}), 0) << err();
  EXPECT_EQ(engine_->indexes_requests.at(0).memory_bytes, 128 * limits::kMiB);
  EXPECT_EQ(run({"index", folder_ / "in", "--memory-budget", "128MiB", "--no-graphs"}), 2);
  EXPECT_EQ(run({"index", folder_ / "in", "--memory-budget", "much"}), 2);
  EXPECT_EQ(engine_->indexes_requests.size(), 1U);
}

TEST_F(CliTest, index_makes_graphs_at_its_end_unless_told_not_to) {
  folder_.write("in/a.png", "x");
  engine_->indexes.made = 1;
  engine_->indexes.rows = 9000;
  ASSERT_EQ(run({"index", folder_ / "in"}), 0) << err();
  EXPECT_NE(out().find("graphs             1  over 9,000 vectors"), std::string::npos) << out();
  ASSERT_EQ(run({"index", folder_ / "in", "--no-graphs"}), 0) << err();
  EXPECT_EQ(engine_->indexes_requests.size(), 1U);
  EXPECT_FALSE(engine_->indexes_requests[0].again);
}

TEST_F(CliTest, stats_show_graphs_and_live_recall) {
  ASSERT_EQ(run({"stats"}), 0) << err();
  EXPECT_NE(out().find("graphs        3, 4.0 KiB, 40 bytes a vector\n"), std::string::npos) << out();
  EXPECT_NE(out().find("lists         1, 2.0 KiB, 20 bytes a vector\n"), std::string::npos) << out();
  EXPECT_NE(out().find("index type    auto, memory budget 4.0 GiB, half of what this machine has\n"),
            std::string::npos);
  EXPECT_NE(out().find("memory        800 bytes resident; 1.0 MiB mapped, of which"), std::string::npos) << out();
  EXPECT_NE(out().find("recall@10     0.9850 (0.9500 to 0.9990, 40 live queries)\n"), std::string::npos) << out();
}

TEST_F(CliTest, export_npy_has_the_rows_and_their_ids_beside) {
  add_item("a");
  add_item("b\n");
  engine_->items.push_back({});  // without vectors: left out
  ASSERT_EQ(run({"export", folder_ / "v.npy"}), 0) << err();
  const std::string npy = folder_.read("v.npy");
  ASSERT_EQ(npy.size(), 128 + 2 * 2 * sizeof(float));
  EXPECT_TRUE(npy.starts_with(std::string("\x93NUMPY\x01\x00\x76\x00", 10)));
  EXPECT_NE(npy.find("'shape': (2, 2), }"), std::string::npos);
  EXPECT_EQ(npy[127], '\n');
  float first = 0;
  std::memcpy(&first, npy.data() + 128, sizeof first);
  EXPECT_EQ(first, 0.5F);
  EXPECT_EQ(folder_.read("v.ids.jsonl"), "\"a\"\n\"b\\n\"\n");
  EXPECT_EQ(run({"export", folder_ / "v.npy"}), 4);
  EXPECT_EQ(run({"export", folder_ / "w.npy", "--head", "none"}), 3);
  EXPECT_FALSE(std::filesystem::exists(folder_ / "w.npy"));
  ASSERT_EQ(run({"export", "-", "--no-vectors"}), 0) << err();
  EXPECT_EQ(Json::parse(split(out(), '\n')[0])["id"], "a");
}

TEST_F(CliTest, numpy_reads_what_export_wrote) {
  const std::string python = PICTOR_DEPS_DIR "/venv/bin/python";
  if (!std::filesystem::exists(python)) {
    if (!environment("CI").empty()) FAIL() << python << " is missing";
    GTEST_SKIP() << python << " is missing";
  }
  add_item("a");
  ASSERT_EQ(run({"export", folder_ / "v.npy"}), 0) << err();
  const std::string check = python + " -c \"import numpy; a = numpy.load('" + (folder_ / "v.npy") +
                            "'); assert a.shape == (1, 2) and a.dtype == 'float32' and list(a[0]) == [.5, -.5]\"";
  EXPECT_EQ(std::system(check.c_str()), 0);  // NOLINT(concurrency-mt-unsafe)
}

TEST_F(CliTest, embed_prints_vectors_of_pictures_or_words) {
  ASSERT_EQ(run({"embed", "--text", "a", "--text", "b"}), 0) << err();
  const Json json = Json::parse(out());
  EXPECT_EQ(json["head"], "joint");
  EXPECT_EQ(json["vectors"][1]["input"], "b");
  EXPECT_EQ(json["vectors"][1]["vector"][0], 1.0);
  const std::string image = folder_.write("a.png", "x");
  ASSERT_EQ(run({"embed", "--image", image, "--format", "npy"}), 0) << err();
  EXPECT_EQ(out().size(), 128 + 2 * sizeof(float));
  EXPECT_EQ(run({"embed"}), 2);
  EXPECT_EQ(run({"embed", "--text", "a", "--image", image}), 2);
}

TEST_F(CliTest, bench_measures_pictures_and_searches) {
  folder_.write("a.png", "x");
  add_item("a");
  ASSERT_EQ(run({"bench", folder_.path(), "--seconds", "0.1", "-c", "default", "--queries", "5", "--json"}), 0)
      << err();
  const Json json = Json::parse(out());
  EXPECT_GT(json["embed"]["pictures"], 0);
  EXPECT_EQ(json["search"]["queries"], 5);
  EXPECT_EQ(run({"bench"}), 2);
}

TEST_F(CliTest, lists_are_tables_or_json) {
  ASSERT_EQ(run({"collections"}), 0);
  EXPECT_TRUE(out().starts_with("collection  items  encoder  keep")) << out();
  ASSERT_EQ(run({"collections", "--json"}), 0);
  EXPECT_EQ(Json::parse(out())["collections"][0]["name"], "default");
  ASSERT_EQ(run({"encoders"}), 0);
  EXPECT_NE(out().find("try: make models"), std::string::npos) << out();
  ASSERT_EQ(run({"encoders", "--json"}), 0);
  EXPECT_EQ(Json::parse(out())["encoders"][0]["ready"], false);
  ASSERT_EQ(run({"stats", "--json"}), 0);
  EXPECT_EQ(Json::parse(out())["heads"][0]["metric"], "cosine");
  ASSERT_EQ(run({"version"}), 0);
  EXPECT_EQ(out(), "pictor 1.2.3 (for tests)\ndecoders: none\n");
  ASSERT_EQ(run({"--version"}), 0);
  EXPECT_EQ(out(), "pictor 1.2.3\n");
}

TEST_F(CliTest, a_full_disk_behind_standard_output_is_an_error) {
  add_item("a");
  out_.setstate(std::ios::badbit);
  EXPECT_EQ(run({"collections"}), 11);
  out_.clear();
}

// --- what is written from the declarations ---

TEST_F(CliTest, the_committed_reference_is_what_the_program_writes) {
  const std::string path = PICTOR_SOURCE_DIR "/docs/reference/cli.md";
  std::ifstream in(path);
  const std::string committed{std::istreambuf_iterator<char>(in), {}};
  ASSERT_EQ(run({"help-all", "--format", "markdown"}), 0);
  EXPECT_TRUE(committed == out())
      << "docs/reference/cli.md is stale; run: build/dev/pictor help-all --format markdown > docs/reference/cli.md";
}

TEST_F(CliTest, completion_scripts_know_every_command_and_their_shells_accept_them) {
  for (const std::string shell : {"bash", "zsh", "fish"}) {
    ASSERT_EQ(run({"completion", shell}), 0) << err();
    for (const char* command : kCommands) EXPECT_NE(out().find(command), std::string::npos) << shell << " " << command;
    EXPECT_NE(out().find("where"), std::string::npos) << shell;
    const std::string file = folder_.write("script." + shell, out());
    const int status = std::system(("command -v " + shell + " >/dev/null || exit 0; " + shell + " -n " + file)
                                       .c_str());  // NOLINT(concurrency-mt-unsafe)
    EXPECT_EQ(status, 0) << shell;
  }
  EXPECT_EQ(run({"completion", "tcsh"}), 2);
}

TEST_F(CliTest, bash_completes_commands_options_and_values) {
  ASSERT_EQ(run({"completion", "bash"}), 0);
  const std::string script = folder_.write("script", out());
  const auto complete = [&](const std::string& words, int at) {
    const std::string result = folder_ / "result";
    const std::string command = "bash -c 'source " + script + "; COMP_WORDS=(" + words +
                                "); COMP_CWORD=" + std::to_string(at) + "; _pictor; echo ${COMPREPLY[*]}' > " + result;
    EXPECT_EQ(std::system(command.c_str()), 0);  // NOLINT(concurrency-mt-unsafe)
    return folder_.read("result");
  };
  EXPECT_EQ(complete("pictor sea", 1), "search\n");
  EXPECT_EQ(complete("pictor search --thumb", 2), "--thumbnails\n");
  EXPECT_EQ(complete("pictor search --thumbnails a", 3), "auto always\n");
  EXPECT_EQ(complete("pictor --data /tmp index --keep thu", 5), "thumbnail\n");
  EXPECT_EQ(complete("pictor completion z", 2), "zsh\n");
  EXPECT_EQ(complete("pictor index --js", 2), "--json\n");
}

TEST_F(CliTest, the_manual_page_has_every_command_and_troff_finds_no_fault) {
  ASSERT_EQ(run({"man"}), 0);
  for (const char* command : kCommands) {
    std::string name = command;
    if (const auto at = name.find('-'); at != std::string::npos) name.insert(at, "\\");
    EXPECT_NE(out().find(".SS pictor " + name), std::string::npos) << command;
  }
  const std::string page = folder_.write("pictor.1", out());
  const std::string check =
      "command -v groff >/dev/null || exit 0; test -z \"$(groff -man -Tascii -ww -z " + page + " 2>&1)\"";
  EXPECT_EQ(std::system(check.c_str()), 0);  // NOLINT(concurrency-mt-unsafe)
}

}  // namespace
}  // namespace pictor
