// Uploads of many pictures, of any length: over a real engine, and their readers piece by piece.
#include <algorithm>
#include <sstream>

#include "serve/bulk_lines.h"
#include "serve/coding.h"
#include "serve/server_testing.h"

namespace pictor {
namespace {

using Json = nlohmann::json;

constexpr std::uint64_t kPictureMax = 100'000;

// What the lines of an upload are when it comes in pieces of so many bytes: id, bytes of its picture, problem.
std::vector<std::string> read_in(std::size_t piece_bytes, std::string_view type, std::string_view body) {
  std::vector<std::string> out;
  const auto lines = BulkLines::of(type, kPictureMax, [&](const BulkLine& line) {
    out.push_back(line.put.item.id + ": " + std::to_string(line.put.picture.size()) + " " + line.problem.message());
  });
  EXPECT_TRUE(lines.is_ok());
  for (std::size_t at = 0; at < body.size(); at += piece_bytes) {
    const Status took = (*lines)->take(body.substr(at, piece_bytes));
    if (!took.is_ok()) out.push_back("took: " + took.message());
  }
  const Status end = (*lines)->end();
  if (!end.is_ok()) out.push_back("end: " + end.message());
  return out;
}

std::string part(const std::string& name, const std::string& file, const std::string& bytes) {
  return "--B\r\nContent-Disposition: form-data; name=\"" + name + "\"; filename=\"" + file + "\"\r\n\r\n" + bytes +
         "\r\n";
}

TEST(BulkLines, are_the_same_however_they_are_cut) {
  const std::string json = R"({"id":"a","image":"AAAA"})"
                           "\n\n \r\n{\"id\":\"b\",\"image\":\"AAAAAAAA\"}\r\nno json\n{\"image\":\"https://a.org/x\"}";
  const std::string form = "preamble\r\n" + part("image", "a", "12345") + part("image", "b", "\r\n--A\r\n--\r\n") +
                           part("other", "c", "x") + part("image", "d", "") + "--B--\r\nepilogue --B";
  for (const auto& [type, body] : {std::pair(std::string("application/x-ndjson"), json),
                                   std::pair(std::string("multipart/form-data; boundary=B"), form)}) {
    const auto whole = read_in(body.size(), type, body);
    EXPECT_EQ(whole.size(), 4U) << body;
    for (std::size_t piece = 1; piece < 40; ++piece) EXPECT_EQ(read_in(piece, type, body), whole) << piece;
  }
  EXPECT_EQ(read_in(7, "application/x-ndjson", json)[1], "b: 6 ");
  EXPECT_EQ(read_in(7, "multipart/form-data; boundary=B", form)[1], "b: 11 ");
}

TEST(BulkLines, what_is_too_long_is_passed_over_and_the_rest_is_read) {
  const std::string huge(BulkLines::line_bytes_max(kPictureMax) * 3, 'A');
  const std::string json = "{\"id\":\"a\",\"image\":\"AAAA\"}\n{\"id\":\"b\",\"image\":\"" + huge + "\"}\n" +
                           "{\"id\":\"c\",\"image\":\"AAAA\"}\n";
  const std::string form = part("image", "a", "12345") + part("image", "b", huge) +
                           part("image", "c", std::string(kPictureMax + 1, 'x')) +
                           part("image", "d", std::string(kPictureMax, 'x')) + "--B--";
  for (const std::size_t piece : {std::size_t{10'000}, std::size_t{1} << 20, huge.size() * 2}) {
    const auto lines = read_in(piece, "application/x-ndjson", json);
    ASSERT_EQ(lines.size(), 3U) << piece;
    EXPECT_NE(lines[1].find("the line has more than"), std::string::npos) << lines[1];
    EXPECT_EQ(lines[2], "c: 3 ");
    const auto parts = read_in(piece, "multipart/form-data; boundary=B", form);
    ASSERT_EQ(parts.size(), 4U) << piece;
    EXPECT_EQ(parts[1].substr(0, 5), "b: 0 ");
    EXPECT_NE(parts[1].find("has more than"), std::string::npos) << parts[1];
    EXPECT_EQ(parts[2], "c: 0 the picture has more than 100000 bytes");
    EXPECT_EQ(parts[3], "d: 100000 ");
  }
  const auto nowhere = read_in(1 << 20, "multipart/form-data; boundary=B", huge);
  ASSERT_FALSE(nowhere.empty());
  EXPECT_EQ(nowhere[0], "took: the form's boundary is not in its body");
}

TEST(Unpacker, gives_the_same_in_pieces_as_at_once) {
  std::string text;
  for (int i = 0; i < 50'000; ++i) text += std::to_string(i * 7919 % 100'003) + " ";
  for (const Coding coding : {Coding::kPlain, Coding::kGzip, Coding::kZstd}) {
    const std::string whole = packed(coding, text);
    for (const std::size_t piece : {std::size_t{1}, std::size_t{1000}, std::size_t{65'536}}) {
      Unpacker unpacker(coding, text.size());
      std::string out;
      for (std::size_t at = 0; at < whole.size(); at += piece) {
        ASSERT_TRUE(unpacker
                        .take(std::string_view(whole).substr(at, piece),
                              [&](std::string_view bytes) {
                                out += bytes;
                                return Status::ok();
                              })
                        .is_ok());
      }
      EXPECT_TRUE(unpacker.end().is_ok());
      EXPECT_TRUE(out == text) << coding_name(coding) << " " << piece;
    }
  }
}

TEST(Unpacker, gives_up_what_becomes_too_many_times_as_large) {
  for (const Coding coding : {Coding::kGzip, Coding::kZstd}) {
    const std::string bomb = packed(coding, std::string(limits::kServerUnpackedBytesMin * 2, '\n'));
    Unpacker unpacker(coding, std::uint64_t{1} << 40);
    std::uint64_t bytes = 0;
    const Status refused = unpacker.take(bomb, [&](std::string_view piece) {
      bytes += piece.size();
      return Status::ok();
    });
    EXPECT_EQ(refused.code(), Code::kLimit) << coding_name(coding);
    EXPECT_LE(bytes, limits::kServerUnpackedBytesMin) << coding_name(coding);
  }
}

class BulkTest : public ServerTest {
 protected:
  static constexpr const char* kTarget = "/v1/collections/test/items:bulk";
  static std::string line(unsigned number) {
    return Json{{"id", "i" + std::to_string(number)}, {"image", base64_of(picture(number))}}.dump() + "\n";
  }
  static std::vector<Json> results_of(const Answer& answer) {
    std::vector<Json> results;
    std::istringstream in(answer.body);
    for (std::string text; std::getline(in, text);) results.push_back(Json::parse(text, nullptr, false));
    return results;
  }
  Json count() const { return json("GET", "/v1/collections/test/count")["count"]; }
};

TEST_F(BulkTest, items_are_found_while_the_rest_is_still_to_come) {
  TestClient client(server_->port());
  ASSERT_TRUE(client.send(std::string("POST ") + kTarget +
                          " HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/x-ndjson\r\n"
                          "Transfer-Encoding: chunked\r\n\r\n"));
  const auto send = [&](const std::string& text) {
    std::ostringstream size;
    size << std::hex << text.size();
    ASSERT_TRUE(client.send(size.str() + "\r\n" + text + "\r\n"));
  };
  std::string first;
  for (unsigned i = 0; i < limits::kServerBatchItems; ++i) first += line(i);
  send(first);
  send(std::string(limits::kServerPieceBytes, '\n'));
  bool found = false;
  for (int i = 0; i < 6000 && !found; ++i) {
    found = json("GET", "/v1/collections/test/count").value("count", 0U) == limits::kServerBatchItems;
    if (!found) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  EXPECT_TRUE(found);
  send(line(1000));
  ASSERT_TRUE(client.send("0\r\n\r\n"));
  const auto results = results_of(client.read());
  ASSERT_EQ(results.size(), limits::kServerBatchItems + 1);
  for (std::size_t i = 0; i < results.size(); ++i) {
    EXPECT_EQ(results[i]["line"], i + 1);
    EXPECT_EQ(results[i]["status"], "added") << results[i];
  }
}

TEST_F(BulkTest, of_an_upload_that_breaks_off_what_was_whole_stays) {
  TestClient client(server_->port());
  const std::string lines = line(1) + line(2) + line(3).substr(0, 100);
  ASSERT_TRUE(client.send(std::string("POST ") + kTarget +
                          " HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100000000\r\n\r\n" + lines));
  client.shutdown_send();
  const Answer answer = client.read();
  EXPECT_EQ(answer.status, 200);
  const auto results = results_of(answer);
  ASSERT_EQ(results.size(), 3U) << answer.body;
  EXPECT_EQ(results[0]["status"], "added");
  EXPECT_EQ(results[1]["id"], "i2");
  EXPECT_EQ(results[2]["status"], "refused");
  EXPECT_EQ(results[2]["line"], 3);
  EXPECT_NE(results[2]["problem"]["detail"].get<std::string>().find("broke off after " + std::to_string(lines.size())),
            std::string::npos)
      << results[2];
  EXPECT_EQ(count(), 2);
}

TEST_F(BulkTest, packed_uploads_and_forms_end_where_they_are_cut) {
  const std::string lines = line(1) + line(2);
  const std::string type = "application/x-ndjson";
  const std::string gzip = packed(Coding::kGzip, lines);
  EXPECT_EQ(results_of(ask("POST", kTarget, gzip, type, "Content-Encoding: gzip\r\n")).size(), 2U);
  EXPECT_EQ(
      results_of(ask("POST", kTarget, packed(Coding::kZstd, lines), type, "Content-Encoding: zstd\r\n"))[1]["status"],
      "unchanged");
  const auto cut =
      results_of(ask("POST", kTarget, gzip.substr(0, gzip.size() - 9), type, "Content-Encoding: gzip\r\n"));
  ASSERT_FALSE(cut.empty());
  EXPECT_EQ(cut.back()["status"], "refused");
  EXPECT_NE(cut.back()["problem"]["detail"].get<std::string>().find("no whole gzip stream"), std::string::npos);
  EXPECT_EQ(ask("POST", kTarget, "no gzip", type, "Content-Encoding: gzip\r\n").status, 400) << "no line came";
  EXPECT_EQ(ask("POST", kTarget, lines, type, "Content-Encoding: br\r\n").status, 415);
  EXPECT_EQ(ask("POST", std::string(kTarget) + "?colour=1", lines, type).status, 400);

  const std::string form =
      part("image", "f1", std::string(as_text(picture(7)))) + part("image", "f2", std::string(as_text(picture(8))));
  const std::string form_type = "multipart/form-data; boundary=B";
  EXPECT_EQ(ask("POST", kTarget, form, "multipart/form-data").status, 400);
  EXPECT_EQ(ask("POST", kTarget, form, "multipart/form-data; boundary=C").status, 400);
  const auto whole = results_of(ask("POST", kTarget, form + "--B--", form_type));
  ASSERT_EQ(whole.size(), 2U);
  EXPECT_EQ(whole[1]["id"], "f2");
  const auto half = results_of(ask("POST", kTarget, form.substr(0, form.size() - 50), form_type));
  ASSERT_EQ(half.size(), 2U);
  EXPECT_EQ(half[0]["status"], "unchanged");
  EXPECT_EQ(half[1]["status"], "refused");
  EXPECT_EQ(count(), 4);
}

TEST_F(BulkTest, an_upload_may_be_larger_than_all_bodies_together) {
  server_.reset();
  ServerOptions options;
  options.data_folder = options_.data_folder;
  options.port = 0;
  options.body_bytes_max = 1 << 20;
  options.bodies_bytes_max = 64 << 20;
  auto started = Server::start(Env::real(), *engine_, options);
  ASSERT_TRUE(started.is_ok()) << started.status().to_string();
  server_ = std::move(started).value();
  constexpr int kLines = 80;
  TestClient client(server_->port());
  const std::string long_line(2 << 20, 'x');  // no picture, and told so
  const std::uint64_t bytes = (long_line.size() + 1) * kLines + line(1).size();
  ASSERT_TRUE(client.send(std::string("POST ") + kTarget +
                          " HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: " + std::to_string(bytes) + "\r\n\r\n"));
  for (int i = 0; i < kLines; ++i) ASSERT_TRUE(client.send(long_line + "\n"));
  ASSERT_TRUE(client.send(line(1)));
  const auto results = results_of(client.read());
  ASSERT_EQ(results.size(), kLines + 1U);
  EXPECT_EQ(results[0]["status"], "refused");
  EXPECT_EQ(results.back()["status"], "added") << results.back();
}

}  // namespace
}  // namespace pictor
