#include "cli/source.h"

#include <filesystem>

#include "cli/cli_testing.h"
#include "cli/text.h"

namespace pictor {
namespace {

struct Seen {
  std::vector<IngestSource::Entry> entries;
  std::vector<std::string> ids, problems;
  SkipCounts skipped;
  std::optional<std::uint64_t> total;
};

Seen read_all(const std::vector<std::string>& inputs, const SourceOptions& options = {}) {
  Seen seen;
  auto source = open_inputs(Env::real(), inputs, options);
  EXPECT_TRUE(source.is_ok()) << source.status().to_string();
  if (!source.is_ok()) return seen;
  seen.total = source.value()->total();
  for (;;) {
    IngestSource::Entry entry;
    const auto more = source.value()->next(entry);
    EXPECT_TRUE(more.is_ok());
    if (!more.is_ok() || !more.value()) break;
    if (entry.problem.is_ok())
      seen.ids.push_back(entry.item.id);
    else
      seen.problems.push_back(entry.problem.message());
    seen.entries.push_back(std::move(entry));
  }
  seen.skipped = source.value()->skipped();
  return seen;
}

using Strings = std::vector<std::string>;

TEST(FolderSource, pictures_come_in_the_order_of_their_names_and_others_are_counted) {
  TemporaryFolder folder;
  for (const char* name : {"b.PNG", "a/z.jpg", "a/a.webp", "notes.txt", ".hidden.png", "c.jpeg", ".git/x.png"}) {
    folder.write(name, "x");
  }
  const Seen seen = read_all({folder.path() + "/"});
  EXPECT_EQ(seen.ids, (Strings{"a/a.webp", "a/z.jpg", "b.PNG", "c.jpeg"}));
  EXPECT_EQ(seen.skipped.not_pictures, 1U);
  EXPECT_EQ(seen.skipped.hidden, 2U);
  EXPECT_EQ(seen.total, 4U);
  EXPECT_EQ(seen.entries[0].item.source, folder / "a/a.webp");
  EXPECT_EQ(seen.entries[0].bytes, 1U);
  EXPECT_GT(seen.entries[0].modified_us, 0);
  EXPECT_EQ(as_text(seen.entries[0].read().value()), "x");
}

TEST(FolderSource, options_take_hidden_and_all_files) {
  TemporaryFolder folder;
  folder.write("notes.txt", "x");
  folder.write(".h/a.png", "x");
  SourceOptions options;
  options.hidden = options.all_files = true;
  EXPECT_EQ(read_all({folder.path()}, options).ids, (Strings{".h/a.png", "notes.txt"}));
}

TEST(FolderSource, loops_of_links_end) {
  TemporaryFolder folder;
  folder.write("a/x.png", "x");
  folder.write("b/y.png", "y");
  std::filesystem::create_directory_symlink("../b", folder / "a/to_b");
  std::filesystem::create_directory_symlink("../a", folder / "b/to_a");
  std::filesystem::create_directory_symlink(".", folder / "self");
  const Seen plain = read_all({folder.path()});
  EXPECT_EQ(plain.ids, (Strings{"a/x.png", "b/y.png"}));
  EXPECT_EQ(plain.skipped.linked_folders, 3U);
  SourceOptions options;
  options.follow_links = true;
  const Seen followed = read_all({folder.path()}, options);
  EXPECT_EQ(followed.ids, (Strings{"a/to_b/y.png", "a/x.png"}));
  EXPECT_EQ(followed.total, 2U);
}

TEST(FolderSource, a_folder_deeper_than_the_limit_is_an_entry_with_a_problem) {
  TemporaryFolder folder;
  std::string path;
  for (std::uint32_t i = 0; i < limits::kFolderDepthMax; ++i) path += "d/";
  folder.write(path + "at_limit.png", "x");
  folder.write(path + "d/below.png", "x");
  const Seen seen = read_all({folder.path()});
  ASSERT_EQ(seen.ids.size(), 1U);
  EXPECT_TRUE(seen.ids[0].ends_with("at_limit.png"));
  ASSERT_EQ(seen.problems.size(), 1U);
  EXPECT_NE(seen.problems[0].find("64 folders deep"), std::string::npos) << seen.problems[0];
}

TEST(FolderSource, names_that_are_not_utf8_become_ids_and_can_still_be_read) {
  TemporaryFolder folder;
  folder.write("caf\xE9.png", "x");
  Seen seen = read_all({folder.path()});
  ASSERT_EQ(seen.ids, (Strings{"caf\\xE9.png"}));
  EXPECT_TRUE(is_utf8(seen.entries[0].item.source));
  EXPECT_TRUE(seen.entries[0].read().is_ok());
}

TEST(FolderSource, the_first_line_beside_a_picture_is_its_text) {
  TemporaryFolder folder;
  folder.write("owl/owl.png", "x");
  folder.write("owl/owl.txt", "\xEF\xBB\xBF  A snowy owl.\r\nfr.utf8=Un harfang\n");
  folder.write("owl/none.png", "x");
  SourceOptions options;
  options.text_from_sidecar = options.metadata_from_path = true;
  const Seen seen = read_all({folder.path()}, options);
  ASSERT_EQ(seen.entries.size(), 2U);
  EXPECT_EQ(seen.entries[0].item.text, "");
  EXPECT_EQ(seen.entries[0].item.metadata, R"({"folder":"owl","name":"none.png"})");
  EXPECT_EQ(seen.entries[1].item.text, "A snowy owl.");
  EXPECT_EQ(seen.entries[1].item.metadata, R"({"description":"A snowy owl.","folder":"owl","name":"owl.png"})");
}

TEST(Inputs, a_named_file_is_taken_whatever_its_name_and_pipes_are_refused) {
  TemporaryFolder folder;
  folder.write("picture", "x");
  EXPECT_EQ(read_all({folder / "picture"}).ids, (Strings{folder / "picture"}));
  EXPECT_EQ(read_all({"/dev/null"}).problems, (Strings{"is a device or a pipe, not a file"}));
}

TEST(Inputs, ids_can_be_full_paths_names_or_hashes) {
  TemporaryFolder folder;
  folder.write("a/x.png", "same");
  folder.write("b/y.png", "same");
  SourceOptions options;
  options.id_from = IdFrom::kFull;
  EXPECT_EQ(read_all({folder / "a"}, options).ids, (Strings{folder / "a/x.png"}));
  options.id_from = IdFrom::kName;
  options.id_prefix = "p:";
  EXPECT_EQ(read_all({folder.path()}, options).ids, (Strings{"p:x.png", "p:y.png"}));
  options.id_from = IdFrom::kHash;
  options.id_prefix = "";
  Seen seen = read_all({folder.path()}, options);
  EXPECT_EQ(seen.ids, (Strings{sha256(as_bytes("same")).hex()}));
  EXPECT_EQ(seen.skipped.same_content, 1U);
  EXPECT_EQ(as_text(seen.entries[0].read().value()), "same");
}

TEST(Inputs, an_id_that_comes_twice_is_refused_with_advice) {
  TemporaryFolder folder;
  folder.write("a/x.png", "1");
  folder.write("b/x.png", "2");
  const Seen seen = read_all({folder / "a", folder / "b"});
  EXPECT_EQ(seen.ids, (Strings{"x.png"}));
  ASSERT_EQ(seen.problems.size(), 1U);
  EXPECT_EQ(seen.entries[1].problem.code(), Code::kExists);
  EXPECT_NE(seen.problems[0].find("--id-prefix"), std::string::npos);
}

TEST(Inputs, what_does_not_exist_is_an_error_before_anything_is_read) {
  const auto source = open_inputs(Env::real(), {"/no/such/folder"}, {});
  ASSERT_FALSE(source.is_ok());
  EXPECT_EQ(source.status().code(), Code::kNotFound);
  EXPECT_NE(source.status().message().find("/no/such/folder"), std::string::npos);
}

TEST(Glob, names_match_as_in_a_shell) {
  EXPECT_TRUE(glob_matches("*.jpg", "a.jpg"));
  EXPECT_FALSE(glob_matches("*.jpg", "a.jpeg"));
  EXPECT_TRUE(glob_matches("img_[0-9]?.*", "img_42.png"));
  EXPECT_FALSE(glob_matches("img_[!0-9]*", "img_42.png"));
  EXPECT_TRUE(glob_matches("[]x]", "]"));
  EXPECT_TRUE(glob_matches("a[b", "a[b"));
  EXPECT_TRUE(glob_matches("**", "anything"));
  EXPECT_FALSE(glob_matches("", "a"));
  // Exponential for a matcher that tries every star again.
  EXPECT_FALSE(glob_matches("*a*a*a*a*a*a*a*a*a*a*a*a*b", std::string(2000, 'a')));
}

TEST(Glob, stars_expand_over_folders_in_a_stable_order) {
  TemporaryFolder folder;
  for (const char* name : {"a/1.jpg", "a/b/2.jpg", "a/b/c/3.jpg", "a/b/n.txt", "z.jpg", ".h/4.jpg"})
    folder.write(name, "x");
  std::filesystem::create_directory_symlink("..", folder / "a/up");
  const auto names = [&](const std::string& pattern) {
    Strings found = expand_glob(Env::real(), folder / pattern).value();
    for (std::string& name : found) name = name.substr(folder.path().size() + 1);
    return found;
  };
  EXPECT_EQ(names("**/*.jpg"), (Strings{"a/1.jpg", "a/b/2.jpg", "a/b/c/3.jpg", "z.jpg"}));
  EXPECT_EQ(names("a/*/*"), (Strings{"a/b/2.jpg", "a/b/n.txt", "a/up/z.jpg"}));
  EXPECT_EQ(names("a/b/**"), (Strings{"a/b/2.jpg", "a/b/c/3.jpg", "a/b/n.txt"}));
  EXPECT_EQ(names("*.png"), Strings{});
  EXPECT_EQ(open_inputs(Env::real(), {folder / "*.png"}, {}).status().code(), Code::kNotFound);
}

// --- manifests ---

class Manifest : public ::testing::Test {
 protected:
  Manifest() {
    for (const char* name : {"a.png", "b.png", "c, d.png", "sub/e.png"}) folder_.write(name, "x");
  }
  Seen read(const std::string& name, const std::string& content) { return read_all({folder_.write(name, content)}); }
  TemporaryFolder folder_;
};

TEST_F(Manifest, csv_columns_become_metadata_with_numbers) {
  const Seen seen = read("m.csv",
                         "\xEF\xBB\xBFpath,id,text,price,zip,brand,big\r\n"
                         "a.png,one,\"A \"\"red\"\" car,\nparked\",12.50,00123,,12345678901234567890123\r\n"
                         "\r\n"
                         "\"c, d.png\",,,-3,1e400,acme,42\r\n");
  EXPECT_EQ(seen.ids, (Strings{"one", "c, d.png"}));
  EXPECT_EQ(seen.total, 2U);
  EXPECT_EQ(seen.entries[0].item.text, "A \"red\" car,\nparked");
  EXPECT_EQ(seen.entries[0].item.metadata, R"({"big":"12345678901234567890123","price":12.5,"zip":"00123"})");
  EXPECT_EQ(seen.entries[1].item.metadata, R"({"big":42,"brand":"acme","price":-3,"zip":"1e400"})");
  EXPECT_EQ(seen.entries[1].item.source, folder_ / "c, d.png");
}

TEST_F(Manifest, a_bad_line_is_refused_with_its_number_and_the_run_goes_on) {
  const Seen seen = read("m.csv",
                         "path,label\n"
                         "a.png,1\n"
                         "b.png\n"
                         "\"b.png\"x,2\n"
                         "missing.png,2\n"
                         ",3\n"
                         "b.png,\xE9\n"
                         "https://example.org/a.png,1\n"
                         "sub/e.png,\"never closed\n");
  EXPECT_EQ(seen.ids, (Strings{"a.png"}));
  ASSERT_EQ(seen.problems.size(), 7U);
  EXPECT_EQ(seen.problems[0], "line 3: has 1 cell, the header has 2");
  EXPECT_EQ(seen.problems[1], "line 4: has letters between a closing quote and the next separator");
  EXPECT_TRUE(seen.problems[2].starts_with("m.csv line 5: ")) << seen.problems[2];
  EXPECT_EQ(seen.problems[3], "line 6: names no picture: its path is empty");
  EXPECT_TRUE(seen.problems[4].starts_with("line 7: is not UTF-8 in column 'label'")) << seen.problems[4];
  EXPECT_TRUE(seen.problems[5].starts_with("line 8: names a web address")) << seen.problems[5];
  EXPECT_EQ(seen.problems[6], "line 9: has a quote that is never closed");
  EXPECT_TRUE(seen.entries[1].item.source.ends_with("m.csv:3")) << seen.entries[1].item.source;
}

TEST_F(Manifest, semicolons_tabs_lone_returns_and_nameless_columns_are_read) {
  EXPECT_EQ(read("m.csv", "file;x\na.png;1\n").ids, (Strings{"a.png"}));
  EXPECT_EQ(read("m.tsv", "FILE\tx\r\na.png\t1").ids, (Strings{"a.png"}));
  EXPECT_EQ(read("m.csv", "path\ra.png\rb.png").ids, (Strings{"a.png", "b.png"}));
  EXPECT_EQ(read("p.csv", ",path\n0,a.png\n").entries[0].item.metadata, R"({"column_1":0})");
}

TEST_F(Manifest, a_line_at_the_limit_is_read_and_one_past_it_is_refused) {
  const std::string head = "path,x\n";
  const std::string fits(limits::kManifestLineBytesMax - 5, 'y');  // with "a.png"
  const Seen seen = read("m.csv", head + "a.png," + fits + "\nb.png," + fits + "y\nsub/e.png,1\n");
  EXPECT_EQ(seen.ids, (Strings{"a.png", "sub/e.png"}));
  EXPECT_EQ(seen.problems, (Strings{"line 3: is longer than 1.0 MiB"}));
}

TEST_F(Manifest, a_quote_that_swallows_the_file_is_bounded_and_reading_goes_on) {
  std::string content = "path,x\na.png,\"open\n";
  while (content.size() < limits::kManifestLineBytesMax + 100) content += "b.png,1\n";
  const Seen seen = read("m.csv", content + "sub/e.png,1\n");
  ASSERT_FALSE(seen.problems.empty());
  EXPECT_EQ(seen.problems[0], "line 2: is longer than 1.0 MiB");
  ASSERT_FALSE(seen.ids.empty());
  EXPECT_EQ(seen.ids.back(), "sub/e.png");
}

TEST_F(Manifest, columns_past_the_limit_refuse_the_line) {
  std::string wide = "path";
  for (std::uint32_t i = 1; i < limits::kManifestColumnsMax; ++i) wide += ",c" + std::to_string(i);
  std::string cells = "a.png" + std::string(limits::kManifestColumnsMax - 1, ',');
  const Seen seen =
      read("m.csv", wide + "\n" + cells + "\nb.png" + std::string(limits::kManifestColumnsMax, ',') + "\n" + cells);
  EXPECT_EQ(seen.ids, (Strings{"a.png"}));
  ASSERT_EQ(seen.problems.size(), 2U);  // too many columns; then a.png again
  EXPECT_EQ(seen.problems[0], "line 3: has more than 512 columns");
}

TEST_F(Manifest, a_csv_without_a_path_column_says_what_it_has) {
  const auto source = open_inputs(Env::real(), {folder_.write("m.csv", "name,price\na.png,1\n")}, {});
  ASSERT_FALSE(source.is_ok());
  EXPECT_NE(source.status().message().find("no column 'path' or 'file'; it has: name, price"), std::string::npos)
      << source.status().message();
  EXPECT_FALSE(open_inputs(Env::real(), {folder_.write("m.csv", "")}, {}).is_ok());
  EXPECT_FALSE(open_inputs(Env::real(), {folder_.write("m.csv", "path,a,a\nx,1,2\n")}, {}).is_ok());
}

TEST_F(Manifest, json_lines_give_metadata_as_they_are) {
  std::string deep = R"({"path":"b.png","x":)";
  for (int i = 0; i < 200000; ++i) deep += "[";
  const Seen seen = read("m.jsonl",
                         "{\"path\":\"a.png\",\"id\":7,\"text\":\"hi\",\"n\":1.5,\"tags\":[\"x\"],\"none\":null,"
                         "\"metadata\":{\"k\":true}}\n"
                         "\n"
                         "not json\n[1]\n{\"x\":1}\n" +
                             deep + "\n{\"file\":\"sub/e.png\"}");
  EXPECT_EQ(seen.ids, (Strings{"7", "sub/e.png"}));
  EXPECT_EQ(seen.total, 6U);
  EXPECT_EQ(seen.entries[0].item.metadata, R"({"k":true,"n":1.5,"tags":["x"]})");
  EXPECT_EQ(seen.entries[0].item.text, "hi");
  EXPECT_EQ(seen.problems, (Strings{"line 3: is not JSON", "line 4: is JSON, but not an object",
                                    "line 5: has no string 'path' or 'file'", "line 6: is nested deeper than 32"}));
}

}  // namespace
}  // namespace pictor
