#include "db/db.h"

#include <gtest/gtest.h>
#include <sqlite3.h>

#include <string>

namespace pictor {
namespace {

constexpr Migration kMigrations[] = {
    {1, "CREATE TABLE rows(id INTEGER PRIMARY KEY, name TEXT UNIQUE, data BLOB, real REAL) STRICT"},
    {2, "ALTER TABLE rows ADD COLUMN note TEXT"},
};

std::unique_ptr<Database> open_rows(Env& env, const std::string& path = "rows.db") {
  auto database = Database::open(env, path, {.busy_wait_ms = 0});
  EXPECT_TRUE(database.is_ok()) << database.status().to_string();
  const auto migrated = database.value()->migrate(kMigrations);
  EXPECT_TRUE(migrated.is_ok()) << migrated.to_string();
  return std::move(database).value();
}

std::int64_t integer_of(Database& database, std::string_view sql) {
  auto statement = database.prepare(sql);
  EXPECT_TRUE(statement.is_ok()) << statement.status().to_string();
  const auto row = statement.value()->step();
  EXPECT_TRUE(row.is_ok() && row.value()) << row.status().to_string();
  return statement.value()->integer(0);
}

std::string text_of(Database& database, std::string_view sql) {
  auto statement = database.prepare(sql);
  EXPECT_TRUE(statement.is_ok()) << statement.status().to_string();
  EXPECT_TRUE(statement.value()->step().is_ok());
  return std::string(statement.value()->text(0));
}

class Db : public ::testing::Test {
 protected:
  SimulatedEnv env_{1};
};

TEST_F(Db, values_come_back_as_they_were_bound) {
  auto database = open_rows(env_);
  auto insert = std::move(database->prepare("INSERT INTO rows(id, name, data, real) VALUES(?, ?, ?, ?)")).value();
  const Bytes data = {std::byte{0}, std::byte{255}, std::byte{7}};
  insert->bind(0, std::int64_t{1} << 62);
  insert->bind(1, std::string_view("a\0b", 3));
  insert->bind(2, ByteView(data));
  insert->bind(3, 0.1);
  ASSERT_FALSE(insert->step().value());
  EXPECT_EQ(database->changes(), 1);
  insert->reset();
  insert->bind(0, std::int64_t{2});
  insert->bind(1, std::string_view());
  insert->bind(2, ByteView());
  insert->bind_null(3);
  ASSERT_FALSE(insert->step().value());

  auto select = std::move(database->prepare("SELECT id, name, data, real FROM rows ORDER BY id DESC")).value();
  ASSERT_TRUE(select->step().value());
  EXPECT_EQ(select->integer(0), std::int64_t{1} << 62);
  EXPECT_EQ(select->text(1), std::string_view("a\0b", 3));
  EXPECT_EQ(Bytes(select->blob(2).begin(), select->blob(2).end()), data);
  EXPECT_EQ(select->real(3), 0.1);
  ASSERT_TRUE(select->step().value());
  EXPECT_FALSE(select->is_null(1)) << "empty text is not NULL";
  EXPECT_FALSE(select->is_null(2)) << "an empty blob is not NULL";
  EXPECT_TRUE(select->is_null(3));
  EXPECT_TRUE(select->is_null(99)) << "no such column";
  EXPECT_FALSE(select->step().value());
  EXPECT_FALSE(select->step().value()) << "stays at the end";
  EXPECT_EQ(select->integer(0), 0);
}

TEST_F(Db, a_wrong_bind_is_answered_by_the_step_and_forgotten_by_the_reset) {
  auto database = open_rows(env_);
  auto select = std::move(database->prepare("SELECT ?")).value();
  select->bind(1, std::int64_t{1});
  const auto row = select->step();
  EXPECT_EQ(row.status().code(), Code::kInvalid);
  EXPECT_NE(row.status().message().find("parameter 1"), std::string::npos) << row.status().message();
  select->reset();
  select->bind(0, std::int64_t{5});
  ASSERT_TRUE(select->step().value());
  EXPECT_EQ(select->integer(0), 5);
  select->bind(0, std::int64_t{6});
  ASSERT_TRUE(select->step().value()) << "binding after a step resets";
  EXPECT_EQ(select->integer(0), 6);
}

TEST_F(Db, values_and_statements_past_their_limits_are_refused) {
  auto database = open_rows(env_);
  auto select = std::move(database->prepare("SELECT length(?)")).value();
  select->bind(0, ByteView(Bytes(limits::kDatabaseValueBytesMax)));
  EXPECT_TRUE(select->step().is_ok());
  select->bind(0, ByteView(Bytes(limits::kDatabaseValueBytesMax + 1)));
  EXPECT_EQ(select->step().status().code(), Code::kLimit);
  const std::string longest = "SELECT 1" + std::string(limits::kDatabaseSqlBytesMax - 8, ' ');
  EXPECT_TRUE(database->prepare(longest).is_ok());
  EXPECT_EQ(database->prepare(longest + " ").status().code(), Code::kLimit);
}

TEST_F(Db, prepare_takes_exactly_one_statement) {
  auto database = open_rows(env_);
  EXPECT_EQ(database->prepare("SELECT 1; SELECT 2").status().code(), Code::kInvalid);
  EXPECT_EQ(database->prepare("").status().code(), Code::kInvalid);
  EXPECT_EQ(database->prepare("-- nothing").status().code(), Code::kInvalid);
  EXPECT_EQ(database->prepare("SELEKT 1").status().code(), Code::kInvalid);
  EXPECT_TRUE(database->prepare("SELECT 1; ").is_ok());
}

TEST_F(Db, a_repeated_key_exists_and_other_broken_rules_are_invalid) {
  auto database = open_rows(env_);
  ASSERT_TRUE(database->exec("INSERT INTO rows(id, name) VALUES(1, 'a')").is_ok());
  EXPECT_EQ(database->exec("INSERT INTO rows(id, name) VALUES(2, 'a')").code(), Code::kExists);
  EXPECT_EQ(database->exec("INSERT INTO rows(id, name) VALUES(1, 'b')").code(), Code::kExists);
  EXPECT_EQ(database->exec("INSERT INTO rows(id, real) VALUES(3, 'no number')").code(), Code::kInvalid);
}

TEST_F(Db, a_transaction_is_rolled_back_unless_committed) {
  auto database = open_rows(env_);
  {
    auto transaction = std::move(Transaction::begin(*database)).value();
    ASSERT_TRUE(database->exec("INSERT INTO rows(id) VALUES(1)").is_ok());
  }
  EXPECT_EQ(integer_of(*database, "SELECT count(*) FROM rows"), 0);
  auto transaction = std::move(Transaction::begin(*database)).value();
  ASSERT_TRUE(database->exec("INSERT INTO rows(id) VALUES(1)").is_ok());
  ASSERT_TRUE(transaction.commit().is_ok());
  EXPECT_EQ(integer_of(*database, "SELECT count(*) FROM rows"), 1);
}

TEST_F(Db, a_statement_may_outlive_its_database) {
  auto database = open_rows(env_);
  auto select = std::move(database->prepare("SELECT 7")).value();
  database.reset();
  ASSERT_TRUE(select->step().value());
  EXPECT_EQ(select->integer(0), 7);
}

TEST_F(Db, opens_safe) {
  auto database = open_rows(env_);
  EXPECT_EQ(text_of(*database, "PRAGMA journal_mode"), "wal");
  EXPECT_EQ(integer_of(*database, "PRAGMA synchronous"), 2);
  EXPECT_EQ(integer_of(*database, "PRAGMA foreign_keys"), 1);
  EXPECT_EQ(integer_of(*database, "PRAGMA secure_delete"), 1);
  EXPECT_EQ(integer_of(*database, "PRAGMA trusted_schema"), 0);
  EXPECT_EQ(integer_of(*database, "PRAGMA cell_size_check"), 1);
  EXPECT_EQ(integer_of(*database, "PRAGMA temp_store"), 2);
  EXPECT_FALSE(database->exec("PRAGMA writable_schema=ON; UPDATE sqlite_schema SET sql='x'").is_ok());
  EXPECT_FALSE(database->exec("SELECT load_extension('x')").is_ok());
}

TEST_F(Db, migrations_run_once_in_order_and_a_newer_file_is_refused) {
  {
    auto database = open_rows(env_);
    EXPECT_EQ(integer_of(*database, "PRAGMA user_version"), 2);
    ASSERT_TRUE(database->migrate(kMigrations).is_ok());
    ASSERT_TRUE(database->exec("INSERT INTO rows(id, note) VALUES(1, 'n')").is_ok());
  }
  auto database = std::move(Database::open(env_, "rows.db")).value();
  const auto refused = database->migrate(std::span(kMigrations).first(1));
  EXPECT_EQ(refused.code(), Code::kMismatch);
  EXPECT_NE(refused.message().find("version 2"), std::string::npos) << refused.message();
  EXPECT_NE(refused.message().find("up to 1"), std::string::npos) << refused.message();
}

TEST_F(Db, a_failing_migration_leaves_nothing_of_itself) {
  auto database = open_rows(env_);
  const Migration broken[] = {kMigrations[0], kMigrations[1], {3, "CREATE TABLE more(x); CREATE TABLE rows(y)"}};
  const auto status = database->migrate(broken);
  EXPECT_EQ(status.code(), Code::kInvalid);
  EXPECT_NE(status.message().find("schema version 3"), std::string::npos) << status.message();
  EXPECT_EQ(integer_of(*database, "PRAGMA user_version"), 2);
  EXPECT_EQ(integer_of(*database, "SELECT count(*) FROM sqlite_schema WHERE name = 'more'"), 0);
}

TEST_F(Db, a_missing_file_is_not_made_unless_asked) {
  const auto opened = Database::open(env_, "none.db", {.create = false});
  EXPECT_EQ(opened.status().code(), Code::kNotFound) << opened.status().to_string();
  EXPECT_FALSE(exists(env_, "none.db"));
  EXPECT_EQ(Database::open(env_, "no-folder/none.db").status().code(), Code::kNotFound);
  EXPECT_EQ(Database::open(env_, "").status().code(), Code::kInvalid);
  EXPECT_EQ(Database::open(env_, std::string(limits::kPathBytesMax, 'x')).status().code(), Code::kInvalid);
}

TEST_F(Db, a_path_is_a_path_whatever_it_looks_like) {
  for (const std::string path : {":memory:", "file:x?mode=memory", "a b%20?c=d"}) {
    open_rows(env_, path);
    EXPECT_TRUE(exists(env_, path)) << path;
  }
}

TEST_F(Db, a_file_that_is_no_database_is_refused) {
  ASSERT_TRUE(write_file_atomic(env_, "rows.db", as_bytes(std::string(8192, 'x'))).is_ok());
  for (const bool read_only : {false, true}) {
    const auto opened = Database::open(env_, "rows.db", {.read_only = read_only});
    EXPECT_EQ(opened.status().code(), Code::kCorrupt) << opened.status().to_string();
    EXPECT_NE(opened.status().message().find("pictor verify"), std::string::npos) << opened.status().message();
  }
}

TEST_F(Db, damage_is_found_by_check) {
  {
    auto database = open_rows(env_);
    for (int i = 0; i < 500; ++i) {
      ASSERT_TRUE(database->exec("INSERT INTO rows(name, note) VALUES(hex(randomblob(16)), 'note')").is_ok());
    }
    ASSERT_TRUE(database->check().is_ok()) << database->check().to_string();
  }
  auto bytes = read_file(env_, "rows.db", 1 << 24).value();
  for (std::size_t page = 2; page * 4096 < bytes.size(); ++page) bytes[page * 4096 + 4] ^= std::byte{0x3F};
  ASSERT_TRUE(write_file_atomic(env_, "rows.db", bytes).is_ok());
  auto database = std::move(Database::open(env_, "rows.db")).value();
  const auto status = database->check();
  EXPECT_EQ(status.code(), Code::kCorrupt) << status.to_string();
}

TEST_F(Db, a_reference_to_nothing_is_found_by_check) {
  auto database = open_rows(env_);
  ASSERT_TRUE(database
                  ->exec("CREATE TABLE child(parent REFERENCES rows(id)); PRAGMA foreign_keys=OFF;"
                         "INSERT INTO child VALUES(9)")
                  .is_ok());
  const auto status = database->check();
  EXPECT_EQ(status.code(), Code::kCorrupt);
  EXPECT_NE(status.message().find("'child'"), std::string::npos) << status.message();
}

TEST_F(Db, a_full_disk_says_so_changes_nothing_and_is_overcome) {
  auto database = open_rows(env_);
  ASSERT_TRUE(database->exec("INSERT INTO rows(id) VALUES(1)").is_ok());
  env_.set_free_bytes(10'000);
  const auto status = database->exec("INSERT INTO rows(id, data) VALUES(2, zeroblob(100000))");
  EXPECT_EQ(status.code(), Code::kLimit);
  EXPECT_NE(status.message().find("free some space"), std::string::npos) << status.message();
  EXPECT_EQ(integer_of(*database, "SELECT count(*) FROM rows"), 1);
  env_.set_free_bytes(1 << 20);
  EXPECT_TRUE(database->exec("INSERT INTO rows(id, data) VALUES(2, zeroblob(100000))").is_ok());
  database.reset();
  database = open_rows(env_);
  EXPECT_EQ(integer_of(*database, "SELECT count(*) FROM rows"), 2);
  EXPECT_TRUE(database->check().is_ok());
}

TEST_F(Db, a_read_only_folder_is_read_and_not_written) {
  ASSERT_TRUE(env_.make_dirs("d").is_ok());
  { ASSERT_TRUE(open_rows(env_, "d/rows.db")->exec("INSERT INTO rows(id) VALUES(1)").is_ok()); }
  env_.set_read_only("d", true);
  const auto refused = Database::open(env_, "d/rows.db");
  EXPECT_EQ(refused.status().code(), Code::kDenied) << refused.status().to_string();
  const auto operations = env_.operations();
  auto database = std::move(Database::open(env_, "d/rows.db", {.read_only = true})).value();
  EXPECT_EQ(integer_of(*database, "SELECT count(*) FROM rows"), 1);
  EXPECT_EQ(database->exec("INSERT INTO rows(id) VALUES(2)").code(), Code::kDenied);
  EXPECT_TRUE(database->check().is_ok());
  database.reset();
  EXPECT_EQ(env_.operations(), operations);
}

TEST_F(Db, a_reader_that_came_first_sees_what_a_writer_then_writes) {
  { ASSERT_TRUE(open_rows(env_)->exec("INSERT INTO rows(id) VALUES(1)").is_ok()); }
  auto reader = std::move(Database::open(env_, "rows.db", {.read_only = true})).value();
  EXPECT_EQ(integer_of(*reader, "SELECT count(*) FROM rows"), 1);
  auto writer = open_rows(env_, "./rows.db");
  ASSERT_TRUE(writer->exec("INSERT INTO rows(id) VALUES(2)").is_ok());
  EXPECT_EQ(integer_of(*reader, "SELECT count(*) FROM rows"), 2);
  writer.reset();
  EXPECT_EQ(integer_of(*reader, "SELECT count(*) FROM rows"), 2);
}

TEST_F(Db, an_old_snapshot_stays_while_another_connection_writes) {
  auto writer = open_rows(env_);
  auto reader = open_rows(env_);
  ASSERT_TRUE(reader->exec("BEGIN").is_ok());
  EXPECT_EQ(integer_of(*reader, "SELECT count(*) FROM rows"), 0);
  ASSERT_TRUE(writer->exec("INSERT INTO rows(id) VALUES(1)").is_ok());
  EXPECT_EQ(integer_of(*reader, "SELECT count(*) FROM rows"), 0);
  EXPECT_EQ(writer->checkpoint().code(), Code::kBusy) << "the reader still needs the log";
  ASSERT_TRUE(reader->exec("COMMIT").is_ok());
  EXPECT_EQ(integer_of(*reader, "SELECT count(*) FROM rows"), 1);
  EXPECT_TRUE(writer->checkpoint().is_ok());
  EXPECT_EQ(env_.info("rows.db-wal").value().size, 0U);
}

TEST_F(Db, two_writers_exclude_each_other) {
  auto one = open_rows(env_);
  auto two = open_rows(env_);
  auto transaction = std::move(Transaction::begin(*one)).value();
  const auto refused = Transaction::begin(*two);
  EXPECT_EQ(refused.status().code(), Code::kBusy) << refused.status().to_string();
  ASSERT_TRUE(transaction.commit().is_ok());
  EXPECT_TRUE(Transaction::begin(*two).is_ok());
}

TEST_F(Db, interrupt_ends_the_running_statement) {
  auto database = open_rows(env_);
  auto select = std::move(database->prepare("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"
                                            " SELECT i FROM n"))
                    .value();
  ASSERT_TRUE(select->step().value());
  database->interrupt();
  EXPECT_EQ(select->step().status().code(), Code::kCancelled);
  EXPECT_EQ(integer_of(*database, "SELECT 1"), 1);
}

TEST_F(Db, full_text_large_statements_and_vacuum_work_through_the_files_of_the_env) {
  auto database = open_rows(env_);
  ASSERT_TRUE(database
                  ->exec("CREATE VIRTUAL TABLE words USING fts5(text);"
                         "INSERT INTO words VALUES('a red car'), ('a blue ship')")
                  .is_ok());
  EXPECT_EQ(integer_of(*database, "SELECT rowid FROM words WHERE words MATCH 'ship'"), 2);
  // A statement that fails half way is undone from a journal of its own, which is kept in memory.
  ASSERT_TRUE(database
                  ->exec("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)"
                         " INSERT INTO rows(id, name, data) SELECT i, 'n' || i, zeroblob(300) FROM n")
                  .is_ok());
  EXPECT_EQ(database->exec("BEGIN; UPDATE rows SET data = zeroblob(400), name = 'x' || min(id, 2999)").code(),
            Code::kExists);
  ASSERT_TRUE(database->exec("ROLLBACK; DELETE FROM rows WHERE id > 10; VACUUM").is_ok());
  EXPECT_EQ(integer_of(*database, "SELECT sum(length(data)) FROM rows"), 3000);
  EXPECT_TRUE(database->check().is_ok());
}

TEST_F(Db, an_error_of_the_disk_is_told_in_its_own_words) {
  auto database = open_rows(env_);
  env_.set_fault_after(1);
  const auto status = database->exec("INSERT INTO rows(id) VALUES(1)");
  EXPECT_EQ(status.code(), Code::kIo);
  EXPECT_NE(status.message().find("power is out"), std::string::npos) << status.message();
  EXPECT_NE(status.message().find("rows.db"), std::string::npos) << status.message();
}

TEST(PageSumsTest, a_flipped_bit_in_any_page_is_an_error_and_no_answer) {
  SimulatedEnv env(3);
  const auto sum_of_all = [&]() -> Result<std::int64_t> {
    PICTOR_ASSIGN(const auto database, Database::open(env, "a.db", {.read_only = true}));
    PICTOR_ASSIGN(const auto sum, database->prepare("SELECT sum(length(text) + unicode(text)) FROM t"));
    PICTOR_TRY(sum->step().status());
    PICTOR_TRY(database->check());
    return sum->integer(0);
  };
  {
    const auto database = Database::open(env, "a.db").value();
    ASSERT_TRUE(database->exec("CREATE TABLE t(text)").is_ok());
    for (int i = 0; i < 300; ++i) {
      ASSERT_TRUE(
          database->exec("INSERT INTO t VALUES('" + std::string(200, static_cast<char>('a' + i % 26)) + "')").is_ok());
    }
  }
  const auto wanted = sum_of_all();
  ASSERT_TRUE(wanted.is_ok()) << wanted.status().to_string();
  const auto whole = read_file(env, "a.db", limits::kMiB).value();
  ASSERT_GT(whole.size(), 10 * 4096U);
  for (std::size_t at = 100; at < whole.size(); at += 1021) {
    auto damaged = whole;
    damaged[at] ^= std::byte{1} << (at % 8);
    ASSERT_TRUE(write_file_atomic(env, "a.db", damaged).is_ok());
    const auto status = sum_of_all().status();
    EXPECT_EQ(status.code(), Code::kCorrupt) << at << ": " << status.to_string();
    const auto page = "page " + std::to_string(at / 4096 + 1) + " is not what was written";
    EXPECT_NE(status.message().find(page), std::string::npos) << status.message();
  }
  // One in the place of another is found, too.
  auto swapped = whole;
  std::swap_ranges(swapped.begin() + 2 * 4096, swapped.begin() + 3 * 4096, swapped.begin() + 3 * 4096);
  ASSERT_TRUE(write_file_atomic(env, "a.db", swapped).is_ok());
  EXPECT_EQ(sum_of_all().status().code(), Code::kCorrupt);
  ASSERT_TRUE(write_file_atomic(env, "a.db", whole).is_ok());
  EXPECT_EQ(sum_of_all().value(), wanted.value());
}

TEST(PageSumsTest, copies_and_rebuilt_databases_have_them_too) {
  SimulatedEnv env(4);
  {
    const auto database = Database::open(env, "a.db").value();
    ASSERT_TRUE(database->exec("CREATE TABLE t(data)").is_ok());
    for (int i = 0; i < 800; ++i) ASSERT_TRUE(database->exec("INSERT INTO t VALUES(randomblob(3000))").is_ok());
    ASSERT_TRUE(database->exec("DELETE FROM t WHERE rowid % 3 = 0").is_ok());
    ASSERT_TRUE(database->copy_to("copy.db", [](std::uint64_t, std::uint64_t) { return Status::ok(); }).is_ok());
    ASSERT_TRUE(database->vacuum().is_ok());
  }
  for (const char* name : {"a.db", "copy.db"}) {
    ASSERT_TRUE(Database::open(env, name, {.read_only = true}).value()->check().is_ok()) << name;
    auto bytes = read_file(env, name, 16 * limits::kMiB).value();
    bytes[bytes.size() / 2] ^= std::byte{4};
    ASSERT_TRUE(write_file_atomic(env, name, bytes).is_ok());
    const auto database = Database::open(env, name, {.read_only = true});
    const auto select = database.value()->prepare("SELECT sum(length(data)) FROM t").value();
    EXPECT_EQ(select->step().status().code(), Code::kCorrupt) << name;
  }
}

TEST(PageSumsTest, a_database_without_them_stays_as_it_is) {
  SimulatedEnv env(5);
  // What SQLite itself made.
  sqlite3* plain = nullptr;
  const std::string path = ::testing::TempDir() + "/pictor-plain.db";
  static_cast<void>(Env::real().remove(path));
  ASSERT_EQ(sqlite3_open(path.c_str(), &plain), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(plain, "CREATE TABLE t(a); INSERT INTO t VALUES(7)", nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(plain);
  ASSERT_TRUE(write_file_atomic(env, "a.db", read_file(Env::real(), path, limits::kMiB).value()).is_ok());
  {
    const auto database = Database::open(env, "a.db").value();
    ASSERT_TRUE(database->exec("INSERT INTO t VALUES(8)").is_ok());
    ASSERT_TRUE(database->vacuum().is_ok());
    ASSERT_TRUE(database->check().is_ok());
  }
  const auto database = Database::open(env, "a.db", {.read_only = true}).value();
  const auto select = database->prepare("SELECT sum(a) FROM t").value();
  ASSERT_TRUE(select->step().is_ok());
  EXPECT_EQ(select->integer(0), 15);
}

}  // namespace
}  // namespace pictor
