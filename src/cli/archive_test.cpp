#include <archive.h>
#include <archive_entry.h>

#include "cli/cli_testing.h"
#include "cli/source.h"

namespace pictor {
namespace {

using Strings = std::vector<std::string>;

struct Member {
  std::string name;
  std::string content;
  unsigned type = AE_IFREG;
};

// `filter`: 0 none, else ARCHIVE_FILTER_*.
void write_archive(const std::string& path, const std::vector<Member>& members, int filter, bool zip,
                   const char* passphrase = nullptr) {
  struct archive* out = archive_write_new();
  if (zip)
    archive_write_set_format_zip(out);
  else
    archive_write_set_format_pax_restricted(out);
  if (filter != 0) archive_write_add_filter(out, filter);
  if (passphrase != nullptr) {
    archive_write_set_options(out, "zip:encryption=traditional");
    archive_write_set_passphrase(out, passphrase);
  }
  ASSERT_EQ(archive_write_open_filename(out, path.c_str()), ARCHIVE_OK);
  for (const Member& member : members) {
    struct archive_entry* entry = archive_entry_new();
    archive_entry_set_pathname(entry, member.name.c_str());
    archive_entry_set_filetype(entry, member.type);
    archive_entry_set_perm(entry, 0644);
    if (member.type == AE_IFLNK) archive_entry_set_symlink(entry, member.content.c_str());
    if (member.type == AE_IFREG) archive_entry_set_size(entry, static_cast<la_int64_t>(member.content.size()));
    EXPECT_EQ(archive_write_header(out, entry), ARCHIVE_OK) << archive_error_string(out);
    if (member.type == AE_IFREG) archive_write_data(out, member.content.data(), member.content.size());
    archive_entry_free(entry);
  }
  archive_write_close(out);
  archive_write_free(out);
}

struct Seen {
  Strings ids, contents, problems;
  SkipCounts skipped;
  std::optional<std::uint64_t> total;
};

Seen read_all(const std::vector<std::string>& inputs) {
  Seen seen;
  auto source = open_inputs(Env::real(), inputs, {});
  EXPECT_TRUE(source.is_ok()) << source.status().to_string();
  seen.total = source.value()->total();
  std::vector<IngestSource::Entry> entries;
  for (IngestSource::Entry entry; source.value()->next(entry).value(); entry = {}) entries.push_back(std::move(entry));
  // Read after the archive was left behind: the bytes must have been held.
  for (IngestSource::Entry& entry : entries) {
    if (!entry.problem.is_ok()) {
      seen.problems.push_back(entry.problem.message());
      continue;
    }
    seen.ids.push_back(entry.item.id);
    seen.contents.emplace_back(as_text(entry.read().value()));
  }
  seen.skipped = source.value()->skipped();
  return seen;
}

const std::vector<Member> kMembers = {{"a.png", "first"},
                                      {"./sub/b.jpg", "second"},
                                      {"notes.txt", "words"},
                                      {".hidden.png", "x"},
                                      {"__MACOSX/a.png", "x"},
                                      {"inner.zip", "PK"},
                                      {"link.png", "/etc/passwd", AE_IFLNK},
                                      {"folder.png", "", AE_IFDIR},
                                      {"../../evil.png", "third"}};

TEST(ArchiveSource, zip_and_tars_give_their_pictures_in_order) {
  TemporaryFolder folder;
  write_archive(folder / "a.zip", kMembers, 0, true);
  write_archive(folder / "a.tar", kMembers, 0, false);
  write_archive(folder / "a.tar.gz", kMembers, ARCHIVE_FILTER_GZIP, false);
  write_archive(folder / "a.tar.zst", kMembers, ARCHIVE_FILTER_ZSTD, false);
  for (const char* name : {"a.zip", "a.tar", "a.tar.gz", "a.tar.zst"}) {
    const Seen seen = read_all({folder / name});
    EXPECT_EQ(seen.ids, (Strings{"a.png", "sub/b.jpg", "../../evil.png"})) << name;
    EXPECT_EQ(seen.contents, (Strings{"first", "second", "third"})) << name;
    EXPECT_TRUE(seen.problems.empty()) << name << ": " << seen.problems[0];
    EXPECT_EQ(seen.skipped.not_pictures, 4U) << name;
  }
  EXPECT_EQ(read_all({folder / "a.zip"}).total, 3U);
  EXPECT_FALSE(std::filesystem::exists(folder / "../../evil.png"));
}

TEST(ArchiveSource, a_damaged_archive_keeps_what_was_read_and_the_next_input_follows) {
  TemporaryFolder folder;
  std::string noise(300'000, '\0');
  unsigned state = 1;
  for (char& c : noise) c = static_cast<char>((state = state * 1664525U + 1013904223U) >> 24);
  write_archive(folder / "cut.tar.gz", {{"a.png", "first"}, {"b.png", noise}}, ARCHIVE_FILTER_GZIP, false);
  std::filesystem::resize_file(folder / "cut.tar.gz", 100'000);
  folder.write("no.zip", "this is no archive at all");
  folder.write("empty.tar", "");
  folder.write("after.png", "x");
  const Seen seen = read_all({folder / "cut.tar.gz", folder / "no.zip", folder / "empty.tar", folder / "after.png"});
  EXPECT_EQ(seen.ids, (Strings{"a.png", folder / "after.png"}));
  ASSERT_EQ(seen.problems.size(), 3U);
  EXPECT_NE(seen.problems[0].find("cannot be unpacked"), std::string::npos) << seen.problems[0];
  EXPECT_NE(seen.problems[0].find("the rest of the archive is not read"), std::string::npos) << seen.problems[0];
  EXPECT_NE(seen.problems[1].find("archive cannot be read"), std::string::npos) << seen.problems[1];
  EXPECT_NE(seen.problems[2].find("archive cannot be read"), std::string::npos) << seen.problems[2];
}

TEST(ArchiveSource, a_bomb_is_stopped_in_what_is_wanted_and_in_what_is_skipped) {
  TemporaryFolder folder;
  // Zeros pack about 10,000 to one under zstd, far past kArchiveRatioMax.
  const std::string zeros(64 << 20, '\0');
  for (const char* name : {"bomb.png", "bomb.txt"}) {
    write_archive(folder / "bomb.tar.zst", {{name, zeros}, {"after.png", "x"}}, ARCHIVE_FILTER_ZSTD, false);
    const Seen seen = read_all({folder / "bomb.tar.zst"});
    EXPECT_TRUE(seen.ids.empty()) << name;
    ASSERT_EQ(seen.problems.size(), 1U) << name;
    EXPECT_NE(seen.problems[0].find("looks like a bomb"), std::string::npos) << seen.problems[0];
  }
}

TEST(ArchiveSource, an_entry_past_the_limit_of_a_picture_is_refused_and_the_next_one_read) {
  TemporaryFolder folder;
  // Sparse on disk: a plain tar whose entry says that it is one byte too large.
  write_archive(folder / "a.tar", {{"after.png", "x"}}, 0, false);
  const std::uint64_t size = limits::kImageFileBytesMax + 1;
  struct archive* out = archive_write_new();
  archive_write_set_format_ustar(out);
  ASSERT_EQ(archive_write_open_filename(out, (folder / "big.tar").c_str()), ARCHIVE_OK);
  struct archive_entry* entry = archive_entry_new();
  archive_entry_set_pathname(entry, "big.png");
  archive_entry_set_filetype(entry, AE_IFREG);
  archive_entry_set_size(entry, static_cast<la_int64_t>(size));
  ASSERT_EQ(archive_write_header(out, entry), ARCHIVE_OK);
  const std::string block(1 << 20, 'x');
  for (std::uint64_t done = 0; done < size; done += block.size()) {
    archive_write_data(out, block.data(), std::min<std::uint64_t>(block.size(), size - done));
  }
  archive_entry_set_pathname(entry, "after.png");
  archive_entry_set_size(entry, 1);
  ASSERT_EQ(archive_write_header(out, entry), ARCHIVE_OK);
  archive_write_data(out, "x", 1);
  archive_entry_free(entry);
  archive_write_close(out);
  archive_write_free(out);
  const Seen seen = read_all({folder / "big.tar"});
  EXPECT_EQ(seen.ids, (Strings{"after.png"}));
  EXPECT_EQ(seen.problems, (Strings{"entry has more than 256 MiB unpacked"}));
}

TEST(ArchiveSource, an_encrypted_entry_says_so) {
  TemporaryFolder folder;
  write_archive(folder / "a.zip", {{"secret.png", "first"}}, 0, true, "password");
  const Seen seen = read_all({folder / "a.zip"});
  ASSERT_EQ(seen.problems.size(), 1U);
  EXPECT_NE(seen.problems[0].find("encrypted"), std::string::npos) << seen.problems[0];
}

}  // namespace
}  // namespace pictor
