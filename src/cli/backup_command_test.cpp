// pictor backup, restore, history and --as-of as they are typed.
#include <nlohmann/json.hpp>

#include "cli/cli_testing.h"
#include "cli/copy_output.h"
#include "cli/text.h"

namespace pictor {
namespace {

using Json = nlohmann::json;

TEST_F(CliTest, backup_asks_the_engine_and_tells_what_was_copied) {
  ASSERT_EQ(run({"backup", "/mnt/disk/../disk/b/", "-c", "shop", "--rate", "0.5", "--recheck"}), 0) << err();
  ASSERT_EQ(engine_->backup_requests.size(), 1U);
  const BackupRequest& request = engine_->backup_requests[0];
  EXPECT_EQ(request.path, "/mnt/disk/b");
  EXPECT_EQ(request.collection, "shop");
  EXPECT_TRUE(request.recheck);
  EXPECT_EQ(request.copy.bytes_per_second, 524'288U);
  EXPECT_NE(
      out().find("Backed up 1 collection, 5 files of 4.0 KiB (2.0 KiB copied, the rest was there), to /mnt/disk/b"),
      std::string::npos)
      << out();
  EXPECT_NE(out().find("2026-05-31 13:02:11 UTC"), std::string::npos) << out();
  ASSERT_EQ(run({"backup", "b", "--json"}), 0);
  EXPECT_EQ(engine_->backup_requests[1].path.front(), '/') << "a place is remembered by its whole path";
  const Json report = Json::parse(out());
  EXPECT_EQ(report["collections"][0]["sequence"], 7);
  EXPECT_EQ(report["bytes_copied"], 2048);
}

TEST_F(CliTest, backup_lists_and_forgets_places) {
  ASSERT_EQ(run({"backup", "--list"}), 0);
  EXPECT_NE(out().find("No backup was made"), std::string::npos);
  engine_->places = {{"/mnt/a", "", 1, 1'780'232'531'000'000}, {"/mnt/b", "shop", 2, std::nullopt}};
  ASSERT_EQ(run({"backup", "--list"}), 0);
  EXPECT_NE(out().find("never whole"), std::string::npos) << out();
  ASSERT_EQ(run({"backup", "--list", "--json"}), 0);
  EXPECT_EQ(Json::parse(out())["backups"][1]["made_us"], nullptr);
  ASSERT_EQ(run({"backup", "--forget", "/mnt/b/"}), 0);
  EXPECT_EQ(engine_->forgotten, "/mnt/b");
  EXPECT_EQ(run({"backup"}), 2);
  EXPECT_EQ(run({"backup", "/mnt/a", "--list"}), 2);
  EXPECT_EQ(run({"backup", "/mnt/a", "--rate", "0"}), 2);
}

TEST_F(CliTest, restore_and_verify_of_what_is_no_backup_say_so) {
  EXPECT_EQ(run({"restore", folder_.path(), "--to", folder_.path() + "/new"}), 3);
  EXPECT_NE(err().find("holds no whole backup"), std::string::npos) << err();
  EXPECT_EQ(run({"verify", "--backup", folder_.path()}), 3);
  EXPECT_EQ(run({"verify", "--backup", folder_.path(), "--rederive"}), 2);
  ASSERT_TRUE(write_file_atomic(Env::real(), folder_.path() + "/backup.json", as_bytes("{}")).is_ok());
  EXPECT_EQ(run({"verify", "--backup", folder_.path()}), 12);
  EXPECT_NE(out().find("fault in " + folder_.path() + "/backup.json"), std::string::npos) << out();
}

TEST_F(CliTest, history_shows_versions_newest_first) {
  EXPECT_EQ(run({"history", "cat.png"}), 3);
  EXPECT_EQ(err().find("erased"), std::string::npos) << err();
  EXPECT_EQ(run({"history", "erased"}), 3);
  EXPECT_NE(err().find("was erased at 2023-11-14"), std::string::npos) << err();
  StoredVersion version;
  version.id = "cat.png";
  version.born = 3;
  version.born_us = 1'780'232'531'000'000;
  version.batch = "nightly";
  version.content = std::string(64, 'c');
  version.spaces = {{"joint", std::string(64, 'a')}};
  StoredVersion older = version;
  older.born = 1;
  older.died = 3;
  older.died_us = version.born_us;
  engine_->versions = {version, older};
  ASSERT_EQ(run({"history", "cat.png"}), 0);
  EXPECT_NE(out().find("alive"), std::string::npos);
  EXPECT_NE(out().find("2026-05-31 13:02:11 UTC, 3"), std::string::npos) << out();
  EXPECT_NE(out().find("joint aaaaaaaa"), std::string::npos) << out();
  ASSERT_EQ(run({"history", "cat.png", "--json"}), 0);
  const Json json = Json::parse(out());
  EXPECT_EQ(json["versions"][0]["died"], nullptr);
  EXPECT_EQ(json["versions"][1]["died"], 3);
  EXPECT_EQ(json["versions"][1]["batch"], "nightly");
}

TEST_F(CliTest, as_of_names_the_moment_that_is_read) {
  add_item("cat.png");
  ASSERT_EQ(run({"search", "--text", "cat", "--as-of", "12"}), 0) << err();
  EXPECT_EQ(engine_->queries.back().as_of.kind, AsOf::Kind::kSequence);
  EXPECT_EQ(engine_->queries.back().as_of.sequence, 12U);
  EXPECT_NE(out().find("as of sequence"), std::string::npos) << out();
  ASSERT_EQ(run({"get", "cat.png", "--as-of", "2026-05-31T13:02:11Z"}), 0) << err();
  EXPECT_EQ(engine_->asked_as_of.time_us, 1'780'232'531'000'000);
  ASSERT_EQ(run({"export", "-", "--as-of", "nightly"}), 0) << err();
  EXPECT_EQ(engine_->asked_as_of.batch, "nightly");
  EXPECT_EQ(run({"search", "--text", "cat", "--as-of", "2026-05-31"}), 2);
  EXPECT_NE(err().find("wanted is a time with its zone"), std::string::npos) << err();
  EXPECT_EQ(run({"get", "cat.png", "--as-of", "12", "--tokens", "t"}), 2);
}

TEST(CopyBar, says_how_far_it_is_and_fits_its_width) {
  const CopyProgress progress{"shop", 512 << 20, 1024 << 20, 0, 8};
  const std::string bar = copy_bar(progress, 100);
  EXPECT_EQ(bar, "[##########----------]  50%  512 MiB of 1.0 GiB  64 MiB/s  0:08 left  'shop'");
  EXPECT_LE(display_width(copy_bar(progress, 40)), 40U);
}

}  // namespace
}  // namespace pictor
