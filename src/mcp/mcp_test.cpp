// Conversations by MCP: with the server itself, over streams, and with the real program over pipes.
#include "mcp/mcp.h"

#include <sys/wait.h>
#include <unistd.h>

#include <condition_variable>
#include <mutex>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "engine/engine_testing.h"
#include "mcp/resources.h"
#include "pictor/context.h"

namespace pictor {
namespace {

using Json = nlohmann::json;

TEST(McpNames, survive_their_address) {
  for (const std::string id : {"a/b c%.png", "\u00e4\u65e5", "..", "?x=1#y"}) {
    const auto item = mcp::parse_uri(mcp::item_uri("my photos/2", id) + "/picture");
    ASSERT_TRUE(item.is_ok()) << item.status().to_string();
    EXPECT_EQ(item->collection, "my photos/2");
    EXPECT_EQ(item->id, id);
    EXPECT_TRUE(item->picture);
  }
  EXPECT_EQ(mcp::parse_uri(mcp::collection_uri("c"))->id, "");
  for (const char* wrong :
       {"", "file:///etc/passwd", "pictor://collections/", "pictor://collections/c/items",
        "pictor://collections/c/items/", "pictor://collections/c/things/x", "pictor://collections/c/items/x/film",
        "pictor://collections/c/items/x/picture/y", "pictor://collections/%zz", "pictor://collections/c/items/%2"}) {
    EXPECT_EQ(mcp::parse_uri(wrong).status().code(), Code::kInvalid) << wrong;
  }
}

class McpTest : public EngineTest {
 protected:
  void SetUp() override {
    EngineTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    ingest(given(), "original");
    server_ = McpServer::make(*engine_, {"", "1.2.3"});
  }
  void TearDown() override {
    server_.reset();
    EngineTest::TearDown();
  }
  virtual std::vector<Given> given() const {
    std::vector<Given> all = pictures(6);
    all[4].metadata = R"({"number": 4, "rights": "no-ai", "caption": "secret"})";
    return all;
  }

  static Json request(const std::string& method, const Json& params = Json::object(), const Json& id = 1) {
    return {{"jsonrpc", "2.0"}, {"id", id}, {"method", method}, {"params", params}};
  }
  static Json greeting(const std::string& version) {
    return request("initialize", {{"protocolVersion", version},
                                  {"capabilities", Json::object()},
                                  {"clientInfo", {{"name", "test"}, {"version", "1"}}}});
  }
  Json ask(const std::string& method, const Json& params = Json::object()) {
    const auto answer = server_->answer(request(method, params).dump());
    return answer ? Json::parse(*answer) : Json();
  }
  Json call(const std::string& tool, const Json& arguments) {
    return ask("tools/call", {{"name", tool}, {"arguments", arguments}}).at("result");
  }
  int error_of(const std::string& message) {
    const auto answer = server_->answer(message);
    return answer ? Json::parse(*answer).at("error").at("code").get<int>() : 0;
  }

  std::unique_ptr<McpServer> server_;
};

TEST_F(McpTest, the_version_is_the_clients_where_we_speak_it) {
  for (const char* version : {"2025-06-18", "2025-03-26", "2024-11-05"}) {
    const Json answer = Json::parse(*server_->answer(greeting(version).dump()));
    EXPECT_EQ(answer["result"]["protocolVersion"], version);
    EXPECT_EQ(answer["result"]["serverInfo"]["version"], "1.2.3");
    EXPECT_EQ(answer["id"], 1);
  }
  const Json answer = Json::parse(*server_->answer(greeting("2031-01-01").dump()));
  EXPECT_EQ(answer["result"]["protocolVersion"], "2025-06-18");
}

TEST_F(McpTest, what_is_wrong_with_a_message_is_said_by_number) {
  EXPECT_EQ(error_of("{"), -32700);
  EXPECT_EQ(error_of(R"({"jsonrpc": "2.0", "id": 1, "id": 2, "method": "ping"})"), -32700);
  EXPECT_EQ(error_of(std::string(100, '[') + std::string(100, ']')), -32700);
  EXPECT_EQ(error_of(R"({"id": 1, "method": "ping"})"), -32600);
  EXPECT_EQ(error_of(R"({"jsonrpc": "2.0", "id": null, "method": "ping"})"), -32600);
  EXPECT_EQ(error_of(R"({"jsonrpc": "2.0", "id": 1.5, "method": "ping"})"), -32600);
  EXPECT_EQ(error_of(R"({"jsonrpc": "2.0", "id": 1, "method": "ping", "params": []})"), -32600);
  EXPECT_EQ(error_of(request("server/discover").dump()), -32601);
  EXPECT_EQ(error_of(request("initialize").dump()), -32602);
  EXPECT_EQ(error_of(request("tools/call", {{"name", "rm"}}).dump()), -32602);
  EXPECT_EQ(error_of(request("resources/read", {{"uri", "pictor://collections/test/items/none"}}).dump()), -32002);
  EXPECT_EQ(error_of(request("resources/read", {{"uri", "file:///etc/passwd"}}).dump()), -32602);
  EXPECT_EQ(error_of(request("resources/list", {{"cursor", "x"}}).dump()), -32602);
  EXPECT_EQ(Json::parse(*server_->answer(R"({"jsonrpc": "2.0", "id": "a", "method": "none"})"))["id"], "a");
}

TEST_F(McpTest, notifications_and_answers_are_not_answered) {
  EXPECT_FALSE(server_->answer(R"({"jsonrpc": "2.0", "method": "notifications/initialized"})"));
  EXPECT_FALSE(server_->answer(R"({"jsonrpc": "2.0", "method": "tools/call", "params": {"name": "rm"}})"));
  EXPECT_FALSE(server_->answer(R"({"jsonrpc": "2.0", "id": 1, "result": {}})"));
}

TEST_F(McpTest, batches_are_of_the_one_version_that_has_them) {
  const std::string batch = Json::array({request("ping", Json::object(), 1),
                                         {{"jsonrpc", "2.0"}, {"method", "notifications/initialized"}},
                                         request("none", Json::object(), 2)})
                                .dump();
  (void)server_->answer(greeting("2025-06-18").dump());
  EXPECT_EQ(error_of(batch), -32600);
  (void)server_->answer(greeting("2025-03-26").dump());
  const Json answers = Json::parse(*server_->answer(batch));
  ASSERT_EQ(answers.size(), 2U);
  EXPECT_EQ(answers[0]["result"], Json::object());
  EXPECT_EQ(answers[1]["error"]["code"], -32601);
  EXPECT_EQ(error_of("[]"), -32600);
}

TEST_F(McpTest, tools_only_read_and_say_what_they_take) {
  for (const bool structured : {true, false}) {
    (void)server_->answer(greeting(structured ? "2025-06-18" : "2024-11-05").dump());
    std::set<std::string> names;
    const Json answer = ask("tools/list");
    for (const Json& tool : answer["result"]["tools"]) {
      names.insert(tool["name"]);
      EXPECT_EQ(tool["inputSchema"]["type"], "object");
      EXPECT_EQ(tool["annotations"]["readOnlyHint"], true);
      EXPECT_EQ(tool.contains("outputSchema"), structured);
      EXPECT_EQ(tool.value("outputSchema", Json{{"type", "object"}})["type"], "object");
    }
    EXPECT_EQ(names, (std::set<std::string>{"search", "similar", "describe", "context"}));
    EXPECT_EQ(call("search", {{"text", "boat"}}).contains("structuredContent"), structured);
  }
}

TEST_F(McpTest, search_and_similar_find_what_the_engine_finds) {
  (void)server_->answer(greeting("2025-06-18").dump());
  const Json by_picture = call("search", {{"image", base64_of(picture(2))}, {"k", 3}});
  EXPECT_EQ(by_picture["isError"], false);
  ASSERT_EQ(by_picture["structuredContent"]["hits"].size(), 3U);
  EXPECT_EQ(by_picture["structuredContent"]["hits"][0]["id"], "p2");
  EXPECT_EQ(by_picture["structuredContent"]["hits"][0]["metadata"]["number"], 2);
  EXPECT_EQ(Json::parse(by_picture["content"][0]["text"].get<std::string>()), by_picture["structuredContent"]);
  const Json alike = call("similar", {{"id", "p2"}, {"k", 2}, {"where", "number != 3"}});
  ASSERT_EQ(alike["structuredContent"]["hits"].size(), 2U);
  for (const Json& hit : alike["structuredContent"]["hits"]) EXPECT_NE(hit["id"], "p2");
}

TEST_F(McpTest, what_goes_wrong_within_a_call_is_its_result) {
  for (const auto& [tool, arguments] :
       std::vector<std::pair<std::string, Json>>{{"search", Json::object()},
                                                 {"search", {{"text", "a"}, {"k", 1000}}},
                                                 {"search", {{"text", "a"}, {"nothing", 1}}},
                                                 {"search", {{"text", "a"}, {"where", "((("}}},
                                                 {"search", {{"text", "a"}, {"collection", "none"}}},
                                                 {"search", {{"image", "%%%"}}},
                                                 {"similar", Json::object()},
                                                 {"similar", {{"id", "none"}}},
                                                 {"describe", {{"id", "none"}}},
                                                 {"context", {{"text", "a"}, {"budget_tokens", 1}}},
                                                 {"context", {{"text", "a"}, {"format", "openai"}}}}) {
    const Json result = call(tool, arguments);
    EXPECT_EQ(result["isError"], true) << tool << arguments;
    EXPECT_FALSE(result["content"][0]["text"].get<std::string>().empty());
  }
}

TEST_F(McpTest, describe_shows_a_picture_unless_its_rights_forbid_it) {
  (void)server_->answer(greeting("2025-06-18").dump());
  const Json shown = call("describe", {{"id", "p1"}});
  EXPECT_EQ(shown["structuredContent"]["item"]["metadata"]["number"], 1);
  ASSERT_EQ(shown["content"].size(), 2U);
  EXPECT_EQ(shown["content"][1]["mimeType"], "image/jpeg");
  const Json hidden = call("describe", {{"id", "p4"}});
  EXPECT_EQ(hidden["content"].size(), 1U);
  EXPECT_EQ(hidden["structuredContent"]["picture"], "not shown: its rights forbid it");
  EXPECT_EQ(error_of(request("resources/read", {{"uri", "pictor://collections/test/items/p4/picture"}}).dump()),
            -32002);
  EXPECT_EQ(call("describe", Json::object())["structuredContent"]["collections"][0]["items"], 6);
}

TEST_F(McpTest, a_context_stays_within_its_budget_and_without_what_is_forbidden) {
  (void)server_->answer(greeting("2025-06-18").dump());
  std::size_t pictures_shown = 0;
  for (std::uint64_t budget = 400; budget < 8000; budget += 611) {
    const Json result = call("context", {{"image", base64_of(picture(4))},
                                         {"budget_tokens", budget},
                                         {"side", 64},
                                         {"near_duplicate", 1},
                                         {"fields", {"number"}}});
    ASSERT_EQ(result["isError"], false) << result.dump();
    std::uint64_t tokens = result["content"][0]["text"].get<std::string>().size();
    EXPECT_EQ(result["content"][0]["text"].get<std::string>().find("secret"), std::string::npos);
    for (std::size_t i = 1; i < result["content"].size(); ++i) {
      const Bytes jpeg = bytes_of_base64(result["content"][i]["data"].get<std::string>()).value();
      const auto info = read_image_info(jpeg);
      tokens += picture_tokens(ContextFormat::kPack, info->width, info->height);
      ++pictures_shown;
    }
    EXPECT_LE(tokens, budget);
    EXPECT_EQ(result["structuredContent"]["left_out"]["rights"], 1);
  }
  EXPECT_GT(pictures_shown, 10U);
}

TEST_F(McpTest, resources_are_read_as_they_are_listed) {
  const Json listed = ask("resources/list")["result"];
  ASSERT_EQ(listed["resources"].size(), 7U);  // a collection, six items
  EXPECT_FALSE(listed.contains("nextCursor"));
  for (const Json& one : listed["resources"]) {
    const Json read = ask("resources/read", {{"uri", one["uri"]}})["result"]["contents"][0];
    EXPECT_EQ(read["uri"], one["uri"]);
    EXPECT_TRUE(Json::parse(read["text"].get<std::string>()).is_object());
  }
  const Json blob =
      ask("resources/read", {{"uri", "pictor://collections/test/items/p1/picture"}})["result"]["contents"][0];
  EXPECT_EQ(blob["mimeType"], "image/png");
  EXPECT_EQ(bytes_of_base64(blob["blob"].get<std::string>()).value(), picture(1));
  EXPECT_EQ(ask("resources/templates/list")["result"]["resourceTemplates"].size(), 3U);
}

class ManyMcpTest : public McpTest {
  std::vector<Given> given() const override { return pictures(2 * limits::kMcpPageItems + 10); }
};

TEST_F(ManyMcpTest, every_resource_is_listed_once_page_by_page) {
  std::set<std::string> seen;
  std::size_t pages = 0, told = 0;
  Json params = Json::object();
  for (bool more = true; more && pages < 10; ++pages) {
    const Json page = ask("resources/list", params)["result"];
    EXPECT_LE(page["resources"].size(), limits::kMcpPageItems);
    told += page["resources"].size();
    for (const Json& one : page["resources"]) seen.insert(one["uri"]);
    more = page.contains("nextCursor");
    if (more) params["cursor"] = page["nextCursor"];
  }
  EXPECT_EQ(pages, 3U);
  EXPECT_EQ(told, 2 * limits::kMcpPageItems + 11);
  EXPECT_EQ(seen.size(), told);
}

// Holds what is written until all input was read.
class Gate : public std::stringbuf {
 public:
  void open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    opened_.notify_all();
  }

 protected:
  std::streamsize xsputn(const char* text, std::streamsize size) override {
    std::unique_lock lock(mutex_);
    opened_.wait(lock, [this] { return open_; });
    return std::stringbuf::xsputn(text, size);
  }

 private:
  std::mutex mutex_;
  std::condition_variable opened_;
  bool open_ = false;
};
class Input : public std::stringbuf {
 public:
  Input(const std::string& text, Gate& gate) : std::stringbuf(text, std::ios::in), gate_(gate) {}

 protected:
  int_type underflow() override {
    const int_type next = std::stringbuf::underflow();
    if (next == traits_type::eof()) gate_.open();
    return next;
  }

 private:
  Gate& gate_;
};

TEST_F(McpTest, what_is_cancelled_is_not_answered) {
  const Json cancelled = {{"jsonrpc", "2.0"}, {"method", "notifications/cancelled"}, {"params", {{"requestId", 2}}}};
  const std::string text = request("tools/list", Json::object(), 1).dump() + "\n" +
                           request("tools/list", Json::object(), 2).dump() + "\n\n" +
                           request("tools/list", Json::object(), 3).dump() + "\n" + cancelled.dump() + "\n";
  Gate gate;
  Input input(text, gate);
  std::istream in(&input);
  std::ostream out(&gate);
  ASSERT_TRUE(serve_mcp(*engine_, in, out, {}).is_ok());
  std::vector<int> answered;
  std::istringstream lines(gate.str());
  for (std::string line; std::getline(lines, line);) answered.push_back(Json::parse(line)["id"]);
  EXPECT_EQ(answered, (std::vector<int>{1, 3}));
}

TEST_F(McpTest, a_line_past_the_limit_is_refused_and_the_next_one_read) {
  const std::string text =
      std::string(limits::kMcpMessageBytesMax + 1, 'x') + "\n" + request("ping", Json::object(), 7).dump();
  std::istringstream in(text);
  std::ostringstream out;
  ASSERT_TRUE(serve_mcp(*engine_, in, out, {}).is_ok());
  std::istringstream lines(out.str());
  std::string first, second;
  std::getline(lines, first);
  std::getline(lines, second);
  EXPECT_EQ(Json::parse(first)["error"]["code"], -32600);
  EXPECT_EQ(Json::parse(second)["id"], 7);
}

// The program, and a pipe to and from it.
class Program {
 public:
  explicit Program(const std::vector<std::string>& arguments) {
    int to[2], from[2];
    if (::pipe(to) != 0 || ::pipe(from) != 0) return;
    child_ = ::fork();
    if (child_ == 0) {
      ::dup2(to[0], 0);
      ::dup2(from[1], 1);
      for (const int one : {to[0], to[1], from[0], from[1]}) ::close(one);
      std::vector<char*> argv = {const_cast<char*>(PICTOR_PROGRAM)};
      for (const std::string& one : arguments) argv.push_back(const_cast<char*>(one.c_str()));
      argv.push_back(nullptr);
      ::execv(PICTOR_PROGRAM, argv.data());
      ::_exit(127);
    }
    ::close(to[0]);
    ::close(from[1]);
    to_ = to[1];
    from_ = from[0];
  }
  ~Program() {
    if (to_ >= 0) (void)end();
    ::close(from_);
  }
  void send(const Json& message) const {
    const std::string line = message.dump() + "\n";
    ASSERT_EQ(::write(to_, line.data(), line.size()), static_cast<ssize_t>(line.size()));
  }
  Json read() {
    std::size_t end = 0;
    while ((end = held_.find('\n')) == std::string::npos) {
      char buffer[65536];
      const ssize_t got = ::read(from_, buffer, sizeof buffer);
      if (got <= 0) return nullptr;
      held_.append(buffer, static_cast<std::size_t>(got));
    }
    const std::string line = held_.substr(0, end);
    held_.erase(0, end + 1);
    return Json::parse(line, nullptr, false);
  }
  // Ends its input; its exit status.
  int end() {
    ::close(to_);
    to_ = -1;
    int status = 0;
    ::waitpid(child_, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

 private:
  pid_t child_ = -1;
  int to_ = -1, from_ = -1;
  std::string held_;
};

TEST_F(McpTest, the_program_holds_a_conversation_over_pipes) {
  server_.reset();
  engine_.reset();
  Program program({"--data", options_.data_folder, "--models", options_.cards_folder, "--weights",
                   options_.weights_folder, "mcp", "--collection", "test"});
  program.send(greeting("2025-03-26"));
  const Json hello = program.read();
  ASSERT_TRUE(hello.is_object());
  EXPECT_EQ(hello["result"]["protocolVersion"], "2025-03-26");
  program.send({{"jsonrpc", "2.0"}, {"method", "notifications/initialized"}});
  program.send(request("tools/call", {{"name", "similar"}, {"arguments", {{"id", "p1"}, {"k", 1}}}}, "x"));
  const Json found = program.read();
  EXPECT_EQ(found["id"], "x");
  EXPECT_EQ(found["result"]["isError"], false) << found.dump();
  program.send(request("ping", Json::object(), 9));
  EXPECT_EQ(program.read(), (Json{{"jsonrpc", "2.0"}, {"id", 9}, {"result", Json::object()}}));
  EXPECT_EQ(program.end(), 0);
}

}  // namespace
}  // namespace pictor
