// pictor config, and what a configuration file that is wrong says to any command.
#include <nlohmann/json.hpp>

#include "cli/cli_testing.h"
#include "cli/serve_settings.h"
#include "cli/text.h"

namespace pictor {
namespace {

using Json = nlohmann::json;

// An environment variable for the rest of a test.
class Variable {
 public:
  Variable(std::string name, const std::string& value) : name_(std::move(name)) {
    ::setenv(name_.c_str(), value.c_str(), 1);
  }
  ~Variable() { ::unsetenv(name_.c_str()); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  std::string name_;
};

class ConfigCommand : public CliTest {
 protected:
  // The first line of what `pictor config check` says of a file, without the file's name.
  std::string wrong(const std::string& text) {
    const std::string file = folder_.write("c.toml", text);
    EXPECT_EQ(run({"config", "check", file}), 2) << text;
    const std::string said = split(err(), '\n')[0];
    EXPECT_TRUE(said.starts_with("pictor: " + file + ":")) << said;
    return said.substr(std::min(said.size(), std::string("pictor: " + file + ":").size()));
  }
  // What `pictor config show` says of one value.
  Json shown(const std::string& key, std::vector<std::string> arguments = {}) {
    arguments.insert(arguments.begin(), {"config", "show", "--json"});
    EXPECT_EQ(run(std::move(arguments)), 0) << err();
    const Json all = Json::parse(out());
    for (const Json& value : all.at("values")) {
      if (value.at("key") == key) return value;
    }
    return nullptr;
  }
};

TEST_F(ConfigCommand, a_file_that_is_wrong_is_told_with_line_key_seen_and_wanted) {
  EXPECT_EQ(wrong("[serve]\nqueue = 0\n"), "2: queue is 0, wanted a whole number from 1 to 100,000");
  EXPECT_EQ(wrong("[serve]\nqueue = 1.5\n"), "2: queue is 1.5, wanted a whole number from 1 to 100,000");
  EXPECT_EQ(wrong("[serve]\nqueue = \"8\"\n"), "2: queue is the text '8', wanted a whole number from 1 to 100,000");
  EXPECT_EQ(wrong("[serve]\nqueue = -1\n"), "2: queue is -1, wanted a whole number from 1 to 100,000");
  EXPECT_EQ(wrong("[serve]\nqueue = 99999999999999999999\n"),
            "2: queue is 99999999999999999999, wanted a whole number from 1 to 100,000");
  EXPECT_EQ(wrong("[serve]\nqueue = [1]\n"), "2: queue is a list of 1, wanted one value");
  EXPECT_EQ(wrong("[serve]\nqueue = true\n"), "2: queue is true, wanted a whole number from 1 to 100,000");
  EXPECT_EQ(wrong("[serve]\nbody-max = \"1KiB\"\n"),
            "2: body-max is the text '1KiB', wanted a size from 64KiB, as 20MiB");
  EXPECT_EQ(wrong("[serve]\naudit-reads = \"yes\"\n"), "2: audit-reads is the text 'yes', wanted true or false");
  EXPECT_EQ(wrong("[serve]\nimage-urls = [\"a.org\", \"*\"]\n"),
            "2: image-urls is the text '*', wanted hosts, as images.example.org or *.example.org:8080");
  EXPECT_EQ(wrong("[serve]\nlisten = 7733\n"), "2: listen is 7733, wanted a text in quotes, as \"7733\"");
  EXPECT_EQ(wrong("[serve]\nlisten = \"here\"\n"),
            "2: listen is the text 'here', wanted ADDRESS:PORT, as 127.0.0.1:7733 or [::1]:7733");
  EXPECT_EQ(wrong("\n[serve]\nquue = 1\n"), "3: key 'quue' is not known under [serve]; did you mean 'queue'?");
  EXPECT_EQ(wrong("[serve]\nbody_max = \"1MiB\"\n"),
            "2: key 'body_max' is not known under [serve]; did you mean 'body-max'?");
  EXPECT_EQ(wrong("listen = \"x\"\n"), "1: key 'listen' is not known here: it belongs under [serve]");
  EXPECT_EQ(wrong("[serve]\ndata = \"/srv\"\n"),
            "2: key 'data' is not known under [serve]: it belongs to the top of the file, before the first [table]");
  EXPECT_EQ(wrong("[serv]\n"),
            "1: table [serv] is not known: a table has the name of a command; did you mean 'serve'?");
  EXPECT_EQ(wrong("serv.queue = 1\n"),
            "1: table [serv] is not known: a table has the name of a command; did you mean 'serve'?");
  EXPECT_EQ(wrong("log-level = \"wran\"\n"),
            "1: log-level is the text 'wran', wanted error, warn, info or debug; did you mean 'warn'?");
  EXPECT_EQ(wrong("threads = 1000\n"), "1: threads is 1000, wanted 0 to 256");
  EXPECT_EQ(wrong("threads = \"3\"\n"), "1: threads is the text '3', wanted a number, without quotes");
  EXPECT_EQ(wrong("config = \"x\"\n"), "1: key 'config' is not known");
  EXPECT_EQ(wrong("data = \"/x\n"), "1: a text is not closed: \" is missing");
  EXPECT_EQ(wrong("[serve]\ntls-cert = \"/c.pem\"\n"), "2: tls-cert and tls-key go together: tls-key is missing");
  const Variable key("PICTOR_TLS_KEY", "/k.pem");
  EXPECT_EQ(run({"config", "check", folder_.write("c.toml", "[serve]\ntls-cert = \"/c.pem\"\n")}), 0) << err();
}

TEST_F(ConfigCommand, all_that_is_wrong_is_told_at_once_and_in_json) {
  const std::string file = folder_.write("c.toml", "thread = 1\n[serve]\nqueue = 0\ndrain-s = 3601\n");
  EXPECT_EQ(run({"config", "check", file, "--json"}), 2);
  const Json told = Json::parse(split(out(), '\n')[0]);
  EXPECT_EQ(told["ok"], false);
  ASSERT_EQ(told["faults"].size(), 3U) << out();
  EXPECT_EQ(told["faults"][0]["line"], 1);
  EXPECT_EQ(told["faults"][2]["message"], "drain-s is 3601, wanted a whole number from 0 to 3,600");
  EXPECT_EQ(split(err(), '\n').size(), 5U) << err();  // three, what to try, and the end
  EXPECT_EQ(run({"config", "check", folder_ / "none.toml"}), 3);
  EXPECT_EQ(run({"config", "check"}), 3);
  EXPECT_NE(err().find("serve.toml"), std::string::npos) << err();
}

TEST_F(ConfigCommand, any_command_refuses_a_file_that_is_wrong_but_help_and_config_do_not) {
  const std::string file = folder_.write("pictor/pictor.toml", "[serve]\nquue = 1\n");
  EXPECT_EQ(run({"stats"}), 2);
  EXPECT_NE(err().find(file + ":2: key 'quue'"), std::string::npos) << err();
  EXPECT_NE(err().find("try: pictor config check " + file), std::string::npos) << err();
  EXPECT_EQ(run({"stats", "--help"}), 0);
  EXPECT_EQ(run({"config", "check", folder_.write("good.toml", "")}), 0) << err();
  EXPECT_EQ(run({"config", "init"}), 0) << err();
  EXPECT_EQ(run({"config", "show"}), 2) << "what is in force would be told wrongly";
  folder_.write("pictor/pictor.toml", std::string((1 << 20) + 1, '#'));
  EXPECT_EQ(run({"stats"}), 2);
  EXPECT_NE(err().find("1048577"), std::string::npos) << err();
}

TEST_F(ConfigCommand, the_sample_changes_nothing_and_every_line_of_it_can_be_used) {
  const std::string file = folder_ / "new/serve.toml";
  ASSERT_EQ(run({"config", "init", file}), 0) << err();
  const std::string sample = folder_.read("new/serve.toml");
  EXPECT_EQ(run({"config", "init", file}), 4) << "it is there";
  EXPECT_EQ(run({"config", "init", file, "--force"}), 0) << err();
  ASSERT_EQ(run({"config", "init"}), 0);
  EXPECT_EQ(out(), sample);
  ASSERT_EQ(run({"config", "check", file, "--json"}), 0) << err();
  EXPECT_EQ(Json::parse(out())["values"], 0);
  std::string used;
  for (const std::string& line : split(sample, '\n')) {
    EXPECT_LE(display_width(line), 120U) << line;
    const bool is_value = line.starts_with("# ") && line.find(" = ") != std::string::npos;
    used += (is_value ? line.substr(2) : line) + "\n";
  }
  const std::string all = folder_.write("all.toml", used);
  ASSERT_EQ(run({"config", "check", all, "--json"}), 0) << err() << used;
  EXPECT_EQ(Json::parse(out())["values"], 9 + serve_settings().size());
}

TEST_F(ConfigCommand, every_value_is_from_a_flag_the_environment_the_file_or_the_default_in_that_order) {
  EXPECT_EQ(shown("serve.queue")["value"], "256");
  EXPECT_EQ(shown("serve.queue")["from"], "default");
  const std::string file = folder_.write("pictor/serve.toml", "\n[serve]\nqueue = 300\nlog-file = \"~/x\"\n");
  EXPECT_EQ(shown("serve.queue")["place"], file + ":3");
  EXPECT_EQ(shown("serve.queue")["live"], true);
  EXPECT_EQ(shown("serve.log-file")["value"], environment("HOME") + "/x");
  EXPECT_EQ(shown("serve.workers")["live"], false);
  {
    const Variable variable("PICTOR_QUEUE", "400");
    EXPECT_EQ(shown("serve.queue")["value"], "400");
    EXPECT_EQ(shown("serve.queue")["place"], "PICTOR_QUEUE");
  }
  EXPECT_EQ(shown("threads", {"--threads", "3"})["place"], "--threads");
  ASSERT_EQ(run({"config", "show"}), 0) << err();
  EXPECT_NE(out().find(file.substr(file.size() - 10) + ":3"), std::string::npos) << out();
  for (const std::string& line : split(out(), '\n')) EXPECT_LE(display_width(line), 80U) << line;
}

TEST_F(ConfigCommand, every_setting_has_an_environment_variable_that_is_taken) {
  std::map<std::string, std::string> values = {
      {"listen", "[::1]:1"},   {"workers", "3"},          {"queue", "4"},
      {"connections", "5"},    {"body-max", "1MiB"},      {"bulk-max", "2MiB"},
      {"bodies-max", "3MiB"},  {"deadline-ms", "6"},      {"drain-s", "7"},
      {"log-file", "/l"},      {"lazy-encoders", "true"}, {"audit-reads", "true"},
      {"tls-cert", "/c"},      {"tls-key", "/k"},         {"otlp-endpoint", "http://o"},
      {"trace-sample", "0.25"}};
  values["image-urls"] = "a.org,*.b.org:81";
  values["image-urls-private"] = "true";
  ServeValues taken;
  std::vector<std::unique_ptr<Variable>> variables;
  for (const ServeSetting& setting : serve_settings()) {
    const auto value = values.find(std::string(setting.name));
    ASSERT_NE(value, values.end()) << setting.name;
    ASSERT_TRUE(setting.take(value->second, taken)) << setting.name;
    EXPECT_EQ(setting.text_of(taken), value->second) << setting.name;
    variables.push_back(std::make_unique<Variable>(setting.environment(), value->second));
  }
  for (const ServeSetting& setting : serve_settings()) {
    const Json now = shown("serve." + std::string(setting.name));
    EXPECT_EQ(now["value"], values.at(std::string(setting.name)));
    EXPECT_EQ(now["place"], setting.environment());
  }
  EXPECT_EQ(taken.port, 1);
  EXPECT_EQ(taken.connections_max, 5U);
  EXPECT_EQ(taken.drain_s, 7);
}

TEST_F(ConfigCommand, a_variable_that_is_wrong_is_named) {
  const Variable variable("PICTOR_QUEUE", "many");
  EXPECT_EQ(run({"config", "show"}), 2);
  EXPECT_NE(err().find("PICTOR_QUEUE is 'many', wanted a whole number from 1 to 100,000"), std::string::npos) << err();
  EXPECT_EQ(run({"stats"}), 0) << "it is none of this command's: " << err();
}

TEST_F(ConfigCommand, the_first_file_that_is_there_is_read) {
  const std::string of_person = folder_.write("pictor/pictor.toml", "threads = 1\n");
  EXPECT_EQ(shown("threads")["place"], of_person + ":1");
  const std::string of_server = folder_.write("pictor/serve.toml", "threads = 2\n");
  EXPECT_EQ(shown("threads")["place"], of_server + ":1");
  ASSERT_EQ(run({"stats"}), 0) << err();
  EXPECT_EQ(opened_.threads, 1U) << "serve.toml is of servers";
  const Variable variable("PICTOR_CONFIG", folder_.write("named.toml", "threads = 3\n"));
  EXPECT_EQ(shown("threads")["value"], "3");
  EXPECT_EQ(shown("threads", {"--config", of_server})["value"], "2");
}

TEST_F(ConfigCommand, the_committed_page_is_what_the_program_writes) {
  const std::string path = PICTOR_SOURCE_DIR "/docs/reference/config.md";
  std::ifstream in(path);
  const std::string committed{std::istreambuf_iterator<char>(in), {}};
  ASSERT_EQ(run({"config", "init", "--format", "markdown"}), 0);
  EXPECT_TRUE(committed == out()) << "docs/reference/config.md is stale; run: build/dev/pictor config init --format "
                                     "markdown > docs/reference/config.md";
}

}  // namespace
}  // namespace pictor
